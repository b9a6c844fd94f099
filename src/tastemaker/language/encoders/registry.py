"""Encoders by name: ours, and those that other packages bring as entry points in the group `tastemaker.encoders`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from tastemaker.core.encoder import Encoder, LearntEncoder
from tastemaker.core.run import Run
from tastemaker.language.named import Kind

EncoderSpec: TypeAlias = str | Mapping[str, Any] | Encoder
"""What names an encoder: ``"tfidf-svd"``, ``"whitened:minilm"``, ``{"name": "random", "dim": 64}``, or one itself."""

DEFAULT_ENCODER: Final = "minilm"
"""What models take that are told no other."""


@dataclass(frozen=True)
class Entry:
    """What is known of an encoder before it is imported.

    Attributes:
        place: ``module:class``.
        about: What it is, in a few words.
        dim: How long its vectors are, in words.
        licence: Of what it brings along.
        needs: What has to be installed or fetched first; empty where nothing is.
        argument: The argument that stands after a colon, as in ``whitened:minilm``; empty where there is none.
    """

    place: str
    about: str
    dim: str
    licence: str = "ours"
    needs: str = ""
    argument: str = ""


_HERE: Final = "tastemaker.language.encoders"

ENCODERS: Final[Mapping[str, Entry]] = {
    "minilm": Entry(
        "tastemaker.language.minilm:MiniLM",
        "all-MiniLM-L6-v2, a small transformer, without torch",
        "384",
        "Apache-2.0",
        "a download of 80 MB",
    ),
    "static": Entry(
        "tastemaker.language.static:StaticVectors",
        "the mean of token vectors: of a table (model2vec), or distilled from MiniLM",
        "256, or the table's",
        "Apache-2.0, or the table's",
    ),
    "tfidf-svd": Entry(f"{_HERE}.tfidf_svd:TfidfSvd", "TF-IDF cut to its main directions; learns", "256"),
    "sentence-transformers": Entry(
        f"{_HERE}.sentence_transformers:SentenceTransformers",
        "any model of that library",
        "the model's",
        "the model's",
        "pip install sentence-transformers",
        "model",
    ),
    "endpoint": Entry(
        f"{_HERE}.endpoint:Endpoint",
        "a server with OpenAI's /v1/embeddings",
        "the model's",
        "the model's",
        "an address",
    ),
    "whitened": Entry(
        f"{_HERE}.whitened:Whitened",
        "another, its directions made equal; learns",
        "the other's",
        argument="of",
    ),
    "random": Entry(f"{_HERE}.controls:RandomVectors", "control: vectors that say nothing", "384"),
    "shuffled": Entry(
        f"{_HERE}.controls:Shuffled",
        "control: another, its texts exchanged; learns",
        "the other's",
        argument="of",
    ),
}
"""Every encoder that is shipped, by name; none is imported before it is made."""


_KIND: Final = Kind(
    "encoder",
    "an encoder",
    "tastemaker.encoders",
    ENCODERS,
    "of",
    'For example "minilm", or { name = "random", dim = 64 }.',
)

need_at_least = _KIND.need_at_least


def encoder_names() -> list[str]:
    """Return the names of all encoders, ours first, then those of other packages."""
    return _KIND.names()


def encoder_class(name: str) -> Callable[..., Encoder]:
    """Return what makes an encoder of a name; this imports it.

    Raises:
        ConfigError: There is no encoder of that name.
    """
    found: Callable[..., Encoder] = _KIND.find(name)
    return found


def make_encoder(spec: EncoderSpec) -> Encoder:
    """Return an encoder; one that learns is not fitted yet: see `fit_encoder`.

    Args:
        spec: A name; a name, a colon and what it is made of (``"shuffled:tfidf-svd"``, ``"whitened:shuffled:minilm"``,
            ``"sentence-transformers:FOLDER"``); a mapping of ``name`` and arguments, as `Encoder.spec` returns it, or
            the same as JSON text. An encoder is returned as it is.

    Raises:
        ConfigError: There is no such encoder, or it has no such argument.
        MissingExtraError: It needs a library that is not installed.
    """
    if not isinstance(spec, str | Mapping) and callable(getattr(spec, "encode", None)):
        return spec
    arguments = _KIND.arguments(spec)
    name = arguments.pop("name")
    made: Encoder = _KIND.made(name, encoder_class(name), arguments)
    return made


def is_learnt(encoder: Encoder) -> TypeGuard[LearntEncoder]:
    """Say whether an encoder has to be fitted.

    ``isinstance(encoder, LearntEncoder)`` asks properties for their values, which an unfitted one refuses.
    """
    return callable(getattr(type(encoder), "fit", None))


def fit_encoder(encoder: Encoder, texts: Sequence[str], *, run: Run | None = None) -> Encoder:
    """Fit an encoder to the texts of the items in training if it learns from them, and return it."""
    if is_learnt(encoder):
        encoder.fit(texts, run=run)
    return encoder
