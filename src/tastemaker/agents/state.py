"""The state of a conversation: wishes, items that were shown and judged, questions that were asked; replayable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from tastemaker.agents.acts import Act
from tastemaker.agents.wishes import Wish
from tastemaker.core.errors import DataError

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was put to the person.

    Attributes:
        slot: What it was about.
        turn: After which of their turns.
        answer: ``open``; ``given``; or ``refused``, after which it is not put again.
    """

    slot: str
    turn: int
    answer: str = "open"


@dataclass(frozen=True, slots=True)
class Shown:
    """A list that the person saw: item ids in order, after which of their turns."""

    turn: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """What a conversation has come to, immutable: every act gives a new one.

    Attributes:
        locale: Language and country, such as ``en``.
        turn: How many turns the person had.
        wishes: All that were ever said, in order, those that hold no more among them.
        resembling: Items that what is wanted should be like, the latest last.
        liked: Items that were liked here.
        hidden: Items that are never to be shown again; nothing takes that back but the person.
        seen: Items that the person knows already.
        shown: Lists that were shown.
        asked: Questions that were put.
        quantity: How many items are wanted; ``None`` leaves it to the shop.
        occasion: For whom or when, in a word or two.
        accepted: Items that were taken.
    """

    locale: str = "en"
    turn: int = 0
    wishes: tuple[Wish, ...] = ()
    resembling: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    asked: tuple[Asked, ...] = ()
    quantity: int | None = None
    occasion: str = ""
    accepted: tuple[str, ...] = ()

    # -- what holds ----------------------------------------------------------------------------------------------

    @property
    def active(self) -> tuple[Wish, ...]:
        """Wishes that hold, in the order in which they were said."""
        return tuple(wish for wish in self.wishes if wish.active)

    def of_slot(self, slot: str) -> tuple[Wish, ...]:
        """Return the wishes of a slot that hold."""
        return tuple(wish for wish in self.active if wish.slot == slot)

    @property
    def last_shown(self) -> tuple[str, ...]:
        """The items of the latest list; what "the first" means."""
        return self.shown[-1].items if self.shown else ()

    @property
    def refused_slots(self) -> frozenset[str]:
        """Slots about which no question is put: answered, refused, or with a wish that holds."""
        answered = {asked.slot for asked in self.asked if asked.answer != "open"}
        return frozenset(answered | {wish.slot for wish in self.active})

    def conflicts(self) -> tuple[tuple[Wish, Wish], ...]:
        """Return pairs of hard wishes that no item can fulfil together."""
        hard = [wish for wish in self.active if wish.hard]
        return tuple((a, b) for place, a in enumerate(hard) for b in hard[place + 1 :] if a.contradicts(b))

    # -- what changes it -----------------------------------------------------------------------------------------

    def after(self, acts: Iterable[Act]) -> Self:
        """Return the state after a turn of the person."""
        state = replace(self, turn=self.turn + 1)
        for act in acts:
            state = state._after(act)
        return state

    def _after(self, act: Act) -> Self:
        if act.kind == "wish" and act.wish is not None:
            return self._wishing(replace(act.wish, turn=self.turn))
        if act.kind == "retract":
            return self._without(act)
        if act.kind == "mind not":
            return self._answered(act.slot, "refused")
        change = _CHANGES.get(act.kind)
        return self if change is None else replace(self, **change(self, act))

    def _wishing(self, wish: Wish) -> Self:
        """Return the state with a wish; what it contradicts, or says again, gives way to it."""
        kept = [
            old.ended_by(self.turn, "replaced")
            if old.active and (old.same_matter(wish) or old.contradicts(wish))
            else old
            for old in self.wishes
        ]
        return replace(self, wishes=(*kept, wish))._answered(wish.slot, "given")

    def _without(self, act: Act) -> Self:
        def meant(wish: Wish) -> bool:
            by_value = act.value is None or wish.value == act.value
            return wish.active and (not act.slot or wish.slot == act.slot) and by_value

        wishes = tuple(wish.ended_by(self.turn) if meant(wish) else wish for wish in self.wishes)
        resembling = _less(self.resembling, act.items) if act.items else self.resembling
        if not (act.slot or act.items):
            return replace(self, wishes=wishes, resembling=(), occasion="", quantity=None)
        return replace(self, wishes=wishes if act.slot else self.wishes, resembling=resembling)

    def _answered(self, slot: str, answer: str) -> Self:
        told = [replace(each, answer=answer) if each.slot == slot else each for each in self.asked]
        if answer == "refused" and not any(each.slot == slot for each in self.asked):
            told.append(Asked(slot, self.turn, answer))
        return replace(self, asked=tuple(told))

    def showing(self, items: Sequence[str]) -> Self:
        """Return the state after a list was shown."""
        return replace(self, shown=(*self.shown, Shown(self.turn, tuple(items))))

    def asking(self, slot: str) -> Self:
        """Return the state after a question was put."""
        return replace(self, asked=(*self.asked, Asked(slot, self.turn)))

    # -- on paper ------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "format": FORMAT,
            **{each.name: _plain(getattr(self, each.name)) for each in fields(self)},
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no state, or of another format.
        """
        if given.get("format") != FORMAT:
            raise DataError(f"a state of a conversation has the format {given.get('format')}, not {FORMAT}")
        try:
            return cls(
                locale=str(given["locale"]),
                turn=int(given["turn"]),
                wishes=tuple(Wish.from_json(each) for each in given["wishes"]),
                shown=tuple(Shown(each["turn"], tuple(each["items"])) for each in given["shown"]),
                asked=tuple(Asked(**each) for each in given["asked"]),
                quantity=given["quantity"],
                occasion=str(given["occasion"]),
                **{name: tuple(given[name]) for name in ("resembling", "liked", "hidden", "seen", "accepted")},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"what should be the state of a conversation is none: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Wish):
        return value.to_json()
    if isinstance(value, Asked | Shown):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value


def _joined(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _less(known: tuple[str, ...], gone: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in known if item not in gone)


def _begun_anew(state: State, act: Act) -> dict[str, Any]:
    ended = tuple(wish.ended_by(state.turn) if wish.active else wish for wish in state.wishes)
    return {"wishes": ended, "resembling": (), "quantity": None, "occasion": "", "asked": ()}


_CHANGES: Final[Mapping[str, Callable[[State, Act], dict[str, Any]]]] = {
    "like": lambda state, act: {
        "liked": _joined(state.liked, act.items),
        "hidden": _less(state.hidden, act.items),
    },
    "hide": lambda state, act: {
        "hidden": _joined(state.hidden, act.items),
        "liked": _less(state.liked, act.items),
    },
    "seen": lambda state, act: {"seen": _joined(state.seen, act.items)},
    "resembling": lambda state, act: {"resembling": _joined(_less(state.resembling, act.items), act.items)},
    "quantity": lambda state, act: {"quantity": act.number},
    "occasion": lambda state, act: {"occasion": str(act.value or "")},
    "accept": lambda state, act: {"accepted": _joined(state.accepted, act.items)},
    "restart": _begun_anew,
}
"""Kind of act -> the fields that it changes; other kinds change nothing that is kept."""
