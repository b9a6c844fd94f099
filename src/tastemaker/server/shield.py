"""What surrounds every request: the host it names, a limit on its size, headers on its answer, and no traceback."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tastemaker.server.limits import max_body
from tastemaker.server.problems import log, of_tastemaker, problem, respond, unexpected, without_ids
from tastemaker.server.refusals import ForeignHost

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ENCODED: Final = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
_KEPT_A_DAY: Final = (b"cache-control", b"public, max-age=86400")
_NEVER_KEPT: Final = (b"cache-control", b"no-store")
_HOSTS: Final = 64
"""So many spellings of hosts are remembered: a server is asked under one name or two."""
_NAMES: Final = frozenset(name for name, _ in (*_ENCODED, _NEVER_KEPT))


class Shield:
    """ASGI middleware around a whole application.

    A browser sends the name in its address line as the header ``Host``. Another site can let a name of its own mean the
    address of a server that only this machine reaches, and its scripts would then read the answers (DNS rebinding):
    such a request still names the other site, and is refused.

    Args:
        app: What it surrounds.
        hosts: Names and addresses, without ports, that requests may ask for; any if ``None``.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = None) -> None:
        self.app = app
        self._hosts = None if hosts is None else frozenset(map(plain_host, hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # Pages and answers tell of a person; pictures and style do not.
                static = scope["path"].startswith("/static/") and message["status"] < 400
                others = [each for each in message.get("headers", ()) if each[0].lower() not in _NAMES]
                message["headers"] = [*others, *_ENCODED, _KEPT_A_DAY if static else _NEVER_KEPT]
            await send(message)

        if self._hosts is not None and plain_host(without_port(_header(scope, b"host", ""))) not in self._hosts:
            refused = of_tastemaker(ForeignHost())
            await respond(Request(scope), refused)(scope, receive, send_with_headers)
            return
        limit = max_body(scope["path"])
        if _declared_size(scope) > limit:
            too_large = problem(413, "too-large", f"the body is larger than {limit} bytes")
            await respond(Request(scope), too_large)(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, _counted(receive, limit), send_with_headers)
        except Exception:
            log.exception("failed: %s", without_ids(scope))
            if started:
                raise
            await respond(Request(scope), unexpected())(scope, receive, send_with_headers)


def without_port(host: str) -> str:
    """Return the name or address of a header ``Host``.

    >>> [without_port(host) for host in ("shop:8000", "[::1]:8000", "[::1]", "127.0.0.1")]
    ['shop', '[::1]', '[::1]', '127.0.0.1']
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and not name.endswith(":") and ("]" in name or ":" not in name) else host


@lru_cache(maxsize=_HOSTS)
def plain_host(host: str) -> str:
    """Return a name or an address in its one spelling: small letters, no brackets, no final full stop.

    >>> [plain_host(host) for host in ("Shop.Example.", "[0:0:0:0:0:0:0:1]", "127.0.0.1")]
    ['shop.example', '::1', '127.0.0.1']
    """
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return name


def _header(scope: Scope, name: bytes, default: str) -> str:
    """Return the first header of a request with this name, in small letters as all of them are."""
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), default)


def _declared_size(scope: Scope) -> int:
    declared = _header(scope, b"content-length", "0")
    return int(declared) if declared.isdigit() else 0


def _counted(receive: Receive, limit: int) -> Receive:
    """Stop reading a body, whatever size it claimed to have, once it is too large."""
    size = 0

    async def receive_counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
        return message

    return receive_counted
