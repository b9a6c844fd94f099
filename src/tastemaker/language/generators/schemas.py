"""JSON schemas: made from pydantic models and from lists of words, and replies checked against them."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import ConfigError, SchemaViolationError
from tastemaker.core.generator import Schema

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError
    from pydantic import BaseModel

_SHOWN: Final = 3
"""So many faults are named."""
_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


def one_of(options: Iterable[str] | type[enum.Enum]) -> dict[str, Any]:
    """Return the schema of one word out of several.

    Args:
        options: The words, no two alike, or an enumeration, whose values they are.

    Raises:
        ConfigError: There is none, or two are alike.

    >>> one_of(["drama", "comedy"])
    {'enum': ['drama', 'comedy']}
    """
    if isinstance(options, type) and issubclass(options, enum.Enum):
        words = [member.value for member in options]
    else:
        words = list(options)
    if not words or len(set(words)) != len(words):
        raise ConfigError("a schema of one word out of several needs some, no two of them alike", where=str(words))
    return {"enum": words}


def list_of(entry: Schema, most: int, least: int = 0) -> dict[str, Any]:
    """Return the schema of a list of ``least`` to ``most`` entries.

    >>> list_of({"type": "string"}, 3)
    {'type': 'array', 'items': {'type': 'string'}, 'minItems': 0, 'maxItems': 3}
    """
    return {"type": "array", "items": dict(entry), "minItems": least, "maxItems": most}


def object_of(**properties: Schema) -> dict[str, Any]:
    """Return the schema of an object that has these properties, all of them, in this order, and no others.

    >>> object_of(quote={"type": "string"}, value=one_of(["yes", "no"]))["required"]
    ['quote', 'value']
    """
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a pydantic model, without titles, its objects closed to other properties.

    `model.model_validate(reply.value)` then makes one of a reply.
    """
    cleaned: dict[str, Any] = _closed(model.model_json_schema())
    return cleaned


def _closed(schema: Any) -> Any:
    """Return a schema without titles, which models read and nobody needs, and its objects closed."""
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            found[key] = {name: _closed(inner) for name, inner in value.items()}
        elif key in ("enum", "const", "default", "examples"):
            found[key] = value
        elif key != "title":
            found[key] = _closed(value)
    if "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


def check_schema(schema: Schema) -> None:
    """Check that a schema is one, and refers to nothing outside itself.

    Raises:
        ConfigError: It is none.
    """
    _faults(None, schema)


def faults(value: Any, schema: Schema) -> list[str]:
    """Return in words what of a JSON value does not keep a schema, at most three things; nothing if it keeps it.

    Raises:
        ConfigError: The schema is none.
    """
    return [_in_words(fault) for fault in _faults(value, schema)]


def _faults(value: Any, schema: Schema) -> list[ValidationError]:
    from itertools import islice

    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(dict(schema), retriever=_retrieve_nothing)
    except (ValueError, TypeError) as error:
        told = str(error).splitlines()[0] if str(error) else "it cannot be read"
        raise ConfigError(f"this is no JSON schema: {told}", where=_start(schema)) from error
    return list(islice(validator.iter_errors(value), _SHOWN))


def _retrieve_nothing(address: str) -> Any:
    raise ValueError(f"a schema may refer to nothing outside itself, and this one to {address}")


def _in_words(fault: ValidationError) -> str:
    place = ".".join(str(step) for step in fault.instance_path)
    return f"{place}: {fault.message}" if place else str(fault.message)


def _start(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"{shown[:120]}..." if len(shown) > 120 else shown


def read_value(text: str, schema: Schema) -> Any:
    """Return the JSON value that a reply is, or that stands alone in it between marks of code or other words.

    Raises:
        SchemaViolationError: There is none, or it does not keep the schema; the error says what is wrong with it.
        ConfigError: The schema is none.
    """
    value = _json_in(text)
    try:
        found = faults(value, schema)
    except (UnicodeError, RecursionError) as error:
        raise SchemaViolationError("the reply holds what no JSON text can hold", where=_start(text)) from error
    if found:
        raise SchemaViolationError(
            f"the reply does not keep the schema: {'; '.join(found)}",
            where=_start(text),
            remedy="A smaller schema, or a larger model, may help.",
        )
    return value


def _json_in(text: str) -> Any:
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else "", _outermost(text)):
        try:
            return json.loads(candidate, parse_constant=_no_number)
        except (ValueError, RecursionError):
            continue
    raise SchemaViolationError("the reply is no JSON", where=_start(text) or "an empty reply")


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _outermost(text: str) -> str:
    """Return what stands from the first brace to the last."""
    first, last = text.find("{"), text.rfind("}")
    return text[first : last + 1] if -1 < first < last else ""


VALUE: Final = "value"
"""The only property of an object that stands around what is no object."""


def as_object(schema: Schema) -> tuple[dict[str, Any], bool]:
    """Return a schema of objects, and whether one had to be put around it: servers and models do objects best.

    >>> as_object({"enum": ["a", "b"]})[0]["required"]
    ['value']
    """
    if schema.get("type") == "object" or ("$ref" in schema and "$defs" in schema):
        return dict(schema), False
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    around = object_of(**{VALUE: inner})
    return (around | {"$defs": schema["$defs"]} if "$defs" in schema else around), True


def in_words(schema: Schema) -> str:
    """Return what a model is told that has to keep a schema by itself."""
    return f"Answer with JSON and nothing else. It has to keep this JSON schema: {_compact(schema)}"


def try_again(violation: SchemaViolationError) -> str:
    """Return what a model is told whose reply did not keep the schema."""
    return f"That does not do: {violation.message}. Answer again, with JSON that keeps the schema and nothing else."


def _compact(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
