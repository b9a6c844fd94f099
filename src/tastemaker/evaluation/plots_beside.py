"""Interval plots beside each other, on one scale and with the same rows, so that the eye can go across."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tastemaker.evaluation.plots import Format, Mark, Scale, shortened, ticks

_WIDE: Final = 1000.0
_NARROW, _BROAD = 124.0, 320.0
_ROW, _GAP, _LETTER = 20.0, 24.0, 6.3
_TOP, _BOTTOM = 40.0, 22.0
_RADIUS: Final = 3.6


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the plots.

    Attributes:
        title: What stands above it.
        note: What stands below the title, smaller.
        marks: One for each row, in the same order in every panel; NaN where there is none.
        reference: Where to draw the line that others are read against.
    """

    title: str
    note: str
    marks: Sequence[Mark]
    reference: float | None = None


def plots_beside(panels: Sequence[Panel], *, label: str, form: Format) -> str:
    """Draw panels in as many lines as they need, each of its own size whatever the page's width.

    Args:
        panels: They have the same rows.
        label: What the drawing shows, for those who cannot see it.
        form: Writes a tick.
    """
    drawn = lines_beside(panels, label=label, form=form)
    return f'<div class="scroll bare" tabindex="0">{"".join(drawn)}</div>' if drawn else ""


def lines_beside(
    panels: Sequence[Panel], *, label: str, form: Format, wide: float = _WIDE, narrow: float = _NARROW
) -> list[str]:
    """Return the lines of panels, each an ``<svg>``; none where there is nothing to show.

    Args:
        panels: They have the same rows.
        label: What the drawing shows, for those who cannot see it.
        form: Writes a tick.
        wide: How wide a line may be.
        narrow: How narrow a panel may be.
    """
    values = [
        value
        for panel in panels
        for value in (
            panel.reference,
            *(bound for mark in panel.marks for bound in (mark.x.value, mark.x.low, mark.x.high)),
        )
        if value is not None and math.isfinite(value)
    ]
    if not values:
        return []
    low, high = min(0.0, *values), max(0.0, *values) or 1.0
    left = 12 + _LETTER * max(len(shortened(mark.label)) for panel in panels for mark in panel.marks)
    fitting = max(1, int((wide - left) // narrow))
    lines = math.ceil(len(panels) / fitting)
    size = math.ceil(len(panels) / lines)
    broad = min(_BROAD, max(narrow, (wide - left) / size))
    return [
        _line_of(panels[start : start + size], (low, high), (left, broad), label, form)
        for start in range(0, len(panels), size)
    ]


def _line_of(
    panels: Sequence[Panel], bounds: tuple[float, float], sizes: tuple[float, float], label: str, form: Format
) -> str:
    left, broad = sizes
    rows = len(panels[0].marks)
    width, height = left + broad * len(panels), _TOP + _ROW * rows + _BOTTOM
    parts = [
        f'<text class="name" x="{left - 10:.1f}" y="{_TOP + _ROW * (row + 0.5) + 4:.1f}" text-anchor="end">'
        f"{escape(shortened(mark.label))}</text>"
        for row, mark in enumerate(panels[0].marks)
    ]
    for place, panel in enumerate(panels):
        start = left + broad * place
        scale = Scale(bounds[0], bounds[1], start, start + broad - _GAP)
        parts += _panel(panel, scale, form)
    return (
        f'<svg class="beside" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _panel(panel: Panel, scale: Scale, form: Format) -> Iterator[str]:
    bottom = _TOP + _ROW * len(panel.marks)
    letters = int((scale.end - scale.start) / _LETTER)
    yield f'<text class="title" x="{scale.start:.1f}" y="13">{escape(shortened(panel.title, letters))}'
    yield f"<title>{escape(panel.title)}</title></text>"
    yield f'<text class="tick" x="{scale.start:.1f}" y="29">{escape(shortened(panel.note, letters))}</text>'
    for tick in ticks(scale.low, scale.high, most=max(2, int((scale.end - scale.start) // 45))):
        x = scale(tick)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{escape(form(tick))}</text>'
    if panel.reference is not None and math.isfinite(panel.reference):
        x = scale(panel.reference)
        yield f'<line class="reference" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
    for row, mark in enumerate(panel.marks):
        y = _TOP + _ROW * (row + 0.5)
        if not math.isfinite(mark.x.value):
            continue
        yield f'<g class="{mark.kind}"><title>{escape(mark.tip)}</title>'
        if math.isfinite(mark.x.low):
            yield f'<line class="bar" x1="{scale(mark.x.low):.1f}" y1="{y:.1f}" '
            yield f'x2="{scale(mark.x.high):.1f}" y2="{y:.1f}"/>'
        yield f'<circle cx="{scale(mark.x.value):.1f}" cy="{y:.1f}" r="{_RADIUS}"/></g>'
