"""The report of a system: its claim, what holds of it, and every row of every cell, as Markdown made of the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tastemaker.data.sources.registry import SOURCES
from tastemaker.evaluation.comparison import BASELINE, Comparison
from tastemaker.evaluation.conventions import METRICS
from tastemaker.evaluation.rows import Row
from tastemaker.evaluation.wording import budgets
from tastemaker.evaluation.written import NOTHING, said, seconds
from tastemaker.systems.reproduction.expectations import (
    FAILS,
    HOLDS,
    NOT_RUN,
    OPEN,
    AtLeast,
    Beats,
    Expectation,
    Known,
)
from tastemaker.systems.reproduction.figures import Figure, figures, study_figure
from tastemaker.systems.reproduction.leak import Shown
from tastemaker.systems.reproduction.leak_report import leak_section
from tastemaker.systems.reproduction.markdown import anchor, bounded, image, line, made_on, number
from tastemaker.systems.reproduction.records import Record
from tastemaker.systems.reproduction.study import Study
from tastemaker.systems.reproduction.study_record import StudyRecord
from tastemaker.systems.reproduction.study_report import study_section
from tastemaker.systems.reproduction.system import Cell, System

_MARKS: Final = {HOLDS: "**holds**", FAILS: "**does not hold**", OPEN: OPEN, NOT_RUN: NOT_RUN}
_WORDS: Final = {HOLDS: "hold", FAILS: "do not hold", OPEN: OPEN, NOT_RUN: NOT_RUN}
_QUIET: Final = {
    *METRICS,
    "ks",
    "seeds",
    "seed",
    "threads",
    "baseline",
    "peak_memory",
    "correction",
    "small_parts",
}
"""Knobs that the report says elsewhere, or that are the same in all reports."""


def report(system: System, records: Mapping[str, Record | StudyRecord], shown: Sequence[Shown] = ()) -> str:
    """Return the report of a system.

    Args:
        system: What was claimed and expected.
        records: Name of a cell or study -> what it gave; those without a record are reported as not run.
        shown: What its leak was worth, if that was shown.
    """
    lines = [f"<!-- Written by `tastemaker reproduce {system.name} --report` from the records beside it. -->", ""]
    lines += [f"# {system.title}", "", system.claim, ""]
    lines += [f"Source: {system.citation}. Metric that must move: {system.must_move}.", ""]
    lines += ["```console", *_commands(system), "```", ""]
    lines += _account(system)
    lines += _verdicts(system, records)
    if system.leak is not None and shown:
        lines += leak_section(system.name, system.leak, shown)
    for cell in system.cells:
        lines += [f"## {cell.name}", "", cell.shows, ""]
        record = records.get(cell.name)
        lines += _missing(system, cell) if record is None else _section(system, cell, record)
    return "\n".join(lines).rstrip() + "\n"


def verdict_lines(cell: Cell | Study[Any], record: Known) -> list[str]:
    """Say in a line each what came of the expectations of a cell or study."""
    lines = []
    for each in cell.expectations:
        verdict = each.verdict(record)
        ours = "" if verdict.ours is None else f", ours {bounded(verdict.ours, sign=isinstance(each, Beats))}"
        lines.append(f"{verdict.word}: {each.model} {_metric(each)} {_expected(each, cell)}{ours}")
    return lines


def _commands(system: System) -> Iterator[str]:
    yield f"$ tastemaker reproduce {system.name} --check          # the quick cell anew, beside these numbers"
    yield f"$ tastemaker reproduce {system.name} --budget full    # every cell; it goes on where it was broken off"
    if system.leak is not None:
        yield f"$ tastemaker reproduce {system.name} --show-leak      # what a leak of the published numbers is worth"


def _account(system: System) -> Iterator[str]:
    """Say what was published, and what the released code does."""
    if system.account:
        yield from ("## What was published", "")
        yield from (f"- {each}" for each in system.account)
        yield ""


def _verdicts(system: System, records: Mapping[str, Record | StudyRecord]) -> Iterator[str]:
    """Say what holds, in a table of all expectations."""
    expected = [(cell, each) for cell in system.cells for each in cell.expectations]
    if not expected:
        return
    found = [(cell, each, each.verdict(records[cell.name])) for cell, each in expected if cell.name in records]
    words = Counter[str](verdict.word for _, _, verdict in found)
    words[NOT_RUN] += len(expected) - len(found)
    told = [f"{words[word]} {many if words[word] > 1 else word}" for word, many in _WORDS.items() if words[word]]
    yield from ("## What holds", "")
    yield f"Of {len(expected)} expectations: {', '.join(told)}."
    yield ""
    if not found:
        return
    sources = [source for source in dict.fromkeys(each.source for _, each, _ in found) if source]
    yield "| cell | row | metric | expected | from | ours | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for cell, each, verdict in found:
        yield line(
            f"[{cell.name}](#{anchor(cell.name)})",
            each.model,
            _metric(each),
            _expected(each, cell),
            f"({sources.index(each.source) + 1})" if each.source else NOTHING,
            NOTHING if verdict.ours is None else bounded(verdict.ours, sign=isinstance(each, Beats)),
            _MARKS[verdict.word],
        )
    yield ""
    yield from (f"({number}) {source}.\n" for number, source in enumerate(sources, start=1))


def _metric(each: Expectation) -> str:
    return f"{each.metric}, {each.part}" if each.part else each.metric


def _expected(each: Expectation, cell: Cell | Study[Any]) -> str:
    if isinstance(each, Beats):
        return f"{'better than' if isinstance(cell, Study) else 'above'} {each.other}" + (
            f" by {number(each.by)}" if each.by else ""
        )
    if isinstance(each, AtLeast):
        return f"at least {number(each.value)}"
    room = f"{each.tolerance:.0%}".replace("%", " %") if each.relative else number(each.tolerance)
    return f"{number(each.value)} ± {room}"


def _missing(system: System, cell: Cell | Study[Any]) -> Iterator[str]:
    source = SOURCES.get(cell.source)
    yield f"Not run yet. `tastemaker reproduce {system.name} --cell {cell.name}` runs it."
    if source is not None:
        yield f"It needs the data set [`{source.name}`]({source.homepage}): `tastemaker data show {source.name}`."
    yield ""


def _section(system: System, cell: Cell | Study[Any], record: Record | StudyRecord) -> Iterator[str]:
    """Write what an experiment gave, and what it was made with."""
    if isinstance(cell, Study) and isinstance(record, StudyRecord):
        yield from study_section(cell, record, _pictured(system, study_figure(cell, record)))
    elif isinstance(cell, Cell) and isinstance(record, Record):
        yield from _cell(system, cell, record)
    yield _made(record)
    yield ""


def _pictured(system: System, figure: Figure | None) -> list[str]:
    return [] if figure is None else [image(figure.alt, f"{system.name}/{figure.name}"), ""]


def _cell(system: System, cell: Cell, record: Record) -> Iterator[str]:
    comparison = record.comparison
    counts = comparison.counts
    yield (
        f"`{comparison.dataset}`, {comparison.protocol}, split `{comparison.split_hash}`: {counts['users']:,} people, "
        f"{counts['queries']:,} questions, {counts['items']:,} items, {counts['train_events']:,} events to learn from."
    )
    if comparison.negatives is not None:
        yield f"Each answer is ranked among {comparison.negatives:,} sampled negatives, not the whole catalogue."
    if cell.budget == "quick":
        yield "This cell is quick: it shows that everything runs, and is too small to rank methods."
    yield ""
    pictures = {figure.shows: _pictured(system, figure) for figure in figures(cell, record)}
    yield from _rows(cell, comparison)
    yield from pictures.get("rows", ())
    yield from _parts(cell, comparison)
    yield from pictures.get("parts", ())
    yield from pictures.get("training", ())
    yield from _notes(cell, comparison)
    yield from _settings(comparison)
    yield _knobs(comparison)
    yield ""


def _rows(cell: Cell, comparison: Comparison) -> Iterator[str]:
    k, headline = comparison.ks[0], comparison.headline_metric
    columns = [name for name in (cell.columns or (headline, f"hr@{k}")) if name != headline]
    several = any(row.spread is not None for row in comparison.done())
    spread = ["sd over seeds"] if several else []
    yield line(
        "row", headline, f"against {_baseline(comparison)}", *spread, *columns, "settings tried", "time", "memory"
    )
    yield line("---", *["--:"] * (5 + len(spread) + len(columns)))
    best = comparison.best()
    for row in comparison.rows:
        if row.status != "ok":
            yield line(row.model, "not run", *[""] * (4 + len(spread) + len(columns)))
            continue
        yield line(
            f"**{row.model}**" if row is best else row.model,
            bounded(row.metrics[headline]),
            _against(row, comparison),
            *([NOTHING if row.spread is None else number(row.spread.deviation(headline))] if several else []),
            *(number(row.metrics[name].value) if name in row.metrics else NOTHING for name in columns),
            str(row.settings_tried),
            seconds(row.seconds),
            NOTHING if row.peak_mb is None else f"{row.peak_mb:,.0f} MB",
        )
    yield ""


def _against(row: Row, comparison: Comparison) -> str:
    known = row.vs_baseline.get(comparison.headline_metric)
    if known is None:
        return _baseline(comparison) if row.model == comparison.baseline else NOTHING
    return bounded(known, sign=True) + (" \\*" if row.clear(comparison.headline_metric) else "")


def _baseline(comparison: Comparison) -> str:
    return "counts" if comparison.baseline == BASELINE else comparison.baseline


def _parts(cell: Cell, comparison: Comparison) -> Iterator[str]:
    """Write a table for each family of parts: a line for each row, a column for each part."""
    metric = comparison.headline_metric
    done = comparison.done()
    for family in cell.parts:
        pieces = [piece for piece in done[0].slices if piece.family == family] if done else []
        if not pieces:
            continue
        share = [
            f"{piece.name} ({piece.targets / comparison.counts['targets']:.0%})".replace("%", " %") for piece in pieces
        ]
        yield line(f"{metric} by {family}", *share)
        yield line("---", *["--:"] * len(pieces))
        for row in done:
            values = {piece.name: piece.metrics[metric] for piece in row.slices if piece.family == family}
            yield line(row.model, *(bounded(values[piece.name]) for piece in pieces))
        yield ""


def _notes(cell: Cell, comparison: Comparison) -> Iterator[str]:
    notes = [*cell.differs]
    if any(row.vs_baseline for row in comparison.done()):
        notes.append(f"\\* differs from {comparison.baseline}, corrected for the number of rows (Holm).")
    if comparison.detectable is not None:
        notes.append(comparison.detectable.sentence())
    yield from (f"- {note}" for note in [*notes, *comparison.notes(), *budgets(comparison)])
    yield ""


def _settings(comparison: Comparison) -> Iterator[str]:
    chosen = [f"{row.model}: {said(row.settings)}" for row in comparison.done() if row.settings]
    if chosen:
        yield from ("Chosen on validation:", "")
        yield from (f"- {text}" for text in chosen)
        yield ""


def _knobs(comparison: Comparison) -> str:
    knobs = {name: value for name, value in comparison.knobs.items() if name not in _QUIET and value is not None}
    return (
        "Knobs: " + "; ".join(f"{name.replace('_', ' ')}: {said(value, name)}" for name, value in knobs.items()) + "."
    )


def _made(record: Record | StudyRecord) -> str:
    data = record.data.values() if isinstance(record, StudyRecord) else [record.comparison.fingerprint]
    return (
        f"Made with code `{record.code[:12]}` and data {' and '.join(f'`{each[:12]}`' for each in data)} in "
        f"{seconds(record.seconds)} of work {made_on(record.machine)}. [Record]({record.system}/{record.cell}.json)"
    )
