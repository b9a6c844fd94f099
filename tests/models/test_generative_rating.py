"""A language model of ratings: within the levels, better than the mean, and sensible about whom it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.models.small import SMALL

from tastemaker.core.errors import LeakError, ModelError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import Dataset, leave_one_out, ratings_of, split_events
from tastemaker.data.splits.events import EventSplit
from tastemaker.evaluation.labels import rmse
from tastemaker.evaluation.predictions import compare_predictions
from tastemaker.models import Bias, GenerativeRating
from tastemaker.models.prompting import Lists
from tastemaker.testing import small_shop

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

TINY = SMALL["generative-rating"]


def model(**given: Any) -> GenerativeRating:
    return GenerativeRating(**{**TINY, **given})


def levels() -> Dataset:
    """Ratings of 1, 2.5 or 5: items of three sorts, and people who are generous or not."""
    rng, rows = np.random.default_rng(0), []
    for user in range(40):
        for place, item in enumerate(rng.permutation(15)[:9].tolist()):
            rows.append((f"u{user:02}", f"i{item:02}", place, (1.0, 2.5, 5.0)[min(2, item % 3 + user % 2)]))
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row"))


@pytest.fixture(scope="module")
def split() -> EventSplit:
    return split_events(levels(), "ratings", "random-ratio", test=0.2)


@pytest.fixture(scope="module")
def fitted(split: EventSplit) -> GenerativeRating:
    return model(epochs=15).fit(split.train, split.valid)


def test_it_is_nearer_than_the_mean_and_stays_within_the_levels(fitted: GenerativeRating, split: EventSplit) -> None:
    found = fitted.predict(split.test.unanswered())
    average = np.full(len(found), ratings_of(split.train).mean())
    assert rmse(found, split.test.answers) < 0.6 * rmse(average, split.test.answers)
    assert ((found >= 1) & (found <= 5)).all()
    assert fitted.spoken_.levels.tolist() == [1.0, 2.5, 5.0]


def test_a_prediction_is_the_mean_of_the_levels_by_their_probability(fitted: GenerativeRating) -> None:
    person, item = str(fitted.people_[3]), str(fitted.item_ids[4])
    item_alone = Lists.of_table(np.array([[4]]))
    prompt = fitted._prompter.write(fitted._prompts["rating"][-1], np.array([3]), item=item_alone)
    answers = torch.zeros((1, 1), dtype=torch.int64)
    with torch.no_grad():
        states = fitted.network_.states(prompt, "rating", answers, fitted.alphabet_.start)
        logits = fitted.network_.model.logits(states)[0, 0].double().numpy()
    shares = np.exp(logits[fitted.alphabet_.of_words(("<1.0000>", "<2.5000>", "<5.0000>"))])
    expected = shares @ [1.0, 2.5, 5.0] / shares.sum()
    np.testing.assert_allclose(fitted.ratings([(person, item)]), [expected], rtol=1e-5)


def test_scores_predictions_and_ratings_are_the_same_number(fitted: GenerativeRating, split: EventSplit) -> None:
    held = split.test.unanswered()
    scores = fitted.score(held.queries)
    numbers = fitted.items_.index(held.queries.dictionary)[held.targets]
    np.testing.assert_allclose(fitted.predict(held), scores[held.query, numbers], atol=1e-5)
    pairs = list(zip(held.queries.user_ids[held.query], held.queries.dictionary[held.targets], strict=True))
    np.testing.assert_allclose(fitted.predict(held), fitted.ratings(pairs), atol=1e-5)


def test_a_stranger_gets_what_is_said_of_the_item_alone(fitted: GenerativeRating) -> None:
    batch = QueryBatch.of([Query(user_id=user, history=()) for user in ("nobody", "u00", "u01")])
    alone, mean_one, generous = fitted.score(batch)
    sorts = np.array([int(item[1:]) % 3 for item in fitted.item_ids])
    by_sort = [alone[sorts == sort].mean() for sort in range(3)]
    assert by_sort[0] < by_sort[1] < by_sort[2]
    # Of a stranger about the mean of all is said, between the two, as far as so short a training goes.
    assert mean_one.mean() < generous.mean()
    assert mean_one.mean() - 0.25 < alone.mean() < generous.mean() + 0.25
    answer = fitted.recommend(Query(user_id="nobody", history=(), k=2))
    assert "nobody that the model knows" in answer.degraded[0]
    assert fitted.recommend(Query(user_id="u00", history=(), k=2)).degraded == ()


def test_what_was_rated_before_is_not_read(fitted: GenerativeRating) -> None:
    history = (Event("i01", rating=5.0), Event("i02", rating=1.0))
    batch = QueryBatch.of([Query(user_id="u00", history=history), Query(user_id="u00", history=())])
    with_history, without = fitted.score(batch)
    np.testing.assert_array_equal(with_history, without)


def test_items_and_people_who_are_not_known_are_predicted_too(fitted: GenerativeRating) -> None:
    asked = split_events(small_shop(), "ratings").test
    assert not set(asked.queries.dictionary) & set(fitted.item_ids)
    found = fitted.predict(asked.unanswered())
    assert np.isfinite(found).all()
    assert ((found >= 1) & (found <= 5)).all()
    assert len(np.unique(found)) == 1


def test_training_is_stopped_by_the_error_on_validation_events(split: EventSplit) -> None:
    stopped = model(epochs=4).fit(split.train, split.valid)
    assert stopped.settings_tried_ == 4
    best = max(stopped.training_, key=lambda entry: entry["value"])
    assert stopped.settings_["best_epoch"] == best["epoch"]
    off = rmse(stopped.predict(split.valid.unanswered()), split.valid.answers)
    assert best["value"] == pytest.approx(1 / (1 + off), rel=1e-5)
    rankings = leave_one_out(levels())
    blind = model(epochs=3).fit(rankings.train, rankings.valid)
    assert (blind.settings_tried_, blind.settings_["best_epoch"]) == (0, 3)


def test_another_held_out_rating_changes_nothing(split: EventSplit) -> None:
    frame = levels().interactions.frame
    held = np.isin(frame["order"].to_numpy(), np.concatenate([split.valid.rows, split.test.rows]))
    changed = Dataset.of(frame.with_columns(rating=pl.when(pl.Series(held)).then(4.0).otherwise("rating")))
    other = split_events(changed, "ratings", "random-ratio", test=0.2)
    np.testing.assert_array_equal(np.sort(other.train.sequences.rows), np.sort(split.train.sequences.rows))
    first, second = (model(epochs=1, patience=0).fit(each.train, each.valid) for each in (split, other))
    for name, value in first.weights_.items():
        np.testing.assert_array_equal(value, second.weights_[name])
    with pytest.raises(LeakError):
        model().fit(levels(), split.valid)


def test_it_stands_beside_the_bias_model(split: EventSplit) -> None:
    found = compare_predictions({"bias": Bias(), "generative-rating": model(epochs=15)}, split, replicates=20)
    assert [row.status for row in found.rows] == ["ok", "ok"]
    predicted = model(epochs=15).fit(split.train, split.valid).predict(split.test.unanswered())
    assert found.rows[1].metrics["rmse"].value == pytest.approx(rmse(predicted, split.test.answers), rel=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tasks": {"sequential": 1.0}}, "asked and not learnt"),
        ({"asks": "sequential"}, "cannot be put as 'sequential'"),
    ],
)
def test_it_must_learn_ratings(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model(**given).fit(small_shop())


def test_other_tasks_are_learnt_beside_it() -> None:
    data = levels()
    both = model(tasks={"sequential": 1.0, "rating": 3.0}, epochs=1).fit(data)
    assert len(both.ratings([("u00", "i03")])) == 1
    assert {"<1.0000>", "<2.5000>", "<5.0000>"} <= set(both.alphabet_.words)
