"""What every page of ours is made of: it needs no host, no script, no font, and reads in light and dark.

Text is escaped here; what is called ``html`` is taken as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Final

from tastemaker.core.files import atomic_file
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.written import MINUS, NOTHING, TO, said

_FOOTER: Final = "<footer>Made by Tastemaker. The page is complete in itself and loads nothing.</footer>"


def page(title: str, sections: Iterable[str]) -> str:
    """Return a whole page of sections, which are HTML."""
    style = resources.files("tastemaker.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(sections)}{_FOOTER}</main></body></html>\n"
    )


def write_page(html: str, path: Path) -> None:
    """Write a page to ``path``, whole or not at all.

    Raises:
        StorageError: The file cannot be written; what stood there stays.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def header(kicker: str, title: str, facts: str, headline: str, notes: Iterable[str] = ()) -> str:
    """Return the top of a page; ``facts`` are HTML, ``notes`` are what must be known before anything is believed."""
    warnings = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return (
        f'<header><p class="kicker">{escape(kicker)}</p><h1>{escape(title)}</h1><p>{facts}</p></header>'
        f'<p class="headline">{escape(headline)}</p>{warnings}'
    )


def section(title: str, *html: str) -> str:
    """Return a section with its heading, or nothing where it has no content."""
    content = "".join(html)
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def words(text: str) -> str:
    """Return a paragraph that explains what follows."""
    return f'<p class="words">{escape(text)}</p>'


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as a list."""
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def definitions(entries: Mapping[str, Any]) -> str:
    """Return names with their values, two or three beside each other."""
    pairs = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(said(value, name))}</dd></div>"
        for name, value in entries.items()
    )
    return f"<dl>{pairs}</dl>"


def card(title: str, text: str, html: str) -> str:
    """Return a framed part with a heading of its own."""
    about = f"<p>{escape(text)}</p>" if text else ""
    return f'<div class="card"><h3>{escape(title)}</h3>{about}{html}</div>'


def folded(summary: str, html: str) -> str:
    """Return what is shown when somebody asks for it."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """Return a table that scrolls sideways where it is wide; heads and rows are HTML, of `head` and `row`."""
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def head(name: str, below: str = "", tag: str = "", kind: str = "") -> str:
    """Return the head of a column with something smaller below it, a tag beside it, and a CSS class."""
    tagged = f' <span class="tag">{escape(tag)}</span>' if tag else ""
    smaller = f"<small>{escape(below)}</small>" if below else ""
    return f'<th scope="col"{_class(kind)}>{escape(name)}{tagged}{smaller}</th>'


def heads(*names: str) -> list[str]:
    """Return plain heads of columns."""
    return [head(name) for name in names]


def row(name: str, cells: Iterable[str], *, best: bool = False) -> str:
    """Return a line of a table; cells are HTML."""
    return f'<tr{" class=best" if best else ""}><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'


def cell(text: str, *below: str, kind: str = "", span: int = 1) -> str:
    """Return a cell with smaller lines below it, of a CSS class; empty lines are left out."""
    smaller = "".join(f"<small>{escape(line)}</small>" for line in below if line)
    wide = f' colspan="{span}"' if span > 1 else ""
    return f"<td{_class(kind)}{wide}>{escape(text)}{smaller}</td>"


def interval_cell(known: Interval | None, *below: str, bounds: str = "{:.3f}", kind: str = "") -> str:
    """Return a value with its interval below it, where it has them, and what else is to be said."""
    if known is None or not math.isfinite(known.value):
        return cell(NOTHING)
    joined = TO if known.low >= 0 else " to "
    between = f"{bounds}{joined}{bounds}".format(known.low, known.high) if math.isfinite(known.low) else ""
    return cell(f"{known.value:.4f}".replace("-", MINUS), between.replace("-", MINUS), *below, kind=kind)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
