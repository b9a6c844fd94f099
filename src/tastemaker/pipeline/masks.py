"""Which items fit a condition, over whole columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tastemaker.pipeline.columns import ORDERINGS, Column, Mask
from tastemaker.pipeline.conditions import (
    Always,
    Among,
    And,
    Between,
    Comparison,
    Condition,
    Distance,
    Has,
    Known,
    Leaf,
    Not,
    Or,
    Within,
    Wording,
)
from tastemaker.pipeline.fitting import fitted, resolved
from tastemaker.pipeline.kinds import Kind
from tastemaker.pipeline.moment import Moment
from tastemaker.pipeline.written import Named, Value

EARTH_RADIUS: Final = 6371.0088
"""Mean radius of the earth in kilometres."""

_MARGIN: Final = 1e-9


class Columns(Protocol):
    """What conditions are asked of."""

    def fields(self) -> Mapping[str, Kind]:
        """Return what each field holds."""
        ...

    def kept(self, name: str) -> Column | None:
        """Return the column of a field; ``None`` while no item says anything about it."""
        ...

    def __len__(self) -> int:
        """Return how many items there are."""
        ...


@dataclass(frozen=True)
class Scene:
    """What a condition is evaluated on.

    Attributes:
        columns: The items.
        kinds: What each field holds.
        moment: What the request gives.
        n: How many items there were when it began.
    """

    columns: Columns
    kinds: Mapping[str, Kind]
    moment: Moment
    n: int

    def column(self, name: str) -> Column | None:
        """Return the column of a field, if any item says anything about it."""
        return self.columns.kept(resolved(name, self.kinds))

    def values(self, leaf: Leaf, column: Column, values: tuple[Value, ...]) -> tuple[Any, ...]:
        """Return values with what the request gives put in; a list that it gives counts as its entries."""
        found: list[Any] = []
        for value in values:
            if not isinstance(value, Named):
                found.append(fitted(leaf, column.kind, value))
                continue
            given = self.moment.read(value.name)
            several = given if isinstance(given, tuple) and leaf.operation in ("in", "has") else (given,)
            found += [fitted(leaf, column.kind, each, value.name) for each in several]
        return tuple(found)

    def all(self, holds: bool) -> Mask:
        """Return a mask of which every item is the same."""
        return np.full(self.n, holds, dtype=np.bool_)


@singledispatch
def mask_of(condition: Condition, scene: Scene) -> Mask:
    """Return which items fit a condition that was checked, bool ``[n]``, an array of its own.

    Raises:
        QueryError: The request does not give what the condition reads, or something of another kind.
    """
    raise TypeError(f"no condition: {condition!r}")


@mask_of.register
def _(condition: Leaf, scene: Scene) -> Mask:
    column = scene.column(condition.field)
    # What the request gives is read even where it makes no difference, so that what it lacks is always told.
    return _of_column(condition, column, scene) if column is not None else _of_nothing(condition, scene)


def _of_nothing(condition: Leaf, scene: Scene) -> Mask:
    for name in condition.reads:
        scene.moment.read(name)
    return scene.all(isinstance(condition, Known) and condition.missing)


@singledispatch
def _of_column(condition: Leaf, column: Column, scene: Scene) -> Mask:
    raise TypeError(f"no condition of a column: {condition!r}")


@_of_column.register
def _(condition: Comparison, column: Column, scene: Scene) -> Mask:
    (value,) = scene.values(condition, column, condition.values)
    if condition.sign in ORDERINGS:
        return column.ordered(scene.n, condition.sign, value)
    same = column.among(scene.n, (value,))
    return same if condition.sign == "=" else column.known(scene.n) & ~same


@_of_column.register
def _(condition: Among, column: Column, scene: Scene) -> Mask:
    return column.among(scene.n, scene.values(condition, column, condition.values))


@_of_column.register
def _(condition: Has, column: Column, scene: Scene) -> Mask:
    values = scene.values(condition, column, condition.values)
    if not condition.every:
        return column.among(scene.n, values)
    found = column.known(scene.n)
    for value in values:
        found &= column.among(scene.n, (value,))
    return found


@_of_column.register
def _(condition: Between, column: Column, scene: Scene) -> Mask:
    low, high = scene.values(condition, column, condition.values)
    return column.ordered(scene.n, ">=", low) & column.ordered(scene.n, "<=", high)


@_of_column.register
def _(condition: Known, column: Column, scene: Scene) -> Mask:
    known = column.known(scene.n)
    return ~known if condition.missing else known


@_of_column.register
def _(condition: Wording, column: Column, scene: Scene) -> Mask:
    (value,) = scene.values(condition, column, condition.values)
    return column.worded(scene.n, condition.how, value.casefold())


@_of_column.register
def _(condition: Within, column: Column, scene: Scene) -> Mask:
    now = scene.moment.now
    return column.ordered(scene.n, ">=", now - condition.microseconds) & column.ordered(scene.n, "<=", now)


@mask_of.register
def _(condition: Distance, scene: Scene) -> Mask:
    point = condition.point or scene.moment.read("here")
    latitudes, longitudes = scene.column("lat"), scene.column("lon")
    if latitudes is None or longitudes is None:
        return scene.all(False)
    lat, lon = latitudes.array(scene.n), longitudes.array(scene.n)
    nearer = condition.sign if condition.sign in ("<", "<=") else {">": "<=", ">=": "<"}[condition.sign]
    near = _nearer(lat, lon, point, nearer, condition.kilometres)  # type: ignore[arg-type]
    if condition.sign == nearer:
        return near
    return ~near & latitudes.known(scene.n) & longitudes.known(scene.n)


def _nearer(
    lat: NDArray[np.float64], lon: NDArray[np.float64], point: tuple[float, float], sign: str, kilometres: float
) -> Mask:
    """Return which places are nearer to a point than so far; those not known are not.

    No place is nearer than its parallel, so that only those between two parallels are looked at.
    """
    reach = float(np.degrees(kilometres / EARTH_RADIUS)) * (1 + _MARGIN) + _MARGIN
    found = np.abs(lat - point[0]) <= reach
    places = np.flatnonzero(found)
    found[places] = ORDERINGS[sign](kilometres_between(lat[places], lon[places], point), kilometres)
    return found


def kilometres_between(
    lat: NDArray[np.float64], lon: NDArray[np.float64], point: tuple[float, float]
) -> NDArray[np.float64]:
    """Return how far places are from a point along the surface of the earth, by the haversine formula.

    Args:
        lat: Latitudes in degrees, float64 ``[m]``.
        lon: Longitudes in degrees, float64 ``[m]``.
        point: Latitude and longitude in degrees.

    Returns:
        Kilometres, float64 ``[m]``, on a sphere of `EARTH_RADIUS`; NaN where a coordinate is.
    """
    phi, other = np.radians(lat), np.radians(point[0])
    across = np.sin(np.radians(lon - point[1]) / 2)
    up = np.sin((phi - other) / 2)
    chord = up * up + np.cos(phi) * np.cos(other) * across * across
    distances: NDArray[np.float64] = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distances


@mask_of.register
def _(condition: Always, scene: Scene) -> Mask:
    return scene.all(condition.holds)


@mask_of.register
def _(condition: Not, scene: Scene) -> Mask:
    return ~mask_of(condition.condition, scene)


@mask_of.register
def _(condition: And, scene: Scene) -> Mask:
    found = mask_of(condition.conditions[0], scene)
    for part in condition.conditions[1:]:
        found &= mask_of(part, scene)
    return found


@mask_of.register
def _(condition: Or, scene: Scene) -> Mask:
    found = mask_of(condition.conditions[0], scene)
    for part in condition.conditions[1:]:
        found |= mask_of(part, scene)
    return found
