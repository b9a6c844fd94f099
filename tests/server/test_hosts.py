"""A server answers for its own names alone, so that no other site can read it through a name of its own."""

from __future__ import annotations

import pytest
from tests.server.conftest import connect
from tests.server.fake import still

pytestmark = pytest.mark.needs_extra("serve")

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "localhost.", "[::1]:8000", "[0:0:0:0:0:0:0:1]", "shop.example"],
)
def test_its_own_names_are_answered_whatever_the_port(host: str) -> None:
    with connect(still(), hosts=[*LOOPBACK, "Shop.Example"]) as client:
        assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost:8000@evil.example", "", "[", ":"]
)
@pytest.mark.parametrize("path", ["/", "/v1/recommend", "/health", "/openapi.json", "/static/style.css"])
def test_another_name_is_refused_and_told_nothing(host: str, path: str) -> None:
    with connect(still(), hosts=LOOPBACK) as client:
        answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["type"] == "urn:tastemaker:problem:foreign-host"
    assert "[serve] hosts" in answer.json()["remedy"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_events_of_another_name_are_not_kept() -> None:
    from tests.server.fake import LiveShop
    from tests.server.fake import connect as connect_live

    shop = LiveShop()
    with connect_live(shop, hosts=LOOPBACK) as client:
        event = {"user_id": "ann", "item_id": "i1", "event": "buy"}
        assert client.post("/v1/events", json=event, headers={"Host": "evil.example"}).status_code == 421
    assert shop.log == []


def test_what_a_server_answers_for_follows_from_where_it_listens() -> None:
    from tastemaker.server.run import answered_for

    assert answered_for("127.0.0.1") == LOOPBACK
    assert answered_for("192.0.2.7", ["shop.example"]) == LOOPBACK.union(("192.0.2.7", "shop.example"))
    assert answered_for("0.0.0.0") is None
    assert answered_for("::", ["shop.example"]) == LOOPBACK.union(("shop.example",))
