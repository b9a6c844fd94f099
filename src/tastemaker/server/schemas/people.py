"""What is written of people, and what the server says of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tastemaker.server.schemas import fields
from tastemaker.server.schemas.fields import MAX_ID, Body

PersonIn = Annotated[
    fields.Attributes,
    Field(description=f"What is known of the person: {fields.FLAT} Null is not kept."),
]


class MergeIn(Body):
    """The body of ``POST /v1/people/{user}/merge``."""

    into: fields.Id = Field(description=f"Who gets all that is known of this person, from 1 to {MAX_ID} characters.")


class PersonOut(BaseModel):
    """What is known of a person."""

    user_id: str = Field(description="Who.")
    profile: dict[str, Any] = Field(description="Attributes by name.")


class PersonWrittenOut(BaseModel):
    """A profile was written; the next request goes by it."""

    user_id: str = Field(description="Who.")
    revision: int = Field(description="Revision of the table of people afterwards.")


class MergedOut(BaseModel):
    """Two people are one."""

    source: str = Field(description="Who is no more; what is sent under this name from now on is the other's.")
    target: str = Field(description="Who has all events, lists and attributes now.")
    events: int = Field(description="How many events changed hands.")


class ErasureOut(BaseModel):
    """The receipt of an erasure, which does not name the person; the server may say more than these fields."""

    model_config = ConfigDict(extra="allow")

    at: str = Field(description="When, as ISO 8601.")
    removed: dict[str, int] = Field(description="Place -> how many entries were removed there.")
    left: list[str] = Field(description="Places that still name the person: none after a whole erasure.")
    complete: bool | None = Field(None, description="Whether nothing is left.")
    models: list[dict[str, Any]] = Field([], description="Models that were fitted on the person's events.")
    to_do: list[str] = Field([], description="What an erasure cannot do: models, back-ups, files of origin.")
