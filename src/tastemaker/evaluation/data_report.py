"""The facts about a log as one web page with plots, which needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from tastemaker.data.importing import ImportReport
from tastemaker.data.profile import DataProfile
from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.plots import WIDTH, Scale, svg, ticks
from tastemaker.evaluation.written import percent

PAGE: Final = "import_report.html"
_LETTER: Final = 7.0
_HEIGHT, _LEFT, _TOP, _BOTTOM = 210.0, 58.0, 10.0, 40.0
_NOT_ASKED: Final = "nobody to ask about"


def write_data_report(report: ImportReport, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        StorageError: The file cannot be written; what stood there stays.
    """
    frame.write_page(data_report(report), path)


def data_report(report: ImportReport) -> str:
    """Return the page: what came in, what was set aside, how the log looks, and what is suspicious about it."""
    facts = report.profile
    suspicions = report.suspicions() or ["Nothing that these checks look for."]
    sections = [
        _header(report),
        frame.section("What came in", _files(report), *_set_aside(report)),
        frame.section("Look into before results are believed", frame.bullets(suspicions)),
        frame.section("In pictures", f'<div class="plots">{"".join(_plots(facts))}</div>'),
        frame.section("In numbers", frame.definitions(_numbers(facts))),
    ]
    return frame.page(f"{report.name}: what came in", sections)


def _header(report: ImportReport) -> str:
    facts = report.profile
    span = f" · {facts.first[:10]} to {facts.last[:10]}" if facts.first and facts.last else ""
    aside = report.rows - report.kept
    said = f"{report.kept:,} of {report.rows:,} rows were kept"
    if aside:
        were = "was" if aside == 1 else "were"
        said += f"; {aside:,} {were} set aside in quarantine.jsonl, each with its line and the reason"
    counts = f"{facts.events:,} events · {facts.users:,} people · {facts.items:,} items{span}"
    return frame.header("Import", report.name, escape(counts), f"{said}.")


def _files(report: ImportReport) -> str:
    rows = []
    for file in report.files:
        columns = ", ".join(f"{ours} = {theirs}" for ours, theirs in file.columns.items() if ours != theirs)
        cells = (file.table, f"{file.rows:,}", f"{file.kept:,}", f"{file.rows - file.kept:,}")
        rows.append(frame.row(_base(file.file), [*map(frame.cell, cells), frame.cell(columns, kind="words")]))
    heads = frame.heads("File", "read as", "rows", "kept", "set aside")
    return frame.table([*heads, frame.head("columns under another name", kind="left")], rows)


def _base(label: str) -> str:
    return label if "://" in label else Path(label).name


def _set_aside(report: ImportReport) -> list[str]:
    parts: list[str] = []
    for title, counts in (("set aside because", report.rejected()), ("unknown kind", report.unknown_events())):
        if counts:
            rows = [frame.row(name, [frame.cell(f"{count:,}")]) for name, count in counts.items()]
            parts.append(f"<p></p>{frame.table(frame.heads(title.capitalize(), 'rows'), rows)}")
    notes = [f"{_base(file.file)}: {count:,} {note}" for file in report.files for note, count in file.notes.items()]
    return [*parts, frame.bullets(notes)] if notes else parts


def _plots(facts: DataProfile) -> list[str]:
    cards: list[str] = []
    if facts.events_by_time:
        first, last = facts.events_by_time[0][0][:10], facts.events_by_time[-1][0][:10]
        bars = [(f"from {start[:16]}: {count:,} events", count) for start, count in facts.events_by_time]
        ends = [first, *[""] * (len(bars) - 2), last][: len(bars)]
        cards.append(frame.card("Events over time", "Equal stretches.", _bars(bars, ends, "events")))
    least_of_all = next(place for place, (*_, count) in enumerate(facts.users_by_events) if count)
    spans = facts.users_by_events[least_of_all:]
    people = [(f"{_span(least, most)} events: {count:,} people", count) for least, most, count in spans]
    words = "Each bar is twice as wide as the one before; the number is where it begins."
    begins = [f"{least:,}" for least, *_ in spans]
    cards.append(frame.card("Events a person", words, _bars(people, begins, "people")))
    shares = {f"the top {name} of items have": share for name, share in facts.head.items()}
    of_people = {
        "last two events at one time": facts.tied_last_two,
        "all within 24 hours": facts.one_sitting,
        "items in order of ids": facts.sorted_histories,
    }
    shares |= {words: share for words, share in of_people.items() if share is not None}
    words = "The first two are shares of the events, the others of the people."
    cards.append(frame.card("Concentration and order", words, _shares(shares)))
    return cards


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least:,} to {most:,}"


def _bars(bars: Sequence[tuple[str, float]], below: Sequence[str], up: str) -> str:
    """Draw upright bars, each with its words below; those of the first and the last stay within the picture."""
    high = max(max(value for _, value in bars), 1)
    scale = Scale(0.0, high * 1.05, _HEIGHT, _TOP + 12)
    width = (WIDTH - 12 - _LEFT) / len(bars)
    parts = [f'<text class="axis" x="4" y="{_TOP + 2}">{escape(up)}</text>']
    for tick in ticks(0.0, high * 1.05):
        y = scale(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:,.10g}</text>')
    for place, (tip, value) in enumerate(bars):
        x, y = _LEFT + place * width, scale(value)
        parts.append(
            f'<g class="above"><title>{escape(tip)}</title><rect fill="currentColor" x="{x + 0.08 * width:.2f}" '
            f'y="{y:.1f}" width="{0.84 * width:.2f}" height="{_HEIGHT - y:.1f}"/></g>'
        )
    for place, words in enumerate(below):
        x, anchor = _LEFT + (place + 0.5) * width, "middle"
        if len(words) * _LETTER > width:
            x, anchor = (_LEFT, "start") if place == 0 else (WIDTH - 12, "end")
        if words:
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{_HEIGHT + 16}" text-anchor="{anchor}">{escape(words)}</text>'
            )
    return svg(_HEIGHT + _BOTTOM, up, parts)


def _shares(shares: Mapping[str, float]) -> str:
    """Draw shares as lying bars between 0 and 100 %."""
    left, step = 190.0, 30.0
    scale = Scale(0.0, 1.0, left, WIDTH - 50)
    parts = []
    for place, (words, share) in enumerate(shares.items()):
        y = _TOP + place * step
        parts.append(f'<text class="name" x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(words)}</text>')
        parts.append(
            f'<g class="above"><rect fill="currentColor" x="{left}" y="{y + 3}" '
            f'width="{max(scale(share) - left, 0.8):.1f}" height="16"/></g>'
        )
        parts.append(f'<text class="tick" x="{scale(share) + 6:.1f}" y="{y + 15}">{percent(share)}</text>')
    height = _TOP + step * len(shares) + 8
    return svg(height, "shares", parts)


def _numbers(facts: DataProfile) -> dict[str, Any]:
    def share(value: float | None) -> str:
        return _NOT_ASKED if value is None else f"{value:.1%}"

    people = facts.events_per_user
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in facts.kinds.items())
    numbers = {
        "events a person": ", ".join(f"{name} {value:,.10g}" for name, value in people.items()),
        "kinds of event": kinds,
        "events that speak against an item": f"{facts.negative:,}",
        "events without a time": f"{facts.without_time:,}",
        "events whose pair occurred before": f"{facts.repeated_pairs:,}",
        "events that repeat person, item and time": f"{facts.repeated_events:,}",
        "people whose last two events carry one time": share(facts.tied_last_two),
        "people with all events within 24 hours": share(facts.one_sitting),
        "people with items in the order of their ids": share(facts.sorted_histories),
        "neighbours that agree on their order": share(facts.common_order),
        "ids that rise from one new item to the next": share(facts.arrival_order),
        "ids with spaces around them": f"{facts.padded_ids:,}",
    }
    if facts.one_in > 1:
        numbers["looked at"] = f"one person in {facts.one_in}, for shares, repeats and times"
    return numbers
