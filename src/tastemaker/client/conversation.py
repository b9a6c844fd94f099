"""How often a request is sent, how long is waited in between, and what an answer that is an error becomes.

Nothing is sent here and nobody waits: both clients do what the conversation says.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import httpx

from tastemaker.core.errors import (
    BusyError,
    QueryError,
    ServiceError,
    TastemakerError,
    UnknownItemError,
    UnknownUserError,
)

LONGEST_WAIT: Final = 30.0
"""Seconds; a server that asks for more patience is told of instead."""

_FIRST_WAIT: Final = 0.1
_RETRIED: Final = (429, 503)
_PREFIX: Final = "urn:tastemaker:problem:"
_KINDS: Final[dict[str, type[TastemakerError]]] = {
    "unknown-item": UnknownItemError,
    "unknown-user": UnknownUserError,
    "read-only": ServiceError,
}
_STATUS: Final[dict[int, type[TastemakerError]]] = {401: ServiceError, 403: ServiceError, 429: BusyError}


@dataclass(frozen=True)
class Wait:
    """What the conversation asks for between two attempts: so many seconds."""

    seconds: float


Outcome: TypeAlias = httpx.Response | httpx.TransportError | None
Steps: TypeAlias = Generator[Wait | None, Outcome, httpx.Response]
"""Yields ``None`` for "send it" and is told what came of it; yields a `Wait`; returns the answer."""


def converse(url: str, attempts: int, chance: Callable[[], float] = random.random) -> Steps:
    """Send a request until it is answered, ``attempts`` times at most.

    What failed on the way, was refused as too much, or met a server that is not ready, is sent again: every request of
    ours may be, as events have their names before they are first sent.

    Args:
        url: Of the server, for the error.
        attempts: 1 or more.
        chance: From 0 to 1: spreads those who wait.

    Raises:
        ServiceError: The server cannot be reached.
    """
    outcome: Outcome = None
    for attempt in range(attempts):
        outcome = yield None
        if isinstance(outcome, httpx.Response) and outcome.status_code not in _RETRIED:
            return outcome
        wait = _told(outcome)
        if attempt + 1 == attempts or (wait is not None and wait > LONGEST_WAIT):
            break
        yield Wait(_FIRST_WAIT * 2**attempt * (0.5 + chance() / 2) if wait is None else wait)
    if isinstance(outcome, httpx.Response):
        return outcome
    raise ServiceError(
        f"the server cannot be reached: {type(outcome).__name__}",
        where=url,
        remedy="Check the address, and that it runs.",
    ) from outcome


def _told(outcome: Outcome) -> float | None:
    """Return how long the server asked to wait, if it did."""
    said = outcome.headers.get("retry-after", "") if isinstance(outcome, httpx.Response) else ""
    return float(said) if said.isdecimal() else None


def checked(response: httpx.Response) -> bytes:
    """Return what a server answered.

    Raises:
        UnknownItemError: There is no such item.
        UnknownUserError: Nothing is known of such a person.
        QueryError: The request cannot be answered as it was put.
        BusyError: More was asked for than can be done.
        ServiceError: There is no key that allows it, the server keeps no events, or it failed.
    """
    if response.is_success:
        return response.content
    raise _failure(response.status_code, _problem(response), f"{response.request.method} {response.request.url.path}")


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(status: int, problem: dict[str, Any], where: str) -> TastemakerError:
    kind = str(problem.get("type", "")).removeprefix(_PREFIX)
    usual = QueryError if 400 <= status < 500 else ServiceError
    error = _KINDS.get(kind) or _STATUS.get(status) or usual
    return error(
        str(problem.get("detail") or f"the server answered with status {status}"),
        where=where,
        remedy=str(problem.get("remedy") or "Check that the address is that of a Tastemaker server."),
    )
