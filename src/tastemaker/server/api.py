"""The JSON interface: recommendations, similar items, search, and whether the server is well."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from tastemaker import __version__
from tastemaker.core import query as core
from tastemaker.core.errors import ServiceError
from tastemaker.engine import Answer, Engine
from tastemaker.retrieval import TextSearch
from tastemaker.server import schemas
from tastemaker.server.problems import MEDIA_TYPE

_PROBLEM: Final = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _errors(**codes: str) -> dict[int | str, dict[str, Any]]:
    """Document the errors of an endpoint; ``_404="why"`` is the status 404."""
    return {code.strip("_"): {"description": why, **_PROBLEM} for code, why in codes.items()}


_ANY_ERROR: Final = _errors(_4XX="The request cannot be answered as it was put.")

router = APIRouter(responses=_ANY_ERROR)


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def as_json(answer: Answer) -> schemas.AnswerOut:
    """Put an answer of the engine into the words of the interface."""
    return schemas.AnswerOut.model_validate(answer.to_dict())


@router.get("/v1/recommend", tags=["recommend"])
def recommend(request: Request, asked: Annotated[schemas.RecommendParameters, Query()]) -> schemas.AnswerOut:
    """Recommend items to a known person, or to whoever gives a history, likes or dislikes.

    An unknown person gets what is popular, and ``degraded`` says so.
    """
    query = core.Query(
        user_id=asked.user,
        history=core.as_events(asked.history) if asked.history else None,
        liked=tuple(asked.like),
        disliked=tuple(asked.dislike),
        text=asked.text or None,
        k=asked.k,
        exclude_seen=asked.exclude_seen,
    )
    return as_json(_engine(request).recommend(query))


@router.post("/v1/recommend", tags=["recommend"])
def recommend_to(request: Request, asked: schemas.RecommendRequest) -> schemas.AnswerOut:
    """Recommend items to the person, or to the history, that the body describes."""
    query = core.Query(
        user_id=asked.user_id,
        history=None if asked.history is None else tuple(map(_event, asked.history)),
        session=tuple(map(_event, asked.session)),
        liked=tuple(asked.liked),
        disliked=tuple(asked.disliked),
        text=asked.text or None,
        profile=asked.profile,
        items=tuple(asked.items),
        candidates=None if asked.candidates is None else frozenset(asked.candidates),
        exclude_seen=asked.exclude_seen,
        k=asked.k,
        seed=asked.seed,
    )
    return as_json(_engine(request).recommend(query))


def _event(event: schemas.EventIn) -> core.Event:
    return core.Event(event.item_id, event.event, event.timestamp, event.weight, event.rating)


@router.get("/v1/similar/{item:path}", tags=["recommend"], responses=_errors(_404="There is no such item."))
def similar(request: Request, item: str, asked: Annotated[schemas.SimilarParameters, Query()]) -> schemas.AnswerOut:
    """Return the items most similar to one item."""
    return as_json(_engine(request).similar(item, asked.k))


@router.get("/v1/items", tags=["items"])
def search_items(request: Request, asked: Annotated[schemas.SearchParameters, Query()]) -> schemas.ItemsOut:
    """Return items whose titles fit ``q``, best first; those that look alike if none fits."""
    found = _engine(request).search(asked.q, asked.limit)
    return schemas.ItemsOut(items=[schemas.FoundOut(**item) for item in found])


@router.get("/v1/search", tags=["items"])
def search_texts(request: Request, asked: Annotated[schemas.TextSearchParameters, Query()]) -> schemas.TextFoundOut:
    """Return items whose texts hold the words of ``q`` or mean the same, best first.

    Where the server has no vectors the words alone are searched, and ``degraded`` says so.
    """
    found: TextSearch = request.app.state.search
    answer = found.search(asked.q, asked.k, by=asked.by)
    return schemas.TextFoundOut.model_validate(answer.to_dict(_engine(request).title))


@router.get("/v1/items/{item:path}", tags=["items"], responses=_errors(_404="There is no such item."))
def get_item(request: Request, item: str) -> schemas.ItemDetailOut:
    """Return what is known of one item."""
    engine = _engine(request)
    known = engine.dataset.catalogue.item(item)
    available = known.get("available")
    return schemas.ItemDetailOut(
        item_id=item,
        title=engine.title(item),
        categories=list(known.get("categories") or []),
        year=known.get("year"),
        brand=known.get("brand"),
        price=known.get("price"),
        text=known.get("text"),
        available=True if available is None else bool(available),
    )


@router.get("/health", tags=["server"], responses={})
async def health() -> schemas.HealthOut:
    """Say that the process is alive."""
    return schemas.HealthOut(status="ok")


@router.get("/ready", tags=["server"], responses=_errors(_503="Model or catalogue are not loaded yet."))
async def ready(request: Request) -> schemas.ReadyOut:
    """Say what is being served, once it is loaded."""
    if not request.app.state.ready:
        raise ServiceError("the model is still being loaded", remedy="Try again in a moment.")
    engine = _engine(request)
    return schemas.ReadyOut(
        status="ready",
        model=engine.model.name,
        data=engine.dataset.name,
        items=len(engine.dataset.catalogue),
        people=len(engine.dataset.sequences.user_ids),
        version=__version__,
    )
