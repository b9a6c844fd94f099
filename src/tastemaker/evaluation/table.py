"""A comparison for the terminal: the ladder as a table, then what it rests on and what it cannot show."""

from __future__ import annotations

import math
from typing import Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.probes.report import summary
from tastemaker.evaluation.wording import headline
from tastemaker.evaluation.written import NOTHING, percent

_SIGNIFICANT: Final = "*"
_LINE: Final = ("mask", "ties", "interval", "train_on_valid")


def terminal_report(comparison: Comparison) -> Group:
    """Return the table and the lines below it, to be printed by a rich console."""
    lines = [Text(headline(comparison), style="bold"), Text(knobs_line(comparison), style="dim")]
    resolution = comparison.resolution()
    if resolution:
        marked = f"{_SIGNIFICANT} differs from {comparison.baseline}, corrected for the number of rows (Holm)."
        lines.append(Text(f"{marked} {resolution}", style="dim"))
    if comparison.probes:
        lines.append(Text(summary(comparison.probes), style="dim"))
    lines.extend(Text(note, style="yellow") for note in comparison.notes())
    return Group(ladder_table(comparison), *lines)


def ladder_table(comparison: Comparison) -> Table:
    """Return one line a model: the headline metric, the difference to counts, and what it costs.

    ``sets`` is the number of settings that were compared on the validation part.
    """
    k, metric = comparison.ks[0], comparison.headline_metric
    sampled = "" if comparison.negatives is None else f" · 1 + {comparison.negatives:,} candidates"
    table = Table(
        title=f"{comparison.dataset} · {comparison.protocol} · {comparison.counts['users']:,} users{sampled}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
    )
    table.add_column("model", no_wrap=True)
    table.add_column(metric, justify="right", min_width=11)
    table.add_column("vs counts", justify="right", min_width=13)
    several = any(row.spread is not None for row in comparison.rows)
    for name in (*(["sd"] if several else []), f"hr@{k}", "cov.", "lift", "sets", "s", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    best = comparison.best()
    for row in comparison.rows:
        if row.status != "ok":
            table.add_row(row.model, Text(row.status, style="yellow"))
            continue
        table.add_row(
            Text(row.model, style="bold" if row is best else ""),
            _bounded(row.metrics[metric]),
            _difference(row, comparison),
            *([_over_seeds(row, metric)] if several else []),
            short(row.metrics[f"hr@{k}"].value),
            percent(row.metrics[f"coverage@{k}"].value),
            percent(row.metrics[f"popularity_lift@{k}"].value, sign=True).replace(" ", ""),
            NOTHING if row.lists is not None else str(row.settings_tried),
            f"{row.seconds:,.1f}" if math.isfinite(row.seconds) else NOTHING,
            NOTHING if row.lists is not None else "?" if row.peak_mb is None else f"{row.peak_mb:.0f}",
        )
    return table


def short(value: float, pattern: str = ".4f") -> str:
    """Write a share without the zero before its point.

    >>> short(0.1132), short(-0.0784, "+.3f"), short(1.0)
    ('.1132', '-.078', '1.0000')
    """
    return f"{value:{pattern}}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{pattern}}"


def _over_seeds(row: Row, metric: str) -> str:
    return NOTHING if row.spread is None else short(row.spread.deviation(metric))


def _bounded(known: Interval) -> Text:
    bounds = f"[{short(known.low, '.3f')},{short(known.high, '.3f')}]"
    return Text.assemble(short(known.value), " ", (bounds, "dim"))


def _difference(row: Row, comparison: Comparison) -> Text:
    known = row.vs_baseline.get(comparison.headline_metric)
    if known is None:
        return Text("counts" if row.model == comparison.baseline else "-", style="dim")
    style, mark = "", ""
    if row.clear(comparison.headline_metric):
        style, mark = "green" if known.low > 0 else "red", _SIGNIFICANT
    bounds = f"[{short(known.low, '+.3f')},{short(known.high, '+.3f')}]"
    return Text.assemble((short(known.value, "+.4f") + mark, style), " ", (bounds, "dim"))


def knobs_line(comparison: Comparison) -> str:
    """Return the choices that matter most, in one line."""
    knobs = comparison.knobs
    parts = [f"{comparison.protocol}, split {comparison.split_hash}"]
    parts += [_said(name, knobs[name]) for name in _LINE if name in knobs]
    return " · ".join(parts)


def _said(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{name.replace('_', ' ')}: {'yes' if value else 'no'}"
    return f"{name} {value}" if name == "ties" else str(value)
