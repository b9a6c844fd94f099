"""One clock for everybody: learn from the past, select on what came next, test on what came last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.checks import choice, count, need_times
from tastemaker.data.splits.parts import Folds, Split, cut
from tastemaker.data.splits.questions import NONE, TARGETS, TEST, TRAIN, VALID, Form
from tastemaker.data.splits.rules import Rules
from tastemaker.data.splits.windows import Layout, Window, filled_times

_SHARES = "Use more data, larger shares, or another protocol."
_LENGTHS = "Use longer windows, fewer folds, other borders, or another protocol."


def global_time(
    dataset: Dataset,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    valid_days: float | None = None,
    test_days: float | None = None,
    borders: Sequence[Any] | None = None,
    align: str = "none",
    train_days: float | None = None,
    train_from: Any = None,
    targets: str = "each",
    targets_per_user: int | None = 10,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Learn from the past, select on what came next, test on what came last, by one clock for everybody.

    Every event of a window is a question, asked with all of that user's events before it; at most
    ``targets_per_user`` of them, drawn at random, so that a busy evening does not outweigh a careful reader.
    An event without a time goes with the same user's event before it, or else after it; the events of users without
    any time are in no part.

    Args:
        dataset: The whole data set; events need times.
        valid: Share of the events in the validation window.
        test: Share of the events in the test window.
        valid_days: Length of the validation window; ``None`` makes it as long as the test window. Needs ``test_days``
            or ``borders``.
        test_days: Length of the test window, instead of shares.
        borders: Where the test window begins, and where it ends if there is a second one: dates, datetimes or ISO
            8601 text, UTC where no zone is given. Instead of shares.
        align: The last window of ``test_days`` ends with the ``hour``, ``day`` or ``week`` (from Monday, UTC) of the
            last event, or right after it (``none``).
        train_days: Length of the training window. Events before it are not learnt from, but stand in histories.
        train_from: When the training window begins, instead of its length.
        targets: ``each`` asks one question for each event; ``together`` one for each user and window, after all
            events before the window.
        targets_per_user: Targets for each user and window at most; ``None`` asks all.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: There are no times, or a window is empty.
    """
    found = global_time_folds(
        dataset,
        valid=valid,
        test=test,
        valid_days=valid_days,
        test_days=test_days,
        borders=borders,
        align=align,
        train_days=train_days,
        train_from=train_from,
        targets=targets,
        targets_per_user=targets_per_user,
        rules=rules,
        run=run,
    )
    if len(found) > 1:
        raise DataError(f"these borders make {len(found)} windows", where="borders", remedy="Use global_time_folds.")
    return found[0]


def global_time_folds(
    dataset: Dataset,
    *,
    folds: int = 1,
    valid: float = 0.1,
    test: float = 0.1,
    valid_days: float | None = None,
    test_days: float | None = None,
    borders: Sequence[Any] | None = None,
    align: str = "none",
    train_days: float | None = None,
    train_from: Any = None,
    targets: str = "each",
    targets_per_user: int | None = 10,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Folds:
    """Split by time several times, each test window right after the one before it.

    The training window begins where the data begin and grows from fold to fold, or slides where ``train_days`` gives
    its length. Histories reach back to the beginning in either case.

    Args:
        dataset: The whole data set; events need times.
        folds: How many test windows; more than two ``borders`` say it themselves.
        valid: Share of the events in each validation window.
        test: Share of the events in each test window.
        valid_days: See `global_time`; so for what is not named here.
        test_days: Length of each test window, instead of shares.
        borders: Where the test windows begin, and where the last one ends.
        align: See `global_time`.
        train_days: Length of the training window of every fold.
        train_from: When the training window of every fold begins.
        targets: See `global_time`.
        targets_per_user: See `global_time`.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draws.

    Returns:
        The splits, the earliest first.

    Raises:
        DataError: There are no times, or a window is empty.
    """
    rules, run = rules or Rules(), run or Run()
    choice("targets", targets, TARGETS)
    if targets_per_user is not None:
        count("targets_per_user", targets_per_user, 1)
    layout = Layout(
        folds=folds,
        valid=valid,
        test=test,
        valid_days=valid_days,
        test_days=test_days,
        borders=borders,
        align=align,
        train_days=train_days,
        train_from=train_from,
    )
    dataset, knobs = rules.prepared(dataset, run)
    need_times(dataset, "a split by time", "Name the time column in dataset.toml, or use --protocol leave-one-out.")
    stated = dataset.sequences.timestamps
    step = MICROSECONDS_PER_DAY if rules.ties == "shuffle" and rules.tie_unit == "day" else 1
    windows = layout.windows(stated[stated != NO_TIME], train_on_valid=rules.train_on_valid, step=step)
    times = filled_times(dataset.sequences)
    knobs = {
        **knobs,
        "valid": None if layout.by_length else valid,
        "test": None if layout.by_length else test,
        "valid_days": valid_days,
        "test_days": test_days,
        "align": align,
        "train_days": train_days,
        "window": "expanding" if train_days is None else "sliding",
        "targets": targets,
        "targets_per_user": targets_per_user,
        "seed": run.seed,
        "folds": len(windows),
    }
    form = Form(together=targets == "together", per_user=targets_per_user)

    def one(fold: int) -> Split:
        window = windows[fold]
        own = {
            **knobs,
            "fold": fold,
            "train_from": window.train_from,
            "valid_from": window.valid_from,
            "test_from": window.test_from,
            "test_to": window.test_to,
        }
        remedy = _LENGTHS if layout.by_length else _SHARES
        return cut("global-time", dataset, _part(times, window), form, rules, own, run, remedy)

    return Folds(one, len(windows))


def _part(times: NDArray[np.int64], window: Window) -> NDArray[np.int8]:
    part = np.full(len(times), TEST, dtype=np.int8)
    part[times < window.test_from] = VALID
    part[times < window.valid_from] = TRAIN
    part[times < (NO_TIME + 1 if window.train_from is None else window.train_from)] = NONE
    if window.test_to is not None:
        part[times >= window.test_to] = NONE
    return part
