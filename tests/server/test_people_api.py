"""What is known of people: written, read, joined, handed over and forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.server.fake import LiveShop, connect
from tests.server.moment import NOW
from tests.server.test_api import assert_problem

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


def buy(client: TestClient, user: str, item: str) -> None:
    assert client.post("/v1/events", json={"user_id": user, "item_id": item, "event": "buy"}).status_code == 200


@pytest.mark.parametrize("user", ["bob", "a/b c", "\N{FISH}"])
def test_a_profile_is_read_back_as_it_was_written(client: TestClient, user: str) -> None:
    path = f"/v1/people/{quote(user, safe='')}"
    profile = {"age": 31, "likes": ["the sea", "trains"], "member": True, "height": 1.7}
    assert client.put(path, json={**profile, "nothing": None}).json() == {"user_id": user, "revision": 1}
    assert client.get(path).json() == {"user_id": user, "profile": profile}


def test_a_change_leaves_the_rest_and_null_takes_away(client: TestClient) -> None:
    client.put("/v1/people/bob", json={"age": 31, "place": "Riga"})
    found = client.patch("/v1/people/bob", json={"age": None, "member": True}).json()
    assert found == {"user_id": "bob", "profile": {"place": "Riga", "member": True}}
    assert client.get("/v1/people/bob").json() == found


def test_somebody_unknown_is_not_found(client: TestClient) -> None:
    answers = (
        client.get("/v1/people/nobody"),
        client.patch("/v1/people/nobody", json={"age": 1}),
        client.get("/v1/people/nobody/export"),
    )
    for answer in answers:
        assert assert_problem(answer, 404)["type"].endswith("unknown-user")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("Riga", "body"),
        ([], "body"),
        ({"place": {"city": "Riga"}}, "place"),
        ({"likes": ["x"] * 21}, "likes"),
        ({"text": "x" * 501}, "text"),
        ({f"a{number}": 1 for number in range(33)}, "body"),
    ],
)
def test_a_profile_out_of_bounds_is_refused(client: TestClient, shop: LiveShop, body: Any, field: str) -> None:
    for send in (client.put, client.patch):
        found = assert_problem(send("/v1/people/ann", json=body), 422)
        assert found["errors"][0]["field"].startswith(field)
    assert shop.profiles["ann"] == {"place": "Riga"}


def test_a_visitor_who_signs_in_brings_what_they_did(client: TestClient, shop: LiveShop) -> None:
    buy(client, "visitor", "i1")
    buy(client, "visitor", "i2")
    found = client.post("/v1/people/visitor/merge", json={"into": "ann"}).json()
    assert found == {"source": "visitor", "target": "ann", "events": 2}
    assert {event.user_id for event in shop.log} == {"ann"}
    shown = client.get("/v1/recommend", params={"user": "ann", "k": 50}).json()
    assert not {"i1", "i2"} & {item["item_id"] for item in shown["items"]}
    assert "themselves" in assert_problem(client.post("/v1/people/ann/merge", json={"into": "ann"}), 422)["detail"]
    assert_problem(client.post("/v1/people/ann/merge", json={}), 422)


def test_all_that_is_known_of_a_person_is_handed_over_line_by_line(client: TestClient) -> None:
    buy(client, "ann", "i1")
    found = client.get("/v1/people/ann/export")
    assert found.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in found.text.splitlines()] == [
        {"kind": "profile", "profile": {"place": "Riga"}},
        {"kind": "event", "item_id": "i1", "event": "buy"},
    ]


def test_an_export_is_sent_while_it_is_made(
    client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def lines(user_id: str) -> Iterator[Mapping[str, Any]]:
        for number in range(5):
            made.append(number)
            yield {"line": number}

    monkeypatch.setattr(shop, "export", lines)
    with client.stream("GET", "/v1/people/ann/export") as response:
        assert [json.loads(line)["line"] for line in response.iter_lines()] == made == [0, 1, 2, 3, 4]


def test_an_export_of_nothing_is_empty(client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "export", lambda user_id: iter(()))
    found = client.get("/v1/people/ann/export")
    assert (found.status_code, found.text) == (200, "")


def test_an_erased_person_is_gone_and_the_receipt_says_from_where(client: TestClient, shop: LiveShop) -> None:
    buy(client, "ann", "i1")
    receipt = client.delete("/v1/people/ann").json()
    assert receipt == {
        "at": NOW.isoformat(),
        "removed": {"events": 1, "people": 1},
        "left": [],
        "to_do": ["Train the model anew."],
    }
    assert_problem(client.get("/v1/people/ann"), 404)
    assert shop.log == []
    assert client.delete("/v1/people/ann").json()["removed"] == {"events": 0, "people": 0}


def test_an_address_below_a_person_is_nobodys_name(client: TestClient, shop: LiveShop) -> None:
    before = dict(shop.profiles)
    for method, path, allowed in (("PUT", "merge", "POST"), ("DELETE", "export", "GET"), ("GET", "merge", "POST")):
        refused = client.request(method, f"/v1/people/ann/{path}", json={})
        assert_problem(refused, 405)
        assert refused.headers["allow"] == allowed
    assert shop.profiles == before
