"""Items and users that training has never met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.checks import choice, count, need_times, need_users, shares
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
    targets_per_user: int | None = 10,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on items of which training holds no event at all, select on others of that kind.

    Each event with a cold item is a question, asked with the same user's events before it whose items are in
    training. The catalogue keeps the cold items: a model may know them by their texts.

    Args:
        dataset: The whole data set.
        valid: Share of the items that is selected on.
        test: Share of the items that is tested on.
        by: ``random`` draws them; ``first-seen`` takes those whose first event came last.
        targets_per_user: Questions for each user and part at most, drawn at random; ``None`` asks all.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draws.

    Raises:
        DataError: A share holds no item or leaves none, or ``first-seen`` is asked for without times.
    """
    rules, run = rules or Rules(), run or Run()
    shares(valid=valid, test=test)
    choice("by", by, BY)
    if targets_per_user is not None:
        count("targets_per_user", targets_per_user, 1)
    if rules.drop_cold_items:
        raise DataError("cold-item asks for cold items, so drop_cold_items would leave nothing", where="knobs")
    dataset, knobs = rules.prepared(dataset, run)
    codes = dataset.sequences.codes
    known = np.flatnonzero(np.bincount(codes, minlength=len(dataset.items)))
    selected, tested = _sizes("items", len(known), valid, test, dataset)
    keys = run.rng("split").random(len(dataset.items))[known]
    if by == "first-seen":
        need_times(dataset, "cold-item by first-seen", "Name the time column in dataset.toml, or use by='random'.")
        order = known[np.lexsort((keys, _first_seen(dataset)[known]))]
    else:
        order = known[np.argsort(keys)]
    part_of = np.full(len(dataset.items), TRAIN, dtype=np.int8)
    part_of[order[len(order) - tested :]] = TEST
    part_of[order[len(order) - tested - selected : len(order) - tested]] = VALID
    knobs = {
        **knobs,
        "valid": valid,
        "test": test,
        "by": by,
        "targets_per_user": targets_per_user,
        "seed": run.seed,
    }
    return cut("cold-item", dataset, part_of[codes], Form("warm", per_user=targets_per_user), rules, knobs, run)


def cold_user(
    dataset: Dataset,
    *,
    shown: int = 3,
    asked: int = 1,
    valid: float = 0.1,
    test: float = 0.1,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on users of whom training holds no event at all: some are shown, and what came next is asked.

    Args:
        dataset: The whole data set.
        shown: The first events of a user that stand in the history; 0 asks a stranger.
        asked: How many of the next events are the targets of one question.
        valid: Share of the users with more than ``shown`` events that is selected on.
        test: Share of the users with more than ``shown`` events that is tested on.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: Nobody has more than ``shown`` events, or a share holds no user or leaves none.
    """
    rules, run = rules or Rules(), run or Run()
    count("shown", shown)
    count("asked", asked, 1)
    shares(valid=valid, test=test)
    if rules.drop_cold_users:
        raise DataError("cold-user asks cold users, so drop_cold_users would leave nothing", where="knobs")
    dataset, knobs = rules.prepared(dataset, run)
    need_users(dataset, 3, "cold-user")
    sequences = dataset.sequences
    lengths = np.diff(sequences.indptr)
    able = np.flatnonzero(lengths > shown)
    if not len(able):
        raise DataError(
            f"cold-user shows {shown} events and asks for the next, and nobody has more than {lengths.max()}",
            where=dataset.name,
            remedy="Show fewer.",
        )
    selected, tested = _sizes(f"users with more than {shown} events", len(able), valid, test, dataset)
    order = able[np.argsort(run.rng("split").random(len(lengths))[able])]
    part_of = np.full(len(lengths), TRAIN, dtype=np.int8)
    part_of[order[:tested]] = TEST
    part_of[order[tested : tested + selected]] = VALID
    if rules.train_on_valid:
        part_of[part_of == VALID] = TRAIN
    user = sequences.user_of_event()
    place = np.arange(len(user)) - sequences.indptr[user]
    part = part_of[user]
    part[(part != TRAIN) & ((place < shown) | (place >= shown + asked))] = NONE
    knobs = {
        **knobs,
        "shown": shown,
        "asked": asked,
        "valid": valid,
        "test": test,
        "seed": run.seed,
        "history_at_valid": f"the first {shown} events",
        "history_at_test": f"the first {shown} events",
    }
    return cut("cold-user", dataset, part, Form(together=True), rules, knobs, run)


def _sizes(what: str, there: int, valid: float, test: float, dataset: Dataset) -> tuple[int, int]:
    """Return how many are selected on and tested on, rounded, halves upwards."""
    selected, tested = int(valid * there + 0.5), int(test * there + 0.5)
    if not selected or not tested or selected + tested >= there:
        raise DataError(
            f"of {there} {what}, shares of valid={valid} and test={test} are {selected} and {tested}",
            where=dataset.name,
            remedy="Each part needs one at least: use other shares, or more data.",
        )
    return selected, tested


def _first_seen(dataset: Dataset) -> NDArray[np.int64]:
    """Return the first known time of each item, int64 ``[n]``; items without one count as old."""
    sequences = dataset.sequences
    known = sequences.timestamps != NO_TIME
    first = np.full(len(dataset.items), np.iinfo(np.int64).max)
    np.minimum.at(first, sequences.codes[known], sequences.timestamps[known])
    first[first == np.iinfo(np.int64).max] = NO_TIME
    return first
