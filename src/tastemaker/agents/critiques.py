"""What "shorter" and "less sad" amount to: a wish, measured by the items that are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tastemaker.agents.acts import Act
from tastemaker.agents.slots import Slot
from tastemaker.agents.wishes import Wish
from tastemaker.pipeline.shelf import Shelf


def as_wish(act: Act, slots: Mapping[str, Slot], shelf: Shelf) -> Wish | None:
    """Return the wish that a critique amounts to; ``None`` where it says nothing that can be checked.

    Of a number, "less" than one item is at most the shop's next value below that of the item, and "less" than a list
    that below the median of theirs. Of a text the value that is named is wanted or refused; where the words have it
    as it is, as in "too long", it is refused, and where they raise it, as in "longer", it is wanted.

    Args:
        act: A critique.
        slots: What there is.
        shelf: Knows the items that are compared with.
    """
    slot = slots.get(act.slot)
    if slot is None or not act.sign:
        return None
    if slot.kind != "number":
        if act.value is not None:
            return Wish(slot.name, "is" if act.sign == "more" else "is not", act.value, words=act.words)
        return _named(act, slot)
    bound = _bound(act.items, act.sign == "less", slot.name, shelf)
    return (
        None
        if bound is None
        else Wish(slot.name, "at most" if act.sign == "less" else "at least", bound, words=act.words)
    )


def _named(act: Act, slot: Slot) -> Wish | None:
    """Return the wish of a critique that names a value in its words alone."""
    for word in act.words.casefold().split():
        for value in slot.values:
            if word == value.casefold():
                return Wish(slot.name, "is not", value, words=act.words)
            if word.startswith(value.casefold()):
                return Wish(slot.name, "is", value, words=act.words)
    return None


def _bound(items: Sequence[str], below: bool, slot: str, shelf: Shelf) -> float | None:
    """Return the shop's next value below or above the median of some items."""
    numbers = shelf.numbers(items)
    column = shelf.column(slot)
    known = column[numbers[numbers >= 0]]
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    middle, there = float(np.median(known)), column[shelf.present]
    beyond = there[there < middle] if below else there[there > middle]
    if not len(beyond):
        return None
    return float(beyond.max() if below else beyond.min())


def with_critiques(acts: Sequence[Act], slots: Mapping[str, Slot], shelf: Shelf) -> tuple[Act, ...]:
    """Return acts with each critique followed by the wish that it amounts to."""
    found: list[Act] = []
    for act in acts:
        found.append(act)
        if act.kind == "critique" and (wish := as_wish(act, slots, shelf)) is not None:
            found.append(Act("wish", wish=wish, words=act.words))
    return tuple(found)
