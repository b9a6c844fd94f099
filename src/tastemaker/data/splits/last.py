"""Each user's last events: leave-one-out, leave-last-n, user ratio, and user k-fold over people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset, Sequences
from tastemaker.data.splits.checks import choice, count, flag, need_users, shares
from tastemaker.data.splits.parts import Folds, Split, cut
from tastemaker.data.splits.questions import NONE, TARGETS, TEST, TRAIN, VALID, Form
from tastemaker.data.splits.rules import Rules

_INCLUDED = "all events before, validation event included"


def leave_one_out(
    dataset: Dataset, *, min_events: int = 3, rules: Rules | None = None, run: Run | None = None
) -> Split:
    """Test on each user's last event, select on the one before, learn from the rest.

    Equal times keep the order of the file unless ``rules`` say otherwise. Users with fewer than ``min_events`` events
    are only learnt from.

    Args:
        dataset: The whole data set.
        min_events: Events that a user needs to be tested, at least 3.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed where ties are shuffled.
    """
    rules, run = rules or Rules(), run or Run()
    count("min_events", min_events)
    min_events = max(3, min_events)
    dataset, knobs = rules.prepared(dataset, run)
    sequences = dataset.sequences
    held = np.diff(sequences.indptr) >= min_events
    part = _last(sequences, np.where(held, 1, 0), np.where(held, 1, 0))
    knobs = {**knobs, "min_events": min_events, "history_at_test": _INCLUDED}
    return cut("leave-one-out", dataset, part, Form(), rules, knobs, run, _few(sequences, min_events))


def leave_last_n(
    dataset: Dataset,
    *,
    test_events: int = 1,
    valid_events: int = 1,
    targets: str = "each",
    min_events: int = 0,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on each user's last events, select on those before them, learn from the rest.

    Args:
        dataset: The whole data set.
        test_events: How many events of each user are tested on, 1 or more.
        valid_events: How many before them are selected on, 1 or more.
        targets: ``each`` asks one question for each event, after all events before it; ``together`` asks one question
            for each user and part, after all events before the part.
        min_events: Events that a user needs to be tested; never less than both parts and one event to learn from.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed where ties are shuffled.

    Raises:
        DataError: Nobody has as many events.
    """
    rules, run = rules or Rules(), run or Run()
    count("test_events", test_events, 1)
    count("valid_events", valid_events, 1)
    count("min_events", min_events)
    choice("targets", targets, TARGETS)
    min_events = max(min_events, test_events + valid_events + 1)
    dataset, knobs = rules.prepared(dataset, run)
    sequences = dataset.sequences
    _need_long("leave-last-n", dataset, min_events)
    held = np.diff(sequences.indptr) >= min_events
    part = _last(sequences, np.where(held, valid_events, 0), np.where(held, test_events, 0))
    knobs = {
        **knobs,
        "test_events": test_events,
        "valid_events": valid_events,
        "targets": targets,
        "min_events": min_events,
        "history_at_test": f"{_INCLUDED.removesuffix('event included')}events included",
    }
    form = Form(together=targets == "together")
    return cut("leave-last-n", dataset, part, form, rules, knobs, run, _few(sequences, min_events))


def user_ratio(
    dataset: Dataset,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    targets: str = "together",
    min_events: int = 3,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on the last share of each user's events, select on the share before it, learn from the rest.

    The numbers are rounded for each user, halves upwards, and leave at least one event to learn from.

    Args:
        dataset: The whole data set.
        valid: Share of each user's events that is selected on.
        test: Share of each user's events that is tested on.
        targets: ``together`` asks one question for each user and part; ``each`` one for each event.
        min_events: Events that a user needs to be tested.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed where ties are shuffled.

    Raises:
        DataError: The shares leave nothing to learn from, or a part is empty.
    """
    rules, run = rules or Rules(), run or Run()
    shares(valid=valid, test=test)
    choice("targets", targets, TARGETS)
    count("min_events", min_events)
    dataset, knobs = rules.prepared(dataset, run)
    sequences = dataset.sequences
    part = _last(sequences, *share_of_each(np.diff(sequences.indptr), valid, test, min_events))
    knobs = {
        **knobs,
        "valid": valid,
        "test": test,
        "targets": targets,
        "min_events": min_events,
        "history_at_test": f"{_INCLUDED.removesuffix('event included')}events included",
    }
    return cut("user-ratio", dataset, part, Form(together=targets == "together"), rules, knobs, run)


def user_k_fold(
    dataset: Dataset,
    *,
    folds: int = 5,
    test_events: int = 1,
    targets: str = "each",
    tested_users_in_train: bool = True,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Folds:
    """Part the users at random, and test on the last events of one part after the other.

    In each fold the users of the next fold are selected on in the same way. Everybody is tested in one fold, those of
    too few events excepted, who are only learnt from.

    Args:
        dataset: The whole data set.
        folds: How many parts, at least 2.
        test_events: How many of a user's last events are asked for.
        targets: ``each`` asks one question for each event; ``together`` one for each user.
        tested_users_in_train: Whether the other events of users that are tested or selected on are learnt from;
            otherwise the model meets these users for the first time, with all their events before as history.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the parts.

    Returns:
        The splits.

    Raises:
        DataError: There are fewer users than folds, or nobody has as many events.
    """
    rules, run = rules or Rules(), run or Run()
    count("folds", folds, 2)
    count("test_events", test_events, 1)
    choice("targets", targets, TARGETS)
    flag("tested_users_in_train", tested_users_in_train)
    dataset, knobs = rules.prepared(dataset, run)
    need_users(dataset, folds, f"user-k-fold with folds={folds}")
    _need_long("user-k-fold", dataset, test_events + 1)
    sequences = dataset.sequences
    users = len(sequences.user_ids)
    fold_of = np.empty(users, dtype=np.int64)
    fold_of[np.argsort(run.rng("folds").random(users))] = np.arange(users) * folds // users
    knobs = {
        **knobs,
        "folds": folds,
        "test_events": test_events,
        "targets": targets,
        "tested_users_in_train": tested_users_in_train,
        "seed": run.seed,
    }
    form = Form(together=targets == "together")
    long_enough = np.diff(sequences.indptr) > test_events

    def one(fold: int) -> Split:
        tested, chosen_on = (fold_of == fold) & long_enough, (fold_of == (fold + 1) % folds) & long_enough
        part = _last(sequences, np.where(chosen_on, test_events, 0), np.where(tested, test_events, 0))
        if not tested_users_in_train:
            shown_only = tested if rules.train_on_valid else tested | chosen_on
            part[(part == TRAIN) & shown_only[sequences.user_of_event()]] = NONE
        advice = "Use fewer folds, or learn from tested users too."
        return cut("user-k-fold", dataset, part, form, rules, {**knobs, "fold": fold}, run, advice)

    return Folds(one, folds)


def share_of_each(
    lengths: NDArray[np.int64], valid: float, test: float, min_events: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of each user's events are selected on and tested on, int64 ``[u]`` each.

    >>> [part.tolist() for part in share_of_each(np.array([1, 2, 5, 10]), 0.1, 0.2, 0)]
    [[0, 0, 1, 1], [0, 0, 1, 2]]
    """
    most = np.where(lengths >= min_events, lengths - 1, 0)
    tested = np.minimum(np.floor(test * lengths + 0.5).astype(np.int64), most)
    return np.minimum(np.floor(valid * lengths + 0.5).astype(np.int64), most - tested), tested


def _last(sequences: Sequences, valid: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the parts where each user's last ``test`` events are tested on and ``valid`` before them selected on."""
    ends = sequences.indptr[1:]
    lengths = np.stack([np.diff(sequences.indptr) - valid - test, valid, test], axis=1).ravel()
    assert ends[-1] == lengths.sum()
    return np.repeat(np.tile(np.array([TRAIN, VALID, TEST], dtype=np.int8), len(ends)), lengths)


def _few(sequences: Sequences, needed: int) -> str:
    longest = int(np.diff(sequences.indptr).max(initial=0))
    if longest < needed:
        return f"A user needs {needed} events, and nobody has more than {longest}: use fewer, or more data."
    return "Use more data, larger shares, or another protocol."


def _need_long(protocol: str, dataset: Dataset, needed: int) -> None:
    longest = int(np.diff(dataset.sequences.indptr).max(initial=0))
    if longest < needed:
        raise DataError(
            f"{protocol} needs users with {needed} events, and nobody has more than {longest}",
            where=dataset.name,
            remedy="Hold out fewer events of each user, or use more data.",
        )
