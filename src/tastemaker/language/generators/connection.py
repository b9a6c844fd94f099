"""Requests to one server, by httpx: sent again when that may help, so many at a time, cut at their deadline."""

from __future__ import annotations

import asyncio
import json
import os
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import DeadlineExceededError, GenerationError, ServiceError
from tastemaker.language.services import LONGEST_WAIT, PASSING, asked_wait, told, wait_before

if TYPE_CHECKING:
    import httpx

sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Refused(ServiceError):
    """The server understood the request and will not have it.

    Args:
        status: The status code.
        text: All that it said, without the key.
    """

    def __init__(self, message: str, *, status: int, text: str, where: str, remedy: str) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status
        self.text = text


class Connection:
    """Sends JSON to one address; every method runs on the loop of `background`.

    Args:
        address: Where to.
        timeout: Seconds for one request; of a stream, for its beginning and between any two pieces.
        retries: How often a request is sent again after something that passes; waits double from half a second, or
            are what ``Retry-After`` says, up to a minute.
        concurrency: Requests at a time; others wait for their turn.
    """

    def __init__(self, address: str, *, timeout: float, retries: int, concurrency: int) -> None:
        self.address = address
        self.timeout = timeout
        self.retries = retries
        self.concurrency = concurrency
        self._opened: dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, asyncio.Semaphore]] = {}

    def _here(self) -> tuple[httpx.AsyncClient, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            import httpx

            client = httpx.AsyncClient(timeout=self.timeout)
            self._opened[loop] = client, asyncio.Semaphore(self.concurrency)
            weakref.finalize(self, _close, client, loop, os.getpid())
        return self._opened[loop]

    async def post(self, body: Any, key: str, deadline: float | None) -> Any:
        """Return the JSON that the server answers.

        Args:
            body: JSON values.
            key: Sent as a bearer token; it stands in no error.
            deadline: A moment of `time.monotonic`.

        Raises:
            Refused: The server said no.
            DeadlineExceededError: The answer was not there in time.
            ServiceError: There was no useful answer, however often it was asked.
        """

        async def read(answer: httpx.Response) -> Any:
            return self._json(answer, await answer.aread())

        async with self._cut(deadline), self._here()[1], self._answer(body, key, deadline, read) as found:
            return found

    async def events(self, body: Any, key: str, deadline: float | None) -> AsyncGenerator[Any, None]:
        """Yield the JSON of each event that the server sends; all of one answer where it sends no events.

        Raises:
            GenerationError: The stream broke off, or held what is no JSON.
            ServiceError: As `post`.
        """
        async with self._cut(deadline), self._here()[1], self._answer(body, key, deadline, _as_it_is) as answer:
            kind = answer.headers.get("content-type", "")
            if "text/event-stream" not in kind:
                yield self._json(answer, await self._whole(answer))
                return
            async for line in self._lines(answer):
                if line.startswith("data:") and (data := line[5:].strip()):
                    if data == "[DONE]":
                        yield DONE
                        return
                    yield self._event(data)

    async def _whole(self, answer: httpx.Response) -> bytes:
        return b"\n".join([line.encode() async for line in self._lines(answer)])

    async def _lines(self, answer: httpx.Response) -> AsyncIterator[str]:
        import httpx

        try:
            async for line in answer.aiter_lines():
                yield line
        except httpx.TimeoutException as error:
            raise self._broken(f"the endpoint wrote nothing for {self.timeout:g} s in the middle of a reply") from error
        except httpx.HTTPError as error:
            raise self._broken(f"the connection broke in the middle of a reply: {error}") from error

    def _broken(self, what: str) -> GenerationError:
        return GenerationError(what, where=self.address, remedy=_REMEDIES[None])

    def _event(self, data: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise GenerationError(
                "the endpoint wrote an event that is no JSON", where=self.address, remedy=_WRONG_API
            ) from error

    @asynccontextmanager
    async def _cut(self, deadline: float | None) -> AsyncIterator[None]:
        """Let all that is done within end at a deadline."""
        if deadline is None:
            yield
            return
        limit = asyncio.timeout(deadline - time.monotonic())
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._late("the reply was not there in time") from error

    def _late(self, what: str) -> DeadlineExceededError:
        return DeadlineExceededError(what, where=self.address, remedy="Grant more time, or ask for less.")

    @asynccontextmanager
    async def _answer(
        self, body: Any, key: str, deadline: float | None, read: Callable[[httpx.Response], Awaitable[Any]]
    ) -> AsyncIterator[Any]:
        """Send a request until it is answered with 200; give what is read of the answer while it is open."""
        for attempt in range(self.retries + 1):
            answer, found, failure = await self._once(body, key, read)
            if answer is not None and answer.status_code == 200 and not failure:
                try:
                    yield found
                finally:
                    await answer.aclose()
                return
            status = None if answer is None else answer.status_code
            if answer is not None and status not in PASSING and status != 200:
                raise self._refused(failure, answer, key)
            if attempt < self.retries:
                await self._wait(attempt, answer, failure, deadline)
        times = f", {self.retries + 1} times" if self.retries else ""
        if answer is not None and answer.status_code != 200:
            raise self._refused(f"{failure}{times}", answer, key)
        raise ServiceError(f"{failure}{times}", where=self.address, remedy=_REMEDIES[None])

    async def _wait(self, attempt: int, answer: httpx.Response | None, failure: str, deadline: float | None) -> None:
        asked_for = asked_wait(answer.headers.get("retry-after", "")) if answer is not None else None
        if asked_for is not None and asked_for > LONGEST_WAIT:
            raise ServiceError(
                f"{failure} and wants {asked_for:.0f} s before the next request", where=self.address, remedy=_REMEDY
            )
        wait = wait_before(attempt, asked_for)
        if deadline is not None and time.monotonic() + wait >= deadline:
            raise self._late(f"{failure}, and there was no time to ask again")
        await sleep(wait)

    async def _once(
        self, body: Any, key: str, read: Callable[[httpx.Response], Awaitable[Any]]
    ) -> tuple[httpx.Response | None, Any, str]:
        """Send a request once; return the answer, what was read of it, and in words what was wrong."""
        import httpx

        client, _ = self._here()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = client.build_request("POST", self.address, json=body, headers=headers)
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                answer = await client.send(request, stream=True)
                if answer.status_code != 200:
                    await answer.aread()
                    return answer, None, f"the endpoint answered {answer.status_code}{told(answer.text, key)}"
                return answer, await read(answer), ""
        except (httpx.TimeoutException, TimeoutError) as error:
            if isinstance(error, TimeoutError) and not limit.expired():
                raise
            return None, None, f"the endpoint did not answer within {self.timeout:g} s"
        except httpx.ConnectError as error:
            return None, None, f"the endpoint cannot be reached: {error}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, None, f"the connection to the endpoint broke: {error}"

    def _refused(self, what: str, answer: httpx.Response, key: str) -> Refused:
        said = answer.text.replace(key, "[key]") if key else answer.text
        status = answer.status_code
        return Refused(what, status=status, text=said, where=self.address, remedy=_REMEDIES.get(status, _REMEDY))

    def _json(self, answer: httpx.Response, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            kind = answer.headers.get("content-type", "no content type")
            raise ServiceError(
                f"the endpoint answered what is no JSON ({kind})", where=self.address, remedy=_WRONG_API
            ) from error


DONE: Final = object()
"""Stands for the mark by which a server says that a stream is whole."""


async def _as_it_is(answer: httpx.Response) -> httpx.Response:
    return answer


def _close(client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop, process: int) -> None:
    # A process that was forked has no part in the connections of the one that opened them.
    if process == os.getpid() and loop.is_running():
        asyncio.run_coroutine_threadsafe(client.aclose(), loop)


_WRONG_API: Final = "Is this the address of an OpenAI-compatible API, version included (mostly .../v1)?"
_KEY: Final = "Check the key: key_from names the environment variable that holds it."
_REMEDY: Final = "Try again later."
_REMEDIES: Final = {
    None: "Is the server running, and is the address right?",
    400: "Check the model's name and the settings of the generator.",
    401: _KEY,
    403: _KEY,
    404: "Check the address (it mostly ends in /v1) and the model's name.",
    422: "Check the model's name and the settings of the generator.",
}
"""Status code, ``None`` where there was no answer -> what helps."""
