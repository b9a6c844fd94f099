"""A client of a server that will be killed: it sends events, asks, and writes down what it was told."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.parts.crashing import HIDE, Journal, Sent
from benchmarks.parts.processes import Caller

ASKING, ALONE = 0.2, 0.8
"""Share of questions among all requests, and of single events among those that send some."""

MOST_BATCH: Final = 5
SHOWN, MOST_SHOWN = 50, 1_000
KINDS: Final = {"view": 5, "like": 3, HIDE: 2}
BROKEN: Final = (OSError, http.client.HTTPException)


class Refused(Exception):
    """An answer that is no 200; none is expected here."""


@dataclass
class Client:
    """One connection: it sends and asks until the server is gone, and writes down what it was told.

    Args:
        address: Of the server.
        rng: What it does next.
        people: For whom.
        items: With which items.
        name: Begins the names of its events.
        hidden: What each person is known to have hidden before.
    """

    address: tuple[str, int]
    rng: random.Random
    people: Sequence[str]
    items: Sequence[str]
    name: str
    hidden: dict[str, set[str]]
    journal: Journal = field(default_factory=Journal)
    shown: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: int = 0
    made: int = 0

    def run(self) -> None:
        """Go on until the connection breaks."""
        with closing(Caller(self.address)) as caller, suppress(*BROKEN):
            while True:
                try:
                    if self.rng.random() < ASKING:
                        self.ask(caller)
                    else:
                        self.send(caller)
                except Refused as error:
                    self.refused.append(str(error))

    def send(self, caller: Caller) -> None:
        """Send an event or a few at once."""
        events = [self._event() for _ in range(1 if self.rng.random() < ALONE else self.rng.randint(2, MOST_BATCH))]
        # Before it is sent: what may be in the log is known from here on.
        self.journal.sent |= {each.event_id: each for each in events}
        send(caller, events, self.journal)
        for each in events:
            if each.event == HIDE and each.event_id in self.journal.acknowledged:
                self.hidden.setdefault(each.user_id, set()).add(each.item_id)

    def ask(self, caller: Caller) -> None:
        """Ask for recommendations, and look for what the person hid before."""
        person = self.rng.choice(self.people)
        known = frozenset(self.hidden.get(person, ()))
        shown = recommended(caller, person, again=True, scenario=self.rng.choice(("home", "popular")))
        self.answers += 1
        self.shown += [f"{person} was shown {item}, which they had hidden, under load" for item in known & shown]

    def _event(self) -> Sent:
        # A person belongs to one connection, so that nobody else's hiding can overtake a question.
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        name = f"{self.name}-{self.made}"
        self.made += 1
        return Sent(name, self.rng.choice(self.people), self.rng.choice(self.items), kind)


def send(caller: Caller, events: Sequence[Sent], journal: Journal) -> None:
    """Send events and write down what is acknowledged."""
    body = events[0].body() if len(events) == 1 else {"events": [each.body() for each in events]}
    status, answer = caller.ask("POST", "/v1/events", body)
    if status != 200:
        raise Refused(f"status {status}: {answer}")
    for each in answer["results"]:
        if each["status"] != "rejected":
            journal.acknowledged[each["event_id"]] = each["offset"]
            journal.told += 1


def recommended(
    caller: Caller, person: str, *, again: bool, scenario: str = "home", among: Iterable[str] | None = None
) -> frozenset[str]:
    """Return what a person is shown.

    Args:
        caller: Who asks.
        person: For whom.
        again: Whether they want to see what they know as well.
        scenario: In which placement.
        among: Of which items alone, so that none can lie beyond the end of a list.
    """
    body: dict[str, Any] = {"user_id": person, "exclude_seen": not again, "scenario": scenario, "reasons": False}
    chosen = {"k": SHOWN} if among is None else {"k": MOST_SHOWN, "candidates": sorted(among)}
    status, answer = caller.ask("POST", "/v1/recommend", body | chosen)
    if status != 200:
        raise Refused(f"status {status}: {answer}")
    return frozenset(item["item_id"] for item in answer["items"])
