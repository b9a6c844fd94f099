"""How numbers, tables and pictures are written in the Markdown of reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.written import NOTHING


def number(value: float, *, sign: bool = False) -> str:
    """Write a share with four digits and without the zero before its point.

    >>> number(0.0522), number(-0.01, sign=True), number(1.0)
    ('.0522', '-.0100', '1.0000')
    """
    text = f"{value:{'+' if sign else ''}.4f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def bounded(known: Interval, *, sign: bool = False) -> str:
    """Write a value with its interval.

    >>> bounded(Interval(0.0522, 0.05, 0.0543)), bounded(Interval(-0.01, -0.02, 0.001), sign=True)
    ('.0522 [.0500, .0543]', '-.0100 [-.0200, +.0010]')
    """
    value = number(known.value, sign=sign)
    if not known.low <= known.high:
        return value
    return f"{value} [{number(known.low, sign=sign)}, {number(known.high, sign=sign)}]"


def figure_of(value: float) -> str:
    """Write a number that may be a share, a count or a time, with as many digits as say something.

    >>> figure_of(0.0522), figure_of(1234567.0), figure_of(12.3456), figure_of(float("nan"))
    ('.0522', '1,234,567', '12.35', '—')
    """
    if value != value:
        return NOTHING
    if value == int(value) and abs(value) >= 1:
        return f"{value:,.0f}"
    return number(value) if abs(value) < 10 else f"{value:,.2f}"


def line(*cells: str) -> str:
    r"""Write a line of a table.

    >>> print(line("a|b", "1"))
    | a\|b | 1 |
    """
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def anchor(name: str) -> str:
    """Return the anchor of a heading."""
    return name.lower().replace(" ", "-")


def image(alt: str, path: str) -> str:
    """Write a picture that leads to its file, where it has its full size.

    >>> image("Two [of] three", "a/b.svg")
    '[![Two (of) three](a/b.svg)](a/b.svg)'
    """
    said = alt.translate(str.maketrans("[]", "()"))
    return f"[![{said}]({path})]({path})"


def made_on(machine: Mapping[str, Any]) -> str:
    """Write what numbers were made on."""
    threads = "one thread" if machine.get("threads") == 1 else f"{machine.get('threads')} threads"
    return (
        f"on {machine.get('cores')} cores ({machine.get('processor')}), matrix products on {threads}; "
        f"Python {machine.get('python')}, NumPy {machine.get('numpy')}"
    )
