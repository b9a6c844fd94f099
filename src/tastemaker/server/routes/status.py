"""How the server is: alive, ready, and in numbers."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from tastemaker import __version__
from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import ServiceError
from tastemaker.server.guard import needing
from tastemaker.server.metrics import MEDIA_TYPE
from tastemaker.server.problems import documented
from tastemaker.server.schemas import common as schemas
from tastemaker.server.service import reader

public = APIRouter(tags=["server"], responses=documented(_4XX="The request cannot be answered as it was put."))
measured = APIRouter(route_class=needing("admin"), tags=["server"])

_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Measurements in Prometheus' format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@public.get("/health")
async def health() -> schemas.HealthOut:
    """Say that the process is alive."""
    return schemas.HealthOut(status="ok")


@public.get("/ready", responses=documented(_503="Model or catalogue are not loaded yet."))
def ready(request: Request) -> schemas.ReadyOut:
    """Say what is being served, once it is loaded."""
    if not request.app.state.ready:
        raise ServiceError("the model is still being loaded", remedy="Try again in a moment.")
    facts = reader(request).facts()
    created = facts.get("model_created")
    return schemas.ReadyOut(
        status="ready",
        model=facts["model"],
        data=facts.get("data") or "",
        items=facts["items"],
        people=facts["people"],
        version=__version__,
        model_version=str(facts.get("version") or ""),
        model_created=None if created is None else from_microseconds(created).isoformat(),
        events=facts.get("events"),
        revision=facts.get("revision"),
    )


@measured.get("/metrics", response_class=Response, responses=_TEXT)
def metrics(request: Request) -> Response:
    """Return measurements for Prometheus: requests, stages, answers, events, the model."""
    return Response(request.app.state.metrics.text(), media_type=MEDIA_TYPE)
