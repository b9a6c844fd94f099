"""People: what is known of them, all of it for themselves, and nothing any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from tastemaker.core.errors import QueryError, UnknownUserError
from tastemaker.server.encoding import Encoded, encode
from tastemaker.server.guard import needing
from tastemaker.server.problems import documented
from tastemaker.server.schemas import fields
from tastemaker.server.schemas import people as schemas
from tastemaker.server.service import service
from tastemaker.server.validation import telling

stored = APIRouter(route_class=needing("people", stored=True), tags=["people"])

UserId = Annotated[fields.Id, Path(description=f"Raw id of a person, from 1 to {fields.MAX_ID} characters.")]
LINES: Final = "application/x-ndjson"
_UNKNOWN: Final = documented(_404="Nothing is known of this person.")
_EXPORTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "An object a line: the profile, events, lists that were shown, what was derived.",
        "content": {LINES: {"schema": {"type": "string"}}},
    }
}


class Lines(StreamingResponse):
    """Objects in JSON, one a line."""

    media_type = LINES


# The longer addresses come first: an id may hold slashes.
@stored.get("/v1/people/{user:path}/export", response_class=Lines, responses={**_EXPORTED, **_UNKNOWN})
def export_person(request: Request, user: UserId) -> Response:
    """Return all that is known of a person, to be handed to them."""
    found = iter(service(request).export(user))
    # The first line is made before the answer begins: what goes wrong there can still be told.
    first = [line for _, line in zip(range(1), found, strict=False)]
    return Lines(_lines(chain(first, found)))


def _lines(found: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    for line in found:
        yield encode(line) + b"\n"


@stored.post("/v1/people/{user:path}/merge", response_model=schemas.MergedOut, responses=_UNKNOWN)
def merge_people(request: Request, user: UserId, body: schemas.MergeIn) -> Response:
    """Give all that is known of a person to another, as when a visitor signs in. This cannot be undone."""
    if body.into == user:
        raise QueryError("a person cannot be merged into themselves", where="into", remedy="Name another.")
    return Encoded({"source": user, "target": body.into, "events": service(request).merge(user, body.into)})


@stored.api_route("/v1/people/{user:path}/export", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
@stored.api_route("/v1/people/{user:path}/merge", methods=["GET", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def wrong_method(request: Request) -> Response:
    """Take no such address for that of a person."""
    raise HTTPException(405)


@stored.get("/v1/people/{user:path}", response_model=schemas.PersonOut, responses=_UNKNOWN)
async def get_person(request: Request, user: UserId) -> Response:
    """Return the profile of a person."""
    found = service(request).profile(user)
    if found is None:
        raise UnknownUserError(f"nothing is known of '{user}'", remedy="Write it with PUT; events need no profile.")
    return Encoded({"user_id": user, "profile": found})


@stored.put("/v1/people/{user:path}", response_model=schemas.PersonWrittenOut)
def put_person(request: Request, user: UserId, body: Annotated[schemas.PersonIn, Body()]) -> Response:
    """Write all attributes of a person; what was known before is forgotten. Events stay as they are."""
    profile = {name: value for name, value in body.items() if value is not None}
    with telling():
        revision = service(request).put_people({user: profile})
    return Encoded({"user_id": user, "revision": revision})


@stored.patch("/v1/people/{user:path}", response_model=schemas.PersonOut, responses=_UNKNOWN)
def patch_person(request: Request, user: UserId, body: Annotated[schemas.PersonIn, Body()]) -> Response:
    """Change some attributes of a person; null takes one away."""
    with telling():
        profile = service(request).patch_person(user, body)
    return Encoded({"user_id": user, "profile": profile})


@stored.delete("/v1/people/{user:path}", response_model=schemas.ErasureOut)
def erase_person(request: Request, user: UserId) -> Response:
    """Forget a person everywhere, physically, and return the receipt. Asking again changes nothing."""
    return Encoded(service(request).erase(user))
