"""The JSON interface says what the engine says, and says clearly what it cannot do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.server.conftest import EMOJI, SLASHED, SPACED, connect

from tastemaker.core.errors import NotFittedError, StorageError
from tastemaker.core.query import Event, Query, as_events
from tastemaker.data import Dataset
from tastemaker.engine import Answer, Engine
from tastemaker.models import SequentialRules

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from httpx import Response

pytestmark = pytest.mark.needs_extra("serve")
PROBLEM = "application/problem+json"


def listed(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "item_id": item.item_id,
            "title": item.title,
            "score": item.score,
            "rank": item.rank,
            "reason": item.reason,
            "evidence": [{"item_id": one.item_id, "title": one.title, "share": one.share} for one in item.evidence],
            "sources": list(item.sources),
            "propensity": item.propensity,
        }
        for item in answer.items
    ]


def assert_problem(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    found: dict[str, Any] = response.json()
    assert found["status"] == status
    assert found["type"].startswith("urn:tastemaker:problem:")
    assert found["title"]
    assert found["detail"]
    assert found["remedy"]
    return found


def test_a_known_person_gets_what_the_engine_recommends(client: TestClient, engine: Engine) -> None:
    response = client.get("/v1/recommend", params={"user": "u3", "k": 5})
    assert response.status_code == 200
    answer, found = engine.recommend(Query(user_id="u3", k=5)), response.json()
    assert found["items"] == listed(answer)
    assert [item["rank"] for item in found["items"]] == [1, 2, 3, 4, 5]
    assert found["items"][0]["evidence"]
    assert [(item["item_id"], item["title"]) for item in found["history"]] == list(answer.history)
    assert found["degraded"] == []
    assert found["model"] == engine.model.name
    assert found["took_ms"] > 0
    assert found["filters"] == {"seen": [], "hidden": [], "unavailable": []}


def test_parameters_and_body_ask_the_same(client: TestClient, engine: Engine) -> None:
    query = Query(
        history=as_events(["i1", "i2"]), liked=("i5",), disliked=("i7",), text="harbour", k=6, exclude_seen=False
    )
    by_parameters = client.get(
        "/v1/recommend",
        params={
            "history": ["i1", "i2"],
            "like": "i5",
            "dislike": "i7",
            "text": "harbour",
            "k": 6,
            "exclude_seen": "false",
        },
    )
    by_body = client.post(
        "/v1/recommend",
        json={
            "history": ["i1", "i2"],
            "liked": ["i5"],
            "disliked": ["i7"],
            "text": "harbour",
            "k": 6,
            "exclude_seen": False,
        },
    )
    assert by_parameters.json()["items"] == by_body.json()["items"] == listed(engine.recommend(query))


def test_a_body_may_hold_events_session_items_and_candidates(client: TestClient, engine: Engine) -> None:
    events = [{"item_id": "i3", "event": "buy", "timestamp": "2024-05-01T12:00:00Z", "weight": 2.0}, "i4"]
    asked = {"history": events, "session": ["i6"], "candidates": ["i5", "i8", "i30"], "seed": 7}
    found = client.post("/v1/recommend", json=asked).json()
    query = Query(
        history=(Event("i3", "buy", weight=2.0), Event("i4")),
        session=(Event("i6"),),
        candidates=frozenset({"i5", "i8", "i30"}),
    )
    assert found["items"] == listed(engine.recommend(query))
    assert {item["item_id"] for item in found["items"]} <= {"i5", "i8", "i30"}
    similar = client.post("/v1/recommend", json={"items": ["i3"], "k": 4}).json()
    assert similar["items"] == listed(engine.similar("i3", 4))


def test_a_profile_is_words_for_a_model_that_reads_them(client: TestClient, engine: Engine) -> None:
    profile = {"likes": ["desert", "song"], "age": 31, "member": True, "height": 1.7, "nothing": None}
    response = client.post("/v1/recommend", json={"profile": profile, "k": 3})
    assert response.status_code == 200, response.text
    expected = engine.recommend(Query(profile=profile, k=3))
    assert response.json()["items"] == listed(expected)
    if "text" in engine.model.capabilities.reads:
        assert {item["reason"] for item in response.json()["items"]} == {"fits the profile"}


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ("Riga", "profile"),
        ({"likes": ["x"] * 21}, "profile.likes"),
        ({"text": "x" * 501}, "profile.text"),
        ({"x" * 65: "y"}, "profile"),
        ({f"a{number}": 1 for number in range(33)}, "profile"),
        ({"place": {"city": "Riga"}}, "profile.place"),
    ],
)
def test_a_profile_out_of_bounds_is_refused(client: TestClient, profile: Any, field: str) -> None:
    problem = assert_problem(client.post("/v1/recommend", json={"profile": profile}), 422)
    assert any(error["field"].startswith(field) for error in problem["errors"]), problem


def test_whole_numbers_are_ids(client: TestClient) -> None:
    found = client.post("/v1/recommend", json={"user_id": 7, "history": [1, 2]})
    assert found.status_code == 200
    assert [item["item_id"] for item in found.json()["history"]] == ["1", "2"]


def test_an_unknown_person_gets_popular_items_and_is_told_so(client: TestClient, engine: Engine) -> None:
    response = client.get("/v1/recommend", params={"user": "nobody"})
    assert response.status_code == 200
    found = response.json()
    assert "user 'nobody' is unknown" in found["degraded"]
    assert any("popular" in note for note in found["degraded"])
    assert found["items"] == listed(engine.recommend(Query()))


def test_empty_fields_of_a_form_are_not_given(client: TestClient) -> None:
    found = client.get("/v1/recommend?user=&history=&like=&dislike=&text=").json()
    assert found["degraded"] == ["no history to go by: popular items"]


def test_dislikes_change_the_list_and_never_come_back(client: TestClient) -> None:
    def ids(**asked: Any) -> list[str]:
        found = client.get("/v1/recommend", params={"k": 40, **asked}).json()
        return [item["item_id"] for item in found["items"]]

    before = ids(like="i5")
    after = ids(like="i5", dislike=before[:2])
    assert not set(before[:2]) & set(after)
    assert "i5" not in before
    assert ids(like="i20")[:3] != before[:3]
    assert before[0] not in ids(like="i5", dislike=before[0], exclude_seen="false")


def test_a_list_of_a_thousand_is_the_whole_shop(client: TestClient) -> None:
    found = client.get("/v1/recommend", params={"k": 1000}).json()
    assert len(found["items"]) == 40


@pytest.mark.parametrize("item", ["i3", SLASHED, EMOJI, SPACED])
def test_similar_items_of_any_id(client: TestClient, engine: Engine, item: str) -> None:
    response = client.get(f"/v1/similar/{quote(item, safe='')}", params={"k": 3})
    assert response.status_code == 200
    assert response.json()["items"] == listed(engine.similar(item, 3))


@pytest.mark.parametrize("item", ["i3", SLASHED, EMOJI, SPACED])
def test_an_item_of_any_id(client: TestClient, engine: Engine, item: str) -> None:
    found = client.get(f"/v1/items/{quote(item, safe='')}").json()
    assert (found["item_id"], found["title"]) == (item, engine.title(item))
    assert found["year"] >= 1990
    assert found["available"] is True


@pytest.mark.parametrize("path", ["/v1/similar/no/such", "/v1/items/no/such"])
def test_an_unknown_item_is_not_found(client: TestClient, path: str) -> None:
    found = assert_problem(client.get(path), 404)
    assert found["type"].endswith("unknown-item")
    assert "'no/such'" in found["detail"]


def test_search_finds_titles(client: TestClient, engine: Engine) -> None:
    found = client.get("/v1/items", params={"q": "desert song 1", "limit": 3}).json()
    assert found["items"] == engine.search("desert song 1", 3)
    assert found["items"][0]["title"].startswith("Desert Song 1")
    assert client.get("/v1/items").json() == {"items": []}


def test_search_by_text_finds_the_words_and_says_what_it_lacks(client: TestClient, engine: Engine) -> None:
    found = client.get("/v1/search", params={"q": "A song of the DESERT 7", "k": 3}).json()
    assert found["items"][0] == {
        "item_id": "i25",
        "title": engine.title("i25"),
        "score": found["items"][0]["score"],
        "rank": 1,
        "sources": {"words": 1},
        "words": ["song", "desert", "7"],
    }
    assert (found["by"], len(found["items"])) == ("words", 3)
    assert "no encoder" in found["degraded"][0]
    assert client.get("/v1/search", params={"q": "desert", "by": "words"}).json()["degraded"] == []
    assert client.get("/v1/search", params={"q": "zeppelin"}).json()["items"] == []
    assert_problem(client.get("/v1/search", params={"q": "  "}), 422)


def test_search_by_text_answers_by_meaning_where_the_engine_has_an_encoder(engine: Engine) -> None:
    from tastemaker.language.encoders import make_encoder
    from tastemaker.retrieval import TextSearch

    worded = Engine(engine.model, engine.dataset, encoder=make_encoder("random"))
    with connect(worded) as client:
        assert worded.texts.wait(60)
        found = client.get("/v1/search", params={"q": "harbour", "by": "both"}).json()
    expected = TextSearch.over_catalogue(engine.dataset.catalogue, "random").search("harbour").to_dict(engine.title)
    assert {item["item_id"] for item in found["items"]} == {item["item_id"] for item in expected["items"]}
    assert found["degraded"] == []
    assert {source for item in found["items"] for source in item["sources"]} == {"words", "vectors"}


@pytest.mark.parametrize("k", [0, -1, 1001, 1_000_000])
@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/similar/i3"])
def test_k_out_of_range_names_the_field_and_the_range(client: TestClient, path: str, k: int) -> None:
    found = assert_problem(client.get(path, params={"k": k}), 422)
    assert found["detail"].startswith("k: ")
    assert "from 1 to 1000" in found["remedy"]
    assert found["errors"][0]["field"] == "k"


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        ({"k": 0}, "k", "from 1 to 1000"),
        ({"k": "many"}, "k", "from 1 to 1000"),
        ({"user": "u1"}, "user", "Did you mean 'user_id'?"),
        ({"history": [{"item": "i1"}]}, "history.0.item_id", "Raw id"),
        ({"history": [{"item_id": "i1", "wieght": 1}]}, "history.0.wieght", "Did you mean 'weight'?"),
        ({"history": [{"item_id": "i1", "weight": 1e9}]}, "history.0.weight", "from -100 to 100"),
        ({"history": [True]}, "history.0.item_id", "Raw id"),
        ({"history": "i1"}, "history", "at most 1000"),
        ({"liked": ["x"] * 1001}, "liked", "at most 1000"),
        ({"liked": ["x" * 600]}, "liked.0", "at most 1000"),
        ({"liked": ["\ud800"]}, "liked.0", "Items that are liked"),
        ({"text": "x" * 2001}, "text", "at most 2000"),
        ({"text": "\ud800"}, "text", "at most 2000"),
        ({"\ud800": 1}, "body", "JSON object"),
        ({"x" * 900: 1}, "x" * 100, "Known: user_id"),
        ({"seed": -1}, "seed", "from 0"),
        ({"candidates": ["x"] * 10_001}, "candidates", "at most 10000"),
        ([], "body", "JSON object"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_may_hold(client: TestClient, body: Any, field: str, remedy: str) -> None:
    kind = {"content-type": "application/json"}
    found = assert_problem(client.post("/v1/recommend", content=json.dumps(body), headers=kind), 422)
    assert found["errors"][0]["field"] == field
    assert found["detail"].startswith(f"{field}: ")
    assert remedy in found["remedy"]


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/v1/recommend?users=1", "Did you mean 'user'?"),
        ("/v1/items?limits=1", "Did you mean 'limit'?"),
        ("/v1/items?limit=101", "from 1 to 100"),
        ("/v1/search?q=", "from 1 to 2000"),
        ("/v1/search?k=3", "from 1 to 2000"),
        ("/v1/search?q=sea&by=mind", "words: what the texts hold"),
        ("/v1/search?q=sea&k=0", "from 1 to 1000"),
        ("/v1/recommend?exclude_seen=perhaps", "true or false"),
    ],
)
def test_a_wrong_parameter_is_named(client: TestClient, path: str, remedy: str) -> None:
    assert remedy in assert_problem(client.get(path), 422)["remedy"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"history": NaN}', b"\xff\xfe", b""])
def test_what_is_not_json_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/recommend", content=body, headers={"content-type": "application/json"})
    assert_problem(response, response.status_code)
    assert response.status_code in (400, 422)


def test_a_form_is_not_a_json_object(client: TestClient) -> None:
    found = assert_problem(client.post("/v1/recommend", data={"k": "3"}), 422)
    assert "Content-Type: application/json" in found["remedy"]


def test_a_large_body_is_refused_whether_it_says_its_size_or_not(client: TestClient) -> None:
    large = json.dumps({"text": "x" * 1_100_000}).encode()
    kind = {"content-type": "application/json"}
    found = assert_problem(client.post("/v1/recommend", content=large, headers=kind), 413)
    assert "1 MB" in found["remedy"]
    in_pieces = (large[start : start + 65_536] for start in range(0, len(large), 65_536))
    assert_problem(client.post("/v1/recommend", content=in_pieces, headers=kind), 413)


def test_other_paths_and_methods_are_problems_too(client: TestClient) -> None:
    assert "/openapi.json" in assert_problem(client.get("/v1/nothing"), 404)["remedy"]
    refused = client.delete("/v1/recommend")
    assert_problem(refused, 405)
    assert refused.headers["allow"]


def test_health_and_readiness(client: TestClient, engine: Engine) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    found = client.get("/ready").json()
    assert found["status"] == "ready"
    assert (found["model"], found["data"], found["items"], found["people"]) == (
        engine.model.name,
        "small shop",
        40,
        30,
    )


def test_it_is_not_ready_before_it_has_warmed_up(engine: Engine) -> None:
    cold = connect(engine)
    assert cold.get("/health").status_code == 200
    assert assert_problem(cold.get("/ready"), 503)["type"].endswith("not-ready")


def test_an_unfitted_model_is_refused_at_once(shop: Dataset) -> None:
    from tastemaker.server import create_app

    with pytest.raises(NotFittedError):
        create_app(Engine(SequentialRules(), shop))


def test_a_fault_inside_is_told_without_its_insides(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(engine)
    for error in (RuntimeError("secret"), StorageError("secret", where="/secret/path")):

        def fail(query: Query, error: Exception = error) -> Answer:
            raise error

        monkeypatch.setattr(engine, "recommend", fail)
        response = client.get("/v1/recommend", params={"like": "private"})
        assert_problem(response, 500)
        assert "secret" not in response.text
        assert "Traceback" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"
    assert "secret" in caplog.text
    assert "private" not in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("broken"), StorageError("broken")])
def test_the_log_names_the_template_of_an_address_and_not_who_is_in_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object) -> Answer:
        raise error

    monkeypatch.setattr(engine, "similar", fail)
    assert_problem(connect(engine).get("/v1/similar/private"), 500)
    assert "failed: GET /v1/similar/{item}" in caplog.text
    assert "private" not in caplog.text


def test_openapi_describes_every_endpoint_once(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert sorted(ids) == sorted(set(ids))
    assert set(described["paths"]) == {
        "/v1/recommend",
        "/v1/similar/{item}",
        "/v1/items",
        "/v1/items/{item}",
        "/v1/search",
        "/health",
        "/ready",
    }
    for operation in operations:
        assert operation["summary"]
        assert PROBLEM in operation["responses"]["4XX"]["content"]
    text = json.dumps(described)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        place = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    k = next(one for one in described["paths"]["/v1/recommend"]["get"]["parameters"] if one["name"] == "k")
    assert (k["schema"]["minimum"], k["schema"]["maximum"]) == (1, 1000)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_that_would_fetch_scripts_elsewhere_are_not_there(client: TestClient, path: str) -> None:
    assert_problem(client.get(path), 404)
