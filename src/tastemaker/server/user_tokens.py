"""Whom a browser may act for: tokens that a shop's own server signs, and the people that a request names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
from collections.abc import Iterator, Mapping
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request

from tastemaker.core.errors import QueryError
from tastemaker.server.refusals import BadUserToken, SomebodyElse
from tastemaker.store.ports import Key, Served

HEADER: Final = "X-User-Token"
"""The header of a request that carries a token."""

_LONGEST: Final = 4_096
_SECOND: Final = 1_000_000
_ACTOR: Final = "tastemaker.actor"
_PARAMETERS: Final = ("user", "user_id")


def sign(user_id: str, expires: float, secret: str) -> str:
    """Return a token under which a browser may act for a person until a moment.

    It is the JSON object ``{"user_id": ..., "expires": ...}`` in the base64 of URLs, a full stop, and the HMAC-SHA256
    of that text in hexadecimal (RFC 2104), so that any language can make one.

    Args:
        user_id: Who.
        expires: Seconds since 1970.
        secret: What `tastemaker keys create --signed-users` showed beside the key.
    """
    claims = base64.urlsafe_b64encode(json.dumps({"user_id": user_id, "expires": expires}).encode()).decode()
    return f"{claims}.{_signature(claims.encode(), secret)}"


def _signature(claims: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), claims, hashlib.sha256).hexdigest()


def signed_user(token: str, secret: str, now: int) -> str:
    """Return whom a token names.

    Args:
        token: As `sign` makes it.
        secret: That of the key.
        now: Microseconds since the epoch.

    Raises:
        BadUserToken: It is not signed with this secret, or has expired.
    """
    claims, _, signature = token.encode(errors="replace").rpartition(b".")
    right = len(token) <= _LONGEST and hmac.compare_digest(_signature(claims, secret).encode(), signature)
    if not right:
        raise BadUserToken("this user token is not signed with the secret of the key")
    try:
        said = json.loads(base64.b64decode(claims + b"=" * (-len(claims) % 4), altchars=b"-_", validate=True))
        user, expires = said["user_id"], float(said["expires"])
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadUserToken("this user token holds no user_id and expires") from error
    if not isinstance(user, str) or not user or not math.isfinite(expires):
        raise BadUserToken("this user token holds no user_id and expires")
    if now >= expires * _SECOND:
        raise BadUserToken("this user token has expired")
    return user


class Actor:
    """Whoever asks with a key that acts for one person.

    Args:
        user_id: Who, by their token; ``None`` without one: such a request may name nobody.
    """

    def __init__(self, user_id: str | None) -> None:
        self.user_id = user_id

    def may_be(self, user_id: str) -> None:
        """Let a request act for somebody.

        Raises:
            SomebodyElse: Their token does not say that they are.
        """
        if user_id != self.user_id:
            raise SomebodyElse(self.user_id is not None)

    def may_see(self, served: Served) -> None:
        """Let a request read a list that was shown, or go on with it; one of nobody by name is anybody's.

        Raises:
            SomebodyElse: It is another person's.
        """
        if served.user_id is not None:
            self.may_be(served.user_id)


def actor_of(request: Request) -> Actor | None:
    """Return who asks, where the key acts for one person; ``None`` where it may act for anybody."""
    found: Actor | None = request.scope.get(_ACTOR)
    return found


async def bind(request: Request, key: Key, now: int) -> None:
    """See to it that a request names nobody but the person of its token.

    Args:
        request: Its body is read, and kept by it.
        key: One whose users are signed.
        now: Microseconds since the epoch.

    Raises:
        BadUserToken: The token is wrong.
        SomebodyElse: The request names somebody else.
        QueryError: It goes on with an answer that there is not.
    """
    assert key.signing is not None
    token = request.headers.get(HEADER)
    actor = Actor(None if token is None else signed_user(token, key.signing, now))
    request.scope[_ACTOR] = actor
    body = await _body(request)
    for user in (*_in_parameters(request), *_in_body(body)):
        actor.may_be(user)
    for cursor in (*request.query_params.getlist("cursor"), body.get("cursor")):
        if cursor:
            actor.may_see(_shown(request, str(cursor)))


async def _body(request: Request) -> Mapping[str, Any]:
    """Return the object that was sent; what is none is refused later, by whoever reads it."""
    if not await request.body():
        return {}
    try:
        found = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _in_parameters(request: Request) -> Iterator[str]:
    for name in _PARAMETERS:
        yield from (user for user in request.query_params.getlist(name) if user)


def _in_body(body: Mapping[str, Any]) -> Iterator[str]:
    events = body.get("events")
    for entry in (body, *(events if isinstance(events, list) else ())):
        # Whole numbers are taken as ids too.
        if isinstance(entry, Mapping) and isinstance(user := entry.get("user_id"), str | int):
            yield str(user)


def _shown(request: Request, recommendation_id: str) -> Served:
    service = request.app.state.service
    found: Served | None = service.served(recommendation_id) if service.live else None
    if found is None:
        raise QueryError("this cursor is unknown, or too old to go on with", where="cursor", remedy="Ask without one.")
    return found
