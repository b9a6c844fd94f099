"""An operator backs a running server up, sees to its jobs, and moves it to another model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.server.conftest import connect
from tests.server.fake import KeysInMemory, still

from tastemaker.client import Client
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.engine.administration import Administration
from tastemaker.engine.intake import take_in
from tastemaker.engine.registry import Registry
from tastemaker.engine.upkeep import Upkeep
from tastemaker.models import ContentKNN, Popularity, SequentialRules
from tastemaker.store import open_store
from tastemaker.store.ports import Store, TenantStore

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, shop: Dataset) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store")) as opened:
        take_in(shop, opened.for_tenant(Tenant()), Run())
        yield opened


@pytest.fixture
def tenant(store: Store) -> TenantStore:
    return store.for_tenant(Tenant())


@pytest.fixture
def client(store: Store, tenant: TenantStore, tmp_path: Path, shop: Dataset) -> Iterator[TestClient]:
    engine = Engine(Popularity().fit(shop), store=tenant)
    upkeep = Upkeep(engine, {}, "here")
    operator = Administration(
        store, tenant, backups=tmp_path / "backups", follow=upkeep.try_to_follow, clock=lambda: NOW
    )
    with connect(engine, administration=operator) as client:
        yield client
    engine.flush()


@pytest.fixture
def saved(tenant: TenantStore, tmp_path: Path, shop: Dataset) -> list[str]:
    """Two models of the registry."""
    ids = []
    for model in (ContentKNN(), SequentialRules()):
        model.fit(shop).save(tmp_path / model.name)
        ids.append(Registry(tenant).register(tmp_path / model.name, {"last_offset": 240}).artefact_id)
    return ids


def kind(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:tastemaker:problem:")


# -- back-ups -----------------------------------------------------------------------------------------------------


def test_a_store_opens_on_a_back_up_of_a_running_server(client: TestClient, tmp_path: Path, shop: Dataset) -> None:
    client.post("/v1/events", json={"user_id": "new", "item_id": "i1", "event": "buy"})
    answer = client.post("/v1/admin/backup")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["at"], made["tenants"]) == ("2026-03-01T12:30:00+00:00", ["default"])
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [made["name"]]
    with closing(open_store(tmp_path / "backups" / made["name"])) as copy:
        assert len(copy.for_tenant(Tenant()).events.of_user("new")) == 1
        assert len(copy.for_tenant(Tenant()).events) == len(shop.interactions) + 1


def test_no_request_says_where_a_back_up_goes(client: TestClient, tmp_path: Path) -> None:
    client.post("/v1/admin/backup?folder=/tmp/elsewhere", json={"folder": "../elsewhere"})
    assert {path.name for path in tmp_path.iterdir()} >= {"store", "backups"}
    assert not (tmp_path / "elsewhere").exists()
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_without_a_folder_there_are_no_back_ups(store: Store, tenant: TenantStore, shop: Dataset) -> None:
    with connect(Engine(Popularity().fit(shop), store=tenant), administration=Administration(store, tenant)) as client:
        assert kind(client.post("/v1/admin/backup")) == (409, "no-backups")


# -- jobs ---------------------------------------------------------------------------------------------------------


def test_work_is_put_in_line_looked_at_and_cancelled(client: TestClient, tenant: TenantStore) -> None:
    asked = {"kind": "train", "model": "ease", "until": "2026-01-01T00:00:00Z", "promote": False}
    job = client.post("/v1/admin/jobs", json=asked).json()
    assert job["payload"] == {"model": "ease", "until": 1_767_225_600_000_000, "promote": False}
    assert (job["state"], job["run_at"], job["ended"]) == ("waiting", "2026-03-01T12:30:00+00:00", None)
    assert client.post("/v1/admin/jobs", json=asked).json()["job_id"] == job["job_id"]
    other = client.post("/v1/admin/jobs", json={"kind": "clean"}).json()
    assert [each["job_id"] for each in client.get("/v1/admin/jobs").json()["jobs"]] == [other["job_id"], job["job_id"]]
    assert client.get("/v1/admin/jobs?kind=clean&limit=1").json()["jobs"] == [other]
    gone = client.delete(f"/v1/admin/jobs/{job['job_id']}").json()
    assert (gone["state"], gone["result"]) == ("failed", {"error": "cancelled"})
    assert gone == client.get(f"/v1/admin/jobs/{job['job_id']}").json()
    assert tenant.jobs.lease(["train"], "w", now=2**60, until=2**61) is None


def test_unknown_jobs_and_kinds_are_refused(client: TestClient) -> None:
    assert kind(client.get("/v1/admin/jobs/99")) == (404, "unknown-job")
    assert kind(client.delete("/v1/admin/jobs/99")) == (404, "unknown-job")
    assert kind(client.post("/v1/admin/jobs", json={"kind": "rm -rf"})) == (422, "invalid-request")
    assert kind(client.post("/v1/admin/jobs", json={"kind": "clean", "model": "ease"})) == (422, "invalid-request")


# -- models -------------------------------------------------------------------------------------------------------


def answering(client: TestClient) -> str:
    return str(client.get("/v1/recommend?user=u1&k=3").json()["model"])


def test_a_running_server_moves_to_the_model_that_is_promoted_and_back(client: TestClient, saved: list[str]) -> None:
    first, second = saved
    assert answering(client) == "popularity"
    verdict = client.post(f"/v1/admin/models/{first[:12]}/promote", json={"force": True}).json()
    assert (verdict["promoted"], verdict["artefact_id"], answering(client)) == (True, first, "content-knn")
    ready = client.get("/ready").json()
    (listed, _) = client.get("/v1/admin/models").json()["models"]
    assert (ready["model_version"], ready["model_created"]) == (first, listed["created"])
    assert (listed["live"], listed["erased_since"], listed["dataset"]) == (True, 0, "small shop")
    client.post(f"/v1/admin/models/{second}/promote", json={"force": True})
    assert answering(client) == "sequential-rules"
    back = client.post("/v1/admin/models/rollback", json={"reason": "too slow"}).json()
    assert (back["artefact_id"], back["live"], answering(client)) == (first, True, "content-knn")
    assert kind(client.post("/v1/admin/models/rollback", json={})) == (409, "no-earlier-model")


def test_an_unknown_model_is_refused(client: TestClient, saved: list[str]) -> None:
    assert kind(client.post("/v1/admin/models/000000000000/promote", json={})) == (404, "unknown-model")
    assert kind(client.post("/v1/admin/models/..%2F..%2Fetc/promote", json={}))[0] in (404, 422)
    assert answering(client) == "popularity"


def test_a_model_says_of_how_many_people_it_knows_too_much(client: TestClient, saved: list[str]) -> None:
    client.delete("/v1/people/u3")
    assert [each["erased_since"] for each in client.get("/v1/admin/models").json()["models"]] == [1, 1]


# -- who may ------------------------------------------------------------------------------------------------------


def test_an_operator_needs_a_key_that_says_so(store: Store, tenant: TenantStore, shop: Dataset) -> None:
    from tastemaker.server.keys import KeyRing, make_key

    (key, token), (other, narrow) = make_key(["admin"]), make_key(["read", "events", "catalogue", "people"])
    engine = Engine(Popularity().fit(shop), store=tenant)
    operator = Administration(store, tenant)
    with connect(engine, keys=KeyRing(KeysInMemory(key, other)), administration=operator) as client:
        for method, path in (("GET", "jobs"), ("GET", "models"), ("POST", "backup"), ("POST", "models/rollback")):
            answer = client.request(method, f"/v1/admin/{path}", headers={"X-API-Key": narrow})
            assert kind(answer) == (403, "forbidden")
        assert client.get("/v1/admin/models", headers={"X-API-Key": token}).json() == {"models": []}


def test_a_server_without_an_operators_part_says_so(shop: Dataset, tenant: TenantStore) -> None:
    with connect(Engine(Popularity().fit(shop), store=tenant)) as client:
        assert kind(client.get("/v1/admin/jobs")) == (409, "not-administered")
    with connect(still()) as client:
        assert kind(client.get("/v1/admin/jobs")) == (409, "read-only")


def test_the_client_has_all_of_it(client: TestClient, saved: list[str]) -> None:
    def through(request: httpx.Request) -> httpx.Response:
        answer = client.request(request.method, str(request.url), content=request.content, headers=request.headers)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    shop = Client("http://testserver", transport=httpx.MockTransport(through))
    assert shop.back_up()["tenants"] == ["default"]
    job = shop.enqueue_job("train", until=datetime(2026, 1, 1, tzinfo=UTC))
    assert shop.jobs("train") == [shop.job(job["job_id"])]
    assert shop.cancel_job(job["job_id"])["state"] == "failed"
    assert shop.promote_model(saved[0], force=True)["promoted"]
    assert shop.promote_model(saved[1], force=True)["live_before"] == saved[0]
    assert shop.roll_back_model("why not")["artefact_id"] == saved[0]
    assert [model["live"] for model in shop.models()] == [True, False]
    assert json.dumps(shop.ready())
