"""The pictures of one comparison: accuracy with intervals, and accuracy against time, coverage and popularity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.pages.frame import bullets, card
from tastemaker.evaluation.plots import Mark, interval_plot, scatter_plot
from tastemaker.evaluation.wording import caveats
from tastemaker.evaluation.written import seconds, signed


def kind_of(row: Row, comparison: Comparison) -> str:
    """Return the CSS class of a row: ``baseline``, ``above`` or ``below`` it clearly, or ``open``."""
    if row.model == comparison.baseline:
        return "baseline"
    metric = comparison.headline_metric
    if not row.clear(metric):
        return "open"
    return "above" if row.vs_baseline[metric].low > 0 else "below"


def pictures(comparison: Comparison) -> str:
    """Return legend, plots and caveats as HTML."""
    kinds = {
        "baseline": f"{comparison.baseline} (counts)",
        "above": "higher than counting",
        "open": "undecided",
        "below": "lower than counting",
    }
    entries = (f'<span><i class="{kind}"></i>{escape(words)}</span>' for kind, words in kinds.items())
    compared = any(row.vs_baseline for row in comparison.done())
    legend = f'<div class="legend">{"".join(entries)}</div>' if compared else ""
    doubts = f'<div class="card"><h3>Before you believe it</h3>{bullets(caveats(comparison))}</div>'
    plots = "".join(_plots(comparison)) if comparison.done() else ""
    return f'{legend}<div class="plots">{plots}{doubts}</div>'


def _plots(comparison: Comparison) -> list[str]:
    k, metric, base = comparison.ks[0], comparison.headline_metric, comparison.baseline
    rows = comparison.done()
    reference = next((row.metrics[metric].value for row in rows if row.model == base), None)
    compared = [row for row in rows if metric in row.vs_baseline]

    def marks(across: Callable[[Row], Interval], chosen: Sequence[Row] = rows) -> list[Mark]:
        return [
            Mark(row.model, across(row), row.metrics[metric], kind_of(row, comparison), _tip(row, metric))
            for row in chosen
        ]

    plainly = "{:g}".format
    cards = [
        card(
            "Accuracy",
            f"{metric} with its 95 % interval{'' if reference is None else '; the dashed line is counting'}.",
            interval_plot(marks(lambda row: row.metrics[metric]), axis=metric, form=plainly, reference=reference),
        )
    ]
    if compared:
        plot = interval_plot(
            marks(lambda row: row.vs_baseline[metric], compared),
            axis=f"{metric} minus that of {base}",
            form=lambda value: signed(value, "+g") if value else "0",
            reference=0.0,
        )
        cards.append(card("Difference to counting", "On the same people, person by person.", plot))
    if timed := [row for row in rows if math.isfinite(row.seconds) and row.seconds > 0]:
        time = scatter_plot(
            marks(lambda row: Interval(row.seconds), timed),
            across="seconds",
            up=metric,
            form=plainly,
            form_up=plainly,
            log=True,
        )
        cards.append(card("Accuracy and time", "To choose settings, fit and rank everybody.", time))
    coverage = scatter_plot(
        marks(lambda row: Interval(row.metrics[f"coverage@{k}"].value)),
        across="share of the catalogue",
        up=metric,
        form=_share,
        form_up=plainly,
    )
    lift = interval_plot(
        marks(lambda row: row.metrics[f"popularity_lift@{k}"]),
        axis="popularity of lists against histories",
        form=lambda value: _share(value, "+g") if value else "0 %",
        reference=0.0,
    )
    return [
        *cards,
        card("Accuracy and coverage", f"How much of the catalogue is in somebody's first {k}.", coverage),
        card("Popularity lift", "How much more popular the lists are than what people had chosen.", lift),
    ]


def _share(value: float, pattern: str = "g") -> str:
    """Write a tick in percent, with as many digits as it has."""
    return f"{signed(round(100 * value, 9), pattern)} %"


def _tip(row: Row, metric: str) -> str:
    took = f", {seconds(row.seconds)}" if math.isfinite(row.seconds) else ""
    return f"{row.model}: {metric} {row.metrics[metric].value:.4f}{took}"
