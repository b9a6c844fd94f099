"""Limits: on how often, how much at once, how large and how deep."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.fake import Hands, LiveShop, connect
from tests.server.test_api import assert_problem
from tests.server.test_keys import bearer, key_for, ring_of

pytestmark = pytest.mark.needs_extra("serve")


def test_as_many_as_the_rate_come_at_once_and_then_as_many_as_time_allows() -> None:
    from tastemaker.server.limits import Gauge, Limits
    from tastemaker.server.refusals import TooManyRequests

    hands = Hands()
    gauge = Gauge(Limits(rate=4), hands)
    for _ in range(4):
        gauge.take("ann")
    with pytest.raises(TooManyRequests, match="more than 4 requests a second") as caught:
        gauge.take("ann")
    assert caught.value.headers == {"Retry-After": "1"}
    gauge.take("bob")
    hands.seconds += 0.5
    gauge.take("ann")
    gauge.take("ann")
    with pytest.raises(TooManyRequests):
        gauge.take("ann")


def test_a_slow_rate_says_how_long_to_wait() -> None:
    from tastemaker.server.limits import Gauge, Limits
    from tastemaker.server.refusals import TooManyRequests

    gauge = Gauge(Limits(rate=0.1), Hands())
    gauge.take("ann")
    with pytest.raises(TooManyRequests) as caught:
        gauge.take("ann")
    assert caught.value.headers == {"Retry-After": "10"}


@settings(max_examples=50)
@given(waits=st.lists(st.floats(0, 3), max_size=40), rate=st.floats(0.5, 8))
def test_nobody_gets_more_than_the_rate_allows(waits: list[float], rate: float) -> None:
    from tastemaker.server.limits import Gauge, Limits
    from tastemaker.server.refusals import TooManyRequests

    hands = Hands()
    gauge = Gauge(Limits(rate=rate), hands)
    began, served = hands.seconds, 0
    for wait in waits:
        hands.seconds += wait
        try:
            gauge.take("ann")
        except TooManyRequests:
            continue
        served += 1
    assert served <= max(1.0, rate) + rate * (hands.seconds - began) + 1e-6


def test_of_askers_without_number_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from tastemaker.server import limits

    monkeypatch.setattr(limits, "_ASKERS", 3)
    gauge = limits.Gauge(limits.Limits(rate=1), Hands())
    for number in range(50):
        gauge.take(f"asker {number}")
    assert len(gauge._buckets) == 3


def test_too_many_requests_are_told_when_to_come_back() -> None:
    from tastemaker.server.limits import Limits

    client = connect(LiveShop(), limits=Limits(rate=2))
    answers = [client.get("/v1/recommend") for _ in range(3)]
    # A second may have passed on a busy machine; then one more was right.
    while answers[-1].status_code == 200:
        answers.append(client.get("/v1/recommend"))
    assert assert_problem(answers[-1], 429)["type"].endswith("too-many-requests")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.get("/health").status_code == 200


def test_each_key_has_a_bucket_of_its_own_and_guessing_has_another() -> None:
    from starlette.requests import Request

    from tastemaker.server.guard import admit
    from tastemaker.server.limits import Gauge, Limits
    from tastemaker.server.refusals import NoKey, TooManyRequests

    (first, token), (second, other) = key_for("read"), key_for("read")
    ring, gauge = ring_of(first, second), Gauge(Limits(rate=1), Hands())

    def ask(headers: dict[str, str]) -> None:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        admit(Request({"type": "http", "headers": raw, "client": ("192.0.2.1", 1)}), ring, gauge, "read")

    ask(bearer(token))
    with pytest.raises(TooManyRequests):
        ask(bearer(token))
    ask(bearer(other))
    with pytest.raises(NoKey):
        ask({})
    with pytest.raises(TooManyRequests):
        ask({})


def test_no_more_is_worked_on_at_once_than_is_allowed() -> None:
    from tastemaker.server.limits import Limits

    shop = LiveShop()
    shop.held = []
    event = {"user_id": "ann", "item_id": "i1", "event": "view"}
    with connect(shop, limits=Limits(concurrency=1)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/events", json=event)
        assert shop.handed_in.wait(30)
        refused = client.get("/v1/recommend")
        assert assert_problem(refused, 429)["detail"] == "the server is busy"
        done, receipts = shop.held[0]
        done.set_result(receipts)
        assert first.result().status_code == 200
        assert client.get("/v1/recommend").status_code == 200


def test_a_body_may_be_as_large_as_its_path_allows() -> None:
    client = connect(LiveShop())
    kind = {"content-type": "application/json"}
    rows = [{"item_id": f"x{number}", "text": "x" * 2000} for number in range(600)]
    items = json.dumps({"items": rows}).encode()
    assert 1_000_000 < len(items) < 8_000_000
    assert client.put("/v1/items", content=items, headers=kind).json()["accepted"] == 600
    assert_problem(client.post("/v1/events", content=items, headers=kind), 413)
    huge = b" " * 8_000_001
    assert_problem(client.put("/v1/items", content=huge, headers=kind), 413)
    pieces = (huge[start : start + 500_000] for start in range(0, len(huge), 500_000))
    assert_problem(client.put("/v1/items", content=pieces, headers=kind), 413)


@pytest.mark.parametrize("depth", [17, 200, 100_000])
def test_a_deep_body_is_refused(depth: int) -> None:
    client = connect(LiveShop())
    body = b'{"context": ' + b"[" * depth + b"]" * depth + b"}"
    response = client.post("/v1/recommend", content=body, headers={"content-type": "application/json"})
    assert "levels within each other" in assert_problem(response, 400)["detail"]


@settings(max_examples=50)
@given(
    value=st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=12), depth=st.integers(0, 5)
)
def test_depth_is_counted_as_the_brackets_are(value: object, depth: int) -> None:
    from tastemaker.server.limits import too_deep

    deepest = level = 0
    for letter in json.dumps(value):
        level += (letter == "[") - (letter == "]")
        deepest = max(deepest, level)
    assert too_deep(value, depth) == (deepest > depth)
