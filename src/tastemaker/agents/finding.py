"""From the state of a conversation to items: the query that it amounts to, and which wish stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tastemaker.agents.slots import Slot, filter_of, slots_of
from tastemaker.agents.state import State
from tastemaker.agents.wishes import ABOUT, Wish
from tastemaker.core.clock import to_microseconds
from tastemaker.core.query import Query
from tastemaker.engine import Engine
from tastemaker.engine.answers import Answer, Recommended
from tastemaker.pipeline.columns import Mask
from tastemaker.pipeline.filters import Moment

USUAL_NUMBER: Final = 5
"""So many items are shown where nobody says how many."""

_WIDER: Final = 4
"""So many times as many are asked for where soft wishes may change their order."""


@dataclass(frozen=True)
class Blocked:
    """A wish without which there would be something.

    Attributes:
        wish: The wish.
        left: How many items there are without it.
    """

    wish: Wish
    left: int


@dataclass(frozen=True)
class Found:
    """What was found for a state.

    Attributes:
        items: Best first.
        where: The filter that they all fulfil; empty where nothing must hold.
        total: How many items of the shop fulfil it, apart from those that the person hid or knows.
        blocked: Where nothing was found: single wishes that would have to go, those that leave most first.
        answer: What the engine said; ``None`` where it was not asked, since no item fulfils the wishes.
    """

    items: tuple[Recommended, ...]
    where: str
    total: int
    blocked: tuple[Blocked, ...] = ()
    answer: Answer | None = None


class Finding:
    """Finds items for a state, by the engine's own pipelines: what must hold is a filter there, to the last gate.

    Args:
        engine: What answers.
        scenario: Name of a placement that answers everything; where none is given, wishes about items alone go to
            ``similar``, those in words alone to ``search``, and all else to ``home``.
    """

    def __init__(self, engine: Engine, scenario: str | None = None) -> None:
        self.engine, self.scenario = engine, scenario
        self._slots: tuple[int, Mapping[str, Slot]] | None = None

    @property
    def slots(self) -> Mapping[str, Slot]:
        """What can be wished for in the shop as it is now."""
        shelf = self.engine.shop.shelf
        if self._slots is None or self._slots[0] != shelf.revision:
            self._slots = (shelf.revision, slots_of(shelf))
        return self._slots[1]

    def find(self, state: State, user_id: str | None = None, *, others: bool = False) -> Found:
        """Return items that fulfil all hard wishes, with those first that fulfil soft ones.

        Args:
            state: What is wanted.
            user_id: Who asks.
            others: Leave out what was shown before.
        """
        where = filter_of(state.active, self.slots)
        total = int(np.count_nonzero(self.open_to(state, where)))
        if not total:
            return Found((), where, 0, self.blocked(state))
        k = state.quantity or USUAL_NUMBER
        soft = [wish for wish in state.active if not wish.hard and wish.slot in self.slots]
        out = {*state.hidden, *state.seen, *(item for shown in state.shown if others for item in shown.items)}
        query = Query(
            user_id=user_id,
            liked=state.liked if user_id is None else (),
            items=state.resembling,
            text=self.words(state) or None,
            exclude=tuple(sorted(out)),
            filters=where or None,
            k=k * _WIDER if soft else k,
        )
        answer = self.engine.recommend(replace(query, scenario=self.scenario or _placement(query)))
        items = self._by_soft_wishes(answer.items, soft)[:k]
        return Found(tuple(items), where, total, () if items else self.blocked(state), answer)

    def reasons(self, state: State, items: Sequence[str], user_id: str | None = None) -> dict[str, Recommended]:
        """Return what speaks for some items as the wishes are now, by their ids; nothing for what may not be shown."""
        query = Query(
            user_id=user_id,
            liked=tuple(item for item in state.liked if item not in items) if user_id is None else (),
            items=state.resembling,
            candidates=frozenset(items),
            exclude_seen=False,
            k=max(len(items), 1),
        )
        return {item.item_id: item for item in self.engine.recommend(query, dry_run=True).items}

    def facts(self, item_id: str) -> dict[str, Any]:
        """Return what the shop knows of an item, by slot, in the order of its fields; nothing for what is not there."""
        shelf = self.engine.shop.shelf
        number = int(shelf.numbers([item_id])[0])
        if number < 0:
            return {}
        known = {name: shelf.value(number, name) for name in self.slots}
        return {name: value for name, value in known.items() if value is not None}

    def words(self, state: State) -> str:
        """Return what is wanted in words, beyond what is a filter: wishes without a field, and the occasion."""
        said = [str(wish.value) for wish in state.active if wish.slot == ABOUT and wish.sign == "is"]
        return ". ".join(dict.fromkeys([*said, state.occasion] if state.occasion else said))

    def open_to(self, state: State, where: str) -> Mask:
        """Return which items of the shop fulfil a filter and are neither hidden nor known, bool ``[n]``."""
        shelf, now = self.engine.shop.shelf, to_microseconds(self.engine.clock())
        found = shelf.open_at(now).copy()
        if where:
            found &= shelf.mask(where, Moment(now=now))
        numbers = shelf.numbers([*state.hidden, *state.seen])
        found[numbers[numbers >= 0]] = False
        return found

    def blocked(self, state: State) -> tuple[Blocked, ...]:
        """Return which single hard wishes stand in the way, those that leave most first."""
        active, found = state.active, []
        for wish in active:
            if wish.hard and wish.slot in self.slots:
                where = filter_of([other for other in active if other is not wish], self.slots)
                if left := int(np.count_nonzero(self.open_to(state, where))):
                    found.append(Blocked(wish, left))
        return tuple(sorted(found, key=lambda each: -each.left))

    def _by_soft_wishes(self, items: Sequence[Recommended], soft: Sequence[Wish]) -> list[Recommended]:
        """Return items with those first that fulfil more soft wishes; what is equal stays in its order."""
        if not soft:
            return list(items)
        shelf = self.engine.shop.shelf
        numbers = shelf.numbers([item.item_id for item in items]).tolist()
        kept = [
            sum(fulfils(shelf.value(number, wish.slot), wish) for wish in soft) if number >= 0 else 0
            for number in numbers
        ]
        order = sorted(range(len(items)), key=lambda place: -kept[place])
        return [replace(items[place], rank=rank) for rank, place in enumerate(order, start=1)]


def fulfils(value: Any, wish: Wish) -> bool:
    """Say whether what is known of an item fulfils a wish; what is not known fulfils what is refused alone."""
    if value is None:
        return wish.sign == "is not"
    if wish.sign in ("at least", "at most"):
        if isinstance(value, str | tuple) or isinstance(wish.value, str):
            return False
        return float(value) >= wish.value if wish.sign == "at least" else float(value) <= wish.value
    has = wish.value in value if isinstance(value, tuple) else value == wish.value
    return bool(has) == (wish.sign == "is")


def _placement(query: Query) -> str | None:
    """Return the placement for a query; ``None`` for the usual one."""
    return "search" if query.text and not query.items else None
