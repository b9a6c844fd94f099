"""The load generator: what it makes of bytes and of latencies, and what it does against a socket on loopback."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.parts.load import Outcome, Plan, answer_in, quantile, request
from benchmarks.parts.load_driving import carry_out

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def test_a_request_says_how_long_its_body_is() -> None:
    head, _, body = request("POST", "/v1/events", {"a": "é"}).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/events HTTP/1.1"
    assert f"Content-Length: {len(body)}".encode() in lines
    assert json.loads(body) == {"a": "é"}


def test_an_answer_is_found_once_it_is_whole() -> None:
    assert [answer_in(OK[:length]) for length in range(len(OK))] == [None] * len(OK)
    assert answer_in(OK) == (200, b"hello")


def test_names_of_headers_may_be_large_or_small() -> None:
    assert answer_in(b"HTTP/1.1 503 Busy\r\nX: y\r\nContent-Length: 0\r\n\r\n") == (503, b"")


def test_an_answer_has_to_say_how_long_it_is() -> None:
    with pytest.raises(ValueError, match="without Content-Length"):
        answer_in(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 0.999, 1.0)] == [1.0, 50.0, 99.0, 100.0, 100.0]
    assert quantile([7.0], 0.5) == 7.0
    assert math.isnan(quantile([], 0.5))


def test_only_good_answers_count_for_the_rate() -> None:
    outcome = Outcome(latencies=[1.0] * 10, seconds=2.0)
    outcome.fail("status 503")
    outcome.fail("status 503")
    assert outcome.errors == {"status 503": 2}
    assert outcome.failed == 2
    assert outcome.rate == 4.0


# -- against a socket ---------------------------------------------------------------------------------------------


class Server(asyncio.Protocol):
    """Answers as it is told, and notes what came."""

    def __init__(self, answer: Callable[[bytes, asyncio.Transport], None], came: list[bytes]) -> None:
        self._answer, self._came = answer, came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came.append(data)
        self._answer(data, self._transport)


def driven(
    answer: Callable[[bytes, asyncio.Transport], None],
    requests: list[bytes],
    *,
    rate: float | None = None,
    connections: int = 2,
    mark: bytes = b"",
    patience: float = 30.0,
) -> tuple[Outcome, list[bytes]]:
    async def run() -> tuple[Outcome, list[bytes]]:
        came: list[bytes] = []
        server = await asyncio.get_running_loop().create_server(lambda: Server(answer, came), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        plan = Plan((address[0], address[1]), requests, rate, connections, mark, patience)
        outcome = await carry_out(plan)
        server.close()
        return outcome, came

    return asyncio.run(run())


def hello(data: bytes, transport: asyncio.Transport) -> None:
    transport.write(OK)


def test_every_request_is_sent_once_and_answered() -> None:
    requests = [request("GET", f"/{number}") for number in range(20)]
    outcome, came = driven(hello, requests, mark=b"hello")
    assert sorted(came) == sorted(requests)
    assert len(outcome.latencies) == 20
    assert (outcome.failed, outcome.unmarked, outcome.sample) == (0, 0, b"hello")


def test_answers_without_the_mark_and_other_statuses_are_told_apart() -> None:
    def answer(data: bytes, transport: asyncio.Transport) -> None:
        transport.write(OK.replace(b"200", b"500") if b"/bad" in data else OK)

    requests = [request("GET", "/bad"), request("GET", "/good")]
    outcome, _ = driven(answer, requests, mark=b"goodbye", connections=1)
    assert (outcome.errors, outcome.unmarked) == ({"status 500": 1}, 1)


def test_what_waits_behind_a_slow_answer_has_waited_since_it_was_due() -> None:
    # One connection, a request each 10 ms, and an answer to the first after 50: the others were due at 10 and at 20.
    first = True

    def answer(data: bytes, transport: asyncio.Transport) -> None:
        nonlocal first
        delay, first = (0.05 if first else 0.0), False
        asyncio.get_running_loop().call_later(delay, transport.write, OK)

    outcome, _ = driven(answer, [request("GET", "/")] * 3, rate=100.0, connections=1)
    assert [waited >= least for waited, least in zip(outcome.latencies, (49, 39, 29), strict=True)] == [True] * 3
    assert [late >= least for late, least in zip(outcome.late[1:], (39, 29), strict=True)] == [True] * 2


def test_a_connection_that_breaks_is_an_error_and_the_others_go_on() -> None:
    def answer(data: bytes, transport: asyncio.Transport) -> None:
        if b"/break" in data:
            transport.abort()
        else:
            transport.write(OK)

    requests = [request("GET", "/break"), *[request("GET", "/")] * 5]
    outcome, _ = driven(answer, requests, connections=2)
    assert outcome.errors == {"connection lost": 1}
    assert len(outcome.latencies) == 6


def test_without_any_connection_left_nothing_is_waited_for() -> None:
    outcome, _ = driven(lambda data, transport: transport.abort(), [request("GET", "/")] * 3, connections=1)
    assert outcome.errors == {"connection lost": 1, "no connection left": 2}


def test_a_server_that_never_answers_is_given_up() -> None:
    outcome, _ = driven(lambda data, transport: None, [request("GET", "/")] * 3, rate=1e6, connections=1, patience=0.05)
    assert outcome.errors == {"no answer in time": 3}
    assert min(outcome.latencies) >= 49
