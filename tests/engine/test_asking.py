"""A scenario may ask a language model, whose failures are told and break nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tastemaker.core.errors import ConfigError, QueryError, ServiceError
from tastemaker.core.query import Query, as_events
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.engine.scenarios import read_scenarios
from tastemaker.language.asking.prompt import load_prompt
from tastemaker.language.generators import Script
from tastemaker.language.generators.calls import Call
from tastemaker.language.generators.script import Line
from tastemaker.models import SequentialRules
from tastemaker.testing import small_shop

QUERY = Query(history=as_events(["i001", "i004", "i007"]), k=5)


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="module")
def model(shop: Dataset) -> SequentialRules:
    return SequentialRules().fit(shop)


def engine(model: SequentialRules, shop: Dataset, ask: dict[str, Any], generator: Any = None, **more: Any) -> Engine:
    scenarios = read_scenarios({"home": {"retrieve": ["model"], "ask": ask}})
    return Engine(model, shop, scenarios=scenarios, generator=generator, **more)


def items(answer: Any) -> list[str]:
    return [each.item_id for each in answer.items]


def test_a_scenario_lets_a_language_model_move_what_the_model_found(model: SequentialRules, shop: Dataset) -> None:
    before = items(Engine(model, shop).recommend(QUERY))
    last = shop.catalogue.title(before[-1])
    asked = Script(answer=lambda call: "Yes" if last in call.messages[-1].content.split("choose")[-1] else "No")
    found = items(engine(model, shop, {"weight": 1.0, "top": 5}, asked).recommend(QUERY))
    assert found == [before[-1], *before[:-1]]
    assert len(asked.calls) == 5
    near = items(engine(model, shop, {"weight": 1.0, "top": 5, "reach": 2}, asked).recommend(QUERY))
    assert near.index(before[-1]) == 2


def test_a_language_model_that_fails_leaves_the_list_as_it_was(model: SequentialRules, shop: Dataset) -> None:
    def away(call: Call) -> Line:
        return ServiceError("away")

    answer = engine(model, shop, {}, Script(answer=away)).recommend(QUERY)
    assert items(answer) == items(Engine(model, shop).recommend(QUERY))
    assert any("'ask pointwise': the model gave no useful answer" in why for why in answer.degraded)


def test_it_is_asked_in_the_words_of_the_settings(model: SequentialRules, shop: Dataset) -> None:
    asked = Script(answer=lambda call: "Yes")
    other = load_prompt("rank-yes-no", {"task": "Judge by the season."})
    engine(model, shop, {"top": 2}, asked, prompt=lambda name: other).recommend(QUERY)
    assert asked.calls[0].messages[-1].content.startswith("Judge by the season.")


def test_a_scenario_that_asks_needs_a_language_model(model: SequentialRules, shop: Dataset) -> None:
    with pytest.raises(QueryError, match="this engine has none"):
        engine(model, shop, {}).recommend(QUERY)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"way": "guess"}, "'scenarios.home.ask.way'"),
        ({"orders": 3}, "pointwise knows no orders"),
        ({"weigth": 1.0}, "Did you mean 'weight'"),
        ({"top": 1}, "'scenarios.home.ask.top'"),
    ],
)
def test_nonsense_is_refused(ask: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_scenarios({"home": {"retrieve": ["model"], "ask": ask}})
