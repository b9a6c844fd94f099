"""The search itself: which settings are tried next, and what each comes to on validation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from tastemaker.core.errors import DataError, ModelError, nearest
from tastemaker.core.files import atomic_file
from tastemaker.core.run import Run, Watch
from tastemaker.data.split import Split
from tastemaker.data.splits.events import EventSplit
from tastemaker.evaluation.comparison import environment, plain
from tastemaker.models.base import DenseRecommender, Settings
from tastemaker.models.fusion import Fusion
from tastemaker.models.registry import default_settings, model_class
from tastemaker.models.space import Integer, Parameter, Real, points
from tastemaker.models.tuning.journal import DIRECTION, Journal, distributions, frozen, opened, optuna
from tastemaker.models.tuning.objective import Objective, objective
from tastemaker.models.tuning.page import PAGE, tuning_page
from tastemaker.models.tuning.pruning import GivenUp, Watcher
from tastemaker.models.tuning.record import RESULT, Trial, Tuning

TRIALS: Final = 30
"""How many trials the settings of a model get where nothing else is asked for."""

_FAILURES: Final = (ModelError, MemoryError, ArithmeticError, np.linalg.LinAlgError)
"""What may be the fault of the settings; anything else is the fault of the data or of the program."""

_DIGITS: Final = 4
"""Significant digits of the numbers that are tried, so that what is written down is what was tried."""


def tune(
    model: str | type[DenseRecommender],
    split: Split | EventSplit,
    *,
    trials: int = TRIALS,
    seconds: float | None = None,
    given: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    run: Run | None = None,
    notify: Callable[[str], None] | None = None,
) -> Tuning:
    """Search the settings of a model that do best on the validation queries; the test part is not touched.

    The value of a trial is NDCG@10; for models of ratings it is the root of the mean squared error, for models of
    clicks the log loss, on the validation part of a `tastemaker.data.split_events`.

    The first trial takes the model's defaults, the others are proposed by optuna's TPE (Bergstra, Bardenet, Bengio &
    Kégl, 2011) from the trials before them; a space of no more points than trials is tried as a whole. A trial that
    fails for want of memory or for numerical reasons is kept with its reason. Each depends on the trials before it
    and on the seed alone, so that a search that was killed and begun again comes to the same as one that was not.

    A model that stops training by validation does so in its trials, by a sample of the same queries, and a trial that
    falls behind the others is given up (`tastemaker.models.tuning.pruning.Watcher`).

    Args:
        model: A model's name, or its class.
        split: Models are fitted on its training part and compared on all queries of its validation part; for models
            of ratings or clicks an `EventSplit`.
        trials: How many trials there are to be in the end, those of earlier calls in the same folder among them.
        seconds: How long all trials may take together; a trial that has begun is finished, and there is always one.
        given: Hyper-parameters that every trial takes as they are here; nothing else is tried for them.
        folder: Keeps the trials as they come, with the result as JSON and as a page; a later call goes on there.
        run: Seed and progress.
        notify: Is told where a search goes on that was begun earlier.

    Raises:
        DataError: There are no validation queries, the split asks about something else, the data lack what the model
            needs, or there is no budget.
        MissingExtraError: optuna is not installed.
        ModelError: There is no such model, it has nothing to search, or every trial failed.
        StorageError: The folder cannot be written, is in use, or holds a search about something else.
    """
    run = run or Run()
    kind, given = model_class(model) if isinstance(model, str) else model, given or {}
    space = {name: parameter for name, parameter in kind.space.items() if name not in given}
    _check(kind, given, split, trials, seconds)
    goal = objective(kind, split)
    first = plain({**default_settings(kind), **given})
    begun = Tuning(
        model=kind.name,
        dataset=split.train.name,
        fingerprint=split.train.fingerprint,
        protocol=split.protocol,
        split_hash=split.hash,
        knobs=split.knobs,
        seed=run.seed,
        space=space,
        metric=goal.metric,
        budget={"trials": trials} if seconds is None else {"trials": trials, "seconds": seconds},
        counts={
            "train_events": len(split.train.interactions),
            "items": len(split.train.catalogue),
            "valid_queries": len(split.valid),
            "valid_users": split.valid.user_count,
        },
        environment={**environment(), "optuna": optuna().__version__},
    )
    place = None if folder is None else Path(folder)
    with opened(place, _about(begun, first), space, lower=begun.lower) as journal:
        found = replace(begun, trials=tuple(journal.trials()))
        if notify is not None and found.trials:
            notify(f"Going on after {len(found.trials)} trials in {place}")
        found = _searched(_Task(kind, split, first, goal, run), found, journal, place)
    if found.best is None:
        raise ModelError(
            f"all {len(found.trials)} trials failed, the first because {found.trials[0].reason.rstrip('.')}",
            where=kind.name,
        )
    return found


def _check(
    kind: type[DenseRecommender],
    given: Mapping[str, Any],
    split: Split | EventSplit,
    trials: int,
    seconds: float | None,
) -> None:
    known = default_settings(kind)
    if unknown := sorted(given.keys() - known.keys()):
        raise ModelError(f"'{kind.name}' has no hyper-parameter '{unknown[0]}'", remedy=nearest(unknown[0], known))
    if not kind.space.keys() - given.keys():
        why = "It declares no search space." if known else "It has no hyper-parameters."
        if kind.space:
            why = "All that might be tried is given."
        if issubclass(kind, Fusion):
            why = "Its weights are chosen whenever it is fitted; tune its sources."
        raise ModelError(f"'{kind.name}' has nothing to tune", remedy=why)
    if trials < 1:
        raise DataError(f"there are to be {trials} trials, but there must be one at least", where="trials")
    if seconds is not None and not seconds > 0:
        raise DataError(f"a search cannot take {seconds:g} seconds", where="seconds", remedy="Give a time above 0.")
    if not len(split.valid):
        raise DataError(
            f"the split by {split.protocol} has no validation queries to select on",
            where=split.train.name,
            remedy="Use a split with a validation part.",
        )


def _about(begun: Tuning, first: Settings) -> dict[str, Any]:
    """Return what must be the same for trials to be compared, by the words for it."""
    return {
        "model": begun.model,
        "data": begun.fingerprint[:12],
        "protocol": begun.protocol,
        "split": begun.split_hash,
        "metric": begun.metric,
        "seed": begun.seed,
        "space": {name: parameter.to_json() for name, parameter in begun.space.items()},
        "default": first,
    }


@dataclass(frozen=True)
class _Task:
    """What every trial of a search shares."""

    kind: type[DenseRecommender]
    split: Split | EventSplit
    first: Settings
    goal: Objective
    run: Run

    def value(self, settings: Settings, watch: Watch) -> float:
        """Return what a model of some settings comes to; it sees validation queries only if it has to choose."""
        model = self.kind(**settings)
        if isinstance(self.split, EventSplit):
            return self.goal.value(model.fit(self.split.train, run=self.run), self.run)
        valid = None if model.is_settled() else self.split.valid
        return self.goal.value(model.fit(self.split.train, valid, run=replace(self.run, watch=watch)), self.run)


def _searched(task: _Task, found: Tuning, journal: Journal, folder: Path | None) -> Tuning:
    most, run = int(found.budget["trials"]), task.run
    with run.limited(), run.track(f"Tuning {found.model}", most) as advance:
        advance(len(found.trials))
        while not (ended := _ended(found)):
            number = len(found.trials) + 1
            settings = {**task.first, **_next(found, run)} if found.trials else task.first
            with run.track(f"Trial {number} of {most}{_so_far(found)}"):
                trial = _tried(task, settings, found, journal)
            journal.add(trial)
            found = replace(found, trials=(*found.trials, trial))
            _keep(found, folder)
            advance(1)
    found = replace(found, ended=ended)
    _keep(found, folder)
    return found


def _so_far(found: Tuning) -> str:
    return "" if found.best is None else f", best {found.metric} so far {found.best.value:.4f}"


def _ended(found: Tuning) -> str:
    """Say why no more is to be tried; nothing if there is more to do."""
    tried, budget = len(found.trials), found.budget
    if tried >= budget["trials"]:
        return f"all {tried} trials were made"
    if _is_small(found) and not _untried(found):
        return f"all {points(found.space)} settings were tried"
    if tried and found.seconds >= budget.get("seconds", np.inf):
        return f"the {budget['seconds']:g} seconds were over"
    return ""


def _next(found: Tuning, run: Run) -> Settings:
    """Return what to try next; it depends on the trials so far and the seed, on nothing else."""
    rng = run.rng(f"trial {len(found.trials) + 1}")
    if _is_small(found):
        left = _untried(found)
        return left[rng.integers(len(left))]
    known = distributions(found.space)
    study = optuna().create_study(
        direction=DIRECTION[found.lower], sampler=optuna().samplers.TPESampler(seed=int(rng.integers(2**31)))
    )
    study.add_trials([frozen(trial, found.space) for trial in found.trials])
    proposed = study.ask(known).params
    return {name: _rounded(parameter, proposed[name]) for name, parameter in found.space.items()}


def _is_small(found: Tuning) -> bool:
    return points(found.space) <= found.budget["trials"]


def _untried(found: Tuning) -> list[Settings]:
    """Return the points of a small space that are left."""
    every = product(*(_values(parameter) for parameter in found.space.values()))
    left = [dict(zip(found.space, point, strict=True)) for point in every]
    tried = [{name: trial.settings[name] for name in found.space} for trial in found.trials]
    return [point for point in left if point not in tried]


def _values(parameter: Parameter) -> Sequence[Any]:
    assert not isinstance(parameter, Real)
    return range(parameter.low, parameter.high + 1) if isinstance(parameter, Integer) else parameter.values


def _rounded(parameter: Parameter, value: Any) -> Any:
    if not isinstance(parameter, Real):
        return value
    return float(min(max(float(f"{value:.{_DIGITS}g}"), parameter.low), parameter.high))


def _tried(task: _Task, settings: Settings, found: Tuning, journal: Journal) -> Trial:
    number = len(found.trials) + 1
    if not journal.may_start(number):
        reason = "the process ended three times while this was tried, perhaps for want of memory"
        return Trial(number, settings, None, 0.0, reason)
    started = time.perf_counter()
    value, reason, watcher = None, "", Watcher(found, settings)
    curve: Sequence[float] = ()
    try:
        value = task.value(settings, watcher)
        curve = watcher.curve
    except GivenUp as error:
        reason, curve = str(error), watcher.curve
    except _FAILURES as error:
        reason = str(error) or type(error).__name__
    except BaseException:
        journal.take_back_start()
        raise
    return Trial(number, settings, value, time.perf_counter() - started, reason, curve)


def _keep(found: Tuning, folder: Path | None) -> None:
    if folder is None:
        return
    for name, text in ((RESULT, json.dumps(found.to_json(), indent=2) + "\n"), (PAGE, tuning_page(found))):
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
