"""What answers of all kinds share: items by name, errors, and how the server is."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ItemOut(BaseModel):
    """An item by name."""

    item_id: str = Field(description="Raw id.")
    title: str = Field(description="Its title; the id where it has none.")


class HealthOut(BaseModel):
    """The process is alive."""

    status: str = Field(description="Always ok.")


class ReadyOut(BaseModel):
    """What is being served."""

    status: str = Field(description="Always ready.")
    model: str = Field(description="Name of the model that answers.")
    data: str = Field("", description="Name of the data it was fitted on.")
    items: int = Field(description="How many items there are.")
    people: int = Field(description="How many people have events.")
    version: str = Field(description="Version of Tastemaker.")
    model_version: str = Field("", description="Version of the model: a hash of its content.")
    model_created: str | None = Field(None, description="When the model was made, as ISO 8601.")
    events: int | None = Field(None, description="How many events the log has, of a server with a store.")
    revision: int | None = Field(None, description="Newest revision of the catalogue, of a server with a store.")


class FieldError(BaseModel):
    """A field of the request that is wrong."""

    field: str = Field(description="Its place, steps joined by dots.")
    message: str = Field(description="What is wrong.")


class Problem(BaseModel):
    """An error, as RFC 9457 describes it, and what to do about it."""

    type: str = Field(description="urn:tastemaker:problem: and the kind of error.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What was wrong.")
    remedy: str = Field(description="What to do about it.")
    errors: list[FieldError] | None = Field(None, description="The fields that are wrong, at most 20.")
