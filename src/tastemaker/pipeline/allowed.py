"""What may be recommended in one request: it is there now, passes every filter, and is not hidden, seen or excluded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import to_microseconds
from tastemaker.core.query import Event, Events
from tastemaker.pipeline.common import UNAVAILABLE
from tastemaker.pipeline.filters import Filter, Moment, parse
from tastemaker.pipeline.slate import Numbers, Slate
from tastemaker.pipeline.stage import Context, Person

Mask: TypeAlias = NDArray[np.bool_]
Where: TypeAlias = Filter | str
"""A condition on items, in the filter language or read from it."""

CANDIDATES: Final = "candidates"
EXCLUDED: Final = "excluded"
HIDDEN: Final = "hidden"
SEEN: Final = "seen"

UNHIDE: Final = "unhide"
"""The kind of event that takes back what was said against an item before."""

_OF_CONTEXT: Final = tuple(each.name for each in fields(Context))
_FOR_GOOD: Final = frozenset({UNAVAILABLE, HIDDEN})
"""What nobody can ask to be dropped."""


@dataclass(frozen=True)
class Barred:
    """A condition that takes out some few items, by number: no array over all items is made of it until it has to be.

    Attributes:
        numbers: Their numbers, int32, each below ``n``.
    """

    numbers: Numbers


Check: TypeAlias = Mask | Barred
"""Which items pass a condition: bool ``[n]``, or all but some."""


@dataclass(frozen=True)
class Allowed:
    """What may be recommended in one request, for ``n`` items of the shelf; what came later may not.

    Attributes:
        checks: Each condition by its name.
        mask: Which items pass all of them, bool ``[n]``.
        removed: Condition -> how many items it took out of those that passed the ones before it.
        total: How many items are on the shelf.
        revision: State of the shelf that this is true of.
    """

    checks: tuple[tuple[str, Check], ...]
    mask: Mask
    removed: Mapping[str, int]
    total: int
    revision: int

    @classmethod
    def of(cls, context: Context, filters: Iterable[Where] = (), person: Person | None = None) -> Self:
        """Work out what may be recommended.

        What does not depend on who asks is worked out once for all requests (`Shelf.common`).

        Args:
            context: The request; its own filter counts, too.
            filters: What every item has to pass besides.
            person: Who asks, as known by now; by default as the context knows them.

        Raises:
            TastemakerError: A filter cannot be read, or asks for what the shelf cannot tell.
        """
        shelf, query, person = context.shelf, context.query, person or context.person
        wanted = [parse(each) if isinstance(each, str) else each for each in (*filters, query.filters) if each]
        common = shelf.common(wanted, moment_of(context))
        n, checks = len(common.mask), list[tuple[str, Check]]()
        if query.candidates is not None:
            among = np.zeros(n, dtype=bool)
            among[_within(n, shelf.numbers(list(query.candidates)))] = True
            checks.append((CANDIDATES, among))
        if query.exclude:
            checks.append((EXCLUDED, Barred(_within(n, shelf.numbers(list(query.exclude))))))
        events, stored = query.events(), query.history is person.history
        against = _spoken_against(events if stored else (*person.history, *events))
        checks.append((HIDDEN, _barring(n, person.hidden, shelf.numbers(against))))
        if query.exclude_seen:
            # What is stored is among what the person has seen.
            said = events[len(person.history) :] if stored else events
            touched = [*(event.item_id for event in said), *query.items]
            checks.append((SEEN, _barring(n, person.seen, shelf.numbers(touched))))
        return cls(common.checks, common.mask, common.removed, common.total, common.revision).also(checks)

    def within(self, name: str, mask: Mask) -> Self:
        """Return what of it passes one more condition as well; items beyond the end of its mask do not."""
        return self.also([(name, _fitted(mask, len(self.mask)))])

    def also(self, checks: Sequence[tuple[str, Check]]) -> Self:
        """Return what of it passes more conditions as well, which are about as many items."""
        mask, removed = self.mask.copy(), dict(self.removed)
        left = self.count
        for name, check in checks:
            if isinstance(check, Barred):
                mask[check.numbers] = False
            else:
                mask &= check
            before, left = left, int(np.count_nonzero(mask))
            removed[name] = removed.get(name, 0) + before - left
        mask.setflags(write=False)
        return type(self)((*self.checks, *checks), mask, MappingProxyType(removed), self.total, self.revision)

    @property
    def count(self) -> int:
        """How many items may be recommended."""
        return self.total - sum(self.removed.values())

    @cached_property
    def items(self) -> NDArray[np.int64]:
        """Numbers of the items that may be recommended, int64, ascending."""
        return np.flatnonzero(self.mask)

    def holds(self, numbers: NDArray[Any]) -> Mask:
        """Say which items may be recommended; numbers that are none, such as -1, may not."""
        return at(self.mask, numbers)

    def without(self) -> dict[str, int]:
        """Return the conditions that could be dropped, and how many items there would be without each alone."""
        found: dict[str, int] = {}
        for name in dict.fromkeys(name for name, _ in self.checks):
            if name not in _FOR_GOOD:
                passed = np.ones(len(self.mask), dtype=bool)
                for other, check in self.checks:
                    if other != name:
                        passed &= _mask(check, len(passed))
                found[name] = int(np.count_nonzero(passed))
        return {name: count for name, count in found.items() if count > self.count}

    def why_few(self) -> str:
        """Say in words why not more may be recommended."""
        if not self.total:
            return "the catalogue is empty"
        few = "nothing may be recommended" if not self.count else f"only {self.count} may be recommended"
        helpful = sorted(self.without().items(), key=lambda entry: -entry[1])
        if helpful:
            return f"{few}; {' or '.join(f'{count} without {_said(name)}' for name, count in helpful)}"
        taking = [_said(name) for name, count in self.removed.items() if count]
        return f"{few}: the others are taken out by {' and '.join(taking)}" if taking else few


@dataclass
class Asked(Context):
    """A context that knows what may be recommended; it is worked out once, and all retrievers go by it.

    Attributes:
        filters: What every item has to pass, besides the filter of the query.
        known: What may be recommended; ``None`` until somebody asks.
    """

    filters: tuple[Where, ...] = ()
    known: Allowed | None = field(default=None, repr=False)

    @classmethod
    def over(cls, context: Context, filters: Sequence[Where] = (), known: Allowed | None = None) -> Self:
        """Return the same request, with the same trace, as one that knows."""
        given: dict[str, Any] = {name: getattr(context, name) for name in _OF_CONTEXT}
        return cls(**given, filters=tuple(filters), known=known)

    @property
    def allowed(self) -> Allowed:
        """What may be recommended."""
        if self.known is None:
            self.known = Allowed.of(self, self.filters)
        return self.known


def allowed_in(context: Context) -> Allowed:
    """Return what may be recommended, worked out anew where the context does not know it."""
    return context.allowed if isinstance(context, Asked) else Allowed.of(context)


def moment_of(context: Context) -> Moment:
    """Return what filters may look at beside the items: time, place, and what the request or the profile says."""
    said = {**context.person.profile, **context.query.context}
    lat, lon = said.get("lat"), said.get("lon")
    here = (float(lat), float(lon)) if isinstance(lat, int | float) and isinstance(lon, int | float) else None
    return Moment(to_microseconds(context.now), said, here)


def matching(context: Context, where: Where, items: NDArray[Any]) -> Mask:
    """Say which items fulfil a condition, bool ``[c]``."""
    return at(context.shelf.mask(where, moment_of(context)), items)


def sift(slate: Slate, allowed: Allowed) -> Slate:
    """Return the candidates that may be recommended, and note which condition took out which of the others."""
    if at(allowed.mask, slate.items).all():
        return slate.passed(name for name, _ in allowed.checks)
    n = len(allowed.mask)
    for name, check in allowed.checks:
        slate = slate.drop(name, ~at(_mask(check, n), slate.items))
    return slate


def at(mask: Mask, numbers: NDArray[Any]) -> Mask:
    """Return a mask's values at some places; false at those that it does not have, such as -1."""
    if not len(numbers):
        return np.zeros(0, dtype=bool)
    # Read without its sign a number below 0 is larger than any place, so that one look finds both.
    if np.maximum.reduce(numbers.view(f"u{numbers.itemsize}")) < len(mask):
        return np.asarray(mask[numbers])
    inside = (numbers >= 0) & (numbers < len(mask))
    return np.asarray(np.append(mask, False)[np.where(inside, numbers, -1)])


def _barring(n: int, first: Numbers, second: Numbers) -> Barred:
    return Barred(_within(n, np.concatenate([first, second]) if len(second) else first))


def _within(n: int, numbers: Numbers) -> Numbers:
    """Return the numbers that are those of one of the first ``n`` items."""
    return numbers[(numbers >= 0) & (numbers < n)]


def _mask(check: Check, n: int) -> Mask:
    if not isinstance(check, Barred):
        return check
    passed = np.ones(n, dtype=bool)
    passed[check.numbers] = False
    return passed


def _fitted(mask: Mask, n: int) -> Mask:
    """Return the first ``n`` values of a mask; those that it does not have are false."""
    return mask[:n] if len(mask) >= n else np.concatenate([mask, np.zeros(n - len(mask), dtype=bool)])


def _spoken_against(events: Iterable[Event]) -> list[str]:
    """Return the items that events speak against, unless a later one takes that back."""
    if isinstance(events, Events) and not events.any_against:
        return []
    found: dict[str, None] = {}
    for event in events:
        if event.weight < 0:
            found[event.item_id] = None
        elif event.event == UNHIDE:
            found.pop(event.item_id, None)
    return list(found)


def _said(name: str) -> str:
    return {SEEN: "leaving out what was seen", CANDIDATES: "the candidates", EXCLUDED: "the exclusions"}.get(
        name, name if name in _FOR_GOOD else f"'{name}'"
    )
