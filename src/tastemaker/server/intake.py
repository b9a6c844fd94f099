"""From what was sent to events that are kept: each is checked alone, and what is good is kept whatever else came."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import BusyError
from tastemaker.server.schemas.events import EventBatch, NewEventIn
from tastemaker.server.service import service
from tastemaker.server.validation import InvalidBody, checked, entries, plain, telling
from tastemaker.store.ports import NewEvent, Receipt

AHEAD: Final = timedelta(days=1)
EARLIEST: Final = to_microseconds(datetime(1900, 1, 1, tzinfo=UTC))
"""So far ahead of ours the sender's clock may be."""
SECONDS_TO_KEEP: Final = 15.0
"""After that the sender is told to send the events again, which counts them once."""

_LIST: Final = TypeAdapter(list[NewEventIn])


def read(body: Any, key: str | None) -> tuple[list[NewEventIn | str], bool]:
    """Return the events of a body, for a bad one of a batch what is wrong with it; and whether it was a batch.

    Args:
        body: JSON values.
        key: The header ``Idempotency-Key``: names an event that has no ``event_id``; those of a batch with their place.

    Raises:
        InvalidBody: It is neither an event nor a batch of them.
    """
    if isinstance(body, Mapping) and "events" in body:
        named = [_named(event, key and f"{key}.{place}") for place, event in enumerate(_batch(body))]
        return named, True
    try:
        return [_named(NewEventIn.model_validate(body), key)], False
    except ValidationError as error:
        raise InvalidBody(plain(error), NewEventIn) from error


def _batch(body: Mapping[str, Any]) -> list[NewEventIn | str]:
    given = entries(body, "events", EventBatch)
    try:
        return list(_LIST.validate_python(given))
    except ValidationError:
        return [checked(NewEventIn, event, "events", place) for place, event in enumerate(given)]


def _named(event: NewEventIn | str, key: str | None) -> NewEventIn | str:
    if key and isinstance(event, NewEventIn) and event.event_id is None:
        return event.model_copy(update={"event_id": key})
    return event


def as_event(event: NewEventIn, now: datetime) -> NewEvent:
    """Return an event as it is kept; one without a name is given one."""
    return NewEvent(
        event_id=event.event_id or uuid.uuid4().hex,
        user_id=event.user_id,
        item_id=event.item_id,
        event=event.event,
        timestamp=to_microseconds(event.timestamp or now),
        weight=event.weight,
        rating=event.rating,
        session_id=event.session_id,
        recommendation_id=event.recommendation_id,
        context=event.context,
    )


def from_future(event: NewEventIn, now: datetime) -> str:
    """Say what is wrong with the time of an event, or nothing."""
    if event.timestamp is None:
        return ""
    if to_microseconds(event.timestamp) < EARLIEST:
        return "lies before the year 1900"
    late = to_microseconds(event.timestamp) > to_microseconds(now + AHEAD)
    return "lies more than a day in the future" if late else ""


async def keep(request: Request, events: Sequence[NewEventIn | str]) -> dict[str, Any]:
    """Keep good events and return what became of each; done when the next request goes by them.

    Args:
        request: The request.
        events: For a bad one, what is wrong with it.

    Raises:
        BusyError: More is under way than can be taken in.
    """
    began = time.perf_counter()
    state = request.app.state
    now = state.clock()
    good = [as_event(event, now) for event in events if isinstance(event, NewEventIn)]
    kept = iter(zip(good, await receipts(request, good), strict=True))
    results = [_rejected(event) if isinstance(event, str) else _result(*next(kept)) for event in events]
    accepted = sum(one["status"] == "accepted" for one in results)
    duplicates, rejected = len(good) - accepted, len(events) - len(good)
    state.metrics.took_in(accepted, duplicates, rejected, time.perf_counter() - began if good else None)
    return {"accepted": accepted, "duplicates": duplicates, "rejected": rejected, "results": results}


def _rejected(wrong: str) -> dict[str, Any]:
    return {"event_id": None, "status": "rejected", "offset": None, "error": wrong}


def _result(event: NewEvent, receipt: Receipt) -> dict[str, Any]:
    status = "accepted" if receipt.fresh else "duplicate"
    return {"event_id": event.event_id, "status": status, "offset": receipt.offset, "error": None}


async def receipts(request: Request, events: Sequence[NewEvent]) -> list[Receipt]:
    """Hand events in, and wait until the next request goes by them; the loop goes on meanwhile.

    Raises:
        BusyError: More is under way than can be taken in, or it took too long.
        QueryError: An event holds what cannot be kept.
    """
    if not events:
        return []
    with telling():
        kept = asyncio.wrap_future(service(request).submit(events))
    try:
        # Shielded: who hangs up must not cancel what others share a commit with.
        return await asyncio.wait_for(asyncio.shield(kept), SECONDS_TO_KEEP)
    except TimeoutError as error:
        raise BusyError(
            "the events were not kept in time", remedy="Send them again with the same event_id: they count once."
        ) from error
