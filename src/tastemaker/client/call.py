"""One request as data, and how ids and times are written in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar, cast
from urllib.parse import quote

T = TypeVar("T")

Id: TypeAlias = str | int
Ids: TypeAlias = Collection[Id]
EventOrId: TypeAlias = Id | Mapping[str, Any]
"""An event with ``item_id`` and what else is known of it, or no more than the id."""
Moment: TypeAlias = datetime | float | str
"""A datetime (without a zone: UTC), seconds since 1970, or ISO 8601."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: Of HTTP.
        path: With its ids quoted.
        query: Parameters.
        body: Sent as JSON, if there is any.
        read: Makes the answer of its bytes, where that is more than reading JSON.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    read: Callable[[bytes], T] | None = None

    def answer(self, content: bytes) -> T:
        """Return what the server answered."""
        return cast(T, json.loads(content)) if self.read is None else self.read(content)


def at(*steps: Id) -> str:
    """Return the path of steps, each of them quoted."""
    return "/v1/" + "/".join(quote(str(step), safe="") for step in steps)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: plain(value) for name, value in fields.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: times in ISO 8601, collections as lists."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | set | frozenset):
        return value
    return [plain(inner) for inner in value]
