"""Encoders by name: ours, and those that other packages bring as entry points in the group `tastemaker.encoders`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from tastemaker.core.encoder import Encoder, LearntEncoder
from tastemaker.core.run import Run
from tastemaker.language.named import Entry, Kind

EncoderSpec: TypeAlias = str | Mapping[str, Any] | Encoder
"""What names an encoder: ``"tfidf-svd"``, ``"whitened:minilm"``, ``{"name": "random", "dim": 64}``, or one itself."""

DEFAULT_ENCODER: Final = "minilm"
"""What models take that are told no other."""


@dataclass(frozen=True)
class EncoderEntry(Entry):
    """What is known of an encoder before it is imported.

    Attributes:
        dim: How long its vectors are, in words.
        licence: Of what it brings along.
    """

    dim: str = ""
    licence: str = "ours"


_HERE: Final = "tastemaker.language.encoders"

ENCODERS: Final[Mapping[str, EncoderEntry]] = {
    "minilm": EncoderEntry(
        "tastemaker.language.minilm:MiniLM",
        "all-MiniLM-L6-v2, a small transformer, without torch",
        "a download of 80 MB",
        dim="384",
        licence="Apache-2.0",
    ),
    "static": EncoderEntry(
        "tastemaker.language.static:StaticVectors",
        "the mean of token vectors: of a table (model2vec), or distilled from MiniLM",
        dim="256, or the table's",
        licence="Apache-2.0, or the table's",
    ),
    "tfidf-svd": EncoderEntry(f"{_HERE}.tfidf_svd:TfidfSvd", "TF-IDF cut to its main directions; learns", dim="256"),
    "sentence-transformers": EncoderEntry(
        f"{_HERE}.sentence_transformers:SentenceTransformers",
        "any model of that library",
        "pip install sentence-transformers",
        "model",
        dim="the model's",
        licence="the model's",
    ),
    "endpoint": EncoderEntry(
        f"{_HERE}.endpoint:Endpoint",
        "a server with OpenAI's /v1/embeddings",
        "an address",
        dim="the model's",
        licence="the model's",
    ),
    "whitened": EncoderEntry(
        f"{_HERE}.whitened:Whitened",
        "another, its directions made equal; learns",
        argument="of",
        dim="the other's",
    ),
    "random": EncoderEntry(f"{_HERE}.controls:RandomVectors", "control: vectors that say nothing", dim="384"),
    "shuffled": EncoderEntry(
        f"{_HERE}.controls:Shuffled",
        "control: another, its texts exchanged; learns",
        argument="of",
        dim="the other's",
    ),
}
"""Every encoder that is shipped, by name; none is imported before it is made."""


_KIND: Final = Kind[Encoder](
    "encoder",
    "an encoder",
    "encode",
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
    return _KIND.find(name)


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
    return _KIND.make(spec, encoder_class)


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
