"""What a replay compares: states of people at each moment, and how they order the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, LeakError
from tastemaker.core.query import QueryBatch
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.engine.interests import Interests
from tastemaker.engine.interests_state import InterestState
from tastemaker.engine.policy import Policy, Signal, begin, step
from tastemaker.engine.replay_moments import Moments
from tastemaker.evaluation.ranking import Ranking, rank_targets
from tastemaker.models.base import DenseRecommender

Scores = NDArray[np.float32]
Values = NDArray[np.float64]

_SCORES_PER_BLOCK = 2_000_000


@dataclass(frozen=True)
class Judged:
    """What came of an arm: for each moment the hit and the NDCG, float64 ``[t]``."""

    hit: Values
    ndcg: Values


@dataclass(frozen=True)
class Log:
    """The data of a replay.

    Attributes:
        dataset: All events.
        since: Where the window begins, microseconds since the epoch.
        k: Length of the lists.
        seed: Decides ties.
    """

    dataset: Dataset
    since: int
    k: int
    seed: int = 0

    @cached_property
    def popularity(self) -> Scores:
        """How often each item was liked before the window, float32 ``[n]``; orders what nobody is known for."""
        sequences = self.dataset.sequences
        before = (sequences.timestamps < self.since) & (sequences.weights > 0)
        return np.bincount(sequences.codes[before], minlength=len(self.dataset.items)).astype(np.float32)

    @cached_property
    def kinds(self) -> list[str]:
        """The kind of every event."""
        return self.dataset.interactions.frame["event"].to_list()


class Arm(Protocol):
    """One side of a comparison."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    def judged(self, log: Log, moments: Moments) -> Judged:
        """Order the catalogue at each moment, and say where what came stands among the items not met before."""
        ...


def _until(moments: Moments, live: bool) -> QueryBatch:
    """Return the histories that an arm knows: up to the moment, or up to the midnight before it."""
    queries = moments.held.queries
    return queries if live else replace(queries, ends=moments.yesterday)


@dataclass(frozen=True)
class ByModel:
    """A fitted model, asked with the history up to the moment, or up to the midnight before it.

    Attributes:
        name: What the table calls it.
        model: Fitted on nothing of the window.
        live: Whether the history reaches up to the moment.
    """

    name: str
    model: DenseRecommender
    live: bool = True

    def judged(self, log: Log, moments: Moments) -> Judged:
        """Judge it; see `Arm`.

        Raises:
            LeakError: The model has seen the window.
        """
        last = self.model.provenance_.last_event
        if last is not None and last >= log.since:
            raise LeakError(
                f"'{self.name}' was fitted on events of the window", remedy="Fit it on what came before the window."
            )
        queries = _until(moments, self.live)
        return _judged(log, moments.held, self.model.item_ids, 1, lambda block: self.model.score(queries[block]))


@dataclass(frozen=True)
class ByInterests:
    """Vectors of people as `InterestState` makes them; an item scores the largest product with any of them.

    Where there is none, what is popular comes first.

    Attributes:
        name: What the table calls it.
        vectors: Of the items by their number in the data set's vocabulary, float32 ``[n, d]``, made of nothing of the
            window. States are made of their directions, scores of the vectors as they are: give directions to rank by
            cosines.
        interests: How events become vectors.
        live: Whether events up to the moment are known, or up to the midnight before it.
        most: Interests at most.
    """

    name: str
    vectors: NDArray[np.float32]
    interests: Interests
    live: bool = True
    most: int | None = None

    def judged(self, log: Log, moments: Moments) -> Judged:
        """Judge it; see `Arm`."""
        told = told_at(log, self.vectors, self.interests, _until(moments, self.live), self.most)
        width = told.shape[1]

        def scores(block: slice) -> Any:
            return scores_of(told[block], self.vectors, log.popularity)

        return _judged(log, moments.held, log.dataset.items.ids, width, scores)


@dataclass(frozen=True)
class ByPolicy:
    """The lists of `ByInterests` as the session policy would mix them; a list is shown before everything that comes.

    Of the ``k`` places the share ``personal`` goes to the nearest items, evenly spread, the others to what is popular.
    Then each place is given, with the chance ``epsilon``, to any other item that was not met before; hits are what is
    expected of that. Temperature and diversity are left out. Nobody in a log reacts to what they were not shown: this
    tells what the policy costs, and nothing of what exploring brings.

    Attributes:
        name: What the table calls it.
        vectors: As for `ByInterests`.
        interests: As for `ByInterests`.
        policy: The policy.
    """

    name: str
    vectors: NDArray[np.float32]
    interests: Interests
    policy: Policy

    def judged(self, log: Log, moments: Moments) -> Judged:
        """Judge it; see `Arm`."""
        knobs = [self.policy.state(name).knobs for name in states_at(self.policy, log, moments)]
        most = np.asarray([int(each["centroids"]) for each in knobs])
        told = told_at(log, self.vectors, self.interests, moments.held.queries, most)
        ids, k = log.dataset.items.ids, log.k
        near = _lists(log, moments.held, ids, told.shape[1], lambda b: scores_of(told[b], self.vectors, log.popularity))
        popular = _lists(log, moments.held, ids, 1, lambda b: np.tile(log.popularity, (b.stop - b.start, 1)))
        personal = np.asarray([each["personal"] for each in knobs])
        places = mixed_places(near, popular, personal, k, moments.held.targets)
        epsilon = np.asarray([each["epsilon"] for each in knobs])
        others = np.maximum(len(ids) - moments.held.queries.lengths() - k, 1)
        inside, gain = places > 0, 1 / np.log2(np.maximum(places, 1) + 1)
        drawn = epsilon / others
        return Judged(
            hit=np.where(inside, 1 - epsilon, k * drawn),
            ndcg=np.where(inside, (1 - epsilon) * gain, drawn * (1 / np.log2(np.arange(k) + 2)).sum()),
        )


def told_at(
    log: Log,
    vectors: NDArray[np.float32],
    interests: Interests,
    queries: QueryBatch,
    most: int | NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Return what each person is drawn to after each history, float32 ``[t, c, d]``; zeros where there is less.

    Raises:
        DataError: There is not one vector for each item.
    """
    n = len(log.dataset.items)
    if vectors.ndim != 2 or len(vectors) != n:
        raise DataError(f"there are vectors of shape {vectors.shape} for {n} items")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    has = lengths[:, 0] > 0
    wanted = np.broadcast_to(np.asarray(interests.centroids if most is None else most), len(queries))
    told = np.zeros((len(queries), min(int(wanted.max()), interests.centroids), vectors.shape[1]), np.float32)
    kinds = [interests.kind(kind) for kind in log.kinds]
    ratings = log.dataset.sequences.ratings
    state, start, place = InterestState(interests, vectors.shape[1]), -1, 0
    for query in np.lexsort((queries.ends, queries.starts)).tolist():
        if queries.starts[query] != start:
            start = place = int(queries.starts[query])
            state = InterestState(interests, vectors.shape[1])
        while place < queries.ends[query]:
            item = int(queries.codes[place])
            given = None if ratings is None or np.isnan(ratings[place]) else float(ratings[place])
            amount = interests.amount(kinds[place], float(queries.weights[place]), given)
            if has[item]:
                state.add(directions[item], amount, int(queries.timestamps[place]))
            place += 1
        found = state.vectors(int(queries.now[query]), int(wanted[query]))
        told[query, : len(found)] = found
    return told


def scores_of(told: NDArray[np.float32], vectors: NDArray[np.float32], popularity: Scores) -> Scores:
    """Return the largest product of each item with what somebody is drawn to, float32 ``[q, n]``."""
    there = np.asarray((told != 0).any(axis=2))
    products = (told.reshape(-1, told.shape[2]) @ vectors.T).reshape(*told.shape[:2], -1)
    products[~there] = -np.inf
    best: Scores = products.max(axis=1)
    best[~there.any(axis=1)] = popularity
    return best


def states_at(policy: Policy, log: Log, moments: Moments) -> list[str]:
    """Return the state of the policy in which each person is when they are shown a list at each moment."""
    queries, found = moments.held.queries, list[str]()
    state, start, place = begin(policy), -1, 0
    for first, end, now in zip(queries.starts.tolist(), queries.ends.tolist(), queries.now.tolist(), strict=True):
        if first != start:
            state, start, place = begin(policy), first, first
        while place < end:
            state = step(policy, state, Signal("event", int(queries.timestamps[place]), log.kinds[place]))
            place += 1
        found.append(step(policy, state, Signal("idle", now)).state)
        state = step(policy, state, Signal("served", now))
    return found


def mixed_places(
    near: NDArray[np.int32],
    popular: NDArray[np.int32],
    personal: Values,
    k: int,
    targets: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Return where each target stands in ``k`` places dealt from two lists, from 1, int64 ``[t]``; 0 where it does not.

    The share ``personal`` of the places, evenly spread, takes the next item of ``near``; the others take the next of
    ``popular``; neither takes what stands there already.
    """
    found = np.zeros(len(targets), dtype=np.int64)
    for row, target in enumerate(targets.tolist()):
        sources = (iter(popular[row].tolist()), iter(near[row].tolist()))
        taken: set[int] = set()
        for place in range(1, k + 1):
            own = int(place * personal[row] + 1e-9) > int((place - 1) * personal[row] + 1e-9)
            item = next((each for each in sources[own] if each not in taken), -1)
            taken.add(item)
            if item == target:
                found[row] = place
                break
    return found


def _blocks(count: int, items: int, width: int) -> list[slice]:
    size = max(1, _SCORES_PER_BLOCK // max(items * width, 1))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _ranked(
    log: Log, held: HeldOut, ids: NDArray[np.object_], width: int, scores: Any, k: int = 0
) -> Iterator[tuple[slice, Ranking]]:
    """Yield the ranking of each block of moments by what ``scores`` gives for it."""
    for block in _blocks(len(held), len(ids), width):
        part, known = held[np.arange(block.start, block.stop)], partial(_as_given, scores(block))
        yield block, rank_targets(known, part, ids, k=k, seed=log.seed + block.start, block=len(part))


def _as_given(given: Any, queries: QueryBatch) -> Any:
    return given


def _judged(log: Log, held: HeldOut, ids: NDArray[np.object_], width: int, scores: Any) -> Judged:
    ranks = np.empty(len(held), dtype=np.int64)
    for block, ranking in _ranked(log, held, ids, width, scores):
        ranks[block] = ranking.ranks
    inside = ranks <= log.k
    gain = 1 / np.log2(np.where(inside, ranks, 1) + 1)
    return Judged(inside.astype(np.float64), np.where(inside, gain, 0.0))


def _lists(log: Log, held: HeldOut, ids: NDArray[np.object_], width: int, scores: Any) -> NDArray[np.int32]:
    """Return the first ``2 k`` items of each moment, int32 ``[t, 2k]``: enough to fill ``k`` places with new ones."""
    lists = np.empty((len(held), 2 * log.k), dtype=np.int32)
    for block, ranking in _ranked(log, held, ids, width, scores, k=2 * log.k):
        lists[block] = ranking.lists
    return lists
