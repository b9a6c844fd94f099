"""The live engine: what people do and what the shop changes is in the next answer, and outlives the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import ConfigError, QueryError, ServiceError, StorageError, UnknownItemError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.core.recommendations import Contributions
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.engine import Answer, Engine
from tastemaker.engine.intake import take_in
from tastemaker.engine.people_items import Numbering
from tastemaker.engine.people_state import LivePerson
from tastemaker.engine.scenarios import read_scenarios
from tastemaker.models import ContentKNN, SequentialRules
from tastemaker.pipeline.stage import Person
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, Store
from tastemaker.testing import small_shop

MOMENT = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="module")
def model(shop: Dataset) -> SequentialRules:
    return SequentialRules().fit(shop)


@pytest.fixture
def store(tmp_path: Path, shop: Dataset) -> Iterator[Store]:
    opened = open_store(tmp_path / "store")
    take_in(shop, opened.for_tenant(Tenant()), Run())
    yield opened
    opened.close()


class Clock:
    """A clock that goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.now = MOMENT

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def engine(store: Store, model: SequentialRules) -> Engine:
    return Engine(model, store=store.for_tenant(Tenant()), clock=Clock())


Do = Callable[..., bool]


@pytest.fixture
def do(engine: Engine) -> Do:
    numbers = count()

    def did(user: str, item: str, kind: str = "like", event_id: str | None = None) -> bool:
        event = NewEvent(
            event_id=event_id or f"e{next(numbers)}",
            user_id=user,
            item_id=item,
            event=kind,
            timestamp=to_microseconds(engine.clock()),
        )
        return engine.record([event])[0].fresh

    return did


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


# -- what people do -------------------------------------------------------------------------------------------------


def test_a_live_engine_says_what_a_still_one_says(engine: Engine, shop: Dataset, model: SequentialRules) -> None:
    still = Engine(model, shop, clock=lambda: MOMENT)
    assert ids(engine.recommend(Query(user_id="u007", k=5))) == ids(still.recommend(Query(user_id="u007", k=5)))


def test_the_ids_that_a_model_holds_are_not_held_twice(engine: Engine) -> None:
    own = {item: item for item in engine.model.item_ids}
    assert all(item is own[item] for item in engine.shop.shelf.ids.tolist())


def test_a_like_changes_the_next_answer(engine: Engine, do: Do) -> None:
    before = engine.recommend(Query(user_id="newcomer", k=5))
    assert "user 'newcomer' is unknown" in before.degraded
    do("newcomer", "i003")
    after = engine.recommend(Query(user_id="newcomer", k=5))
    assert ids(after) != ids(before)
    assert [item for item, _ in after.history] == ["i003"]
    assert after.items[0].reason.startswith("because of")
    assert after.degraded == ()


def test_a_hidden_item_is_never_shown_again(engine: Engine, do: Do) -> None:
    first = ids(engine.recommend(Query(user_id="u007", k=3)))[0]
    do("u007", first, "hide")
    asked = [
        Query(user_id="u007", k=30),
        Query(user_id="u007", k=30, exclude_seen=False),
        Query(user_id="u007", k=30, history=()),
        Query(user_id="u007", k=30, scenario="popular"),
        Query(user_id="u007", k=30, items=("i001",)),
    ]
    assert all(first not in ids(engine.recommend(query)) for query in asked)


def test_the_gate_works_a_person_out_anew_only_where_they_did_something_meanwhile(
    engine: Engine, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    person, best = LivePerson.person, SequentialRules.best

    def noting(self: LivePerson, shelf: Numbering, now: int) -> Person:
        made.append(now)
        return person(self, shelf, now)

    monkeypatch.setattr(LivePerson, "person", noting)
    first = ids(engine.recommend(Query(user_id="u007", k=3), dry_run=True))
    assert len(made) == 1

    def hides(self: SequentialRules, *given: Any, **more: Any) -> Any:
        do("u007", first[0], "hide")
        return best(self, *given, **more)

    monkeypatch.setattr(SequentialRules, "best", hides)
    answer = engine.recommend(Query(user_id="u007", k=3), dry_run=True)
    assert first[0] not in ids(answer)
    assert answer.filters["hidden"] == (first[0],)


def test_an_event_sent_twice_counts_once(engine: Engine, do: Do) -> None:
    assert do("u007", "i001", event_id="same")
    assert not do("u007", "i001", event_id="same")
    assert engine.facts()["events"] == 40 * 12 + 1


def test_what_was_liked_outlives_the_process(store: Store, engine: Engine, do: Do, tmp_path: Path) -> None:
    do("newcomer", "i003")
    answer = ids(engine.recommend(Query(user_id="newcomer", k=5)))
    engine.flush()
    store.close()
    with closing(open_store(tmp_path / "store")) as reopened:
        again = Engine(engine.model, store=reopened.for_tenant(Tenant()), clock=Clock())
        assert ids(again.recommend(Query(user_id="newcomer", k=5))) == answer


def test_a_visit_becomes_an_account(engine: Engine, do: Do) -> None:
    do("visit", "i003")
    do("visit", "i005", "hide")
    do("account", "i004")
    engine.put_people({"visit": {"age": 30}, "account": {"place": "here"}})
    assert engine.merge("visit", "account") == 2
    person = engine.recommend(Query(user_id="account", k=30))
    assert {item for item, _ in person.history} == {"i003", "i004", "i005"}
    assert not {"i003", "i004", "i005"} & set(ids(person))
    assert engine.profile("account") == {"age": 30, "place": "here"}
    assert engine.profile("visit") == engine.profile("account")
    assert engine.store is not None
    assert len(engine.store.people.get(["visit", "account"])) == 1
    do("visit", "i006")
    assert "i006" in [item for item, _ in engine.recommend(Query(user_id="account", k=3)).history]


def test_an_erased_person_is_unknown_and_nothing_is_left(engine: Engine, do: Do) -> None:
    do("somebody-long-enough", "i003")
    engine.put_people({"somebody-long-enough": {"text": "likes crime"}})
    answer = engine.recommend(Query(user_id="somebody-long-enough", k=3))
    receipt = engine.erase("somebody-long-enough")
    assert receipt["left"] == []
    assert receipt["removed"]["events"] == 1
    assert receipt["removed"]["served"] == 1
    assert "somebody-long-enough" not in str(receipt)
    assert engine.store is not None
    assert engine.store.holds("somebody-long-enough") == []
    assert not engine.knows_user("somebody-long-enough")
    assert answer.recommendation_id is not None
    assert engine.served(answer.recommendation_id) is None
    with pytest.raises(QueryError, match="cursor"):
        engine.recommend(Query(user_id="somebody-long-enough", cursor=answer.recommendation_id))


def test_what_is_stored_of_a_person_can_be_taken_along(engine: Engine, do: Do) -> None:
    do("newcomer", "i003")
    engine.put_people({"newcomer": {"age": 30}})
    lines = list(engine.export("newcomer"))
    assert {line["kind"] for line in lines} >= {"profile", "event"}
    assert any(line.get("item_id") == "i003" or "i003" in str(line) for line in lines)


# -- what the shop changes --------------------------------------------------------------------------------------------


def test_a_withdrawn_item_is_gone_from_the_next_answer_on(engine: Engine) -> None:
    first = ids(engine.recommend(Query(user_id="u007", k=3)))[0]
    engine.patch_item(first, {"available": False})
    assert first not in ids(engine.recommend(Query(user_id="u007", k=30)))
    engine.patch_item(first, {"available": True})
    assert first in ids(engine.recommend(Query(user_id="u007", k=30)))
    assert engine.delete_items([first]) == 1
    assert first not in ids(engine.recommend(Query(user_id="u007", k=30)))
    assert first not in [found["item_id"] for found in engine.search(first)]
    with pytest.raises(UnknownItemError):
        engine.item(first)


def test_a_new_item_is_recommended_by_its_words_as_soon_as_it_is_written(store: Store, shop: Dataset) -> None:
    engine = Engine(ContentKNN().fit(shop), store=store.for_tenant(Tenant()), clock=Clock())
    like = engine.item("i003")
    engine.put_items({"new": {name: value for name, value in like.items() if name != "item_id"}})
    answer = engine.recommend(Query(history=as_events(["i003"]), k=3))
    assert ids(answer)[0] == "new"


def test_a_model_that_knows_no_words_leaves_new_items_to_what_came_last(engine: Engine) -> None:
    engine.put_items({"new": {"title": "New"}})
    assert ids(engine.recommend(Query(scenario="latest", k=1))) == ["new"]
    assert "new" not in ids(engine.recommend(Query(user_id="u007", k=5)))


def test_a_filter_holds_on_what_the_shop_says_now(engine: Engine) -> None:
    engine.patch_item("i003", {"price": 5.0})
    engine.patch_item("i004", {"price": 50.0})
    cheap = engine.recommend(Query(filters="price < 10", k=5, exclude_seen=False))
    assert ids(cheap) == ["i003"]
    engine.patch_item("i004", {"price": 6.0})
    assert set(ids(engine.recommend(Query(filters="price < 10", k=5, exclude_seen=False)))) == {"i003", "i004"}
    with pytest.raises(QueryError, match="colour"):
        engine.recommend(Query(filters='colour = "red"'))


# -- answers ----------------------------------------------------------------------------------------------------------


def test_pages_never_repeat_and_end(engine: Engine, do: Do) -> None:
    shown: list[str] = []
    query = Query(user_id="newcomer", k=7)
    for _ in range(10):
        answer = engine.recommend(query)
        shown += ids(answer)
        do("newcomer", ids(answer)[0])
        if answer.cursor is None:
            break
        query = Query(cursor=answer.cursor, k=7)
    assert len(shown) == len(set(shown)) == engine.facts()["items"]
    assert answer.cursor is None


def test_a_cursor_is_of_one_person(engine: Engine) -> None:
    cursor = engine.recommend(Query(user_id="u007", k=3)).cursor
    with pytest.raises(QueryError, match="somebody else's"):
        engine.recommend(Query(user_id="u008", cursor=cursor))
    with pytest.raises(QueryError, match="unknown, or too old"):
        engine.recommend(Query(cursor="made up"))


def test_what_was_shown_is_known_at_once_and_a_dry_run_leaves_no_trace(engine: Engine) -> None:
    answer = engine.recommend(Query(user_id="u007", k=3))
    assert answer.recommendation_id is not None
    served = engine.served(answer.recommendation_id)
    assert served is not None
    assert list(served.item_ids) == ids(answer)
    assert (served.user_id, served.scenario, served.model) == ("u007", "home", "sequential-rules")
    dry = engine.recommend(Query(user_id="u007", k=3), dry_run=True)
    assert (dry.recommendation_id, dry.cursor, ids(dry)) == (None, None, ids(answer))
    engine.flush()
    assert engine.store is not None
    assert len(engine.store.served.of_user("u007")) == 1


def test_the_trace_tells_every_step_from_the_person_to_the_gate(engine: Engine, do: Do) -> None:
    do("newcomer", "i003")
    trace = engine.recommend(Query(user_id="newcomer", k=3)).trace
    assert [part.name for part in trace] == ["capture", "embedding", "retrieval", "ranking", "gate"]
    steps = {part.name: [step.name for step in part.steps] for part in trace}
    assert steps == {
        "capture": ["person"],
        "embedding": [],
        "retrieval": ["allowed", "sequential-rules"],
        "ranking": [],
        "gate": ["gate"],
    }
    assert "1 events, up to number 481 of the log" in trace[0].steps[0].note
    assert all(part.milliseconds == sum(step.milliseconds for step in part.steps) >= 0 for part in trace)
    assert (trace[2].after, trace[3].before, trace[3].after, trace[4].after) == (32, 32, 32, 3)


def test_rules_and_rankers_are_the_ranking_of_a_trace_and_fusion_is_retrieval(
    store: Store, model: SequentialRules
) -> None:
    scenarios = read_scenarios(
        {"row": {"retrieve": ["popular", "model"], "rank": True, "rules": [{"boost": "price > 0"}]}}
    )
    engine = Engine(model, store=store.for_tenant(Tenant()), scenarios=scenarios, clock=Clock())
    trace = engine.recommend(Query(history=as_events(["i003"]), scenario="row", k=5)).trace
    steps = {part.name: [step.name for step in part.steps] for part in trace}
    assert steps["retrieval"] == ["allowed", "popular", "sequential-rules", "fuse"]
    assert steps["ranking"] == ["rank sequential-rules", "boost price > 0"]


def test_scenarios_are_named_and_have_their_own_rules(store: Store, model: SequentialRules) -> None:
    scenarios = read_scenarios(
        {
            "shelf": {
                "retrieve": ["popular", {"of": "model", "n": 20, "weight": 2.0}],
                "rules": [{"pin": {"i007": 1}}],
            }
        }
    )
    engine = Engine(model, store=store.for_tenant(Tenant()), scenarios=scenarios, clock=Clock())
    answer = engine.recommend(Query(history=as_events(["i003"]), scenario="shelf", k=5))
    assert ids(answer)[0] == "i007"
    assert {"popular", "sequential-rules"} <= {source for item in answer.items for source in item.sources}
    with pytest.raises(QueryError, match=r"no scenario 'shelve'.*Did you mean 'shelf'"):
        engine.recommend(Query(scenario="shelve"))


def test_a_reason_says_what_really_put_an_item_there(store: Store, model: SequentialRules) -> None:
    rakes = {"of": "model", "where": "title contains 'rake'"}
    scenarios = read_scenarios({"shelf": {"retrieve": ["popular", "latest", rakes]}})
    engine = Engine(model, store=store.for_tenant(Tenant()), scenarios=scenarios, clock=Clock())
    query = Query(history=as_events(["i003"]), k=39, scenario="shelf")
    counts, shown = engine._wanted(), engine.recommend(query).items
    assert {item.sources for item in shown} == {
        ("latest",),
        ("popular", "latest"),
        ("popular", "latest", "sequential-rules"),
    }
    for item in shown:
        place = 1 + int((counts > counts[engine.shop.shelf.numbers([item.item_id])[0]]).sum())
        popular = f"popular: number {place} of what was wanted most lately"
        anybodys = [{"popular": popular, "latest": "new"}[source] for source in item.sources[:2]]
        if "sequential-rules" in item.sources:
            # The model named it as well, and says whether that was for the history or for being popular.
            own = f"because of {engine.title('i003')}" if item.evidence else "popular"
            assert item.reason == "; ".join([own, *anybodys])
        else:
            assert (item.reason, item.evidence) == ("; ".join(anybodys), ())
    assert any(item.evidence for item in shown)


def test_what_a_rule_alone_put_there_was_placed_by_the_shop(store: Store, model: SequentialRules) -> None:
    scenarios = read_scenarios({"row": {"retrieve": [{"of": "model", "n": 3}], "rules": [{"pin": {"i030": 1}}]}})
    engine = Engine(model, store=store.for_tenant(Tenant()), scenarios=scenarios, clock=Clock())
    first = engine.recommend(Query(history=as_events(["i003"]), scenario="row", k=2)).items[0]
    assert (first.item_id, first.sources, first.reason, first.evidence) == ("i030", (), "placed by the shop", ())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"retrieve": ["modle"]}, r"scenarios\.x\.retrieve.*no source 'modle'"),
        ({"retrieve": ["model"], "rule": []}, r"unknown key 'scenarios\.x\.rule'.*Did you mean 'rules'"),
        ({"retrieve": ["model"], "where": "price <"}, r"scenarios\.x\.where"),
        ({"retrieve": ["model"], "rules": [{"fresh": 3.0, "most": 2}]}, "a rule says one thing"),
        ({}, r"'scenarios\.x\.retrieve' is missing"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_scenarios({"x": table})


def test_an_engine_without_a_store_takes_in_nothing(shop: Dataset, model: SequentialRules) -> None:
    engine = Engine(model, shop)
    assert not engine.live
    with pytest.raises(ServiceError, match="keeps nothing"):
        engine.record([])
    with pytest.raises(ServiceError):
        engine.put_items({"new": {}})
    with pytest.raises(ConfigError):
        Engine(model)


# -- people who have several names, and things that go wrong ------------------------------------------------------


def test_somebody_erased_by_one_name_is_gone_by_all(engine: Engine, do: Do) -> None:
    do("a-visitor-cookie", "i001")
    do("an-older-account", "i002")
    do("the-main-account", "i004")
    engine.put_people({"a-visitor-cookie": {"email": "dora@example.org"}})
    engine.recommend(Query(user_id="a-visitor-cookie", k=3))
    engine.merge("an-older-account", "the-main-account")
    engine.merge("a-visitor-cookie", "an-older-account")
    engine.patch_person("an-older-account", {"place": "a-telling-place"})
    assert engine.profile("the-main-account") == {"email": "dora@example.org", "place": "a-telling-place"}
    engine.recommend(Query(user_id="the-main-account", k=2))
    assert engine.erase("a-visitor-cookie")["complete"]
    assert not engine.knows_user("the-main-account")
    engine.flush()
    assert engine.store is not None
    for told in ("dora@example.org", "a-telling-place", "a-visitor-cookie", "an-older-account", "the-main-account"):
        assert engine.store.holds(told) == []


def test_what_a_visit_hid_stays_hidden_for_the_account_it_became_part_of(engine: Engine, do: Do) -> None:
    do("old", "i001")
    do("account", "i002")
    engine.merge("old", "account")
    do("guest", "i009", "hide")
    engine.recommend(Query(user_id="account"))
    engine.flush()
    engine.merge("guest", "old")
    assert "i009" not in ids(engine.recommend(Query(user_id="account", k=33, exclude_seen=False)))
    assert engine.store is not None
    again = Engine(engine.model, store=engine.store, clock=engine.clock)
    assert "i009" not in ids(again.recommend(Query(user_id="account", k=33, exclude_seen=False)))


def test_a_clock_that_goes_back_does_not_show_what_was_hidden(engine: Engine) -> None:
    moments = {"first": ("hide", 0), "second": ("unhide", 5), "third": ("hide", 2)}
    for name, (kind, seconds) in moments.items():
        at = to_microseconds(MOMENT) + seconds * 1_000_000
        engine.record([NewEvent(event_id=name, user_id="new", item_id="i007", event=kind, timestamp=at)])
    assert "i007" not in ids(engine.recommend(Query(user_id="new", k=33, exclude_seen=False)))


def test_an_event_of_an_impossible_time_harms_nobody(engine: Engine) -> None:
    engine.recommend(Query(user_id="u001"))
    engine.record(
        [
            NewEvent(event_id="odd", user_id="u001", item_id="i005", event="view", timestamp=-(2**62)),
            NewEvent(event_id="hide", user_id="u001", item_id="i009", event="hide", timestamp=to_microseconds(MOMENT)),
        ]
    )
    assert "i009" not in ids(engine.recommend(Query(user_id="u001", k=33, exclude_seen=False)))


class Broken(SequentialRules):
    """A model whose endpoint is down."""

    def score(self, queries: QueryBatch) -> Any:
        raise ServiceError("the endpoint is down")

    def _parts(self, query: Query, item: int) -> Contributions:
        raise ServiceError("the endpoint is down")


def test_a_model_that_fails_leaves_the_list_to_what_is_popular(store: Store, shop: Dataset) -> None:
    engine = Engine(Broken().fit(shop), store=store.for_tenant(Tenant()), clock=Clock())
    answer = engine.recommend(Query(user_id="u001", k=3))
    assert {item.sources for item in answer.items} == {("popular",)}
    assert all(item.reason.startswith("popular: number ") for item in answer.items)
    assert any("the endpoint is down" in note for note in answer.degraded)


def test_somebody_who_cannot_be_read_is_answered_as_a_stranger(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*given: Any, **more: Any) -> Any:
        raise StorageError("the disk is gone")

    assert engine.store is not None
    monkeypatch.setattr(engine.store.events, "of_user", unreadable)
    answer = engine.recommend(Query(user_id="u001", k=3))
    assert len(answer.items) == 3
    assert "what is stored of the person could not be read" in answer.degraded


def test_an_item_that_is_not_out_yet_is_not_shown_while_its_row_is_written_again(engine: Engine) -> None:
    rows = {f"s{number}": {"title": f"S{number}", "available_from": "2999-01-01"} for number in range(300)}
    engine.put_items(rows)
    shown: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            shown.extend(ids(engine.recommend(Query(scenario="latest", k=5), reasons=False, dry_run=True)))

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(15):
        engine.put_items(rows)
    stop.set()
    asking.join()
    assert shown
    assert not [item for item in shown if item.startswith("s")]
