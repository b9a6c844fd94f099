"""Cutting events for predictions of their ratings or labels: every event of a part is asked about.

Splits into questions of what comes next live beside this; those leave out dislikes and what was met before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.labelled import LIKED_FROM, LabelledEvents, context_of, labels_of, ratings_of, with_labels
from tastemaker.data.splits.checks import choice, need_times, shares
from tastemaker.data.splits.parts import HISTORY, split_hash
from tastemaker.data.splits.questions import TEST, TRAIN, VALID
from tastemaker.data.splits.ranks import run_numbers, run_starts
from tastemaker.data.splits.rules import Knobs
from tastemaker.data.splits.sampled import PER, drawn
from tastemaker.data.splits.windows import Layout, filled_times

TASKS: Final = ("ratings", "clicks")
EVENT_PROTOCOLS: Final = ("global-time", "random-ratio")


@dataclass(frozen=True)
class EventSplit:
    """The events of a data set in three parts, for one task.

    Attributes:
        task: ``ratings`` or ``clicks``.
        protocol: Name of the rule.
        knobs: Every choice that decides the numbers.
        train: What models learn from; for ``clicks`` with a column ``label``.
        valid: What choices are made on.
        test: What is reported on, once.
        hash: sha256 of data, protocol, knobs and the rows of each part; 12 hexadecimal digits.
    """

    task: str
    protocol: str
    knobs: Knobs
    train: Dataset
    valid: LabelledEvents
    test: LabelledEvents
    hash: str


def split_events(
    dataset: Dataset,
    task: str,
    protocol: str = "global-time",
    *,
    valid: float = 0.1,
    test: float = 0.1,
    per: str = "user",
    liked_from: float = LIKED_FROM,
    run: Run | None = None,
) -> EventSplit:
    """Cut the events of a data set for one task.

    With ``global-time`` an event is asked about after all events of its person before it, and the windows lie at the
    same moments for everybody. With ``random-ratio``, as in papers on ratings, events are drawn; the history is what is
    learnt from, for a test event the validation part too, whatever its time: such a split knows the future.
    Events without an answer are asked about in no part, and stand in histories.

    Args:
        dataset: The whole data set.
        task: One of `TASKS`.
        protocol: One of `EVENT_PROTOCOLS`.
        valid: Share of the events that is selected on.
        test: Share of the events that is tested on.
        per: For ``random-ratio``: the share of each ``user``'s events, or of ``all``.
        liked_from: For ``clicks``: see `tastemaker.data.labelled.labels_of`.
        run: Gives the seed of the draw.

    Raises:
        DataError: A part is empty, or the events have no such answers, or no times for ``global-time``.
    """
    run = run or Run()
    choice("task", task, TASKS)
    choice("protocol", protocol, EVENT_PROTOCOLS)
    choice("per", per, PER)
    shares(valid=valid, test=test)
    if task == "clicks":
        dataset = with_labels(dataset, liked_from)
    answers = ratings_of(dataset) if task == "ratings" else labels_of(dataset)
    knobs: dict[str, str | int | float | bool | None] = {"task": task, "valid": valid, "test": test}
    if task == "clicks":
        knobs["liked_from"] = liked_from
    if protocol == "global-time":
        part = _by_time(dataset, valid, test)
        knobs |= {"history_at_valid": HISTORY["before"], "history_at_test": HISTORY["before"]}
    else:
        everything = np.ones(len(answers), dtype=bool)
        part = drawn(dataset.sequences, everything, valid, test, per, run.rng("split"))
        known = {"history_at_valid": "the user's events in training", "history_at_test": "and those in validation"}
        knobs |= {"per": per, "seed": run.seed, **known}
    held = {which: _ask(dataset, part, which, answers, protocol) for which in (VALID, TEST)}
    for name, which in (("validation", VALID), ("test", TEST)):
        if not len(held[which]):
            raise DataError(f"the {name} part of {protocol} is empty", where=dataset.name, remedy="Use larger shares.")
    train = part == TRAIN
    rows = (dataset.sequences.rows[train], held[VALID].rows, held[TEST].rows)
    return EventSplit(
        task,
        protocol,
        knobs,
        dataset.where(train),
        held[VALID],
        held[TEST],
        split_hash(dataset, protocol, knobs, rows),
    )


def _by_time(dataset: Dataset, valid: float, test: float) -> NDArray[np.int8]:
    need_times(dataset, "a split by time", "Name the time column in dataset.toml, or use --protocol random-ratio.")
    stated = dataset.sequences.timestamps
    window = Layout(valid=valid, test=test).windows(stated[stated != NO_TIME], train_on_valid=False)[0]
    times = filled_times(dataset.sequences)
    return np.where(times >= window.test_from, TEST, np.where(times >= window.valid_from, VALID, TRAIN)).astype(np.int8)


def _ask(
    dataset: Dataset, part: NDArray[np.int8], which: int, answers: NDArray[np.float64], protocol: str
) -> LabelledEvents:
    """Make questions of the answered events in one part."""
    sequences = dataset.sequences
    events = np.flatnonzero((part == which) & ~np.isnan(answers))
    user = sequences.user_of_event()[events]
    if protocol == "global-time":
        first, query = np.arange(len(events)), np.arange(len(events))
        visible = np.ones(len(part), dtype=bool)
        starts, ends, now = sequences.indptr[user], events, sequences.timestamps[events]
    else:
        first, query = run_starts(user), run_numbers(user)
        visible = np.isin(part, (TRAIN, VALID) if which == TEST else (TRAIN,))
        place = np.append(0, np.cumsum(visible))
        asking = user[first]
        starts, ends = place[sequences.indptr[asking]], place[sequences.indptr[asking + 1]]
        now = np.full(len(asking), NO_TIME)
    ratings = None if sequences.ratings is None else sequences.ratings[visible]
    return LabelledEvents(
        QueryBatch(
            dictionary=dataset.items.ids,
            codes=sequences.codes[visible],
            weights=sequences.weights[visible],
            timestamps=sequences.timestamps[visible],
            starts=starts,
            ends=ends,
            user_ids=sequences.user_ids[user[first]],
            now=now,
            ratings=ratings,
        ),
        targets=sequences.codes[events],
        query=query.astype(np.int32),
        users=run_numbers(user[first]).astype(np.int32),
        rows=sequences.rows[events],
        fingerprint=dataset.fingerprint,
        answers=answers[events],
        context=context_of(dataset.interactions.frame[events]),
    )
