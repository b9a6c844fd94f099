"""A cold start for people to read: one line for each model and point, and curves of what more knowledge brings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.cold_start import ColdStart, Point
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.pages.frame import cell, head, heads, interval_cell, section, table
from tastemaker.evaluation.plots import Mark
from tastemaker.evaluation.plots_beside import Panel, plots_beside
from tastemaker.evaluation.table import short
from tastemaker.evaluation.written import NOTHING, probability, seconds, signed

_RANKED = {"all": "jointly", "cold": "alone"}


def headline(found: ColdStart) -> str:
    """Say in a sentence which row comes out highest where least is known, and where most is."""
    said = []
    for place in dict.fromkeys((0, len(found.points) - 1)):
        best = found.comparisons[place].best()
        if best is not None:
            value = short(best.metrics[found.metric].value)
            said.append(f"{label(found, found.points[place])}: {best.model}, {value}")
    return f"Highest {found.metric}: {'; '.join(said)}." if said else "No model could be run."


def label(found: ColdStart, point: Point) -> str:
    """Return what a point is called in a report."""
    shown = point.shown if point.words else f"{point.shown} shown"
    return shown if found.cold == "users" else f"{shown}, {_RANKED[point.candidates]}"


def terminal_report(found: ColdStart) -> Group:
    """Return the table and the lines below it, to be printed by a rich console."""
    lines = [Text(headline(found), style="bold")]
    lines += [Text(note, style="dim") for note in found.notes()]
    return Group(_terminal_table(found), *lines)


def _lines(found: ColdStart) -> Iterator[tuple[str, Point, Comparison, Row]]:
    """Yield the rows, model after model, with their points."""
    for name in found.models:
        for point, comparison in zip(found.points, found.comparisons, strict=True):
            row = next(row for row in comparison.rows if row.model == name)
            yield name, point, comparison, row


def _terminal_table(found: ColdStart) -> Table:
    first, metric = found.comparisons[0], found.metric
    table = Table(
        title=f"{first.dataset} · cold {found.cold} · {first.counts['users']:,} people",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model", no_wrap=True)
    table.add_column("known", no_wrap=True)
    for name in (metric, "vs counts", f"hr@{first.ks[0]}"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for name, point, comparison, row in _lines(found):
        first_of = name != last
        last = name
        if row.status != "ok":
            table.add_row(name if first_of else "", label(found, point), Text(row.status, style="yellow"))
            continue
        table.add_row(
            name if first_of else "",
            label(found, point),
            Text(_bounded(row.metrics[metric]), style="bold" if row is comparison.best() else ""),
            _against(row, comparison),
            short(row.metrics[f"hr@{comparison.ks[0]}"].value),
        )
    return table


def _bounded(known: Interval) -> str:
    return f"{short(known.value)} [{short(known.low, '.3f')},{short(known.high, '.3f')}]"


def _against(row: Row, comparison: Comparison) -> str:
    metric = comparison.headline_metric
    known = row.vs_baseline.get(metric)
    if known is None:
        return "counts" if row.model == comparison.baseline else NOTHING
    bounds = f"[{short(known.low, '+.3f')},{short(known.high, '+.3f')}]"
    return f"{short(known.value, '+.4f')}{'*' if row.clear(metric) else ''} {bounds}"


def html_report(found: ColdStart) -> str:
    """Return a page that needs nothing else: headline, curves, every number, and how it was measured."""
    first = found.comparisons[0]
    facts = f"{first.counts['users']:,} people, {first.counts['targets']:,} answers, {first.counts['items']:,} items"
    knobs = {name: value for name, value in first.knobs.items() if name not in ("shown", "candidates")}
    splits = {label(found, point): point.split.hash for point in found.points}
    sections = [
        frame.header("Cold start", f"{first.dataset}: cold {found.cold}", facts, headline(found), found.notes()),
        section("What each model makes of it", _curves(found)),
        section("Every number", _html_table(found)),
        section("How it was measured", frame.definitions(knobs)),
        section("Splits", frame.definitions(splits)),
    ]
    return frame.page(f"{first.dataset}: cold {found.cold}", sections)


def _curves(found: ColdStart) -> str:
    """Draw a panel for each model: its headline metric at each point, with intervals."""
    panels = []
    for name in found.models:
        marks = []
        for model, point, comparison, row in _lines(found):
            if model == name:
                value = row.metrics[found.metric] if row.status == "ok" else Interval(math.nan)
                tip = f"{name}, {label(found, point)}: {value.value:.4f}"
                kind = "baseline" if name == comparison.baseline else "open"
                marks.append(Mark(label(found, point), value, kind=kind, tip=tip))
        panels.append(Panel(name, found.metric, marks))
    return plots_beside(panels, label=f"{found.metric} by what is known", form="{:g}".format)


def _html_table(found: ColdStart) -> str:
    metric, k = found.metric, found.comparisons[0].ks[0]
    columns = [head("Model"), *heads("known", metric, f"vs {found.comparisons[0].baseline}"), head("p", "Holm")]
    columns += heads(f"hr@{k}", f"mrr@{k}", "fit")
    rows = []
    for name, point, comparison, row in _lines(found):
        if row.status != "ok":
            reason = f"{row.status}: {row.reason}"
            rows.append(frame.row(name, [cell(label(found, point)), cell(reason, kind="words", span=len(columns) - 2)]))
            continue
        known = row.vs_baseline.get(metric)
        between = "" if known is None else f"{signed(known.low, '+.3f')} to {signed(known.high, '+.3f')}"
        cells = [
            cell(label(found, point)),
            interval_cell(row.metrics[metric]),
            cell(NOTHING if known is None else signed(known.value), between),
            cell(probability(row.p_values[metric][1]) if metric in row.p_values else NOTHING),
            cell(f"{row.metrics[f'hr@{k}'].value:.4f}"),
            cell(f"{row.metrics[f'mrr@{k}'].value:.4f}"),
            cell(seconds(row.fit_seconds)),
        ]
        rows.append(frame.row(name, cells, best=row is comparison.best()))
    return table(columns, rows)
