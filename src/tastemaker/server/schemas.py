"""What goes over the wire: the requests with their limits, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tastemaker.core.profile import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTE_TEXT, MAX_ATTRIBUTE_VALUES, MAX_ATTRIBUTES
from tastemaker.retrieval.text_search import By

MAX_K: Final = 1000
MAX_EVENTS: Final = 1000
MAX_CANDIDATES: Final = 10_000
MAX_ID: Final = 512
MAX_TEXT: Final = 2000
MAX_SEARCH: Final = 200
MAX_FOUND: Final = 100


def _as_id(value: Any) -> Any:
    """Take whole numbers as ids too, as Python's ``recommend`` does."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_event(value: Any) -> Any:
    """Take a bare id for an event of that item."""
    return value if isinstance(value, dict | EventIn) else {"item_id": value}


def _whole(value: str) -> str:
    """Refuse half of a surrogate pair, which JSON can write and no text can hold."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds half of a character")
    return value


def _without_empty(value: Any) -> Any:
    """Take an empty field of a form for one that was not filled in."""
    if isinstance(value, list):
        return [entry for entry in value if entry != ""]
    return None if value == "" else value


Id = Annotated[
    str,
    BeforeValidator(_as_id, json_schema_input_type=str | int),
    AfterValidator(_whole),
    Field(min_length=1, max_length=MAX_ID),
]


class EventIn(BaseModel):
    """Something that a person did with an item."""

    model_config = ConfigDict(extra="forbid")

    item_id: Id = Field(description=f"Raw id of an item, from 1 to {MAX_ID} characters.")
    event: str = Field("interaction", max_length=64, description="Kind of event, at most 64 characters.")
    timestamp: datetime | None = Field(None, description="When, as ISO 8601 or seconds since 1970.")
    weight: float = Field(
        1.0,
        ge=-100,
        le=100,
        allow_inf_nan=False,
        description="How much it says, from -100 to 100; negative for a dislike.",
    )
    rating: float | None = Field(
        None,
        ge=-1e6,
        le=1e6,
        allow_inf_nan=False,
        description="What was given to the item, on the scale of the data; models of ratings go by it.",
    )


EventOrId = Annotated[EventIn, BeforeValidator(_as_event, json_schema_input_type=EventIn | str | int)]
Events = Annotated[list[EventOrId], Field(max_length=MAX_EVENTS)]
Ids = Annotated[list[Id], Field(max_length=MAX_EVENTS)]
FormIds = Annotated[Ids, BeforeValidator(_without_empty, json_schema_input_type=list[str])]

K = Annotated[int, Field(ge=1, le=MAX_K, description=f"How many items at most, from 1 to {MAX_K}.")]
Limit = Annotated[int, Field(ge=1, le=MAX_FOUND, description=f"How many items at most, from 1 to {MAX_FOUND}.")]
UserId = Annotated[
    Id | None, Field(description=f"Who asks; their stored history is used. At most {MAX_ID} characters.")
]
FormUserId = Annotated[UserId, BeforeValidator(_without_empty, json_schema_input_type=str | None)]
Text = Annotated[
    Annotated[str, AfterValidator(_whole)] | None,
    Field(max_length=MAX_TEXT, description=f"What is asked for in words, at most {MAX_TEXT} characters."),
]
_Short = Annotated[str, AfterValidator(_whole), Field(max_length=MAX_ATTRIBUTE_TEXT)]
_Attribute = (
    bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | Annotated[float, Field(allow_inf_nan=False)] | _Short
    | Annotated[list[_Short], Field(max_length=MAX_ATTRIBUTE_VALUES)] | None
)  # fmt: skip
Profile = Annotated[
    dict[Annotated[str, AfterValidator(_whole), Field(min_length=1, max_length=MAX_ATTRIBUTE_NAME)], _Attribute] | None,
    Field(
        max_length=MAX_ATTRIBUTES,
        description=f"What is known of the person: at most {MAX_ATTRIBUTES} names with a text of at most "
        f"{MAX_ATTRIBUTE_TEXT} characters, a number, true or false, or a list of at most {MAX_ATTRIBUTE_VALUES} texts.",
    ),
]
Search = Annotated[str, Field(max_length=MAX_SEARCH, description=f"Part of a title, at most {MAX_SEARCH} characters.")]
ExcludeSeen = Annotated[bool, Field(description="Leave out items of the history: true or false.")]

_HISTORY = f"Items of the history, oldest first, at most {MAX_EVENTS}; replaces what is stored."
_LIKED = f"Items that are liked, at most {MAX_EVENTS}; not recommended again."
_DISLIKED = f"Items that are disliked, at most {MAX_EVENTS}; never recommended."


class RecommendParameters(BaseModel):
    """The parameters of ``GET /v1/recommend``."""

    model_config = ConfigDict(extra="forbid")

    user: FormUserId = None
    history: FormIds = Field([], description=_HISTORY)
    like: FormIds = Field([], description=_LIKED)
    dislike: FormIds = Field([], description=_DISLIKED)
    text: Text = None
    k: K = 10
    exclude_seen: ExcludeSeen = True


class RecommendRequest(BaseModel):
    """The body of ``POST /v1/recommend``: the fields of `Query`."""

    model_config = ConfigDict(extra="forbid")

    user_id: UserId = None
    history: Events | None = Field(
        None, description=f"{_HISTORY} Each is an id or an object with item_id, event, timestamp, weight, rating."
    )
    session: Events = Field([], description=f"Events of this visit, at most {MAX_EVENTS}; appended to the history.")
    liked: Ids = Field([], description=_LIKED)
    disliked: Ids = Field([], description=_DISLIKED)
    text: Text = None
    profile: Profile = None
    items: Ids = Field([], description=f"Recommend what is similar to these, at most {MAX_EVENTS}.")
    candidates: Annotated[list[Id], Field(max_length=MAX_CANDIDATES)] | None = Field(
        None, description=f"Recommend from these items only, at most {MAX_CANDIDATES}."
    )
    exclude_seen: ExcludeSeen = True
    k: K = 10
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of whatever is random, from 0 to 4294967295.")


class SimilarParameters(BaseModel):
    """The parameters of ``GET /v1/similar/{item}``."""

    model_config = ConfigDict(extra="forbid")

    k: K = 10


class SearchParameters(BaseModel):
    """The parameters of ``GET /v1/items``."""

    model_config = ConfigDict(extra="forbid")

    q: Search = ""
    limit: Limit = 10


class TextSearchParameters(BaseModel):
    """The parameters of ``GET /v1/search``."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, AfterValidator(_whole)] = Field(
        min_length=1, max_length=MAX_TEXT, description=f"What is wanted in words, from 1 to {MAX_TEXT} characters."
    )
    by: By = Field(
        "both",
        description="words: what the texts hold; vectors: what they mean; both: the two joined by their ranks.",
    )
    k: K = 10


class PageParameters(BaseModel):
    """The state of the page, all of it in its address; parameters that others append are passed over."""

    like: FormIds = Field([], description=_LIKED)
    dislike: FormIds = Field([], description=_DISLIKED)
    user: FormUserId = None
    q: Search = ""


class ItemOut(BaseModel):
    """An item by name."""

    item_id: str
    title: str


class EvidenceOut(ItemOut):
    """An item of the history that speaks for a recommendation, and its share of all that does."""

    share: float


class RecommendedOut(ItemOut):
    """One recommended item."""

    score: float
    rank: int
    reason: str
    evidence: list[EvidenceOut]


class AnswerOut(BaseModel):
    """Recommendations, what they went by, and why they are less personal than was asked for."""

    items: list[RecommendedOut]
    history: list[ItemOut]
    degraded: list[str]
    filters: dict[str, list[str]] = Field(description="Filters that were applied last, and what each took out.")
    model: str
    took_ms: float


class FoundOut(ItemOut):
    """An item that a search found."""

    categories: list[str]


class ItemsOut(BaseModel):
    """What a search found, best first."""

    items: list[FoundOut]


class HitOut(ItemOut):
    """An item that a search by text found."""

    score: float
    rank: int
    sources: dict[str, int] = Field(description="What found it, words or vectors, and at which rank.")
    words: list[str] = Field(description="The words of the question that its text holds.")


class TextFoundOut(BaseModel):
    """What a search by text found, best first, and why less was searched than was asked for."""

    text: str
    by: str = Field(description="What was searched in the end.")
    items: list[HitOut]
    degraded: list[str]
    took_ms: float


class ItemDetailOut(FoundOut):
    """What is known of one item."""

    year: int | None = None
    brand: str | None = None
    price: float | None = None
    text: str | None = None
    available: bool = True


class HealthOut(BaseModel):
    """The process is alive."""

    status: str


class ReadyOut(BaseModel):
    """What is being served."""

    status: str
    model: str
    data: str
    items: int
    people: int
    version: str


class FieldError(BaseModel):
    """A field of the request that is wrong."""

    field: str
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    errors: list[FieldError] | None = None
