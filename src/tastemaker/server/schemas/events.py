"""Events as they are sent, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from tastemaker.server.schemas import fields
from tastemaker.server.schemas.fields import FLAT, MAX_EVENTS, MAX_ID, MAX_KIND, MAX_NAME, Body

_EVENT_ID: Final = (
    f"A name of your choice, at most {MAX_NAME} characters: an event that is sent again under it counts once. "
    "The server makes one where there is none."
)
_TIMESTAMP: Final = (
    "When it happened, as ISO 8601 (UTC unless it says otherwise) or seconds since 1970; the present where it is left "
    "out. At most a day in the future."
)
Weight = Annotated[
    Annotated[fields.Number, Field(ge=-100, le=100)] | None,
    Field(description="How much it says, from -100 to 100; left out, that follows from its kind."),
]
Rating = Annotated[
    Annotated[fields.Number, Field(ge=-1e6, le=1e6)] | None,
    Field(description="What the item was given, on the scale of the data."),
]
SessionId = Annotated[fields.Name | None, Field(description=f"The visit it belongs to, at most {MAX_NAME} characters.")]
EventKind = Annotated[
    fields.Kind,
    Field(description=f"Kind of event, such as view, buy, like, hide; from 1 to {MAX_KIND} characters."),
]


class NewEventIn(Body):
    """Something that a person did with an item, to be kept."""

    user_id: fields.Id = Field(description=f"Who, from 1 to {MAX_ID} characters.")
    item_id: fields.Id = Field(description=f"With which item, from 1 to {MAX_ID} characters.")
    event: EventKind
    event_id: fields.Name | None = Field(None, description=_EVENT_ID)
    timestamp: fields.Moment | None = Field(None, description=_TIMESTAMP)
    weight: Weight = None
    rating: Rating = None
    session_id: SessionId = None
    recommendation_id: fields.Name | None = Field(
        None, description=f"The list that it answers, at most {MAX_NAME} characters."
    )
    context: fields.Attributes = fields.empty(dict, f"What else is known of the moment: {FLAT}")


class EventBatch(Body):
    """Several events at once; bad ones are rejected alone."""

    events: Annotated[list[NewEventIn | Any], Field(min_length=1, max_length=MAX_EVENTS)] = Field(
        description=f"From 1 to {MAX_EVENTS} events."
    )


class FeedbackIn(Body):
    """What a person did with an item of a list that was shown to them."""

    item_id: fields.Id = Field(description=f"An item of the list, from 1 to {MAX_ID} characters.")
    event: EventKind
    user_id: fields.Id | None = Field(
        None, description="Who; needed where the list was shown to nobody by name, otherwise the same person."
    )
    event_id: fields.Name | None = Field(None, description=_EVENT_ID)
    timestamp: fields.Moment | None = Field(None, description=_TIMESTAMP)
    weight: Weight = None
    rating: Rating = None
    session_id: SessionId = None
    context: fields.Attributes = fields.empty(dict, f"What else is known of the moment: {FLAT}")


class EventResult(BaseModel):
    """What became of an event."""

    event_id: str | None = Field(description="Its name; null where it was rejected.")
    status: Literal["accepted", "duplicate", "rejected"] = Field(
        description="accepted: it is kept, and the next request sees it; duplicate: it was kept before; rejected."
    )
    offset: int | None = Field(None, description="Its place in the log.")
    error: str | None = Field(None, description="Why it was rejected, with its place in the batch.")


class EventsOut(BaseModel):
    """What became of events. Once this is said, they would survive a loss of power."""

    accepted: int = Field(description="How many are new.")
    duplicates: int = Field(description="How many were sent before.")
    rejected: int = Field(description="How many were bad.")
    results: list[EventResult] = Field(description="One for each event, in the order in which they were sent.")
