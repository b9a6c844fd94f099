"""Makes conditions of what the grammar of filters found in a text, and refuses what has no meaning."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar, Final, NoReturn

from lark import Token, Transformer, v_args

from tastemaker.pipeline.conditions import (
    Always,
    Among,
    Between,
    Comparison,
    Condition,
    Distance,
    Has,
    Known,
    Within,
    Wording,
    all_of,
    any_of,
    opposite,
)
from tastemaker.pipeline.kinds import shown
from tastemaker.pipeline.places import FilterError, Place
from tastemaker.pipeline.written import MICROSECONDS, Named, Value, written

_LONGEST: Final = 10_000 * 365 * MICROSECONDS["day"]
_FURTHEST: Final = 100_000
_KILOMETRES: Final = {"m": 0.001, "km": 1.0, "mile": 1.609344}
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_LETTER: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_COUNTED: Final = re.compile(r"(.*?)\s*([a-z]+)", re.IGNORECASE)


def place_of(name: str, text: str, first: Token, last: Token | None = None) -> Place:
    """Return where tokens stand, from the first to the last; the end of a text stands behind it."""
    last = last or first
    if first.type == "$END":
        return Place(name, text, len(text.rstrip()), len(text.rstrip()) + 1)
    return Place(name, text, first.start_pos or 0, last.end_pos or len(text))


@v_args(inline=True)
class Builder(Transformer[Token, Condition]):
    """Makes conditions of a tree that lark made; its methods are called after the rules of the grammar.

    Args:
        name: What an error calls the filter.
        text: All of it.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self._name = name
        self._text = text

    def _place(self, first: Token, last: Token | None = None) -> Place:
        return place_of(self._name, self._text, first, last)

    def _refuse(self, token: Token, message: str, remedy: str | None = None) -> NoReturn:
        raise FilterError(message, place=self._place(token), remedy=remedy)

    def start(self, condition: Condition) -> Condition:
        """Return all of the filter."""
        return condition

    def either(self, *conditions: Condition) -> Condition:
        """Join what is between ``or``."""
        return any_of(conditions)

    def both(self, *conditions: Condition) -> Condition:
        """Join what is between ``and``."""
        return all_of(conditions)

    def negative(self, *parts: Any) -> Condition:
        """Turn a condition round as often as ``not`` stands before it."""
        *nots, condition = parts
        return opposite(condition) if len(nots) % 2 else condition

    def alone(self, name: Token) -> Condition:
        """Read a word that stands alone."""
        if name.lower() not in ("true", "false"):
            self._refuse(name, f"nothing is asked of {shown(name)}", f"Write {name} = true, or what else is meant.")
        return Always(name.lower() == "true")

    def comparison(self, name: Token, sign: Token, value: Token) -> Condition:
        """Read a comparison."""
        return Comparison(_field(name), str(sign), self._value(value), place=self._place(name, value))

    def among(self, name: Token, inverse: Token | None, *values: Token) -> Condition:
        """Read ``in (...)``."""
        choices = tuple(map(self._value, values))
        return _perhaps_not(inverse, Among(_field(name), choices, place=self._place(name, values[-1])))

    def has(self, name: Token, inverse: Token | None, how: Token | None, *values: Token) -> Condition:
        """Read ``has any (...)`` and ``has all (...)``."""
        choices, every = tuple(map(self._value, values)), how is not None and how.type == "ALL"
        return _perhaps_not(inverse, Has(_field(name), choices, every, place=self._place(name, values[-1])))

    def has_one(self, name: Token, inverse: Token | None, value: Token) -> Condition:
        """Read ``has "..."``."""
        return self.has(name, inverse, None, value)

    def between(self, name: Token, inverse: Token | None, low: Token, high: Token) -> Condition:
        """Read ``between ... and ...``."""
        place = self._place(name, high)
        return _perhaps_not(inverse, Between(_field(name), self._value(low), self._value(high), place=place))

    def known(self, name: Token, inverse: Token | None, what: Token) -> Condition:
        """Read ``is missing`` and ``is present``."""
        missing = (what.type == "MISSING") != (inverse is not None)
        return Known(_field(name), missing, place=self._place(name, what))

    def wording(self, name: Token, inverse: Token | None, how: Token, value: Token) -> Condition:
        """Read ``contains`` and ``starts with``."""
        said = "contains" if how.type == "CONTAINS" else "starts with"
        return _perhaps_not(inverse, Wording(_field(name), said, self._value(value), place=self._place(name, value)))

    def within(self, name: Token, inverse: Token | None, value: Token) -> Condition:
        """Read ``within 7 days``."""
        place = self._place(name, value)
        return _perhaps_not(inverse, Within(_field(name), self._time(value), place=place))

    def distance(self, name: Token, *parts: Token) -> Condition:
        """Read ``distance(...) < 5 km``."""
        *point, sign, length = parts
        if name.lower() != "distance":
            self._refuse(name, f"{shown(name)} is nothing that can be computed", "Write distance(...).")
        if sign in ("=", "!="):
            self._refuse(sign, "a distance is compared with <, <=, > or >=")
        place = self._place(name, length)
        return Distance("distance", self._point(point), str(sign), self._kilometres(length), place=place)

    def _point(self, values: list[Token]) -> tuple[float, float] | None:
        if len(values) == 1 and values[0].lower() == "here":
            return None
        if [value.type for value in values] != ["NUMBER", "NUMBER"]:
            self._refuse(
                values[0],
                "a distance is from a latitude and a longitude, or from here",
                "Write distance(52.52, 13.40) or distance(here).",
            )
        lat, lon = (self._number(value) for value in values)
        if abs(lat) > 90 or abs(lon) > 180:
            self._refuse(values[0], "there is no such point", "Latitudes end at 90, longitudes at 180.")
        return lat, lon

    def _kilometres(self, token: Token) -> float:
        if token.type != "LENGTH":
            self._refuse(token, f"{shown(token)} is no length", "Write a number and km, m or miles: 5 km.")
        count, unit = _counted(token)
        kilometres = float(count) * _KILOMETRES[unit]
        if kilometres > _FURTHEST:
            self._refuse(token, "nothing on earth is that far", f"{_FURTHEST:,} km are the most.")
        return kilometres

    def _value(self, token: Token) -> Value:
        return self._readers[token.type](self, token)

    def _number(self, token: Token) -> float:
        number = float(token)
        if math.isinf(number):
            self._refuse(token, "the number is too large")
        # There is no minus zero.
        return number + 0.0

    def _quoted(self, token: Token) -> str:
        return _LETTER.sub(lambda found: self._letter(token, found[1]), token[1:-1])

    def _letter(self, token: Token, escape: str) -> str:
        if len(escape) == 5 and not "d800" <= escape[1:].lower() <= "dfff":
            return chr(int(escape[1:], 16))
        if escape.isalnum() and escape not in _ESCAPES:
            self._refuse(
                token,
                f"\\{escape} stands for nothing",
                'Known: \\n, \\r, \\t, \\u and four digits; \\\\ is a backslash, \\" a quotation mark.',
            )
        return _ESCAPES.get(escape, escape)

    def _bare(self, token: Token) -> Value:
        word = token.lower()
        if word in ("now", "age"):
            return Named(word)
        if word in ("null", "none"):
            self._refuse(token, "nothing equals what is missing", "Write is missing, or is present.")
        if word not in ("true", "false"):
            request = "" if token[0] == "`" else f", or ${token} for what the request says"
            remedy = f"Write {written(_field(token))} for text{request}."
            self._refuse(token, f"{shown(token)} is neither quoted nor a name of the request", remedy)
        return word == "true"

    def _time(self, token: Token) -> int:
        if token.type != "TIME":
            self._refuse(token, f"{shown(token)} is no length of time", "Write a number and a unit: 7 days, 12 hours.")
        count, unit = _counted(token)
        microseconds = round(Fraction(count) * MICROSECONDS[unit])
        if microseconds > _LONGEST:
            self._refuse(token, "no time is that long", "10,000 years are the most.")
        return microseconds

    def _key(self, token: Token) -> Named:
        return Named(str(token))

    def _misplaced(self, token: Token) -> NoReturn:
        if token.type == "TIME":
            self._refuse(token, f"{shown(token)} is a length of time", f"Write within {token}.")
        self._refuse(token, f"{shown(token)} is a length", f"Write distance(here) < {token}.")

    _readers: ClassVar[dict[str, Callable[[Builder, Token], Value]]] = {
        "NUMBER": _number,
        "TEXT": _quoted,
        "NAME": _bare,
        "KEY": _key,
        "TIME": _misplaced,
        "LENGTH": _misplaced,
    }


def _field(token: Token) -> str:
    """Return the name of a field without its backquotes."""
    return token[1:-1].replace("``", "`") if token[0] == "`" else str(token)


def _perhaps_not(inverse: Token | None, condition: Condition) -> Condition:
    return condition if inverse is None else opposite(condition)


def _counted(token: Token) -> tuple[str, str]:
    """Return how many of which unit, in the singular, a length or a time is."""
    count, unit = _COUNTED.fullmatch(token).groups()  # type: ignore[union-attr]  # the grammar is stricter
    return count, unit.lower().removesuffix("s")
