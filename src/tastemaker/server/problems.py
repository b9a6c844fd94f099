"""Every error as ``application/problem+json`` (RFC 9457), or as a page where a browser asked for a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tastemaker.core.errors import (
    AmbiguousItemError,
    NotFittedError,
    QueryError,
    ServiceError,
    TastemakerError,
    UnknownItemError,
    UnknownUserError,
    nearest,
)
from tastemaker.server import schemas
from tastemaker.server.schemas import FieldError, Problem
from tastemaker.server.views import error_page

MEDIA_TYPE: Final = "application/problem+json"
log = logging.getLogger("tastemaker.server")

_API: Final = ("/v1", "/health", "/ready", "/openapi.json")
_ERRORS: Final = 20
_NAME: Final = 100
_DESCRIBED: Final = "The interface is described at /openapi.json."
_REMEDIES: Final = {
    400: "Send a JSON object as described at /openapi.json.",
    404: _DESCRIBED,
    405: _DESCRIBED,
    413: "Send fewer or shorter fields: at most 1 MB.",
    503: "Try again in a moment.",
}
_KINDS: Final = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_STATUS: Final[dict[type[TastemakerError], tuple[int, str]]] = {
    UnknownItemError: (404, "unknown-item"),
    UnknownUserError: (404, "unknown-user"),
    AmbiguousItemError: (409, "ambiguous-item"),
    QueryError: (422, "invalid-request"),
    NotFittedError: (503, "not-ready"),
    ServiceError: (503, "not-ready"),
}
_PARAMETERS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("/v1/recommend", schemas.RecommendParameters),
    ("/v1/similar", schemas.SimilarParameters),
    ("/v1/items", schemas.SearchParameters),
    ("/v1/search", schemas.TextSearchParameters),
    ("/", schemas.PageParameters),
)


def problem(
    status: int, kind: str, detail: str, remedy: str = "", errors: Sequence[FieldError] | None = None
) -> Problem:
    """Describe an error; ``kind`` names its type."""
    return Problem(
        type=f"urn:tastemaker:problem:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        remedy=remedy or _REMEDIES.get(status, "Report it with what the server logged."),
        errors=list(errors) if errors else None,
    )


def unexpected() -> Problem:
    """Describe a fault of the server, without telling its insides."""
    return problem(500, "internal", "the server failed to answer this request")


def respond(request: Request, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a problem: as a page to a browser that asked for a page, else as JSON."""
    path = request.url.path
    wants_page = "text/html" in request.headers.get("accept", "") and not path.startswith(_API)
    if wants_page:
        return error_page(found, request.app.title, headers)
    return JSONResponse(
        found.model_dump(exclude_none=True), status_code=found.status, media_type=MEDIA_TYPE, headers=headers
    )


def of_tastemaker(error: TastemakerError) -> Problem:
    """Describe one of our own errors; what lies outside the request is not told to the asker."""
    for kind, (status, name) in _STATUS.items():
        if isinstance(error, kind):
            return problem(status, name, error.message, error.remedy or "")
    return unexpected()


def of_validation(error: RequestValidationError, path: str) -> Problem:
    """Describe which fields of a request to ``path`` are wrong, and what they may hold."""
    entries = error.errors()
    errors = [FieldError(field=_name(entry), message=_message(entry)) for entry in entries]
    rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{errors[0].field}: {errors[0].message}{rest}"
    malformed = entries[0]["type"] == "json_invalid"
    return problem(400 if malformed else 422, "invalid-request", detail, _remedy(entries[0], path), errors[:_ERRORS])


def _name(entry: dict[str, Any]) -> str:
    place, *steps = entry["loc"]
    name = str(place) if not steps or entry["type"] == "json_invalid" else ".".join(map(str, steps))
    return name[:_NAME].encode(errors="replace").decode()


def _message(entry: dict[str, Any]) -> str:
    steps = entry["loc"][1:]
    if entry["type"] == "json_invalid":
        return f"not JSON: {entry['ctx']['error']} at character {steps[0]}"
    if entry["type"] == "extra_forbidden":
        return "there is no such field"
    if not steps:
        return "must be a JSON object"
    said = str(entry["msg"]).removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _remedy(entry: dict[str, Any], path: str) -> str:
    """Say what the field may hold, in the words of its own description."""
    place, *steps = entry["loc"]
    if entry["type"] == "json_invalid":
        return _REMEDIES[400]
    if not steps:
        return "Send a JSON object with the header Content-Type: application/json."
    outer: type[BaseModel] = schemas.RecommendRequest
    if place == "query":
        outer = next(model for prefix, model in _PARAMETERS if path.startswith(prefix))
    inner = schemas.EventIn if place == "body" and steps[0] in ("history", "session") else outer
    name = str(steps[-1])
    if entry["type"] == "extra_forbidden":
        return nearest(name, (inner if len(steps) > 1 else outer).model_fields)
    for model, key in ((inner if len(steps) > 1 else outer, name), (outer, str(steps[0]))):
        if key in model.model_fields:
            return f"{key}: {model.model_fields[key].description}"
    return _DESCRIBED


def install(app: FastAPI) -> None:
    """Make ``app`` answer every expected error as a problem."""

    @app.exception_handler(TastemakerError)
    async def tastemaker_error(request: Request, error: TastemakerError) -> Response:
        found = of_tastemaker(error)
        if found.status == 500:
            log.error("failed: %s %s", request.method, request.url.path, exc_info=error)
        return respond(request, found)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        return respond(request, of_validation(error, request.url.path))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        detail = f"there is nothing at {request.url.path}" if status == 404 else str(error.detail)
        return respond(request, problem(status, _KINDS.get(status, "http"), detail), error.headers)
