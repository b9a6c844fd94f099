"""Live people over a store in SQLite: what is in memory is what the store makes anew."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.engine.people_store import Axes, Counter

from tastemaker.core.clock import MICROSECONDS_PER_DAY as DAY
from tastemaker.core.clock import from_microseconds, to_microseconds
from tastemaker.core.tenant import Tenant
from tastemaker.engine.people import People
from tastemaker.engine.people_state import Following
from tastemaker.pipeline.stage import Person
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, Receipt, Served, Store, TenantStore

SHELF = Counter([*"abcdefgh"])
FOLLOWING = Following(spaces=(Axes(),))
NOW = from_microseconds(20_000 * DAY)
ACTS = [("ann", "a", "buy"), ("bob", "b", "view"), ("ann", "c", "hide"), ("ann", "d", "dislike"), ("bob", "e", "like")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "store", clock=lambda: NOW)
    yield store
    store.close()


@pytest.fixture
def kept(store: Store) -> TenantStore:
    return store.for_tenant(Tenant())


def _do(kept: TenantStore, people: People, *acts: tuple[str, str, str]) -> None:
    before, at = kept.events.last_offset(), to_microseconds(NOW)
    events = [
        NewEvent(event_id=f"{before}-{place}", user_id=user, item_id=item, event=event, timestamp=at)
        for place, (user, item, event) in enumerate(acts)
    ]
    kept.events.append(events)
    people.apply(kept.events.after(before))


def _said(person: Person) -> list[object]:
    vectors = person.vectors["axes"].tolist(), person.strengths["axes"].tolist()
    return [
        person.version,
        person.history,
        sorted(person.seen.tolist()),
        person.hidden.tolist(),
        person.policy,
        vectors,
    ]


@pytest.mark.parametrize("flushed", [True, False])
def test_people_of_a_new_process_are_those_of_the_old_one(kept: TenantStore, flushed: bool) -> None:
    people = People(kept, FOLLOWING)
    people.person("ann", SHELF, NOW)
    _do(kept, people, *ACTS)
    served = Served(recommendation_id="r", user_id="ann", scenario="home", at=to_microseconds(NOW), item_ids=("a",))
    kept.served.submit([served]).result()
    people.served(served)
    live = [_said(people.person(user, SHELF, NOW)) for user in ("ann", "bob")]
    assert len(live[0][1]) == 3  # type: ignore[arg-type]
    if flushed:
        people.flush()
    again = People(kept, FOLLOWING)
    assert [_said(again.person(user, SHELF, NOW)) for user in ("ann", "bob")] == live


def test_people_follow_the_log_from_the_thread_that_writes_it(kept: TenantStore) -> None:
    people = People(kept, FOLLOWING, snapshot_after=1, most_people=1)
    people.person("ann", SHELF, NOW)
    for place in range(50):
        event = NewEvent(
            event_id=str(place), user_id="ann", item_id="a", event="view", timestamp=to_microseconds(NOW) - place
        )

        def told(done: Future[list[Receipt]]) -> None:
            people.apply(kept.events.after(done.result()[0].offset - 1, 1))

        kept.events.submit([event]).add_done_callback(told)
    kept.events.append([NewEvent(event_id="last", user_id="bob", item_id="a", event="view", timestamp=0)])
    people.person("bob", SHELF, NOW)
    assert len(people.person("ann", SHELF, NOW).history) == 50


def test_forgotten_and_merged_people_leave_no_state(kept: TenantStore) -> None:
    people = People(kept, FOLLOWING)
    _do(kept, people, *ACTS)
    for user in ("ann", "bob"):
        people.person(user, SHELF, NOW)
    people.flush()
    kept.events.merge("bob", "ann")
    people.forget("bob", "ann")
    assert [event.item_id for event in people.person("bob", SHELF, NOW).history] == [*"abcde"]
    people.flush()
    kept.events.erase("ann")
    people.forget("ann")
    assert kept.states.get("ann", FOLLOWING.fingerprint) is None
    assert kept.states.get("bob", FOLLOWING.fingerprint) is None
    assert people.person("ann", SHELF, NOW).history == ()


def test_profiles_are_followed(kept: TenantStore) -> None:
    people = People(kept, FOLLOWING)
    people.person("ann", SHELF, NOW)
    kept.people.put({"ann": {"place": "Riga"}})
    people.follow()
    assert people.person("ann", SHELF, NOW).profile == {"place": "Riga"}
    kept.people.patch("ann", {"consent": False})
    people.follow()
    assert people.person("ann", SHELF, NOW).profile == {}


def test_a_profile_that_is_deleted_is_told_no_more_and_others_stay(kept: TenantStore) -> None:
    kept.people.put({"ann": {"age": 30}, "bob": {"age": 40}})
    people = People(kept, FOLLOWING)
    assert [people.person(user, SHELF, NOW).profile["age"] for user in ("ann", "bob")] == [30, 40]
    kept.people.delete(["ann"])
    people.follow()
    assert people.person("ann", SHELF, NOW).profile == {}
    assert people.person("bob", SHELF, NOW).profile == {"age": 40}
