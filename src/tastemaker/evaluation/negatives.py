"""Negatives: items drawn for each target, among which it is ranked instead of among the whole catalogue.

How models rank them lives in `tastemaker.evaluation.ranking_sampled`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import QueryBatch
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.counting import tie_keys
from tastemaker.evaluation.ranking import columns_of
from tastemaker.evaluation.ties import mixed, stream, uniform

NEGATIVES: Final = 99
"""How many are drawn for each target unless asked otherwise, as in P5, POD and RDRec."""

SEEDS: Final = (0, 1, 2, 3, 4)
"""Each of them draws once; metrics are means over the draws."""

_DRAWN_AT_ONCE: Final = (1.125, 2.25, 4.5, 9.0)
"""Items drawn for each one that is wanted, more and more until they are enough; then all that is left is looked at."""

_SPARE: Final = 8

_DRAWING, _ORDERING = np.uint64(0xD1B54A32D192ED03), np.uint64(0x8CB92BA72F3D8DD7)
"""Any two numbers: what is drawn, its order and the order of equal scores have nothing to do with one another."""


class Negatives:
    """What each target of some questions is ranked among: for every seed so many items that its person never met.

    Each target is a question of its own, so that no other answer is among its candidates. A draw depends on the seed
    and the target's number alone: every model ranks the same lists, however they are cut into blocks.

    Args:
        asked: The questions.
        train: What models learn from; popularity is counted in it.
        others: More questions to the same people: their histories and answers count as met.
        popular: Draw each item in proportion to its events in training; otherwise all items alike.
        count: How many for each target; all that are left where a person leaves fewer.
        seeds: Each draws once.

    Attributes:
        asked: The questions.
        held: The same with each target as a question of its own.
        count: How many are drawn for each target.
        seeds: What they are drawn by.
        short: How many targets have fewer, because their person met nearly everything, int.

    Raises:
        DataError: ``count`` is below 1, there are no seeds, or no person leaves so many items.
    """

    def __init__(
        self,
        asked: HeldOut,
        train: Dataset,
        others: Sequence[HeldOut] = (),
        *,
        popular: bool = False,
        count: int = NEGATIVES,
        seeds: Sequence[int] = SEEDS,
    ) -> None:
        if count < 1 or not seeds:
            raise DataError(
                f"{count} negatives were asked for, by {len(seeds)} seeds",
                where="negatives",
                remedy="Ask for 1 or more of each.",
            )
        self.asked, self.held = asked, apart(asked)
        self.count, self.seeds = count, tuple(dict.fromkeys(seeds))
        self._items = len(asked.queries.dictionary)
        self._pool = _items_of_events(asked, train) if popular else np.arange(self._items, dtype=np.int32)
        self._weights = np.bincount(self._pool, minlength=self._items)
        self._met_from, self._met = _met_by_each(asked, train, others)
        person = np.repeat(np.arange(asked.user_count), np.diff(self._met_from))
        lost = np.bincount(person[self._weights[self._met] > 0], minlength=asked.user_count)
        left = (np.count_nonzero(self._weights) - lost)[self.held.users]
        self.short = int((left < count).sum())
        if len(left) and self.short == len(left):
            raise DataError(
                f"{count} negatives for each answer are more than the {left.max():,} items that a person leaves",
                where=train.name,
                remedy="Ask for fewer negatives, or rank the whole catalogue.",
            )

    def drawn(self, part: slice) -> NDArray[np.int32]:
        """Return the negatives of the targets ``part``, int32 ``[d, t, c]``, one draw for each seed.

        They are places in the dictionary, in the order in which they were drawn; -1 fills up where no item is left.
        """
        people, row = np.unique(self.held.users[part], return_inverse=True)
        met = np.zeros((len(people), self._items), dtype=np.bool_)
        for place, person in enumerate(people.tolist()):
            met[place, self._met[self._met_from[person] : self._met_from[person + 1]]] = True
        return np.stack([self._draw(self._streams(seed, part, _DRAWING), met, row) for seed in self.seeds])

    def with_candidates(self, part: slice, negatives: NDArray[np.int32], draw: int) -> QueryBatch:
        """Return the questions ``part`` with their candidates, for models that read them.

        Target and negatives stand in an order that the seed of the draw decides, so that no place tells the target.

        Args:
            part: Numbers of targets.
            negatives: What was drawn for them, int32 ``[t, c]``.
            draw: Which draw it was.
        """
        candidates = np.concatenate([self.held.targets[part, None], negatives], axis=1)
        keys = tie_keys(candidates, self._streams(self.seeds[draw], part, _ORDERING)[:, None])
        keys[candidates < 0] = np.iinfo(np.uint64).max
        order = np.argsort(keys, axis=1, kind="stable")
        return replace(self.held.queries[part], candidates=np.take_along_axis(candidates, order, axis=1))

    def _streams(self, seed: int, part: slice, purpose: np.uint64) -> NDArray[np.uint64]:
        """Return one random number for each target, the same for the same seed and purpose."""
        return mixed(stream(seed, np.arange(*part.indices(len(self.held)))) ^ purpose)

    def _draw(self, streams: NDArray[np.uint64], met: NDArray[np.bool_], row: NDArray[np.int64]) -> NDArray[np.int32]:
        """Draw one after the other, passing over what was met or drawn before: int32 ``[t, c]``."""
        found = np.empty((len(streams), self.count), dtype=np.int32)
        still = np.arange(len(streams))
        for share in _DRAWN_AT_ONCE:
            numbers = np.arange(int(share * self.count) + _SPARE, dtype=np.uint64)
            place = uniform(mixed(streams[still, None] ^ mixed(numbers))) * len(self._pool)
            items = self._pool[place.astype(np.int64)]
            taken = ~(met[row[still, None], items] | _repeated(items))
            many = np.cumsum(taken, axis=1, dtype=np.int32)
            taken &= many <= self.count
            enough = many[:, -1] >= self.count
            found[still[enough]] = items[enough][taken[enough]].reshape(-1, self.count)
            still, items, taken = still[~enough], items[~enough], taken[~enough]
        for number, first, kept in zip(still.tolist(), items, taken, strict=True):
            found[number] = self._completed(first[kept], streams[number], met[row[number]])
        return found

    def _completed(self, first: NDArray[np.int32], draw: np.uint64, met: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return ``first`` and what is drawn after it from all items that are left, int32 ``[c]``.

        The smallest of ``-log(u) / weight`` are what drawing one after the other gives: Efraimidis and Spirakis (2006).
        """
        free = ~met & (self._weights > 0)
        free[first] = False
        left = np.flatnonzero(free)
        keys = -np.log1p(-uniform(mixed(~left.astype(np.uint64) ^ draw))) / self._weights[left]
        rest = left[np.argsort(keys, kind="stable")[: self.count - len(first)]]
        found = np.full(self.count, -1, dtype=np.int32)
        found[: len(first) + len(rest)] = np.concatenate([first, rest])
        return found


def apart(held: HeldOut) -> HeldOut:
    """Return each target as a question of its own; where every question has one target, just what was given."""
    if len(held.targets) == len(held):
        return held
    return replace(
        held,
        queries=held.queries[held.query],
        query=np.arange(len(held.targets), dtype=np.int32),
        users=held.users[held.query],
    )


def _items_of_events(asked: HeldOut, train: Dataset) -> NDArray[np.int32]:
    """Return the item of each training event as its place in the dictionary, int32 ``[e]``."""
    places = columns_of(train.items.ids, asked.queries.dictionary)[train.sequences.codes]
    return places[places >= 0]


def _repeated(items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark what stands further to the left in its row already."""
    width = items.shape[1].bit_length()
    keys = (items.astype(np.int64) << width) | np.arange(items.shape[1])
    keys.sort(axis=1)
    row, column = np.nonzero(keys[:, 1:] >> width == keys[:, :-1] >> width)
    again = np.zeros(items.shape, dtype=np.bool_)
    again[row, keys[row, column + 1] & ((1 << width) - 1)] = True
    return again


def _met_by_each(
    asked: HeldOut, train: Dataset, others: Sequence[HeldOut]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return what each person of ``asked`` has met in any part, once: ``indptr`` int64 ``[u + 1]`` and int32 places."""
    dictionary = asked.queries.dictionary
    number = {raw: int(person) for raw, person in zip(asked.queries.user_ids, asked.users, strict=True)}
    number.pop(None, None)

    def people(raw_ids: NDArray[np.object_]) -> NDArray[np.int64]:
        return np.asarray([number.get(raw, -1) for raw in raw_ids], dtype=np.int64)

    pairs = [_pairs(asked, asked.users.astype(np.int64), np.arange(len(dictionary)))]
    for other in others:
        pairs.append(_pairs(other, people(other.queries.user_ids), columns_of(other.queries.dictionary, dictionary)))
    sequences = train.sequences
    place = columns_of(train.items.ids, dictionary)[sequences.codes]
    pairs.append((np.repeat(people(sequences.user_ids), np.diff(sequences.indptr)), place))
    person = np.concatenate([each for each, _ in pairs])
    item = np.concatenate([each for _, each in pairs])
    known = (person >= 0) & (item >= 0)
    once = np.unique(person[known] * len(dictionary) + item[known])
    person, item = np.divmod(once, max(len(dictionary), 1))
    return np.searchsorted(person, np.arange(asked.user_count + 1)), item.astype(np.int32)


def _pairs(
    held: HeldOut, people: NDArray[np.int64], places: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    """Return people and the places of items in their histories and answers; the same pair may come again."""
    queries = held.queries
    # Of the histories that begin at one event the longest holds the others.
    order = np.lexsort((queries.ends, queries.starts, people))
    last = np.append(np.diff(people[order]) | np.diff(queries.starts[order]), 1) != 0
    longest = order[last[: len(order)]]
    indptr, positions = queries[longest].flatten()
    person = np.concatenate([np.repeat(people[longest], np.diff(indptr)), people[held.query]])
    return person, places[np.concatenate([queries.codes[positions], held.targets])]
