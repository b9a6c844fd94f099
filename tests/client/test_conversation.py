"""How often a request is sent, and how long is waited in between."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.client.conversation import LONGEST_WAIT, Outcome, Wait, converse
from tastemaker.core.errors import ServiceError


def talk(outcomes: list[Outcome], attempts: int, chance: float = 1.0) -> tuple[httpx.Response, list[float], int]:
    """Play a conversation; return the answer, the waits, and how often the request was sent."""
    steps = converse("http://shop", attempts, lambda: chance)
    waits: list[float] = []
    sent = 0
    outcome: Outcome = None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as done:
            return done.value, waits, sent
        if isinstance(step, Wait):
            waits.append(step.seconds)
            outcome = None
        else:
            outcome = outcomes[sent]
            sent += 1


def status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("code", [200, 400, 401, 404, 409, 422, 500])
def test_what_is_answered_is_not_asked_again(code: int) -> None:
    found, waits, sent = talk([status(code)], 4)
    assert (found.status_code, waits, sent) == (code, [], 1)


def test_waits_double_until_somebody_answers() -> None:
    lost = httpx.ConnectError("refused")
    found, waits, sent = talk([lost, status(503), httpx.ReadTimeout("late"), status(200)], 4)
    assert (found.status_code, sent) == (200, 4)
    assert waits == [0.1, 0.2, 0.4]
    assert talk([lost, status(200)], 4, chance=0.0)[1] == [0.05]


def test_what_the_server_says_is_waited() -> None:
    _, waits, _ = talk([status(429, retry_after="7"), status(503, retry_after="soon"), status(200)], 4)
    assert waits == [7.0, 0.2]


def test_a_server_that_asks_for_much_patience_is_told_of_at_once() -> None:
    found, waits, sent = talk([status(429, retry_after=str(int(LONGEST_WAIT) + 1))], 4)
    assert (found.status_code, waits, sent) == (429, [], 1)


def test_after_the_last_attempt_the_refusal_is_the_answer() -> None:
    found, waits, sent = talk([status(429)] * 3, 3)
    assert (found.status_code, len(waits), sent) == (429, 2, 3)


def test_a_server_that_cannot_be_reached_is_said_to_be_so() -> None:
    with pytest.raises(ServiceError, match="cannot be reached: ConnectError") as caught:
        talk([httpx.ConnectError("refused")] * 2, 2)
    assert caught.value.where == "http://shop"
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@settings(max_examples=50)
@given(codes=st.lists(st.sampled_from([200, 404, 429, 503]), min_size=5, max_size=5), attempts=st.integers(1, 5))
def test_nothing_is_sent_more_often_than_is_allowed(codes: list[int], attempts: int) -> None:
    found, waits, sent = talk([status(code) for code in codes], attempts)
    assert sent <= attempts
    assert len(waits) == sent - 1
    assert found.status_code == codes[sent - 1]
