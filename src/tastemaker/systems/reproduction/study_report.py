"""The section of a study in a report: every row with its intervals, what it is above, its numbers, what it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.written import NOTHING, said, seconds
from tastemaker.systems.reproduction.markdown import bounded, figure_of, line, number
from tastemaker.systems.reproduction.study import Study
from tastemaker.systems.reproduction.study_record import StudyRecord, StudyRow


def study_section(study: Study[Any], record: StudyRecord, picture: Sequence[str]) -> Iterator[str]:
    """Write what a study gave.

    Args:
        study: Its definition.
        record: What it gave.
        picture: Lines that show its figure.
    """
    yield _setting(record)
    if study.budget == "quick":
        yield "This study is quick: it shows that everything runs, and is too small to rank methods."
    yield ""
    yield from _values(record)
    yield from picture
    yield from _against(record)
    yield from _numbers(record)
    yield from _examples(record)
    yield from _notes(study, record)
    yield from _settings(record)


def _setting(record: StudyRecord) -> str:
    names = ", ".join(f"`{name}`" for name in record.data)
    counts = ", ".join(f"{count:,} {what}" for what, count in record.counts.items())
    over = f"{record.drawn}, who are drawn with all their {record.units}" if record.drawn else record.units
    seeds = f" Each row was made with {len(record.seeds)} seeds." if len(record.seeds) > 1 else ""
    cut = f", {record.cut}" if record.cut else ""
    return f"{names}{cut}: {counts}. Means over {record.units}, with 95 % intervals over {over}.{seeds}"


def _values(record: StudyRecord) -> Iterator[str]:
    """Write a line a row, with every measure."""
    several = len(record.seeds) > 1
    first = record.measures[0].name
    heads = [f"{each.name} ↓" if each.lower else each.name for each in record.measures]
    yield line("row", *heads, *([f"sd of {first} over seeds"] if several else []), "time", "memory")
    yield line("---", *["--:"] * (len(heads) + several + 2))
    best = best_row(record)
    for row in record.rows:
        name = f"**{row.name}**" if row is best else row.name
        if row.reason:
            yield line(name, "not run", *[""] * (len(heads) + several + 1))
            continue
        values = [_known(row.values.get(each.name)) for each in record.measures]
        yield line(
            name,
            *values,
            *([_deviation(row, first)] if several else []),
            seconds(row.seconds),
            NOTHING if row.peak_mb is None else f"{row.peak_mb:,.0f} MB",
        )
    yield ""


def best_row(record: StudyRecord) -> StudyRow | None:
    """Return the row with the best first measure; ``None`` where no row has it."""
    first = record.measures[0]
    known = [row for row in record.done() if first.name in row.values]
    return max(known, key=lambda row: first.sign * row.values[first.name].value, default=None)


def _known(found: Interval | None) -> str:
    return NOTHING if found is None or found.value != found.value else bounded(found)


def _deviation(row: StudyRow, measure: str) -> str:
    values = row.by_seed.get(measure, ())
    if len(values) < 2:
        return NOTHING
    mean = sum(values) / len(values)
    return number((sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5)


def _against(record: StudyRecord) -> Iterator[str]:
    """Write by how much each row is better than the baseline's."""
    compared = [row for row in record.done() if row.against]
    if not compared:
        return
    measures = [each.name for each in record.measures if any(each.name in row.against for row in compared)]
    yield line(f"better than {record.baseline} by", *measures)
    yield line("---", *["--:"] * len(measures))
    for row in compared:
        yield line(row.name, *(_difference(row.against.get(name)) for name in measures))
    yield ""


def _difference(found: Interval | None) -> str:
    return NOTHING if found is None else bounded(found, sign=True) + (" \\*" if found.excludes_zero() else "")


def _numbers(record: StudyRecord) -> Iterator[str]:
    """Write the numbers without intervals."""
    rows = [(row, {**row.numbers, **row.costs}) for row in record.done()]
    names = list(dict.fromkeys(name for _, numbers in rows for name in numbers))
    if not names:
        return
    yield line("row", *names)
    yield line("---", *["--:"] * len(names))
    for row, numbers in rows:
        yield line(row.name, *(figure_of(numbers[name]) if name in numbers else NOTHING for name in names))
    yield ""


def _examples(record: StudyRecord) -> Iterator[str]:
    """Show what rows did or wrote, a paragraph each."""
    for row in record.done():
        if row.example:
            words = row.example.splitlines()
            yield from (f"> {text}".rstrip() for text in [f"**{row.name}**: {words[0]}", *words[1:]])
            yield ""


def _notes(study: Study[Any], record: StudyRecord) -> Iterator[str]:
    notes = [f"`{each.name}`: {each.says}" + (" Lower is better." if each.lower else "") for each in record.measures]
    if any(row.against for row in record.done()):
        notes.append("\\* the interval of the difference excludes zero, as one in twenty does by chance.")
    notes += [*study.differs, *record.notes]
    notes += [f"{row.name} was not run: {row.reason}." for row in record.rows if row.reason]
    yield from (f"- {note}" for note in notes)
    yield ""


def _settings(record: StudyRecord) -> Iterator[str]:
    chosen = [f"{row.name}: {said(row.settings)}" for row in record.done() if row.settings]
    if chosen:
        yield from ("Settings, made or chosen on validation:", "")
        yield from (f"- {text}" for text in chosen)
        yield ""
