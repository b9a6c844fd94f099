"""The application: the interface, the page and what surrounds them, over one engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from tastemaker import __version__
from tastemaker.core.query import Query
from tastemaker.engine import Engine
from tastemaker.retrieval import TextSearch
from tastemaker.server import api, pages, problems
from tastemaker.server.schemas import Problem
from tastemaker.server.shield import Shield
from tastemaker.server.state import PageState
from tastemaker.server.views import STATIC


def create_app(engine: Engine, *, title: str = "Tastemaker", search: TextSearch | None = None) -> FastAPI:
    """Return an ASGI application that serves ``engine``.

    Args:
        engine: What answers.
        title: Heading of the page and name of the interface.
        search: What answers searches by text; one of the catalogue by words alone if not given.

    Raises:
        NotFittedError: The engine's model is not fitted.
    """
    known = len(engine.model.item_ids)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(warm, engine)
        app.state.ready = known > 0
        yield
        app.state.ready = False

    app = FastAPI(
        title=title,
        version=__version__,
        description="Recommendations with reasons.",
        lifespan=lifespan,
        # Both pages would fetch scripts from another host.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.engine = engine
    app.state.search = search or TextSearch.over_catalogue(engine.dataset.catalogue)
    app.state.ready = False
    problems.install(app)
    app.add_middleware(Shield)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def warm(engine: Engine) -> None:
    """Compute once what the engine keeps, so that the first request is as quick as the next."""
    somebody = engine.dataset.sequences.user_ids[0]
    engine.recommend(Query(user_id=somebody, k=1))
    engine.search("a", 1)
    pages.home_page(engine, "", PageState())


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= {**described.pop("$defs", {}), "Problem": described}
        app.openapi_schema = schema
    return app.openapi_schema
