"""Encoders by name: ours, and those that other packages bring as entry points in the group `tastemaker.encoders`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeAlias, TypeGuard

from tastemaker.core.encoder import Encoder, LearntEncoder
from tastemaker.core.errors import ConfigError, nearest
from tastemaker.core.run import Run

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


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="tastemaker.encoders")}


def encoder_names() -> list[str]:
    """Return the names of all encoders, ours first, then those of other packages."""
    return list(dict.fromkeys([*ENCODERS, *_plugins()]))


def encoder_class(name: str) -> Callable[..., Encoder]:
    """Return what makes an encoder of a name; this imports it.

    Raises:
        ConfigError: There is no encoder of that name.
    """
    if name in ENCODERS:
        module, _, attribute = ENCODERS[name].place.partition(":")
        ours: Callable[..., Encoder] = getattr(import_module(module), attribute)
        return ours
    plugins = _plugins()
    if name in plugins:
        theirs: Callable[..., Encoder] = plugins[name].load()
        return theirs
    raise ConfigError(f"there is no encoder '{name}'", remedy=nearest(name, [*ENCODERS, *plugins]))


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}
"""How arguments are annotated -> what they may be; what else there is, an encoder checks for itself."""


def need_at_least(least: float, **given: float | None) -> None:
    """Raise `ConfigError` if an argument is below ``least``; ``None`` stands for none."""
    for name, value in given.items():
        if value is not None and not value >= least:
            raise ConfigError(f"the argument '{name}' of an encoder is {value}, but should be at least {least:g}")


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
    arguments = _arguments(spec)
    name = arguments.pop("name")
    made = encoder_class(name)
    known = inspect.signature(made).parameters
    for given, value in arguments.items():
        if given not in known:
            raise ConfigError(f"the encoder '{name}' has no argument '{given}'", remedy=nearest(given, known))
        wanted = _TYPES.get(str(known[given].annotation))
        if wanted and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise ConfigError(
                f"the argument '{given}' of the encoder '{name}' is {value!r}, but should be {known[given].annotation}"
            )
    try:
        return made(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"the encoder '{name}' cannot be made: {error}", remedy=f"Its arguments are: {', '.join(known) or 'none'}."
        ) from error


def _arguments(spec: Any) -> dict[str, Any]:
    """Return a spec as a mapping that has a ``name``."""
    if isinstance(spec, str):
        spec = _of_text(spec.strip())
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise ConfigError(
            "an encoder is named by text or by a table with the key 'name'",
            where=f"the encoder {spec!r}",
            remedy='For example "minilm", or { name = "random", dim = 64 }.',
        )
    return dict(spec)


def _of_text(text: str) -> Any:
    if text.startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"the encoder {text!r} is no JSON: {error}") from error
    name, colon, rest = text.partition(":")
    if not colon:
        return {"name": name}
    argument = ENCODERS[name].argument if name in ENCODERS else "of"
    if not argument:
        raise ConfigError(
            f"the encoder '{name}' takes nothing after a colon",
            where=f"the encoder '{text}'",
            remedy=f'Write "{name}", or {{ name = "{name}", ... }} with its arguments.',
        )
    return {"name": name, argument: rest}


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
