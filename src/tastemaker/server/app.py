"""The application: the interface, the page and what surrounds them, over one engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from tastemaker import __version__
from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.query import Query
from tastemaker.server import acting, pages, problems
from tastemaker.server.direct import Direct, Directed, reading
from tastemaker.server.guard import SCHEMES, GuardedRoute
from tastemaker.server.keys import KeyRing
from tastemaker.server.limits import Gauge, Limits
from tastemaker.server.metrics import Measured, Metrics
from tastemaker.server.routes import admin, events, items, people, recommend, status
from tastemaker.server.schemas import Problem
from tastemaker.server.schemas.recommend import RecommendRequest
from tastemaker.server.service import Reader
from tastemaker.server.shield import Shield
from tastemaker.server.state import PageState
from tastemaker.server.views import STATIC

if TYPE_CHECKING:
    from tastemaker.engine.administration import Administration


def create_app(
    engine: Reader,
    *,
    title: str = "Tastemaker",
    keys: KeyRing | None = None,
    limits: Limits | None = None,
    clock: Clock = system_clock,
    administration: Administration | None = None,
    hosts: Collection[str] | None = None,
) -> FastAPI:
    """Return an ASGI application that serves ``engine``.

    Args:
        engine: What answers; one that is `live` takes in events, items and people as well.
        title: Heading of the page and name of the interface.
        keys: Who may ask for what; everybody who reaches it if not given.
        limits: How much may be asked.
        clock: Where "now" comes from.
        administration: What does an operator's work; none of that is done if not given.
        hosts: The names that it is asked under (`tastemaker.server.shield.Shield`); any if not given.

    Raises:
        NotFittedError: The engine's model is not fitted.
    """
    # A model that is not fitted says so here, not at the first request.
    _ = getattr(getattr(engine, "model", None), "item_ids", None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(warm, engine)
        app.state.ready = True
        yield
        app.state.ready = False

    app = Directed(
        title=title,
        version=__version__,
        description="Recommendations with reasons.",
        lifespan=lifespan,
        # Both pages would fetch scripts from another host.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.service = engine
    app.state.keys = keys or KeyRing()
    app.state.gauge = Gauge(limits or Limits())
    app.state.metrics = metrics = Metrics(engine.facts, clock)
    app.state.clock = clock
    app.state.administration = administration
    app.state.ready = False
    problems.install(app)
    app.add_middleware(Shield, hosts=hosts)
    app.add_middleware(Measured, metrics=app.state.metrics)
    _add_routes(app, live=engine.live)
    app.direct = {
        ("POST", address): Measured(Shield(Direct(app, _route_of(endpoint, router), read), hosts=hosts), metrics)
        for address, endpoint, router, read in (
            (recommend.ADDRESS, recommend.recommend_to, recommend.router, reading(RecommendRequest)),
            (events.ADDRESS, events.send_events, events.router, events.read),
        )
    }
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _route_of(endpoint: Callable[..., Any], router: APIRouter) -> GuardedRoute:
    return cast(GuardedRoute, next(each for each in router.routes if getattr(each, "endpoint", None) is endpoint))


def _add_routes(app: FastAPI, *, live: bool) -> None:
    always = (recommend.router, items.router, status.public, pages.router)
    # These answer in any case, and are described where there is a store.
    stored = (
        recommend.stored,
        items.stored,
        events.router,
        people.stored,
        status.measured,
        admin.router,
        acting.router,
    )
    for router in always:
        app.include_router(router)
    for router in stored:
        app.include_router(router, include_in_schema=live)
    routes = [route for router in (*always, *stored) for route in router.routes if isinstance(route, APIRoute)]
    app.state.described = [route for route in routes if route.endpoint is not people.wrong_method]
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def warm(engine: Reader) -> None:
    """Compute once what the engine keeps, so that the first request is as quick as the next."""
    engine.warm()
    engine.recommend(Query(k=1), dry_run=True)
    pages.home_page(engine, "", PageState())


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= {**described.pop("$defs", {}), "Problem": described}
        schema["components"]["securitySchemes"] = SCHEMES
        app.openapi_schema = schema
    return app.openapi_schema
