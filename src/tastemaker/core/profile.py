"""What is known of a person and given with a request: attributes by name, in bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tastemaker.core.errors import QueryError

MAX_ATTRIBUTES: Final = 32
MAX_ATTRIBUTE_NAME: Final = 64
MAX_ATTRIBUTE_TEXT: Final = 500
MAX_ATTRIBUTE_VALUES: Final = 20


def as_profile(profile: Any) -> dict[str, Any]:
    """Return what is said of a person as plain values: text, numbers, yes or no, or lists of texts.

    Nothing that is empty is kept. Sizes are bounded, so that a request cannot become a book: `MAX_ATTRIBUTES`,
    `MAX_ATTRIBUTE_NAME`, `MAX_ATTRIBUTE_TEXT` characters a text, `MAX_ATTRIBUTE_VALUES` texts a list.

    Raises:
        QueryError: It is no mapping of names to such values, or too large.

    >>> as_profile({"age": 31, "likes": ("the sea", "trains"), "place": None})
    {'age': 31, 'likes': ['the sea', 'trains']}
    """
    if not isinstance(profile, Mapping):
        raise QueryError("a profile gives names their values", where="profile", remedy='Write {"place": "Riga"}.')
    if len(profile) > MAX_ATTRIBUTES:
        raise QueryError(f"a profile has at most {MAX_ATTRIBUTES} attributes, not {len(profile)}", where="profile")
    found: dict[str, Any] = {}
    for name, value in profile.items():
        if not isinstance(name, str) or not 0 < len(name) <= MAX_ATTRIBUTE_NAME:
            raise QueryError(f"the name of an attribute has from 1 to {MAX_ATTRIBUTE_NAME} characters", where="profile")
        plain = _attribute(name, value)
        if plain is not None and plain != "" and plain != []:
            found[name] = plain
    return found


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | set | frozenset):
        if len(value) > MAX_ATTRIBUTE_VALUES:
            raise QueryError(f"an attribute has at most {MAX_ATTRIBUTE_VALUES} values", where=f"profile.{name}")
        return [text for each in value if (text := _short_text(name, each))]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise QueryError(f"an attribute is {value}, not a number", where=f"profile.{name}")
        return value
    return _short_text(name, value)


def _short_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise QueryError(
            f"an attribute is of the kind {type(value).__name__}",
            where=f"profile.{name}",
            remedy="Give text, a number, true or false, or a list of texts.",
        )
    if len(value) > MAX_ATTRIBUTE_TEXT:
        raise QueryError(
            f"an attribute has at most {MAX_ATTRIBUTE_TEXT} characters, not {len(value)}", where=f"profile.{name}"
        )
    return value.strip()
