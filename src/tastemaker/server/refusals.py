"""Refusals of the server itself, each with the status and the headers that it is told with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from tastemaker.core.errors import ServiceError


class Refusal(ServiceError):
    """Base of the refusals.

    Attributes:
        status: Status of the answer.
        kind: Names the type of the problem.
        headers: Headers of the answer.
    """

    status: ClassVar[int]
    kind: ClassVar[str]
    headers: Mapping[str, str]

    def __init__(self, message: str, remedy: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.headers = headers or {}


class NoKey(Refusal):
    """The request has no key that opens anything here."""

    status, kind = 401, "unauthorised"

    def __init__(self, message: str, scheme: str) -> None:
        super().__init__(
            message,
            "Send the header 'Authorization: Bearer KEY'; `tastemaker keys create` makes one.",
            {"WWW-Authenticate": f'{scheme} realm="tastemaker"'},
        )


class KeyTooNarrow(Refusal):
    """The key does not allow this."""

    status, kind = 403, "forbidden"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"the key does not allow '{scope}'", f"Make one that does: tastemaker keys create --scope {scope}"
        )


class UnknownList(Refusal):
    """No list of this name was shown."""

    status, kind = 404, "unknown-recommendation"

    def __init__(self, recommendation_id: str) -> None:
        super().__init__(
            f"there is no list '{recommendation_id}'",
            "Give the recommendation_id of an answer; old ones go.",
        )


class ReadOnlyServer(Refusal):
    """The server keeps nothing."""

    status, kind = 409, "read-only"

    def __init__(self) -> None:
        super().__init__("this server keeps no events", "Start it with a store.")


class TooManyRequests(Refusal):
    """More was asked than is allowed, or than can be worked on at once."""

    status, kind = 429, "too-many-requests"

    def __init__(self, message: str, seconds: float) -> None:
        wait = max(1, math.ceil(seconds))
        super().__init__(message, f"Wait {wait} s and send it again.", {"Retry-After": str(wait)})
