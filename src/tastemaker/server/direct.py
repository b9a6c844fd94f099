"""The addresses that are asked most, answered past the framework: a body is checked once, its errors stay."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from email.message import Message as Header
from json import JSONDecodeError
from types import MappingProxyType
from typing import Any, TypeAlias

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tastemaker.server.guard import GuardedRoute, ShallowRequest
from tastemaker.server.validation import InvalidBody, plain

Reading: TypeAlias = Callable[[Request], Coroutine[Any, Any, Sequence[Any]]]
"""Reads what an endpoint takes beside the request, in the order in which it takes it."""


class Direct:
    """ASGI application of one route without parameters in its path.

    What goes in and out, the description and every error are those of the same route in the framework.

    Args:
        app: The application that the route belongs to; its handlers answer errors.
        route: The route.
        read: What its endpoint takes.
    """

    def __init__(self, app: FastAPI, route: GuardedRoute, read: Reading) -> None:
        self._app, self._route, self._read = app, route, read
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
        answered: Response = await self._route.endpoint(request, *await self._read(request))
        return answered


class Directed(FastAPI):
    """An application that answers some routes past the framework.

    Attributes:
        direct: Method and path -> what answers there.
    """

    direct: Mapping[tuple[str, str], ASGIApp] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        direct = self.direct.get((scope.get("method", ""), scope.get("path", "")))
        if direct is not None:
            await direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def reading(model: type[BaseModel]) -> Reading:
    """Return what reads the body of a request as a model."""

    async def read(request: Request) -> Sequence[Any]:
        given = await read_body(request, model)
        try:
            return [model.model_validate(given, from_attributes=True)]
        except ValidationError as error:
            raise InvalidBody(plain(error), model) from error

    return read


async def read_body(request: Request, model: type[BaseModel]) -> Any:
    """Return the body of a request as JSON values, or as bytes where it does not say that it is JSON.

    Args:
        request: The request.
        model: What the body should be.

    Raises:
        InvalidBody: It is no JSON.
        HTTPException: It cannot be read.
    """
    try:
        given = await request.body()
        return await request.json() if given and _is_json(request.headers.get("content-type", "")) else given
    except JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": (error.pos,), "msg": "JSON decode error", "ctx": {"error": error.msg}}
        raise InvalidBody([wrong], model) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "there was nobody left to read the body of") from error


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    header = Header()
    header["content-type"] = content_type
    kind = header.get_content_subtype()
    return header.get_content_maintype() == "application" and (kind == "json" or kind.endswith("+json"))
