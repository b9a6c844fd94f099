"""The split that data bring along: rows that are named, or a column that says which part each event is in."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.data.splits.checks import choice, shares
from tastemaker.data.splits.parts import Split, cut
from tastemaker.data.splits.questions import TEST, TRAIN, VALID, Form
from tastemaker.data.splits.rules import Knobs, Rules
from tastemaker.data.splits.sampled import PER, drawn

COLUMN: Final = "split"
_PART: Final = "_part"
_OTHER_NAMES: Final = {"training": "train", "validation": "valid", "val": "valid", "dev": "valid"}


def given_split(
    dataset: Dataset,
    *,
    column: str = COLUMN,
    test_part: str = "test",
    valid_part: str = "valid",
    test_rows: Any = None,
    valid_rows: Any = None,
    valid: float = 0.1,
    per: str = "user",
    history: str = "train",
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Take a split as it was given with the data; what is selected on is drawn from training where it was not.

    A column of the events says which part each is in (``train``, ``valid`` or ``test``), unless rows are named.

    Args:
        dataset: Training and test events together.
        column: The column that says it.
        test_part: What it says of the events that are tested on.
        valid_part: What it says of the events that are selected on; where no event is in that part, it is drawn.
        test_rows: Original row numbers of the test events, or a mask over all original rows, instead of the column.
        valid_rows: The same of the validation events; ``None`` draws them.
        valid: Share of the remaining events that is drawn.
        per: ``user`` draws the share of each user's events, rounded halves upwards; ``all`` of all events.
        history: ``train`` asks one question for each user and part, after all that is learnt from; ``before`` asks for
            each event after all events before it.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: There is no such column, or it says something else of an event; rows are in both parts or in none
            of the data; or a part is empty.
    """
    rules, run = rules or Rules(), run or Run()
    choice("per", per, PER)
    choice("history", history, ("train", "before"))
    dataset, knobs = rules.prepared(dataset, run)
    if test_rows is None and valid_rows is None:
        tested, selected, found = _of_column(dataset, column, test_part, valid_part)
        knobs = {**knobs, **found}
    else:
        tested, selected = _of_rows(dataset, test_rows, valid_rows)
    if selected is None:
        shares(valid=valid)
        part = drawn(dataset.sequences, ~tested, valid, 0.0, per, run.rng("split"))
        knobs = {**knobs, "valid": valid, "per": per, "seed": run.seed}
    else:
        part = np.where(selected, VALID, TRAIN).astype(np.int8)
        knobs = {**knobs, "valid": "given"}
    part[tested] = TEST
    form = Form("train", together=True) if history == "train" else Form()
    return cut("given", dataset, part, form, rules, {**knobs, "history": history}, run)


def _of_column(
    dataset: Dataset, column: str, test_part: str, valid_part: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None, Knobs]:
    """Return which events a column gives to the test and, if any, to validation, bool ``[e]``, and what was read."""
    frame = dataset.interactions.frame
    if column not in frame.columns:
        raise DataError(
            f"these data bring no split along: their events have no column '{column}'",
            where=f"{dataset.name}; columns: {', '.join(frame.columns)}",
            remedy="Add one that says train, valid or test; name another with column=...; or use another protocol.",
        )
    said = frame[column].cast(pl.String).str.strip_chars()
    plain = said.str.to_lowercase()
    known = {_plain(name) for name in ("train", valid_part, test_part)}
    words = plain.replace(_OTHER_NAMES)
    unknown = ~words.is_in(list(known)).fill_null(False)
    if unknown.any():
        first = said.filter(unknown)[0]
        raise DataError(
            f"{int(unknown.sum()):,} events are in no part of the split: column '{column}' says "
            f"{'nothing' if first is None else repr(first)}",
            where=dataset.name,
            remedy=f"Known: {', '.join(sorted(known))}. Name others with test_part=... and valid_part=... .",
        )
    tested = (words == _plain(test_part)).to_numpy()
    if not tested.any():
        there = sorted(set(words.to_list()))
        raise DataError(
            f"no event is in the part '{test_part}' of column '{column}', which holds {', '.join(there)}",
            where=dataset.name,
            remedy=f"To test on another part: test_part={next((w for w in there if w != 'train'), 'NAME')}.",
        )
    selected = ((words == _plain(valid_part)) & pl.Series(~tested)).to_numpy()
    has_valid = bool(selected.any())
    knobs: Knobs = {
        "column": column,
        "test_part": test_part,
        "valid_part": valid_part if has_valid else "drawn from training",
    }
    return tested, selected if has_valid else None, knobs


def _plain(name: str) -> str:
    plain = name.strip().lower()
    return _OTHER_NAMES.get(plain, plain)


def _of_rows(dataset: Dataset, test_rows: Any, valid_rows: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Return which events are named for the test and, if any, for validation, bool ``[e]``."""
    tested = _marked(dataset, "test_rows", test_rows)
    if valid_rows is None:
        return tested, None
    selected = _marked(dataset, "valid_rows", valid_rows)
    if both := int((tested & selected).sum()):
        raise DataError(f"{both} rows are in test_rows and in valid_rows", where=dataset.name)
    return tested, selected


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
