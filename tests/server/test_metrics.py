"""What Prometheus sees: every request by its template, answers, stages, events, the model; and nobody's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.fake import LiveShop, connect
from tests.server.moment import NOW

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

STATUSES = ("accepted", "duplicate", "rejected")
pytestmark = pytest.mark.needs_extra("serve")


@pytest.fixture
def shop() -> LiveShop:
    return LiveShop()


@pytest.fixture
def client(shop: LiveShop) -> Iterator[TestClient]:
    with connect(shop, clock=lambda: NOW) as client:
        yield client


def samples(client: TestClient) -> dict[str, float]:
    """Return every sample by its name and labels, as they are written."""
    text = client.get("/metrics").text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def count(found: dict[str, float], name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value for key, value in found.items() if key.split("{")[0] == name and all(part in key for part in wanted)
    )


def test_every_request_is_counted_by_template_and_status_errors_included(
    client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    client.get("/v1/items/i1")
    client.get("/v1/items/i2")
    client.get("/v1/items/none/such")
    client.get("/v1/recommend", params={"k": 0})
    client.get("/v1/no-such-thing")
    client.post("/v1/recommend", content=b"x" * 1_000_001)
    monkeypatch.setattr(shop, "similar", fail)
    client.get("/v1/similar/i1")
    found = samples(client)
    name = "tastemaker_request_seconds_count"
    assert count(found, name, route="/v1/items/{item}", method="GET", status="200") == 2
    assert count(found, name, route="/v1/items/{item}", method="GET", status="404") == 1
    assert count(found, name, route="/v1/recommend", status="422") == 1
    assert count(found, name, route="/v1/similar/{item}", status="500") == 1
    assert count(found, name, route="none", status="404") == 1
    assert count(found, name, route="none", status="413") == 1


def test_methods_without_number_are_one(client: TestClient) -> None:
    for number in range(5):
        client.request(f"BREW{number}", "/v1/recommend")
    found = samples(client)
    assert count(found, "tastemaker_request_seconds_count", method="other") == 5
    assert not any("BREW" in key for key in found)


def test_answers_are_counted_with_what_found_the_items_and_how_long_the_stages_took(client: TestClient) -> None:
    before = samples(client)
    client.post("/v1/recommend", json={"user_id": "ann", "k": 3})
    client.post("/v1/events", json={"user_id": "ann", "item_id": "i1", "event": "view"})
    client.post("/v1/recommend", json={"user_id": "ann", "k": 2, "scenario": "cart"})
    client.post("/v1/recommend", json={"user_id": "ann", "exclude": [f"i{number}" for number in range(8)]})
    found = samples(client)

    def grown(name: str, **labels: str) -> float:
        return count(found, name, **labels) - count(before, name, **labels)

    assert grown("tastemaker_answers_total", scenario="home", outcome="degraded") == 1
    assert grown("tastemaker_answers_total", scenario="cart", outcome="full") == 1
    assert grown("tastemaker_answers_total", scenario="home", outcome="empty") == 1
    assert grown("tastemaker_recommended_items_total", source="popular") == 5
    for stage in ("retrieval", "counting"):
        assert grown("tastemaker_stage_seconds_count", stage=stage) == 3
        assert grown("tastemaker_stage_seconds_sum", stage=stage) == pytest.approx(0.006)
    # A part and a step in it of one name are counted once, and a part in which nothing was done not at all.
    assert grown("tastemaker_stage_seconds_count", stage="gate") == 3
    assert grown("tastemaker_stage_seconds_count", stage="ranking") == 0


def test_events_are_counted_with_how_long_they_took_to_be_seen(client: TestClient) -> None:
    event = {"user_id": "ann", "item_id": "i1", "event": "view", "event_id": "e1"}
    client.post("/v1/events", json={"events": [event, event, {}]})
    client.post("/v1/events", json={"events": [{}]})
    found = samples(client)
    taken = {one: count(found, "tastemaker_taken_events_total", status=one) for one in STATUSES}
    assert taken == {"accepted": 1, "duplicate": 1, "rejected": 2}
    assert found["tastemaker_event_visible_seconds_count"] == 1


def test_what_is_served_is_told(client: TestClient) -> None:
    found = samples(client)
    assert found["tastemaker_model_age_seconds"] == 3600
    assert found['tastemaker_model_info{name="counting",version="7"}'] == 1
    assert (found["tastemaker_items"], found["tastemaker_people"], found["tastemaker_events"]) == (8, 1, 0)


def test_background_jobs_are_counted_by_kind_and_how_they_ended(
    client: TestClient, shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tastemaker_jobs_total{" not in client.get("/metrics").text
    facts, ended = shop.facts(), {("train", "failed"): 2, ("train", "done"): 0, ("clean", "done"): 7}
    monkeypatch.setattr(shop, "facts", lambda: {**facts, "jobs_ended": ended})
    # The application has asked for the method of the shop before.
    with connect(shop, clock=lambda: NOW) as other:
        found = samples(other)
    assert count(found, "tastemaker_jobs_total", kind="train", outcome="failed") == 2
    assert found['tastemaker_jobs_total{kind="train",outcome="done"}'] == 0
    assert count(found, "tastemaker_jobs_total", kind="clean") == 7


def test_labels_have_no_more_values_than_are_allowed(client: TestClient, shop: LiveShop) -> None:
    from tastemaker.server.metrics import MAX_LABELS

    for number in range(MAX_LABELS + 20):
        client.post("/v1/recommend", json={"scenario": f"s{number}", "k": 1})
    scenarios = set(re.findall(r'tastemaker_answers_total{.*scenario="(\w+)"', client.get("/metrics").text))
    assert len(scenarios) == MAX_LABELS + 1
    assert "other" in scenarios


def test_nobody_and_nothing_is_named(client: TestClient) -> None:
    client.post("/v1/events", json={"user_id": "somebody", "item_id": "i3", "event": "view"})
    client.get("/v1/people/somebody")
    client.get("/v1/recommend", params={"user": "somebody"})
    text = client.get("/metrics").text
    assert "somebody" not in text
    assert '"i3"' not in text


def test_applications_in_one_process_count_for_themselves() -> None:
    first, second = connect(LiveShop()), connect(LiveShop())
    first.get("/v1/recommend")
    name = "tastemaker_request_seconds_count"
    assert count(samples(first), name, route="/v1/recommend") == 1
    assert count(samples(second), name, route="/v1/recommend") == 0


def test_prometheus_can_read_it(client: TestClient) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    client.get("/v1/recommend")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    families = {family.name for family in text_string_to_metric_families(response.text)}
    assert {"tastemaker_request_seconds", "tastemaker_answers", "tastemaker_model_age_seconds"} <= families
