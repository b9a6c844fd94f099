"""Somebody who is erased is in no port any more, and the receipt proves it without naming them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.engine.memory import MemoryTenant

from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.engine.erasure import ERASURES, erase_person, export_person
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.intake import take_in
from tastemaker.engine.registry import Registry, described
from tastemaker.models import Popularity
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, Served, Snapshot, TenantStore
from tastemaker.testing import small_shop

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ANNA = "anna-4f6b9e20c1"
BEN = "ben-77c2d01e9a40"


@pytest.fixture(params=["memory", "sqlite"])
def full(request: pytest.FixtureRequest, store: MemoryTenant, tmp_path: Path) -> Iterator[TenantStore]:
    """A store in which two people have left traces everywhere."""
    if request.param == "memory":
        fill(store)
        yield store
        return
    kept = open_store(tmp_path / "kept")
    tenant = kept.for_tenant(Tenant())
    fill(tenant)
    yield tenant
    kept.close()


def fill(store: TenantStore) -> None:
    for person in (ANNA, BEN):
        events = [
            NewEvent(event_id=f"{person}-{step}", user_id=person, item_id=item, event="view", timestamp=1000 + step)
            for step, item in enumerate("xyzw")
        ]
        store.events.append(events)
        shown = Served(recommendation_id=f"r-{person}", user_id=person, scenario="home", at=5, item_ids=("x",))
        store.served.submit([shown]).result()
        store.people.put({person: {"age": 30}})
        store.states.put([Snapshot(person, 4, "code", person.encode())])
    FrozenQueries.freeze(store)


def traces(store: TenantStore, person: str) -> list[str]:
    return [each["kind"] for each in export_person(store, person, fingerprint="code")]


# -- handing out --------------------------------------------------------------------------------------------------


def test_all_that_is_stored_of_a_person_is_handed_out(full: TenantStore) -> None:
    lines = list(export_person(full, ANNA, fingerprint="code"))
    assert [line["kind"] for line in lines] == ["profile", *["event"] * 4, "served", "state", "frozen-query"]
    assert lines[0]["values"] == {"age": 30}
    assert [line["item_id"] for line in lines[1:5]] == ["x", "y", "z", "w"]
    assert lines[1]["happened"] == "1970-01-01T00:00:00.001000+00:00"
    assert lines[5]["item_ids"] == ("x",)
    assert json.loads(json.dumps(lines)) is not None
    assert not any(BEN in json.dumps(line) for line in lines)


def test_of_nobody_nothing_is_handed_out(full: TenantStore) -> None:
    assert list(export_person(full, "nobody")) == []


def test_somebody_is_known_under_all_their_names(full: TenantStore) -> None:
    full.events.merge(BEN, ANNA)
    lines = list(export_person(full, BEN))
    assert lines[0] == {"kind": "name", "asked": BEN, "current": ANNA}
    assert sum(line["kind"] == "event" for line in lines) == 8


def test_work_that_names_somebody_is_handed_out(full: TenantStore) -> None:
    full.jobs.enqueue("mail", {"to": [{"person": ANNA}]}, run_at=0)
    full.jobs.enqueue("mail", {"to": "somebody else"}, run_at=0)
    assert {"kind": "job", "job_id": 1, "does": "mail"} in list(export_person(full, ANNA))


# -- taking away --------------------------------------------------------------------------------------------------


def test_who_is_erased_is_nowhere_any_more(full: TenantStore) -> None:
    receipt = erase_person(full, ANNA, now=NOW)
    assert receipt["removed"] == {
        "frozen_queries": 1,
        "served": 1,
        "state": 1,
        "profile": 1,
        "jobs": 0,
        "events": 4,
        "aliases": 0,
    }
    assert receipt["left"] == []
    assert receipt["complete"] is True
    assert traces(full, ANNA) == []
    assert full.holds(ANNA) == []
    assert traces(full, BEN) == ["profile", *["event"] * 4, "served", "state", "frozen-query"]


def test_the_receipt_names_nobody(full: TenantStore) -> None:
    full.jobs.enqueue("mail", {"to": ANNA}, run_at=0)
    receipt = erase_person(full, ANNA, now=NOW)
    assert ANNA not in json.dumps(receipt)
    assert receipt["person"] == f"sha256:{hashlib.sha256(ANNA.encode()).hexdigest()}"
    assert receipt["at"] == "2024-06-01T12:00:00+00:00"
    keyed = erase_person(full, BEN, now=NOW, key=b"secret")
    assert keyed["person"] == f"hmac-sha256:{hmac.new(b'secret', BEN.encode(), 'sha256').hexdigest()}"


def test_somebody_is_erased_under_any_of_their_names(full: TenantStore) -> None:
    full.events.merge(BEN, ANNA)
    receipt = erase_person(full, BEN, now=NOW)
    assert receipt["removed"]["events"] == 8
    assert receipt["removed"]["aliases"] == 1
    assert receipt["removed"]["frozen_queries"] == 2
    assert receipt["complete"] is True
    assert full.events.current(BEN) == BEN
    assert full.holds(ANNA) + full.holds(BEN) == []


def test_a_second_time_there_is_nothing_to_take_away(full: TenantStore) -> None:
    erase_person(full, ANNA, now=NOW)
    again = erase_person(full, ANNA, now=NOW)
    assert set(again["removed"].values()) == {0}
    assert again["complete"] is True


def test_what_the_ports_cannot_take_away_is_said(full: TenantStore) -> None:
    number = full.jobs.enqueue("mail", {"note": f"for {ANNA}!"}, run_at=0)
    assert full.jobs.lease(["mail"], "w", now=0, until=1) is not None
    receipt = erase_person(full, ANNA, now=NOW)
    assert receipt["complete"] is False
    assert receipt["left"] == [
        f"jobs.{number}: it runs, and its payload or result names them",
        "jobs.payload: a value has the name in it",
    ]


def test_jobs_that_name_somebody_go_with_them_unless_they_run(full: TenantStore) -> None:
    ended = full.jobs.enqueue("mail", {"to": "everybody"}, run_at=0)
    full.jobs.lease(["mail"], "w", now=0, until=1)
    full.jobs.finish(ended, "w", {"sent": [f"to {ANNA}", BEN]})
    full.jobs.enqueue("mail", {"to": ANNA}, run_at=0, unique=f"mail for {ANNA}")
    others = full.jobs.enqueue("mail", {"to": "somebody else"}, run_at=0)
    receipt = erase_person(full, ANNA, now=NOW)
    assert (receipt["removed"]["jobs"], receipt["left"]) == (2, [])
    assert [job.job_id for job in full.jobs.newest()] == [others]
    assert full.holds(ANNA) == []


def test_a_long_name_is_looked_for_in_every_value(full: TenantStore) -> None:
    full.items.put({"x": {"text": f"Signed by {ANNA}."}})
    receipt = erase_person(full, ANNA, now=NOW)
    assert receipt["complete"] is False
    assert [place.startswith("items.") for place in receipt["left"]] == [True]


def test_a_short_name_is_looked_for_where_names_stand(store: MemoryTenant) -> None:
    store.events.append([NewEvent(event_id="e", user_id="42", item_id="x", event="view", timestamp=42)])
    store.items.put({"x": {"title": "42nd Street"}})
    receipt = erase_person(store, "42", now=NOW)
    assert receipt["removed"]["events"] == 1
    assert receipt["left"] == []


# -- what an erasure cannot do ------------------------------------------------------------------------------------


def model(store: MemoryTenant, folder: Path, dataset: Dataset, **facts: Any) -> str:
    Popularity().fit(dataset).save(folder)
    (folder / "which").write_text(folder.name)
    return Registry(store).register(folder, facts).artefact_id


def test_models_that_were_fitted_on_their_events_are_listed(store: MemoryTenant, tmp_path: Path) -> None:
    shop = small_shop()
    store.events.append([NewEvent(event_id="e0", user_id=BEN, item_id="x", event="view", timestamp=5)])
    fill(store)
    before = model(store, tmp_path / "before", shop, last_offset=1)
    early = model(store, tmp_path / "early", shop, last_offset=9, until=1000)
    seen = model(store, tmp_path / "seen", shop, last_offset=2)
    unknown = model(store, tmp_path / "unknown", shop)
    store.artefacts.point("live", seen)
    receipt = erase_person(store, ANNA, now=NOW)
    said = {each["artefact_id"]: (each["fitted_on_their_events"], each["live"]) for each in receipt["models"]}
    assert said == {seen: ("yes", True), unknown: ("not known", False)}
    assert before not in said
    assert early not in said
    assert receipt["to_do"][0].startswith("2 models were, or may have been, fitted on their events, the live one among")
    registry = Registry(store)
    assert registry.stale() == {seen: 1, unknown: 1}
    stale = [described(each, None, registry.stale())["erased_since"] for each in registry.models()]
    assert stale == [0, 0, 1, 1]
    erase_person(store, BEN, now=NOW)
    assert registry.stale() == {before: 1, early: 1, seen: 2, unknown: 2}


def test_who_did_nothing_is_in_no_model(store: MemoryTenant, tmp_path: Path) -> None:
    model(store, tmp_path / "model", small_shop(), last_offset=100)
    store.people.put({ANNA: {"age": 3}})
    receipt = erase_person(store, ANNA, now=NOW)
    assert receipt["removed"]["profile"] == 1
    assert receipt["models"] == []


def test_the_files_that_events_came_from_are_named(store: MemoryTenant) -> None:
    take_in(small_shop(), store, Run())
    store.events.append([NewEvent(event_id="live", user_id="u001", item_id="i001", event="view", timestamp=5)])
    receipt = erase_person(store, "u001", now=NOW)
    assert receipt["removed"]["events"] == 13
    assert (
        "12 of their events came from the files of the data set 'small-shop', which are as they were."
        in receipt["to_do"]
    )


def test_back_ups_are_spoken_of(full: TenantStore) -> None:
    assert erase_person(full, ANNA, now=NOW)["to_do"] == [
        "Back-ups keep what they held until they are deleted; after restoring one, erase again."
    ]


def test_an_intake_that_is_under_way_may_bring_them_back(store: MemoryTenant) -> None:
    shop = small_shop()
    take_in(shop, store, Run())
    store.notes.put("intake", {"small-shop": {**store.notes.get("intake")["small-shop"], "done": False}})
    receipt = erase_person(store, "u001", now=NOW)
    assert receipt["complete"] is False
    assert "is not wholly taken in" in receipt["left"][0]


def test_erasures_at_once_are_all_counted(store: MemoryTenant) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: erase_person(store, f"u{number}", now=NOW), range(64)))
    assert store.notes.get(ERASURES) == 128


def test_a_fit_can_tell_that_somebody_was_erased_meanwhile(store: MemoryTenant) -> None:
    counts: list[int] = []
    erase = store.log.erase

    def during(user_id: str) -> int:
        counts.append(store.notes.get(ERASURES))
        return erase(user_id)

    store.log.erase = during  # type: ignore[method-assign]
    erase_person(store, ANNA, now=NOW)
    assert [*counts, store.notes.get(ERASURES)] == [1, 2]
