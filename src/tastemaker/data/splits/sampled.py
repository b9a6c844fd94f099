"""Events drawn at random, and splits that a data set brings along: both are no prediction of the future."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset, Sequences
from tastemaker.data.interactions import Interactions
from tastemaker.data.splits.checks import choice, shares
from tastemaker.data.splits.last import share_of_each
from tastemaker.data.splits.parts import Split, cut
from tastemaker.data.splits.questions import TEST, TRAIN, VALID, Form
from tastemaker.data.splits.ranks import rank_within
from tastemaker.data.splits.rules import Rules

PER = ("user", "all")
_PART = "_part"


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
    part = _drawn(dataset.sequences, everything, valid, test, per, run.rng("split"))
    knobs = {**knobs, "valid": valid, "test": test, "per": per, "seed": run.seed}
    return cut("random-ratio", dataset, part, Form("train", together=True), rules, knobs, run)


def given_split(
    dataset: Dataset,
    *,
    test_rows: Any,
    valid_rows: Any = None,
    valid: float = 0.1,
    per: str = "user",
    history: str = "train",
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Take a split as it was given with the data; what is selected on is drawn from training where it was not.

    Args:
        dataset: Training and test events together.
        test_rows: Original row numbers of the test events, or a mask over all original rows.
        valid_rows: The same of the validation events; ``None`` draws them.
        valid: Share of the remaining events that is drawn.
        per: ``user`` draws the share of each user's events, ``all`` of all events.
        history: ``train`` asks one question for each user and part, after all that is learnt from; ``before`` asks for
            each event after all events before it.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: Rows are in both parts or in none of the data, or a part is empty.
    """
    rules, run = rules or Rules(), run or Run()
    choice("per", per, PER)
    choice("history", history, ("train", "before"))
    dataset, knobs = rules.prepared(dataset, run)
    sequences = dataset.sequences
    tested = _marked(dataset, "test_rows", test_rows)
    if valid_rows is None:
        shares(valid=valid)
        part = _drawn(sequences, ~tested, valid, 0.0, per, run.rng("split"))
        knobs = {**knobs, "valid": valid, "per": per, "seed": run.seed}
    else:
        selected = _marked(dataset, "valid_rows", valid_rows)
        if both := int((tested & selected).sum()):
            raise DataError(f"{both} rows are in test_rows and in valid_rows", where=dataset.name)
        part = np.where(selected, VALID, TRAIN).astype(np.int8)
        knobs = {**knobs, "valid": "given"}
    part[tested] = TEST
    form = Form("train", together=True) if history == "train" else Form()
    return cut("given", dataset, part, form, rules, {**knobs, "history": history}, run)


def given_frames(
    train: pl.DataFrame,
    test: pl.DataFrame,
    valid: pl.DataFrame | None = None,
    *,
    catalogue: Catalogue | pl.DataFrame | None = None,
    name: str = "data",
) -> tuple[Dataset, dict[str, Any]]:
    """Put the tables of a given split together.

    Args:
        train: Events to learn from, with the columns that `Interactions.from_frame` takes.
        test: Events to test on.
        valid: Events to select on, if they were given.
        catalogue: The items.
        name: What the data set is called in reports.

    Returns:
        The data set, and the rows as `given_split` takes them: ``test_rows`` and, if given, ``valid_rows``.

    >>> log = pl.DataFrame({"user_id": ["u", "u", "v", "v"], "item_id": ["a", "b", "b", "c"]})
    >>> more = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["c", "a"]})
    >>> data, rows = given_frames(log, more)
    >>> split = given_split(data, **rows, valid=0.3)
    >>> len(split.train.interactions), len(split.valid), len(split.test)
    (2, 2, 2)
    """
    tables = {"train": train, "test": test, "valid": valid}
    marked = [table.with_columns(pl.lit(part).alias(_PART)) for part, table in tables.items() if table is not None]
    events = Interactions.from_frame(pl.concat(marked, how="diagonal_relaxed"))
    parts = events.frame[_PART]
    rows = {
        f"{part}_rows": np.sort(events.frame["order"].filter(parts == part).to_numpy())
        for part, table in tables.items()
        if part != "train" and table is not None
    }
    return Dataset.of(Interactions(events.frame.drop(_PART), events.rejected), catalogue, name=name), rows


def _drawn(
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
    drawn = np.where(rank < tested, TEST, np.where(rank < tested + selected, VALID, TRAIN))
    part = np.full(len(among), TRAIN, dtype=np.int8)
    part[events] = drawn
    return part


def _marked(dataset: Dataset, name: str, rows: Any) -> NDArray[np.bool_]:
    """Mark the events whose original rows are named, bool ``[e]``."""
    wanted = np.asarray(rows)
    if wanted.dtype == bool:
        wanted = np.flatnonzero(wanted)
    if wanted.ndim != 1 or not len(wanted) or not np.issubdtype(wanted.dtype, np.integer):
        raise DataError(f"{name} names no rows", where=dataset.name, remedy="Give row numbers from 0, or a mask.")
    marks = np.zeros(int(max(dataset.sequences.rows.max(), wanted.max())) + 1, dtype=bool)
    marks[wanted] = True
    found: NDArray[np.bool_] = marks[dataset.sequences.rows]
    if not found.any():
        raise DataError(f"not one of the rows in {name} is an event of the data", where=dataset.name)
    return found
