"""The catalogue as a shop keeps it: what is written is read back, and seen by the next request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.server.fake import LiveShop, connect
from tests.server.moment import NOW
from tests.server.test_api import assert_problem

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")

LAMP = {
    "title": "A lamp",
    "text": "It stands on a desk.",
    "categories": ["Home > Light", "Gifts"],
    "brand": "Hav",
    "year": 2024,
    "price": 49.5,
    "available": True,
    "image": "https://shop.example/lamp.png",
    "lat": 56.9,
    "lon": 24.1,
    "min_age": 3,
    "attributes": {"colour": "red", "sizes": ["s", "m"], "stock": 4, "boxed": False},
}


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


@pytest.mark.parametrize("item", ["lamp", "a/b c", "\N{FISH}", "with space"])
def test_an_item_is_read_back_as_it_was_written(client: TestClient, shop: LiveShop, item: str) -> None:
    path = f"/v1/items/{quote(item, safe='')}"
    written = client.put(path, json=LAMP)
    assert written.json() == {"item_id": item, "revision": 1}
    assert client.get(path).json() == {"item_id": item, **LAMP}
    row = {name: value for name, value in LAMP.items() if name != "attributes"}
    assert shop.rows[item] == {**row, "colour": "red", "sizes": ["s", "m"], "stock": 4, "boxed": False}


def test_a_whole_row_replaces_what_was_known(client: TestClient) -> None:
    client.put("/v1/items/lamp", json=LAMP)
    client.put("/v1/items/lamp", json={"title": "A dark lamp", "brand": None})
    found = client.get("/v1/items/lamp").json()
    assert (found["title"], found["brand"], found["price"], found["attributes"]) == ("A dark lamp", None, None, {})


def test_a_change_leaves_the_rest_and_null_takes_away(client: TestClient) -> None:
    client.put("/v1/items/lamp", json=LAMP)
    changes = {"price": 39, "brand": None, "attributes": {"colour": "blue", "stock": None}}
    found = client.patch("/v1/items/lamp", json=changes).json()
    assert found == client.get("/v1/items/lamp").json()
    assert found == {
        "item_id": "lamp",
        **LAMP,
        "price": 39.0,
        "brand": None,
        "attributes": {"colour": "blue", "sizes": ["s", "m"], "boxed": False},
    }


def test_what_is_not_available_is_not_recommended_from_then_on(client: TestClient) -> None:
    def recommended() -> list[str]:
        return [item["item_id"] for item in client.get("/v1/recommend", params={"k": 50}).json()["items"]]

    assert "i2" in recommended()
    client.patch("/v1/items/i2", json={"available": False})
    assert "i2" not in recommended()
    client.patch("/v1/items/i2", json={"available": True})
    assert "i2" in recommended()


def test_a_deleted_item_is_gone(client: TestClient) -> None:
    assert client.delete("/v1/items/i2").json() == {"item_id": "i2", "deleted": True}
    for answer in (client.get("/v1/items/i2"), client.delete("/v1/items/i2"), client.get("/v1/similar/i2")):
        assert assert_problem(answer, 404)["type"].endswith("unknown-item")
    assert_problem(client.patch("/v1/items/i2", json={"price": 1}), 404)
    found = client.get("/v1/search", params={"q": "item 2"}).json()
    assert "i2" not in [item["item_id"] for item in found["items"]]


def test_bad_rows_of_a_batch_are_rejected_alone(client: TestClient, shop: LiveShop) -> None:
    batch: list[Any] = [
        {"item_id": "a", "title": "A"},
        {"item_id": "b", "price": -1},
        {"item_id": "a", "title": "Another A"},
        {"item_id": "c", "attributes": {"title": "C"}},
        {"title": "Nothing"},
        7,
        {"item_id": 8, "title": "Eight"},
    ]
    found = client.put("/v1/items", json={"items": batch}).json()
    assert (found["accepted"], found["rejected"], found["revision"]) == (2, 5, 2)
    assert [(one["item_id"], one["status"]) for one in found["results"]] == [
        ("a", "accepted"),
        ("b", "rejected"),
        ("a", "rejected"),
        ("c", "rejected"),
        (None, "rejected"),
        (None, "rejected"),
        ("8", "accepted"),
    ]
    said = [one["error"] for one in found["results"]]
    assert said[1].startswith("items.1.price: ")
    assert said[2] == "items.2.item_id: it stands in this batch twice"
    assert said[3].startswith("items.3.attributes.title: ")
    assert said[4].startswith("items.4.item_id: ")
    assert said[5].startswith("items.5: ")
    assert shop.rows["a"] == {"title": "A"}
    assert shop.rows["8"] == {"title": "Eight"}


def test_a_row_that_only_the_catalogue_refuses_is_rejected_alone(client: TestClient, shop: LiveShop) -> None:
    batch: list[Any] = [
        {"item_id": item, "attributes": {"colour": colour}} for item, colour in (("a", "red"), ("b", 7))
    ]
    found = client.put("/v1/items", json={"items": batch}).json()
    assert [one["status"] for one in found["results"]] == ["accepted", "rejected"]
    assert found["results"][1]["error"] == "'colour' of 'b' is no text"
    assert "b" not in shop.rows
    alone = client.put("/v1/items/b", json={"attributes": {"colour": 7}})
    assert "'colour' of 'b' is no text" in assert_problem(alone, 422)["detail"]
    changed = client.patch("/v1/items/a", json={"attributes": {"colour": 7}})
    assert_problem(changed, 422)
    assert shop.rows["a"] == {"colour": "red"}


def test_a_batch_without_a_good_row_writes_nothing(client: TestClient, shop: LiveShop) -> None:
    before = dict(shop.rows)
    batches: list[list[Any]] = [[], [{}]]
    for batch in batches:
        found = client.put("/v1/items", json={"items": batch}).json()
        assert (found["accepted"], found["revision"]) == (0, None)
    assert shop.rows == before


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        ({"titel": "A"}, "titel", "Did you mean 'title'?"),
        ({"item_id": "other"}, "item_id", "Known: title"),
        ({"title": "x" * 501}, "title", "at most 500"),
        ({"text": "x" * 20_001}, "text", "at most 20000"),
        ({"year": "1999"}, "year", "When it came out"),
        ({"price": "9"}, "price", "What it costs"),
        ({"available": 1}, "available", "Whether it can be had"),
        ({"lat": 91}, "lat", "from -90 to 90"),
        ({"lon": -181}, "lon", "from -180 to 180"),
        ({"min_age": -1}, "min_age", "from 0 to 150"),
        ({"image": "javascript:alert(1)"}, "image", "Address of its picture"),
        ({"categories": "Gifts"}, "categories", "What it belongs to"),
        ({"attributes": {"maker": {"name": "Hav"}}}, "attributes.maker", "at most 32 names"),
        ({"attributes": {"price": 3}}, "", "beside the attributes"),
    ],
)
def test_a_wrong_field_is_refused_with_what_it_may_hold(
    client: TestClient, shop: LiveShop, body: Any, field: str, remedy: str
) -> None:
    for send in (client.put, client.patch):
        found = assert_problem(send("/v1/items/i1", json=body), 422)
        assert remedy in found["remedy"]
        if field:
            assert found["errors"][0]["field"].startswith(field)
    assert shop.rows["i1"] == {"title": "Item 1", "price": 1.0}


@pytest.mark.parametrize("body", [{"items": "all"}, {"items": [{"item_id": "a"}] * 1001}, {"rows": []}, [], {}])
def test_what_is_no_batch_is_refused(client: TestClient, body: Any) -> None:
    assert_problem(client.put("/v1/items", json=body), 422)


def test_items_are_listed_a_page_after_the_other(client: TestClient, shop: LiveShop) -> None:
    client.put("/v1/items/lamp", json=LAMP)
    seen: list[dict[str, Any]] = []
    page = client.get("/v1/items", params={"limit": 4}).json()
    while True:
        seen += page["items"]
        if "next" not in page:
            break
        page = client.get("/v1/items", params={"limit": 4, "after": page["next"]}).json()
    assert [item["item_id"] for item in seen] == sorted(shop.rows)
    assert seen[-1] == {"item_id": "lamp", **LAMP}
    assert seen[0] == {"item_id": "i0", "title": "Item 0", "categories": [], "price": 0.0, "available": True}
    assert_problem(client.get("/v1/items", params={"q": "item", "after": "i1"}), 422)


def test_titles_are_searched_with_q(client: TestClient) -> None:
    found = client.get("/v1/items", params={"q": "item 3"}).json()
    assert found == {"items": [{"item_id": "i3", "title": "Item 3", "categories": []}]}


def test_a_search_that_is_still_being_made_is_to_be_asked_for_again(shop: LiveShop, client: TestClient) -> None:
    shop.building = True
    answer = client.get("/v1/search", params={"q": "item 5"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1
    assert "still being made" in answer.json()["detail"]
    assert client.get("/v1/items", params={"q": "item 5"}).json()["items"][0]["item_id"] == "i5"
    page = client.get("/", params={"q": "item 5"}, headers={"accept": "text/html"})
    assert (page.status_code, "Item 5" in page.text) == (200, True)


def test_texts_of_a_live_shop_are_searched(client: TestClient) -> None:
    found = client.get("/v1/search", params={"q": "item 5", "by": "words"}).json()
    assert found["items"][0]["item_id"] == "i5"
