"""A column of lists of text, such as the categories of every item."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.pipeline.columns import NOT_TOLD, Column, Mask
from tastemaker.pipeline.slate import Numbers
from tastemaker.pipeline.text_columns import Words

_FIRST: Final = 16
_SPARE: Final = 256


class TextListColumn(Column):
    """Lists of text: the codes of all items in one array, with whose each is.

    What an item said before is crossed out and what it says now is written behind all others, so that a change costs
    no more than the list is long; when more is crossed out than not, the array is written anew.

    Args:
        capacity: How many items there is room for.
        paths: A text "A > B > C" also counts as "A > B", and as each of its steps.
    """

    kind = "list of text"

    def __init__(self, capacity: int, paths: bool = False) -> None:
        self._starts = np.zeros(capacity, dtype=np.int32)
        self._lengths = np.zeros(capacity, dtype=np.int32)
        self._codes = np.full(_FIRST, NOT_TOLD, dtype=np.int32)
        self._owners = np.zeros(_FIRST, dtype=np.int32)
        self._used = 0
        self._crossed_out = 0
        self._words = Words()
        self._paths = paths
        self._counting_as: dict[str, list[int]] = {}

    @property
    def texts(self) -> Sequence[str]:
        """The texts that codes stand for."""
        return self._words.texts

    def grow(self, capacity: int) -> None:
        """See `Column.grow`."""
        more = np.zeros(capacity - len(self._starts), dtype=np.int32)
        self._starts = np.concatenate([self._starts, more])
        self._lengths = np.concatenate([self._lengths, more])

    def write(self, numbers: Numbers, values: Sequence[Any]) -> None:
        """See `Column.write`."""
        self.clear(numbers)
        lengths = np.asarray([len(value or ()) for value in values], dtype=np.int32)
        total = int(lengths.sum())
        self._make_room(total)
        begin, end = self._used, self._used + total
        texts = list(chain.from_iterable(value for value in values if value))
        self._codes[begin:end] = self._words.coded(texts, self._entered)
        self._owners[begin:end] = np.repeat(numbers, lengths)
        self._starts[numbers] = begin + np.cumsum(lengths) - lengths
        self._lengths[numbers] = lengths
        self._used = end

    def _make_room(self, total: int) -> None:
        if self._used + total <= len(self._codes):
            return
        if self._crossed_out > self._used // 2 + _SPARE:
            self._write_anew()
        # By a quarter, as the shelf grows: twice as much would be too much of a large one.
        room = self._used + total + max(_FIRST, self._used // 4)
        self._codes = np.concatenate([self._codes[: self._used], np.full(room - self._used, NOT_TOLD, dtype=np.int32)])
        self._owners = np.concatenate([self._owners[: self._used], np.zeros(room - self._used, dtype=np.int32)])

    def _write_anew(self) -> None:
        kept = self._codes[: self._used] != NOT_TOLD
        moved = np.cumsum(kept, dtype=np.int32) - 1
        here = np.flatnonzero(self._lengths)
        self._starts[here] = moved[self._starts[here]]
        self._codes = self._codes[: self._used][kept]
        self._owners = self._owners[: self._used][kept]
        self._used = len(self._codes)
        self._crossed_out = 0

    def clear(self, numbers: Numbers) -> None:
        """See `Column.clear`."""
        for number in numbers[self._lengths[numbers] > 0].tolist():
            start, length = self._starts[number], self._lengths[number]
            self._codes[start : start + length] = NOT_TOLD
            self._crossed_out += int(length)
        self._lengths[numbers] = 0

    def _entered(self, text: str, code: int) -> None:
        """Enter a new text under all that it counts as."""
        for meant in self._meanings(text):
            self._counting_as.setdefault(meant, []).append(code)

    def _meanings(self, text: str) -> set[str]:
        steps = text.split(PATH_SEPARATOR) if self._paths else [text]
        return {text, *steps, *(PATH_SEPARATOR.join(steps[:end]) for end in range(2, len(steps)))}

    def codes(self, number: int) -> Numbers:
        """Return the codes of one item's texts, in the order in which they were given, int32."""
        start, length = self._starts[number], self._lengths[number]
        return self._codes[start : start + length].copy()

    def value(self, number: int) -> tuple[str, ...] | None:
        """See `Column.value`."""
        return tuple(self._words.texts[code] for code in self.codes(number).tolist()) or None

    def array(self, n: int) -> NDArray[Any]:
        """Return the code of the first text of each item, int32 ``[n]``; -1 for missing."""
        found = self._codes[np.minimum(self._starts[:n], len(self._codes) - 1)]
        return np.where(self._lengths[:n] > 0, found, np.int32(NOT_TOLD))

    def known(self, n: int) -> Mask:
        """See `Column.known`."""
        return self._lengths[:n] > 0

    def among(self, n: int, values: Sequence[Any]) -> Mask:
        """Return which items hold, or have something that counts as, one of some texts."""
        return self._with_codes(n, sorted({code for value in values for code in self._counting_as.get(value, ())}))

    def worded(self, n: int, how: str, sought: str) -> Mask:
        """See `Column.worded`."""
        return self._with_codes(n, self._words.fitting(how, sought))

    def _with_codes(self, n: int, codes: list[int]) -> Mask:
        found = np.zeros(len(self._starts), dtype=np.bool_)
        if codes:
            used = self._codes[: self._used]
            hits = used == codes[0] if len(codes) == 1 else self._words.chosen(codes)[used]
            found[self._owners[: self._used][hits]] = True
        return found[:n]
