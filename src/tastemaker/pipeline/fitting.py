"""Whether what a condition asks fits what its field holds; nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from tastemaker.core.errors import QueryError, nearest
from tastemaker.pipeline.conditions import Condition, Distance, Leaf, leaves
from tastemaker.pipeline.kinds import ALIASES, LEFT_OUT, TAKE, Kind, in_words, shown
from tastemaker.pipeline.places import FilterError, Place
from tastemaker.pipeline.written import Named, field_written, written

_ORDER: Final = frozenset(("<", "<=", ">", ">="))
_SAME: Final = frozenset(("=", "!=", "in", "is"))
_WORDS: Final = frozenset(("contains", "starts with"))

OPERATIONS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        "number": _SAME | _ORDER | {"between"},
        "text": _SAME | _WORDS,
        "yes or no": _SAME,
        "list of text": _SAME | _WORDS | {"has"},
        "time": _SAME | _ORDER | {"between", "within"},
    }
)
"""Kind of a field -> what can be asked of it."""

_INSTEAD: Final[Mapping[tuple[Kind, str], str]] = MappingProxyType(
    {
        ("text", "has"): "Write =, in (...) or contains.",
        ("number", "within"): "Write between ... and ...",
        ("yes or no", "has"): "Write = true or = false.",
    }
)


def resolved(name: str, kinds: Mapping[str, Kind]) -> str:
    """Return the field that a name means: a column of that name, or what the name is another word for."""
    return name if name in kinds else ALIASES.get(name, name)


def check(condition: Condition, kinds: Mapping[str, Kind], strict: bool = True) -> None:
    """See to it that every field is there and holds what it is compared with.

    What the request will give is not known here, and not checked.

    Args:
        condition: What a filter says.
        kinds: Field -> what it holds.
        strict: Refuse unknown fields; otherwise nothing is known of them.

    Raises:
        FilterError: It is not so.
    """
    for leaf in leaves(condition):
        if not isinstance(leaf, Distance):
            _check_leaf(leaf, kinds, strict)


def _check_leaf(leaf: Leaf, kinds: Mapping[str, Kind], strict: bool) -> None:
    kind = kinds.get(resolved(leaf.field, kinds))
    if kind is None:
        if strict:
            raise _unknown(leaf, kinds)
        return
    if leaf.operation not in OPERATIONS[kind]:
        raise FilterError(
            f"'{leaf.field}' holds {in_words(kind)}, of which '{leaf.operation}' cannot be asked",
            place=leaf.place,
            remedy=_INSTEAD.get((kind, leaf.operation)) or f"What can be asked: {', '.join(sorted(OPERATIONS[kind]))}.",
        )
    for value in leaf.values:
        if not isinstance(value, Named):
            fitted(leaf, kind, value)


def _unknown(leaf: Leaf, kinds: Mapping[str, Kind]) -> FilterError:
    place = leaf.place
    if place is not None:
        place = Place(place.name, place.text, place.start, place.start + len(field_written(leaf.field)))
    if leaf.field in LEFT_OUT:
        return FilterError(f"'{leaf.field}' is not kept for filters", place=place, remedy="Filter by 'title'.")
    return FilterError(f"no item has a field '{leaf.field}'", place=place, remedy=nearest(leaf.field, kinds))


def fitted(leaf: Leaf, kind: Kind, value: Any, source: str | None = None) -> Any:
    """Return what a field is compared with as a plain value of the field's kind.

    Args:
        leaf: The condition.
        kind: What its field holds.
        value: A value of the filter, or one that the request gave.
        source: What the request calls it; ``None`` for a value of the filter.

    Raises:
        FilterError: A value of the filter is of another kind.
        QueryError: A value that the request gave is.
    """
    compared: Kind = "text" if kind == "list of text" else kind
    try:
        found = TAKE[compared](value)
        return "" if found is None else found
    except (TypeError, ValueError, OverflowError):
        pass
    holds = f"'{leaf.field}' holds {in_words(kind)}"
    if source is None:
        remedy = 'Put it in quotes: "...".' if compared == "text" else None
        raise FilterError(f"{holds}, and cannot be compared with {written(value)}", place=leaf.place, remedy=remedy)
    raise QueryError(
        f"{holds}, and {source} of the request is {shown(value)}",
        where=f"context.{source.removeprefix('$')}",
        remedy=f"It must be {in_words(compared)}.",
    )
