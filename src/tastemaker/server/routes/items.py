"""Items: searches, and the catalogue as a shop keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import SkipValidation
from starlette.responses import Response

from tastemaker.core.errors import DataError, QueryError, UnknownItemError
from tastemaker.server.encoding import Encoded
from tastemaker.server.guard import needing
from tastemaker.server.problems import documented
from tastemaker.server.schemas import fields
from tastemaker.server.schemas import items as schemas
from tastemaker.server.service import Reader, Service, reader, service
from tastemaker.server.validation import checked, entries, telling

router = APIRouter(route_class=needing("read"), tags=["items"])
stored = APIRouter(route_class=needing("catalogue", stored=True), tags=["items"])

ItemId = Annotated[fields.Id, Path(description=f"Raw id of an item, from 1 to {fields.MAX_ID} characters.")]
_NO_SUCH_ITEM: Final = documented(_404="There is no such item.")
_FIELDS: Final = tuple(name for name in schemas.ItemIn.model_fields if name != "attributes")


@router.get("/v1/items", response_model=schemas.ItemsOut)
def search_items(request: Request, asked: Annotated[schemas.SearchParameters, Query()]) -> Response:
    """Return items whose titles fit ``q``, best first; those that look alike if none fits.

    Without ``q`` a server with a store lists its items in the order of their ids.
    """
    engine = reader(request)
    if asked.q and asked.after:
        raise QueryError("'after' goes on with a list, and this is a search", where="after", remedy="Leave one out.")
    if asked.q or not engine.live:
        return Encoded({"items": engine.search(asked.q, asked.limit)})
    rows = service(request).items(asked.after, asked.limit)
    listed = [
        {name: value for name, value in as_item(item, row).items() if value not in (None, {})} for item, row in rows
    ]
    more = {"next": rows[-1][0]} if len(rows) == asked.limit else {}
    return Encoded({"items": listed, **more})


@router.get(
    "/v1/search", response_model=schemas.TextFoundOut, responses=documented(_503="The search is still being made.")
)
def search_texts(request: Request, asked: Annotated[schemas.TextSearchParameters, Query()]) -> Response:
    """Return items whose texts hold the words of ``q`` or mean the same, best first.

    Where the server has no vectors the words alone are searched, and ``degraded`` says so. An item that was written is
    found by its words from the next request on, and by what it means a moment later.
    """
    engine = reader(request)
    return Encoded(engine.search_texts(asked.q, asked.k, by=asked.by).to_dict(engine.title))


@router.get("/v1/items/{item:path}", response_model=schemas.ItemDetailOut, responses=_NO_SUCH_ITEM)
async def get_item(request: Request, item: Annotated[str, Path(description="Raw id of an item.")]) -> Response:
    """Return what is known of one item."""
    engine = reader(request)
    return Encoded(_detail(engine, item, engine.item(item)))


def _detail(engine: Reader, item_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
    found = as_item(item_id, row)
    # What was written is read back as it was; a catalogue that nobody writes is shown as people know it.
    return found if engine.live else {**found, "title": engine.title(item_id)}


def as_item(item_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as it goes over the wire: what has no field of its own is an attribute."""
    known = {name: row.get(name) for name in _FIELDS}
    others = {name: value for name, value in row.items() if name not in known and name != "item_id"}
    return {
        "item_id": item_id,
        **known,
        "title": row.get("title") or item_id,
        "categories": list(row.get("categories") or []),
        "available": row.get("available") is not False,
        "attributes": {name: value for name, value in others.items() if value is not None},
    }


def as_row(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of an item as a row, in which attributes stand beside the other fields.

    Raises:
        QueryError: An attribute has the name of a field.
    """
    attributes = given.get("attributes") or {}
    for name in attributes:
        if name in _FIELDS or name == "item_id":
            raise QueryError(
                f"'{name}' is no attribute but a field of its own",
                where=f"attributes.{name}",
                remedy="Give it beside the attributes.",
            )
    return {**{name: value for name, value in given.items() if name not in ("attributes", "item_id")}, **attributes}


@stored.put("/v1/items", response_model=schemas.ItemsWrittenOut)
def put_items(request: Request, body: Annotated[schemas.ItemBatch, SkipValidation, Body()]) -> Response:
    """Write whole rows; what was known of these items before is forgotten. Bad ones are rejected alone."""
    rows: dict[str, dict[str, Any]] = {}
    results = []
    for place, entry in enumerate(entries(body, "items", schemas.ItemBatch)):
        item_id, wrong = _read(entry, place, rows)
        results.append({"item_id": item_id, "status": "rejected" if wrong else "accepted", "error": wrong or None})
    revision, refused = _put(service(request), rows)
    for result in results:
        if result["status"] == "accepted" and result["item_id"] in refused:
            result.update(status="rejected", error=refused[str(result["item_id"])])
    accepted = sum(result["status"] == "accepted" for result in results)
    return Encoded(
        {"accepted": accepted, "rejected": len(results) - accepted, "revision": revision, "results": results}
    )


def _read(entry: Any, place: int, rows: dict[str, dict[str, Any]]) -> tuple[str | None, str]:
    """Add an entry of a batch to ``rows``; return its id, and what is wrong with it."""
    item = checked(schemas.ItemRow, entry, "items", place)
    if isinstance(item, str):
        named = entry.get("item_id") if isinstance(entry, Mapping) else None
        return named if isinstance(named, str) else None, item
    if item.item_id in rows:
        return item.item_id, f"items.{place}.item_id: it stands in this batch twice"
    try:
        rows[item.item_id] = as_row(item.row())
    except QueryError as error:
        return item.item_id, f"items.{place}.{error.where}: {error.message}"
    return item.item_id, ""


def _put(engine: Service, rows: Mapping[str, Mapping[str, Any]]) -> tuple[int | None, dict[str, str]]:
    """Write rows together; where one of them is refused, one after the other. Return the revision and who was."""
    if not rows:
        return None, {}
    try:
        return engine.put_items(rows), {}
    except DataError:
        revision: int | None = None
        refused: dict[str, str] = {}
        for item_id, row in rows.items():
            try:
                revision = engine.put_items({item_id: row})
            except DataError as error:
                refused[item_id] = error.message
        return revision, refused


@stored.put("/v1/items/{item:path}", response_model=schemas.ItemWrittenOut)
def put_item(request: Request, item: ItemId, body: schemas.ItemIn) -> Response:
    """Write all that is known of an item; what was known before is forgotten."""
    with telling():
        revision = service(request).put_items({item: as_row(body.row())})
    return Encoded({"item_id": item, "revision": revision})


@stored.patch("/v1/items/{item:path}", response_model=schemas.ItemDetailOut, responses=_NO_SUCH_ITEM)
def patch_item(request: Request, item: ItemId, body: schemas.ItemIn) -> Response:
    """Change some of what is known of an item; null takes a field, or an attribute, away."""
    engine = service(request)
    with telling():
        row = engine.patch_item(item, as_row(body.changes()))
    return Encoded(_detail(engine, item, row))


@stored.delete("/v1/items/{item:path}", response_model=schemas.ItemDeletedOut, responses=_NO_SUCH_ITEM)
def delete_item(request: Request, item: ItemId) -> Response:
    """Delete an item; it is never recommended again."""
    if not service(request).delete_items([item]):
        raise UnknownItemError(f"there is no item '{item}' in the catalogue", remedy="It may be deleted already.")
    return Encoded({"item_id": item, "deleted": True})
