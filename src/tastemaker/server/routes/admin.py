"""What an operator does to a running server: back-ups, jobs, and which model answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from tastemaker.core.clock import from_microseconds, to_microseconds
from tastemaker.core.errors import ModelError, StorageError
from tastemaker.server.encoding import Encoded
from tastemaker.server.guard import needing
from tastemaker.server.problems import documented
from tastemaker.server.refusals import NoBackups, NoEarlierModel, NotAdministered, UnknownJob, UnknownModel
from tastemaker.server.schemas import admin as schemas
from tastemaker.store.ports import Job

if TYPE_CHECKING:
    from tastemaker.engine.administration import Administration

router = APIRouter(route_class=needing("admin", stored=True), tags=["admin"])

_LARGEST: Final = 2**63 - 1
_NO_JOB: Final = documented(_404="There is no such job.")
JobId = Annotated[int, Path(ge=1, le=_LARGEST, description="Number of a job.")]
ModelId = Annotated[
    str, Path(pattern="^[0-9a-f]{6,64}$", description="Id of a model, or the beginning of it, from 6 characters.")
]


def administration(request: Request) -> Administration:
    """Return what does an operator's work.

    Raises:
        NotAdministered: This server was started without.
    """
    found = request.app.state.administration
    if found is None:
        raise NotAdministered
    return cast("Administration", found)


@router.post(
    "/v1/admin/backup",
    response_model=schemas.BackupOut,
    status_code=201,
    responses=documented(_409="The settings name no folder for back-ups."),
)
def back_up(request: Request) -> Response:
    """Write a copy of the whole store, all tenants, keys and models, into the folder that the settings name."""
    operator = administration(request)
    if not operator.backs_up:
        raise NoBackups
    made = operator.back_up()
    at = from_microseconds(made.at).isoformat()
    said = {"name": made.name, "at": at, "bytes": made.nbytes, "tenants": list(made.tenants)}
    return Encoded(said, status_code=201)


@router.get("/v1/admin/jobs", response_model=schemas.JobsOut)
def list_jobs(request: Request, asked: Annotated[schemas.JobsParameters, Query()]) -> Response:
    """List the newest jobs, and what came of them."""
    return Encoded({"jobs": [_job(job) for job in administration(request).jobs(asked.kind, asked.limit)]})


@router.post("/v1/admin/jobs", response_model=schemas.JobOut)
def enqueue_job(request: Request, body: schemas.JobIn) -> Response:
    """Put work in line; the same is not put in line twice while it waits or runs."""
    payload: dict[str, Any] = {}
    if body.kind == "train":
        payload = body.model_dump(exclude_none=True, exclude={"kind"})
        if body.until is not None:
            payload["until"] = to_microseconds(body.until)
    return Encoded(_job(administration(request).enqueue(body.kind, payload)))


@router.get("/v1/admin/jobs/{job_id}", response_model=schemas.JobOut, responses=_NO_JOB)
def get_job(request: Request, job_id: JobId) -> Response:
    """Return a job, and what came of it."""
    return Encoded(_job(_known(administration(request).job(job_id), job_id)))


@router.delete("/v1/admin/jobs/{job_id}", response_model=schemas.JobOut, responses=_NO_JOB)
def cancel_job(request: Request, job_id: JobId) -> Response:
    """Let a job that waits or runs fail for good; one that runs is left off within a minute."""
    return Encoded(_job(_known(administration(request).cancel(job_id), job_id)))


@router.get("/v1/admin/models", response_model=schemas.ModelsOut)
def list_models(request: Request) -> Response:
    """List the models of the registry with their lineage, oldest first."""
    return Encoded({"models": [_model(row) for row in administration(request).models()]})


@router.post(
    "/v1/admin/models/rollback",
    response_model=schemas.ModelOut,
    responses=documented(_409="There is no earlier model."),
)
def roll_back(request: Request, body: schemas.RollbackIn) -> Response:
    """Let the model that was live before answer again, from the next request on."""
    operator = administration(request)
    try:
        return Encoded(_model(operator.roll_back(body.reason)))
    except (ModelError, StorageError) as error:
        raise NoEarlierModel(error.message) from error


@router.post(
    "/v1/admin/models/{model}/promote",
    response_model=schemas.VerdictOut,
    responses=documented(_404="There is no such model, or several have ids that begin so."),
)
def promote_model(request: Request, model: ModelId, body: schemas.PromoteIn) -> Response:
    """Test a model, and let it answer from the next request on if it passes; otherwise nothing changes."""
    operator = administration(request)
    try:
        verdict = operator.promote(model, tolerance=body.tolerance, force=body.force)
    except ModelError as error:
        raise UnknownModel(error.message) from error
    return Encoded(verdict.to_dict())


def _known(job: Job | None, job_id: int) -> Job:
    if job is None:
        raise UnknownJob(job_id)
    return job


def _job(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "payload": dict(job.payload),
        "state": job.state,
        "attempts": job.attempts,
        "run_at": from_microseconds(job.run_at).isoformat(),
        "ended": None if job.ended is None else from_microseconds(job.ended).isoformat(),
        "result": None if job.result is None else dict(job.result),
    }


def _model(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "created": from_microseconds(row["created"]).isoformat()}
