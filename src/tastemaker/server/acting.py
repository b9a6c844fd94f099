"""What a person does on the page: a like or a refusal is kept as an event of theirs, and the page shown anew."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from tastemaker.core.clock import to_microseconds
from tastemaker.server.guard import needing
from tastemaker.server.intake import receipts
from tastemaker.server.schemas import fields
from tastemaker.server.service import reader
from tastemaker.store.ports import NewEvent

router = APIRouter(route_class=needing("events", stored=True, page=True), include_in_schema=False)

EVENTS: Final = ("like", "hide")
_FIELDS: Final = ("user", "item", "event", "back")


@router.post("/act")
async def act(request: Request) -> Response:
    """Keep what a person said of an item, and lead back to the page that they said it on."""
    _need_same_page(request)
    said = await _said(request)
    reader(request).item(said["item"])
    event = NewEvent(
        event_id=f"page-{secrets.token_hex(12)}",
        user_id=said["user"],
        item_id=said["item"],
        event=said["event"],
        timestamp=to_microseconds(request.app.state.clock()),
    )
    await receipts(request, [event])
    return RedirectResponse(said["back"], status_code=303)


async def _said(request: Request) -> dict[str, str]:
    """Return the fields of the form.

    Raises:
        HTTPException: It is not the page's own form.
    """
    try:
        given = parse_qs((await request.body()).decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=8)
        said = {name: given[name][0] for name in _FIELDS}
    except (ValueError, KeyError) as error:
        raise HTTPException(400, "this is not the form of the page") from error
    path = urlsplit(said["back"])
    safe = not path.scheme and not path.netloc and said["back"].startswith("/") and "\\" not in said["back"]
    sound = safe and said["event"] in EVENTS and 0 < len(said["user"]) <= fields.MAX_ID
    if not sound:
        raise HTTPException(400, "this is not the form of the page")
    return said


def _need_same_page(request: Request) -> None:
    """Refuse a form that another site sends in somebody's name.

    Raises:
        HTTPException: It comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site not in (None, "same-origin") or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    )
    if foreign:
        raise HTTPException(403, "this was sent from another site")
