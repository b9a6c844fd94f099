"""The facts about a log as one web page with plots, which needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Final

from tastemaker.core.files import atomic_file
from tastemaker.data.importing import ImportReport
from tastemaker.data.profile import DataProfile
from tastemaker.evaluation.html import _card, _definitions, _list, _section, _table
from tastemaker.evaluation.plots import WIDTH, Scale, ticks
from tastemaker.evaluation.wording import percent

PAGE: Final = "import_report.html"
_HEIGHT, _LEFT, _TOP, _BOTTOM = 210.0, 58.0, 10.0, 40.0
_NOT_ASKED: Final = "nobody to ask about"


def write_data_report(report: ImportReport, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        StorageError: The file cannot be written; what stood there stays.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(data_report(report), encoding="utf-8")


def data_report(report: ImportReport) -> str:
    """Return the page: what came in, what was set aside, how the log looks, and what is suspicious about it."""
    style = resources.files("tastemaker.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    facts = report.profile
    suspicions = facts.suspicions() or ["Nothing that these checks look for."]
    sections = [
        _header(report),
        _section("What came in", _files(report), *_set_aside(report)),
        _section("Look into before results are believed", _list(suspicions)),
        _section("In pictures", f'<div class="plots">{"".join(_plots(facts))}</div>'),
        _section("In numbers", _definitions(_numbers(facts))),
        "<footer>Made by Tastemaker. The page is complete in itself and loads nothing.</footer>",
    ]
    title = f"{report.name}: what came in"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _header(report: ImportReport) -> str:
    facts = report.profile
    span = f" · {facts.first[:10]} to {facts.last[:10]}" if facts.first and facts.last else ""
    aside = report.rows - report.kept
    said = f"{report.kept:,} of {report.rows:,} rows were kept"
    if aside:
        said += f"; {aside:,} were set aside in quarantine.jsonl, each with its line and the reason"
    return (
        '<header><p class="kicker">Import</p>'
        f"<h1>{escape(report.name)}</h1>"
        f"<p>{facts.events:,} events · {facts.users:,} people · {facts.items:,} items{span}</p></header>"
        f'<p class="headline">{escape(said)}.</p>'
    )


def _files(report: ImportReport) -> str:
    rows = []
    for file in report.files:
        columns = ", ".join(f"{ours} = {theirs}" for ours, theirs in file.columns.items() if ours != theirs)
        cells = (file.table, f"{file.rows:,}", f"{file.kept:,}", f"{file.rows - file.kept:,}")
        rows.append(
            f'<tr><th scope="row">{escape(_base(file.file))}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + f'<td class="words">{escape(columns)}</td></tr>'
        )
    return _table(("File", "read as", "rows", "kept", "set aside", "columns under another name"), rows)


def _base(label: str) -> str:
    return label if "://" in label else Path(label).name


def _set_aside(report: ImportReport) -> list[str]:
    parts: list[str] = []
    for title, counts in (("set aside because", report.rejected()), ("unknown kind", report.unknown_events())):
        if counts:
            rows = [f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td></tr>' for name, count in counts.items()]
            parts.append(f"<p></p>{_table((title.capitalize(), 'rows'), rows)}")
    notes = [f"{_base(file.file)}: {count:,} {note}" for file in report.files for note, count in file.notes.items()]
    return [*parts, _list(notes)] if notes else parts


def _plots(facts: DataProfile) -> list[str]:
    cards: list[str] = []
    if facts.events_by_time:
        first, last = facts.events_by_time[0][0][:10], facts.events_by_time[-1][0][:10]
        bars = [(f"from {start[:16]}: {count:,} events", count) for start, count in facts.events_by_time]
        cards.append(_card("Events over time", "Equal stretches.", _bars(bars, (first, last), "events")))
    people = [(f"{_span(least, most)} events: {count:,} people", count) for least, most, count in facts.users_by_events]
    ends = [_span(least, most) for least, most, _ in (facts.users_by_events[0], facts.users_by_events[-1])]
    cards.append(
        _card("Events a person", "Each bar is twice as wide as the one before.", _bars(people, ends, "people"))
    )
    shares = {f"the top {name} of items have": share for name, share in facts.head.items()}
    shares |= {
        "last two events at one time": facts.tied_last_two or 0.0,
        "all within 24 hours": facts.one_sitting or 0.0,
        "items in order of ids": facts.sorted_histories or 0.0,
    }
    words = "The first two are shares of the events, the others of the people."
    cards.append(_card("Concentration and order", words, _shares(shares)))
    return cards


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least:,} to {most:,}"


def _bars(bars: Sequence[tuple[str, float]], ends: Sequence[str], up: str) -> str:
    """Draw upright bars, with words below the first and the last."""
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
    for x, anchor, words in ((_LEFT, "start", ends[0]), (WIDTH - 12, "end", ends[-1])):
        parts.append(f'<text class="tick" x="{x}" y="{_HEIGHT + 16}" text-anchor="{anchor}">{escape(words)}</text>')
    return _svg(_HEIGHT + _BOTTOM, up, parts)


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
    return _svg(height, "shares", parts)


def _svg(height: float, label: str, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">{body}</svg>'


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
        "ids that rise from one new item to the next": share(facts.arrival_order),
        "ids with spaces around them": f"{facts.padded_ids:,}",
    }
    if facts.one_in > 1:
        numbers["looked at"] = f"one person in {facts.one_in}, for shares, repeats and times"
    return numbers
