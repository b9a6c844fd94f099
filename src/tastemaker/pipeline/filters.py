"""Filters: which items may be recommended, in a small language that a shop's engineer writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from tastemaker.pipeline.columns import Mask
from tastemaker.pipeline.conditions import And, Condition, Distance, all_of, leaves
from tastemaker.pipeline.fitting import check
from tastemaker.pipeline.kinds import Kind
from tastemaker.pipeline.masks import Columns, Scene, mask_of
from tastemaker.pipeline.moment import Moment
from tastemaker.pipeline.places import FilterError, Place

__all__ = ["Filter", "FilterError", "Moment", "Place", "conjunction", "parse"]

_REMEMBERED: Final = 512


@dataclass(frozen=True)
class Filter:
    """A filter that was read; its text, ``str(filter)``, is read as the same filter.

    Logic has two values. A comparison with what is missing is false, whatever it compares (``!=`` included), and the
    opposite of a comparison, ``not``, is true wherever the comparison is not: also where something is missing.

    Attributes:
        condition: What it says.
        name: What an error calls it; two filters that say the same are equal whatever they are called.
    """

    condition: Condition
    name: str = field(default="filter", compare=False)

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return str(self.condition)

    @cached_property
    def parts(self) -> tuple[Filter, ...]:
        """The conditions of which all must hold, each as a filter."""
        if not isinstance(self.condition, And):
            return (self,)
        return tuple(Filter(part, self.name) for part in self.condition.conditions)

    def fields(self) -> frozenset[str]:
        """Return the fields that it asks about, as it calls them; a distance asks about ``lat`` and ``lon``."""
        asked = (("lat", "lon") if isinstance(leaf, Distance) else (leaf.field,) for leaf in leaves(self.condition))
        return frozenset(name for names in asked for name in names)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """What it takes from the moment: ``now``, ``here``, ``age``, or ``$`` and a name of the context; sorted."""
        return tuple(sorted({name for leaf in leaves(self.condition) for name in leaf.reads}))

    def check(self, kinds: Mapping[str, Kind], strict: bool = True) -> None:
        """See to it that every field is there and holds what it is compared with.

        Args:
            kinds: Field -> what it holds, as ``shelf.fields()`` gives it.
            strict: Refuse unknown fields; otherwise everything about them is missing.

        Raises:
            FilterError: It is not so; the remedy names the nearest field.
        """
        check(self.condition, kinds, strict)

    def mask(self, shelf: Columns, moment: Moment, strict: bool = True) -> Mask:
        """Return which items fit, bool ``[n]``, an array of its own.

        Withdrawn items count as well, with everything missing; `Shelf.mask` leaves them out, and remembers.

        Args:
            shelf: The items.
            moment: What the request gives.
            strict: Refuse unknown fields; otherwise everything about them is missing.

        Raises:
            FilterError: There is no such field, or it does not hold what it is compared with.
            QueryError: The request does not give what the filter reads, or gives something of another kind.
        """
        n = len(shelf)
        kinds = shelf.fields()
        check(self.condition, kinds, strict)
        return mask_of(self.condition, Scene(shelf, kinds, moment, n))


def parse(text: str, name: str = "filter") -> Filter:
    """Return what a text says; see docs/filters.md for the language.

    Args:
        text: The filter.
        name: What an error calls it.

    Raises:
        FilterError: It cannot be read, or is larger than may be.

    >>> print(parse("price<20 AND NOT (category = 'Crime' or stock is missing)"))
    price < 20 and not (category = "Crime" or stock is missing)
    """
    if not isinstance(text, str):
        raise FilterError(f"a filter is text, and this is of the kind {type(text).__name__}")
    return _parsed(text, name)


@lru_cache(_REMEMBERED)
def _parsed(text: str, name: str) -> Filter:
    from tastemaker.pipeline.filter_reader import read

    return Filter(read(text, name), name)


def conjunction(filters: Iterable[Filter], name: str = "filter") -> Filter:
    """Return a filter that an item fits if it fits all of some; every item fits that of none.

    >>> print(conjunction([parse("price < 20"), parse("year > 1990 or year is missing")]))
    price < 20 and (year > 1990 or year is missing)
    """
    return Filter(all_of(each.condition for each in filters), name)
