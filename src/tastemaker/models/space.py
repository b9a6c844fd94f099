"""What a search may try for each hyper-parameter of a model, as plain data; nothing here searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Integer:
    """Whole numbers.

    Attributes:
        low: The smallest.
        high: The largest, which may be tried too.
        log: Whether each order of magnitude is as likely as the next, and not each number.
    """

    low: int
    high: int
    log: bool = False

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def __len__(self) -> int:
        return self.high - self.low + 1

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "integer", "low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True)
class Real:
    """Numbers of any kind.

    Attributes:
        low: The smallest.
        high: The largest.
        log: Whether each order of magnitude is as likely as the next.
    """

    low: float
    high: float
    log: bool = False

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "real", "low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True)
class Choice:
    """One of several values, of which none lies between two others.

    Attributes:
        values: Text, numbers or truth values.
    """

    values: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return value in self.values

    def __len__(self) -> int:
        return len(self.values)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "choice", "values": list(self.values)}


Parameter: TypeAlias = Integer | Real | Choice

Space: TypeAlias = Mapping[str, Parameter]
"""What may be tried for each argument of a model's constructor; those that are not named keep their defaults."""


def points(space: Space) -> float:
    """Return how many different settings a space holds.

    >>> points({"neighbours": Integer(5, 7), "similarity": Choice(("cosine", "dot"))})
    6
    >>> points({"regularisation": Real(1, 10)})
    inf
    """
    sizes = [math.inf if isinstance(parameter, Real) else len(parameter) for parameter in space.values()]
    return math.prod(sizes)


def from_json(about: Mapping[str, Any]) -> Parameter:
    """Return what `to_json` wrote.

    Raises:
        ValueError: It is nothing that it writes.
        KeyError: It lacks something.
    """
    kind = about["kind"]
    if kind == "choice":
        return Choice(tuple(about["values"]))
    if kind not in ("integer", "real"):
        raise ValueError(f"there is no kind of parameter '{kind}'")
    return (Integer if kind == "integer" else Real)(about["low"], about["high"], about["log"])
