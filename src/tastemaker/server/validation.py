"""What is wrong with the fields of a request, in the words of their own descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from tastemaker.core.errors import DataError, QueryError, nearest
from tastemaker.server.schemas import FieldError

DESCRIBED: Final = "The interface is described at /openapi.json."
NOT_JSON: Final = "Send a JSON object as described at /openapi.json."
_NAME: Final = 100

M = TypeVar("M", bound=BaseModel)


class InvalidBody(RequestValidationError):
    """A body that was checked by the endpoint itself.

    Args:
        errors: As pydantic gives them; the places start at the body.
        model: What the body should have been.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> None:
        super().__init__([{**entry, "loc": ("body", *entry["loc"])} for entry in errors])
        self.model = model


@contextmanager
def telling() -> Iterator[None]:
    """Tell the sender what is wrong with a row, where only the store or the catalogue finds that out."""
    try:
        yield
    except DataError as error:
        raise QueryError(error.message, where=error.where, remedy=error.remedy) from error


def entries(body: Any, name: str, model: type[BaseModel]) -> list[Any]:
    """Return the entries of a batch, which are not looked at, if all around them is right.

    Args:
        body: JSON values.
        name: The field that holds the entries.
        model: What the body should be.

    Raises:
        InvalidBody: It is something else.
    """
    given = body.get(name) if isinstance(body, Mapping) else None
    try:
        # As many entries, none of which can be wrong.
        model.model_validate({**body, name: [None] * len(given)} if isinstance(given, list) else body)
    except ValidationError as error:
        raise InvalidBody(plain(error), model) from error
    return list(given or ())


def checked(model: type[M], entry: Any, batch: str, place: int) -> M | str:
    """Return an entry of a batch, or what is wrong with it and where it stands."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = plain(error)[0]
        wrong = field_error({**first, "loc": ("body", batch, place, *first["loc"])})
        return f"{wrong.field}: {wrong.message}"


def plain(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    """Return the errors of pydantic without what was sent."""
    return cast(
        Sequence[Mapping[str, Any]], error.errors(include_url=False, include_context=False, include_input=False)
    )


def field_error(entry: Mapping[str, Any]) -> FieldError:
    """Return which field an error of pydantic is about, and what is wrong with it."""
    return FieldError(field=_name(entry), message=_message(entry))


def _name(entry: Mapping[str, Any]) -> str:
    place, *steps = entry["loc"]
    name = str(place) if not steps or entry["type"] == "json_invalid" else ".".join(map(str, steps))
    return name[:_NAME].encode(errors="replace").decode()


def _message(entry: Mapping[str, Any]) -> str:
    steps = entry["loc"][1:]
    if entry["type"] == "json_invalid":
        return f"not JSON: {entry['ctx']['error']} at character {steps[0]}"
    if entry["type"] == "extra_forbidden":
        return "there is no such field"
    if not steps:
        return "must be a JSON object"
    said = str(entry["msg"]).removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def remedy(entry: Mapping[str, Any], error: RequestValidationError, route: Any) -> str:
    """Say what the field of an error may hold.

    Args:
        entry: One of the errors.
        error: All of them.
        route: The route that was asked.
    """
    place, *steps = entry["loc"]
    if entry["type"] == "json_invalid":
        return NOT_JSON
    if not steps:
        return "Send a JSON object with the header Content-Type: application/json."
    known = error.model if isinstance(error, InvalidBody) else _declared(route, place, steps)
    model = model_in(known)
    if model is None:
        return f"{steps[0]}: {known}" if isinstance(known, str) else DESCRIBED
    return _described(model, steps, unknown=entry["type"] == "extra_forbidden") or DESCRIBED


def _declared(route: Any, place: str, steps: Sequence[Any]) -> Any:
    """Return the model of a body or of parameters, or else the description of the one that is meant."""
    if route is None:
        return None
    if place == "body":
        info = route.body_field.field_info
        return info.annotation if model_in(info.annotation) else info.description
    for field in getattr(route.dependant, f"{place}_params"):
        if model_in(field.field_info.annotation):
            return field.field_info.annotation
        if field.alias == steps[0]:
            return field.field_info.description
    return None


def model_in(kind: Any) -> type[BaseModel] | None:
    """Return the first model of an annotation, whatever is around it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for part in get_args(kind) if (found := model_in(part))), None)


def _described(model: type[BaseModel], steps: Sequence[Any], *, unknown: bool) -> str:
    """Follow ``steps`` into a model as far as they name fields; say what the last one holds, or what it was meant."""
    said = ""
    inner: type[BaseModel] | None = model
    for step in steps:
        if isinstance(step, int):
            continue
        if inner is None or step not in inner.model_fields:
            return nearest(str(step), inner.model_fields) if unknown and inner is not None else said
        field = inner.model_fields[step]
        said = f"{step}: {field.description}" if field.description else said
        inner = model_in(field.annotation)
    return said
