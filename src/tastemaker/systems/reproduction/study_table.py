"""A study for the terminal: one line a row, every measure with its interval."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.prediction_table import bounded
from tastemaker.evaluation.table import short
from tastemaker.evaluation.written import NOTHING, seconds
from tastemaker.systems.reproduction.study_record import StudyRecord, StudyRow


def study_table(record: StudyRecord) -> Group:
    """Return the table and the lines below it, to be printed by a rich console."""
    sizes = ", ".join(f"{count:,} {what}" for what, count in record.counts.items())
    table = Table(
        title=f"{' + '.join(record.data)} · {sizes}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
    )
    table.add_column("row", no_wrap=True)
    for place, measure in enumerate(record.measures):
        table.add_column(f"{measure.name} ↓" if measure.lower else measure.name, justify="right", min_width=11)
        if not place and record.baseline:
            table.add_column(f"vs {record.baseline}", justify="right", min_width=13)
    table.add_column("time", justify="right", no_wrap=True)
    for row in record.rows:
        if row.reason:
            table.add_row(row.name, Text("not run", style="yellow"))
            continue
        cells = [
            bounded(row.values[each.name]) if each.name in row.values else Text(NOTHING) for each in record.measures
        ]
        if record.baseline:
            cells.insert(1, _against(row, record))
        table.add_row(row.name, *cells, seconds(row.seconds))
    over = f"95 % intervals over {record.drawn or record.units}"
    marks = f"; * better or worse than {record.baseline} by the interval of the difference" if record.baseline else ""
    missing = [Text(f"{row.name}: {row.reason}", style="yellow") for row in record.rows if row.reason]
    notes = [Text(note, style="yellow") for note in record.notes]
    return Group(table, Text(f"Means over {record.units}, {over}{marks}.", style="dim"), *missing, *notes)


def _against(row: StudyRow, record: StudyRecord) -> Text:
    """Return by how much a row is better than the baseline's, coloured where that is clear."""
    known = row.against.get(record.measures[0].name)
    if known is None:
        return Text("baseline" if row.name == record.baseline else NOTHING, style="dim")
    clear = known.excludes_zero()
    style = ("green" if known.value > 0 else "red") if clear else ""
    bounds = f"[{short(known.low, '+.3f')},{short(known.high, '+.3f')}]"
    return Text.assemble((short(known.value, "+.4f") + "*" * clear, style), " ", (bounds, "dim"))
