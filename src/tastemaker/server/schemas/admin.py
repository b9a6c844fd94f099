"""What an operator asks of a running server, and what it answers: back-ups, jobs, models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tastemaker.server.schemas import fields
from tastemaker.server.schemas.fields import MAX_NAME, Body
from tastemaker.store.ports import JobState

JobKind = Literal["train", "encode", "clean"]


class BackupOut(BaseModel):
    """A back-up that was written: a store opens on it."""

    name: str = Field(description="Of its folder, within the folder that the settings name.")
    at: str = Field(description="Of which moment it is, as ISO 8601.")
    bytes: int = Field(description="How large it is.")
    tenants: list[str] = Field(description="Whose data it holds.")


class JobsParameters(Body):
    """The parameters of ``GET /v1/admin/jobs``."""

    kind: fields.Kind | None = Field(None, description="Only these.")
    limit: fields.Limit = 20


class JobIn(Body):
    """The body of ``POST /v1/admin/jobs``."""

    kind: JobKind = Field(
        description="train: fit a model on the log, and let it answer if it passes its test; encode: encode the items' "
        "words ahead of time; clean: forget old lists, models and jobs."
    )
    model: fields.Name | None = Field(
        None, description=f"Of train: the name of the model, at most {MAX_NAME} characters; else as configured."
    )
    until: fields.Moment | None = Field(
        None, description="Of train: learn from what happened before this moment, ISO 8601 or seconds since 1970."
    )
    promote: fields.YesNo | None = Field(
        None, description="Of train: whether it may answer if it passes its test; else as configured."
    )

    @model_validator(mode="after")
    def _only_of_train(self) -> Self:
        if self.kind != "train" and (told := self.model_fields_set - {"kind"}):
            raise ValueError(f"a job '{self.kind}' takes no '{min(told)}'")
        return self


class JobOut(BaseModel):
    """A piece of work."""

    job_id: int = Field(description="Its number.")
    kind: str = Field(description="What is to be done.")
    payload: dict[str, Any] = Field(description="With what.")
    state: JobState = Field(description="waiting, running, done or failed.")
    attempts: int = Field(description="How often it was begun.")
    run_at: str = Field(description="Not before this moment, as ISO 8601.")
    ended: str | None = Field(None, description="When it was done, or failed for good.")
    result: dict[str, Any] | None = Field(None, description="What came of it; error where it failed.")


class JobsOut(BaseModel):
    """Jobs."""

    jobs: list[JobOut] = Field(description="The newest first.")


class ModelOut(BaseModel):
    """A model of the registry; the server may say more of its lineage than these fields."""

    model_config = ConfigDict(extra="allow")

    artefact_id: str = Field(description="SHA-256 of its content.")
    created: str = Field(description="When it was registered, as ISO 8601.")
    live: bool = Field(description="Whether it is the one that answers.")
    erased_since: int = Field(
        description="Of how many people who were erased since it was, or may have been, fitted on the events."
    )
    model: str | None = Field(None, description="Its name.")
    dataset: str | None = Field(None, description="Name of the data it was fitted on.")
    fingerprint: str | None = Field(None, description="Of those data.")
    events: int | None = Field(None, description="On how many events.")
    people: int | None = Field(None, description="Of how many people.")
    items: int | None = Field(None, description="How many items it knows.")
    last_offset: int | None = Field(None, description="Up to which place of the log.")
    validation: dict[str, Any] | None = Field(None, description="Its figures on the validation part.")


class ModelsOut(BaseModel):
    """The models of the registry."""

    models: list[ModelOut] = Field(description="Oldest first.")


class PromoteIn(Body):
    """The body of ``POST /v1/admin/models/{model}/promote``."""

    tolerance: Annotated[fields.Number, Field(ge=0, le=1)] = Field(
        0.02, description="The share by which it may be worse than the live one, from 0 to 1."
    )
    force: fields.YesNo = Field(False, description="Though it is worse, or answers badly.")


class VerdictOut(BaseModel):
    """What became of a candidate."""

    model_config = ConfigDict(extra="allow")

    promoted: bool = Field(description="Whether it answers now.")
    forced: bool = Field(description="Whether somebody insisted, though it did not pass.")
    artefact_id: str = Field(description="The candidate.")
    live_before: str | None = Field(description="The model that was live, if any.")
    faults: list[str] = Field(description="What is wrong with it; empty if it passed.")
    notes: list[str] = Field(description="What has to be known of the comparison.")
    numbers: dict[str, Any] = Field(description="What was measured.")


class RollbackIn(Body):
    """The body of ``POST /v1/admin/models/rollback``."""

    reason: Annotated[fields.Words, Field(max_length=MAX_NAME)] = Field(
        "by hand", description=f"Why, for the history; at most {MAX_NAME} characters."
    )
