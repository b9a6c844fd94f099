"""A leak that was shown, for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.table import short
from tastemaker.evaluation.written import percent
from tastemaker.systems.reproduction.leak import Leak, Shown


def leak_table(leak: Leak, shown: Shown) -> Group:
    """Return one line a row, what could not be run, and what it all shows, to be printed by a rich console."""
    metrics = list(dict.fromkeys(name for row in shown.rows for name in row.metrics))
    table = Table(
        title=f"{shown.dataset} · {shown.protocol} · {shown.counts['people']:,} users · "
        f"1 + {shown.negatives:,} candidates, {len(shown.negative_seeds)} draws",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
    )
    table.add_column("row", no_wrap=True)
    for name in metrics:
        table.add_column(name, justify="right", min_width=11)
    table.add_column("inside", justify="right")
    for row in shown.rows:
        values = [_bounded(row.metrics[name]) if name in row.metrics else Text("") for name in metrics]
        if row.reason:
            values[0] = Text("not run", style="yellow")
        label = Text.assemble(row.name, "\n", (row.graph, "dim")) if row.graph else Text(row.name)
        table.add_row(label, *values, percent(row.inside))
    notes = [Text("inside: share of the test's answers whose pair is an edge of the graph", style="dim")]
    notes += [Text(f"{row.name}: {row.reason}", style="yellow") for row in shown.rows if row.reason]
    return Group(Text(leak.about, style="dim"), table, *notes, Text(leak.says(shown.by_name()), style="bold"))


def _bounded(known: Interval) -> Text:
    if not known.low <= known.high:
        return Text(short(known.value))
    return Text.assemble(short(known.value), " ", (f"[{short(known.low, '.3f')},{short(known.high, '.3f')}]", "dim"))
