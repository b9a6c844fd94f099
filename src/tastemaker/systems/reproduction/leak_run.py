"""Showing a leak: rows with it and without, ranked on the same answers among the same negatives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, TastemakerError, nearest
from tastemaker.core.run import Advance, Run
from tastemaker.data import Split, make_split
from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.candidates import SAMPLED, sampled
from tastemaker.evaluation.comparison import environment
from tastemaker.evaluation.judge import rank_hash
from tastemaker.evaluation.metrics import hit_rate, ndcg
from tastemaker.evaluation.negatives import Negatives
from tastemaker.evaluation.ranking import Scorer
from tastemaker.evaluation.ranking_sampled import rank_sampled
from tastemaker.evaluation.targets import per_user
from tastemaker.models import make_model
from tastemaker.systems.reproduction.bench import Bench, dataset_of, trainings_of
from tastemaker.systems.reproduction.code import code_hash
from tastemaker.systems.reproduction.experiment import Budget
from tastemaker.systems.reproduction.leak import Contestant, Leak, LeakRow, Shown, read_shown
from tastemaker.systems.reproduction.machine import machine_with
from tastemaker.systems.reproduction.registry import find_system, system_names
from tastemaker.systems.reproduction.system import System

BESIDE: Final = ("popularity", "sequential-rules")
"""Models that learn from the training events, shown beside."""

CHANCE: Final = "chance"


def show_leak(system: System, bench: Bench, budget: Budget = "quick", source: str | None = None) -> Shown:
    """Measure the rows of a system's leak and those beside them.

    Rows that ``bench.rows`` leaves out, or that the budget has no room for, are taken from the record that is there,
    if it is of the same answers and the same negatives.

    Args:
        system: It has a leak.
        bench: Where records lie, the data at hand, which rows to run.
        budget: ``full`` shows it on the data of a published table, and runs all rows.
        source: Name or folder of other data to show it on.

    Raises:
        DataError: The system has no leak, there is no row of a name, or the data are not there.
        LeakError: Data or split are such that what should be without the leak has it.
    """
    leak = _leak_of(system)
    setting = leak.full if budget == "full" else leak.quick
    code = code_hash()
    run = replace(bench.run, output=trainings_of(bench, code))
    split = make_split(dataset_of(source or setting.source, bench, run), setting.protocol, run=run, **setting.knobs)
    sample = sampled(split, setting.candidates, setting.negatives, setting.negative_seeds)
    if sample is None:
        raise DataError("a leak is shown among negatives", where=setting.candidates, remedy=nearest("uniform", SAMPLED))
    negatives = sample.test
    contestants = [*leak.contestants(split, run), *_beside(split, run)]
    wanted = _wanted(contestants, bench, budget)
    rows: dict[str, LeakRow] = {}
    with run.limited(), run.track("showing the leak", len(wanted)) as advance:
        for each in wanted:
            rows[each.name] = _measured(each, negatives, setting.ks, run, code)
            advance(1)
            bench.say(f"{each.name}: {rows[each.name].reason or f'{rows[each.name].seconds:,.1f} s'}")
    rows[CHANCE] = LeakRow(CHANCE, CHANCE, metrics=by_chance(negatives.count, setting.ks), code=code)
    shown = Shown(
        dataset=split.train.name,
        protocol=split.protocol,
        fingerprint=split.train.fingerprint,
        split_hash=split.hash,
        candidates=setting.candidates,
        negatives=negatives.count,
        negative_seeds=negatives.seeds,
        counts={
            "people": split.test.user_count,
            "answers": len(negatives.held),
            "items": len(split.train.catalogue),
            "train_events": len(split.train.interactions),
            "short": negatives.short,
        },
        rows=[],
        machine=machine_with(run.threads, environment()),
    )
    kept = {row.name: row for each in read_shown(bench.out, system.name) if each.same_test(shown) for row in each.rows}
    order = [*(each.name for each in contestants), CHANCE]
    return replace(shown, rows=[{**kept, **rows}[name] for name in order if name in {**kept, **rows}])


def by_chance(negatives: int, ks: Sequence[int]) -> dict[str, Interval]:
    """Return what an order drawn at random gives in expectation, without an interval.

    Each of the ``negatives + 1`` places is as likely as any other.

    >>> {name: round(known.value, 4) for name, known in by_chance(99, [10, 1]).items()}
    {'hr@1': 0.01, 'hr@10': 0.1, 'ndcg@10': 0.0454}
    """
    everywhere = np.arange(1, negatives + 2)
    return {name: Interval(float(values.mean())) for name, values in _metrics(everywhere, ks).items()}


def _leak_of(system: System) -> Leak:
    if system.leak is None:
        having = [name for name in system_names() if find_system(name).leak is not None]
        raise DataError(
            f"{system.name} has no leak to show",
            where="--show-leak",
            remedy=f"These systems have one: {', '.join(having)}",
        )
    return system.leak


def _wanted(contestants: Sequence[Contestant], bench: Bench, budget: Budget) -> list[Contestant]:
    names = [each.name for each in contestants]
    if bench.rows is None:
        return [each for each in contestants if budget == "full" or each.budget == "quick"]
    if unknown := sorted(bench.rows - set(names)):
        raise DataError(f"the leak has no row '{unknown[0]}'", where="--row", remedy=nearest(unknown[0], names))
    return [each for each in contestants if each.name in bench.rows]


def _beside(split: Split, run: Run) -> list[Contestant]:
    def fitted(name: str) -> tuple[Scorer, NDArray[np.object_]]:
        model = make_model(name).fit(split.train, split.valid, run=run)
        return model.score, model.item_ids

    return [Contestant(name, name, partial(fitted, name)) for name in BESIDE]


def _measured(each: Contestant, negatives: Negatives, ks: Sequence[int], run: Run, code: str) -> LeakRow:
    row = LeakRow(each.name, each.vectors, each.graph, each.inside, code=code)
    started = time.perf_counter()
    try:
        score, items = each.build()
        with run.track(f"ranking {each.name}", len(negatives.held)) as advance:
            metrics, ranks = _ranked(score, items, negatives, ks, run, advance)
    except TastemakerError as error:
        return replace(row, reason=str(error).rstrip("."))
    return replace(row, metrics=metrics, ranks=ranks, seconds=time.perf_counter() - started)


def _ranked(
    score: Scorer, items: NDArray[np.object_], negatives: Negatives, ks: Sequence[int], run: Run, advance: Advance
) -> tuple[dict[str, Interval], str]:
    """Return means over draws, then over people, with intervals over people, and the hash of the ranks."""
    ranks = rank_sampled(score, negatives, items, seed=run.seed, advance=advance).ranks
    draws = [_metrics(draw, ks) for draw in ranks]
    people = negatives.held.users
    values = {name: per_user(np.asarray(np.mean([draw[name] for draw in draws], axis=0)), people) for name in draws[0]}
    resampled = resampled_means(np.stack(list(values.values()), axis=1), seed=run.seed)
    found = zip(values.items(), resampled.T, strict=True)
    return {name: interval(float(value.mean()), samples) for (name, value), samples in found}, rank_hash(ranks)


def _metrics(ranks: NDArray[np.int64], ks: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return hit rates from the smallest cut-off on and NDCG at the first one, for each answer."""
    return {**{f"hr@{k}": hit_rate(ranks, k) for k in sorted(ks)}, f"ndcg@{ks[0]}": ndcg(ranks, ks[0])}
