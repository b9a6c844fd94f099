"""A training as inline SVG: the loss above and the validation metric below, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from tastemaker.evaluation.plots import WIDTH, Scale, svg, ticks
from tastemaker.evaluation.written import seconds

_LEFT, _RIGHT = 52.0, WIDTH - 14.0
_TOP, _HEIGHT, _GAP, _FOOT = 20.0, 96.0, 40.0, 38.0
_RADIUS: Final = 4.0

Epoch = Mapping[str, float]
Point = tuple[float, float]


def best_epoch(training: Sequence[Epoch]) -> Epoch:
    """Return the epoch whose weights were kept: the first with the best value, or the last without validation."""
    validated = [epoch for epoch in training if math.isfinite(epoch.get("value", math.nan))]
    return max(validated, key=lambda epoch: epoch["value"], default=training[-1])


def training_plot(training: Sequence[Epoch], metric: str, *, tips: bool = True) -> str:
    """Draw the loss, and where there was validation the metric below it; a line marks the epoch that was kept.

    Args:
        training: Epochs in order: ``epoch``, ``loss``, ``seconds``, and ``value`` where it was validated; one at least.
        metric: What ``value`` is.
        tips: Whether hovering over an epoch says its numbers.
    """
    first, last = training[0]["epoch"], training[-1]["epoch"]
    across = Scale(first, last, _LEFT + 4, _RIGHT - 4) if last > first else Scale(0, 2 * first, _LEFT, _RIGHT)
    panels = [("loss", "loss", "open"), (metric, "value", "above")]
    shown = [panel for panel in panels if _points(training, panel[1])]
    bottom = _TOP + len(shown) * (_HEIGHT + _GAP) - _GAP
    parts = [_upright(across(tick), bottom, f"{tick:g}") for tick in ticks(first - 1, last) if tick >= first]
    kept = best_epoch(training)
    at = across(kept["epoch"])
    parts.append(f'<line class="reference" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP:.1f}" y2="{bottom:.1f}"/>')
    for number, (title, name, kind) in enumerate(shown):
        top = _TOP + number * (_HEIGHT + _GAP)
        parts.append(f'<text class="axis" x="4" y="{top - 8:.1f}">{escape(title)}</text>')
        parts += _panel(_points(training, name), across, top, kind, kept["epoch"])
    parts += _tips(training, across, bottom, metric) if tips else []
    middle = (_LEFT + _RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle:.1f}" y="{bottom + 32:.1f}" text-anchor="middle">epoch</text>')
    return svg(bottom + _FOOT, f"loss and {metric} by epoch", parts)


def _points(training: Sequence[Epoch], name: str) -> list[Point]:
    found = [(epoch["epoch"], epoch.get(name, math.nan)) for epoch in training]
    return [(number, value) for number, value in found if math.isfinite(value)]


def _panel(points: Sequence[Point], across: Scale, top: float, kind: str, kept: float) -> list[str]:
    """Return the grid and the line of one panel, and a dot at the epoch that was kept."""
    values = [value for _, value in points]
    gap = (max(values) - min(values)) * 0.08 or abs(values[0]) * 0.1 or 1.0
    upwards = Scale(min(values) - gap, max(values) + gap, top + _HEIGHT, top)
    parts = []
    for tick in ticks(upwards.low, upwards.high, most=4):
        y = upwards(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    path = "L".join(f"{across(number):.1f},{upwards(value):.1f}" for number, value in points)
    dots = [
        f'<circle cx="{across(number):.1f}" cy="{upwards(value):.1f}" r="{_RADIUS}"/>'
        for number, value in points
        if number == kept
    ]
    parts.append(f'<g class="{kind}"><path class="bar" fill="none" d="M{path}"/></g>')
    return [*parts, f'<g class="baseline">{"".join(dots)}</g>']


def _upright(x: float, bottom: float, words: str) -> str:
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP:.1f}" y2="{bottom:.1f}"/>'
    return f'{line}<text class="tick" x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{escape(words)}</text>'


def _tips(training: Sequence[Epoch], across: Scale, bottom: float, metric: str) -> list[str]:
    """Return an unseen stripe for each epoch; to hover over it says its numbers."""
    width = (_RIGHT - _LEFT) / len(training)
    stripes = []
    for epoch in training:
        words = [f"epoch {epoch['epoch']:g}: loss {epoch['loss']:.4g}"]
        if math.isfinite(epoch.get("value", math.nan)):
            words.append(f"{metric} {epoch['value']:.4f}")
        words.append(seconds(epoch["seconds"]))
        place = f'x="{across(epoch["epoch"]) - width / 2:.1f}" y="{_TOP}" width="{width:.1f}" height="{bottom - _TOP}"'
        stripes.append(f'<rect fill="transparent" {place}><title>{escape(", ".join(words))}</title></rect>')
    return stripes
