"""Events drawn at random, as in papers on collaborative filtering: no prediction of the future."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset, Sequences
from tastemaker.data.splits.checks import choice, shares
from tastemaker.data.splits.last import share_of_each
from tastemaker.data.splits.parts import Split, cut
from tastemaker.data.splits.questions import TEST, TRAIN, VALID, Form
from tastemaker.data.splits.ranks import rank_within
from tastemaker.data.splits.rules import Rules

PER = ("user", "all")


def random_ratio(
    dataset: Dataset,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    per: str = "user",
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on events drawn at random, select on others, learn from the rest: as in papers on collaborative filtering.

    One question for each user and part; its history is the user's events in training, for a test question those in
    validation too, whatever their time: such a split knows the future.

    Args:
        dataset: The whole data set.
        valid: Share of the events that is selected on.
        test: Share of the events that is tested on.
        per: ``user`` draws the share of each user's events, rounded halves upwards, and leaves one to learn from;
            ``all`` draws from all events.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: The shares leave nothing to learn from, or a part is empty.
    """
    rules, run = rules or Rules(), run or Run()
    shares(valid=valid, test=test)
    choice("per", per, PER)
    dataset, knobs = rules.prepared(dataset, run)
    everything = np.ones(len(dataset.interactions), dtype=bool)
    part = drawn(dataset.sequences, everything, valid, test, per, run.rng("split"))
    knobs = {**knobs, "valid": valid, "test": test, "per": per, "seed": run.seed}
    return cut("random-ratio", dataset, part, Form("train", together=True), rules, knobs, run)


def drawn(
    sequences: Sequences, among: NDArray[np.bool_], valid: float, test: float, per: str, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Return the parts of events drawn from those ``among`` which may be; the others are in training."""
    events = np.flatnonzero(among)
    keys = rng.random(len(among))[events]
    if per == "user":
        user = sequences.user_of_event()[events]
        rank = rank_within(user, keys)
        lengths = np.bincount(user, minlength=len(sequences.user_ids))
        selected, tested = (number[user] for number in share_of_each(lengths, valid, test, 0))
    else:
        rank = rank_within(np.zeros(len(events), dtype=np.int64), keys)
        selected, tested = share_of_each(np.array([len(events)]), valid, test, 0)
    parts = np.where(rank < tested, TEST, np.where(rank < tested + selected, VALID, TRAIN))
    part = np.full(len(among), TRAIN, dtype=np.int8)
    part[events] = parts
    return part
