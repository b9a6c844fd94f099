"""What a GGUF file says of itself in its header: kind of network, context length, chat template, marks, licence."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import AssetError, ModelFormatError

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_NUMBERS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9
_CONTROL: Final = 3
"""The type of a token that steers the model, such as the end of a turn, and stands for no text."""
_MOST_ENTRIES: Final = 1 << 16
_REMEDY: Final = "Fetch the file again; a download that was cut off is the usual reason."


@dataclass(frozen=True)
class GgufHeader:
    """What the header of a GGUF file says.

    Attributes:
        name: What its makers call it; empty if they do not say.
        architecture: The kind of network, such as ``llama``.
        context: How many tokens it was trained to read; 0 if the file does not say.
        template: The chat template in Jinja; empty where there is none.
        marks: Texts of the tokens that steer the model, such as ``<|im_end|>``, longest first.
        licence: As the file says; empty if it does not.
        pooling: How vectors of tokens become one of a text, as llama.cpp counts the ways; ``None`` if the file does
            not say, as those of models that write.
        tensors: How many arrays of weights there are.
        size: Bytes of the file.
    """

    name: str
    architecture: str
    context: int
    template: str
    marks: tuple[str, ...]
    licence: str
    pooling: int | None
    tensors: int
    size: int


class _Cursor:
    """Reads values one after the other; leaving the file is an `IndexError`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        end = self.place + count
        if end > len(self._data):
            raise IndexError
        found = self._data[self.place : end]
        self.place = end
        return found

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def text(self) -> bytes:
        return self.take(self.number("<Q"))

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in _NUMBERS:
                width = struct.calcsize(_NUMBERS[inner])
                return struct.unpack(f"<{count}{_NUMBERS[inner][1]}", self.take(count * width))
            return [self.value(inner) for _ in range(count)]
        if kind not in _NUMBERS:
            raise ValueError(f"a value of the unknown type {kind}")
        return self.number(_NUMBERS[kind])


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file, and check that its weights are not cut off.

    Raises:
        AssetError: There is no such file, or it cannot be read.
        ModelFormatError: It is no GGUF file, of another version, or cut off.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise ModelFormatError(
                    "this is no GGUF file",
                    where=str(path),
                    remedy="Name a file that ends in .gguf, with a model in it.",
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _read(_Cursor(data), size)
    except OSError as error:
        raise AssetError(
            f"the model cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Check the path; tastemaker models list shows what is here.",
        ) from error
    except (IndexError, struct.error, MemoryError, OverflowError) as error:
        raise ModelFormatError("the GGUF file is cut off or damaged", where=str(path), remedy=_REMEDY) from error
    except ValueError as error:
        raise ModelFormatError(f"the GGUF file cannot be read: {error}", where=str(path), remedy=_REMEDY) from error


def _read(cursor: _Cursor, size: int) -> GgufHeader:
    cursor.take(4)
    version, tensors, entries = cursor.number("<I"), cursor.number("<Q"), cursor.number("<Q")
    if version not in _VERSIONS or max(tensors, entries) > _MOST_ENTRIES:
        raise ValueError(f"version {version} of the format, {entries} entries")
    facts = {}
    for _ in range(entries):
        key = cursor.text().decode("utf-8", "replace")
        facts[key] = cursor.value(cursor.number("<I"))
    furthest = 0
    for _ in range(tensors):
        cursor.text()
        cursor.take(8 * cursor.number("<I") + 4)
        furthest = max(furthest, cursor.number("<Q"))
    if cursor.place + furthest >= size:
        raise IndexError
    architecture = _text(facts, "general.architecture")
    return GgufHeader(
        name=_text(facts, "general.name"),
        architecture=architecture,
        context=int(facts.get(f"{architecture}.context_length", 0)),
        template=_text(facts, "tokenizer.chat_template"),
        marks=_marks(facts),
        licence=_text(facts, "general.license"),
        pooling=facts.get(f"{architecture}.pooling_type"),
        tensors=tensors,
        size=size,
    )


def _text(facts: Mapping[str, Any], key: str) -> str:
    found = facts.get(key, b"")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _marks(facts: Mapping[str, Any]) -> tuple[str, ...]:
    tokens, kinds = facts.get("tokenizer.ggml.tokens", ()), facts.get("tokenizer.ggml.token_type", ())
    found = {token.decode("utf-8", "replace") for token, kind in zip(tokens, kinds, strict=False) if kind == _CONTROL}
    return tuple(sorted(found - {""}, key=lambda mark: (-len(mark), mark)))
