"""The bias model against its normal equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.models.rated import everybody, toy

from tastemaker.core.errors import DataError, ModelError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import Dataset, split_events
from tastemaker.models import Bias
from tastemaker.testing import small_shop


@pytest.mark.parametrize(("item_damping", "user_damping"), [(5.0, 2.0), (0.5, 25.0)])
def test_the_ridge_solves_the_normal_equations_of_both_levels(item_damping: float, user_damping: float) -> None:
    data, given = toy()
    model = Bias(convention="ridge", item_damping=item_damping, user_damping=user_damping).fit(data)
    people, items = np.nonzero(~np.isnan(given))
    m, n = given.shape
    design = np.zeros((len(people), m + n))
    design[np.arange(len(people)), people] = 1
    design[np.arange(len(people)), m + items] = 1
    left = given[people, items] - np.nanmean(given)
    ridge = np.diag(np.repeat([user_damping, item_damping], [m, n]))
    levels = np.linalg.solve(design.T @ design + ridge, design.T @ left)
    assert model.mean_ == pytest.approx(np.nanmean(given))
    assert model.offsets_ == pytest.approx(levels[m:], abs=1e-8)
    expected = np.nanmean(given) + levels[:m, None] + levels[None, m:]
    assert model.score(data.histories(everybody(data))) == pytest.approx(expected, abs=1e-5)


def test_damped_means_are_taken_one_after_the_other() -> None:
    data, given = toy()
    model = Bias(convention="damped-means", item_damping=25.0, user_damping=10.0).fit(data)
    left = given - np.nanmean(given)
    items = np.nansum(left, axis=0) / (25 + (~np.isnan(given)).sum(axis=0))
    people = np.nansum(left - items, axis=1) / (10 + (~np.isnan(given)).sum(axis=1))
    expected = np.nanmean(given) + people[:, None] + items[None, :]
    assert model.score(data.histories(everybody(data))) == pytest.approx(expected, abs=1e-5)


def test_without_damping_the_ridge_is_least_squares() -> None:
    data, given = toy()
    model = Bias(convention="ridge", item_damping=0.0, user_damping=0.0).fit(data)
    found = model.score(data.histories(everybody(data))).astype(float)
    off = np.where(np.isnan(given), 0, given - found)
    assert off.sum(axis=0) == pytest.approx(np.zeros(given.shape[1]), abs=1e-4)
    assert off.sum(axis=1) == pytest.approx(np.zeros(given.shape[0]), abs=1e-4)


def test_a_stranger_is_known_by_the_ratings_in_the_history() -> None:
    data, _ = toy()
    model = Bias(convention="ridge", item_damping=1.0, user_damping=3.0).fit(data)
    query = Query(history=(Event("i1", rating=5.0), Event("i2"), Event("nowhere", rating=1.0)))
    number = int(data.items.index(["i1"])[0])
    level = (5 - model.mean_ - model.offsets_[number]) / (3 + 1)
    found = model.score(QueryBatch.of([query]))[0]
    assert found == pytest.approx(model.mean_ + model.offsets_ + level, abs=1e-5)


def test_everybody_gets_the_same_order() -> None:
    data, _ = toy()
    model = Bias().fit(data)
    orders = np.argsort(model.score(data.histories(everybody(data))), axis=1)
    assert (orders == orders[0]).all()


def test_a_history_without_ratings_says_nothing_and_the_answer_says_so() -> None:
    model = Bias().fit(toy()[0])
    answer = model.recommend(history=["i1", "i2"], k=2)
    assert "no ratings in the history" in answer.degraded[-1]
    assert model.recommend(history=[Event("i1", rating=2.0)], k=1).degraded == ()
    expected = model.mean_ + model.offsets_[model.items_.index(answer.items())]
    assert answer.scores() == pytest.approx(expected, abs=1e-5)


def test_an_explanation_names_what_was_rated() -> None:
    model = Bias().fit(toy()[0])
    query = Query(history=(Event("i1", rating=5.0), Event("i2", rating=1.0)))
    found = model.explain(query, "i3")
    assert set(found.by_item()) == {"i1", "i2"}
    assert found.by_item()["i1"] > 0 > found.by_item()["i2"]
    assert [part.name for part in found.parts[:2]] == ["the average rating", "how this item is rated"]


def test_predictions_stay_within_the_scale() -> None:
    data, _ = toy()
    model = Bias(convention="ridge", item_damping=0.0, user_damping=0.0).fit(data)
    split = split_events(data, "ratings", "random-ratio", valid=0.2, test=0.3)
    found = model.predict(split.test.unanswered())
    assert found.min() >= 0.5
    assert found.max() <= 5
    whole = model.score(split.test.queries).astype(float)
    expected = whole[split.test.query, model.items_.index(split.test.queries.dictionary)[split.test.targets]]
    assert found == pytest.approx(np.clip(expected, 0.5, 5), abs=1e-5)


def test_items_never_seen_are_predicted_as_the_average_of_the_person() -> None:
    data, _ = toy()
    split = split_events(data, "ratings", "random-ratio", valid=0.2, test=0.3)
    kept = split.train.interactions.frame.filter(pl.col("item_id") != "i3").drop("order")
    model = Bias(item_damping=1.0, user_damping=1.0).fit(Dataset.of(kept))
    asked = split.test.queries.dictionary[split.test.targets] == "i3"
    assert asked.any()
    found = model.predict(split.test.unanswered())[asked]
    people = model._people(model._history(split.test.queries))[split.test.query[asked], 0]
    assert found == pytest.approx(np.clip(model.mean_ + people, 0.5, 5))


def test_new_items_get_their_level_from_new_ratings_and_the_others_stay() -> None:
    data, _ = toy()
    model = Bias(convention="ridge", item_damping=2.0, user_damping=3.0).fit(data)
    before = model.offsets_.copy()
    later = Dataset.of(
        pl.DataFrame({"user_id": ["x", "x", "y"], "item_id": ["i1", "new", "new"], "rating": [5.0, 4.0, 2.0]})
    )
    model.extend(interactions=later)
    assert model.offsets_[: len(before)] == pytest.approx(before)
    old = before[data.items.index(["i1"])[0]]
    x = ((5 - model.mean_ - old) + (4 - model.mean_)) / (3 + 2)
    y = (2 - model.mean_) / (3 + 1)
    level = ((4 - model.mean_ - x) + (2 - model.mean_ - y)) / (2 + 2)
    assert model.offsets_[-1] == pytest.approx(level, abs=1e-6)


def test_dampings_are_chosen_by_how_well_ratings_are_foreseen() -> None:
    split = split_events(small_shop(users=60), "ratings", "random-ratio", valid=0.2, test=0.2)
    model = Bias().fit(split.train, split.valid)
    assert model.settings_tried_ == 32
    chosen = np.mean((model.predict(split.valid.unanswered()) - split.valid.answers) ** 2)
    for name, values in Bias.grid.items():
        for value in values:
            settings: dict[str, Any] = {**model.settings_, name: value}
            other = Bias(**settings).fit(split.train).predict(split.valid.unanswered())
            assert chosen <= np.mean((other - split.valid.answers) ** 2) + 1e-9


def test_what_cannot_be_learnt_from_is_told() -> None:
    with pytest.raises(DataError, match="carry no ratings"):
        Bias().fit(Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})))
    with pytest.raises(ModelError, match="Did you mean 'ridge'"):
        Bias(convention="rigde").fit(toy()[0])
