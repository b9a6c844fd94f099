"""Who asks: a person as known by now, and a request with everything filled in that it leaves to the store."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import Clock, to_microseconds
from tastemaker.core.errors import StorageError, UnknownUserError
from tastemaker.core.query import Event, Query
from tastemaker.core.recommender import Recommender
from tastemaker.core.tenant import Tenant
from tastemaker.engine.people_items import Numbering
from tastemaker.engine.people_state import Barred
from tastemaker.language.texts import person_text
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.stage import CAPTURE, EMBEDDING, Chance, Context, Person, Step

_logger = logging.getLogger("tastemaker.engine")


class Known(Protocol):
    """Whoever knows people: `People` of a store, or `StillPeople` of a data set."""

    def person(self, user_id: str | None, shelf: Numbering, now: datetime, session: Sequence[Event] = ()) -> Person:
        """Return somebody as of now."""
        ...

    def barred(self, user_id: str, shelf: Numbering) -> Barred:
        """Return what somebody has touched and hidden as of now."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request that nothing has to be looked up for any more.

    Attributes:
        query: The full query; its moment is set.
        person: Who asks, with the vectors of what the request itself tells.
        notes: What could not be filled in.
        drawing: Milliseconds that those vectors took; ``None`` where there are none.
    """

    query: Query
    person: Person
    notes: tuple[str, ...]
    drawing: float | None = None


class Resolver:
    """Fills in requests, and says who people are.

    Args:
        people: Whoever knows people.
        shelf: What numbers items.
        clock: Where "now" comes from.
        everybody: Returns people with a history, or the first of them.
        live: Whether people change while requests are answered.
        draws: Says whether vectors are drawn of what a request itself tells.
        template: Of the words that a profile becomes (`tastemaker.language.texts.person_text`).
        leave_out: Attributes of people that no model gets to see.
        tenant: Whose data these are.
    """

    def __init__(
        self,
        people: Known,
        shelf: Shelf,
        clock: Clock,
        everybody: Callable[[], list[str]],
        *,
        live: bool = False,
        draws: Callable[[], bool] = lambda: False,
        template: str | None = None,
        leave_out: Sequence[str] = (),
        tenant: Tenant | None = None,
    ) -> None:
        self._people, self._shelf, self._clock, self._everybody = people, shelf, clock, everybody
        self._live, self._draws = live, draws
        self._template, self._leave_out = template, tuple(leave_out)
        self._tenant = tenant or Tenant()

    # -- people --------------------------------------------------------------------------------------------------

    def person(self, user_id: str | None, session: Sequence[Event] = ()) -> Person:
        """Return somebody as of now; of somebody unknown nothing is known."""
        return self._people.person(user_id, self._shelf, self._clock(), session)

    def knows(self, user_id: str) -> bool:
        """Say whether there is a stored history of this person, or a profile."""
        person = self.person(user_id)
        return bool(person.history or person.profile)

    def need(self, user_id: str, where: str) -> None:
        """Raise `UnknownUserError` for somebody unknown in the place that is called ``where``."""
        if not self.knows(user_id):
            some = ", ".join(f"'{user}'" for user in self._everybody()[:3])
            raise UnknownUserError(
                f"there is no user '{user_id}' in {where}",
                remedy=f"Users are called {some} and so on; a newcomer can give a history instead.",
            )

    def some(self, count: int) -> list[str]:
        """Return a few people with a history, the same every time."""
        everybody = self._everybody()
        return everybody[:: max(1, len(everybody) // count)][:count]

    def newest(self, context: Context) -> Person:
        """Return who asks as known by now, for the gate: what they hid while the answer was made is not shown.

        It is the person of the context itself where nothing of that has changed.
        """
        person = context.person
        if person.user_id is None:
            return person
        seen, hidden = self._people.barred(person.user_id, self._shelf)
        # A history that was given replaces what was seen.
        seen = seen if len(person.seen) else person.seen
        if _same(hidden, person.hidden) and _same(seen, person.seen):
            return person
        return replace(person, seen=seen, hidden=hidden)

    # -- requests ------------------------------------------------------------------------------------------------

    def __call__(self, query: Query, model: Recommender) -> Resolved:
        """Fill in what a query leaves to the store: the stored history, the profile in words, and the present.

        The profile of the query joins its text. Where there is neither that nor a history, what is stored of the
        person serves.
        """
        filled: dict[str, Any] = {"now": query.now or self._clock()}
        notes: list[str] = []
        try:
            person = self.person(query.user_id)
        except StorageError:
            _logger.exception("somebody could not be read")
            person = Person(query.user_id)
            notes.append("what is stored of the person could not be read")
        profile = query.profile
        if query.history is None and not query.items:
            if query.user_id is not None and not person.history:
                profile = profile or dict(person.profile)
                if not profile:
                    notes.append(f"user '{query.user_id}' is unknown")
            filled["history"] = person.history
        elif query.history is not None:
            # What is given replaces what is stored, except that nobody is shown what they hid.
            person = replace(person, history=(), seen=person.seen[:0])
        said = person_text(profile, self._template, self._leave_out) if profile else ""
        if said and "text" not in model.capabilities.reads:
            notes.append(f"'{model.name}' reads no words, so a profile says nothing to it")
        elif said:
            filled["text"] = " ".join(part for part in (query.text, said) if part)
        full = replace(query, **filled)
        began = time.perf_counter()
        drawn = self._drawn(full, person)
        spent = 1000 * (time.perf_counter() - began) if drawn is not person else None
        return Resolved(full, drawn, tuple(notes), spent)

    def _drawn(self, query: Query, person: Person) -> Person:
        """Return the person with the vectors of what the request itself tells, beside what is stored."""
        if not self._draws():
            return person
        told = query.events() if not person.history else (*query.session, *query.events()[len(person.history) :])
        if not told:
            return person
        drawn = self.person(query.user_id if person.history else None, told)
        return replace(person, vectors=drawn.vectors, strengths=drawn.strengths)

    def context(self, resolved: Resolved, budget: float | None, began: float, encoding: float | None = None) -> Context:
        """Return a request as stages see it; its trace tells what was done so far.

        Args:
            resolved: The request.
            budget: Milliseconds that it may take, where the query names none; ``None`` for no hurry.
            began: When it came, on ``time.perf_counter``.
            encoding: Milliseconds since then that its words took to become vectors; ``None`` where they did not.
        """
        query, person = resolved.query, resolved.person
        assert query.now is not None
        budget = query.deadline if query.deadline is not None else budget
        chance = [query.seed, zlib.crc32((query.user_id or "").encode())]
        if self._live:
            # The same request a moment later is another chance; a replay names its moment.
            chance.append(max(0, to_microseconds(query.now)))
        vectors = (("text", encoding), ("events", resolved.drawing))
        embedding = [Step(name, spent, 0, 0, part=EMBEDDING) for name, spent in vectors if spent is not None]
        captured = 1000 * (time.perf_counter() - began) - sum(step.milliseconds for step in embedding)
        return Context(
            query=query,
            person=person,
            shelf=self._shelf,
            now=query.now,
            chance=Chance(chance),
            deadline=None if budget is None else began + budget / 1000,
            trace=[Step("person", captured, 0, 0, _known_of(person), CAPTURE), *embedding],
            tenant=self._tenant,
        )


def _same(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    return one is other or np.array_equal(one, other)


def _known_of(person: Person) -> str:
    """Say what an answer goes by, for the trace."""
    drawn = ", ".join(f"{len(vectors)} in '{space}'" for space, vectors in person.vectors.items())
    vectors = f", vectors: {drawn}" if drawn else ""
    policy = f", policy '{person.policy}'" if person.policy else ""
    return f"{len(person.history)} events, up to number {person.version} of the log{vectors}{policy}"
