"""The answers of the server, as dictionaries with known keys; no more than types lives here."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class NamedItem(TypedDict):
    """An item by name."""

    item_id: str
    title: str


class Evidence(NamedItem):
    """An item of the history that speaks for a recommendation; ``share`` goes from 0 to 1."""

    share: float


class RecommendedItem(NamedItem):
    """One recommended item; ``rank`` starts at 1."""

    score: float
    rank: int
    reason: str
    evidence: list[Evidence]
    sources: NotRequired[list[str]]
    propensity: NotRequired[float | None]


class Step(TypedDict):
    """What one stage did."""

    name: str
    milliseconds: float
    before: int
    after: int
    note: str


class TracePart(Step):
    """One part of the path of a request: capture, embedding, retrieval, ranking or gate."""

    steps: list[Step]


class Answer(TypedDict):
    """Recommendations; ``degraded`` says why they are less than what was asked for."""

    items: list[RecommendedItem]
    degraded: list[str]
    filters: dict[str, list[str]]
    model: str
    took_ms: float
    recommendation_id: NotRequired[str | None]
    history: NotRequired[list[NamedItem]]
    scenario: NotRequired[str | None]
    cursor: NotRequired[str | None]
    trace: NotRequired[list[TracePart]]


class Part(TypedDict):
    """One addend of a score."""

    kind: str
    name: str
    amount: float
    source: str


class Explanation(NamedItem):
    """Where a score came from."""

    score: float
    additive: bool
    parts: list[Part]


class ShownItem(NamedItem):
    """An item of a list that was shown."""

    rank: int
    propensity: float | None


class ShownList(TypedDict):
    """A list that was shown; ``at`` is ISO 8601."""

    recommendation_id: str
    user_id: str | None
    scenario: str
    at: str
    model: str
    items: list[ShownItem]


class Scenario(TypedDict):
    """A placement, and how it is answered."""

    name: str
    description: str
    pipeline: Any


class EventResult(TypedDict):
    """What became of an event."""

    event_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    offset: int | None
    error: str | None


class EventsResult(TypedDict):
    """What became of events; ``results`` are in the order in which they were sent."""

    accepted: int
    duplicates: int
    rejected: int
    results: list[EventResult]


class Item(NamedItem):
    """What is known of an item; in lists what is not known is left out."""

    categories: list[str]
    year: NotRequired[int | None]
    brand: NotRequired[str | None]
    price: NotRequired[float | None]
    text: NotRequired[str | None]
    available: NotRequired[bool]
    image: NotRequired[str | None]
    lat: NotRequired[float | None]
    lon: NotRequired[float | None]
    min_age: NotRequired[int | None]
    attributes: NotRequired[dict[str, Any]]


class ItemsPage(TypedDict):
    """Items in the order of their ids, or best first; ``next`` asks for the next page."""

    items: list[Item]
    next: NotRequired[str]


class Hit(NamedItem):
    """An item that a search by text found."""

    score: float
    rank: int
    sources: dict[str, int]
    words: list[str]


class Hits(TypedDict):
    """What a search by text found, best first."""

    text: str
    by: str
    items: list[Hit]
    degraded: list[str]
    took_ms: float


class ItemResult(TypedDict):
    """What became of an item of a batch."""

    item_id: str | None
    status: Literal["accepted", "rejected"]
    error: str | None


class ItemsResult(TypedDict):
    """What became of a batch of items."""

    accepted: int
    rejected: int
    revision: int | None
    results: list[ItemResult]


class ItemWritten(TypedDict):
    """An item was written."""

    item_id: str
    revision: int


class ItemDeleted(TypedDict):
    """An item was deleted."""

    item_id: str
    deleted: bool


class Person(TypedDict):
    """What is known of a person."""

    user_id: str
    profile: dict[str, Any]


class PersonWritten(TypedDict):
    """A profile was written."""

    user_id: str
    revision: int


class Merged(TypedDict):
    """Two people are one; ``events`` is how many changed hands."""

    source: str
    target: str
    events: int


class Erasure(TypedDict):
    """The receipt of an erasure."""

    at: str
    removed: dict[str, int]
    left: list[str]
    complete: NotRequired[bool | None]
    models: NotRequired[list[dict[str, Any]]]
    to_do: NotRequired[list[str]]


class Backup(TypedDict):
    """A back-up that was written; ``at`` is ISO 8601."""

    name: str
    at: str
    bytes: int
    tenants: list[str]


class Job(TypedDict):
    """A piece of work; times are ISO 8601."""

    job_id: int
    kind: str
    payload: dict[str, Any]
    state: Literal["waiting", "running", "done", "failed"]
    attempts: int
    run_at: str
    ended: str | None
    result: dict[str, Any] | None


class Model(TypedDict):
    """A model of the registry, with its lineage as far as it is known; ``created`` is ISO 8601."""

    artefact_id: str
    created: str
    live: bool
    erased_since: int
    model: NotRequired[str]
    dataset: NotRequired[str]
    fingerprint: NotRequired[str]
    events: NotRequired[int]
    people: NotRequired[int]
    items: NotRequired[int]
    last_offset: NotRequired[int]
    validation: NotRequired[dict[str, Any]]


class Verdict(TypedDict):
    """What became of a model that was to answer."""

    promoted: bool
    forced: bool
    artefact_id: str
    live_before: str | None
    faults: list[str]
    notes: list[str]
    numbers: dict[str, Any]


class Ready(TypedDict):
    """What is being served."""

    status: str
    model: str
    data: str
    items: int
    people: int
    version: str
    model_version: str
    model_created: NotRequired[str | None]
    events: int | None
    revision: int | None
