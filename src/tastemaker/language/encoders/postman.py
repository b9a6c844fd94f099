"""Requests to a model's server: sent again when that may help, and errors that say what the server said."""

from __future__ import annotations

import time
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import ServiceError
from tastemaker.language.services import LONGEST_WAIT, PASSING, asked_wait, told, wait_before

if TYPE_CHECKING:
    import httpx


class Postman:
    """Sends JSON to one address.

    Args:
        address: Where to.
        timeout: Seconds for one request.
        retries: How often a request is sent again after something that passes; waits double from half a second, or
            are what ``Retry-After`` says, up to a minute.
    """

    def __init__(self, address: str, *, timeout: float, retries: int) -> None:
        self.address = address
        self.timeout = timeout
        self.retries = retries

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        client = httpx.Client(timeout=self.timeout)
        weakref.finalize(self, client.close)
        return client

    def ask(self, body: Any, key: str = "") -> Any:
        """Return the JSON that the server answers.

        Args:
            body: JSON values.
            key: Sent as a bearer token; it stands in no error.

        Raises:
            ServiceError: There was no useful answer, however often it was asked.
        """
        wait = 0.0
        for attempt in range(self.retries + 1):
            time.sleep(wait)
            answer, failure = self._once(body, key)
            if answer is not None and answer.status_code == 200:
                return self._json(answer)
            if answer is not None and answer.status_code not in PASSING:
                raise self._refusal(failure, answer.status_code)
            asked_for = asked_wait(answer.headers.get("retry-after", "")) if answer is not None else None
            if asked_for is not None and asked_for > LONGEST_WAIT:
                raise self._refusal(f"{failure} and wants {asked_for:.0f} s before the next request", 429)
            wait = wait_before(attempt, asked_for)
        times = f", {self.retries + 1} times" if self.retries else ""
        raise self._refusal(f"{failure}{times}", None if answer is None else answer.status_code)

    def _once(self, body: Any, key: str) -> tuple[httpx.Response | None, str]:
        """Send a request once; return the answer if there was one, and in words what was wrong with it."""
        import httpx

        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            answer = self._client.post(self.address, json=body, headers=headers)
        except httpx.TimeoutException:
            return None, f"the endpoint did not answer within {self.timeout:g} s"
        except httpx.ConnectError as error:
            return None, f"the endpoint cannot be reached: {error}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"the connection to the endpoint broke: {error}"
        return answer, f"the endpoint answered {answer.status_code}{told(answer.text, key)}"

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            kind = answer.headers.get("content-type", "no content type")
            raise ServiceError(
                f"the endpoint answered what is no JSON ({kind})",
                where=self.address,
                remedy="Is this the address of an OpenAI-compatible API, version included (mostly .../v1)?",
            ) from error

    def _refusal(self, what: str, status: int | None) -> ServiceError:
        return ServiceError(what, where=self.address, remedy=_REMEDIES.get(status, _REMEDY))


_REMEDY: Final = "Try again later; what was encoded before is kept."
_REMEDIES: Final = {
    None: "Is the server running, and is the address right? What was encoded before is kept.",
    400: "Check the model's name; texts may be too long for it (max_chars) or too many (batch).",
    401: "Check the key: key_from names the environment variable that holds it.",
    403: "Check the key: key_from names the environment variable that holds it.",
    404: "Check the address (it mostly ends in /v1) and the model's name.",
    413: "Send less at a time: lower batch or max_chars.",
    422: "Check the model's name; texts may be too long for it (max_chars) or too many (batch).",
}
"""Status code, ``None`` where there was no answer -> what helps."""
