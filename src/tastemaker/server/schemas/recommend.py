"""Requests for recommendations, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tastemaker.core import query as core
from tastemaker.server.schemas import fields
from tastemaker.server.schemas.common import ItemOut
from tastemaker.server.schemas.fields import MAX_CANDIDATES, MAX_EVENTS, MAX_KIND, MAX_NAME, MAX_TEXT, Body

MAX_DEADLINE: Final = 60_000

_HISTORY: Final = f"Items of the history, oldest first, at most {MAX_EVENTS}; replaces what is stored."
_LIKED: Final = f"Items that are liked, at most {MAX_EVENTS}; not recommended again."
_DISLIKED: Final = f"Items that are disliked, at most {MAX_EVENTS}; never recommended."
_EXCLUDE: Final = f"Items to leave out of this answer, at most {MAX_EVENTS}; that says nothing against them."

Scenario = Annotated[
    fields.Kind | None,
    Field(description=f"The placement that asks, as GET /v1/scenarios lists them; at most {MAX_KIND} characters."),
]
Filters = Annotated[
    fields.Words | None,
    Field(
        max_length=MAX_TEXT,
        description=f"What every recommended item has to fulfil, in the filter language; at most {MAX_TEXT} "
        "characters.",
    ),
]
Locale = Annotated[
    str | None,
    Field(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$",
        max_length=35,
        description="Language and country of the person, such as en-GB.",
    ),
]
Deadline = Annotated[
    float | None,
    Field(
        gt=0,
        le=MAX_DEADLINE,
        allow_inf_nan=False,
        description="Milliseconds that the answer may take before what is not needed is left out, above 0 and at most "
        f"{MAX_DEADLINE}.",
    ),
]
Cursor = Annotated[
    fields.Name | None,
    Field(
        description="The cursor of an earlier answer, of which this is to be the next page; at most "
        f"{MAX_NAME} characters."
    ),
]
Reasons = Annotated[bool, Field(description="Say why each item is recommended: true or false.")]
Trace = Annotated[bool, Field(description="Say what each stage did and how long it took: true or false.")]
DryRun = Annotated[bool, Field(description="Answer without keeping that anything was shown: true or false.")]


class RecommendParameters(Body):
    """The parameters of ``GET /v1/recommend``."""

    user: fields.FormUserId = None
    history: fields.FormIds = Field([], description=_HISTORY)
    like: fields.FormIds = Field([], description=_LIKED)
    dislike: fields.FormIds = Field([], description=_DISLIKED)
    exclude: fields.FormIds = Field([], description=_EXCLUDE)
    text: fields.Text = None
    k: fields.K = 10
    exclude_seen: fields.ExcludeSeen = True
    scenario: Scenario = None
    filters: Filters = None
    locale: Locale = None
    deadline_ms: Deadline = None
    cursor: Cursor = None
    reasons: Reasons = True
    trace: Trace = False
    dry_run: DryRun = False

    def query(self) -> core.Query:
        """Return the request that these parameters make."""
        return core.Query(
            user_id=self.user,
            history=core.as_events(self.history) if self.history else None,
            liked=tuple(self.like),
            disliked=tuple(self.dislike),
            exclude=tuple(self.exclude),
            text=self.text or None,
            k=self.k,
            exclude_seen=self.exclude_seen,
            scenario=self.scenario,
            filters=self.filters or None,
            locale=self.locale,
            deadline=self.deadline_ms,
            cursor=self.cursor,
        )


class Asked(Body):
    """Who asks, and for what: fields of `Query`."""

    user_id: fields.UserId = None
    history: fields.Events | None = Field(
        None, description=f"{_HISTORY} Each is an id or an object with item_id, event, timestamp, weight, rating."
    )
    session: fields.Events = fields.empty(list, f"Events of this visit, at most {MAX_EVENTS}; appended to the history.")
    liked: fields.Ids = fields.empty(list, _LIKED)
    disliked: fields.Ids = fields.empty(list, _DISLIKED)
    text: fields.Text = None
    profile: fields.Profile = None
    items: fields.Ids = fields.empty(list, f"Recommend what is similar to these, at most {MAX_EVENTS}.")
    candidates: Annotated[list[fields.Id], Field(max_length=MAX_CANDIDATES)] | None = Field(
        None, description=f"Recommend from these items only, at most {MAX_CANDIDATES}."
    )
    exclude: fields.Ids = fields.empty(list, _EXCLUDE)
    exclude_seen: fields.ExcludeSeen = True
    scenario: Scenario = None
    filters: Filters = None
    context: fields.Attributes = fields.empty(dict, f"What else is known of the moment: {fields.FLAT}")
    locale: Locale = None

    def query(self, **more: Any) -> core.Query:
        """Return the request that this body makes; ``more`` fields of `Query` join it."""
        return core.Query(
            user_id=self.user_id,
            history=None if self.history is None else tuple(map(_event, self.history)),
            session=tuple(map(_event, self.session)),
            liked=tuple(self.liked),
            disliked=tuple(self.disliked),
            text=self.text or None,
            profile=self.profile,
            items=tuple(self.items),
            candidates=None if self.candidates is None else frozenset(self.candidates),
            exclude=tuple(self.exclude),
            exclude_seen=self.exclude_seen,
            scenario=self.scenario,
            filters=self.filters or None,
            context=self.context,
            locale=self.locale,
            **more,
        )


def _event(event: fields.EventIn) -> core.Event:
    return core.Event(event.item_id, event.event, event.timestamp, event.weight, event.rating)


class RecommendRequest(Asked):
    """The body of ``POST /v1/recommend``: who asks, how much is wanted, and how soon."""

    k: fields.K = 10
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of whatever is random, from 0 to 4294967295.")
    deadline_ms: Deadline = None
    cursor: Cursor = None
    reasons: Reasons = True
    trace: Trace = False
    dry_run: DryRun = False

    def query(self, **more: Any) -> core.Query:
        """Return the request that this body makes."""
        return super().query(k=self.k, seed=self.seed, deadline=self.deadline_ms, cursor=self.cursor, **more)


class ExplainRequest(Asked):
    """The body of ``POST /v1/explain``: who asks, and about which item."""

    item_id: fields.Id = Field(description=f"Whose score is to be explained, at most {fields.MAX_ID} characters.")


class SimilarParameters(Body):
    """The parameters of ``GET /v1/similar/{item}``."""

    k: fields.K = 10


class PageParameters(BaseModel):
    """The state of the page, all of it in its address; parameters that others append are passed over."""

    like: fields.FormIds = Field([], description=_LIKED)
    dislike: fields.FormIds = Field([], description=_DISLIKED)
    user: fields.FormUserId = None
    q: fields.Search = ""


class EvidenceOut(ItemOut):
    """An item of the history that speaks for a recommendation, and its share of all that does."""

    share: float = Field(description="From 0 to 1.")


class RecommendedOut(ItemOut):
    """One recommended item."""

    score: float = Field(description="What orders this answer; it says nothing beside scores of other answers.")
    rank: int = Field(description="Place in the list, from 1.")
    reason: str = Field(description="Why, in words; empty where reasons were not asked for, or beyond the 50th place.")
    evidence: list[EvidenceOut] = Field(description="The items of the history that speak most for it.")
    sources: list[str] = Field([], description="What proposed it, such as model, popular or latest.")
    propensity: float | None = Field(
        None, description="How likely it was to be shown in this place; null where nothing was left to chance."
    )


class StepOut(BaseModel):
    """What one stage did."""

    name: str = Field(description="The stage.")
    milliseconds: float = Field(description="How long it took.")
    before: int = Field(description="How many candidates came in.")
    after: int = Field(description="How many went out.")
    note: str = Field(description="What is worth saying, such as why it was passed over.")


class TracedOut(StepOut):
    """One part of the path of a request: capture, embedding, retrieval, ranking or gate."""

    steps: list[StepOut] = Field(description="What was done in it, in the order of time.")


class AnswerOut(BaseModel):
    """Recommendations, what they went by, and why they are less personal than was asked for."""

    recommendation_id: str | None = Field(
        None, description="Name of this list, for events and feedback; empty of a dry run or without a store."
    )
    items: list[RecommendedOut] = Field(description="Best first, at most k.")
    history: list[ItemOut] = Field([], description="The items of the history that the answer went by.")
    degraded: list[str] = Field(description="Why this is less than what was asked for; empty if it is not.")
    filters: dict[str, list[str]] = Field(description="Filters that were applied last, and what each took out.")
    scenario: str | None = Field(None, description="The placement that was answered.")
    cursor: str | None = Field(None, description="What asks for the next page; null on the last.")
    model: str = Field(description="Name of the model that answered.")
    trace: list[TracedOut] | None = Field(
        None, description="The parts of the path that the request took, in their order, if that was asked for."
    )
    took_ms: float = Field(description="Milliseconds within the engine.")


class PartOut(BaseModel):
    """One addend of a score."""

    kind: str = Field(description="item, text, popularity or feature.")
    name: str = Field(description="Raw id of an item of the history, or what else it is, in words.")
    amount: float = Field(description="What it adds to the score.")
    source: str = Field("", description="The part of a composed model that speaks.")


class ExplanationOut(ItemOut):
    """Where the score of one item came from."""

    score: float = Field(description="The score.")
    additive: bool = Field(description="Whether the parts sum to the score.")
    parts: list[PartOut] = Field(description="The addends.")


class ShownOut(ItemOut):
    """An item of a list that was shown."""

    rank: int = Field(description="Place in the list, from 1.")
    propensity: float | None = Field(None, description="How likely it was to be shown there; null if not by chance.")


class ServedOut(BaseModel):
    """A list that was shown."""

    recommendation_id: str = Field(description="Its name.")
    user_id: str | None = Field(description="To whom, if known.")
    scenario: str = Field(description="For which placement.")
    at: datetime = Field(description="When.")
    model: str = Field(description="Which model answered.")
    items: list[ShownOut] = Field(description="What was shown, best first.")


class ScenarioOut(BaseModel):
    """A placement, and how it is answered."""

    name: str = Field(description="Its name.")
    description: str = Field(description="What it is for.")
    pipeline: Any = Field(None, description="The stages that answer it, as data.")


class ScenariosOut(BaseModel):
    """The placements that this server answers."""

    scenarios: list[ScenarioOut] = Field(description="By name.")
