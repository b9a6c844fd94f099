"""The address that is asked most, answered past the framework: its body is read and checked once, its errors stay."""

from __future__ import annotations

from email.message import Message as Header
from json import JSONDecodeError
from typing import Any, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tastemaker.server.guard import GuardedRoute, ShallowRequest
from tastemaker.server.validation import InvalidBody, plain

M = TypeVar("M", bound=BaseModel)


class Direct:
    """ASGI application of one route without parameters, whose endpoint takes the request and a body.

    What goes in and out, the description and every error are those of the same route in the framework.

    Args:
        app: The application that the route belongs to; its handlers answer errors.
        route: The route.
        body: What the body has to be.
    """

    def __init__(self, app: FastAPI, route: GuardedRoute, body: type[BaseModel]) -> None:
        self._app, self._route, self._body = app, route, body
        self._handlers = app.exception_handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope.update(app=self._app, route=self._route, endpoint=self._route.endpoint, path_params={})
        request = ShallowRequest(scope, receive)
        try:
            response = await self._route.answer(request, self._answer)
        except Exception as error:
            kinds = type(error).__mro__
            handler: Any = next((self._handlers[kind] for kind in kinds if kind in self._handlers), None)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        answered: Response = await self._route.endpoint(request, await read_body(request, self._body))
        return answered


class Directed(FastAPI):
    """An application that answers one route past the framework.

    Attributes:
        direct: What answers it; ``None`` for the framework.
        directed: Its method and path.
    """

    direct: ASGIApp | None = None
    directed: tuple[str, str] = ("", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.direct is not None and (scope.get("method"), scope.get("path")) == self.directed:
            await self.direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def read_body(request: Request, model: type[M]) -> M:
    """Return the body of a request, checked.

    Raises:
        InvalidBody: It is no JSON, or not what it should be.
        HTTPException: It cannot be read.
    """
    try:
        given: Any = await request.body()
        if given and _is_json(request.headers.get("content-type", "")):
            given = await request.json()
        return model.model_validate(given, from_attributes=True)
    except JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": (error.pos,), "msg": "JSON decode error", "ctx": {"error": error.msg}}
        raise InvalidBody([wrong], model) from error
    except ValidationError as error:
        raise InvalidBody(plain(error), model) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "there was nobody left to read the body of") from error


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    header = Header()
    header["content-type"] = content_type
    kind = header.get_content_subtype()
    return header.get_content_maintype() == "application" and (kind == "json" or kind.endswith("+json"))
