"""Both clients ask a real application and get typed answers, and errors that are ours."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import tastemaker
from tastemaker.client import AsyncClient, Client
from tastemaker.client.client import Endpoint, Endpoints
from tastemaker.core.errors import (
    BusyError,
    ConfigError,
    QueryError,
    ServiceError,
    UnknownItemError,
    UnknownUserError,
)

Handler = Callable[[httpx.Request], httpx.Response]
DONE = {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}


class Spy:
    """Answers requests from a list, the last again and again, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, key: str | None = None, **more: Any) -> Client:
        return Client("http://shop/", key, transport=httpx.MockTransport(self), sleep=self.waits.append, **more)

    def body(self, number: int = -1) -> Any:
        return json.loads(self.requests[number].content)


def problem(status: int, kind: str, **headers: str) -> httpx.Response:
    content = {"type": f"urn:tastemaker:problem:{kind}", "detail": f"it is {kind}", "remedy": "Do better."}
    return httpx.Response(status, json=content, headers=headers)


def test_what_is_not_given_is_not_sent() -> None:
    spy = Spy(httpx.Response(200, json={"items": []}))
    spy.client().recommend("ann", k=3, filters="price < 5", exclude={"i1"}, deadline_ms=20)
    request = spy.requests[0]
    assert (request.method, str(request.url)) == ("POST", "http://shop/v1/recommend")
    assert request.headers["content-type"] == "application/json"
    assert spy.body() == {
        "user_id": "ann",
        "k": 3,
        "filters": "price < 5",
        "exclude": ["i1"],
        "deadline_ms": 20,
        "exclude_seen": True,
        "reasons": True,
        "trace": False,
        "dry_run": False,
    }


def test_ids_of_any_kind_keep_their_letters() -> None:
    spy = Spy(httpx.Response(200, json={}))
    client = spy.client()
    client.item("a/b c?\N{FISH}")
    client.similar(7)
    client.export_person("x/../y")
    paths = [request.url.raw_path.decode() for request in spy.requests]
    assert paths == ["/v1/items/a%2Fb%20c%3F%F0%9F%90%9F", "/v1/similar/7?k=10", "/v1/people/x%2F..%2Fy/export"]


def test_times_go_with_their_zone() -> None:
    spy = Spy(httpx.Response(200, json=DONE))
    client = spy.client()
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    client.send_event("ann", "i1", "view", timestamp=moment)
    client.send_event("ann", "i1", "view", timestamp=moment.replace(tzinfo=None))
    client.send_events([{"user_id": "ann", "item_id": "i1", "event": "view", "timestamp": moment}])
    client.send_event("ann", "i1", "view", timestamp=1.5)
    sent = [spy.body(0), spy.body(1), spy.body(2)["events"][0], spy.body(3)]
    assert [event["timestamp"] for event in sent] == ["2026-03-01T12:00:00+00:00"] * 3 + [1.5]


def test_an_event_that_is_sent_again_has_the_same_name() -> None:
    spy = Spy(httpx.ReadTimeout("lost"), problem(429, "busy", **{"Retry-After": "3"}), httpx.Response(200, json=DONE))
    client = spy.client()
    assert client.send_event("ann", "i1", "view")["accepted"] == 1
    assert len({spy.body(number)["event_id"] for number in range(3)}) == 1
    assert spy.waits[1] == 3.0
    client.send_event("ann", "i1", "view")
    assert spy.body()["event_id"] != spy.body(0)["event_id"]
    client.send_events([{"user_id": "ann", "item_id": "i1", "event": "view", "event_id": "mine"}, {"user_id": "bob"}])
    names = [event["event_id"] for event in spy.body()["events"]]
    assert names[0] == "mine"
    assert names[1]
    client.feedback("r1", "i1", "click", event_id="f1")
    assert spy.body() == {"item_id": "i1", "event": "click", "event_id": "f1"}


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (404, "unknown-item", UnknownItemError),
        (404, "unknown-user", UnknownUserError),
        (404, "unknown-recommendation", QueryError),
        (422, "invalid-request", QueryError),
        (413, "too-large", QueryError),
        (409, "read-only", ServiceError),
        (401, "unauthorised", ServiceError),
        (403, "forbidden", ServiceError),
        (429, "too-many-requests", BusyError),
        (503, "not-ready", ServiceError),
        (500, "internal", ServiceError),
    ],
)
def test_a_problem_becomes_an_error_of_ours(status: int, kind: str, error: type[Exception]) -> None:
    spy = Spy(problem(status, kind))
    with pytest.raises(error) as caught:
        spy.client().item("i1")
    assert type(caught.value) is error
    assert str(caught.value) == f"it is {kind} (GET /v1/items/i1). Do better."
    assert len(spy.requests) == (4 if status in (429, 503) else 1)


@pytest.mark.parametrize("content", [b"<html>", b"\xff", b"[]", b""])
def test_an_error_that_is_no_problem_is_told_by_its_status(content: bytes) -> None:
    with pytest.raises(ServiceError, match="status 502"):
        Spy(httpx.Response(502, content=content)).client().ready()


def test_the_key_is_sent_and_never_shown() -> None:
    spy = Spy(httpx.ConnectError("refused"))
    client = spy.client("tmk_secret", attempts=1)
    with pytest.raises(ServiceError) as caught:
        client.ready()
    assert spy.requests[0].headers["authorization"] == "Bearer tmk_secret"
    assert "authorization" not in Spy(httpx.Response(200, json={})).client()._http.headers
    assert "secret" not in f"{client!r} {caught.value} {caught.value.__cause__!r}"
    assert repr(client) == "Client('http://shop')"


def test_a_client_that_may_not_send_is_not_made() -> None:
    with pytest.raises(ConfigError):
        Client("http://shop", attempts=0)


def test_both_clients_have_the_same_methods_with_words_of_their_own() -> None:
    endpoints = {name: value for name, value in vars(Endpoints).items() if isinstance(value, Endpoint)}
    assert len(endpoints) == 31
    for name, endpoint in endpoints.items():
        assert endpoint.__doc__, name
        for client in (Spy(httpx.Response(200)).client(), AsyncClient("http://shop")):
            method = getattr(client, name)
            assert method.__doc__ == endpoint.__doc__
            assert "self" not in inspect.signature(method).parameters


def test_they_are_found_in_the_package() -> None:
    assert (tastemaker.Client, tastemaker.AsyncClient) == (Client, AsyncClient)


# -- against the application


@pytest.fixture
def application() -> Any:
    from tests.server.fake import LiveShop
    from tests.server.moment import NOW

    from tastemaker.server import create_app

    application = create_app(LiveShop(), clock=lambda: NOW)
    application.state.ready = True
    return application


class Through(httpx.BaseTransport):
    """Sends requests of a client that waits into an application."""

    def __init__(self, application: Any) -> None:
        self._inner = httpx.ASGITransport(application)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            response = await self._inner.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

        return asyncio.run(ask())


@pytest.fixture
def client(application: Any) -> Iterator[Client]:
    with Client("http://shop", transport=Through(application)) as client:
        yield client


@pytest.mark.needs_extra("serve")
def test_a_shop_does_all_it_has_to(client: Client) -> None:
    assert client.put_item("lamp", {"title": "A lamp", "attributes": {"colour": "red"}})["revision"] == 1
    written = client.put_items({"desk": {"title": "A desk"}, "bad": {"price": -1}})
    assert (written["accepted"], written["rejected"]) == (1, 1)
    assert client.patch_item("lamp", {"price": 9.5, "attributes": {"colour": None}})["price"] == 9.5
    assert client.item("lamp")["title"] == "A lamp"
    assert client.find_items("lamp")["items"][0]["item_id"] == "lamp"
    assert client.search("item 3", by="words")["items"][0]["item_id"] == "i3"
    first = client.items(limit=4)
    assert client.items(after=first["next"])["items"][0]["item_id"] > first["items"][-1]["item_id"]
    assert client.delete_item("desk")["deleted"] is True

    client.put_person("ann", {"age": 31, "place": "Riga"})
    assert client.patch_person("ann", {"age": None})["profile"] == {"place": "Riga"}
    assert client.person("ann")["user_id"] == "ann"
    sent = client.send_events([{"user_id": "visitor", "item_id": "i1", "event": "view"}, {}])
    assert (sent["accepted"], sent["rejected"]) == (1, 1)
    assert client.merge_people("visitor", into="ann")["events"] == 1

    shown = client.recommend("ann", k=2, trace=True)
    assert [part["name"] for part in shown["trace"]] == ["capture", "embedding", "retrieval", "ranking", "gate"]
    assert [step["name"] for step in shown["trace"][2]["steps"]] == ["counting"]
    assert "i1" not in [item["item_id"] for item in shown["items"]]
    name = shown["recommendation_id"] or ""
    assert client.feedback(name, shown["items"][0]["item_id"], "click")["status"] == "accepted"
    assert client.recommendation(name)["items"][0]["rank"] == 1
    assert client.explain("i2", "ann", liked=["i3"])["parts"][0]["kind"] == "popularity"
    assert client.similar("i2", 3)["items"]
    assert client.scenarios()[0]["name"] == "home"
    assert client.ready()["events"] == 2

    assert [line["kind"] for line in client.export_person("ann")] == ["profile", "event", "event"]
    assert client.erase_person("ann")["left"] == []
    with pytest.raises(UnknownUserError):
        client.person("ann")
    with pytest.raises(QueryError, match="k: "):
        client.recommend(k=0)


@pytest.mark.needs_extra("serve")
def test_the_other_client_is_awaited(application: Any) -> None:
    async def shop() -> None:
        async with AsyncClient("http://shop", transport=httpx.ASGITransport(application)) as client:
            sent = await client.send_event("ann", "i1", "buy", timestamp=datetime.now(UTC) - timedelta(days=900))
            assert sent["results"][0]["status"] == "accepted"
            answers = await asyncio.gather(*(client.recommend("ann", k=k) for k in (1, 2, 3)))
            assert [len(answer["items"]) for answer in answers] == [1, 2, 3]
            with pytest.raises(UnknownItemError):
                await client.item("none")

    asyncio.run(shop())


def test_the_other_client_waits_without_holding_up_the_loop() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    spy = Spy(problem(503, "not-ready"), httpx.ConnectError("refused"), httpx.Response(200, json={"status": "ready"}))

    async def ask() -> str:
        async with AsyncClient("http://shop", "key", transport=httpx.MockTransport(spy), sleep=sleep) as client:
            return (await client.ready())["status"]

    assert asyncio.run(ask()) == "ready"
    assert len(waits) == 2


def test_threads_share_a_client() -> None:
    spy = Spy(httpx.Response(200, json=DONE))
    client = spy.client()
    threads = [threading.Thread(target=client.send_event, args=("ann", f"i{n}", "view")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({json.loads(request.content)["event_id"] for request in spy.requests}) == 8
