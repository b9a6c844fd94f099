"""Every error as ``application/problem+json`` (RFC 9457), or as a page where a browser asked for a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from tastemaker.core.errors import (
    AmbiguousItemError,
    BusyError,
    NotFittedError,
    NotReadyError,
    QueryError,
    ServiceError,
    TastemakerError,
    UnknownItemError,
    UnknownUserError,
)
from tastemaker.server.refusals import Refusal
from tastemaker.server.schemas import FieldError, Problem
from tastemaker.server.validation import DESCRIBED, NOT_JSON, field_error, remedy
from tastemaker.server.views import error_page

MEDIA_TYPE: Final = "application/problem+json"
log = logging.getLogger("tastemaker.server")

_API: Final = ("/v1", "/health", "/ready", "/metrics", "/openapi.json")
_ERRORS: Final = 20
_LATER: Final = {"Retry-After": "1"}
_REMEDIES: Final = {
    400: NOT_JSON,
    404: DESCRIBED,
    405: DESCRIBED,
    413: "Send fewer or shorter fields: at most 1 MB, 8 MB for a batch of items.",
    429: "Try again in a moment.",
    503: "Try again in a moment.",
}
_KINDS: Final = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_STATUS: Final[dict[type[TastemakerError], tuple[int, str]]] = {
    UnknownItemError: (404, "unknown-item"),
    UnknownUserError: (404, "unknown-user"),
    AmbiguousItemError: (409, "ambiguous-item"),
    QueryError: (422, "invalid-request"),
    NotFittedError: (503, "not-ready"),
    BusyError: (429, "busy"),
    ServiceError: (503, "not-ready"),
}


def documented(**codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of an endpoint for the interface; ``_404="why"`` is the status 404."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code.strip("_"): {"description": why, "content": content} for code, why in codes.items()}


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


def without_ids(scope: Scope) -> str:
    """Say what a request asked for by its method and the template of its address: the address may name a person."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path_format', 'none')}"


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
    if isinstance(error, Refusal):
        return problem(error.status, error.kind, error.message, error.remedy or "")
    for kind, (status, name) in _STATUS.items():
        if isinstance(error, kind):
            return problem(status, name, error.message, error.remedy or "")
    return unexpected()


def of_validation(error: RequestValidationError, route: Any) -> Problem:
    """Describe which fields of a request to ``route`` are wrong, and what they may hold."""
    entries = error.errors()
    errors = [field_error(entry) for entry in entries]
    rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{errors[0].field}: {errors[0].message}{rest}"
    malformed = entries[0]["type"] == "json_invalid"
    return problem(
        400 if malformed else 422, "invalid-request", detail, remedy(entries[0], error, route), errors[:_ERRORS]
    )


def _headers(error: TastemakerError) -> Mapping[str, str] | None:
    if isinstance(error, Refusal):
        return error.headers
    return _LATER if isinstance(error, BusyError | NotReadyError) else None


def install(app: FastAPI) -> None:
    """Make ``app`` answer every expected error as a problem."""

    @app.exception_handler(TastemakerError)
    async def tastemaker_error(request: Request, error: TastemakerError) -> Response:
        found = of_tastemaker(error)
        if found.status == 500:
            log.error("failed: %s", without_ids(request.scope), exc_info=error)
        return respond(request, found, _headers(error))

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        return respond(request, of_validation(error, request.scope.get("route")))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        detail = f"there is nothing at {request.url.path}" if status == 404 else str(error.detail)
        headers = {"Allow": _allowed(request)} if status == 405 else error.headers
        return respond(request, problem(status, _KINDS.get(status, "http"), detail), headers)


def _allowed(request: Request) -> str:
    """Return the methods of the address that a request names, which may have several routes."""
    known: Sequence[APIRoute] = request.app.state.described
    named = next((one.path for one in known if one.path_regex.match(request.url.path)), "")
    return ", ".join(sorted({method for one in known if one.path == named for method in one.methods or ()}))
