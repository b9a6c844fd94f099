"""The addresses that are asked most are answered past the framework, and nobody can tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.server.fake import LiveShop, connect
from tests.server.moment import NOW

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tastemaker.server.direct import Directed

pytestmark = pytest.mark.needs_extra("serve")

JSON = {"content-type": "application/json"}
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing": (b"", {}),
    "no JSON": (b'{"k": 1,}', JSON),
    "not UTF-8": (b"\xff", JSON),
    "a list": (b"[1]", JSON),
    "null": (b"null", JSON),
    "text": (b'"ann"', JSON),
    "another type": (b'{"k": 1}', {"content-type": "text/plain"}),
    "no type": (b'{"k": 1}', {}),
    "a type with parameters": (b'{"k": 1}', {"content-type": "Application/JSON; charset=utf-8"}),
    "a kind of JSON": (b'{"k": 1}', {"content-type": "application/merge-patch+json"}),
    "too deep": (b"[" * 40 + b"]" * 40, JSON),
    "too large": (b'"' + b"a" * 1_000_001 + b'"', JSON),
    "an unknown field": (b'{"user": "ann"}', JSON),
    "wrong fields": (b'{"k": 0, "user_id": "", "session": ["a", {"item_id": "b", "weight": 1000}, []]}', JSON),
    "a wrong filter": (b'{"filters": "nonsense"}', JSON),
    "a wrong event": (b'{"history": [{"item": 3}]}', JSON),
}


EVENT = b'{"event_id": "e", "user_id": "ann", "item_id": "i", "event": "view"}'
EVENTS: dict[str, tuple[bytes, dict[str, str]]] = {
    **{name: case for name, case in BODIES.items() if name != "a kind of JSON"},
    "an empty object": (b"{}", JSON),
    "an empty list": (b"[]", JSON),
    "an event": (EVENT, JSON),
    "an event under another type": (EVENT, {"content-type": "text/plain"}),
    "an event of the future": (EVENT[:-1] + b', "timestamp": 253402300799}', JSON),
    "a batch": (b'{"events": [' + EVENT + b', {"user_id": 3}, 7]}', JSON),
    "a batch of nothing": (b'{"events": []}', JSON),
    "an event named by its header": (EVENT.replace(b'"event_id": "e", ', b""), {**JSON, "Idempotency-Key": "once"}),
    "a header without a name": (EVENT, {**JSON, "Idempotency-Key": ""}),
    "a header that is too long": (EVENT, {**JSON, "idempotency-key": "k" * 129}),
    "a header that is too long and no body": (b"", {**JSON, "idempotency-key": "k" * 129}),
}


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


def answered(address: str, body: bytes, headers: dict[str, str], *, directly: bool) -> tuple[int, Any, Any]:
    """Return what a fresh server answers, without what it names at random."""
    with connect(LiveShop(), clock=lambda: NOW) as client:
        app = cast("Directed", client.app)
        assert ("POST", address) in app.direct
        if not directly:
            app.direct = {}
        answer = client.post(address, content=body, headers=headers)
    said = {**answer.json(), "recommendation_id": None, "cursor": None}
    return answer.status_code, dict(answer.headers) | {"content-length": ""}, said


@pytest.mark.parametrize("case", BODIES)
def test_whatever_is_sent_is_answered_as_by_the_framework(case: str) -> None:
    assert answered("/v1/recommend", *BODIES[case], directly=True) == answered(
        "/v1/recommend", *BODIES[case], directly=False
    )


@pytest.mark.parametrize("case", EVENTS)
def test_events_are_taken_as_by_the_framework(case: str) -> None:
    assert answered("/v1/events", *EVENTS[case], directly=True) == answered("/v1/events", *EVENTS[case], directly=False)


@pytest.mark.parametrize(("address", "body"), [("/v1/recommend", b'{"k": 1}'), ("/v1/events", EVENT)])
def test_both_are_counted_alike(client: TestClient, address: str, body: bytes) -> None:
    app = cast("Directed", client.app)
    for direct in (app.direct, {}):
        app.direct = direct
        client.post(address, content=body, headers=JSON)
    counted = f'tastemaker_request_seconds_count{{method="POST",route="{address}",status="200"}} 2.0'
    assert counted in client.get("/metrics").text


def test_a_failure_tells_nothing_of_the_insides(client: TestClient, shop: LiveShop, monkeypatch: Any) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("the insides")

    monkeypatch.setattr(shop, "recommend", fail)
    answer = client.post("/v1/recommend", json={"k": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "insides" not in answer.text


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_waits_for_something_keeps_nobody_else_waiting(
    client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    threads: list[int] = []
    recommend = shop.recommend

    def noting(*given: Any, **how: Any) -> Any:
        threads.append(threading.get_ident())
        return recommend(*given, **how)

    monkeypatch.setattr(shop, "recommend", noting)
    for scenario in ("home", "slow", "home"):
        asked = {"params" if method == "GET" else "json": {"scenario": scenario}}
        assert client.request(method, "/v1/recommend", **cast(Any, asked)).status_code == 200
    assert threads[0] == threads[2] != threads[1]
