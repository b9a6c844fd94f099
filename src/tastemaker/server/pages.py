"""The page: search, a history of likes and dislikes, and recommendations that say why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from tastemaker.core.errors import NotReadyError, UnknownItemError
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.titles import normalise, year_in_words
from tastemaker.engine import Answer, Evidence, Recommended
from tastemaker.retrieval import Hit
from tastemaker.server.covers import Cover
from tastemaker.server.guard import needing
from tastemaker.server.schemas import PageParameters
from tastemaker.server.service import Reader, reader
from tastemaker.server.state import PageState
from tastemaker.server.views import page

SHOWN: Final = 12
_FOUND: Final = 6
_LATEST: Final = 6
_PEOPLE: Final = 5
_CATEGORIES: Final = 3

router = APIRouter(route_class=needing("read", page=True), include_in_schema=False)


@dataclass(frozen=True)
class Card:
    """An item as the page shows it, with the addresses of what can be done about it.

    Attributes:
        about: Year and categories.
        name: By which a browser finds the item again on the next page, to move it there.
        actor: Whose events likes and refusals become; of nobody's they are kept in the address.
        back: Where a click leads back to, where it becomes an event.
        opinion: ``like``, ``dislike`` or nothing, as the person said before.
        rank: Place in the list, from 1.
        lead: How its reason begins, such as "Because you liked".
        evidence: The titles with which the reason goes on, and their shares.
    """

    item_id: str
    title: str
    about: str
    name: str
    cover: Cover
    like: str
    dislike: str
    forget: str
    similar: str
    actor: str = ""
    back: str = ""
    opinion: str = ""
    rank: int = 0
    lead: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        cards: The items.
        fits: Whether they hold what was typed, or are only near it.
    """

    cards: list[Card]
    fits: bool


@router.get("/")
def home(request: Request, given: Annotated[PageParameters, Query()]) -> HTMLResponse:
    """Show the page."""
    return home_page(reader(request), request.app.title, PageState.of(given))


@router.get("/similar/{item:path}")
def similar(request: Request, item: str, given: Annotated[PageParameters, Query()]) -> HTMLResponse:
    """Show what is like one item."""
    engine = reader(request)
    state = PageState.of(given)
    answer = cast(Answer, engine.similar(item, SHOWN))
    return page(
        "similar.html",
        site=request.app.title,
        state=state,
        answer=answer,
        item=_card(engine, state, item),
        cards=[_card(engine, state, one.item_id, rank=one.rank) for one in answer.items],
        api=f"/v1{PageState().similar_url(item)}?k={SHOWN}",
    )


def home_page(engine: Reader, site: str, state: PageState) -> HTMLResponse:
    """Put the page together."""
    answer = cast(Answer, engine.recommend(state.query(SHOWN)))
    said = len(state.likes) + len(state.dislikes)
    stored = [title for _, title in answer.history[: len(answer.history) - said]]
    return page(
        "home.html",
        site=site,
        state=state,
        facts=engine.facts(),
        answer=answer,
        cards=[_recommended(engine, state, item) for item in answer.items],
        personal=any(item.evidence for item in answer.items),
        fresh=not (state.likes or state.dislikes or state.user),
        found=_search(engine, state) if state.q else None,
        likes=[_card(engine, state, item, "taste") for item in state.likes],
        dislikes=[_card(engine, state, item, "taste") for item in state.dislikes],
        latest=stored[: -_LATEST - 1 : -1],
        events=len(stored),
        acting=engine.live and bool(state.user),
        people=engine.some_people(_PEOPLE),
        api=state.api_url(SHOWN),
        nothing_said=replace(state, likes=(), dislikes=()).url(),
    )


def _card(
    engine: Reader,
    state: PageState,
    item_id: str,
    fragment: str = "",
    rank: int = 0,
    lead: str = "",
    evidence: tuple[Evidence, ...] = (),
) -> Card:
    known = _known(engine, item_id)
    title, year = str(known.get("title") or item_id), known.get("year")
    categories = [path.split(PATH_SEPARATOR)[-1] for path in known.get("categories") or []]
    facts = [year_in_words(year) if year else "", ", ".join(categories[:_CATEGORIES])]
    return Card(
        item_id=item_id,
        title=title,
        about=" · ".join(filter(None, facts)),
        name=f"item-{hashlib.sha256(item_id.encode()).hexdigest()[:12]}",
        cover=Cover.of(item_id, title),
        like=state.like(item_id).url(fragment=fragment),
        dislike=state.dislike(item_id).url(fragment=fragment),
        forget=state.without(item_id).url(fragment=fragment),
        similar=state.similar_url(item_id),
        actor=state.user or "" if engine.live else "",
        back=state.url(fragment=fragment),
        opinion="like" if item_id in state.likes else "dislike" if item_id in state.dislikes else "",
        rank=rank,
        lead=lead,
        evidence=evidence,
    )


def _known(engine: Reader, item_id: str) -> Mapping[str, Any]:
    try:
        return engine.item(item_id)
    except UnknownItemError:
        return {}


def _recommended(engine: Reader, state: PageState, item: Recommended) -> Card:
    if not item.evidence:
        lead = item.reason[:1].upper() + item.reason[1:]
    elif all(one.item_id in state.likes for one in item.evidence):
        lead = "Because you liked"
    else:
        lead = "Because of"
    return _card(engine, state, item.item_id, "recommendations", item.rank, lead, item.evidence)


def _search(engine: Reader, state: PageState) -> Found:
    """Search for titles; where none fits, for texts, and for titles that look alike."""
    titles = engine.search(state.q, _FOUND)
    words = normalise(state.q).split()
    fits = any(all(f" {word}" in f" {normalise(item['title'])}" for word in words) for item in titles)
    ids = [item["item_id"] for item in titles]
    if not fits:
        hits = _texts(engine, state.q)
        whole = [hit.item_id for hit in hits if len(hit.words) == len(set(words))]
        fits, ids = bool(whole), [*whole, *ids, *(hit.item_id for hit in hits)]
    return Found([_card(engine, state, item, "search") for item in list(dict.fromkeys(ids))[:_FOUND]], fits)


def _texts(engine: Reader, text: str) -> tuple[Hit, ...]:
    """Search texts; nothing while that search is being made."""
    try:
        return engine.search_texts(text, _FOUND).hits
    except NotReadyError:
        return ()
