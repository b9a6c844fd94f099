"""Rules for asking a model's server: which failures pass, how long to wait, what may be told of an answer."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from tastemaker.core.errors import ConfigError

PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Status codes after which the same request may succeed."""
LONGEST_WAIT: Final = 60.0
"""Seconds; a server that wants a longer wait before the next request is not waited for."""
_FIRST_WAIT: Final = 0.5


def wait_before(attempt: int, asked_for: float | None) -> float:
    """Return the seconds before a request is sent again.

    Args:
        attempt: How often it was sent again before; waits double from half a second.
        asked_for: What the server asked for, which is done where it is less than a minute.
    """
    return min(_FIRST_WAIT * 2**attempt if asked_for is None else asked_for, LONGEST_WAIT)


def asked_wait(retry_after: str) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, said as a number or as a date; ``None`` where it does not."""
    if re.fullmatch(r"\s*\d+(\.\d*)?\s*", retry_after):
        return float(retry_after)
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max((then - datetime.now(UTC)).total_seconds(), 0.0)


def told(text: str, key: str) -> str:
    """Return the start of what a server said with an error, on one line, after a colon and without the key."""
    shown = text.replace(key, "[key]") if key else text
    words = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", shown).strip()
    return f": {words[:200]}" if words else ""


def key_of(variable: str, address: str) -> str:
    """Return the key that an environment variable holds; nothing where none is named.

    Raises:
        ConfigError: It is not set.
    """
    if not checked_variable(variable):
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise ConfigError(
            f"the environment variable {variable} is not set, and the endpoint's key is to come from it",
            where=address,
            remedy=f"Set it, for example: export {variable}=...",
        )
    return key


def checked_variable(variable: str) -> str:
    """Return the name of an environment variable, which may be empty.

    Raises:
        ConfigError: It is none; it may be a key, so it is not told.
    """
    if variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise ConfigError(
            "what key_from says is no name of an environment variable",
            remedy="Put the key into an environment variable, and the name of that into key_from.",
        )
    return variable


def checked_address(base_url: str) -> str:
    """Return an address without a slash at its end.

    Raises:
        ConfigError: It is no address, or holds a password or a key, which would be written down with it.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"'{base_url}' is no address", remedy="Write it like http://127.0.0.1:8080/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "the address of an endpoint may hold no password and nothing after '?', since it is written down",
            where=f"{parts.scheme}://{parts.hostname}",
            remedy="Put the key into an environment variable, and its name into key_from.",
        )
    return base_url.rstrip("/")
