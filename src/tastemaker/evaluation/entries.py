"""Reading a JSON document entry by entry, so that whatever is wrong with it is told with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from tastemaker.core.errors import DataError

_SHOWN: Final = 40
_AGAIN: Final = "Write the file again, or take an earlier copy."


@dataclass(frozen=True)
class Entry:
    """A value of a JSON document, and where it stands.

    Attributes:
        value: What `json.loads` made of it.
        file: Where the document came from, for errors.
        path: The way to it from the top, such as ``rows[2].metrics.ndcg@10``; nothing for the top itself.
    """

    value: Any
    file: str
    path: str = ""

    @property
    def place(self) -> str:
        """File and path, for errors."""
        return f"{self.file}: {self.path}" if self.path else self.file

    def __getitem__(self, name: str) -> Entry:
        """Return a part by its name.

        Raises:
            DataError: There is none.
        """
        if name not in self.mapping():
            raise DataError(f"'{name}' is missing", where=self.place, remedy=_AGAIN)
        return Entry(self.value[name], self.file, f"{self.path}.{name}" if self.path else name)

    def known(self, name: str) -> Entry | None:
        """Return a part by its name, or nothing where it is ``null``."""
        part = self[name]
        return None if part.value is None else part

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Go through the parts with their names."""
        for name in self.mapping():
            yield name, self[name]

    def each(self) -> Iterator[Entry]:
        """Go through the entries of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        for number, value in enumerate(self.value):
            yield Entry(value, self.file, f"{self.path}[{number}]")

    def mapping(self) -> dict[str, Any]:
        """Return a JSON object."""
        if not isinstance(self.value, dict):
            self.refuse("an object with names")
        return dict(self.value)

    def text(self) -> str:
        """Return text."""
        if not isinstance(self.value, str):
            self.refuse("text")
        return str(self.value)

    def number(self) -> float:
        """Return a number; ``null`` is NaN."""
        if self.value is None:
            return math.nan
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.refuse("a number")
        try:
            return float(self.value)
        except OverflowError:
            self.refuse("a number that fits into 64 bits")

    def whole(self) -> int:
        """Return a whole number of at least 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            self.refuse("a whole number of at least 0")
        return int(self.value)

    def flag(self) -> bool:
        """Return yes or no."""
        if not isinstance(self.value, bool):
            self.refuse("true or false")
        return bool(self.value)

    def refuse(self, expected: str) -> NoReturn:
        """Say that the value is not what was ``expected``.

        Raises:
            DataError: Always.
        """
        shown = json.dumps(self.value, ensure_ascii=False)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        raise DataError(f"there is {shown} where {expected} belongs", where=self.place, remedy=_AGAIN)


def read_entry(path: Path) -> Entry:
    """Read a JSON document in any encoding of Unicode.

    Raises:
        DataError: There is no such file, or it holds no whole JSON document.
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), remedy="Check its name.")
    content = path.read_bytes()
    if not content.strip():
        raise DataError("the file is empty", where=str(path), remedy=_AGAIN)
    try:
        return Entry(json.loads(content), str(path))
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise DataError(f"no whole JSON document: {error.msg}", where=place, remedy=_AGAIN) from error
    except UnicodeDecodeError as error:
        place = f"{path}, byte {error.start}"
        raise DataError(f"no text in {error.encoding}: {error.reason}", where=place, remedy=_AGAIN) from error
    except (RecursionError, ValueError) as error:  # a number of more digits than Python takes is a ValueError
        raise DataError(f"no JSON document of ours: {error}", where=str(path), remedy=_AGAIN) from error
