"""Events: what people did, kept before it is answered."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import SkipValidation, TypeAdapter, ValidationError
from starlette.responses import Response

from tastemaker.server import intake
from tastemaker.server.direct import read_body
from tastemaker.server.encoding import Encoded
from tastemaker.server.guard import needing
from tastemaker.server.problems import documented
from tastemaker.server.routes.recommend import RecommendationId, shown
from tastemaker.server.schemas import events as schemas
from tastemaker.server.schemas import fields
from tastemaker.server.validation import InvalidBody, plain

ADDRESS: Final = "/v1/events"
_KEY: Final = "idempotency-key"
_NAME: Final = TypeAdapter[str](fields.Name)

router = APIRouter(route_class=needing("events", stored=True), tags=["events"])

IdempotencyKey = Annotated[
    fields.Name | None,
    Header(
        description="Names an event that has no event_id, and those of a batch together with their place: sent again, "
        "they count once."
    ),
]


async def read(request: Request) -> tuple[Any, str | None]:
    """Return the body of a request and its ``Idempotency-Key``, which is all that `send_events` takes.

    Raises:
        RequestValidationError: There is no body, or it is no JSON, or the header is no name.
    """
    body = await read_body(request, schemas.NewEventIn)
    wrong = [] if body not in (None, b"") else [{"loc": ("body",), "type": "missing", "msg": "Field required"}]
    key = request.headers.get(_KEY)
    try:
        key = None if key is None else _NAME.validate_python(key)
    except ValidationError as error:
        wrong = [*({**entry, "loc": ("header", _KEY)} for entry in plain(error)), *wrong]
    if wrong:
        raise RequestValidationError(wrong)
    return body, key


@router.post(ADDRESS, response_model=schemas.EventsOut)
async def send_events(
    request: Request,
    body: Annotated[schemas.NewEventIn | schemas.EventBatch, SkipValidation, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep an event, or a batch of them; once this is answered, the next request goes by them.

    Bad events of a batch are rejected alone. What is sent again under the same event_id counts once.
    """
    events, batch = intake.read(body, idempotency_key)
    now = request.app.state.clock()
    for place, event in enumerate(events):
        wrong = intake.from_future(event, now) if isinstance(event, schemas.NewEventIn) else ""
        if wrong and not batch:
            raise InvalidBody([{"loc": ("timestamp",), "type": "value_error", "msg": wrong}], schemas.NewEventIn)
        if wrong:
            events[place] = f"events.{place}.timestamp: {wrong}"
    return Encoded(await intake.keep(request, events))


@router.post(
    "/v1/recommendations/{recommendation_id}/feedback",
    response_model=schemas.EventResult,
    responses=documented(_404="There is no such list, or it was forgotten."),
)
async def send_feedback(
    request: Request,
    recommendation_id: RecommendationId,
    body: schemas.FeedbackIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep what a person did with an item of a list that was shown to them."""
    served = shown(request, recommendation_id)
    if body.item_id not in served.item_ids:
        raise _wrong("item_id", f"'{body.item_id}' was not in this list")
    if served.user_id is None and body.user_id is None:
        raise _wrong("user_id", "this list was shown to nobody by name: say who it was")
    if served.user_id is not None and body.user_id not in (None, served.user_id):
        raise _wrong("user_id", "this list was shown to somebody else")
    given = {
        **body.model_dump(exclude_unset=True),
        "user_id": served.user_id or body.user_id,
        "recommendation_id": served.recommendation_id,
    }
    events, _ = intake.read(given, idempotency_key)
    event = events[0]
    if isinstance(event, schemas.NewEventIn) and (wrong := intake.from_future(event, request.app.state.clock())):
        raise _wrong("timestamp", wrong)
    found = await intake.keep(request, events)
    return Encoded(found["results"][0])


def _wrong(field: str, said: str) -> InvalidBody:
    return InvalidBody([{"loc": (field,), "type": "value_error", "msg": said}], schemas.FeedbackIn)
