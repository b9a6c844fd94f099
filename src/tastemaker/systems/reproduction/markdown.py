"""How numbers, tables and pictures are written in the Markdown of reports."""

from __future__ import annotations

from tastemaker.evaluation.bootstrap import Interval


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
