"""What can be wished for of the items of a shop, made of what its rows say; and the filter that wishes amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from tastemaker.agents.wishes import Wish
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.text_columns import TextColumn
from tastemaker.pipeline.text_lists import TextListColumn
from tastemaker.pipeline.written import field_written, written

SlotKind: TypeAlias = Literal["number", "text", "texts", "flag"]

NO_SLOTS: Final = frozenset({"title", "lat", "lon", "added", "available", "available_from", "available_until", "stock"})
"""Fields that nobody wishes for by their value."""

_KINDS: Final[Mapping[str, SlotKind]] = {
    "number": "number",
    "text": "text",
    "list of text": "texts",
    "yes or no": "flag",
}


@dataclass(frozen=True)
class Slot:
    """One respect in which items differ and of which a person can say what they want.

    Attributes:
        name: Its name, that of the field.
        kind: ``number``; ``text``, one value an item; ``texts``, several; ``flag``, yes or no.
        values: The texts that occur, the most frequent first.
        counts: How many items have each of them.
        low: The least number that occurs; NaN for no number.
        high: The largest.
        thirds: Below which a third of the items is, and below which two; what "cheap" and "recent" are measured by.
        paths: Whether values are paths, so that an item in ``Books > Crime`` is also in ``Books`` and in ``Crime``.
    """

    name: str
    kind: SlotKind
    values: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    low: float = float("nan")
    high: float = float("nan")
    thirds: tuple[float, float] = (float("nan"), float("nan"))
    paths: bool = False


def slots_of(shelf: Shelf) -> dict[str, Slot]:
    """Return the slots of a shop by name: every field of its rows with at least two values, but for `NO_SLOTS`."""
    found = {}
    for name, kind in shelf.fields().items():
        if name not in NO_SLOTS and (slot := _slot(shelf, name, _KINDS.get(kind))) is not None:
            found[name] = slot
    return found


def _slot(shelf: Shelf, name: str, kind: SlotKind | None) -> Slot | None:
    column = shelf.kept(name)
    if kind is None or column is None:
        return None
    if isinstance(column, TextListColumn | TextColumn):
        told = [value for number in np.flatnonzero(shelf.present).tolist() for value in _texts(column.value(number))]
        values, counts = np.unique(np.array(told, dtype=object), return_counts=True)
        if len(values) < 2:
            return None
        order = np.lexsort((values, -counts))
        ranked = tuple(values[order].tolist()), tuple(counts[order].tolist())
        return Slot(name, kind, *ranked, paths=name == "categories")
    if kind == "flag":
        return Slot(name, kind)
    numbers = shelf.column(name)[shelf.present]
    numbers = numbers[np.isfinite(numbers)]
    if len(np.unique(numbers)) < 2:
        return None
    low, third, two_thirds, high = np.quantile(numbers, (0, 1 / 3, 2 / 3, 1), method="nearest").tolist()
    return Slot(name, kind, low=low, high=high, thirds=(third, two_thirds))


def _texts(value: Any) -> Iterable[str]:
    return () if value is None else (value,) if isinstance(value, str) else value


def filter_of(wishes: Iterable[Wish], slots: Mapping[str, Slot]) -> str:
    """Return what hard wishes amount to in the filter language; nothing where there are none.

    What somebody wants of a slot is any of the values that they named, and none of those that they refused; an item
    of which nothing is known does not fulfil what is wanted, and does not break what is refused.

    Args:
        wishes: Those that hold.
        slots: What there is; a wish of another slot is no matter of filters.
    """
    hard = [wish for wish in wishes if wish.hard and wish.slot in slots]
    parts = []
    for name in dict.fromkeys(wish.slot for wish in hard):
        of_slot = [wish for wish in hard if wish.slot == name]
        field, slot = field_written(name), slots[name]
        wanted = [written(wish.value) for wish in of_slot if wish.sign == "is"]
        refused = [written(wish.value) for wish in of_slot if wish.sign == "is not"]
        among = "has any" if slot.kind == "texts" else "in"
        if wanted:
            parts.append(f"{field} {among} ({', '.join(wanted)})")
        if refused:
            parts.append(f"not {field} {among} ({', '.join(refused)})")
        parts += [f"{field} >= {written(wish.value)}" for wish in of_slot if wish.sign == "at least"]
        parts += [f"{field} <= {written(wish.value)}" for wish in of_slot if wish.sign == "at most"]
    return " and ".join(parts)
