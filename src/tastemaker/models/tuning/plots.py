"""Plots of a search as inline SVG: the best so far, and each hyper-parameter against what its trials came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tastemaker.evaluation.plots import WIDTH, Scale, log_ticks, shortened, svg, ticks

_LEFT, _RIGHT, _TOP, _FOOT, _HEIGHT = 52.0, WIDTH - 14.0, 18.0, 38.0, 230.0
_LETTER, _ROW, _RADIUS = 7.0, 24.0, 4.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One trial in a plot.

    Attributes:
        at: What it is plotted against: a number, or one of several choices.
        value: What it came to; ``None`` if it failed.
        kind: Its CSS class.
        tip: What hovering says.
    """

    at: Any
    value: float | None
    kind: str
    tip: str


def progress_plot(dots: Sequence[Dot], *, across: str, up: str, lower: bool = False) -> str:
    """Draw trials in their order with a line for the best so far; failed ones lie at the bottom.

    Args:
        dots: Trials in order, ``at`` ascending.
        across: What the horizontal axis shows.
        up: What the vertical axis shows.
        lower: Whether the lowest value is the best.
    """
    scale = Scale(0.0, max(max(float(dot.at) for dot in dots), 1e-9) * 1.03, _LEFT, _RIGHT)
    scale_up = _upwards(dots)
    line, best = [], None
    for dot in dots:
        if dot.value is not None and (best is None or (dot.value < best if lower else dot.value > best)):
            line.append(f"L{scale(dot.at):.1f},{scale_up(dot.value if best is None else best):.1f}")
            best = dot.value
            line.append(f"L{scale(dot.at):.1f},{scale_up(best):.1f}")
    parts = _axes(scale, scale_up, ticks(0.0, scale.high), across, up)
    if best is not None:
        path = f"M{''.join(line)[1:]}L{scale(dots[-1].at):.1f},{scale_up(best):.1f}"
        parts.append(f'<g class="above"><path class="bar" fill="none" d="{path}"/></g>')
    parts += [_dot(scale(dot.at), _HEIGHT if dot.value is None else scale_up(dot.value), dot) for dot in _last(dots)]
    return svg(_HEIGHT + _FOOT, f"{up} against {across}", parts)


def number_plot(dots: Sequence[Dot], low: float, high: float, *, log: bool, across: str, up: str) -> str:
    """Draw what trials came to against a hyper-parameter that is a number.

    Args:
        dots: Trials that did not fail.
        low: The smallest number that might be tried.
        high: The largest.
        log: Whether the horizontal axis is logarithmic.
        across: Name of the hyper-parameter.
        up: What the vertical axis shows.
    """
    scale, scale_up = Scale(low, high, _LEFT + 6, _RIGHT - 6, log), _upwards(dots)
    parts = _axes(scale, scale_up, log_ticks(low, high) if log else ticks(low, high), across, up)
    parts += [_dot(scale(dot.at), scale_up(dot.value), dot) for dot in _last(dots) if dot.value is not None]
    return svg(_HEIGHT + _FOOT, f"{up} against {across}", parts)


def choice_plot(dots: Sequence[Dot], choices: Sequence[Any], *, axis: str, form: Callable[[Any], str] = str) -> str:
    """Draw what trials came to, one line for each choice.

    Args:
        dots: Trials that did not fail.
        choices: What could be chosen, from top to bottom.
        axis: What the horizontal axis shows.
        form: Writes a choice.
    """
    left = 14 + _LETTER * max(len(shortened(form(choice))) for choice in choices)
    low, high = _bounds(dots)
    scale, bottom = Scale(low, high, left, _RIGHT), _TOP + _ROW * len(choices)
    parts = [_upright(scale(tick), bottom, _form(tick)) for tick in ticks(low, high, most=4)]
    for place, choice in enumerate(choices):
        y = _TOP + _ROW * (place + 0.5)
        name = escape(shortened(form(choice)))
        parts.append(f'<text class="name" x="{left - 10:.1f}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        parts += [_dot(scale(dot.value), y, dot) for dot in _last(dots) if dot.at == choice and dot.value is not None]
    parts.append(_below((left + _RIGHT) / 2, bottom, axis))
    return svg(bottom + _FOOT, axis, parts)


def _form(tick: float) -> str:
    """Write a tick, short where it is large or small.

    >>> _form(0.05), _form(1000.0), _form(1e6), _form(0.0001)
    ('0.05', '1000', '1e6', '1e-4')
    """
    written = f"{tick:g}" if tick == 0 or 1e-3 <= abs(tick) < 1e5 else f"{tick:.0e}"
    return written.replace("e+0", "e").replace("e-0", "e-")


def _last(dots: Sequence[Dot]) -> list[Dot]:
    """Return the dots with those that must not be covered at the end."""
    return sorted(dots, key=lambda dot: dot.kind != "open")


def _bounds(dots: Sequence[Dot]) -> tuple[float, float]:
    values = [dot.value for dot in dots if dot.value is not None] or [0.0]
    gap = (max(values) - min(values)) * 0.08 or abs(values[0]) * 0.1 or 1.0
    return min(values) - gap, max(values) + gap


def _upwards(dots: Sequence[Dot]) -> Scale:
    low, high = _bounds(dots)
    return Scale(low, high, _HEIGHT, _TOP)


def _axes(scale: Scale, scale_up: Scale, marked: Sequence[float], across: str, up: str) -> list[str]:
    parts = [f'<text class="axis" x="4" y="10">{escape(up)}</text>']
    parts += [_upright(scale(tick), _HEIGHT, _form(tick)) for tick in marked]
    for tick in ticks(scale_up.low, scale_up.high):
        y = scale_up(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{_form(tick)}</text>')
    return [*parts, _below((_LEFT + _RIGHT) / 2, _HEIGHT, across)]


def _upright(x: float, bottom: float, words: str) -> str:
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
    return f'{line}<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(words)}</text>'


def _below(x: float, bottom: float, words: str) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{bottom + 32}" text-anchor="middle">{escape(words)}</text>'


def _dot(x: float, y: float, dot: Dot) -> str:
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}"/>'
    return f'<g class="{dot.kind}"><title>{escape(dot.tip)}</title>{circle}</g>'
