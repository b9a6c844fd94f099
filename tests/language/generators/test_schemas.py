"""Schemas: made from models and words, and replies checked against them."""

from __future__ import annotations

import enum
import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from tastemaker.core.errors import ConfigError, SchemaViolationError
from tastemaker.language.generators import list_of, object_of, one_of, schema_of
from tastemaker.language.generators.schemas import as_object, check_schema, faults, read_value

GENRE = object_of(genre=one_of(["drama", "comedy"]))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    title: str
    kind: Literal["a", "b"] = "a"


class Whole(BaseModel):
    """A whole."""

    parts: list[Part]
    best: Part | None = None


def test_words_and_enumerations_are_schemas() -> None:
    assert one_of(Colour) == one_of(["red", "blue"])
    assert faults("red", one_of(Colour)) == []
    assert faults(["red"] * 3, list_of(one_of(Colour), 2)) == ['["red","red","red"] has more than 2 items']


@pytest.mark.parametrize("words", [[], ["a", "a"]])
def test_no_words_or_equal_ones_are_no_schema(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="no two of them alike"):
        one_of(words)


def test_a_model_of_pydantic_is_a_closed_schema_without_titles() -> None:
    schema = schema_of(Whole)
    part = schema["$defs"]["Part"]
    assert list(part["properties"]) == ["title", "kind"]
    assert "title" not in part["properties"]["title"]
    assert part["additionalProperties"] is schema["additionalProperties"] is False
    value = {"parts": [{"title": "x", "kind": "b"}]}
    assert Whole.model_validate(read_value(json.dumps(value), schema)).parts[0].kind == "b"
    assert faults({"parts": [{"title": "x", "sort": "b"}]}, schema)


@pytest.mark.parametrize(
    "text",
    [
        '{"genre": "drama"}',
        ' {"genre":\n"drama"}\n',
        '```json\n{"genre": "drama"}\n```',
        'Here you are:\n```\n{"genre": "drama"}\n```\nEnjoy!',
        'Sure: {"genre": "drama"}.',
    ],
)
def test_a_value_is_found_among_other_words(text: str) -> None:
    assert read_value(text, GENRE) == {"genre": "drama"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("drama", "no JSON"),
        ('{"genre": "drama"', "no JSON"),
        ('{"genre": NaN}', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("1" * 5_000, "no JSON"),
        ('"drama"', "is not of type"),
        ("{}", "required property"),
        ('{"genre": "drama", "x": 1}', "'x' was unexpected"),
        ('{"genre": "\\ud800"}', "no JSON text can hold"),
        ('{"genre": "horror"}', 'genre: "horror" is not one of'),
    ],
)
def test_what_keeps_no_schema_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(SchemaViolationError, match=message):
        read_value(text, GENRE)


def test_faults_are_named_with_their_place_and_not_all_of_them() -> None:
    found = faults({"tags": [1, 2, 3, 4, 5]}, object_of(tags=list_of({"type": "string"}, 9)))
    assert found == [f'tags.{place}: {place + 1} is not of type "string"' for place in range(3)]


@pytest.mark.parametrize("schema", [{"type": "objekt"}, {"pattern": "("}, {"$ref": "#/$defs/x"}, {1: 2}, {"enum": 3}])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(ConfigError, match="no JSON schema"):
        check_schema(schema)


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/x", "file:///etc/passwd"])
def test_a_schema_may_refer_to_nothing_outside(place: str) -> None:
    with pytest.raises(ConfigError, match="nothing outside itself"):
        check_schema({"$ref": place})


def test_an_object_is_put_around_what_is_none() -> None:
    assert as_object(GENRE) == (GENRE, False)
    assert as_object(schema_of(Whole))[1] is False
    wrapped, around = as_object({"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "string"}}})
    assert around
    assert faults({"value": ["a"]}, wrapped) == []
    assert faults({"value": [1]}, wrapped)
