"""One turn of a conversation: words become acts, acts a state, the state items, and all of that an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import uuid4

from tastemaker.agents.acts import Act
from tastemaker.agents.answering import Answering
from tastemaker.agents.critiques import with_critiques
from tastemaker.agents.finding import Finding, Found
from tastemaker.agents.parts import Part, Trace, TraceLine
from tastemaker.agents.questions import question_for
from tastemaker.agents.speaking import speaker
from tastemaker.agents.state import State
from tastemaker.core.clock import to_microseconds
from tastemaker.engine import Engine
from tastemaker.store.ports import NewEvent

TALK_ONLY: Final = frozenset(
    {"ask why", "ask fact", "compare", "accept", "thanks", "small talk", "unclear", "search", "like", "seen"}
)
"""Acts that do not ask for another list by themselves; a like does where a list stands already."""


class Reads(Protocol):
    """Reads a person's words; `tastemaker.agents.reader.Reader` is one."""

    def read(self, text: str, state: State) -> Reading:
        """Return what was said."""
        ...


class Reading(Protocol):
    """What was read."""

    @property
    def acts(self) -> Sequence[Act]:
        """What the person did, in order."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What is worth knowing about the reading."""
        ...


@dataclass(frozen=True)
class Turn:
    """What came of one turn.

    Attributes:
        state: The state after it; with the acts of all turns it can be made again.
        acts: What the person did.
        parts: The answer, the trace last.
        found: What was found, where something was looked for.
    """

    state: State
    acts: tuple[Act, ...]
    parts: tuple[Part, ...]
    found: Found | None = None


@dataclass
class _Watch:
    """Times the steps of a turn."""

    lines: list[TraceLine] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, said: list[str]) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.lines.append(TraceLine(name, "; ".join(said), round(1000 * (time.perf_counter() - began), 3)))


class Conversation:
    """Talks about the items of an engine. It keeps nothing: the state goes in and comes out.

    What a person does with items, by a click or in words, is an event of the engine before anything is looked for, so
    that vectors and policy have moved when the answer is made.

    Args:
        engine: Finds items, and takes in events where it is live.
        reader: Reads words.
        finding: How items are found; by the engine's usual placements if not given.
    """

    def __init__(self, engine: Engine, reader: Reads, finding: Finding | None = None) -> None:
        self.engine, self.reader = engine, reader
        self.finding = finding or Finding(engine)

    def turn(self, state: State, text: str = "", clicks: Sequence[Act] = (), *, user_id: str | None = None) -> Turn:
        """Return the answer to some words and clicks.

        Args:
            state: The state so far; a new `State` begins a conversation.
            text: What the person says.
            clicks: What they did without words.
            user_id: Who they are, if that is known.
        """
        watch = _Watch()
        said: list[str] = []
        with watch.step("read", said):
            reading = self.reader.read(text, state) if text.strip() else None
            heard = (*clicks, *(reading.acts if reading is not None else ()))
            acts = with_critiques(heard, self.finding.slots, self.engine.shop.shelf)
            said += [act.kind for act in acts]
            said += reading.notes if reading is not None else ()
        after = state.after(acts)
        with watch.step("capture", told := []):
            told += self._capture(acts, user_id)
        found = None
        if self._wants_items(state, acts):
            with watch.step("find", told := []):
                found = self.finding.find(after, user_id, others=any(act.kind == "more" for act in acts))
                told.append(f"{found.total} fulfil {found.where or 'everything'}; {len(found.items)} shown")
        with watch.step("speak", told := []):
            answering = Answering(self.finding, speaker(after.locale), user_id)
            parts, after = answering.parts(state, after, acts, found)
            if found is not None and found.items and (asked := self._question(after, found)) is not None:
                parts.append(asked[0])
                after = asked[1]
        return Turn(after, acts, (*parts, Trace(tuple(watch.lines))), found)

    def _wants_items(self, before: State, acts: Sequence[Act]) -> bool:
        """Say whether a list is to be shown: something was wished, or a list that stands has changed."""
        if not acts:
            return not before.shown
        if all(act.kind in TALK_ONLY for act in acts):
            return bool(before.shown) and any(act.kind in ("like", "seen") for act in acts)
        return True

    def _capture(self, acts: Sequence[Act], user_id: str | None) -> list[str]:
        """Hand likes and refusals to the engine, and wait until they would survive a loss of power."""
        kinds: Mapping[str, str] = {"like": "like", "hide": "hide"}
        now = to_microseconds(self.engine.clock())
        events = [
            NewEvent(event_id=uuid4().hex, user_id=user_id, item_id=item, event=kinds[act.kind], timestamp=now)
            for act in acts
            if user_id is not None and act.kind in kinds
            for item in act.items
        ]
        if not events or not self.engine.live:
            return []
        self.engine.submit(events).result()
        return [f"{event.event} {event.item_id}" for event in events]

    def _question(self, state: State, found: Found) -> tuple[Part, State] | None:
        where = self.finding.open_to(state, found.where)
        asked = question_for(state, self.finding.slots, self.engine.shop.shelf, where, seed=state.turn)
        if asked is None:
            return None
        speaks = speaker(state.locale)
        return speaks.question(asked, state.turn), state.asking(asked.slot)
