"""The session policy: a small state machine that says how much of a list is left to chance, and how much to taste.

It is configured in TOML (the default: ``policy.toml`` beside this file), moves on signals alone, and can be replayed.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tastemaker.core.errors import ConfigError, nearest

KNOBS: Final = ("epsilon", "temperature", "diversity", "personal", "centroids")
"""What a state says about exploration."""

_MICROSECONDS_PER_MINUTE: Final = 60_000_000
_MOST_HALF_LIVES: Final = 1_000.0


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Engagement(_Table):
    """How engagement rises and falls; see ``policy.toml``."""

    half_life: float = Field(30.0, gt=0)
    unengaged: float = Field(0.5, ge=0, lt=1)
    most: float = Field(10.0, gt=0)
    other: float = 0.5
    events: dict[str, float] = Field(default_factory=dict)


class State(_Table):
    """One state: between which engagements a person is in it, and its knobs."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    enter: float = Field(ge=0)
    leave: float = Field(ge=0)
    epsilon: float = Field(0.0, ge=0, le=1)
    temperature: float = Field(0.0, ge=0)
    diversity: float = Field(0.0, ge=0, le=1)
    personal: float = Field(1.0, ge=0, le=1)
    centroids: int = Field(1, ge=1, le=64)

    @cached_property
    def knobs(self) -> Mapping[str, float]:
        """What the state says about exploration, by `KNOBS`."""
        return MappingProxyType({name: getattr(self, name) for name in KNOBS})


class Policy(_Table):
    """States in the order in which a visit goes through them, and what moves it.

    Attributes:
        engagement: How engagement rises and falls.
        states: At least one; the first is where everybody begins, and where everybody ends who does nothing.
    """

    engagement: Engagement = Engagement()
    states: tuple[State, ...] = Field(min_length=1)

    @field_validator("states", mode="before")
    @classmethod
    def _of_list(cls, states: Any) -> Any:
        return tuple(states) if isinstance(states, list) else states

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        names = [state.name for state in self.states]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two states are called '{twice[0]}'")
        first, later = self.states[0], self.states[1:]
        if first.enter or first.leave:
            raise ValueError(f"'{first.name}' is the first state, so its enter and leave must be 0")
        for below, state in zip(self.states, later, strict=False):
            if state.enter <= below.enter:
                raise ValueError(f"'{state.name}' must be entered at more than '{below.name}', at {below.enter:g}")
            if not 0 < state.leave <= state.enter:
                raise ValueError(f"'{state.name}' must be left above 0 and no higher than it is entered")
            if state.enter > self.engagement.most:
                raise ValueError(
                    f"'{state.name}' is never reached: engagement rises to {self.engagement.most:g} at most"
                )
        return self

    @classmethod
    def load(cls, text: str, where: str = "the policy") -> Self:
        """Read a policy.

        Args:
            text: TOML, as in ``policy.toml``.
            where: What an error calls the place it was read from.

        Raises:
            ConfigError: It is not TOML, a key is unknown, or the states make no sense.
        """
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"not TOML: {error}", where=where) from error
        except ValidationError as error:
            raise _config_error(error, where) from error

    @classmethod
    def default(cls) -> Policy:
        """Return the policy that holds where no other is configured."""
        return _default()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {state.name: place for place, state in enumerate(self.states)}

    def state(self, name: str) -> State:
        """Return a state.

        Raises:
            ConfigError: There is none of this name.
        """
        place = self._places.get(name)
        if place is None:
            raise ConfigError(f"the policy has no state '{name}'", remedy=nearest(name, self._places))
        return self.states[place]

    def settled(self, name: str, engagement: float) -> str:
        """Return the state that somebody in the state ``name`` is in by now, with this engagement."""
        place = self._places.get(name, 0)
        while place + 1 < len(self.states) and engagement >= self.states[place + 1].enter:
            place += 1
        while engagement < self.states[place].leave:
            place -= 1
        return self.states[place].name

    def fingerprint(self) -> str:
        """Return what two policies share exactly if they say the same."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]

    def diagram(self) -> str:
        """Return the states and what leads from one to another, as a state diagram of Mermaid."""
        lines = ["stateDiagram-v2", f"    [*] --> {_plain(self.states[0].name)}"]
        for below, above in zip(self.states, self.states[1:], strict=False):
            lines.append(f"    {_plain(below.name)} --> {_plain(above.name)}: engagement >= {above.enter:g}")
            lines.append(f"    {_plain(above.name)} --> {_plain(below.name)}: engagement < {above.leave:g}")
        for state in self.states:
            said = ", ".join(f"{name} {value:g}" for name, value in state.knobs.items())
            lines.append(f"    {_plain(state.name)}: {state.name}<br/>{said}")
        return "\n".join(lines) + "\n"


@cache
def _default() -> Policy:
    text = resources.files("tastemaker.engine").joinpath("policy.toml").read_text(encoding="utf-8")
    return Policy.load(text, "policy.toml")


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _config_error(error: ValidationError, where: str) -> ConfigError:
    # An unknown key first: what is missing beside it may be what it was meant to be.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"]]
    named = ".".join(place[:1] + [f"#{int(part) + 1}" if part.isdigit() else part for part in place[1:]])
    if first["type"] == "extra_forbidden":
        kinds: dict[str, type[BaseModel]] = {"engagement": Engagement, "states": State}
        known = kinds[place[0]] if len(place) > 1 else Policy
        return ConfigError(f"unknown key '{named}'", where=where, remedy=nearest(place[-1], known.model_fields))
    if first["type"] == "missing":
        return ConfigError(f"'{named}' is missing", where=where, remedy="The policy that comes along has every key.")
    if first["type"] == "value_error":
        return ConfigError(first["msg"].removeprefix("Value error, "), where=where)
    expected = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    expected = _IN_WORDS.get(first["type"], _IN_WORDS.get(expected, expected))
    return ConfigError(f"'{named}' is {first['input']!r}, but should be {expected}", where=where)


_IN_WORDS: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "dictionary": "a table",
    "tuple": "a list of tables, each headed [[states]]",
    "string_pattern_mismatch": "a name of small letters, digits, - and _",
    "model_type": "a table",
    "too_short": "at least one table headed [[states]]",
}


# -- moving along ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PolicyState:
    """Where somebody is in a policy.

    Attributes:
        state: Name of the state.
        engagement: How engaged they were at the last signal.
        unengaged: Lists that were shown since they last did something.
        since: When the state was entered, as far as signals tell, microseconds since the epoch; 0 for the beginning.
        at: When the last signal came.
    """

    state: str
    engagement: float = 0.0
    unengaged: int = 0
    since: int = 0
    at: int = 0


SignalKind: TypeAlias = Literal["event", "served", "idle"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What a policy is told.

    Attributes:
        kind: ``event``: the person did something; ``served``: a list was shown; ``idle``: time went by.
        at: When, microseconds since the epoch.
        event: Kind of the event, such as ``view``.
    """

    kind: SignalKind
    at: int
    event: str = ""


def begin(policy: Policy) -> PolicyState:
    """Return where everybody begins."""
    return PolicyState(policy.states[0].name)


def step(policy: Policy, state: PolicyState, signal: Signal) -> PolicyState:
    """Return where somebody is after a signal.

    First time goes by: engagement halves every ``half_life`` minutes. Then an event adds what its kind says, one that
    comes late as much as would be left of it by now; a list shown while the one before it was passed over leaves the
    share ``unengaged``. Last the thresholds are looked at.
    """
    half_life = policy.engagement.half_life * _MICROSECONDS_PER_MINUTE
    gone = (signal.at - state.at) / half_life
    engagement, unengaged, late = state.engagement, state.unengaged, 1.0
    if gone >= 0:
        engagement *= 2.0 ** -min(gone, _MOST_HALF_LIVES)
    else:
        late = 2.0 ** max(gone, -_MOST_HALF_LIVES)
    if signal.kind == "event":
        weight = policy.engagement.events.get(signal.event, policy.engagement.other)
        engagement = min(policy.engagement.most, max(0.0, engagement + late * weight))
        unengaged = 0 if weight > 0 else unengaged
    elif signal.kind == "served":
        engagement *= policy.engagement.unengaged if unengaged else 1.0
        unengaged += 1
    name = policy.settled(state.state, engagement)
    at = max(state.at, signal.at)
    return PolicyState(name, engagement, unengaged, state.since if name == state.state else at, at)


def replay(
    policy: Policy, signals: Iterable[Signal], state: PolicyState | None = None
) -> list[tuple[Signal, PolicyState]]:
    """Return every signal with the state that it led to.

    >>> shop = Policy.default()
    >>> visit = [Signal("served", 0), Signal("event", 1, "click"), Signal("event", 2, "buy"), Signal("served", 3)]
    >>> [after.state for _, after in replay(shop, visit)]
    ['random', 'sampled', 'personalised', 'personalised']
    """
    state = state or begin(policy)
    found = []
    for signal in signals:
        state = step(policy, state, signal)
        found.append((signal, state))
    return found
