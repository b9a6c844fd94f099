"""The test that a model passes before it goes live: that it answers at all, and is not worse than the one before.

It is a smoke alarm. A candidate that was fitted on everything has seen the answers of the frozen queries, as the live
model has: then the comparison shows breakage (a shifted vocabulary, a failed fit, the wrong settings), and says nothing
about which model is better. How good a model is, its validation figures say, or `tastemaker evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import TastemakerError
from tastemaker.core.query import Query
from tastemaker.core.recommender import Recommender
from tastemaker.engine.frozen import FrozenQueries, K
from tastemaker.engine.training_data import rows_of
from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.targets import ranks_in_lists
from tastemaker.models import load_model
from tastemaker.store.ports import Artefact, TenantStore

METRIC: Final = f"ndcg@{K}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a candidate.

    Attributes:
        promoted: Whether it is live now.
        forced: Whether somebody insisted, though it did not pass.
        artefact_id: The candidate.
        live_before: The model that was live, if any.
        faults: What is wrong with it, in words; empty if it passed.
        notes: What has to be known of the comparison, in words.
        numbers: What was measured: `METRIC` of the candidate, of the live model and of plain popularity, the
            ``difference`` with its interval, ``overlap`` of the lists, ``questions``.
    """

    promoted: bool
    forced: bool
    artefact_id: str
    live_before: str | None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def sentences(self) -> list[str]:
        """Say it, a sentence each."""
        name = self.artefact_id[:12]
        first = f"{name} is live now" if self.promoted else f"{name} was refused, and what was live still is"
        forced = [", by force, though:" if self.forced else "."]
        return [first + forced[0], *self.faults, *self.notes]

    def reason(self) -> str:
        """Say why the name moved, in one line."""
        if self.forced:
            return f"forced, though: {' '.join(self.faults)}"
        return " ".join(("passed.", *self.notes[:1]))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        plain = asdict(self)
        return {**plain, "faults": list(self.faults), "notes": list(self.notes), "numbers": dict(self.numbers)}


def tried(
    store: TenantStore,
    candidate: Artefact,
    live: Artefact | None,
    queries: FrozenQueries,
    *,
    tolerance: float,
    force: bool,
) -> Verdict:
    """Test a candidate; see `Verdict` and the module.

    It has to load, and to answer every frozen query and somebody without a history: with 10 distinct items of the
    catalogue that are on offer (fewer only where there are no more), none of the history, with scores that are numbers.
    Its NDCG@10 may be lower than that of the live model by ``tolerance``; it is refused if it is lower by more and the
    95 % interval of the difference (paired bootstrap over people) lies below zero. Where the live model does not load
    there is nothing to compare with.
    """
    offered = _offered(store)
    fault: str | None = None
    try:
        model = load_model(store.artefacts.open(candidate.artefact_id))
        own = _answers(model, queries, offered)
    except Exception as error:  # a candidate may fail in any way, and none may pass
        fault = f"It cannot answer: {_said(error)}."
        return Verdict(False, False, candidate.artefact_id, _id(live), (fault,))
    faults, notes, numbers = list(own.faults), list[str](), dict[str, Any]()
    if len(queries):
        numbers = {"questions": len(queries), METRIC: _mean(own.gains), "popularity": _popularity(queries, offered)}
        notes.append(_measured(numbers))
        against = _against(store, live, candidate, queries, offered, notes)
        if against is not None:
            faults += _compared(own, against, tolerance, numbers, notes)
            notes.append(_meaning(_unseen(candidate, queries), live is not None and _unseen(live, queries)))
    else:
        notes.append("There are no frozen queries, so that only loading and one answer were tested.")
    promoted = not faults or force
    return Verdict(
        promoted,
        promoted and bool(faults),
        candidate.artefact_id,
        _id(live),
        tuple(faults),
        tuple(notes),
        numbers,
    )


@dataclass(frozen=True)
class _Answers:
    """Lists for the frozen queries, what is wrong with them, and NDCG of each, float64 ``[q]``."""

    lists: Sequence[Sequence[str]]
    faults: tuple[str, ...]
    gains: NDArray[np.float64]


def _offered(store: TenantStore) -> frozenset[str]:
    return frozenset(item for item, row in rows_of(store.items) if row.get("available", True) is not False)


def _answers(model: Recommender, queries: FrozenQueries, offered: frozenset[str]) -> _Answers:
    asked = (*queries.queries, Query(history=(), k=K))
    answer = model.recommend(asked, allowed=offered or None)
    lists = [answer.items(place) for place in range(len(asked))]
    known = offered or frozenset(model.item_ids.tolist())
    counts = {
        "are shorter than they could be": 0,
        "hold an item twice": 0,
        "hold what is not on offer": 0,
        "hold what is in the history": 0,
        "have scores that are no numbers": 0,
    }
    for place, (query, items) in enumerate(zip(asked, lists, strict=True)):
        seen = {event.item_id for event in query.events()}
        wrong = (
            len(items) < min(K, len(known - seen)),
            len(set(items)) < len(items),
            not known.issuperset(items),
            not seen.isdisjoint(items),
            not np.isfinite(answer.scores(place)).all(),
        )
        counts = {what: count + bad for (what, count), bad in zip(counts.items(), wrong, strict=True)}
    faults = [f"{count:,} of {len(asked):,} lists {what}." for what, count in counts.items() if count]
    lists = lists[: len(queries)]
    return _Answers(lists, tuple(faults), _gains(lists, queries))


def _gains(lists: Sequence[Sequence[str]], queries: FrozenQueries) -> NDArray[np.float64]:
    return ndcg(ranks_in_lists(lists, queries.held), K) if lists else np.empty(0)


def _popularity(queries: FrozenQueries, offered: frozenset[str]) -> float:
    """Return the metric of what is most frequent in the histories asked with, which is what a model has to beat."""
    counts: dict[str, int] = {}
    for query in queries.queries:
        for item in {event.item_id for event in query.events() if event.weight > 0}:
            counts[item] = counts.get(item, 0) + 1
    order = sorted((item for item in counts if not offered or item in offered), key=lambda item: (-counts[item], item))
    lists = []
    for query in queries.queries:
        seen = {event.item_id for event in query.events()}
        unseen = (item for item in order if item not in seen)
        lists.append([item for item, _ in zip(unseen, range(K), strict=False)])
    return _mean(_gains(lists, queries))


def _against(
    store: TenantStore,
    live: Artefact | None,
    candidate: Artefact,
    queries: FrozenQueries,
    offered: frozenset[str],
    notes: list[str],
) -> _Answers | None:
    """Return the answers of the live model, or note why there is nothing to compare with."""
    if live is None:
        notes.append("No model was live, so that there is nothing to compare with.")
        return None
    if live.artefact_id == candidate.artefact_id:
        notes.append("It is the live model itself.")
        return None
    try:
        return _answers(load_model(store.artefacts.open(live.artefact_id)), queries, offered)
    except Exception as error:  # the worse the live model is, the less it may stand in the way
        notes.append(f"The live model cannot answer ({_said(error)}), so that there is nothing to compare with.")
        return None


def _compared(
    own: _Answers, against: _Answers, tolerance: float, numbers: dict[str, Any], notes: list[str]
) -> list[str]:
    """Fill in numbers and notes, and return what speaks against the candidate."""
    pairs = np.stack([own.gains, against.gains], axis=1)
    drawn = resampled_means(pairs)
    there = _mean(against.gains)
    difference = interval(_mean(own.gains) - there, drawn[:, 0] - drawn[:, 1])
    shared = [len(set(mine) & set(theirs)) / K for mine, theirs in zip(own.lists, against.lists, strict=True)]
    overlap = float(np.mean(shared))
    numbers |= {"live": there, "difference": asdict(difference), "overlap": overlap, "tolerance": tolerance}
    notes.append(
        f"The live model has {there:.4f}: a difference of {_signed(difference)}; of 10 items the two share "
        f"{10 * overlap:.1f}."
    )
    if difference.value < -tolerance * there and difference.high < 0:
        return [
            f"Its {METRIC} is lower than that of the live model by more than {tolerance:.0%}: {_signed(difference)}."
        ]
    return []


def _measured(numbers: Mapping[str, Any]) -> str:
    return (
        f"{METRIC} is {numbers[METRIC]:.4f} over {numbers['questions']:,} frozen queries, where plain popularity has "
        f"{numbers['popularity']:.4f}."
    )


def _unseen(artefact: Artefact, queries: FrozenQueries) -> bool:
    """Say whether a model is known to have seen none of the answers."""
    last = artefact.facts.get("last_event")
    return last is not None and queries.cut is not None and last < queries.cut


def _meaning(candidate_unseen: bool, live_unseen: bool) -> str:
    """Say what the comparison can show."""
    if candidate_unseen and live_unseen:
        return "Neither model has seen the answers: this is a fair comparison of the two."
    if candidate_unseen:
        return (
            "The live model has seen the answers and the candidate has not: a candidate that is lower may be no worse."
        )
    if live_unseen:
        return "The candidate has seen the answers and the live model has not: that it is higher means nothing."
    return "Both models have seen the answers: this shows breakage, and not which of the two is better."


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _signed(difference: Interval) -> str:
    return f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, TastemakerError) else f"{type(error).__name__}: {error}"


def _id(artefact: Artefact | None) -> str | None:
    return None if artefact is None else artefact.artefact_id
