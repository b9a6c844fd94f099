"""A page that compares runs: what differs between them, and their numbers side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from tastemaker.evaluation.beside import (
    Runs,
    changed_settings,
    comparable,
    differences,
    facts,
    measured_otherwise,
    metric,
    models,
    row_of,
)
from tastemaker.evaluation.beside import warnings as warnings_of
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.pages.frame import cell, head, heads, interval_cell, row, section, table, words
from tastemaker.evaluation.pages.pictures import kind_of
from tastemaker.evaluation.plots import Mark
from tastemaker.evaluation.plots_beside import Panel, plots_beside
from tastemaker.evaluation.written import NOTHING, said, seconds, signed

_OTHER = "\N{NOT EQUAL TO} "


def runs_report(runs: Runs) -> str:
    """Return the page.

    Args:
        runs: What a run is called -> what was found in it; one or more.
    """
    names = list(dict.fromkeys(comparison.dataset for comparison in runs.values()))
    notes = [f"{name}: {note}" for name, comparison in runs.items() for note in comparison.notes()]
    listed = ", ".join(f"{escape(name)} <code>{escape(one.split_hash)}</code>" for name, one in runs.items())
    sections = [
        frame.header("Runs side by side", ", ".join(names), listed, _headline(runs), [*warnings_of(runs), *notes]),
        section("Accuracy", *_accuracy(runs)),
        section("What differs", *_differences(runs)),
        section("Settings that changed", _settings(runs)),
        section("Cost", _cost(runs)),
    ]
    return frame.page(f"{', '.join(names)}: {len(runs)} runs", sections)


def _headline(runs: Runs) -> str:
    if comparable(runs) and measured_otherwise(runs):
        return f"{len(runs)} runs on the same split, not measured alike: read each column for itself."
    if comparable(runs):
        return f"{len(runs)} runs on the same split: their numbers compare."
    splits = len({(comparison.fingerprint, comparison.split_hash) for comparison in runs.values()})
    return f"{len(runs)} runs on {splits} different splits: read each column for itself."


def _accuracy(runs: Runs) -> Iterator[str]:
    shared = metric(runs)
    yield words(
        f"{shared or 'NDCG'} with its 95 % interval, and the difference to counting in the same run. Intervals are "
        "each run's own: whether a model changed between two runs is not tested, which needs both in one comparison."
    )
    panels = []
    for model in models(runs):
        marks = [_mark(name, row_of(comparison, model), comparison, shared) for name, comparison in runs.items()]
        panels.append(Panel(model, "", marks))
    yield plots_beside(panels, label=f"{shared or 'NDCG'} by model and run", form="{:g}".format)
    columns = [head("Model")]
    for name, comparison in runs.items():
        columns += [head(name, shared or comparison.headline_metric), head("vs counts", name)]
    yield table(columns, (row(model, _numbers(model, runs, shared)) for model in models(runs)))


def _mark(name: str, known: Row | None, comparison: Comparison, shared: str | None) -> Mark:
    if known is None:
        return Mark(name, Interval(math.nan))
    value = known.metrics[shared or comparison.headline_metric]
    return Mark(name, value, kind=kind_of(known, comparison), tip=f"{known.model}, {name}: {value.value:.4f}")


def _numbers(model: str, runs: Runs, shared: str | None) -> Iterator[str]:
    ranks: dict[str, str] = {}
    for name, comparison in runs.items():
        known = row_of(comparison, model)
        if known is None:
            yield from _missing(model, comparison)
            continue
        called = shared or comparison.headline_metric
        twin = ranks.setdefault(f"{comparison.split_hash} {known.rank_hash}", name) if known.rank_hash else name
        yield interval_cell(known.metrics[called], "" if twin == name else f"same ranks as {twin}")
        difference = known.vs_baseline.get(called)
        if difference is None:
            counts = model == comparison.baseline
            yield cell("counts", kind="tag") if counts else cell(NOTHING)
        else:
            bounds = f"{signed(difference.low, '+.3f')} to {signed(difference.high, '+.3f')}"
            yield cell(signed(difference.value), bounds, kind=kind_of(known, comparison))


def _missing(model: str, comparison: Comparison) -> Iterator[str]:
    there = next((one for one in comparison.rows if one.model == model), None)
    yield cell(NOTHING if there is None else there.status, kind="" if there is None else "below")
    yield cell(NOTHING)


def _differences(runs: Runs) -> Iterator[str]:
    found = differences(runs)
    if found:
        rows = [row(_plainly(name), _values(name, values)) for name, values in found.items()]
        yield words(f"What is marked {_OTHER.strip()} is not what the first run has.")
        yield table([head("Choice or fact"), *(head(name, kind="left") for name in runs)], rows)
    else:
        yield words("Nothing: data, split, choices and versions are the same in all runs.")
    same = {name: value for name, value in facts(next(iter(runs.values()))).items() if name not in found}
    yield frame.folded("The same in all runs", frame.definitions(same))


def _plainly(name: str) -> str:
    return name.replace("_", " ")


def _values(name: str, values: list[Any]) -> Iterator[str]:
    for value in values:
        other = value != values[0]
        yield cell(f"{_OTHER if other else ''}{said(value, name)}", kind="value differs" if other else "value")


def _settings(runs: Runs) -> str:
    found = changed_settings(runs)
    if not found:
        return words("None: models that are in several runs have the same settings in all of them.")
    rows = [
        row(model, [cell(setting, kind="item"), *_values(setting, values)])
        for (model, setting), values in found.items()
    ]
    return table([head("Model"), head("setting", kind="left"), *(head(name, kind="left") for name in runs)], rows)


def _cost(runs: Runs) -> str:
    columns = [head("Model")]
    for name in runs:
        columns += [head("time", name), *heads("MB"), head("tried", "settings")]
    rows = []
    for model in models(runs):
        cells: list[str] = []
        for comparison in runs.values():
            known = row_of(comparison, model)
            if known is None or known.lists is not None:
                cells += [cell(NOTHING)] * 3
                continue
            rate = f"{known.ms_per_query:.2f} ms a query" if math.isfinite(known.ms_per_query) else ""
            memory = NOTHING if known.peak_mb is None else f"{known.peak_mb:,.0f}"
            cells += [cell(seconds(known.seconds), rate), cell(memory), cell(f"{known.settings_tried:,}")]
        rows.append(row(model, cells))
    return table(columns, rows)
