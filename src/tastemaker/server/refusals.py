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


class BadUserToken(Refusal):
    """The request says for whom it acts, and proves it not."""

    status, kind = 401, "user-token"

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            "Let your server sign a new one with the secret of the key, and send it in the header X-User-Token.",
            {"WWW-Authenticate": 'Bearer realm="tastemaker"'},
        )


class SomebodyElse(Refusal):
    """The key acts for one person, and the request is about another."""

    status, kind = 403, "somebody-else"

    def __init__(self, signed: bool) -> None:
        said = "of its user token, and this is about somebody else" if signed else "whose user token it carries"
        super().__init__(
            f"with this key a request acts only for the person {said}",
            "Send the token of this person in the header X-User-Token, or name nobody.",
        )


class NoPages(Refusal):
    """Pages show everybody's lists, and the key acts for one person."""

    status, kind = 403, "forbidden"

    def __init__(self) -> None:
        super().__init__("this key opens no pages", "Make another one: tastemaker keys create --scope read")


class UnknownList(Refusal):
    """No list of this name was shown."""

    status, kind = 404, "unknown-recommendation"

    def __init__(self, recommendation_id: str) -> None:
        super().__init__(
            f"there is no list '{recommendation_id}'",
            "Give the recommendation_id of an answer; old ones go.",
        )


class UnknownJob(Refusal):
    """There is no job of this number."""

    status, kind = 404, "unknown-job"

    def __init__(self, job_id: int) -> None:
        super().__init__(f"there is no job {job_id}", "GET /v1/admin/jobs lists them; old ones go.")


class UnknownModel(Refusal):
    """No model, or more than one, has an id that begins so."""

    status, kind = 404, "unknown-model"

    def __init__(self, message: str) -> None:
        super().__init__(message, "GET /v1/admin/models lists them; give more of its id.")


class NoEarlierModel(Refusal):
    """There is no model to go back to."""

    status, kind = 409, "no-earlier-model"

    def __init__(self, message: str) -> None:
        super().__init__(message, "GET /v1/admin/models lists what there is; promote one of those.")


class NoBackups(Refusal):
    """The server has nowhere to put back-ups."""

    status, kind = 409, "no-backups"

    def __init__(self) -> None:
        super().__init__("this server has no folder for back-ups", "Name one in the settings: [serve] backups.")


class NotAdministered(Refusal):
    """The server was started without what an operator needs."""

    status, kind = 409, "not-administered"

    def __init__(self) -> None:
        super().__init__("this server has no back-ups, jobs or models to see to", "Start it with `tastemaker serve`.")


class ForeignHost(Refusal):
    """The request names a host that this server does not answer for."""

    status, kind = 421, "foreign-host"

    def __init__(self) -> None:
        super().__init__(
            "this server does not answer for the host that the request names",
            "Ask under the address that it printed, or name the host in the settings: [serve] hosts.",
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
