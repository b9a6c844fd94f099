"""Ranks of one block of queries whose scores are sparse, as those of counting models are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation.counting import Block

_SEEN: Final = 1
_TARGET: Final = 2

Counted = tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]


def rank_sparse(scores: Any, block: Block) -> NDArray[np.int64]:
    """Rank the targets in a CSR matrix ``[b, n]`` of scores of at least 0, where a missing score is 0.

    Returns:
        Ranks, int64 ``[t]``, without meaning where the target is unknown.
    """
    size, n = scores.shape
    lengths = np.diff(scores.indptr)
    base = np.arange(size, dtype=np.int32 if size * n < 2**31 else np.int64) * n
    roles = np.zeros(size * n, dtype=np.int8)
    roles[np.repeat(base, np.diff(block.indptr)) + block.seen] = _SEEN
    seen = _counts(roles.view(np.bool_), np.arange(size + 1) * n)
    known = np.flatnonzero(block.targets >= 0)
    roles[base[block.owner[known]] + block.targets[known]] = _TARGET
    cells = np.repeat(base, lengths)
    cells += scores.indices
    count = _one_each if len(block.targets) == size else _several_each
    above, wanted, equal = count(scores, block, roles.take(cells), cells)
    tied = np.where(wanted > 0, equal, n - seen[block.owner] - above) - 1
    unknown = np.flatnonzero(block.targets < 0)
    above[unknown], tied[unknown] = -1 - unknown, 0
    return block.ranks(above, tied)


def _one_each(scores: Any, block: Block, role: NDArray[np.int8], cells: NDArray[np.integer[Any]]) -> Counted:
    """Count for one target a row: how many score higher, its own score, and how many stored ones score the same."""
    indptr = scores.indptr
    at = np.flatnonzero(role == _TARGET)
    wanted = np.zeros(len(block.targets), dtype=scores.data.dtype)
    wanted[np.searchsorted(indptr, at, side="right") - 1] = scores.data[at]
    threshold = np.repeat(wanted, np.diff(indptr))
    unseen = role != _SEEN
    flags = scores.data > threshold
    flags &= unseen
    above = _counts(flags, indptr)
    np.equal(scores.data, threshold, out=flags)
    flags &= unseen
    return above, wanted, _counts(flags, indptr)


def _several_each(scores: Any, block: Block, role: NDArray[np.int8], cells: NDArray[np.integer[Any]]) -> Counted:
    """Count what `_one_each` counts, for any number of targets a row, by sorting the scores of each row."""
    kept = np.flatnonzero(role != _SEEN)
    row = cells[kept] // scores.shape[1]
    values = scores.data[kept]
    order = np.lexsort((values, row))
    ordered, starts = values[order], np.searchsorted(row, np.arange(scores.shape[0] + 1))
    marked = kept[role[kept] == _TARGET]
    by_cell = np.argsort(cells[marked])
    sought = block.owner * scores.shape[1] + block.targets
    place = np.minimum(np.searchsorted(cells[marked][by_cell], sought), max(len(marked) - 1, 0))
    wanted = np.zeros(len(sought), dtype=scores.data.dtype)
    if len(marked):
        found = cells[marked][by_cell][place] == sought
        wanted[found] = scores.data[marked[by_cell[place[found]]]]
    above, equal = np.zeros((2, len(sought)), dtype=np.int64)
    bounds = np.searchsorted(block.owner, np.arange(scores.shape[0] + 1))
    for i in np.unique(block.owner):
        part, sorted_row = slice(bounds[i], bounds[i + 1]), ordered[starts[i] : starts[i + 1]]
        past = np.searchsorted(sorted_row, wanted[part], side="right")
        above[part] = len(sorted_row) - past
        equal[part] = past - np.searchsorted(sorted_row, wanted[part], side="left")
    return above, wanted, equal


def _counts(flags: NDArray[np.bool_], bounds: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Count the flags between each bound and the next."""
    return np.diff(np.searchsorted(np.flatnonzero(flags), bounds))
