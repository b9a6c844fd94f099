"""One live person: what follows from their events, kept up to date event by event, and as bytes; reads no store."""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from tastemaker.core.clock import from_microseconds, to_microseconds
from tastemaker.core.errors import DataError
from tastemaker.core.query import Event, Events
from tastemaker.engine import interests_state
from tastemaker.engine.interests import Interests
from tastemaker.engine.interests_state import InterestState
from tastemaker.engine.people_items import HiddenItems, Numbering, TouchedItems
from tastemaker.engine.policy import Policy, PolicyState, Signal, begin, step
from tastemaker.pipeline.stage import Person
from tastemaker.store.ports import Served, StoredEvent

FORMAT: Final = 1
HIDE: Final = "hide"
UNHIDE: Final = "unhide"

Told: TypeAlias = StoredEvent | Served
"""What live people are told."""

Barred: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32]]
"""What somebody has touched, and what they hid, by number; the same arrays as long as both are the same."""

_EARLIEST: Final = -30_610_224_000_000_000
_LATEST: Final = 253_370_764_800_000_000
"""The years 1000 and 9999: a log may hold any number for a time, and a calendar may not."""

_LENGTH: Final = struct.Struct("<I")
_WINDOW: Final = 32
"""Of so many events at most it is known one by one that they were taken in."""
# As measured on CPython 3.11: an event with its time and ids, an item among those touched, the objects around.
_BYTES_OF_EVENT: Final = 180
_BYTES_OF_ITEM: Final = 70
_BYTES_OF_PERSON: Final = 5_000


class Space(Protocol):
    """Vectors of items, all of one encoder or model; asked for while others wait, so it has to be quick."""

    @property
    def name(self) -> str:
        """What retrievers call it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with the vectors, so that what was made of others is not taken for what these would give."""
        ...

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        ...

    def vector(self, item_id: str) -> NDArray[np.floating[Any]] | None:
        """Return the vector of an item, float ``[d]`` of length 1; ``None`` where it has none."""
        ...


@dataclass(frozen=True)
class Following:
    """What is worked out of people's events.

    Attributes:
        interests: How events become vectors.
        spaces: In which spaces.
        policy: The session policy; ``None`` for none.
        history: How many of the latest events are kept.
    """

    interests: Interests = field(default_factory=Interests)
    spaces: tuple[Space, ...] = ()
    policy: Policy | None = field(default_factory=Policy.default)
    history: int = 200

    @cached_property
    def fingerprint(self) -> str:
        """What two of these share exactly if they make the same of the same events."""
        said = {
            "format": [FORMAT, interests_state.FORMAT],
            "interests": self.interests.fingerprint(),
            "spaces": [[space.name, space.fingerprint, space.dim] for space in self.spaces],
            "policy": None if self.policy is None else self.policy.fingerprint(),
            "history": self.history,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


class LivePerson:
    """What is known of one person, up to a place of the log.

    Args:
        user_id: Who, if known.
        following: What is worked out.

    Attributes:
        version: Offset of the last event that was taken in.
        served_at: When the last list was shown that was taken in; microseconds since the epoch, -1 for none.
        unsaved: Signals since the state was last kept.
        profile: What is told of the person, by name.
    """

    def __init__(self, user_id: str | None, following: Following) -> None:
        self.user_id = user_id
        self.following = following
        self.version = 0
        self._floor = 0
        self._taken: set[int] = set()
        self.served_at = -1
        self.unsaved = 0
        self.profile: Mapping[str, Any] = MappingProxyType({})
        self._events: list[Event] = []
        self._times: list[int] = []
        self._history: tuple[Event, ...] | None = None
        self._touched = TouchedItems()
        self._hidden = HiddenItems()
        self._interests = [InterestState(following.interests, space.dim) for space in following.spaces]
        self._policy: PolicyState | None = None if following.policy is None else begin(following.policy)

    def copy(self) -> LivePerson:
        """Return a person that goes its own way from here."""
        other = LivePerson(self.user_id, self.following)
        other.version, other.served_at, other.profile = self.version, self.served_at, self.profile
        other._floor, other._taken = self._floor, self._taken.copy()
        other._events, other._times, other._history = self._events.copy(), self._times.copy(), self._history
        other._touched, other._hidden = self._touched.copy(), self._hidden.copy()
        other._interests = [state.copy() for state in self._interests]
        other._policy = self._policy
        return other

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        items = len(self._touched) + len(self._hidden.said)
        vectors = sum(state.nbytes for state in self._interests)
        return _BYTES_OF_PERSON + _BYTES_OF_EVENT * len(self._events) + _BYTES_OF_ITEM * items + vectors

    # -- signals -------------------------------------------------------------------------------------------------

    def take_signal(self, told: Told) -> None:
        """Take in an event or a list; see `take` and `take_served`."""
        if isinstance(told, StoredEvent):
            self.take(told)
        else:
            self.take_served(told)

    def take(self, stored: StoredEvent) -> bool:
        """Take in an event of the log, unless it was before; say whether it was new.

        Of the latest ones each is known by itself, so that what two threads tell in the wrong order is not lost.
        """
        if stored.offset <= self._floor or stored.offset in self._taken:
            return False
        self._taken.add(stored.offset)
        if len(self._taken) > _WINDOW:
            self._settle(_WINDOW // 2)
        self.version = max(self.version, stored.offset)
        self.unsaved += 1
        event = stored.event
        # A sender whose clock is ahead does not get to speak for the future.
        self._note(event.item_id, event.event, min(event.timestamp, stored.received), event.weight, event.rating)
        return True

    def settle(self) -> None:
        """Take nothing up to `version` any more: all of it was read from the log."""
        self._settle(0)

    def _settle(self, keep: int) -> None:
        offsets = sorted(self._taken)
        gone = len(offsets) - keep
        self._floor = max([self._floor, *offsets[:gone]])
        self._taken = set(offsets[gone:])

    def take_session(self, event: Event, now: int) -> None:
        """Take in an event that is in no log; without a time it counts as of ``now``."""
        at = now if event.timestamp is None else min(now, to_microseconds(event.timestamp))
        self._note(event.item_id, event.event, at, self.following.interests.stated(event), event.rating)

    def _note(self, item: str, named: str, at: int, weight: float | None, rating: float | None) -> None:
        interests = self.following.interests
        kind = interests.kind(named)
        at = min(max(at, _EARLIEST), _LATEST)
        if kind in (HIDE, UNHIDE):
            self._hidden.say(item, at, kind == HIDE)
            if item not in self._hidden:
                self._forget_hiding(item)
        said = interests.amount(kind, weight)
        if not said and kind != HIDE:
            return
        self._touched.add(item)
        if kind != HIDE or item in self._hidden:
            self._remember(Event(item, kind, from_microseconds(at), said, rating), at)
        amount = said if rating is None else interests.amount(kind, weight, rating)
        for space, state in zip(self.following.spaces, self._interests, strict=True):
            vector = space.vector(item)
            if vector is not None:
                state.add(vector, amount, at)
        self._signal(Signal("event", at, kind))

    def _remember(self, event: Event, at: int) -> None:
        place = bisect_right(self._times, at)
        self._times.insert(place, at)
        self._events.insert(place, event)
        if len(self._times) > self.following.history:
            del self._times[0], self._events[0]
        self._history = None

    def _forget_hiding(self, item: str) -> None:
        """Leave out what was hidden and is shown again, or it would go on speaking against the item."""
        kept = [place for place, event in enumerate(self._events) if (event.item_id, event.event) != (item, HIDE)]
        if len(kept) < len(self._events):
            self._events, self._times = [self._events[p] for p in kept], [self._times[p] for p in kept]
            self._history = None

    def take_served(self, served: Served) -> None:
        """Take in a list that was shown, unless it is no later than the last one."""
        if served.at > self.served_at:
            self.served_at = served.at
            self.unsaved += 1
            self._signal(Signal("served", served.at))

    def _signal(self, signal: Signal) -> None:
        if self.following.policy is not None and self._policy is not None:
            self._policy = step(self.following.policy, self._policy, signal)

    # -- what is told --------------------------------------------------------------------------------------------

    def person(self, shelf: Numbering, now: int) -> Person:
        """Return the person as of now, by numbers on a shelf; nothing that comes later changes what is returned."""
        policy, name, knobs, most = self.following.policy, "", _NO_KNOBS, None
        if policy is not None and self._policy is not None:
            state = policy.state(step(policy, self._policy, Signal("idle", now)).state)
            name, knobs, most = state.name, state.knobs, state.centroids
        vectors, strengths = {}, {}
        for space, interests in zip(self.following.spaces, self._interests, strict=True):
            vectors[space.name], strengths[space.name] = interests.told(now, most)
        if self._history is None:
            self._history = Events(self._events)
        seen, hidden = self.barred(shelf)
        return Person(
            user_id=self.user_id,
            version=self.version,
            history=self._history,
            seen=seen,
            hidden=hidden,
            vectors=MappingProxyType(vectors),
            strengths=MappingProxyType(strengths),
            profile=self.profile,
            policy=name,
            knobs=knobs,
        )

    def barred(self, shelf: Numbering) -> Barred:
        """Return the items that a list may be without, by numbers on a shelf: those touched, and those hidden."""
        return self._touched.on(shelf), self._hidden.on(shelf)

    # -- kept ----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` takes back, but for the profile, which has a place of its own."""
        events = zip(self._events, self._times, strict=True)
        policy = self._policy
        about = {
            "version": self.version,
            "served_at": self.served_at,
            "events": [[e.item_id, e.event, at, e.weight, e.rating] for e, at in events],
            "touched": list(self._touched.ids),
            "hidden": [[item, at, hidden] for item, (at, hidden) in self._hidden.said.items()],
            "policy": policy and [policy.state, policy.engagement, policy.unengaged, policy.since, policy.at],
        }
        parts = [to_json(about)]
        parts += [state.to_bytes() for state in self._interests]
        return b"".join(_LENGTH.pack(len(part)) + part for part in parts)

    @classmethod
    def from_bytes(cls, user_id: str, following: Following, content: bytes) -> Self:
        """Take back what `to_bytes` gave.

        Raises:
            DataError: It is no such thing, or of other settings.
        """
        try:
            return cls._read(user_id, following, _parts(content))
        except (KeyError, TypeError, ValueError, IndexError, struct.error) as error:
            raise DataError(
                f"the state of a person is damaged: {error!r}", remedy="Make it anew from the log of events."
            ) from error

    @classmethod
    def _read(cls, user_id: str, following: Following, parts: list[bytes]) -> Self:
        about = json.loads(parts[0])
        live = cls(user_id, following)
        live.version = live._floor = int(about["version"])
        live.served_at = int(about["served_at"])
        for item, kind, at, weight, rating in about["events"]:
            live._times.append(at)
            live._events.append(Event(item, kind, from_microseconds(at), weight, rating))
        live._touched = TouchedItems(about["touched"])
        for item, at, hidden in about["hidden"]:
            live._hidden.say(item, at, hidden)
        if about["policy"] is not None:
            live._policy = PolicyState(*about["policy"])
        kept = [InterestState.from_bytes(following.interests, part) for part in parts[1:]]
        if [state.dim for state in kept] != [space.dim for space in following.spaces]:
            raise ValueError("its vectors are of other spaces")
        live._interests = kept
        return live


_NO_KNOBS: Final[Mapping[str, float]] = MappingProxyType({})


def _parts(content: bytes) -> list[bytes]:
    parts, place = [], 0
    while place < len(content):
        (length,) = _LENGTH.unpack_from(content, place)
        place += _LENGTH.size
        if place + length > len(content):
            raise ValueError("it ends too early")
        parts.append(content[place : place + length])
        place += length
    return parts
