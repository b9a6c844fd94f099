"""Comparing predictions of ratings and clicks: baseline, intervals, and what is refused."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tastemaker.core.errors import DataError, ModelError
from tastemaker.data import leave_one_out, split_events
from tastemaker.evaluation import compare, evaluate
from tastemaker.evaluation.labels import log_loss, rmse
from tastemaker.evaluation.prediction_table import headline, prediction_report
from tastemaker.evaluation.predictions import Predictions, compare_predictions
from tastemaker.models import EASE, Bias, BiasedMF, FeatureRidge, HashedLogistic, Popularity, SequentialRules
from tastemaker.testing import small_shop

SHOP = small_shop(users=90)
RATINGS = split_events(SHOP, "ratings", "random-ratio", valid=0.2, test=0.2)
CLICKS = split_events(SHOP, "clicks", "random-ratio", valid=0.2, test=0.2)


@pytest.fixture(scope="module")
def ratings() -> Predictions:
    models = {"mf": BiasedMF(dimensions=4), "bias": Bias(), "ridge": FeatureRidge(), "ease": EASE(regularisation=10.0)}
    return compare_predictions(models, RATINGS)


@pytest.fixture(scope="module")
def clicks() -> Predictions:
    return compare_predictions({"logistic": HashedLogistic(), "bias": Bias()}, CLICKS)


def printed(found: Predictions) -> str:
    console = Console(width=160, file=StringIO())
    console.print(prediction_report(found))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_baseline_of_ratings_goes_first(ratings: Predictions) -> None:
    assert [row.model for row in ratings.rows] == ["bias", "mf", "ridge", "ease"]
    assert ratings.baseline == "bias"
    assert not ratings.rows[0].vs_baseline


def test_a_value_is_that_of_the_model_fitted_alone(ratings: Predictions) -> None:
    model = Bias().fit(RATINGS.train, RATINGS.valid)
    expected = rmse(model.predict(RATINGS.test.unanswered()), RATINGS.test.answers)
    row = ratings.rows[0]
    assert row.metrics["rmse"].value == pytest.approx(expected)
    assert row.metrics["rmse"].low < expected < row.metrics["rmse"].high
    assert row.settings == model.settings_
    assert row.settings_tried == 32


def test_differences_are_to_the_baseline_on_the_same_people(ratings: Predictions) -> None:
    bias, mf = ratings.rows[:2]
    known = mf.vs_baseline["rmse"]
    assert known.value == pytest.approx(mf.metrics["rmse"].value - bias.metrics["rmse"].value)
    plain, corrected = mf.p_values["rmse"]
    assert plain <= corrected <= 1
    assert known.high < 0  # the taste in the shop is no sum of levels
    assert mf.clear("rmse")


def test_a_model_of_rankings_is_a_row_that_was_not_run(ratings: Predictions) -> None:
    row = ratings.rows[-1]
    assert (row.model, row.status) == ("ease", "not run")
    assert "its scores only put items in order" in str(row.reason)
    assert any("ease was not run" in note for note in ratings.notes())


def test_the_base_rate_stands_beside_clicks_without_being_asked_for(clicks: Predictions) -> None:
    base, logistic, bias = clicks.rows
    share = CLICKS.train.interactions.frame["label"].mean()
    expected = log_loss(np.full(len(CLICKS.test.answers), share), CLICKS.test.answers)
    assert base.model == "base-rate"
    assert base.metrics["log_loss"].value == pytest.approx(expected)
    assert base.metrics["auc"].value == 0.5
    assert logistic.metrics["log_loss"].value < expected
    assert logistic.metrics["auc"].value > 0.7
    assert set(logistic.metrics) == {"log_loss", "auc", "gauc", "ece"}
    assert "its scores are ratings" in str(bias.reason)


@pytest.mark.parametrize("which", ["ratings", "clicks"])
def test_everything_is_json_and_can_be_printed(which: str, request: pytest.FixtureRequest) -> None:
    found: Predictions = request.getfixturevalue(which)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["task"] == which
    assert document["rows"][0]["metrics"].keys() == found.rows[0].metrics.keys()
    assert document["counts"]["events"] == len(RATINGS.test.answers)
    text = printed(found)
    for row in found.rows:
        assert row.model in text
    assert found.split_hash in text
    assert headline(found) in text


def test_the_headline_claims_no_more_than_the_intervals(ratings: Predictions) -> None:
    assert headline(ratings).startswith("Lowest rmse: mf with ")
    alone = compare_predictions({"bias": Bias(convention="ridge", item_damping=5.0, user_damping=5.0)}, RATINGS)
    assert headline(alone).startswith("Nothing predicts better than bias here.")


def test_who_drew_events_at_random_is_told(ratings: Predictions) -> None:
    assert "Events were drawn at random, so models knew the future of each person." in ratings.notes()
    by_time = split_events(SHOP, "ratings", valid=0.2, test=0.2)
    fixed = Bias(convention="ridge", item_damping=5.0, user_damping=5.0)
    assert not any("at random" in note for note in compare_predictions({"bias": fixed}, by_time).notes())


def test_no_answer_is_shown_to_a_model() -> None:
    seen: list[Any] = []

    class Nosy(Bias):
        def predict(self, held: Any, context: Any = None) -> Any:
            seen.append((held, context))
            return super().predict(held, context)

    fixed = {"convention": "ridge", "item_damping": 5.0, "user_damping": 5.0}
    compare_predictions({"bias": Nosy(**fixed)}, RATINGS)  # type: ignore[arg-type]
    held, context = seen[-1]
    assert not hasattr(held, "answers")
    assert not {"rating", "label", "event", "weight"} & set(context.columns)


def test_a_model_that_saw_the_test_is_refused() -> None:
    class Cheat(Bias):
        def fit(self, train: Any, valid: Any = None, *, run: Any = None) -> Any:
            return super().fit(SHOP, None, run=run)

    found = compare_predictions({"bias": Bias(), "cheat": Cheat()}, RATINGS)
    assert "was fitted on" in str(found.rows[1].reason)


@pytest.mark.parametrize(("given", "said"), [(np.nan, "no number for some events"), (1.5, "outside of 0 to 1")])
def test_predictions_that_are_none_are_refused(given: float, said: str) -> None:
    class Odd(HashedLogistic):
        def predict(self, held: Any, context: Any = None) -> Any:
            return np.full(len(held.targets), given)

        def _loss(self, held: Any) -> float:
            return 0.0

    found = compare_predictions({"odd": Odd(l2=3.0, time=False)}, CLICKS)
    assert said in str(found.rows[1].reason)


def test_ratings_need_their_baseline() -> None:
    with pytest.raises(DataError, match="there is no 'bias' among the models"):
        compare_predictions({"mf": BiasedMF()}, RATINGS)


def test_no_ranking_of_ratings_is_reported() -> None:
    split = leave_one_out(SHOP)
    found = compare({"sequential-rules": SequentialRules(), "mf": BiasedMF(), "popularity": Popularity()}, split)
    assert [row.status for row in found.rows] == ["ok", "not run", "ok"]
    assert "no ranking baseline" in str(found.rows[1].reason)
    assert found.rows[1].fit_seconds != found.rows[1].fit_seconds  # it was not even fitted
    with pytest.raises(ModelError, match="--task ratings"):
        evaluate(Bias().fit(split.train), split.test, train=split.train)
