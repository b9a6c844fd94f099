"""How numbers, times and settings are written in reports, on the terminal and on pages alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tastemaker.core.clock import from_microseconds

MINUS: Final = "\N{MINUS SIGN}"
TO: Final = "\N{EN DASH}"
NOTHING: Final = "\N{EM DASH}"


def signed(value: float, pattern: str = "+.4f") -> str:
    """Write a difference with its sign; zero has none in a short pattern."""
    return f"{value:{pattern}}".replace("-", MINUS)


def percent(value: float, *, sign: bool = False) -> str:
    """Write a share in percent, whole from 1 % up.

    >>> percent(0.314), percent(0.0012), percent(0.0001), percent(1.29, sign=True)
    ('31 %', '0.1 %', '< 0.1 %', '+129 %')
    """
    if not math.isfinite(value):
        return NOTHING
    if 0 < value < 0.0005 and not sign:
        return "< 0.1 %"
    digits = 1 if 0 < abs(value) < 0.01 else 0
    return f"{value:{'+' if sign and value else ''}.{digits}%}".replace("%", " %").replace("-", MINUS)


def seconds(value: float) -> str:
    """Write a duration.

    >>> seconds(0.054), seconds(29.47), seconds(1234.5)
    ('54 ms', '29.5 s', '1,234 s')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def probability(value: float) -> str:
    """Write a p-value.

    >>> probability(0.0004), probability(0.0312), probability(1.0)
    ('< .001', '.031', '1')
    """
    if not math.isfinite(value):
        return NOTHING
    return "< .001" if value < 0.001 else "1" if value >= 0.9995 else f"{value:.3f}".removeprefix("0")


def said(value: Any, name: str = "") -> str:
    """Write a knob or a setting; a number of microseconds under a name that ends in ``_from`` is a time.

    >>> said(True), said([10, 100]), said({"a": 0.5}), said(889237269000000, "valid_from")
    ('yes', '10, 100', 'a 0.5', '1998-03-07 02:21:09 UTC')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{part} {said(inner)}" for part, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(said(inner) for inner in value)
    if isinstance(value, int) and name.endswith("_from"):
        return _time(value)
    return NOTHING if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _time(microseconds: int) -> str:
    try:
        return f"{from_microseconds(microseconds):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError):
        return str(microseconds)  # no moment of our calendar
