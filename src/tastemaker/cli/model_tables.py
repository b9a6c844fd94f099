"""The tables ``[models.NAME]`` of the settings: which hyper-parameters of which model they may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from tastemaker.core.errors import ModelError
from tastemaker.models.registry import MODELS, default_settings, model_class

_KINDS: Final = {bool: "bool_type", int: "int_type", float: "float_type", str: "string_type"}
"""Type of a hyper-parameter -> what pydantic calls the error that a value is of another one."""

_TABLES: Final = frozenset({"encoder", "indexer", "id_vectors", "tasks"})
"""Hyper-parameters that may be a name, or a table of a name and arguments."""


def checked(tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tables with whole numbers as fractions where a model wants those.

    Raises:
        ValidationError: There is no such model, it has no such hyper-parameter, or a value is of another type.
    """
    found = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise _wrong("dict_type", [name], table)
        try:
            defaults = default_settings(model_class(name))
        except ModelError as error:
            raise _wrong("extra_forbidden", [name], table) from error
        found[name] = {key: _checked([name, key], value, defaults) for key, value in table.items()}
    return found


def _checked(place: Sequence[str], value: Any, defaults: Mapping[str, Any]) -> Any:
    if place[-1] not in defaults:
        raise _wrong("extra_forbidden", place, value)
    if place[-1] in _TABLES and isinstance(value, dict):
        return value
    wanted = type(defaults[place[-1]])
    if wanted is float and type(value) is int:
        return float(value)
    if wanted in _KINDS and type(value) is not wanted:
        raise _wrong(_KINDS[wanted], place, value)
    return value


def with_words(tables: Mapping[str, Mapping[str, Any]], words: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tables with what ``[text]`` says, for the models that read it and are not told otherwise."""
    found = {name: dict(table) for name, table in tables.items()}
    for name in dict.fromkeys([*MODELS, *tables]):
        known = default_settings(model_class(name))
        if said := {key: value for key, value in words.items() if key in known}:
            found[name] = {**said, **found.get(name, {})}
    return found


def _wrong(kind: str, place: Sequence[str], value: Any) -> ValidationError:
    return ValidationError.from_exception_data("models", [InitErrorDetails(type=kind, loc=tuple(place), input=value)])


def known_names(place: Sequence[str]) -> list[str]:
    """Return what might have been meant at a place ``models.NAME`` or ``models.NAME.KEY``."""
    return list(MODELS) if len(place) < 3 else list(default_settings(model_class(place[1])))
