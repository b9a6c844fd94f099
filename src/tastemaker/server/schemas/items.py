"""Searches among items, item rows as a shop writes them, and the answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from tastemaker.retrieval.text_search import By
from tastemaker.server.schemas import fields
from tastemaker.server.schemas.common import ItemOut
from tastemaker.server.schemas.fields import MAX_FOUND, MAX_ID, MAX_TEXT, Body

MAX_ITEMS: Final = 1000
MAX_TITLE: Final = 500
MAX_ITEM_TEXT: Final = 20_000
MAX_CATEGORIES: Final = 50


def _as_address(value: str) -> str:
    """Refuse what is no address of a picture, such as a script."""
    if not value.startswith(("https://", "http://", "/")):
        raise ValueError("does not begin with https://, http:// or /")
    return fields.whole(value)


Address = Annotated[
    str,
    Field(max_length=MAX_TEXT, json_schema_extra={"pattern": "^(https?://|/)[^\\x00]*$"}),
    AfterValidator(_as_address),
]


class SearchParameters(Body):
    """The parameters of ``GET /v1/items``."""

    q: fields.Search = ""
    limit: fields.Limit = 10
    after: Annotated[
        fields.Words,
        Field(max_length=MAX_ID, description="Without q: list items in the order of their ids, those beyond this one."),
    ] = ""


class TextSearchParameters(Body):
    """The parameters of ``GET /v1/search``."""

    q: fields.Words = Field(
        min_length=1, max_length=MAX_TEXT, description=f"What is wanted in words, from 1 to {MAX_TEXT} characters."
    )
    by: By = Field(
        "both",
        description="words: what the texts hold; vectors: what they mean; both: the two joined by their ranks.",
    )
    k: fields.K = 10


class ItemIn(Body):
    """What is known of an item; a field that is left out or null is not known."""

    title: Annotated[fields.Words, Field(max_length=MAX_TITLE)] | None = Field(
        None, description=f"Its title, at most {MAX_TITLE} characters."
    )
    text: Annotated[fields.Words, Field(max_length=MAX_ITEM_TEXT)] | None = Field(
        None, description=f"Its description, at most {MAX_ITEM_TEXT} characters."
    )
    categories: (
        Annotated[list[Annotated[fields.Words, Field(max_length=MAX_TITLE)]], Field(max_length=MAX_CATEGORIES)] | None
    ) = Field(
        None,
        description=f"What it belongs to, at most {MAX_CATEGORIES}; the steps of a path are joined by ' > '.",
    )
    brand: Annotated[fields.Words, Field(max_length=MAX_TITLE)] | None = Field(
        None, description=f"Its brand, at most {MAX_TITLE} characters."
    )
    year: Annotated[int, Field(strict=True, ge=-10_000, le=10_000), BeforeValidator(fields.as_whole)] | None = Field(
        None, description="When it came out, from -10000 to 10000."
    )
    price: Annotated[fields.Number, Field(ge=0, le=1e12)] | None = Field(
        None, description="What it costs, from 0 to 1e12."
    )
    available: fields.YesNo | None = Field(
        None, description="Whether it can be had; what is not available is never recommended. Not known counts as yes."
    )
    image: Address | None = Field(
        None, description=f"Address of its picture, https://... or /..., at most {MAX_TEXT} characters."
    )
    lat: Annotated[fields.Number, Field(ge=-90, le=90)] | None = Field(
        None, description="Where it is: latitude in degrees, from -90 to 90."
    )
    lon: Annotated[fields.Number, Field(ge=-180, le=180)] | None = Field(
        None, description="Where it is: longitude in degrees, from -180 to 180."
    )
    min_age: Annotated[int, Field(strict=True, ge=0, le=150), BeforeValidator(fields.as_whole)] | None = Field(
        None, description="From what age it may be shown, in years, from 0 to 150."
    )
    attributes: fields.Attributes | None = Field(None, description=f"What else is known: {fields.FLAT}")

    def row(self) -> dict[str, Any]:
        """Return a whole row: what is known."""
        return self.model_dump(exclude_none=True, exclude={"item_id"})

    def changes(self) -> dict[str, Any]:
        """Return what was given, ``None`` for what is to be forgotten."""
        return self.model_dump(exclude_unset=True)


class ItemRow(ItemIn):
    """An item of a batch: its id, and what is known of it."""

    item_id: fields.Id = Field(description=f"Raw id, from 1 to {MAX_ID} characters.")


class ItemBatch(Body):
    """The body of ``PUT /v1/items``."""

    items: Annotated[list[ItemRow | Any], Field(max_length=MAX_ITEMS)] = Field(
        description=f"Whole rows, at most {MAX_ITEMS}; each replaces what was known. Bad ones are rejected alone."
    )


class FoundOut(ItemOut):
    """An item that a search found."""

    categories: list[str] = Field(description="What it belongs to.")


class ItemDetailOut(FoundOut):
    """What is known of one item."""

    year: int | None = Field(None, description="When it came out.")
    brand: str | None = Field(None, description="Its brand.")
    price: float | None = Field(None, description="What it costs.")
    text: str | None = Field(None, description="Its description.")
    available: bool = Field(True, description="Whether it can be had.")
    image: str | None = Field(None, description="Address of its picture.")
    lat: float | None = Field(None, description="Latitude in degrees.")
    lon: float | None = Field(None, description="Longitude in degrees.")
    min_age: int | None = Field(None, description="From what age it may be shown, in years.")
    attributes: dict[str, Any] = Field({}, description="What else is known.")


class ListedOut(FoundOut):
    """An item of a list; of one that was searched for no more than title and categories."""

    year: int | None = Field(None, description="When it came out.")
    brand: str | None = Field(None, description="Its brand.")
    price: float | None = Field(None, description="What it costs.")
    text: str | None = Field(None, description="Its description.")
    available: bool | None = Field(None, description="Whether it can be had.")
    image: str | None = Field(None, description="Address of its picture.")
    lat: float | None = Field(None, description="Latitude in degrees.")
    lon: float | None = Field(None, description="Longitude in degrees.")
    min_age: int | None = Field(None, description="From what age it may be shown, in years.")
    attributes: dict[str, Any] | None = Field(None, description="What else is known.")


class ItemsOut(BaseModel):
    """What a search found, best first; or items in the order of their ids."""

    items: list[ListedOut] = Field(description=f"At most {MAX_FOUND}.")
    next: str | None = Field(None, description="Give it as `after` for the next page; not there on the last.")


class HitOut(ItemOut):
    """An item that a search by text found."""

    score: float = Field(description="What orders this answer.")
    rank: int = Field(description="Place in the list, from 1.")
    sources: dict[str, int] = Field(description="What found it, words or vectors, and at which rank.")
    words: list[str] = Field(description="The words of the question that its text holds.")


class TextFoundOut(BaseModel):
    """What a search by text found, best first, and why less was searched than was asked for."""

    text: str = Field(description="What was asked for.")
    by: str = Field(description="What was searched in the end.")
    items: list[HitOut] = Field(description="Best first, at most k.")
    degraded: list[str] = Field(description="Why less was searched than was asked for.")
    took_ms: float = Field(description="Milliseconds that it took.")


class ItemResult(BaseModel):
    """What became of an item of a batch."""

    item_id: str | None = Field(description="Its id; null where none could be read.")
    status: Literal["accepted", "rejected"] = Field(description="accepted or rejected.")
    error: str | None = Field(None, description="Why it was rejected, with its place in the batch.")


class ItemsWrittenOut(BaseModel):
    """What became of a batch of items."""

    accepted: int = Field(description="How many were written.")
    rejected: int = Field(description="How many were not.")
    revision: int | None = Field(description="Revision of the catalogue afterwards; null where nothing was written.")
    results: list[ItemResult] = Field(description="One for each item, in the order of the batch.")


class ItemWrittenOut(BaseModel):
    """An item was written; the next request sees it."""

    item_id: str = Field(description="Its id.")
    revision: int = Field(description="Revision of the catalogue afterwards.")


class ItemDeletedOut(BaseModel):
    """An item was deleted; it is never recommended again."""

    item_id: str = Field(description="Its id.")
    deleted: Literal[True] = Field(description="Always true.")
