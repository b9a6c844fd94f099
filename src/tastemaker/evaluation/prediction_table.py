"""A comparison of predictions for the terminal: every metric with its interval, then what it rests on."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.prediction_metrics import LOWER_IS_BETTER
from tastemaker.evaluation.predictions import Predictions
from tastemaker.evaluation.rows import Row
from tastemaker.evaluation.table import short


def prediction_report(found: Predictions) -> Group:
    """Return the table and the lines below it, to be printed by a rich console."""
    knobs = found.knobs
    rule = f"{found.protocol}, split {found.split_hash} · {knobs['interval']} · {knobs['averaging']}"
    mark = f"* differs from {found.baseline}, corrected for the number of rows (Holm)."
    lines = [Text(headline(found), style="bold"), Text(rule, style="dim"), Text(mark, style="dim")]
    return Group(prediction_table(found), *lines, *(Text(note, style="yellow") for note in found.notes()))


def headline(found: Predictions) -> str:
    """Say in a sentence which row predicts best, and no more than the intervals allow."""
    done = found.done()
    if not done:
        return "No model could be run."
    metric = next(iter(done[0].metrics))
    best = min(done, key=lambda row: row.metrics[metric].value)
    said = f"Lowest {metric}: {best.model} with {best.metrics[metric].value:.4f}"
    if best.model == found.baseline:
        return f"Nothing predicts better than {found.baseline} here. {said}."
    return f"{said}." if best.clear(metric) else f"No model is clearly better than {found.baseline}. {said}."


def prediction_table(found: Predictions) -> Table:
    """Return one line a model: each metric, the difference of the first to the baseline, and what it costs."""
    size = f"{found.counts['events']:,} events of {found.counts['users']:,} users"
    table = Table(
        title=f"{found.dataset} · {found.task} · {found.protocol} · {size}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
    )
    done = found.done()
    metrics = list(done[0].metrics) if done else []
    table.add_column("model", no_wrap=True)
    for place, metric in enumerate(metrics):
        table.add_column(metric, justify="right", min_width=11)
        if not place:
            table.add_column(f"vs {found.baseline}", justify="right", min_width=13)
    table.add_column("sets", justify="right", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for row in found.rows:
        if row.status != "ok":
            table.add_row(row.model, Text(row.status, style="yellow"))
            continue
        cells = [bounded(row.metrics[metric]) for metric in metrics]
        cells.insert(1, difference(row, metrics[0]))
        table.add_row(row.model, *cells, str(row.settings_tried), f"{row.seconds:,.1f}")
    return table


def bounded(known: Interval) -> Text:
    """Return a value with its interval."""
    return Text.assemble(short(known.value), " ", (f"[{short(known.low, '.3f')},{short(known.high, '.3f')}]", "dim"))


def difference(row: Row, metric: str) -> Text:
    """Return the difference to the baseline with its interval, marked and coloured where it is clear."""
    known = row.vs_baseline.get(metric)
    if known is None:
        return Text("baseline", style="dim")
    clear = row.clear(metric)
    better = (known.value < 0) == (metric in LOWER_IS_BETTER)
    style = ("green" if better else "red") if clear else ""
    bounds = f"[{short(known.low, '+.3f')},{short(known.high, '+.3f')}]"
    return Text.assemble((short(known.value, "+.4f") + "*" * clear, style), " ", (bounds, "dim"))
