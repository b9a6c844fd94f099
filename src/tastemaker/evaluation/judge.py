"""Turning ranks and lists into metrics, whoever made the lists: a model of ours, or somebody else's system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError, nearest
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation import beyond
from tastemaker.evaluation.conventions import EVIDENCE, LISTS, METRICS, RANKS, SETS, USUAL
from tastemaker.evaluation.metrics import hits
from tastemaker.evaluation.negatives import Negatives
from tastemaker.evaluation.ranking import of_targets
from tastemaker.evaluation.targets import NEVER, TargetRanks, per_user
from tastemaker.evaluation.ties import mixed, stream
from tastemaker.language import Tfidf, words


@dataclass(frozen=True)
class Evaluation:
    """What one model did on held-out queries.

    Attributes:
        model: Name of the model.
        metrics: ``name@k`` -> value, by the names of `tastemaker.evaluation.conventions`.
        per_user: Those metrics that are means over users, for each user, float64 ``[u]``, and what the popularity
            lift is made of: ``list_popularity@k`` and ``history_popularity@k``.
        counts: Numbers of ``queries``, ``users``, ``targets``, ``cold_targets`` (no event in training) and
            ``unknown_targets`` (not in the model's vocabulary; they count as missed).
        rank_hash: sha256 of the targets' ranks, little-endian int64 in the order of the queries.
        seconds: Wall time of scoring and ranking; NaN for lists from elsewhere.
        ranks: Rank of each target, int64 ``[t]``, or ``[d, t]`` where candidates were drawn ``d`` times.
        shown: How much attention the first ``k`` places gave each item, float64 ``[n]``: places weigh
            ``1 / log2(rank + 1)``; ``k`` is the first cut-off.
        kept: The lists of those queries that the judge keeps lists of, int32 ``[e, k]``; see `Judge.measure`.
    """

    model: str
    metrics: Mapping[str, float]
    per_user: Mapping[str, NDArray[np.float64]]
    counts: Mapping[str, int]
    rank_hash: str
    seconds: float
    ranks: NDArray[np.int64] = field(repr=False, default_factory=lambda: np.empty(0, np.int64))
    shown: NDArray[np.float64] = field(repr=False, default_factory=lambda: np.empty(0))
    kept: NDArray[np.int32] = field(repr=False, default_factory=lambda: np.empty((0, 0), np.int32))

    @property
    def ms_per_query(self) -> float:
        """Wall time for each query in milliseconds."""
        return 1000 * self.seconds / max(self.counts["queries"], 1)


class Judge:
    """Measures ranks and lists on the same queries, model after model.

    Args:
        held: Queries whose answers are known.
        train: What models learnt from; popularity and coldness are counted in it.
        ks: Cut-offs.
        extra: Names of metrics beside the usual ones.
        kept: Numbers of the queries whose lists are kept, int ``[e]``, so that somebody can look at them.
        negatives: What the targets are ranked among; ``None`` for the whole catalogue. Each target of ``held`` must be
            a question of its own then, as in `Negatives.held`.

    Raises:
        DataError: There are no cut-offs, or one below 1, or there is no such metric.
    """

    def __init__(
        self,
        held: HeldOut,
        train: Dataset,
        ks: Sequence[int] = (10,),
        extra: Sequence[str] = (),
        kept: Sequence[int] | NDArray[np.int64] = (),
        negatives: Negatives | None = None,
    ) -> None:
        check_cutoffs(ks)
        for name in extra:
            if name not in METRICS:
                raise DataError(f"there is no metric '{name}'", where="metrics", remedy=nearest(name, METRICS))
        self.held, self.train, self.ks = held, train, tuple(ks)
        self.kept, self.negatives = np.asarray(kept, dtype=np.int64), negatives
        names = dict.fromkeys([*USUAL, *(SETS if len(held.targets) > len(held) else ()), *extra])
        self.rank_names = [name for name in RANKS if name in names]
        self.list_names = [name for name in LISTS if name in names]
        self.evidence_names = [name for name in EVIDENCE if name in names]
        # What the catalogue lacks is told now, not when the first model is done.
        needs = {"diversity_categories": "_categories", "diversity_text": "_texts"}
        for name in self.list_names:
            getattr(self, needs.get(name, "ks"))

    def measure(
        self,
        name: str,
        ranks: NDArray[np.int64],
        lists: NDArray[np.int32],
        seconds: float,
        unknown_targets: int = 0,
        lengths: NDArray[np.int64] | None = None,
    ) -> Evaluation:
        """Return every metric of one model.

        Args:
            name: What it is called in the result.
            ranks: Rank of each target, int64 ``[t]``, or ``[d, t]``: metrics of ranks are then averaged over the ``d``
                draws of candidates within each query, before anything else.
            lists: The first items of each query as numbers of ``train.items``, int32 ``[q, k]``, -1 for none.
            seconds: Wall time of scoring and ranking.
            unknown_targets: How many targets the model does not know.
            lengths: Length of each list, int64 ``[q]``, where it may hold items that have no number.
        """
        values: dict[str, float] = {}
        by_user: dict[str, NDArray[np.float64]] = {}
        users, each = self.held.users, [of_targets(draw, self.held) for draw in np.atleast_2d(ranks)]
        for k in self.ks:
            top = lists[:, :k]
            length = beyond.lengths(top) if lengths is None else lengths
            for short in self.rank_names:
                compute = RANKS[short].measure
                assert compute is not None
                by_user[f"{short}@{k}"] = per_user(_mean([compute(targets, k, length) for targets in each]), users)
            by_user |= {
                f"{short}@{k}": per_user(found, users) for short, found in self._of_lists(top, ranks, k).items()
            }
            values |= {f"{short}@{k}": found for short, found in self._overall(top, by_user, k).items()}
            values |= {f"{short}@{k}": float("nan") for short in self.evidence_names}  # lists alone do not tell
        means = {name: float(found.mean()) for name, found in by_user.items() if "_popularity@" not in name}
        ordered = [
            f"{short}@{k}" for k in self.ks for short in (*self.rank_names, *self.list_names, *self.evidence_names)
        ]
        return Evaluation(
            name,
            {metric: {**values, **means}[metric] for metric in ordered},
            by_user,
            {**self.counts, "unknown_targets": unknown_targets},
            rank_hash(ranks),
            seconds,
            ranks,
            self._attention(lists[:, : self.ks[0]]),
            lists[self.kept],
        )

    @cached_property
    def counts(self) -> dict[str, int]:
        """Sizes of the test: ``queries, users, targets, cold_targets``."""
        return {
            "queries": len(self.held),
            "users": self.held.user_count,
            "targets": len(self.held.targets),
            "cold_targets": int((self.popularity_of_targets == 0).sum()),
        }

    @cached_property
    def targets(self) -> NDArray[np.int32]:
        """Numbers of the targets in ``train.items``, int32 ``[t]``, -1 where it lacks them."""
        return self.train.items.index(self.held.queries.dictionary)[self.held.targets]

    @cached_property
    def popularity_of_targets(self) -> NDArray[np.int64]:
        """How many training events of any kind each target has, int64 ``[t]``."""
        events = np.bincount(self.train.sequences.codes, minlength=len(self.train.items))
        return np.append(events, 0)[self.targets]

    @cached_property
    def _liked(self) -> NDArray[np.int64]:
        sequences = self.train.sequences
        return np.bincount(sequences.codes[sequences.weights > 0], minlength=len(self.train.items))

    @cached_property
    def _information(self) -> NDArray[np.float64]:
        sequences = self.train.sequences
        pairs = np.sort(sequences.user_of_event() * len(self.train.items) + sequences.codes)
        distinct = pairs[np.diff(pairs, prepend=-1) > 0]
        met = np.bincount(distinct % len(self.train.items), minlength=len(self.train.items))
        return beyond.self_information(met, len(sequences.user_ids))

    @cached_property
    def _history_popularity(self) -> NDArray[np.float64]:
        queries = self.held.queries
        counts = np.append(self._liked, 0)[self.train.items.index(queries.dictionary)]
        total = np.concatenate([[0], np.cumsum(counts[queries.codes])])
        return np.asarray((total[queries.ends] - total[queries.starts]) / np.maximum(queries.lengths(), 1))

    @cached_property
    def _categories(self) -> NDArray[np.bool_]:
        frame = self.train.catalogue.frame
        if "categories" not in frame.columns:
            raise DataError("diversity of categories needs categories, and the catalogue has none")
        return membership(frame["categories"].to_list(), self.train.items.index(frame["item_id"]))

    @cached_property
    def _texts(self) -> sparse.csr_array:
        frame = self.train.catalogue.frame
        columns = [name for name in ("title", "text") if name in frame.columns]
        if not columns:
            raise DataError("diversity of texts needs titles or texts, and the catalogue has none")
        terms = [words(" ".join(filter(None, row))) for row in frame.select(columns).iter_rows()]
        order = np.argsort(self.train.items.index(frame["item_id"]))
        return sparse.csr_array(Tfidf.of(terms, min_texts=1).vectors(terms)[order])

    @cached_property
    def popular_ranks(self) -> NDArray[np.int64]:
        """Rank of each target among the unseen items by training events, ties at random, int64 ``[t]``."""
        n, queries, held = len(self.train.items), self.held.queries, self.held
        draws = mixed(stream(0, np.arange(n)))
        place = np.empty(n + 1, dtype=np.int64)
        place[np.lexsort((draws, -self._liked))] = np.arange(n)
        place[-1] = n
        indptr, positions = queries.flatten()
        own = place[self.train.items.index(queries.dictionary)]
        row = np.repeat(np.arange(len(queries)), np.diff(indptr))
        wanted = held.query.astype(np.int64) * (n + 1) + own[held.targets]
        seen = np.setdiff1d(row * (n + 1) + own[queries.codes[positions]], wanted)
        before = np.searchsorted(seen, wanted) - np.searchsorted(seen, held.query.astype(np.int64) * (n + 1))
        return np.where(self.targets >= 0, own[held.targets] + 1 - before, NEVER)

    def _of_lists(self, top: NDArray[np.int32], ranks: NDArray[np.int64], k: int) -> dict[str, NDArray[np.float64]]:
        """Return those metrics of lists that have one value a query, and the parts of the popularity lift."""
        found: dict[str, NDArray[np.float64]] = {}
        length = beyond.lengths(top)
        usable = (length > 0) & (self.held.queries.lengths() > 0)
        listed = np.append(self._liked, 0)[top].sum(axis=1) / np.maximum(length, 1)
        found["list_popularity"] = np.where(usable, listed, 0.0)
        found["history_popularity"] = np.where(usable, self._history_popularity, 0.0)
        if "novelty" in self.list_names:
            found["novelty"] = beyond.novelty(top, self._information)
        if "diversity_categories" in self.list_names:
            found["diversity_categories"] = np.nan_to_num(beyond.diversity_by_sets(top, self._categories))
        if "diversity_text" in self.list_names:
            found["diversity_text"] = np.nan_to_num(beyond.diversity_by_vectors(top, self._texts))
        if "serendipity" in self.list_names:
            unexpected = [np.where(self.popular_ranks > k, draw, NEVER) for draw in np.atleast_2d(ranks)]
            found["serendipity"] = _mean(
                [hits(TargetRanks(draw, self.held.query, len(self.held)), k) / k for draw in unexpected]
            )
        return found

    def _overall(self, top: NDArray[np.int32], by_user: Mapping[str, NDArray[np.float64]], k: int) -> dict[str, float]:
        """Return the metrics that are no means over users."""
        exposure = beyond.exposure(top, len(self.train.items))
        shown, known = (np.mean(by_user[f"{part}_popularity@{k}"], keepdims=True) for part in ("list", "history"))
        return {
            "coverage": beyond.coverage(exposure),
            "gini": beyond.gini(exposure),
            "entropy": beyond.entropy(exposure),
            "personalisation": beyond.personalisation(top),
            "popularity_lift": float(popularity_lift(shown, known)[0]),
        }

    def _attention(self, top: NDArray[np.int32]) -> NDArray[np.float64]:
        worth = np.broadcast_to(1 / np.log2(np.arange(2, top.shape[1] + 2)), top.shape)
        return np.bincount(top[top >= 0], weights=worth[top >= 0], minlength=len(self.train.items)).astype(np.float64)


def _mean(draws: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of some draws for each query; a single one as it is."""
    return draws[0] if len(draws) == 1 else np.asarray(np.mean(draws, axis=0))


def check_cutoffs(ks: Sequence[int]) -> None:
    """Raise `DataError` unless there are cut-offs, all of at least 1."""
    if not ks or min(ks) < 1:
        raise DataError(f"the cut-offs are {list(ks)}", where="ks", remedy="Give one k or more, each of at least 1.")


def rank_hash(ranks: NDArray[np.int64]) -> str:
    """Return the sha256 of ranks as little-endian int64, hexadecimal: equal hashes mean equal results."""
    return hashlib.sha256(ranks.astype("<i8").tobytes()).hexdigest()


def popularity_lift(shown: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much more popular lists are than histories: 0 is no change, 1 twice as popular.

    ``(GAP(lists) - GAP(histories)) / GAP(histories)`` with the group average popularity GAP, here of all users:
    Abdollahpouri, Mansoury, Burke and Mobasher (2020), "The connection between popularity bias, calibration, and
    fairness in recommendation". NaN where no history has an item that occurs in training.

    Args:
        shown: Group average popularity of lists, float64 of any shape.
        known: The same of histories.

    >>> popularity_lift(np.array([30.0, 1.0]), np.array([20.0, 0.0])).tolist()
    [0.5, nan]
    """
    return np.asarray(np.divide(shown, known, out=np.full(np.shape(shown), np.nan), where=known > 0) - 1)


def membership(sets: Sequence[Sequence[Any] | None], rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which values each set holds, bool ``[n, c]``, the set ``i`` in row ``rows[i]``.

    >>> membership([["a", "b"], None, ["b"]], np.array([2, 0, 1], dtype=np.int32)).tolist()
    [[False, False], [False, True], [True, True]]
    """
    columns = {value: place for place, value in enumerate(sorted({str(v) for values in sets for v in values or ()}))}
    table = np.zeros((len(sets), len(columns)), dtype=np.bool_)
    for row, values in zip(rows, sets, strict=True):
        table[row, [columns[str(value)] for value in values or ()]] = True
    return table
