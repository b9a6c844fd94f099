"""What surrounds every request: a limit on its size, headers on its answer, and no traceback to the outside."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tastemaker.server.limits import max_body
from tastemaker.server.problems import log, problem, respond, unexpected

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Shield:
    """ASGI middleware around a whole application.

    Args:
        app: What it surrounds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

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
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # Pages and answers tell of a person; pictures and style do not.
                static = scope["path"].startswith("/static/") and message["status"] < 400
                headers["Cache-Control"] = "public, max-age=86400" if static else "no-store"
            await send(message)

        request = Request(scope)
        limit = max_body(scope["path"])
        if _declared_size(scope) > limit:
            too_large = problem(413, "too-large", f"the body is larger than {limit} bytes")
            await respond(request, too_large)(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, _counted(receive, limit), send_with_headers)
        except Exception:
            # The address without its query: that holds what a person likes.
            log.exception("failed: %s %s", scope["method"], scope["path"])
            if started:
                raise
            await respond(request, unexpected())(scope, receive, send_with_headers)


def _declared_size(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "0")
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
