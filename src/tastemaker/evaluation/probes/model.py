"""All probes of a model: does it score where it cannot know, and does it read what it should not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data.split import Split
from tastemaker.evaluation.probes.counterfactual import with_names_exchanged, with_nothing_to_learn
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding
from tastemaker.evaluation.probes.gains import Lists, gains, lists_of
from tastemaker.evaluation.probes.knowing import above_chance, label_swap
from tastemaker.evaluation.probes.reading import history_only, names_exchanged, provenance_overlap

Factory = Callable[[], Recommender]

_STATISTICAL: Final = 4


def probe_model(
    make: Factory,
    split: Split,
    *,
    k: int = 10,
    queries: int = 5_000,
    repeats: int = 2,
    false_alarms: float = FALSE_ALARMS,
    run: Run | None = None,
) -> list[Finding]:
    """Fit a model on the training part, on data with nothing to learn, and with names exchanged; compare.

    The model is fitted ``2 * repeats + 1`` times. Lists are judged by the mean of ``1 / log2(rank + 1)`` over the
    answers, 0 beyond ``k`` (NDCG where each query has one answer).

    Args:
        make: Returns a new, unfitted model each time.
        split: What is learnt from and asked.
        k: Length of the lists.
        queries: Test queries asked at most, drawn at random.
        repeats: Seeds with which the comparison of names is made, 2 or more; they show what the seed alone does.
        false_alarms: The share of clean models for which one finding or more is an alarm, at most; each statistical
            probe gets an equal part.
        run: Seed and progress.

    Returns:
        One finding a probe, in a fixed order.
    """
    run = run or Run()
    held = split.test.sample(queries, run.rng("probe queries"))
    level = false_alarms / _STATISTICAL
    with run.limited(), run.track(f"probing {make().name}", 2 * max(repeats, 2) + 1) as advance:
        fitted = make().fit(split.train, split.valid, run=run)
        advance(1)
        lists = lists_of(fitted, held, k, run)
        found = [
            provenance_overlap(fitted, split),
            history_only(fitted, held, k=k, level=level, run=run),
            label_swap(fitted.name, lists, split, held, level=level, rng=run.rng("probe swap")),
        ]
        untrained = make().fit(with_nothing_to_learn(split.train, run.rng("probe nothing")), run=run)
        advance(1)
        noise = lists_of(untrained, held, k, run)
        found.append(above_chance(fitted.name, noise, held, level=level, rng=run.rng("probe exchange")))
        found.append(_names_exchanged(make, split, lists, queries, max(repeats, 2), level, run, advance))
    return found


def _names_exchanged(
    make: Factory,
    split: Split,
    lists: Lists,
    queries: int,
    repeats: int,
    level: float,
    run: Run,
    advance: Callable[[int], None],
) -> Finding:
    """Fit under the true names and under exchanged ones, with the same seeds, and compare."""
    k = lists.shape[1]
    as_they_are: list[NDArray[np.float64]] = []
    exchanged: list[NDArray[np.float64]] = []
    for repeat in range(repeats):
        seeded = replace(run, seed=run.seed + repeat)
        other = with_names_exchanged(split, seeded.rng("probe names"))
        for data, scores in ((split, as_they_are), (other, exchanged)):
            held = data.test.sample(queries, run.rng("probe queries"))
            if repeat or data is other:
                model = make().fit(data.train, data.valid, run=seeded)
                advance(1)
                shown = lists_of(model, held, k, seeded)
            else:
                shown = lists
            scores.append(gains(shown, held.targets.astype(np.int64), held.query.astype(np.int64)))
    return names_exchanged(make().name, np.asarray(as_they_are), np.asarray(exchanged), level=level)
