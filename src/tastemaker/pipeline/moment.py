"""What filters read of a request: its time, its place and its context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import QueryError, nearest

Plain: TypeAlias = float | str | bool | tuple[Any, ...]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Moment:
    """The moment of a request.

    Attributes:
        now: Microseconds since the epoch.
        context: What else the request says, by name: numbers, texts, yes or no, or lists of these.
        here: Latitude and longitude in degrees, if known.
    """

    now: int = 0
    context: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    here: tuple[float, float] | None = None

    def read(self, name: str) -> Plain:
        """Return what a filter calls ``now``, ``here``, ``age`` or ``$`` and a name of the context.

        Raises:
            QueryError: The request does not say it, or says something that no field can be compared with.
        """
        if name == "now":
            return self.now
        if name == "here":
            if self.here is None:
                raise QueryError(
                    "a filter asks how far it is from 'here', and the request does not say where that is",
                    where="here",
                    remedy="Give the request a latitude and a longitude.",
                )
            return self.here
        key = name.removeprefix("$")
        value = self.context.get(key)
        if value is None:
            raise QueryError(
                f"a filter reads '{key}' of the context, and the request does not say it",
                where=f"context.{key}",
                remedy=nearest(key, self.context)
                if self.context
                else f"Give the request the context {{'{key}': ...}}.",
            )
        return _plain(key, value)


def _plain(key: str, value: Any) -> Plain:
    if isinstance(value, datetime):
        return to_microseconds(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(key, each) for each in value)
    if not isinstance(value, bool | int | float | str):
        raise QueryError(
            f"'{key}' of the context is of the kind {type(value).__name__}",
            where=f"context.{key}",
            remedy="Give text, a number, true or false, or a list of these.",
        )
    return value
