"""All probes of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split, global_time, leave_one_out
from tastemaker.evaluation.probes.arrival import FILE, TIME, arrival_order
from tastemaker.evaluation.probes.attributes import attributes, snapshot_names
from tastemaker.evaluation.probes.edges import Edges, answers_in_graph, answers_in_training
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.next_id import next_id
from tastemaker.evaluation.probes.numbers import numberings, raw_ids
from tastemaker.evaluation.probes.ties import sorted_histories, tie_order

_RULES_OF_NEXT: Final = 2
_ONCE: Final = 3
"""Sorted histories, tie order and attributes are tested once."""


def probe_dataset(
    dataset: Dataset,
    split: Split | None = None,
    *,
    edges: Mapping[str, Edges] | None = None,
    false_alarms: float = FALSE_ALARMS,
    run: Run | None = None,
) -> list[Finding]:
    """Run every probe that looks at data alone.

    Probed are the raw ids, integer columns of the catalogue that number the items, and the numbers of our own
    vocabulary (`numberings`); the order within histories; every column of the catalogue; the split; and graphs.

    Args:
        dataset: All events, and the catalogue with all its columns.
        split: What is held out. By default the last event of each person, and for what knows the future the last
            events by the clock, where there are times.
        edges: Graphs that models are to be given, by name; the data set's own relations are looked at as well.
        false_alarms: The share of clean data sets in which one finding or more is an alarm, at most; each test
            gets an equal part of it (Bonferroni).
        run: Seed and progress.

    Returns:
        The findings, in a fixed order.
    """
    run = run or Run()
    numbered = numberings(dataset)
    graphs = dict(edges or {})
    if dataset.relations is not None:
        graphs.setdefault("relations", dataset.relations)
    orders = (FILE, TIME) if dataset.interactions.has_times else (FILE,)
    readable = sum(numbering.is_number for numbering in numbered)
    tests = _RULES_OF_NEXT * readable + len(numbered) * len(orders) + _ONCE + len(graphs)
    level = false_alarms / tests
    try:
        last = split or leave_one_out(dataset, run=run)
    except DataError as error:
        return [not_run("held-out answers", dataset.name, f"{error.message}: there is nothing to probe"),
                *snapshot_names(dataset)]  # fmt: skip
    later = split or _by_the_clock(dataset, last, run)
    ids = raw_ids(dataset)

    def probed() -> Iterator[list[Finding]]:
        for numbering in numbered:
            yield next_id(numbering, last.train, last.test, level=level, rng=run.rng(f"probe {numbering.name}"))
            yield [arrival_order(numbering, dataset, last.train, by=by, level=level) for by in orders]
        yield [sorted_histories(ids, dataset, level=level)]
        yield [tie_order(ids, dataset, last.test, level=level)]
        yield attributes(later, level=level, rng=run.rng("probe attributes"))
        yield snapshot_names(dataset)
        yield [answers_in_training(last)]
        for name, graph in graphs.items():
            yield [answers_in_graph(last, graph, name=name, level=level)]

    findings: list[Finding] = []
    with run.track(f"probing {dataset.name}", 2 * len(numbered) + 5 + len(graphs)) as advance:
        for some in probed():
            findings += some
            advance(1)
    return findings


def _by_the_clock(dataset: Dataset, last: Split, run: Run) -> Split:
    """Return a split by time, or ``last`` where there are no times or too few events."""
    try:
        return global_time(dataset, targets_per_user=None, run=run)
    except DataError:
        return last
