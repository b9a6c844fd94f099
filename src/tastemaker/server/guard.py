"""What every route that needs a key goes through, before its body is read: the key, the limits, the store."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, ClassVar, Final, cast

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tastemaker.core.clock import to_microseconds
from tastemaker.server.keys import PUBLISHABLE, KeyRing, Scope
from tastemaker.server.limits import MAX_DEPTH, Gauge, too_deep
from tastemaker.server.problems import documented
from tastemaker.server.refusals import NoKey, NoPages, ReadOnlyServer
from tastemaker.server.user_tokens import HEADER, bind
from tastemaker.store.ports import Key

KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: Authorization: Bearer tmk_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key by its own header."},
}
"""How a key is sent, for the description of the interface."""

SCHEMES: Final = {
    **KEYS,
    "user": {
        "type": "apiKey",
        "in": "header",
        "name": HEADER,
        "description": "For whom a request with a key of signed users acts: a token that the shop's server signed.",
    },
}
"""All that says who asks."""


class ShallowRequest(Request):
    """A request whose JSON may not lie deep."""

    async def json(self) -> Any:
        """Return the body as Python values."""
        try:
            value = await super().json()
        except (RecursionError, ValueError) as error:
            if isinstance(error, JSONDecodeError):
                raise
            deep = isinstance(error, RecursionError)
            raise _too_deep() if deep else HTTPException(400, "the body is not JSON in UTF-8") from error
        if too_deep(value):
            raise _too_deep()
        return value


def _too_deep() -> HTTPException:
    return HTTPException(400, f"lists and objects lie more than {MAX_DEPTH} levels within each other")


class GuardedRoute(APIRoute):
    """A route that asks for a key; `needing` says of which kind.

    Attributes:
        scope: What the key has to allow.
        stored: Whether it needs a server with a store.
        page: Whether browsers open it.
    """

    scope: ClassVar[Scope]
    stored: ClassVar[bool]
    page: ClassVar[bool]

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        described = more.get("openapi_extra") or {}
        keys = [{name: [self.scope]} for name in KEYS]
        users = [{**key, "user": []} for key in keys] if self.scope in PUBLISHABLE else []
        more["openapi_extra"] = {"security": [*keys, *users, {}], **described}
        more["responses"] = {**_refusals(self.scope), **(more.get("responses") or {})}
        super().__init__(path, endpoint, **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            return await self.answer(ShallowRequest(request.scope, request.receive), handle)

        return guarded

    async def answer(
        self, request: ShallowRequest, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """Return what ``handle`` answers to a request, if its key allows it and the limits do."""
        state = request.app.state
        key = admit(request, state.keys, state.gauge, self.scope, page=self.page)
        if self.stored and not state.service.live:
            raise ReadOnlyServer
        with state.gauge.working():
            if key is not None and key.signing is not None:
                if self.page:
                    raise NoPages
                await bind(request, key, to_microseconds(state.clock()))
            return await handle(request)


def admit(request: Request, keys: KeyRing, gauge: Gauge, scope: str, *, page: bool = False) -> Key | None:
    """Check who asks and how often; return their key, if one is asked for.

    Raises:
        NoKey: There is no key that opens anything here.
        KeyTooNarrow: It does not allow ``scope``.
        TooManyRequests: They ask too often; whoever tries keys is counted by address.
    """
    address = request.client.host if request.client else ""
    try:
        key = keys.check(request.headers, scope, basic=page)
    except NoKey:
        gauge.take(address)
        raise
    gauge.take(address if key is None else key.key_id)
    return key


def needing(scope: Scope, *, stored: bool = False, page: bool = False) -> type[GuardedRoute]:
    """Return the class of routes that need a key which allows ``scope``."""
    made = type("GuardedRoute", (GuardedRoute,), {"scope": scope, "stored": stored, "page": page})
    return cast(type[GuardedRoute], made)


def _refusals(scope: str) -> dict[int | str, dict[str, Any]]:
    return documented(
        _400="The body is not JSON, or lies too deep.",
        _401="The server has keys, and the request has none that opens anything here; or its user token is wrong.",
        _403=f"The key does not allow '{scope}', or acts for another person.",
        _413="The body is too large.",
        _422="A field is wrong: the answer names it.",
        _429="Too many requests: Retry-After says for how many seconds to wait.",
        _503="Not ready yet, or the store cannot be had.",
        _4XX="The request cannot be answered as it was put.",
    )
