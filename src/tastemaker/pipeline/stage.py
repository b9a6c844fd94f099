"""What a stage is and what it gets to see beside the slate: the request, the person, the shelf, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import Event, Query
from tastemaker.core.tenant import Tenant
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Numbers, Slate

_NOBODY: Numbers = np.empty(0, np.int32)
_NOBODY.setflags(write=False)


@dataclass(frozen=True)
class Person:
    """Who asks, as known at one moment; a snapshot that no later event changes.

    Attributes:
        user_id: Raw id, if known.
        version: Place in the event log up to which this is true; 0 where nothing is stored.
        history: The latest events, oldest first, session and likes of the request included.
        seen: Numbers of all items that were ever touched, those of a stored history among them, int32, distinct.
        hidden: Numbers of the items that are never to be shown again, int32, distinct.
        vectors: Name of a space -> what the person is drawn to there, unit length, float32 ``[c, d]``, strongest first.
        strengths: Name of a space -> how much each of those vectors counts, float32 ``[c]``, summing to 1.
        profile: What is known of the person, by name.
        policy: Name of the state of the session policy; empty without one.
        knobs: What that state says about exploration.
    """

    user_id: str | None = None
    version: int = 0
    history: tuple[Event, ...] = ()
    seen: Numbers = field(default_factory=lambda: _NOBODY)
    hidden: Numbers = field(default_factory=lambda: _NOBODY)
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=lambda: MappingProxyType({}))
    strengths: Mapping[str, NDArray[np.float32]] = field(default_factory=lambda: MappingProxyType({}))
    profile: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    policy: str = ""
    knobs: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


CAPTURE: Final = "capture"
EMBEDDING: Final = "embedding"
RETRIEVAL: Final = "retrieval"
RANKING: Final = "ranking"
GATE: Final = "gate"
PATH: Final = (CAPTURE, EMBEDDING, RETRIEVAL, RANKING, GATE)
"""The parts of the path of a request, in their order.

What is known of who asks; vectors of what the request itself says; candidates among what may be shown; their order by
rankers, rules and chance; the last check.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did, for the trace; or one part of the path of a request, with the steps in it.

    Attributes:
        name: The stage, or the part.
        milliseconds: How long it took.
        before: How many candidates came in.
        after: How many went out.
        note: What is worth saying, such as why it was passed over.
        part: To which of `PATH` it belongs.
        steps: What was done in it.
    """

    name: str
    milliseconds: float
    before: int
    after: int
    note: str = ""
    part: str = RANKING
    steps: tuple[Step, ...] = ()


def path_of(trace: Iterable[Step]) -> tuple[Step, ...]:
    """Return what was done by the parts of the path, all of `PATH` in its order, each with its steps.

    Args:
        trace: What was done, in the order of time.
    """
    parts: dict[str, list[Step]] = {name: [] for name in PATH}
    for step in trace:
        parts[step.part].append(step)
    found, count = [], 0
    for name, steps in parts.items():
        before, count = (steps[0].before, steps[-1].after) if steps else (count, count)
        spent = sum(step.milliseconds for step in steps)
        found.append(Step(name, spent, before, count, "" if steps else "nothing to do", name, tuple(steps)))
    return tuple(found)


class Chance:
    """Where chance comes from: a generator that is made when it is first asked for, as few requests do.

    Args:
        seed: One number, or several.
    """

    def __init__(self, seed: int | Sequence[int] = 0) -> None:
        self._seed = seed

    @cached_property
    def rng(self) -> np.random.Generator:
        """The generator; the same one for all who ask."""
        return np.random.default_rng(self._seed)


@dataclass
class Context:
    """What stages see beside the slate.

    Attributes:
        query: The request, with everything filled in.
        person: Who asks.
        shelf: The live catalogue.
        now: The moment of the request.
        chance: Where chance comes from: of the request's seed and person, so that a request can be replayed.
        tenant: Whose data these are.
        deadline: On ``clock``; when it has passed, what is not needed is left out. ``None`` for no hurry.
        clock: Seconds, growing.
        trace: What was done so far.
    """

    query: Query
    person: Person
    shelf: Shelf
    now: datetime
    chance: Chance
    tenant: Tenant = field(default_factory=Tenant)
    deadline: float | None = None
    clock: Callable[[], float] = time.perf_counter
    trace: list[Step] = field(default_factory=list)

    @property
    def rng(self) -> np.random.Generator:
        """The generator of `chance`."""
        return self.chance.rng

    def late(self) -> bool:
        """Say whether the deadline has passed."""
        return self.deadline is not None and self.clock() >= self.deadline


@runtime_checkable
class Stage(Protocol):
    """Turns a slate into another. One that may be left out when time is short says that it is not ``needed``.

    Its ``part`` says to which of `PATH` it belongs; one that says nothing retrieves if it comes first, or else ranks.
    """

    @property
    def name(self) -> str:
        """How the trace calls it."""
        ...

    @property
    def needed(self) -> bool:
        """Whether it runs even after the deadline."""
        ...

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Return the slate that follows."""
        ...
