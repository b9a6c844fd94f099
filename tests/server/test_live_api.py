"""What a live engine adds to recommendations: placements, pages, traces, lists that can be asked for again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.server import conftest
from tests.server.fake import LiveShop, connect, still
from tests.server.moment import NOW
from tests.server.test_api import PROBLEM, assert_problem

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


def test_body_and_parameters_reach_the_engine_whole(client: TestClient, shop: LiveShop) -> None:
    body = {
        "user_id": "ann",
        "scenario": "cart",
        "filters": "price < 5",
        "context": {"device": "phone"},
        "locale": "en-GB",
        "deadline_ms": 12.5,
        "exclude": ["i1", 2],
        "k": 3,
        "seed": 9,
    }
    parameters = {**body, "user": "ann", "exclude": ["i1", "2"]}
    for name in ("user_id", "context", "seed"):
        del parameters[name]
    client.post("/v1/recommend", json=body)
    client.get("/v1/recommend", params=parameters)
    (posted, how), (got, _) = shop.asked[-2:]
    for query in (posted, got):
        assert (query.user_id, query.scenario, query.filters, query.locale) == ("ann", "cart", "price < 5", "en-GB")
        assert (query.deadline, query.exclude, query.k) == (12.5, ("i1", "2"), 3)
    assert (posted.context, posted.seed) == ({"device": "phone"}, 9)
    assert how == {"reasons": True, "dry_run": False}


def test_reasons_and_traces_are_told_when_they_are_wanted(client: TestClient, shop: LiveShop) -> None:
    plain = client.post("/v1/recommend", json={"user_id": "ann"}).json()
    assert "trace" not in plain
    assert plain["items"][0]["reason"] == "popular"
    asked = client.post("/v1/recommend", json={"user_id": "ann", "reasons": False, "trace": True}).json()
    assert asked["items"][0]["reason"] == ""
    assert [part["name"] for part in asked["trace"]] == ["capture", "embedding", "retrieval", "ranking", "gate"]
    _, embedding, retrieval, _, gate = asked["trace"]
    assert embedding == {
        "name": "embedding",
        "milliseconds": 0,
        "before": 0,
        "after": 0,
        "note": "nothing to do",
        "steps": [],
    }
    counting = {"name": "counting", "milliseconds": 2.0, "before": 0, "after": 20, "note": ""}
    assert retrieval == {**counting, "name": "retrieval", "steps": [counting]}
    last = {"name": "gate", "milliseconds": 0.25, "before": 20, "after": 10, "note": "two went"}
    assert gate == {**last, "note": "", "steps": [last]}
    assert client.get("/v1/recommend?trace=true").json()["trace"] == asked["trace"]


def test_a_dry_run_leaves_no_list_behind(client: TestClient, shop: LiveShop) -> None:
    before = dict(shop.lists)
    assert client.post("/v1/recommend", json={"dry_run": True}).json()["recommendation_id"] == ""
    assert shop.lists == before


def test_a_list_that_was_shown_can_be_asked_for_again(client: TestClient) -> None:
    shown = client.post("/v1/recommend", json={"user_id": "ann", "k": 2}).json()
    found = client.get(f"/v1/recommendations/{shown['recommendation_id']}").json()
    assert found == {
        "recommendation_id": shown["recommendation_id"],
        "user_id": "ann",
        "scenario": "home",
        "at": NOW.isoformat(),
        "model": "counting",
        "items": [
            {"item_id": item["item_id"], "title": item["title"], "rank": item["rank"], "propensity": 0.5}
            for item in shown["items"]
        ],
    }
    assert_problem(client.get("/v1/recommendations/none"), 404)


def test_the_next_page_goes_on_where_the_first_ended(client: TestClient) -> None:
    first = client.post("/v1/recommend", json={"user_id": "ann", "k": 3}).json()
    second = client.post("/v1/recommend", json={"user_id": "ann", "k": 3, "cursor": first["cursor"]}).json()
    ids = [item["item_id"] for page in (first, second) for item in page["items"]]
    assert len(ids) == len(set(ids)) == 6


def test_an_explanation_says_where_the_score_came_from(client: TestClient) -> None:
    assert client.post("/v1/explain", json={"user_id": "ann", "item_id": "i2"}).json() == {
        "item_id": "i2",
        "title": "Item 2",
        "score": 1.5,
        "additive": True,
        "parts": [{"kind": "popularity", "name": "popularity", "amount": 1.5, "source": "counts"}],
    }
    assert_problem(client.post("/v1/explain", json={"item_id": "none"}), 404)
    assert_problem(client.post("/v1/explain", json={"user_id": "ann"}), 422)


def test_placements_are_listed_with_how_they_are_answered(client: TestClient) -> None:
    assert client.get("/v1/scenarios").json() == {
        "scenarios": [{"name": "home", "description": "The first page.", "pipeline": {"retrieve": [{"of": "model"}]}}]
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filters": "x" * 2001}, "filters"),
        ({"scenario": ""}, "scenario"),
        ({"locale": "english please"}, "locale"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"deadline_ms": 60_001}, "deadline_ms"),
        ({"cursor": "x" * 129}, "cursor"),
        ({"exclude": ["x"] * 1001}, "exclude"),
        ({"context": {"a": {}}}, "context.a"),
        ({"dry_run": "perhaps"}, "dry_run"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, body: dict[str, Any], field: str) -> None:
    found = assert_problem(client.post("/v1/recommend", json=body), 422)
    assert found["errors"][0]["field"].startswith(field)
    assert found["remedy"].startswith(field.split(".")[0])


def test_a_filter_that_makes_no_sense_is_the_askers_error(client: TestClient) -> None:
    found = assert_problem(client.post("/v1/recommend", json={"filters": "nonsense"}), 422)
    assert (found["detail"], found["remedy"]) == ("the filter makes no sense", "Read about filters.")


def test_readiness_tells_what_is_served(client: TestClient) -> None:
    found = client.get("/ready").json()
    assert (found["model"], found["model_version"], found["items"], found["events"]) == ("counting", "7", 8, 0)


def test_the_page_shows_a_live_shop(client: TestClient) -> None:
    client.post("/v1/events", json={"user_id": "ann", "item_id": "i3", "event": "view"})
    page = client.get("/", params={"user": "ann", "like": "i4"}).text
    assert "Item 3" in page
    assert "1 event so far" in page
    assert "Item 4" in client.get("/similar/i4").text


def test_every_answer_is_what_the_description_says(client: TestClient) -> None:
    from tastemaker.server.schemas import common, events, items, people, recommend

    event = {"user_id": "ann", "item_id": "i1", "event": "view"}
    shown = client.post("/v1/recommend", json={"user_id": "ann", "trace": True})
    name = shown.json()["recommendation_id"]
    answers: list[tuple[Any, Any]] = [
        (recommend.AnswerOut, shown),
        (recommend.AnswerOut, client.get("/v1/recommend")),
        (recommend.AnswerOut, client.get("/v1/similar/i1")),
        (recommend.ServedOut, client.get(f"/v1/recommendations/{name}")),
        (recommend.ExplanationOut, client.post("/v1/explain", json={"item_id": "i1"})),
        (recommend.ScenariosOut, client.get("/v1/scenarios")),
        (events.EventsOut, client.post("/v1/events", json={"events": [event, {}]})),
        (
            events.EventResult,
            client.post(f"/v1/recommendations/{name}/feedback", json={"item_id": "i1", "event": "click"}),
        ),
        (items.ItemsOut, client.get("/v1/items")),
        (items.ItemsOut, client.get("/v1/items?q=item")),
        (items.TextFoundOut, client.get("/v1/search?q=item")),
        (items.ItemDetailOut, client.get("/v1/items/i1")),
        (items.ItemsWrittenOut, client.put("/v1/items", json={"items": [{"item_id": "a"}, {}]})),
        (items.ItemWrittenOut, client.put("/v1/items/a", json={})),
        (items.ItemDetailOut, client.patch("/v1/items/a", json={"price": 1})),
        (items.ItemDeletedOut, client.delete("/v1/items/a")),
        (people.PersonOut, client.get("/v1/people/ann")),
        (people.PersonWrittenOut, client.put("/v1/people/ann", json={"age": 3})),
        (people.PersonOut, client.patch("/v1/people/ann", json={"age": 4})),
        (people.MergedOut, client.post("/v1/people/bob/merge", json={"into": "ann"})),
        (people.ErasureOut, client.delete("/v1/people/ann")),
        (common.HealthOut, client.get("/health")),
        (common.ReadyOut, client.get("/ready")),
    ]
    for model, answer in answers:
        assert answer.status_code == 200, answer.text
        model.model_validate_json(answer.content, strict=True)
        extra = set(answer.json()) - set(model.model_fields)
        assert not extra, (model, extra)


def test_the_description_is_whole(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    operations = [(path, how, one) for path, all_ in described["paths"].items() for how, one in all_.items()]
    assert len(operations) == 32
    ids = [one["operationId"] for _, _, one in operations]
    assert len(ids) == len(set(ids))
    for path, how, one in operations:
        assert one["description"], (path, how)
        assert "4XX" in one["responses"], (path, how)
        if "security" in one:
            assert {"401", "403", "422", "429", "503"} <= set(one["responses"]), (path, how)
            assert PROBLEM in one["responses"]["429"]["content"]
        for parameter in one.get("parameters", []):
            assert parameter["description"], (path, how, parameter["name"])
    for name, schema in described["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            assert about.get("description"), (name, field)
    text = json.dumps(described)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        place = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_a_server_without_a_store_refuses_what_needs_one() -> None:
    with conftest.connect(still()) as client:
        for method, path in (
            ("POST", "/v1/explain"),
            ("GET", "/v1/scenarios"),
            ("GET", "/v1/recommendations/r1"),
            ("PUT", "/v1/items"),
            ("PUT", "/v1/items/i1"),
            ("PATCH", "/v1/items/i1"),
            ("DELETE", "/v1/items/i1"),
            ("GET", "/v1/people/u1"),
            ("PUT", "/v1/people/u1"),
            ("DELETE", "/v1/people/u1"),
            ("GET", "/v1/people/u1/export"),
            ("POST", "/v1/people/u1/merge"),
        ):
            found = assert_problem(client.request(method, path, json={}), 409)
            assert (found["type"], found["detail"]) == (
                "urn:tastemaker:problem:read-only",
                "this server keeps no events",
            )
        assert client.get("/metrics").status_code == 200


def test_a_wrong_method_is_told_the_right_ones(client: TestClient) -> None:
    refused = client.request("OPTIONS", "/v1/items/a")
    assert_problem(refused, 405)
    assert refused.headers["allow"] == "DELETE, GET, PATCH, PUT"
