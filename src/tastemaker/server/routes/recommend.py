"""Recommendations, similar items, explanations, lists that were shown, and the placements there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tastemaker.core.clock import from_microseconds
from tastemaker.pipeline.stage import Step
from tastemaker.server.encoding import Encoded
from tastemaker.server.guard import needing
from tastemaker.server.problems import documented
from tastemaker.server.refusals import UnknownList
from tastemaker.server.schemas import fields
from tastemaker.server.schemas import recommend as schemas
from tastemaker.server.service import Answered, reader, service
from tastemaker.server.user_tokens import actor_of
from tastemaker.store.ports import Served

router = APIRouter(route_class=needing("read"), tags=["recommend"])
stored = APIRouter(route_class=needing("read", stored=True), tags=["recommend"])

ADDRESS: Final = "/v1/recommend"
RecommendationId = Annotated[fields.Name, Path(description="Name of a list, as an answer gave it.")]


@router.get(ADDRESS, response_model=schemas.AnswerOut)
async def recommend(request: Request, asked: Annotated[schemas.RecommendParameters, Query()]) -> Response:
    """Recommend items to a known person, or to whoever gives a history, likes or dislikes.

    An unknown person gets what is popular, and ``degraded`` says so.
    """
    return await _recommended(request, asked)


@router.post(ADDRESS, response_model=schemas.AnswerOut)
async def recommend_to(request: Request, asked: schemas.RecommendRequest) -> Response:
    """Recommend items to the person, or to the history, that the body describes."""
    return await _recommended(request, asked)


async def _recommended(request: Request, asked: schemas.RecommendParameters | schemas.RecommendRequest) -> Response:
    engine, query = reader(request), asked.query()
    chosen: dict[str, bool] = {}
    if not asked.reasons:
        chosen["reasons"] = False
    if asked.dry_run:
        chosen["dry_run"] = True
    if engine.waits(query):
        answer = await run_in_threadpool(engine.recommend, query, **chosen)
    else:
        # An answer takes about a millisecond; handing it to a thread and back would take as long.
        answer = engine.recommend(query, **chosen)
    return _encoded(request, answer, trace=asked.trace)


def _encoded(request: Request, answer: Answered, *, trace: bool = False) -> Response:
    found = answer.to_dict()
    request.app.state.metrics.answered(found, _times(answer.trace))
    if trace:
        found["trace"] = [{**_step(part), "steps": [_step(step) for step in part.steps]} for part in answer.trace]
    return Encoded(found)


def _times(trace: Iterable[Step]) -> Iterator[tuple[str, float]]:
    """Yield what took how many milliseconds: the parts in which something was done, and the steps in them."""
    for part in trace:
        if part.steps:
            yield part.name, part.milliseconds
            yield from ((step.name, step.milliseconds) for step in part.steps if step.name != part.name)


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "milliseconds": step.milliseconds,
        "before": step.before,
        "after": step.after,
        "note": step.note,
    }


@router.get(
    "/v1/similar/{item:path}",
    response_model=schemas.AnswerOut,
    responses=documented(_404="There is no such item."),
)
async def similar(
    request: Request,
    item: Annotated[str, Path(description="Raw id of an item.")],
    asked: Annotated[schemas.SimilarParameters, Query()],
) -> Response:
    """Return the items most similar to one item."""
    return _encoded(request, reader(request).similar(item, asked.k))


@stored.post("/v1/explain", response_model=schemas.ExplanationOut, responses=documented(_404="There is no such item."))
async def explain(request: Request, asked: schemas.ExplainRequest) -> Response:
    """Say where the score of one item comes from, for whoever the body describes."""
    engine = reader(request)
    found = engine.explain(asked.query(), asked.item_id)
    return Encoded({**asdict(found), "title": engine.title(found.item_id)})


@stored.get(
    "/v1/recommendations/{recommendation_id}",
    response_model=schemas.ServedOut,
    responses=documented(_404="There is no such list, or it was forgotten."),
)
async def get_recommendation(request: Request, recommendation_id: RecommendationId) -> Response:
    """Return a list that was shown."""
    served = shown(request, recommendation_id)
    title = reader(request).title
    chances = served.propensities or (None,) * len(served.item_ids)
    items = [
        {"item_id": item, "title": title(item), "rank": rank, "propensity": chance}
        for rank, (item, chance) in enumerate(zip(served.item_ids, chances, strict=True), start=1)
    ]
    return Encoded(
        {
            "recommendation_id": served.recommendation_id,
            "user_id": served.user_id,
            "scenario": served.scenario,
            "at": from_microseconds(served.at).isoformat(),
            "model": served.model,
            "items": items,
        }
    )


def shown(request: Request, recommendation_id: str) -> Served:
    """Return a list that was shown.

    Raises:
        UnknownList: There is none of this name.
        SomebodyElse: It is another person's, and the key acts for one person.
    """
    found = service(request).served(recommendation_id)
    if found is None:
        raise UnknownList(recommendation_id)
    actor = actor_of(request)
    if actor is not None:
        actor.may_see(found)
    return found


@stored.get("/v1/scenarios", response_model=schemas.ScenariosOut)
async def scenarios(request: Request) -> Response:
    """List the placements that this server answers, and how."""
    return Encoded({"scenarios": [_scenario(name, about) for name, about in service(request).scenarios().items()]})


def _scenario(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in about.items() if key != "about"}
    return {"name": name, "description": about.get("about") or "", "pipeline": settings}
