"""The address that is asked most is answered past the framework, and nobody can tell."""

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


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


@pytest.mark.parametrize("case", BODIES)
def test_whatever_is_sent_is_answered_as_by_the_framework(client: TestClient, case: str) -> None:
    body, headers = BODIES[case]
    app = cast("Directed", client.app)
    answers: list[Any] = []
    for direct in (app.direct, None):
        app.direct = direct
        answer = client.post("/v1/recommend", content=body, headers=headers)
        said = answer.json()
        said.pop("recommendation_id", None)
        said.pop("cursor", None)
        answers.append((answer.status_code, dict(answer.headers) | {"content-length": ""}, said))
    assert answers[0] == answers[1]


def test_both_are_counted_alike(client: TestClient) -> None:
    app = cast("Directed", client.app)
    for direct in (app.direct, None):
        app.direct = direct
        client.post("/v1/recommend", json={"k": 1})
    counted = 'tastemaker_request_seconds_count{method="POST",route="/v1/recommend",status="200"} 2.0'
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
