"""Drawings put together as one SVG file that needs no page: its own colours, light and dark, a background, a legend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import Final

MARK: Final = "<!-- Written by Tastemaker. -->"
"""Stands in every file, so that those of ours can be told from others."""

_LETTER: Final = 6.4
_MARGIN, _GAP = 14.0, 18.0
_LINE, _HEADING = 20.0, 22.0
_DOT: Final = 4.5

_OPENING: Final = re.compile(r'<svg[^>]*viewBox="0 0 (\d+) (\d+)"[^>]*>(.*)</svg>', re.DOTALL)
_TIP: Final = re.compile(r"<title>[^<]*</title>")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing for a page, and what stands above it in the file.

    Attributes:
        svg: One ``<svg>`` as the other modules of plots return it.
        title: Its heading; none where empty.
    """

    svg: str
    title: str = ""


def standalone(
    drawings: Sequence[Drawing],
    *,
    label: str,
    legend: Mapping[str, str],
    notes: Sequence[str] = (),
    beside: int = 1,
    scale: float = 1.0,
) -> str:
    """Return an SVG file of drawings in lines of ``beside``, with a legend above and notes below them.

    What hovering would say is left out: a page that shows the file as an image shows none of it.

    Args:
        drawings: One at least.
        label: What they show, for those who cannot see them.
        legend: CSS class of a mark -> what it means; classes are those of `tastemaker.evaluation.plots.Mark`.
        notes: Sentences below the drawings, broken into lines where they are long.
        beside: How many stand in a line.
        scale: Width and height of the file, in pixels for each unit of the drawings.
    """
    parsed = [(each.title, *_parsed(each.svg)) for each in drawings]
    rows = [parsed[start : start + beside] for start in range(0, len(parsed), beside)]
    broad = max(sum(width for _, width, _, _ in row) + _GAP * (len(row) - 1) for row in rows)
    keys, y = _legend(legend, broad)
    parts = [keys]
    for row in rows:
        heading = _HEADING if any(title for title, *_ in row) else 0.0
        x = _MARGIN
        for title, width, _, body in row:
            if title:
                words = _fitting(title, width)
                parts.append(f'<text class="title" x="{x:.1f}" y="{y + 13:.1f}">{escape(words)}</text>')
            parts.append(f'<g transform="translate({x:.1f},{y + heading:.1f})">{body}</g>')
            x += width + _GAP
        y += heading + max(height for _, _, height, _ in row) + _GAP
    for line in (line for note in notes for line in _broken(note, broad)):
        parts.append(f'<text class="tick" x="{_MARGIN:.1f}" y="{y:.1f}">{escape(line)}</text>')
        y += _LINE - 3
    return _file("".join(parts), broad + 2 * _MARGIN, y + (0 if notes else -_GAP) + 4, label, scale)


def _file(body: str, width: float, height: float, label: str, scale: float) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width * scale:.0f}" height="{height * scale:.0f}"'
    paper = f'<rect class="paper" x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="10"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">{MARK}'
        f"<style>{_style()}</style>{paper}{body}</svg>\n"
    )


def _parsed(svg: str) -> tuple[float, float, str]:
    """Return width, height and content of a drawing, without what hovering says."""
    found = _OPENING.fullmatch(svg)
    if found is None:
        raise ValueError("a drawing is one <svg> with a viewBox of whole numbers that begins at 0 0")
    return float(found[1]), float(found[2]), _TIP.sub("", found[3])


def _legend(legend: Mapping[str, str], broad: float) -> tuple[str, float]:
    """Return the marks with their meanings, and where the drawings begin."""
    parts, x, y = [], _MARGIN, _MARGIN
    for kind, meaning in legend.items():
        words = _fitting(meaning, broad - 18)
        width = 18 + _LETTER * len(words)
        if x > _MARGIN and x + width > _MARGIN + broad:
            x, y = _MARGIN, y + _LINE
        parts.append(
            f'<g class="{kind}"><circle cx="{x + _DOT:.1f}" cy="{y + 6:.1f}" r="{_DOT}"/></g>'
            f'<text class="tick" x="{x + 15:.1f}" y="{y + 10:.1f}">{escape(words)}</text>'
        )
        x += width + 16
    return "".join(parts), y + (_LINE + 6 if legend else 0)


def _fitting(words: str, width: float) -> str:
    letters = int(width / _LETTER)
    return words if len(words) <= letters else f"{words[: letters - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def _broken(text: str, width: float) -> list[str]:
    """Return the lines of a text."""
    lines: list[str] = []
    for word in text.split():
        if lines and (len(lines[-1]) + 1 + len(word)) * _LETTER <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@cache
def _style() -> str:
    """Return the rules for drawings of the pages' CSS, with the colours that they use."""
    css = resources.files("tastemaker.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    rules = [
        *(line for line in css.splitlines() if re.match(r"svg (?:text|circle|\.|g\.)", line)),
        "svg .name { font-size: 11px; }",  # room for fonts broader than those of the page, which cannot be chosen here
        "svg .paper { fill: var(--card); stroke: var(--rule); }",
    ]
    used = set(re.findall(r"var\((--[\w-]+)\)", "".join(rules)))
    light, dark = (
        "".join(f"{name}:{value};" for name, value in re.findall(r"(--[\w-]+): ([^;]+);", block) if name in used)
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    return f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}{''.join(rules)}"
