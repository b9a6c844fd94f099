"""Columns of one text an item: such as many items share, and titles, which are nearly all different."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count, islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.pipeline.columns import NOT_TOLD, ArrayColumn, Column, Mask, as_mask
from tastemaker.pipeline.slate import Numbers

_SPARE_WORDS: Final = 1024


def fits(texts: Iterable[str], how: str, sought: str) -> list[bool]:
    """Say of each text whether it contains what is sought, or starts with it, whatever the case of letters.

    Args:
        texts: The texts.
        how: ``contains`` or ``starts with``.
        sought: Text with its case folded.
    """
    folded = map(str.casefold, texts)
    if how == "contains":
        return [sought in text for text in folded]
    return [text.startswith(sought) for text in folded]


class Words:
    """Texts and their codes, numbered as they come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def get(self, text: str) -> int | None:
        """Return the code of a text that is there."""
        return self._codes.get(text)

    def coded(self, texts: Sequence[str], entered: Callable[[str, int], object] | None = None) -> list[int]:
        """Return the codes of texts, new ones for those that are new, in the order in which they come.

        Args:
            texts: The texts.
            entered: Is told of each new text and its code.
        """
        codes = self._codes
        for text in dict.fromkeys(texts):
            if text not in codes:
                codes[text] = code = len(self.texts)
                self.texts.append(text)
                if entered is not None:
                    entered(text, code)
        return list(map(codes.__getitem__, texts))

    def chosen(self, codes: Iterable[int]) -> Mask:
        """Return a table that is true for some codes, bool ``[words + 1]``; the last place, -1, is what is missing."""
        table = np.zeros(len(self.texts) + 1, dtype=np.bool_)
        table[list(codes)] = True
        return table

    def fitting(self, how: str, sought: str) -> list[int]:
        """Return the codes of the texts that contain what is sought, or start with it; see `fits`."""
        return list(compress(count(), fits(self.texts, how, sought)))


class TextColumn(ArrayColumn):
    """Texts that many items share, as int32 codes into a vocabulary; -1 for missing."""

    kind = "text"
    dtype = np.int32
    missing = NOT_TOLD

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._words = Words()

    def write(self, numbers: Numbers, values: Sequence[Any]) -> None:
        """See `Column.write`."""
        if len(self._words) > 2 * len(self._kept) + _SPARE_WORDS:
            self._forget_unused()
        told = [value is not None for value in values]
        codes = np.full(len(values), NOT_TOLD, dtype=np.int32)
        codes[told] = self._words.coded(list(compress(values, told)))
        self._kept[numbers] = codes

    def _forget_unused(self) -> None:
        old = self._words.texts
        self._words = Words()
        renewed = np.full(len(old) + 1, NOT_TOLD, dtype=np.int32)
        used = np.unique(self._kept[self._kept != NOT_TOLD])
        renewed[used] = self._words.coded([old[code] for code in used.tolist()])
        self._kept = renewed[self._kept]

    def value(self, number: int) -> str | None:
        """See `Column.value`."""
        code = int(self._kept[number])
        return None if code == NOT_TOLD else self._words.texts[code]

    def among(self, n: int, values: Sequence[Any]) -> Mask:
        """See `Column.among`."""
        codes = [code for value in values if (code := self._words.get(value)) is not None]
        return self._with_codes(n, codes)

    def worded(self, n: int, how: str, sought: str) -> Mask:
        """See `Column.worded`."""
        return self._with_codes(n, self._words.fitting(how, sought))

    def _with_codes(self, n: int, codes: list[int]) -> Mask:
        kept = self._kept[:n]
        return as_mask(kept == codes[0]) if len(codes) == 1 else self._words.chosen(codes)[kept]


class TitleColumn(Column):
    """Texts that are nearly all different, as they are; empty for missing."""

    kind = "text"

    def __init__(self, capacity: int) -> None:
        self._kept = [""] * capacity

    def grow(self, capacity: int) -> None:
        """See `Column.grow`."""
        self._kept.extend([""] * (capacity - len(self._kept)))

    def write(self, numbers: Numbers, values: Sequence[Any]) -> None:
        """See `Column.write`."""
        for number, value in zip(numbers.tolist(), values, strict=True):
            self._kept[number] = value or ""

    def clear(self, numbers: Numbers) -> None:
        """See `Column.clear`."""
        self.write(numbers, [None] * len(numbers))

    def value(self, number: int) -> str | None:
        """See `Column.value`."""
        return self._kept[number] or None

    def array(self, n: int) -> NDArray[Any]:
        """Return titles, object ``[n]``."""
        return np.asarray([*self._kept[:n], None], dtype=object)[:-1]

    def known(self, n: int) -> Mask:
        """See `Column.known`."""
        return np.fromiter(map(bool, islice(self._kept, n)), np.bool_, n)

    def among(self, n: int, values: Sequence[Any]) -> Mask:
        """See `Column.among`."""
        wanted = frozenset(values) - {""}
        return np.fromiter(map(wanted.__contains__, islice(self._kept, n)), np.bool_, n)

    def worded(self, n: int, how: str, sought: str) -> Mask:
        """See `Column.worded`."""
        found = np.fromiter(fits(islice(self._kept, n), how, sought), np.bool_, n)
        return found if sought else found & self.known(n)
