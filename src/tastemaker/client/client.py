"""The two clients: one waits for answers, one is awaited. What they can ask is in `tastemaker.client.calls`."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from tastemaker.client import calls
from tastemaker.client.call import Call
from tastemaker.client.conversation import Outcome, Wait, checked, converse
from tastemaker.core.errors import ConfigError

P = ParamSpec("P")
T = TypeVar("T")


class Endpoint(Generic[P, T]):
    """A method of both clients, made of the description of its call.

    Args:
        describe: Returns the call.
    """

    def __init__(self, describe: Callable[P, Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        """Return the method of a client."""
        if client is None:
            return self

        @functools.wraps(self._describe)
        def ask(*args: P.args, **given: P.kwargs) -> Any:
            return client.ask(self._describe(*args, **given))

        return ask


class Endpoints:
    """What both clients can ask."""

    recommend = Endpoint(calls.recommend)
    similar = Endpoint(calls.similar)
    explain = Endpoint(calls.explain)
    recommendation = Endpoint(calls.recommendation)
    scenarios = Endpoint(calls.scenarios)
    send_event = Endpoint(calls.send_event)
    send_events = Endpoint(calls.send_events)
    feedback = Endpoint(calls.feedback)
    search = Endpoint(calls.search)
    find_items = Endpoint(calls.find_items)
    items = Endpoint(calls.items)
    item = Endpoint(calls.item)
    put_item = Endpoint(calls.put_item)
    put_items = Endpoint(calls.put_items)
    patch_item = Endpoint(calls.patch_item)
    delete_item = Endpoint(calls.delete_item)
    person = Endpoint(calls.person)
    put_person = Endpoint(calls.put_person)
    patch_person = Endpoint(calls.patch_person)
    merge_people = Endpoint(calls.merge_people)
    export_person = Endpoint(calls.export_person)
    erase_person = Endpoint(calls.erase_person)
    back_up = Endpoint(calls.back_up)
    jobs = Endpoint(calls.jobs)
    job = Endpoint(calls.job)
    enqueue_job = Endpoint(calls.enqueue_job)
    cancel_job = Endpoint(calls.cancel_job)
    models = Endpoint(calls.models)
    promote_model = Endpoint(calls.promote_model)
    roll_back_model = Endpoint(calls.roll_back_model)
    ready = Endpoint(calls.ready)

    def __init__(self, url: str, attempts: int) -> None:
        if attempts < 1:
            raise ConfigError(f"{attempts} attempts send nothing", where="attempts", remedy="Give 1 or more.")
        self._url = url.rstrip("/")
        self._attempts = attempts

    def __repr__(self) -> str:
        # The key is not shown.
        return f"{type(self).__name__}({self._url!r})"


def _headers(key: str | None, user_token: str | None) -> dict[str, str]:
    asks = {"Authorization": f"Bearer {key}"} if key else {}
    return {**asks, "X-User-Token": user_token} if user_token else asks


class Client(Endpoints):
    """Asks a server, and waits for each answer. May be shared by threads; close it, or use it in a ``with``.

    Args:
        url: Of the server, such as ``http://127.0.0.1:8000``.
        key: What `tastemaker keys create` showed, where the server has keys.
        user_token: For whom a key of signed users acts (docs/api.md says how one is made).
        timeout: Seconds for one attempt.
        attempts: How often a request is sent that did not get through.
        transport: Sends requests in another way, in tests.
        sleep: Waits between two attempts.

    Raises:
        ServiceError: By every method: the server cannot be reached, has no use for the key, or failed.
        BusyError: By every method: more was asked for than the server can do, even after waiting.
        QueryError: By every method: the request cannot be answered as it was put.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        user_token: str | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(url, attempts)
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=self._url, headers=_headers(key, user_token), timeout=timeout, transport=transport
        )

    def ask(self, call: Call[T]) -> T:
        """Send a call and return its answer; the other methods do no more than describe theirs."""
        request = self._http.build_request(call.method, call.path, params=call.query, json=call.body)
        steps = converse(self._url, self._attempts)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return call.answer(checked(done.value))
            if isinstance(step, Wait):
                self._sleep(step.seconds)
                outcome = None
            else:
                try:
                    outcome = self._http.send(request)
                except httpx.TransportError as error:
                    outcome = error

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Endpoints):
    """Asks a server; every method is awaited. Close it with ``aclose``, or use it in an ``async with``.

    Args:
        url: As of `Client`.
        key: As of `Client`.
        user_token: As of `Client`.
        timeout: As of `Client`.
        attempts: As of `Client`.
        transport: As of `Client`.
        sleep: Waits between two attempts.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        user_token: str | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(url, attempts)
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=self._url, headers=_headers(key, user_token), timeout=timeout, transport=transport
        )

    async def ask(self, call: Call[T]) -> T:
        """Send a call and return its answer; the other methods do no more than describe theirs."""
        request = self._http.build_request(call.method, call.path, params=call.query, json=call.body)
        steps = converse(self._url, self._attempts)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return call.answer(checked(done.value))
            if isinstance(step, Wait):
                await self._sleep(step.seconds)
                outcome = None
            else:
                try:
                    outcome = await self._http.send(request)
                except httpx.TransportError as error:
                    outcome = error

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
