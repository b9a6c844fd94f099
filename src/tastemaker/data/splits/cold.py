"""Items and users that training has never met, or has met a few times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.checks import choice, count, need_times, need_users, shares, sizes
from tastemaker.data.splits.parts import Split, cut
from tastemaker.data.splits.questions import NONE, TEST, TRAIN, VALID, Form
from tastemaker.data.splits.rules import Rules

BY = ("random", "first-seen")


def cold_item(
    dataset: Dataset,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    by: str = "random",
    shown: int = 0,
    after: int | None = None,
    targets_per_user: int | None = 10,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on items of which training holds no event at all, select on others of that kind.

    Each event with a cold item is a question, asked with the same user's events before it whose items are in
    training. The catalogue keeps the cold items: a model may know them by their texts.

    With ``shown`` the first events of each held-out item are learnt from after all. Splits that differ in this alone
    have the same questions, if ``after`` is given: how soon counting catches up with reading can be read off them.

    Args:
        dataset: The whole data set.
        valid: Share of the items that is selected on.
        test: Share of the items that is tested on.
        by: ``random`` draws them; ``first-seen`` takes those whose first event came last.
        shown: How many events of each held-out item are learnt from: the first by time, and by the row without one.
        after: How many of an item's first events are no questions, ``shown`` or more; by default ``shown``. Those
            that are not shown are in no part and in no history.
        targets_per_user: Questions for each user and part at most, drawn at random; ``None`` asks all.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draws.

    Raises:
        DataError: A share holds no item or leaves none, or ``first-seen`` is asked for without times.
    """
    rules, run = rules or Rules(), run or Run()
    shares(valid=valid, test=test)
    choice("by", by, BY)
    count("shown", shown)
    before = _before(shown, after)
    if targets_per_user is not None:
        count("targets_per_user", targets_per_user, 1)
    if rules.drop_cold_items:
        raise DataError("cold-item asks for cold items, so drop_cold_items would leave nothing", where="knobs")
    dataset, knobs = rules.prepared(dataset, run)
    codes = dataset.sequences.codes
    known = np.flatnonzero(np.bincount(codes, minlength=len(dataset.items)))
    selected, tested = sizes("items", len(known), valid, test, dataset.name)
    keys = run.rng("split").random(len(dataset.items))[known]
    if by == "first-seen":
        need_times(dataset, "cold-item by first-seen", "Name the time column in dataset.toml, or use by='random'.")
        order = known[np.lexsort((keys, _first_seen(dataset)[known]))]
    else:
        order = known[np.argsort(keys)]
    part_of = np.full(len(dataset.items), TRAIN, dtype=np.int8)
    part_of[order[len(order) - tested :]] = TEST
    part_of[order[len(order) - tested - selected : len(order) - tested]] = VALID
    part = part_of[codes]
    if before:
        place = _place_within_item(dataset)
        held_out = part != TRAIN
        part[held_out & (place < before)] = NONE
        part[held_out & (place < shown)] = TRAIN
    knobs = {
        **knobs,
        "valid": valid,
        "test": test,
        "by": by,
        **({"shown": shown, "after": before} if before else {}),
        "targets_per_user": targets_per_user,
        "seed": run.seed,
    }
    return cut("cold-item", dataset, part, Form("warm", per_user=targets_per_user), rules, knobs, run)


def cold_user(
    dataset: Dataset,
    *,
    shown: int = 3,
    asked: int = 1,
    after: int | None = None,
    valid: float = 0.1,
    test: float = 0.1,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on users of whom training holds no event at all: some are shown, and what came next is asked.

    Splits that differ in ``shown`` alone ask the same people for the same answers, if ``after`` is given: how an answer
    gets better with what is known can be read off them. Those shown are the latest before what is asked, so that
    nothing lies between the two.

    Args:
        dataset: The whole data set.
        shown: How many events of a user stand in the history; 0 asks a stranger.
        asked: How many of the next events are the targets of one question.
        after: How many events a user has before the first target, ``shown`` or more; by default ``shown``.
        valid: Share of the users with more than ``after`` events that is selected on.
        test: Share of the users with more than ``after`` events that is tested on.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: Nobody has more than ``after`` events, or a share holds no user or leaves none.
    """
    rules, run = rules or Rules(), run or Run()
    count("shown", shown)
    count("asked", asked, 1)
    before = _before(shown, after)
    shares(valid=valid, test=test)
    if rules.drop_cold_users:
        raise DataError("cold-user asks cold users, so drop_cold_users would leave nothing", where="knobs")
    dataset, knobs = rules.prepared(dataset, run)
    need_users(dataset, 3, "cold-user")
    sequences = dataset.sequences
    lengths = np.diff(sequences.indptr)
    able = np.flatnonzero(lengths > before)
    if not len(able):
        asks = "the next" if before == shown else f"what follows the first {before}"
        raise DataError(
            f"cold-user shows {shown} events and asks for {asks}, and nobody has more than {lengths.max()}",
            where=dataset.name,
            remedy="Show fewer.",
        )
    selected, tested = sizes(f"users with more than {before} events", len(able), valid, test, dataset.name)
    order = able[np.argsort(run.rng("split").random(len(lengths))[able])]
    part_of = np.full(len(lengths), TRAIN, dtype=np.int8)
    part_of[order[:tested]] = TEST
    part_of[order[tested : tested + selected]] = VALID
    if rules.train_on_valid:
        part_of[part_of == VALID] = TRAIN
    user = sequences.user_of_event()
    place = np.arange(len(user)) - sequences.indptr[user]
    part = part_of[user]
    part[(part != TRAIN) & ((place < before) | (place >= before + asked))] = NONE
    first = f"the first {shown} events" if shown == before else f"the latest {shown} of the first {before} events"
    knobs = {
        **knobs,
        "shown": shown,
        "asked": asked,
        **({} if after is None else {"after": after}),
        "valid": valid,
        "test": test,
        "seed": run.seed,
        "history_at_valid": first,
        "history_at_test": first,
    }
    return cut("cold-user", dataset, part, Form(together=True, last=shown), rules, knobs, run)


def _before(shown: int, after: int | None) -> int:
    """Return how many events come before the first that is asked for."""
    if after is None:
        return shown
    count("after", after)
    if after < shown:
        raise DataError(f"{shown} events cannot be shown of the {after} before what is asked", where="after")
    return after


def _first_seen(dataset: Dataset) -> NDArray[np.int64]:
    """Return the first known time of each item, int64 ``[n]``; items without one count as old."""
    sequences = dataset.sequences
    known = sequences.timestamps != NO_TIME
    first = np.full(len(dataset.items), np.iinfo(np.int64).max)
    np.minimum.at(first, sequences.codes[known], sequences.timestamps[known])
    first[first == np.iinfo(np.int64).max] = NO_TIME
    return first


def _place_within_item(dataset: Dataset) -> NDArray[np.int64]:
    """Return which event of its item each event is, from 0, by time and then by original row, int64 ``[e]``."""
    sequences = dataset.sequences
    order = np.lexsort((sequences.rows, sequences.timestamps, sequences.codes))
    starts = np.append(0, np.cumsum(np.bincount(sequences.codes, minlength=len(dataset.items))))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - starts[sequences.codes[order]]
    return place
