"""From the events of one part to questions: what is asked, of whom, and after which history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.data.dataset import Dataset, Sequences
from tastemaker.data.heldout import HeldOut
from tastemaker.data.splits.ranks import first_within, rank_within, run_numbers, run_starts
from tastemaker.data.splits.rules import Rules

NONE, TRAIN, VALID, TEST = range(4)
"""Parts that an event can be in; a part is int8 ``[e]`` in the order of `Dataset.sequences`."""

TARGETS: Final = ("each", "together")

Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Form:
    """How the events of a part become questions.

    Attributes:
        history: What a question is asked with: all events ``before`` the predicted one, those ``warm`` ones before
            it whose items are in training, or the user's part of what is learnt from (``train``), whatever its
            time; a test question then knows the validation part too.
        together: One question for each user, with all of their events in the part as targets; the history ends
            before the first. Otherwise every event is a question of its own.
        per_user: Targets for each user at most, drawn at random; ``None`` takes all.
        last: How many events a history holds at most, the latest; ``None`` keeps all.
    """

    history: str = "before"
    together: bool = False
    per_user: int | None = None
    last: int | None = None


def ask(
    dataset: Dataset, part: NDArray[np.int8], which: int, form: Form, rules: Rules, rng: np.random.Generator
) -> HeldOut:
    """Make questions of the events in one part; dislikes are no answers, and what was left out is counted."""
    sequences = dataset.sequences
    everybody = sequences.user_of_event()
    events = np.flatnonzero(part == which)
    user = everybody[events]
    visible = _visible(part, which, form)
    starts, ends = _histories(sequences, events, user, visible, form)
    if form.last is not None:
        starts = np.maximum(starts, ends - form.last)
    now = _moments(sequences, events, user, form)

    kept = sequences.weights[events] > 0
    dropped = {"disliked": int((~kept).sum())}
    long_enough = _at_first((ends - starts) >= rules.min_history, user)
    conditions = {"with a short history": long_enough}
    if rules.drop_cold_users:
        conditions["of users not in training"] = np.logical_or.reduceat(part == TRAIN, sequences.indptr[:-1])[user]
    if rules.drop_cold_items:
        trained = np.zeros(len(dataset.items), dtype=bool)
        trained[sequences.codes[part == TRAIN]] = True
        conditions["for items not in training"] = trained[sequences.codes[events]]
    for what, condition in conditions.items():
        dropped[what] = int((kept & ~condition).sum())
        kept &= condition
    fresh = _fresh(sequences, everybody, events, kept, visible, form, rules)
    dropped["for items met before"] = repeats = int((kept & ~fresh).sum())
    kept &= fresh
    chosen = np.flatnonzero(kept)
    if form.per_user is not None:
        chosen = chosen[rank_within(user[chosen], rng.random(len(chosen))) < form.per_user]

    query = run_numbers(user[chosen]) if form.together else np.arange(len(chosen))
    first = chosen[run_starts(query)]
    codes, weights, timestamps = sequences.codes, sequences.weights, sequences.timestamps
    if visible is not None:
        codes, weights, timestamps = codes[visible], weights[visible], timestamps[visible]
    return HeldOut(
        QueryBatch(
            dictionary=dataset.items.ids,
            codes=codes,
            weights=weights,
            timestamps=timestamps,
            starts=starts[first],
            ends=ends[first],
            user_ids=sequences.user_ids[user[first]],
            now=now[first],
        ),
        sequences.codes[events[chosen]],
        query.astype(np.int32),
        run_numbers(user[first]).astype(np.int32),
        sequences.rows[events[chosen]],
        dataset.fingerprint,
        repeats,
        {what: number for what, number in dropped.items() if number},
    )


def none_of(held: HeldOut) -> HeldOut:
    """Return ``held`` without its questions."""
    return replace(held[np.empty(0, dtype=np.int64)], repeats=0, dropped={})


def _visible(part: NDArray[np.int8], which: int, form: Form) -> Mask | None:
    """Return which events may stand in a history; ``None`` for all."""
    if form.history == "before":
        return None
    if form.history == "train" and which == TEST:
        return np.isin(part, (TRAIN, VALID))
    return np.asarray(part == TRAIN)


def _histories(
    sequences: Sequences, events: Positions, user: Positions, visible: Mask | None, form: Form
) -> tuple[Positions, Positions]:
    """Return where the history of each event begins and ends among the visible events."""
    starts = sequences.indptr[user]
    if form.history == "train":
        ends = sequences.indptr[user + 1]
    else:
        ends = _at_first(events, user) if form.together else events
    if visible is None:
        return starts, ends
    place = np.zeros(len(visible) + 1, dtype=np.int64)
    np.cumsum(visible, out=place[1:])
    return place[starts], place[ends]


def _moments(sequences: Sequences, events: Positions, user: Positions, form: Form) -> NDArray[np.int64]:
    if form.history == "train":
        return np.full(len(events), NO_TIME)
    return sequences.timestamps[_at_first(events, user) if form.together else events]


def _fresh(
    sequences: Sequences,
    everybody: Positions,
    events: Positions,
    kept: Mask,
    visible: Mask | None,
    form: Form,
    rules: Rules,
) -> Mask:
    """Mark the events that ask for something new; a question never names an item twice."""
    if not rules.drop_seen and not form.together:
        return np.ones(len(events), dtype=bool)
    if rules.drop_seen and form.history != "train":
        return first_within(everybody, sequences.codes)[events]
    asked = np.zeros(len(everybody), dtype=bool)
    asked[events[kept]] = True
    among = asked if visible is None or not rules.drop_seen else asked | visible
    first = np.zeros(len(everybody), dtype=bool)
    first[among] = first_within(everybody[among], sequences.codes[among], asked[among])
    return first[events]


def _at_first(values: NDArray[T], user: Positions) -> NDArray[T]:
    """Return for every event the value at its user's first event."""
    return values[run_starts(user)][run_numbers(user)]
