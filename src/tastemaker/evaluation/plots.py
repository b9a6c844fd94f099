"""Plots as inline SVG: intervals side by side, and one number against another. Colours come from the page's CSS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tastemaker.evaluation.bootstrap import Interval

Format = Callable[[float], str]

WIDTH: Final = 400
_ROW: Final = 26
_LETTER: Final = 6.3
_TOP: Final = 10
_BOTTOM: Final = 34
_RADIUS: Final = 4.5
_LETTERS: Final = 24
_BROAD_LETTER: Final = 7.0


@dataclass(frozen=True, slots=True)
class Mark:
    """One model in a plot.

    Attributes:
        label: Its name.
        x: Where it stands across; the interval is drawn if it has one.
        y: Where it stands upwards, in a scatter plot.
        kind: Its CSS class: ``baseline``, ``above``, ``below`` or ``open``.
        tip: What hovering says.
    """

    label: str
    x: Interval
    y: Interval | None = None
    kind: str = "open"
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to positions, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of ``value``."""
        low, high = self._bend(self.low), self._bend(self.high)
        return self.start + (self._bend(value) - low) / (high - low) * (self.end - self.start)

    def _bend(self, value: float) -> float:
        return math.log10(value) if self.log else value


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers between ``low`` and ``high``.

    >>> ticks(0.0, 0.13)
    [0.0, 0.05, 0.1]
    """
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten between ``low`` and ``high``, with their doubles and halves where those are few.

    >>> log_ticks(0.05, 30)
    [0.1, 1.0, 10.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        kept = [value for value in found if low <= value <= high]
        if len(kept) >= 3:
            break
    return kept


def _text(x: float, y: float, words: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _ticks_below(values: Sequence[float], scale: Scale, top: float, bottom: float, form: Format) -> list[str]:
    """Return the grid that goes up from the horizontal axis, and its numbers as far as they have room."""
    parts, free = [], 0.0
    for value in values:
        x, words = scale(value), form(value)
        half = _BROAD_LETTER * len(words) / 2
        parts.append(_line(x, top, x, bottom, "grid"))
        middle = min(x, WIDTH - half)
        if middle - half >= free:
            parts.append(_text(middle, bottom + 15, words, "tick"))
            free = middle + half
    return parts


def svg(height: float, label: str, parts: Sequence[str]) -> str:
    """Return a drawing of `WIDTH`, which grows and shrinks with the page."""
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _finite(marks: Sequence[Interval]) -> list[float]:
    values = [value for known in marks for value in (known.value, known.low, known.high)]
    return [value for value in values if math.isfinite(value)]


def _range(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    gap = (high - low) * 0.06
    return (low if zero and low == 0 else low - gap), (high if zero and high == 0 else high + gap)


def shortened(label: str, letters: int = _LETTERS) -> str:
    """Return a label that leaves room for the drawing beside it.

    >>> shortened("a model with a name that nobody wants to read in full", 20)
    'a model with a name\u2026'
    """
    return label if len(label) <= letters else f"{label[: letters - 1].rstrip()}\u2026"


def _bounded(mark: Mark, y: float, left: float, scale: Scale) -> str:
    """Return a dot with its interval at the height ``y``, or the words of its tip where it has no value."""
    if not math.isfinite(mark.x.value):
        return _text(left + 6, y + 4, mark.tip, "tick", "start")
    bar = _line(scale(mark.x.low), y, scale(mark.x.high), y, "bar") if math.isfinite(mark.x.low) else ""
    dot = f'<circle cx="{scale(mark.x.value):.1f}" cy="{y:.1f}" r="{_RADIUS}"/>'
    return f'<g class="{mark.kind}"><title>{escape(mark.tip)}</title>{bar}{dot}</g>'


def interval_plot(marks: Sequence[Mark], *, axis: str, form: Format, reference: float | None = None) -> str:
    """Draw one line a model: a dot with its interval, and a vertical line at ``reference``.

    Args:
        marks: The models, from top to bottom.
        axis: What the horizontal axis shows.
        form: Writes a tick.
        reference: Where to draw the line that others are read against.
    """
    values = _finite([mark.x for mark in marks]) + ([] if reference is None else [reference])
    low, high = _range(values, zero=True)
    left = 14 + _LETTER * max(len(shortened(mark.label)) for mark in marks)
    bottom = _TOP + _ROW * len(marks)
    scale = Scale(low, high, left, WIDTH - 12)
    parts = _ticks_below(ticks(low, high), scale, _TOP, bottom, form)
    if reference is not None:
        parts.append(_line(scale(reference), _TOP - 4, scale(reference), bottom, "reference"))
    for number, mark in enumerate(marks):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(_text(left - 10, y + 4, shortened(mark.label), "name", "end"))
        parts.append(_bounded(mark, y, left, scale))
    parts.append(_text((left + WIDTH - 12) / 2, bottom + 31, axis, "axis"))
    return svg(bottom + _BOTTOM + 4, axis, parts)


def scatter_plot(
    marks: Sequence[Mark], *, across: str, up: str, form: Format, form_up: Format, log: bool = False
) -> str:
    """Draw each model as a dot with its name, and the interval of what goes up as a thin line.

    Args:
        marks: The models, with ``y``.
        across: What the horizontal axis shows.
        up: What the vertical axis shows.
        form: Writes a tick of the horizontal axis.
        form_up: Writes a tick of the vertical axis.
        log: Whether the horizontal axis is logarithmic.
    """
    shown = [(mark, mark.y) for mark in marks if mark.y is not None and math.isfinite(mark.x.value)]
    if not shown:
        return ""
    height, left = 270.0, 46.0
    across_values = [mark.x.value for mark, _ in shown]
    if log:
        low, high = min(across_values) / 1.8, max(across_values) * 1.8
    else:
        low, high = _range(across_values, zero=True)
    scale = Scale(low, high, left, WIDTH - 14, log)
    low_up, high_up = _range(_finite([y for _, y in shown]), zero=True)
    scale_up = Scale(low_up, high_up, height, _TOP + 8)
    parts = [_text(4, _TOP + 2, up, "axis", "start")]
    parts += _ticks_below(log_ticks(low, high) if log else ticks(low, high), scale, _TOP + 8, height, form)
    for tick in ticks(low_up, high_up):
        parts.append(_line(left, scale_up(tick), WIDTH - 14, scale_up(tick), "grid"))
        parts.append(_text(left - 7, scale_up(tick) + 4, form_up(tick), "tick", "end"))
    spots = [(scale(mark.x.value), scale_up(y.value)) for mark, y in shown]
    labels = _labels([shortened(mark.label) for mark, _ in shown], spots, (left, WIDTH - 4.0, _TOP + 8.0, height))
    for (mark, y), (x_spot, y_spot), label in zip(shown, spots, labels, strict=True):
        parts.append(f'<g class="{mark.kind}"><title>{escape(mark.tip)}</title>')
        if math.isfinite(y.low):
            parts.append(_line(x_spot, scale_up(y.low), x_spot, scale_up(y.high), "thin"))
        parts.append(f'<circle cx="{x_spot:.1f}" cy="{y_spot:.1f}" r="{_RADIUS}"/></g>')
        parts.append(_text(label[0], label[1], shortened(mark.label), "name", "start"))
    parts.append(_text((left + WIDTH - 14) / 2, height + 32, across, "axis"))
    return svg(height + _BOTTOM + 4, f"{up} against {across}", parts)


Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


def _labels(labels: Sequence[str], spots: Sequence[tuple[float, float]], frame: Box) -> list[tuple[float, float]]:
    """Place each label beside its dot, where it covers no other label, no dot, and stays within the frame."""
    taken: list[Box] = [(x - 6, x + 6, y - 6, y + 6) for x, y in spots]
    found = []
    for number, (label, (x, y)) in enumerate(zip(labels, spots, strict=True)):
        width = _LETTER * len(label)
        best: tuple[float, float, float] | None = None
        for distance in (0, 12, 24):
            for dx, dy in (
                (9, 4 - distance),
                (-9 - width, 4 - distance),
                (9, 4 + distance),
                (-9 - width, 4 + distance),
                (-width / 2, -9 - distance),
                (-width / 2, 18 + distance),
            ):
                box = (x + dx, x + dx + width, y + dy - 10, y + dy + 3)
                others = [other for place, other in enumerate(taken) if place != number]
                cost = sum(_overlap(box, other) for other in others) + 4 * _outside(box, frame) + distance
                if best is None or cost < best[0]:
                    best = (cost, x + dx, y + dy)
        if best is not None:
            found.append(best[1:])
            taken.append((best[1], best[1] + width, best[2] - 10, best[2] + 3))
    return found


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[1], other[1]) - max(one[0], other[0]) + 4
    high = min(one[3], other[3]) - max(one[2], other[2]) + 1
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: Box, frame: Box) -> float:
    across = max(0.0, frame[0] - box[0]) + max(0.0, box[1] - frame[1])
    upwards = max(0.0, frame[2] - box[2]) + max(0.0, box[3] - frame[3])
    return 10 * (across + upwards)
