"""Rules of a shop: what is raised or lowered, pinned to a place, limited in number, or given a share of the places.

A rule moves items and never adds one that may not be recommended. Scores stay with the places, so that they fall from
the first to the last whatever was moved. Of two rules that contradict each other the later one holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY, to_microseconds
from tastemaker.core.errors import ConfigError
from tastemaker.pipeline.allowed import Mask, Where, allowed_in, matching
from tastemaker.pipeline.moving import from_0_to_1, marked, rearranged
from tastemaker.pipeline.slate import Numbers, Slate
from tastemaker.pipeline.sources import append, places_of
from tastemaker.pipeline.stage import Context

PINNED: Final = "pinned"
PROMOTED: Final = "promoted"


class Boost:
    """Raises the items that fulfil a condition: one at place ``r`` goes to about place ``r / factor``.

    It goes by places, so that it is the same whatever the scores are. A larger factor never lowers such an item, and
    the order among them, and among the others, stays.

    Args:
        where: The condition, in the filter language.
        factor: How far, 1 or more.
        name: Its name in the trace.

    Raises:
        ConfigError: The factor is less than 1.
    """

    needed = True

    def __init__(self, where: Where, factor: float = 2.0, *, name: str | None = None) -> None:
        self.where, self.factor = where, _at_least_1(factor)
        self.name = name or f"boost {where}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Raise them."""
        chosen = matching(context, self.where, slate.items)
        return _shifted(slate, chosen, 1 / self.factor, "boosted")


class Bury:
    """Lowers the items that fulfil a condition: one at place ``r`` goes to about place ``r * factor``; see `Boost`.

    Args:
        where: The condition, in the filter language.
        factor: How far, 1 or more.
        name: Its name in the trace.

    Raises:
        ConfigError: The factor is less than 1.
    """

    needed = True

    def __init__(self, where: Where, factor: float = 2.0, *, name: str | None = None) -> None:
        self.where, self.factor = where, _at_least_1(factor)
        self.name = name or f"bury {where}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Lower them."""
        chosen = matching(context, self.where, slate.items)
        return _shifted(slate, chosen, self.factor, "buried")


class Fresh:
    """Mixes the order with freshness: ``(1 - weight) * score + weight * 2 ** (-age / half_life)``, scores from 0 to 1.

    Args:
        half_life_days: Days after which an item is half as fresh.
        weight: How much freshness counts, from 0 (not at all) to 1 (nothing else does).
        name: Its name in the trace.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self, half_life_days: float = 14.0, weight: float = 0.2, *, name: str = "fresh", needed: bool = False
    ) -> None:
        if not half_life_days > 0:
            raise ConfigError(f"the half-life is {half_life_days} days, but must be above 0", where="half_life_days")
        self.half_life_days, self.weight = half_life_days, share_of(weight, "weight")
        self.name, self.needed = name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Order the candidates anew."""
        came = context.shelf.added[slate.items].astype(np.float64)
        age = (to_microseconds(context.now) - came) / MICROSECONDS_PER_DAY
        freshness = 0.5 ** (np.maximum(age, 0) / self.half_life_days)
        mixed = (1 - self.weight) * from_0_to_1(slate.scores) + self.weight * freshness
        return slate.ordered(mixed.astype(np.float32))


class Pin:
    """Puts items at fixed places, if they may be recommended at all, whether the slate had them or not.

    Of two items for one place the one named later takes the next; one beyond the end of the list comes last.

    Args:
        positions: Raw id -> its place, from 1.
        name: Its name in the trace.

    Raises:
        ConfigError: A place is less than 1.
    """

    needed = True
    lasting = True

    def __init__(self, positions: Mapping[str, int], *, name: str = "pin") -> None:
        for item, place in positions.items():
            if place < 1:
                raise ConfigError(f"the item '{item}' is pinned to place {place}", remedy="The first place is 1.")
        self.positions = dict(sorted(positions.items(), key=lambda entry: entry[1]))
        self.name = name

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Put the items where they belong."""
        numbers = context.shelf.numbers(list(self.positions))
        wanted = np.asarray(list(self.positions.values()), dtype=np.int64)
        may = allowed_in(context).holds(numbers)
        numbers, wanted = numbers[may], wanted[may]
        if not len(numbers):
            return slate
        lacking = numbers[places_of(slate, numbers) < 0]
        whole = append(slate, lacking, np.full(len(lacking), np.inf if len(slate) else 0.0, np.float32))
        order = np.full(len(whole), -1, dtype=np.int64)
        order[_free_places(wanted - 1, len(whole))] = own = places_of(whole, numbers)
        rest = np.ones(len(whole), dtype=bool)
        rest[own] = False
        order[order < 0] = np.flatnonzero(rest)
        return marked(rearranged(whole, order), numbers, PINNED)


class Quota:
    """Lets at most so many items of one category, brand or the like into the list; what is too many is taken out.

    The list is gone through from the first to the last; an item of several categories counts in each, and one of none
    in none. What `Pin` put first is gone through first.

    Args:
        field: A column of the catalogue, such as ``categories`` or ``brand``.
        most: How many of the same at most, 1 or more.
        name: Its name in the trace and among the filters.

    Raises:
        ConfigError: It would let nothing in.
    """

    needed = True
    lasting = True

    def __init__(self, field: str, most: int, *, name: str | None = None) -> None:
        if most < 1:
            raise ConfigError(f"at most {most} of the same {field} leaves nothing", where="most", remedy="Give 1.")
        self.field, self.most = field, most
        self.name = name or f"at most {most} of the same {field}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Take out what is too many."""
        counts: dict[Any, int] = {}
        gone = np.zeros(len(slate), dtype=bool)
        for place, labels in enumerate(_labels(context, self.field, slate.items)):
            if any(counts.get(label, 0) >= self.most for label in labels):
                gone[place] = True
                continue
            for label in labels:
                counts[label] = counts.get(label, 0) + 1
        return slate.drop(self.name, gone)


class Promote:
    """Gives the items that fulfil a condition a share of the places, spread evenly, if they do not have it anyway.

    Among the first ``i`` places stand at least ``floor(share * i + u)`` of them, as far as the slate has so many, with
    a random ``u`` from 0 to 1 for each list: ``share * k`` of ``k`` places in expectation, also where that is no whole
    number. What stands there by itself counts. They come in their own order, and so do the others. An item that may not
    be recommended is never in the slate; for there to be enough, ask a source for them
    (`tastemaker.pipeline.retrievers.Among`).

    Args:
        where: The condition, in the filter language.
        share: Of the places, from 0 to 1.
        name: Its name in the trace.

    Raises:
        ConfigError: The share is out of range.
    """

    needed = True
    lasting = True

    def __init__(self, where: Where, share: float, *, name: str | None = None) -> None:
        self.where, self.share = where, share_of(share, "share")
        self.name = name or f"promote {where}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Give them their places."""
        chosen = matching(context, self.where, slate.items)
        k = min(context.query.k, len(slate))
        due = np.floor(self.share * np.arange(1, k + 1) + context.rng.random()).astype(np.int64)
        order = _interleaved(np.flatnonzero(chosen).tolist(), np.flatnonzero(~chosen).tolist(), due.tolist())
        rest = np.ones(len(slate), dtype=bool)
        rest[order] = False
        whole = np.concatenate([np.asarray(order, dtype=np.int64), np.flatnonzero(rest)])
        raised = whole[chosen[whole] & (whole > np.arange(len(whole)))]
        return marked(rearranged(slate, whole), slate.items[raised], PROMOTED)


def share_of(value: float, what: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        ConfigError: It is not.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{what} is {value}, but must be from 0 to 1", where=what)
    return float(value)


def _at_least_1(factor: float) -> float:
    if not 1 <= factor < math.inf:
        raise ConfigError(
            f"the factor is {factor}, but must be at least 1", where="factor", remedy="Boost raises, Bury lowers."
        )
    return float(factor)


def _shifted(slate: Slate, chosen: Mask, times: float, said: str) -> Slate:
    """Multiply the places of some candidates; where they meet others, they are first if raised, last if lowered."""
    if times == 1 or not chosen.any():
        return slate
    places = np.arange(1, len(slate) + 1, dtype=np.float64)
    places[chosen] *= times
    order = np.lexsort((chosen if times > 1 else ~chosen, places))
    return marked(rearranged(slate, order), slate.items[chosen], said)


def _free_places(wanted: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return distinct places from 0 to ``size - 1`` as near to some ascending ones as they get, ascending."""
    step = np.arange(len(wanted))
    apart = np.maximum.accumulate(wanted - step) + step
    return np.minimum(apart, size - len(wanted) + step)


def _interleaved(chosen: list[int], others: list[int], due: Sequence[int]) -> list[int]:
    """Return who stands in the first places, so many of the chosen among them as are due; else by their own places."""
    order: list[int] = []
    have = passed = 0
    for least in due:
        ahead = passed >= len(others) or (have < len(chosen) and chosen[have] < others[passed])
        if have < len(chosen) and (ahead or have < least):
            order.append(chosen[have])
            have += 1
        else:
            order.append(others[passed])
            passed += 1
    return order


def _labels(context: Context, field: str, items: Numbers) -> list[tuple[Any, ...]]:
    """Return what is said of each item in a field: several texts, one value, or nothing."""
    said = [context.shelf.value(number, field) for number in items.tolist()]
    return [tuple(each) if isinstance(each, list | tuple) else () if each is None else (each,) for each in said]
