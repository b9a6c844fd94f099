"""Reading with a generator for what the rules left over: it quotes and names entries of a list, and the gate judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from tastemaker.agents.acts import Act, Kind
from tastemaker.agents.gate import Gate, Proposal
from tastemaker.agents.polarity import set_polarity
from tastemaker.agents.reader import Reader, Reading, conflicts
from tastemaker.agents.state import State
from tastemaker.agents.tokens import words_of
from tastemaker.agents.turn import Doubt, Turn
from tastemaker.agents.wishes import ABOUT, Sign, Wish
from tastemaker.core.encoder import Encoder
from tastemaker.core.generator import Generator, Schema
from tastemaker.language.asking.calling import Ask, Caller
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.generators.schemas import list_of, object_of, one_of

PROMPT: Final = "read-turn"
KIND_PROMPT: Final = "name-act"

MOST_ENTRIES: Final = 120
"""Entries that a generator chooses among: the most frequent values of slots that have few."""
MOST_OF_A_SLOT: Final = 24
MOST_WISHES: Final = 6
SURELY: Final = 0.6
"""The least probability of a kind of act, among those that it could be."""
_MASS: Final = 0.2
_LARGEST: Final = 1e12
_QUOTE: Final = {"type": "string", "maxLength": 80}
_BOUNDS: Final[Mapping[str, Sign]] = {"at least": "at least", "at most": "at most"}
_ACTS: Final[Mapping[str, Kind]] = {"more": "more", "thanks": "thanks", "talk": "small talk"}
"""Option of the prompt -> the act; of a wish or a question it would not be known which."""


class ModelReader:
    """Reads by rules, and asks a generator about what these left over.

    What the rules read stays as it is. Of what the model adds, only what passes the gate is kept, and what contradicts
    the rules is noted and not done. Whatever the model does, late, absurd or nothing, the reading of the rules stands.

    Args:
        reader: The rules.
        generator: What is asked.
        encoder: Evidence of meaning for the gate.
        prompt: What is asked for wishes.
        kind_prompt: What is asked where nothing was understood.
    """

    def __init__(
        self,
        reader: Reader,
        generator: Generator,
        *,
        encoder: Encoder | None = None,
        prompt: ChatPrompt | None = None,
        kind_prompt: ChatPrompt | None = None,
    ) -> None:
        self.reader, self.generator = reader, generator
        self.gate = Gate(reader.heard, encoder)
        self.prompt = prompt or load_prompt(PROMPT)
        self.kind_prompt = kind_prompt or load_prompt(KIND_PROMPT)

    def read(self, text: str, state: State, *, deadline: float | None = None) -> Reading:
        """Return what a person does with some words, after what came before.

        Args:
            text: The words.
            state: What came before.
            deadline: A moment of `time.monotonic`, after which the rules alone have read.
        """
        found = self.reader.read(text, state)
        unclear = [act for act in found.acts if act.kind == "unclear" and act.text.strip()]
        if not found.unparsed and not unclear:
            return found
        caller = Caller(self.generator, deadline)
        if found.unparsed and (self.entries or self.numbers):
            found = self._wishes(found, text, state, caller)
        if unclear and not found.unparsed:
            found = self._kind(found, caller)
        return replace(found, doubts=(*found.doubts, *(Doubt("model", text=flaw) for flaw in caller.flaws)))

    # -- what is asked -------------------------------------------------------------------------------------------

    @cached_property
    def entries(self) -> dict[str, tuple[str, str]]:
        """What a generator chooses among: ``slot: value`` -> both, the most frequent values of each slot."""
        found: list[tuple[int, str, str]] = []
        for slot in self.reader.slots.values():
            if slot.kind in ("text", "texts") and self.reader.heard.closed(slot.name):
                told = zip(slot.counts, slot.values, strict=True)
                found += [(count, slot.name, value) for count, value in list(told)[:MOST_OF_A_SLOT]]
        found.sort(key=lambda each: -each[0])
        return {f"{slot}: {value}": (slot, value) for _, slot, value in found[:MOST_ENTRIES]}

    @cached_property
    def numbers(self) -> list[str]:
        """The slots of numbers."""
        return sorted(slot.name for slot in self.reader.slots.values() if slot.kind == "number")

    @cached_property
    def schema(self) -> Schema:
        """What a reply has to be: a quote first, and only then what it is said to mean."""
        parts: dict[str, Schema] = {}
        if self.entries:
            wish = object_of(quote=_QUOTE, entry=one_of(self.entries), wanted=one_of(["yes", "no"]))
            parts["wishes"] = list_of(wish, MOST_WISHES)
        if self.numbers:
            bound = one_of(_BOUNDS)
            number = object_of(quote=_QUOTE, field=one_of(self.numbers), bound=bound, number={"type": "number"})
            parts["numbers"] = list_of(number, MOST_WISHES)
        return object_of(**parts)

    # -- what is made of the answer ------------------------------------------------------------------------------

    def _wishes(self, found: Reading, text: str, state: State, caller: Caller) -> Reading:
        values = {"entries": "; ".join(self.entries), "numbers": ", ".join(self.numbers), "turn": found.text}
        said = caller.written(self.prompt.messages(values), self.schema, self.prompt.max_tokens)
        if not isinstance(said, dict):
            return found
        turn = self.reader.turn(text, state)
        set_polarity(turn)
        wishes = [wish for each in self._proposals(said) if isinstance(wish := self.gate.judge(turn, each), Wish)]
        return _joined(found, turn, wishes)

    def _proposals(self, said: Mapping[str, Any]) -> Iterable[Proposal]:
        """Yield what a reply proposes; what is of another shape is no proposal, whatever let it through."""
        for each in _dicts(said.get("wishes")):
            entry = self.entries.get(str(each.get("entry")))
            if entry is not None:
                yield Proposal(
                    str(each.get("quote")), entry[0], "is not" if each.get("wanted") == "no" else "is", entry[1]
                )
        for each in _dicts(said.get("numbers")):
            number, bound = each.get("number"), _BOUNDS.get(str(each.get("bound")))
            if bound is not None and isinstance(number, int | float) and abs(number) < _LARGEST:
                yield Proposal(str(each.get("quote")), str(each.get("field")), bound, float(number))

    def _kind(self, found: Reading, caller: Caller) -> Reading:
        """Return a reading in which a turn that nobody understood may be a plain act."""
        options = self.kind_prompt.options
        (told,) = caller.chosen([Ask(self.kind_prompt.messages({"turn": found.text}), options)])
        if told is None or (np.isfinite(caller.mass) and caller.mass < _MASS):
            return found
        best = int(np.argmax(told))
        kind = _ACTS.get(options[best])
        if kind is None or np.exp(told[best]) / np.exp(told).sum() < SURELY:
            return found
        acts = tuple(replace(act, kind=kind) if act.kind == "unclear" else act for act in found.acts)
        return replace(found, acts=acts)


def _dicts(said: Any) -> list[dict[str, Any]]:
    return [each for each in said if isinstance(each, dict)][:MOST_WISHES] if isinstance(said, list) else []


def _joined(found: Reading, turn: Turn, wishes: Sequence[Wish]) -> Reading:
    """Return the acts of the rules and the wishes that passed; where they contradict, a doubt."""
    acts, doubts, left = list(found.acts), list(found.doubts), list(found.unparsed)
    for wish in wishes:
        known = [act.wish for act in acts if act.wish is not None]
        against = next((each for each in known if each.contradicts(wish)), None)
        if against is not None:
            doubts.append(Doubt("conflict", f"{against.words}; {wish.words}", text=wish.slot))
            continue
        if any(each.same_matter(wish) for each in known):
            continue
        # What now has a field needs no comparing with what items say of themselves.
        words = set(words_of(wish.words))
        acts = [act for act in acts if not _covered(act, words)]
        left = [each for each in left if not set(words_of(each)) <= words]
        acts.append(Act("wish", wish=wish, words=wish.words))
    if len(acts) > 1:
        acts = [act for act in acts if act.kind != "unclear"]
    fresh = conflicts(tuple(acts))
    return Reading(turn.text, tuple(acts), tuple(left), (*doubts, *(doubt for doubt in fresh if doubt not in doubts)))


def _covered(act: Act, words: set[str]) -> bool:
    return act.wish is not None and act.wish.slot == ABOUT and set(words_of(str(act.wish.value))) <= words
