"""A live engine's texts: searched as soon as they are written, vectors for scenarios and people, and clicks counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.test_texts import Letters

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import NotReadyError, QueryError
from tastemaker.core.query import Query, as_events
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.engine import Answer, Engine
from tastemaker.engine.intake import take_in
from tastemaker.engine.scenarios import ScenarioSettings, SourceSettings, read_scenarios
from tastemaker.models import Popularity
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, TenantStore
from tastemaker.testing import small_shop

MOMENT = datetime(2024, 6, 1, tzinfo=UTC)
NEAR = {
    "near": {"retrieve": ["nearest:text"]},
    "mixed": {"retrieve": ["popular"], "rules": [{"diversity": 0.9}]},
    "both": {"retrieve": ["popular", "search"]},
}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="module")
def model(shop: Dataset) -> Popularity:
    return Popularity().fit(shop)


@pytest.fixture
def store(tmp_path: Path, shop: Dataset) -> Iterator[TenantStore]:
    opened = open_store(tmp_path / "store")
    tenant = opened.for_tenant(Tenant())
    take_in(shop, tenant, Run())
    titles = {"harp": "harp", "drum": "drum", "ship": "a ship", "sail": "a red sail", "sea": "the blue sea"}
    tenant.items.put({item: {"title": title} for item, title in titles.items()})
    yield tenant
    opened.close()


class Clock:
    def __init__(self) -> None:
        self.now = MOMENT

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def opened(store: TenantStore, model: Popularity, scenarios: dict[str, Any] | None = None, **more: Any) -> Engine:
    return Engine(model, store=store, scenarios=read_scenarios(scenarios or {}), clock=Clock(), **more)


def warmed(store: TenantStore, model: Popularity, scenarios: dict[str, Any] | None = None, **more: Any) -> Engine:
    engine = opened(store, model, scenarios, **more)
    engine.warm()
    assert engine.texts.wait(60)
    return engine


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


NAMES = count()


def do(engine: Engine, user: str, item: str, kind: str = "like", answers: str | None = None) -> None:
    engine.record(
        [
            NewEvent(
                event_id=f"e{next(NAMES)}",
                user_id=user,
                item_id=item,
                event=kind,
                timestamp=to_microseconds(engine.clock()),
                recommendation_id=answers,
            )
        ]
    )


# -- search -------------------------------------------------------------------------------------------------------


def test_a_new_item_is_found_by_its_words_by_the_next_request(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model)
    engine.put_items({"zither": {"title": "A zither", "text": "thirty strings"}})
    assert [hit.item_id for hit in engine.search_texts("thirty strings").hits] == ["zither"]
    assert ids(engine.recommend(Query(text="zither", scenario="search", k=1))) == ["zither"]
    engine.patch_item("zither", {"text": "forty strings"})
    assert engine.search_texts("thirty").hits == ()
    engine.delete_items(["zither"])
    assert engine.search_texts("zither forty").hits == ()


def test_a_search_for_a_person_leaves_out_what_they_hid(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model)
    do(engine, "ann", "harp", "hide")
    answer = engine.recommend(Query(user_id="ann", text="harp drum", scenario="search", k=1))
    assert ids(answer) == ["drum"]
    assert answer.items[0].sources == ("search",)


def test_while_the_search_is_made_titles_are_searched_and_all_else_is_answered(
    store: TenantStore, model: Popularity, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opened(store, model, NEAR, encoder=Letters())
    go = threading.Event()
    pages = engine.shop.pages

    def slow() -> Any:
        assert go.wait(60)
        return pages()

    monkeypatch.setattr(engine.shop, "pages", slow)
    engine.warm()
    with pytest.raises(NotReadyError):
        engine.search_texts("harp")
    with pytest.raises(NotReadyError):
        engine.recommend(Query(text="harp", scenario="search"))
    assert engine.search("harp")[0]["item_id"] == "harp"
    mixed = engine.recommend(Query(text="harp", scenario="both", k=3))
    assert len(mixed.items) == 3
    assert any("'search' left out: the search is still being made" in note for note in mixed.degraded)
    assert "'diversity' has no vectors of items yet" in engine.recommend(Query(scenario="mixed", k=3)).degraded
    go.set()
    assert engine.texts.wait(60)
    assert ids(engine.recommend(Query(text="harp", scenario="search", k=1))) == ["harp"]


def test_an_engine_over_a_data_set_is_searched_too(shop: Dataset, model: Popularity) -> None:
    engine = Engine(model, shop)
    found = engine.search_texts("rake", 3)
    assert len(found.hits) == 3
    assert "rake" in engine.title(found.hits[0].item_id).lower()
    assert ids(engine.recommend(Query(text="rake", scenario="search", k=1)))[0]


def test_a_question_is_encoded_before_anybody_has_to_wait_for_it(store: TenantStore, model: Popularity) -> None:
    encoder = Letters()
    engine = warmed(store, model, encoder=encoder)
    encoder.begun.clear()
    encoder.go.clear()
    asked = threading.Thread(target=lambda: engine.recommend(Query(text="a ship", scenario="search")))
    asked.start()
    assert encoder.begun.wait(60)
    # The encoder is at work, and others are answered.
    assert len(engine.recommend(Query(k=3)).items) == 3
    encoder.go.set()
    asked.join(60)
    assert not asked.is_alive()


class Learnt(Letters):
    """Learns from the texts of the items, as TF-IDF does."""

    def fit(self, texts: Sequence[str], *, run: Run | None = None) -> Learnt:
        return self


@pytest.mark.parametrize(("encoder", "slow"), [(None, False), (Letters(), True), (Learnt(), False)])
def test_a_query_waits_only_where_its_words_are_encoded_by_what_takes_its_time(
    store: TenantStore, model: Popularity, encoder: Letters | None, slow: bool
) -> None:
    engine = opened(store, model, {"both": {"retrieve": ["popular", "search"]}}, encoder=encoder)
    for scenario, searches in {"search": True, "both": True, "home": False, "popular": False, None: False}.items():
        assert engine.waits(Query(text="a ship", scenario=scenario)) == (slow and searches)
    # It goes on with an answer of which it is not known yet where that looked.
    assert engine.waits(Query(cursor="of some answer")) == slow


def test_a_page_waits_for_nothing_where_no_scenario_searches(store: TenantStore, model: Popularity) -> None:
    scenarios = {"home": ScenarioSettings(retrieve=(SourceSettings(of="model"),))}
    engine = Engine(model, store=store, scenarios=scenarios, encoder=Letters(), clock=Clock())
    assert not engine.waits(Query(cursor="of some answer"))


def test_a_trace_says_how_long_the_words_took_to_become_vectors(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model, NEAR, encoder=Letters())
    embedding = engine.recommend(Query(text="a ship", scenario="search")).trace[1]
    assert (embedding.name, [step.name for step in embedding.steps]) == ("embedding", ["text"])
    told = engine.recommend(Query(history=as_events(["ship"]), scenario="near")).trace[1]
    assert [step.name for step in told.steps] == ["events"]
    assert engine.recommend(Query(k=1)).trace[1].note == "nothing to do"


# -- vectors ------------------------------------------------------------------------------------------------------


def test_what_a_person_touched_leads_to_what_means_the_same(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model, NEAR, encoder=Letters())
    do(engine, "newcomer", "ship")
    answer = engine.recommend(Query(user_id="newcomer", scenario="near", k=1))
    assert ids(answer) == ["sail"]
    assert answer.items[0].sources == ("nearest text",)
    assert "vectors: 1 in 'text'" in answer.trace[0].steps[0].note
    told = engine.recommend(Query(history=as_events(["ship"]), scenario="near", k=1))
    assert ids(told) == ["sail"]


def test_events_from_before_the_vectors_were_there_count(store: TenantStore, model: Popularity) -> None:
    encoder = Letters()
    encoder.go.clear()
    engine = opened(store, model, NEAR, encoder=encoder)
    engine.warm()
    assert encoder.begun.wait(60)
    do(engine, "newcomer", "ship")
    early = engine.recommend(Query(user_id="newcomer", scenario="near", k=1))
    assert "no item has a vector in 'text' yet" in early.degraded
    encoder.go.set()
    assert engine.texts.wait(60)
    assert ids(engine.recommend(Query(user_id="newcomer", scenario="near", k=1))) == ["sail"]


def test_a_new_item_is_near_once_it_is_encoded(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model, NEAR, encoder=Letters())
    do(engine, "newcomer", "sail")
    engine.put_items({"boat": {"title": "a red ship"}})
    assert engine.texts.wait(60)
    assert ids(engine.recommend(Query(user_id="newcomer", scenario="near", k=1))) == ["boat"]


def test_diversity_goes_by_the_vectors_of_texts(store: TenantStore, model: Popularity) -> None:
    scenarios = {"latest": {"retrieve": ["latest"], "rules": [{"diversity": 0.9}]}}
    engine = opened(store, model, scenarios, encoder=Letters())
    engine.put_items({name: {"title": "drum"} for name in ("d1", "d2", "d3")})
    engine.put_items({"h1": {"title": "harp", "added": "2024-05-31"}})
    engine.warm()
    assert engine.texts.wait(60)
    found = ids(engine.recommend(Query(scenario="latest", k=2, candidates=frozenset({"d1", "d2", "d3", "h1"}))))
    assert found[1] == "h1"


def test_a_scenario_that_needs_vectors_is_refused_without_an_encoder(store: TenantStore, model: Popularity) -> None:
    with pytest.raises(QueryError, match=r"space 'text'.*\[text\] encoder"):
        opened(store, model, NEAR).warm()


def test_a_visit_erased_while_spaces_change_stays_erased(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model, NEAR, encoder=Letters())
    do(engine, "somebody-long-enough", "ship")
    engine.recommend(Query(user_id="somebody-long-enough", scenario="near"))
    assert engine.erase("somebody-long-enough")["left"] == []
    assert not engine.knows_user("somebody-long-enough")


# -- clicks -------------------------------------------------------------------------------------------------------

BANDIT = {"bandit": {"retrieve": ["popular"], "explore": {"kind": "thompson", "prior": [1, 1], "depth": 5}}}


def test_what_is_clicked_rises_and_every_place_has_its_chance(store: TenantStore, model: Popularity) -> None:
    engine = warmed(store, model, BANDIT)
    first = engine.recommend(Query(scenario="bandit", k=5))
    assert all(item.propensity is not None and 0 < item.propensity <= 1 for item in first.items)
    arms = sorted(ids(first))
    for _ in range(30):
        answer = engine.recommend(Query(scenario="bandit", k=5))
        do(engine, "ann", arms[0], "click", answer.recommendation_id)
    engine.flush()
    engine._responses.follow()
    shown, taken = engine._responses(engine.shop.shelf.numbers(arms))
    assert shown.min() > 29
    assert taken.round().tolist() == [30, 0, 0, 0, 0]
    best = [ids(engine.recommend(Query(scenario="bandit", k=1)))[0] for _ in range(20)]
    assert best.count(arms[0]) >= 18
    again = warmed(store, model, BANDIT)
    np.testing.assert_allclose(again._responses(engine.shop.shelf.numbers(arms))[1], taken, rtol=1e-3)


def test_exploring_by_clicks_needs_a_store(shop: Dataset, model: Popularity) -> None:
    engine = Engine(model, shop, scenarios=read_scenarios(BANDIT))
    with pytest.raises(QueryError, match="keeps none"):
        engine.recommend(Query(scenario="bandit"))


@pytest.mark.parametrize("prior", [[0, 1], [1], "much"])
def test_a_prior_is_two_numbers_above_0(prior: Any) -> None:
    from tastemaker.core.errors import ConfigError

    with pytest.raises(ConfigError, match="prior"):
        read_scenarios({"x": {"retrieve": ["model"], "explore": {"kind": "thompson", "prior": prior}}})
