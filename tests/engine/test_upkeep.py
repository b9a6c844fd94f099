"""Upkeep: the engine answers from whatever model its registry calls live, and jobs are done beside the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tastemaker.core.query import Query, as_events
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.engine.intake import take_in
from tastemaker.engine.registry import LIVE, Registry, lineage_of
from tastemaker.engine.upkeep import Upkeep
from tastemaker.models import ContentKNN, Popularity
from tastemaker.store import open_store
from tastemaker.store.ports import Job, TenantStore
from tastemaker.testing import small_shop


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture
def store(tmp_path: Path, shop: Dataset) -> Iterator[TenantStore]:
    with closing(open_store(tmp_path / "store")) as opened:
        tenant = opened.for_tenant(Tenant())
        take_in(shop, tenant, Run())
        yield tenant


def test_a_model_that_was_promoted_answers_from_the_next_request_on(
    store: TenantStore, shop: Dataset, tmp_path: Path
) -> None:
    engine = Engine(Popularity().fit(shop), store=store)
    upkeep = Upkeep(engine, {}, "here")
    assert not upkeep.follow()
    ContentKNN().fit(shop).save(tmp_path / "model")
    store.artefacts.point(LIVE, Registry(store).register(tmp_path / "model", {}).artefact_id, "")
    engine.put_items({"new": {"title": engine.item("i003")["title"]}})
    assert upkeep.follow()
    assert not upkeep.follow()
    answer = engine.recommend(Query(history=as_events(["i003"]), k=30))
    assert answer.model == "content-knn"
    assert "new" in [item.item_id for item in answer.items]


def test_a_live_model_is_passed_over_where_another_was_asked_for_until_somebody_changes_it(
    store: TenantStore, shop: Dataset, tmp_path: Path
) -> None:
    ContentKNN().fit(shop).save(tmp_path / "model")
    live = Registry(store).register(tmp_path / "model", {}).artefact_id
    store.artefacts.point(LIVE, live, "")
    engine = Engine(Popularity().fit(shop), store=store)
    upkeep = Upkeep(engine, {}, "here", passed_over=live)
    assert not upkeep.follow()
    assert engine.model.name == "popularity"
    upkeep.move()
    assert engine.model.name == "content-knn"


def test_the_live_model_is_not_loaded_again_where_the_engine_began_with_it(
    store: TenantStore, shop: Dataset, tmp_path: Path
) -> None:
    model = ContentKNN().fit(shop)
    model.save(tmp_path / "model")
    live = Registry(store).register(tmp_path / "model", {})
    store.artefacts.point(LIVE, live.artefact_id, "")
    engine = Engine(model, store=store)
    engine.lineage = lineage_of(live)
    assert not Upkeep(engine, {}, "here").follow()
    assert engine.model is model


def test_jobs_are_done_beside_the_answers_and_it_can_be_stopped(store: TenantStore, shop: Dataset) -> None:
    done = threading.Event()

    def handle(job: Job, leave_off: threading.Event) -> dict[str, int]:
        done.set()
        return {"job": job.job_id}

    engine = Engine(Popularity().fit(shop), store=store)
    upkeep = Upkeep(engine, {"greet": handle}, "here")
    number = store.jobs.enqueue("greet", {}, run_at=0)
    upkeep.start()
    assert done.wait(10)
    upkeep.stop()
    job = store.jobs.get(number)
    assert job is not None
    assert (job.state, job.result) == ("done", {"job": number})
    assert engine.facts()["jobs_ended"]["greet", "done"] == 1
    assert engine.facts()["jobs_ended"]["greet", "failed"] == 0
