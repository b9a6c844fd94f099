"""Events are kept before they are answered for, each once, and bad ones are refused alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server import conftest
from tests.server.fake import LiveShop, connect, still
from tests.server.moment import NOW
from tests.server.test_api import assert_problem

from tastemaker.core.clock import to_microseconds

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")

EVENT = {"user_id": "ann", "item_id": "i3", "event": "buy"}


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


def test_an_event_is_kept_whole_and_seen_by_the_next_request(client: TestClient, shop: LiveShop) -> None:
    sent = {
        **EVENT,
        "event_id": "e1",
        "timestamp": "2026-02-28T10:00:00+02:00",
        "weight": 0.5,
        "rating": 4,
        "session_id": "s1",
        "recommendation_id": "r9",
        "context": {"device": "phone", "tags": ["a", "b"], "first": True},
    }
    found = client.post("/v1/events", json=sent)
    assert found.status_code == 200, found.text
    assert found.json() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 0,
        "results": [{"event_id": "e1", "status": "accepted", "offset": 1, "error": None}],
    }
    kept = shop.log[0]
    assert (kept.user_id, kept.item_id, kept.event, kept.weight, kept.rating) == ("ann", "i3", "buy", 0.5, 4.0)
    assert (kept.session_id, kept.recommendation_id) == ("s1", "r9")
    assert kept.context == {"device": "phone", "tags": ["a", "b"], "first": True}
    assert kept.timestamp == to_microseconds(NOW - timedelta(hours=28))
    shown = client.post("/v1/recommend", json={"user_id": "ann"}).json()
    assert "i3" not in [item["item_id"] for item in shown["items"]]


def test_an_event_without_name_and_time_is_given_both(client: TestClient, shop: LiveShop) -> None:
    names = [client.post("/v1/events", json=EVENT).json()["results"][0]["event_id"] for _ in range(2)]
    assert len(set(names)) == 2
    assert [event.event_id for event in shop.log] == names
    assert {event.timestamp for event in shop.log} == {to_microseconds(NOW)}
    assert shop.log[0].weight is None


@pytest.mark.parametrize("seconds", [0, 1_700_000_000, 1_700_000_000.25])
def test_a_time_may_be_seconds(client: TestClient, shop: LiveShop, seconds: float) -> None:
    assert client.post("/v1/events", json={**EVENT, "timestamp": seconds}).status_code == 200
    assert shop.log[0].timestamp == int(seconds * 1_000_000)


def test_what_is_sent_again_counts_once(client: TestClient, shop: LiveShop) -> None:
    sent = {**EVENT, "event_id": "e1"}
    first, second = (client.post("/v1/events", json=sent).json() for _ in range(2))
    assert (first["accepted"], second["accepted"], second["duplicates"]) == (1, 0, 1)
    assert second["results"] == [{"event_id": "e1", "status": "duplicate", "offset": 1, "error": None}]
    assert len(shop.log) == 1


def test_the_header_names_a_single_event(client: TestClient, shop: LiveShop) -> None:
    for status in ("accepted", "duplicate"):
        found = client.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "again"}).json()
        assert (found["results"][0]["event_id"], found["results"][0]["status"]) == ("again", status)
    own = client.post("/v1/events", json={**EVENT, "event_id": "e1"}, headers={"Idempotency-Key": "again"}).json()
    assert (own["results"][0]["event_id"], own["results"][0]["status"]) == ("e1", "accepted")


def test_the_header_names_the_events_of_a_batch_by_their_place(client: TestClient) -> None:
    batch = {"events": [EVENT, {**EVENT, "event_id": "own"}, EVENT]}
    for status in ("accepted", "duplicate"):
        found = client.post("/v1/events", json=batch, headers={"Idempotency-Key": "again"}).json()
        assert [one["event_id"] for one in found["results"]] == ["again.0", "own", "again.2"]
        assert {one["status"] for one in found["results"]} == {status}


def test_bad_events_of_a_batch_are_rejected_alone_and_named_by_their_place(client: TestClient, shop: LiveShop) -> None:
    batch = [
        {**EVENT, "event_id": "good"},
        {**EVENT, "event_id": "nobody", "user_id": ""},
        {**EVENT, "event_id": "good"},
        {**EVENT, "wieght": 2},
        {**EVENT, "timestamp": (NOW + timedelta(days=2)).isoformat()},
        "nothing",
        {**EVENT, "event_id": "later", "timestamp": (NOW + timedelta(hours=23)).isoformat()},
    ]
    found = client.post("/v1/events", json={"events": batch}).json()
    assert (found["accepted"], found["duplicates"], found["rejected"]) == (2, 1, 4)
    assert [one["status"] for one in found["results"]] == [
        "accepted",
        "rejected",
        "duplicate",
        "rejected",
        "rejected",
        "rejected",
        "accepted",
    ]
    said = [one["error"] for one in found["results"]]
    assert said[0] is None
    assert said[1].startswith("events.1.user_id: ")
    assert said[3] == "events.3.wieght: there is no such field"
    assert said[4] == "events.4.timestamp: lies more than a day in the future"
    assert said[5].startswith("events.5: ")
    assert [event.event_id for event in shop.log] == ["good", "later"]


def test_a_batch_of_nothing_but_bad_events_asks_nothing_of_the_store(client: TestClient, shop: LiveShop) -> None:
    shop.busy = True
    found = client.post("/v1/events", json={"events": [{}, 1]}).json()
    assert (found["accepted"], found["rejected"]) == (0, 2)


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        ({"user_id": "ann", "item_id": "i1"}, "event", "Kind of event"),
        ({**EVENT, "item_id": None}, "item_id", "With which item"),
        ({**EVENT, "user": "ann"}, "user", "Did you mean 'user_id'?"),
        ({**EVENT, "weight": 101}, "weight", "from -100 to 100"),
        ({**EVENT, "weight": "1"}, "weight", "from -100 to 100"),
        ({**EVENT, "weight": True}, "weight", "from -100 to 100"),
        ({**EVENT, "timestamp": "yesterday"}, "timestamp", "ISO 8601"),
        ({**EVENT, "timestamp": -1}, "timestamp", "ISO 8601"),
        ({**EVENT, "timestamp": (NOW + timedelta(days=1, seconds=1)).isoformat()}, "timestamp", "a day in the future"),
        ({**EVENT, "context": {"place": {"city": "Riga"}}}, "context.place", "at most 32 names"),
        ({**EVENT, "context": {str(number): 1 for number in range(33)}}, "context", "at most 32 names"),
        ({**EVENT, "user_id": "a\0b"}, "user_id", "Who"),
        ({**EVENT, "event_id": "x" * 129}, "event_id", "at most 128"),
        ({"events": []}, "events", "From 1 to 1000"),
        ({"events": [EVENT] * 1001}, "events", "From 1 to 1000"),
        ({"events": EVENT}, "events", "From 1 to 1000"),
        ({"events": [EVENT], "source": "shop"}, "source", "Known: events"),
        ([EVENT], "body", "JSON object"),
    ],
)
def test_a_wrong_body_is_refused_with_what_it_may_hold(
    client: TestClient, shop: LiveShop, body: Any, field: str, remedy: str
) -> None:
    found = assert_problem(client.post("/v1/events", json=body), 422)
    assert found["detail"].startswith(f"{field}")
    assert remedy in found["remedy"]
    assert shop.log == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40, b"\xff"])
def test_what_is_not_json_or_lies_deep_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code)


def test_a_full_store_says_when_to_come_back(client: TestClient, shop: LiveShop) -> None:
    shop.busy = True
    refused = client.post("/v1/events", json=EVENT)
    assert assert_problem(refused, 429)["type"].endswith("busy")
    assert int(refused.headers["retry-after"]) >= 1


def test_the_answer_waits_for_the_store_and_holds_nobody_up(shop: LiveShop) -> None:
    shop.held = []
    with connect(shop, clock=lambda: NOW) as client, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.post, "/v1/events", json=EVENT)
        assert shop.handed_in.wait(30)
        assert client.get("/health").status_code == 200
        assert not sending.done()
        done, receipts = shop.held[0]
        done.set_result(receipts)
        assert sending.result().json()["accepted"] == 1


def test_a_store_that_does_not_answer_in_time_is_busy(
    client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tastemaker.server import intake

    monkeypatch.setattr(intake, "SECONDS_TO_KEEP", 0.01)
    shop.held = []
    assert "with the same event_id" in assert_problem(client.post("/v1/events", json=EVENT), 429)["remedy"]
    assert not shop.held[0][0].cancelled()


def test_feedback_on_a_list_is_an_event_of_its_person(client: TestClient, shop: LiveShop) -> None:
    shown = client.post("/v1/recommend", json={"user_id": "ann", "k": 2}).json()
    path = f"/v1/recommendations/{shown['recommendation_id']}/feedback"
    item = shown["items"][1]["item_id"]
    found = client.post(path, json={"item_id": item, "event": "click", "event_id": "c1"})
    assert found.json() == {"event_id": "c1", "status": "accepted", "offset": 1, "error": None}
    kept = shop.log[0]
    assert (kept.user_id, kept.item_id, kept.event) == ("ann", item, "click")
    assert kept.recommendation_id == shown["recommendation_id"]
    again = client.post(path, json={"item_id": item, "event": "click"}, headers={"Idempotency-Key": "c1"})
    assert again.json()["status"] == "duplicate"


def test_feedback_has_to_fit_its_list(client: TestClient, shop: LiveShop) -> None:
    shown = client.post("/v1/recommend", json={"user_id": "ann", "k": 2}).json()
    path = f"/v1/recommendations/{shown['recommendation_id']}/feedback"
    item = shown["items"][0]["item_id"]
    unknown = client.post("/v1/recommendations/none/feedback", json={"item_id": item, "event": "click"})
    assert assert_problem(unknown, 404)["type"].endswith("unknown-recommendation")
    for body, field in (
        ({"item_id": "i7", "event": "click"}, "item_id"),
        ({"item_id": item, "event": "click", "user_id": "bob"}, "user_id"),
        ({"item_id": item, "event": "click", "timestamp": (NOW + timedelta(days=2)).isoformat()}, "timestamp"),
        ({"item_id": item}, "event"),
    ):
        assert assert_problem(client.post(path, json=body), 422)["errors"][0]["field"] == field
    assert shop.log == []


def test_feedback_on_a_list_of_nobody_says_who_it_was(client: TestClient, shop: LiveShop) -> None:
    shown = client.get("/v1/recommend", params={"k": 2}).json()
    path = f"/v1/recommendations/{shown['recommendation_id']}/feedback"
    body = {"item_id": shown["items"][0]["item_id"], "event": "click"}
    assert "say who it was" in assert_problem(client.post(path, json=body), 422)["detail"]
    assert client.post(path, json={**body, "user_id": "visitor"}).status_code == 200
    assert shop.log[0].user_id == "visitor"


def test_a_server_without_a_store_keeps_no_events() -> None:
    with conftest.connect(still()) as client:
        for path in ("/v1/events", "/v1/recommendations/r1/feedback"):
            found = assert_problem(client.post(path, json=EVENT), 409)
            assert found["detail"] == "this server keeps no events"
            assert "store" in found["remedy"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["user_id", "item_id", "event", "event_id", "timestamp", "weight", "rating", "context", "x"])


@settings(max_examples=25)
@given(batch=st.lists(st.dictionaries(fields, values, max_size=9) | values, min_size=1, max_size=5))
def test_whatever_a_batch_holds_each_entry_gets_one_result(batch: list[Any]) -> None:
    from tastemaker.server import intake

    events, is_batch = intake.read({"events": batch}, None)
    assert is_batch
    assert len(events) == len(batch)
    for event in events:
        if not isinstance(event, str):
            kept = intake.as_event(event, NOW)
            json.dumps(vars(event)["context"])
            assert kept.user_id
            assert kept.event_id
