"""Kinds of fields that several requests share, each with its limits and its description."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from tastemaker.core.profile import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTE_TEXT, MAX_ATTRIBUTE_VALUES, MAX_ATTRIBUTES

MAX_K: Final = 1000
MAX_EVENTS: Final = 1000
MAX_CANDIDATES: Final = 10_000
MAX_ID: Final = 512
MAX_NAME: Final = 128
MAX_KIND: Final = 64
MAX_TEXT: Final = 2000
MAX_SEARCH: Final = 200
MAX_FOUND: Final = 100
MAX_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999."""
_WHOLE_NUMBER: Final = 2**53
"""Beyond it JSON's readers no longer agree on a number."""
_LARGEST: Final = sys.float_info.max


class Body(BaseModel):
    """Base of what is sent: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


def empty(kind: type[list[Any]] | type[dict[str, Any]], description: str) -> Any:
    """Return a field that is empty where it is left out: made anew each time, which costs less than copying one."""
    return Field(default_factory=kind, description=description, json_schema_extra={"default": kind()})


def _as_id(value: Any) -> Any:
    """Take whole numbers as ids too, as Python's ``recommend`` does."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_event(value: Any) -> Any:
    """Take a bare id for an event of that item."""
    return value if isinstance(value, dict | EventIn) else {"item_id": value}


def whole(value: str) -> str:
    """Refuse what JSON can write and no text can hold: half of a surrogate pair; and NUL, which no database keeps."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("holds half of a character") from error
    if "\0" in value:
        raise ValueError("holds the character NUL")
    return value


def _without_empty(value: Any) -> Any:
    """Take an empty field of a form for one that was not filled in."""
    if isinstance(value, list):
        return [entry for entry in value if entry != ""]
    return None if value == "" else value


def _as_moment(value: Any) -> Any:
    """Take a number for seconds since 1970, whatever its size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"seconds since 1970 go from 0 to {MAX_SECONDS}")
    return datetime.fromtimestamp(value, UTC)


def as_whole(value: Any) -> Any:
    """Take 77.0 for 77, as JSON does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_attribute(value: Any) -> Any:
    """Take text, a number, yes or no, nothing, or a list of texts, each within bounds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not abs(value) <= _LARGEST:
            raise ValueError("is too large a number")
        return value if abs(value) <= _WHOLE_NUMBER else float(value)
    if isinstance(value, list):
        if len(value) > MAX_ATTRIBUTE_VALUES:
            raise ValueError(f"has more than {MAX_ATTRIBUTE_VALUES} values")
        return [_as_short(each) for each in value]
    return _as_short(value)


def _as_short(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is neither text, a number, true or false, nor a list of texts")
    if len(value) > MAX_ATTRIBUTE_TEXT:
        raise ValueError(f"has more than {MAX_ATTRIBUTE_TEXT} characters")
    return whole(value)


_NO_NUL: Final = "^[^\\x00]*$"
_Plain = Annotated[str, Field(json_schema_extra={"pattern": _NO_NUL})]
Words = Annotated[_Plain, AfterValidator(whole)]
_Bounded = Annotated[str, Field(min_length=1, max_length=MAX_ID, json_schema_extra={"pattern": _NO_NUL})]
Id = Annotated[_Bounded, BeforeValidator(_as_id, json_schema_input_type=_Bounded | int), AfterValidator(whole)]
# Lengths before the check in Python: behind it they would be checked in Python, too.
Name = Annotated[_Plain, Field(min_length=1, max_length=MAX_NAME), AfterValidator(whole)]
Kind = Annotated[_Plain, Field(min_length=1, max_length=MAX_KIND), AfterValidator(whole)]
Moment = Annotated[
    datetime,
    BeforeValidator(
        _as_moment, json_schema_input_type=datetime | Annotated[float, Field(ge=0, le=MAX_SECONDS, strict=True)]
    ),
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
YesNo = Annotated[bool, Field(strict=True)]


class EventIn(Body):
    """Something that a person did with an item."""

    item_id: Id = Field(description=f"Raw id of an item, from 1 to {MAX_ID} characters.")
    event: str = Field("interaction", max_length=MAX_KIND, description=f"Kind of event, at most {MAX_KIND} characters.")
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


EventOrId = Annotated[EventIn, BeforeValidator(_as_event, json_schema_input_type=EventIn | Id)]
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
    Words | None,
    Field(max_length=MAX_TEXT, description=f"What is asked for in words, at most {MAX_TEXT} characters."),
]
_Short = Annotated[Words, Field(max_length=MAX_ATTRIBUTE_TEXT)]
Attribute = Annotated[
    Any,
    PlainValidator(
        _as_attribute,
        json_schema_input_type=bool
        | int
        | float
        | _Short
        | Annotated[list[_Short], Field(max_length=MAX_ATTRIBUTE_VALUES)]
        | None,
    ),
]
_NAMED: Final = {"minLength": 1, "maxLength": MAX_ATTRIBUTE_NAME, "pattern": _NO_NUL}
Attributes = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=MAX_ATTRIBUTE_NAME), AfterValidator(whole)], Attribute],
    Field(max_length=MAX_ATTRIBUTES, json_schema_extra={"propertyNames": _NAMED}),
]
FLAT: Final = (
    f"at most {MAX_ATTRIBUTES} names of at most {MAX_ATTRIBUTE_NAME} characters, each with a text of at most "
    f"{MAX_ATTRIBUTE_TEXT} characters, a number, true or false, or a list of at most {MAX_ATTRIBUTE_VALUES} texts."
)
"""What may be said of attributes, for their descriptions."""
Profile = Annotated[Attributes | None, Field(description=f"What is known of the person: {FLAT}")]
Search = Annotated[
    Words, Field(max_length=MAX_SEARCH, description=f"Part of a title, at most {MAX_SEARCH} characters.")
]
ExcludeSeen = Annotated[bool, Field(description="Leave out items of the history: true or false.")]
