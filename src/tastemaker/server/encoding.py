"""Answers as bytes: what is in them is ours and was checked when it was made, so that no model checks it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)


def encode(value: Mapping[str, Any]) -> bytes:
    """Return a value as JSON in UTF-8; what JSON does not know, such as a date of a catalogue, as text.

    Raises:
        ValueError: A number is not finite.
    """
    return _ENCODER.encode(value).encode(errors="replace")


class Encoded(Response):
    """An answer in JSON; the type that the endpoint declares is only its description."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return encode(content)
