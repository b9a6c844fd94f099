"""Sessions like the present one, with respect for order and time: V-SkNN, STAN and VSTAN as one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.data.dataset import Dataset
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.history import AGE_DECAYS, Decay, History
from tastemaker.models.people_knn import PeopleKNN
from tastemaker.models.similarity import SIMILARITIES, keep_entries, row_of_entry, strongest
from tastemaker.models.space import Choice, Integer, Real, Space

SESSION_DECAYS: Final[Mapping[str, Decay]] = {
    **AGE_DECAYS,
    "linear": lambda a: np.maximum(0.0, 1 - (a - 1) / 10),
}
"""What an event of the present session says when it is the ``a``-th latest; V-SkNN's ``linear`` ends after ten."""

V_SKNN: Final[Mapping[str, Any]] = {"neighbour_days": 0.0, "neighbour_gap": 0.0}
"""What is fixed in V-SkNN: neither the age of a session nor places within it count."""

_VOTES_AT_ONCE: Final = 2_000_000


class SessionKNN(PeopleKNN):
    """Lets the past sessions vote that are most similar to the present one.

    A session is the events of one user id: all of a person's history, or one visit where the ids name visits. Of the
    ``sample_size`` latest sessions ``s`` that share an item with the history ``h``, the ``neighbours`` with the
    largest ``near(s)`` add to each of their items ``i``::

        near(s)    = sum over shared items j of age_decay(age_j) / norm * exp(-days(s) / neighbour_days)
        vote(s, i) = near(s) * match_decay(age of the latest shared item)
                     * exp(-|place(i) - place(last shared item in s)| / neighbour_gap) * (1 + idf * log(S / S_i))

    where ``norm`` is ``|h| * sqrt(|s|)`` (``cosine``) or 1 (``dot``), ``days`` passed between the end of ``s`` and
    the query, and ``S_i`` of ``S`` sessions hold ``i``. This is VSTAN (Ludewig, Mauro, Latifi & Jannach, 2021), whose
    lambdas ``spw, snh, inh, ipw, idf`` are ``age_decay, neighbour_days, neighbour_gap, match_decay, idf`` here; it
    joins STAN (Garg, Gupta, Malhotra, Vig & Shroff, 2019, equations 2 to 5) and V-SkNN (Ludewig & Jannach, 2018),
    which is ``SessionKNN(**V_SKNN)``.

    Args:
        similarity: ``cosine``, ``jaccard`` or ``dot``.
        age_decay: A key of `SESSION_DECAYS`.
        match_decay: A key of `SESSION_DECAYS`.
        neighbour_days: After so many days a session counts ``1 / e``; 0 for no difference.
        neighbour_gap: So many places from the last shared item an item counts ``1 / e``; 0 for no difference.
        idf: How much more items count that few sessions hold, from 0.
        neighbours: How many sessions vote.
        sample_size: How many sessions are compared.

    Attributes:
        rows_: Sessions, the latest first; see `PeopleKNN`.
        ends_: Microseconds of the last event of each session, int64 ``[p]``; ``NO_TIME`` where unknown.
    """

    name: ClassVar[str] = "session-knn"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "similarity": ("cosine", "dot"),
        "age_decay": ("0.6^(a-1)", "0.8^(a-1)", "1/a", "1/a^2", "linear", "uniform"),
        "match_decay": ("uniform", "1/a", "0.6^(a-1)", "0.8^(a-1)", "linear"),
        "neighbour_days": (0.0, 10.0, 40.0, 100.0, 400.0),
        "neighbour_gap": (2.0, 0.0, 1.0, 4.0, 8.0),
        "idf": (0.0, 1.0, 5.0),
        "neighbours": (100, 50, 500),
        "sample_size": (5000, 1000),
    }
    steps = (
        ("similarity", "age_decay"),
        ("neighbour_gap", "idf"),
        ("match_decay",),
        ("neighbour_days",),
        ("neighbours", "sample_size"),
    )
    space: ClassVar[Space] = {
        "similarity": Choice(SIMILARITIES),
        "age_decay": Choice(tuple(SESSION_DECAYS)),
        "match_decay": Choice(tuple(SESSION_DECAYS)),
        # 0 turns either of them off, so they are no scale.
        "neighbour_days": Choice((0.0, 1.0, 4.0, 10.0, 40.0, 100.0, 400.0)),
        "neighbour_gap": Choice((0.0, 1.0, 2.0, 4.0, 8.0, 16.0)),
        "idf": Real(0, 10),
        "neighbours": Integer(10, 2000, log=True),
        "sample_size": Integer(500, 10_000, log=True),
    }

    ends_: NDArray[np.int64]

    def __init__(
        self,
        *,
        similarity: str | None = None,
        age_decay: str | None = None,
        match_decay: str | None = None,
        neighbour_days: float | None = None,
        neighbour_gap: float | None = None,
        idf: float | None = None,
        neighbours: int | None = None,
        sample_size: int | None = None,
    ) -> None:
        self.similarity = similarity
        self.age_decay = age_decay
        self.match_decay = match_decay
        self.neighbour_days = neighbour_days
        self.neighbour_gap = neighbour_gap
        self.idf = idf
        self.neighbours = neighbours
        self.sample_size = sample_size

    def _learn(self, train: Dataset, settings: Settings) -> None:
        super()._learn(train, settings)
        self.ends_ = _ends(train)
        self._latest_first()

    def _absorb(self, dataset: Dataset) -> None:
        super()._absorb(dataset)
        self.ends_ = np.concatenate([self.ends_, _ends(dataset)])
        self._latest_first()

    def _latest_first(self) -> None:
        order = np.argsort(-self.ends_.astype(np.float64), kind="stable")
        self.rows_, self.ends_ = self.rows_[order], self.ends_[order]
        self._forget_caches()

    def _forget_caches(self) -> None:
        super()._forget_caches()
        self.__dict__.pop("_rarity", None)

    @cached_property
    def _rarity(self) -> NDArray[np.float64]:
        """``log(S / S_i)``, 0 where no session holds the item, float64 ``[n]``."""
        held = np.bincount(self.rows_.indices, minlength=len(self.items_))
        return np.asarray(np.log(self.rows_.shape[0] / np.maximum(held, 1)) * (held > 0))

    def _asked(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        history, n = History.of(queries, self.items_), len(self.items_)
        pairs = history.query * n + history.items
        latest = len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]
        amounts = (history.weights * _decay(settings["age_decay"])(history.ages))[latest]
        places = (history.query[latest].astype(np.int32), history.items[latest])
        return sparse.csr_array((amounts.astype(np.float32), places), shape=(len(queries), n))

    def _near(self, queries: QueryBatch, asked: sparse.csr_array, settings: Settings) -> sparse.csr_array:
        near = self._alike(asked, weighting="none", kind=settings["similarity"], alpha=0.5, shrinkage=0.0)
        row = row_of_entry(near)
        near = keep_entries(near, np.arange(near.nnz) - near.indptr[row] < settings["sample_size"])
        if settings["neighbour_days"]:
            near.data = near.data * self._lateness(queries, near, settings["neighbour_days"])
            near = keep_entries(near, near.data > 0)
        return strongest(near, settings["neighbours"])

    def _lateness(self, queries: QueryBatch, near: sparse.csr_array, days: float) -> NDArray[np.float32]:
        """Return ``exp(-days(s) / days)`` of each neighbour, over that of the latest one so that not all are 0.

        Sessions that ended after the query count like those that end with it. Where times are missing, a query is
        asked after all sessions, and a session is as old as the oldest.
        """
        known = self.ends_[self.ends_ != NO_TIME]
        if not len(known):
            return np.ones(near.nnz, dtype=np.float32)
        row = row_of_entry(near)
        ends = np.where(self.ends_ == NO_TIME, known.min(), self.ends_)
        now = np.where(queries.now == NO_TIME, known.max(), queries.now)
        passed = np.maximum(now[row] - ends[near.indices], 0) / MICROSECONDS_PER_DAY
        starts = near.indptr[:-1][np.diff(near.indptr) > 0]
        least = np.zeros(near.shape[0])
        least[np.unique(row)] = np.minimum.reduceat(passed, starts) if len(starts) else 0
        return np.asarray(np.exp(-(passed - least[row]) / days), dtype=np.float32)

    def _scored(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        near = self._near(queries, self._asked(queries, settings), settings)
        parts = []
        for block in self._blocks(near):
            part = near[block]
            ballots = self._ballots(queries[block], part, settings)
            said = (part.data, np.arange(part.nnz, dtype=part.indptr.dtype), part.indptr)
            parts.append(sparse.csr_array(said, shape=(part.shape[0], part.nnz)) @ ballots)
        scores = sparse.csr_array(sparse.vstack(parts)) if parts else sparse.csr_array((0, len(self.items_)))
        if settings["idf"]:
            scores.data = scores.data * (1 + settings["idf"] * self._rarity).astype(np.float32)[scores.indices]
        return scores

    def _blocks(self, near: sparse.csr_array) -> Iterator[slice]:
        """Cut the queries into blocks whose neighbours cast about `_VOTES_AT_ONCE` votes."""
        lengths = np.diff(self.rows_.indptr)
        cast = np.bincount(row_of_entry(near), lengths[near.indices], near.shape[0])
        block = np.cumsum(cast) // _VOTES_AT_ONCE
        edges = [*np.flatnonzero(np.diff(block, prepend=-1)), len(block)]
        for start, end in pairwise(edges):
            yield slice(int(start), int(end))

    def _ballots(self, queries: QueryBatch, near: sparse.csr_array, settings: Settings) -> sparse.csr_array:
        """Return what a point of similarity of each stored neighbour says for each item, but for ``idf``.

        Returns:
            float32 ``[entries of near, n]``.
        """
        ballots = self.rows_[near.indices]
        lengths, starts = np.diff(ballots.indptr), ballots.indptr[:-1]
        amounts = np.ones(ballots.nnz, dtype=np.float32)
        if ballots.nnz:
            cells = np.repeat(row_of_entry(near) * len(self.items_), lengths) + ballots.indices
            ages = self._ages(queries).ravel()[cells]
            latest = np.minimum.reduceat(ages, starts)
            amounts *= np.repeat(_decay(settings["match_decay"])(latest).astype(np.float32), lengths)
            if settings["neighbour_gap"]:
                shared = np.maximum.reduceat(np.where(ages < np.inf, ballots.data, 0), starts)
                apart = np.abs(ballots.data - np.repeat(shared, lengths))
                amounts *= np.exp(apart * np.float32(-1 / settings["neighbour_gap"]))
        return sparse.csr_array((amounts, ballots.indices, ballots.indptr), shape=ballots.shape)

    def _ages(self, queries: QueryBatch) -> NDArray[np.float32]:
        """Return the age of the latest event that likes each item, float32 ``[q, n]``; infinite without one."""
        history = History.of(queries, self.items_)
        liked = history.weights > 0
        ages = np.full((len(queries), len(self.items_)), np.inf, dtype=np.float32)
        places = history.query[liked], history.items[liked]
        np.minimum.at(ages, places, history.ages[liked].astype(np.float32))
        return ages

    def _votes(self, query: QueryBatch, near: sparse.csr_array, item: int) -> NDArray[np.float32]:
        said = self._ballots(query, near, self.settings_)[:, [item]].toarray().ravel()
        return np.asarray(said * (1 + self.settings_["idf"] * self._rarity[item]), dtype=np.float32)

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return fitted, tensors | {"ends": self.ends_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.ends_ = tensors["ends"]


def _decay(name: str) -> Decay:
    if name not in SESSION_DECAYS:
        raise ModelError(f"there is no age decay '{name}'", remedy=nearest(name, SESSION_DECAYS))
    return SESSION_DECAYS[name]


def _ends(dataset: Dataset) -> NDArray[np.int64]:
    sequences = dataset.sequences
    return sequences.timestamps[sequences.indptr[1:] - 1]
