"""Names that share runs of three letters with another: a small set to look at closely, among very many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Trigrams:
    """An index of names by their runs of three letters, each name with a space before and behind it.

    It takes 4 bytes for each different run of each name, and 8 for each different run.

    Args:
        names: The names.
    """

    def __init__(self, names: Sequence[str]) -> None:
        codes, owners = _codes(names)
        order = np.lexsort((owners, codes))
        codes, owners = codes[order], owners[order]
        new = np.ones(len(codes), dtype=bool)
        new[1:] = (codes[1:] != codes[:-1]) | (owners[1:] != owners[:-1])
        codes, self._owners = codes[new], owners[new]
        self._runs, starts = np.unique(codes, return_index=True)
        self._edges = np.append(starts, len(codes))
        self._sizes = np.bincount(self._owners, minlength=len(names))

    def nearest(self, name: str, most: int) -> list[int]:
        """Return the places of the names with the largest share of runs in common, best first.

        The share is ``2 |A & B| / (|A| + |B|)`` (Dice, 1945). Names that share nothing never come.

        Args:
            name: What they are to be like.
            most: How many.
        """
        wanted = np.unique(_codes([name])[0])
        places = np.searchsorted(self._runs, wanted).clip(max=max(len(self._runs) - 1, 0))
        places = places[self._runs[places] == wanted] if len(self._runs) else places[:0]
        if not len(places):
            return []
        shared = np.concatenate([self._owners[self._edges[place] : self._edges[place + 1]] for place in places])
        found, counts = np.unique(shared, return_counts=True)
        share = 2 * counts / (self._sizes[found] + len(wanted))
        order = np.lexsort((found, -share))[:most]
        chosen: list[int] = found[order].tolist()
        return chosen


def _codes(names: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return a code for each run of each name, uint64 ``[m]``, and whose it is, int32 ``[m]``."""
    padded = [f" {name} " for name in names]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    if len(letters) < 3:
        return np.empty(0, np.uint64), np.empty(0, np.int32)
    owner = np.repeat(np.arange(len(padded), dtype=np.int32), lengths)
    # A letter has 21 bits, so three of them have a number of their own.
    runs = (letters[:-2] << np.uint64(42)) | (letters[1:-1] << np.uint64(21)) | letters[2:]
    inside = owner[:-2] == owner[2:]
    return runs[inside], owner[:-2][inside]
