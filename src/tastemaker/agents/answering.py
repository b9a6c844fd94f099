"""What is said to the acts of a turn: each is answered in words that name nothing but the shop's own items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tastemaker.agents.acts import Act
from tastemaker.agents.finding import Blocked, Finding, Found
from tastemaker.agents.parts import Card, Cards, Chips, Part, Words, chip_of
from tastemaker.agents.speaking import Speaker
from tastemaker.agents.state import State
from tastemaker.agents.wishes import ABOUT, Wish
from tastemaker.engine.answers import Recommended

MOST_FACTS: Final = 4
MOST_BLOCKED: Final = 2


class Answering:
    """Answers the acts of one person's turn.

    Args:
        finding: Knows the items.
        speaker: Has the words.
        user_id: Who the person is, if that is known.
    """

    def __init__(self, finding: Finding, speaker: Speaker, user_id: str | None = None) -> None:
        self.finding, self.speaker, self.user_id = finding, speaker, user_id
        self._replies: Mapping[str, Callable[[State, Act], Words]] = {
            "like": lambda state, act: self._said("liked", state, act.items, titles=self._titles(act.items)),
            "hide": lambda state, act: self._said("hidden", state, act.items, titles=self._titles(act.items)),
            "seen": lambda state, act: self._said("seen", state, act.items, titles=self._titles(act.items)),
            "accept": lambda state, act: self._said("accepted", state, act.items, titles=self._titles(act.items)),
            "ask why": self._why,
            "ask fact": self._fact,
            "compare": self._compared,
            "search": self._searched,
            "restart": lambda state, act: self._said("restart", state),
            "thanks": lambda state, act: self._said("thanks", state),
            "small talk": lambda state, act: self._said("small_talk", state),
            "unclear": lambda state, act: self._said("unclear", state, text=act.text[:120]),
        }

    def parts(self, before: State, state: State, acts: Sequence[Act], found: Found | None) -> tuple[list[Part], State]:
        """Return the parts of the answer, and the state in which the list was shown."""
        parts: list[Part] = [*self._changed(before, state)]
        for act in acts:
            reply = self._replies.get(act.kind)
            if reply is not None and (act.items or act.kind not in ("like", "hide", "seen", "accept")):
                parts.append(reply(state, act))
        if found is not None:
            parts += self._list(state, found)
            state = state.showing([item.item_id for item in found.items]) if found.items else state
        elif not parts:
            parts.append(self._said("hello", state))
        if state.active:
            parts.append(Chips(tuple(chip_of(wish, self.speaker.wish(wish)) for wish in state.active)))
        return parts, state

    # -- what changed ----------------------------------------------------------------------------------------------

    def _changed(self, before: State, state: State) -> Iterator[Words]:
        """Say what was taken back or replaced, what cannot be checked, and what stands for what was wished."""
        held = {id(wish) for wish in before.wishes if wish.active}
        old = [wish for wish, was in zip(state.wishes, before.wishes, strict=False) if id(was) in held]
        for wish in old:
            if wish.status == "retracted":
                yield self._said("retracted", state, wish=self.speaker.wish(wish))
        for wish in state.active:
            if wish.turn != state.turn:
                continue
            gone = [each for each in old if each.status == "replaced" and each.slot == wish.slot]
            if gone and (gone[0].value, gone[0].sign) != (wish.value, wish.sign):
                said = {"wish": self.speaker.wish(wish), "old": self.speaker.wish(gone[0])}
                yield self._said("replaced", state, **said)
            if wish.slot == ABOUT:
                yield self._said("soft", state, wish=self.speaker.wish(wish))
            if wish.proxy:
                yield self._said("proxy", state, wish=wish.words or self.speaker.wish(wish), proxy=wish.proxy)

    # -- the list --------------------------------------------------------------------------------------------------

    def _list(self, state: State, found: Found) -> Iterator[Part]:
        if not found.items:
            yield self._said("nothing", state, wishes=self._wishes([wish for wish in state.active if wish.hard]))
            for blocked in found.blocked[:MOST_BLOCKED]:
                yield self._blocked(state, blocked)
            return
        hard = [wish for wish in state.active if wish.hard]
        if state.resembling:
            titles = self._titles(state.resembling)
            yield self._said("recommend_like", state, state.resembling, titles=titles)
        elif hard:
            yield self._said("recommend_wishes", state, wishes=self._wishes(hard))
        else:
            yield self._said("recommend", state)
        recommendation = None if found.answer is None else found.answer.recommendation_id
        yield Cards(tuple(map(self._card, found.items)), recommendation)
        if found.total <= len(found.items) or len(found.items) < (state.quantity or 1):
            yield self._said("fewer", state)

    def _blocked(self, state: State, blocked: Blocked) -> Words:
        return self._said("blocked", state, wish=self.speaker.wish(blocked.wish), left=str(blocked.left))

    def _card(self, item: Recommended) -> Card:
        facts = self._facts(item.item_id)[:MOST_FACTS]
        return Card(item.item_id, item.title, item.reason, tuple(facts), tuple(one.item_id for one in item.evidence))

    # -- about items -----------------------------------------------------------------------------------------------

    def _why(self, state: State, act: Act) -> Words:
        items = act.items or state.last_shown[:1]
        known = self.finding.reasons(state, items, self.user_id)
        if not known:
            return self._said("which", state)
        wishes = {item: self._fulfilled(state, item) for item in known}
        said = []
        for item, found in known.items():
            reason = "; ".join([found.reason, *wishes[item]])
            said.append(self.speaker.say("why", state.turn, title=found.title, reason=reason))
        return Words(" ".join(said), (*known, *(one.item_id for found in known.values() for one in found.evidence)))

    def _fulfilled(self, state: State, item_id: str) -> list[str]:
        """Return the hard wishes in words: a list has nothing that does not fulfil them."""
        return [self.speaker.wish(wish) for wish in state.active if wish.hard and item_id in state.last_shown]

    def _fact(self, state: State, act: Act) -> Words:
        items = act.items or state.last_shown[:1]
        if not items:
            return self._said("which", state)
        title, known = self._titles(items[:1]), self.finding.facts(items[0])
        if act.slot and act.slot not in known:
            return self._said("no_fact", state, items[:1], slot=self.speaker.slot(act.slot), title=title)
        facts = self._facts(items[0], only=act.slot)
        return self._said("facts", state, items[:1], title=title, facts=self.speaker.listed(facts))

    def _compared(self, state: State, act: Act) -> Words:
        items = act.items or state.last_shown[:2]
        if len(items) < 2:
            return self._said("which", state)
        said = [
            self.speaker.say("compare", 0, title=self._titles([item]), facts=self.speaker.listed(self._facts(item)))
            for item in items
        ]
        return Words(" ".join(said), tuple(items))

    def _searched(self, state: State, act: Act) -> Words:
        if act.items:
            return self._said("nearest", state, act.items, titles=self._titles(act.items))
        return self._said("not_here", state, text=act.text[:120])

    # -- words -----------------------------------------------------------------------------------------------------

    def _said(self, name: str, state: State, items: Sequence[str] = (), /, **words: str) -> Words:
        return Words(self.speaker.say(name, state.turn, **words), tuple(items))

    def _titles(self, items: Sequence[str]) -> str:
        return self.speaker.listed([self.finding.engine.title(item) for item in items])

    def _wishes(self, wishes: Sequence[Wish]) -> str:
        return self.speaker.listed([self.speaker.wish(wish) for wish in wishes])

    def _facts(self, item_id: str, only: str = "") -> list[str]:
        known = self.finding.facts(item_id)
        return [
            f"{self.speaker.slot(name)}: {self._value(value)}" for name, value in known.items() if only in ("", name)
        ]

    def _value(self, value: Any) -> str:
        values = value if isinstance(value, tuple) else (value,)
        return self.speaker.listed(
            [self.speaker.value(each if isinstance(each, str) else float(each)) for each in values]
        )
