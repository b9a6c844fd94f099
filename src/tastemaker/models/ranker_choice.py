"""Learning a ranker from held-out queries, and choosing among rankers by people whom they were not learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.targets import NEVER, TargetRanks, per_user
from tastemaker.models.item_facts import Values
from tastemaker.models.rankers import Answered, Ranker, fit_ranker
from tastemaker.models.ranking_features import Feature, Features, Shortlist

PLAIN: Final = "plain"
"""The order of the fused scores."""

_FEWEST: Final = 20
_ERRORS: Final = 2.0


@dataclass(frozen=True)
class Choice:
    """A ranker, and what it was chosen by.

    Attributes:
        ranker: ``None`` for the plain order.
        values: Name of a ranker -> NDCG@10 of those whom it was not learnt from; empty where nothing was compared.
        people: The same of each person by the ranker that was chosen, float64 ``[u]``; empty where values are.
    """

    ranker: Ranker | None
    values: dict[str, float]
    people: Values = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Sample:
    """Shortlists of held-out queries; those of queries without an answer among them are left out.

    Attributes:
        held: All queries.
        features: float32 ``[m, f]``.
        log_fused: float64 ``[m]``.
        query: Which of the queries each item belongs to, int64 ``[m]``, ascending.
        place: Where each target stands among the items, int64 ``[t]``; -1 where it is not there.
    """

    held: HeldOut
    features: Features
    log_fused: Values
    query: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, held: HeldOut, columns: NDArray[np.int32], blocks: Iterable[tuple[Shortlist, Features]]) -> Self:
        """Put the shortlists of successive blocks of queries together.

        Args:
            held: The queries.
            columns: Number of each item of their dictionary in the vocabulary, int32 ``[d]``.
            blocks: Shortlists with what describes their items.
        """
        features, logs, query = [], [], []
        place = np.full(len(held.targets), -1, dtype=np.int64)
        done = kept = 0
        for shortlist, described in blocks:
            here = np.flatnonzero((held.query >= done) & (held.query < done + len(shortlist.starts) - 1))
            owner, wanted = held.query[here] - done, columns[held.targets[here]]
            found = _places(shortlist, owner, wanted)
            answered = np.zeros(len(shortlist.starts) - 1, dtype=bool)
            answered[owner[found >= 0]] = True
            keep = answered[shortlist.query]
            place[here] = np.append(kept + np.cumsum(keep) - 1, -1)[found]
            features.append(described[keep])
            logs.append(shortlist.log_fused[keep])
            query.append(shortlist.query[keep] + done)
            done, kept = done + len(shortlist.starts) - 1, kept + int(keep.sum())
        return cls(held, np.concatenate(features), np.concatenate(logs), np.concatenate(query), place)

    def reading(self, columns: NDArray[np.intp]) -> Self:
        """Return the sample with some of its features."""
        return replace(self, features=self.features[:, columns])

    def answered(self, people: NDArray[np.bool_]) -> Answered:
        """Return what there is to learn from some people, bool ``[u]``; everybody counts the same."""
        chosen = people[self.held.users][self.query]
        keep = slice(None) if chosen.all() else chosen  # no copy of everything
        there = self.place >= 0
        owner, place = self.held.query[there], self.place[there]
        share = 1 / np.bincount(owner, minlength=len(self.held))[owner]
        share /= np.bincount(self.held.users)[self.held.users[owner]]
        mass = np.zeros(len(self.query))
        np.add.at(mass, place, share)
        mass = mass[keep]
        starts = np.unique(self.query[keep], return_index=True)[1]
        mass *= len(starts) / max(mass.sum(), 1e-9)
        return Answered(self.features[keep], self.log_fused[keep], starts, mass)

    def ndcg(self, scores: Values) -> Values:
        """Return NDCG@10 of each person by some scores, float64 ``[m]``; equal ones stand in the fused order."""
        rank = np.full(len(scores) + 1, NEVER)  # the last is that of a target that is not there
        rank[np.lexsort((-scores, self.query))] = 1 + np.arange(len(scores)) - np.searchsorted(self.query, self.query)
        ranks = rank[self.place]
        return per_user(ndcg(TargetRanks(ranks, self.held.query, len(self.held)), 10), self.held.users)


def _places(shortlist: Shortlist, owner: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return where items stand in the shortlists of their queries, int64 ``[t]``, -1 where they do not."""
    span = int(max(shortlist.items.max(initial=0), wanted.max(initial=0))) + 2
    keys = np.append(shortlist.query * span + shortlist.items + 1, -1)
    order = np.argsort(keys)
    sought = owner.astype(np.int64) * span + wanted + 1  # that of an unknown item, -1, is no key
    near = order[np.minimum(np.searchsorted(keys, sought, sorter=order), len(order) - 1)]
    return np.where(keys[near] == sought, near, -1)


def learn(kinds: Sequence[str], sample: Sample, features: Sequence[Feature], run: Run) -> Choice:
    """Learn a ranker of one kind, or rankers of several and keep the best.

    To compare, people are halved at random, and each half is ranked by what was learnt from the other. The plain order
    stands unless another is better by more than two standard errors of their mean difference over people: it is not
    given up for noise. The ranker that is kept is learnt anew from all.

    Args:
        kinds: `PLAIN` or names of `tastemaker.models.rankers.RANKERS`.
        sample: The queries; where too few of them are answered the plain order stands.
        features: What the columns of the sample's features are.
        run: Seed, threads and progress.
    """
    everybody = np.ones(sample.held.user_count, dtype=bool)
    half = run.rng("ranker").permutation(len(everybody)) < len(everybody) / 2
    learnt = [kind for kind in kinds if kind != PLAIN]
    if not learnt or min(len(sample.answered(part).starts) for part in (half, ~half)) < _FEWEST:
        return Choice(None, {})
    best, most, values, people = kinds[0], 0.0, {}, np.empty(0)
    with run.track("Learning to rank", 2 * len(learnt) + 1) as advance:
        if len(kinds) > 1:
            plain = people = sample.ndcg(sample.log_fused)
            best, values[PLAIN] = PLAIN, float(plain.mean())
            for kind in learnt:
                found = sample.ndcg(_ranked_by_others(kind, sample, features, half, run))
                advance(2)
                values[kind], gain = float(found.mean()), float((found - plain).mean())
                if gain > max(most, _ERRORS * standard_error(found - plain)):
                    best, most, people = kind, gain, found
        ranker = None if best == PLAIN else fit_ranker(best, sample.answered(everybody), features, run)
        return Choice(ranker, values, people)


def standard_error(values: Values) -> float:
    """Return the standard error of the mean of some values."""
    return float(values.std() / np.sqrt(len(values)))


def _ranked_by_others(
    kind: str, sample: Sample, features: Sequence[Feature], half: NDArray[np.bool_], run: Run
) -> Values:
    """Return scores by which each half of the people is ranked, learnt from the other half, float64 ``[m]``."""
    scores = np.zeros(len(sample.query))
    for part in (half, ~half):
        ranker = fit_ranker(kind, sample.answered(part), features, run)
        others = ~part[sample.held.users][sample.query]
        scores[others] = ranker.strength * sample.log_fused[others] + ranker.correction(sample.features[others])
    return scores
