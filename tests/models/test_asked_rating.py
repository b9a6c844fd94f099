"""Ratings that a language model expects, beside the levels of people and items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError, ModelError, ServiceError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import split_events
from tastemaker.data.splits.events import EventSplit
from tastemaker.evaluation.predictions import compare_predictions
from tastemaker.language.generators import Recorder, Script
from tastemaker.language.generators.calls import Call
from tastemaker.language.generators.choices import choice_among
from tastemaker.language.generators.script import Line
from tastemaker.models import AskedRating, Bias, load_model
from tastemaker.testing.worlds import small_shop

DAMPINGS = {"convention": "ridge", "item_damping": 5.0, "user_damping": 5.0}
SPLIT = split_events(small_shop(), "ratings", "random-ratio", valid=0.2)


def number_in(call: Call) -> int:
    """Return the number of the item that is asked about: its title ends with it."""
    said = call.messages[-1].content.split("What would this person give")[1]
    return int("".join(filter(str.isdigit, said.split("»")[0].split(";")[0])) or 0)


def by_number(call: Call) -> Line:
    """Say a rating that depends on the item alone."""
    likely = number_in(call) % 5
    return {option: 10.0 if place == likely else 1.0 for place, option in enumerate(call.options)}


def model(answer: Callable[[Call], Line] = by_number, **given: object) -> tuple[AskedRating, Script]:
    script = Script(answer=answer)
    return Asked(generator=script, **{**DAMPINGS, **given}), script  # type: ignore[arg-type]


class Asked(AskedRating):
    """The model with a generator that cannot be written down."""

    def settings(self) -> dict[str, object]:
        made, self.generator = self.generator, "llama"
        try:
            return super().settings()
        finally:
            self.generator = made


@pytest.fixture(scope="module")
def split() -> EventSplit:
    return SPLIT


def test_without_validation_it_is_the_bias_and_asks_nothing(split: EventSplit) -> None:
    found, script = model()
    found.fit(split.train)
    bias = Bias(**DAMPINGS).fit(split.train)  # type: ignore[arg-type]
    held = split.test.unanswered()
    np.testing.assert_array_equal(found.predict(held), bias.predict(held))
    np.testing.assert_array_equal(found.score(held.queries[:3]), bias.score(held.queries[:3]))
    assert not script.calls


def test_an_expectation_is_the_mean_of_the_numbers_on_the_scale_of_the_data(split: EventSplit) -> None:
    found, _ = model(lambda call: {"1": 0.1, "2": 0.1, "3": 0.1, "4": 0.2, "5": 0.5})
    found.fit(split.train)
    queries = split.test.queries[:2]
    np.testing.assert_allclose(found._asked(queries, np.array([0, 1]), np.array([0, -1])), 3.9)
    found.range_ = 0.0, 100.0
    np.testing.assert_allclose(found._asked(queries, np.array([0]), np.array([0])), 72.5)


def test_coefficients_are_those_of_a_ridge_towards_the_bias_on_validation(
    split: EventSplit,
) -> None:
    found, script = model(sample=10**6)
    found.fit(split.train, split.valid)
    assert len(script.calls) == len(split.valid.answers)
    held = split.valid.unanswered()
    asked = found._asked(held.queries, held.query, found._numbers(held))
    features = np.column_stack([found._levels_of(held), asked - found.mean_])
    usual, root = np.array([found.mean_, 1.0, 1.0, 0.0]), np.sqrt(5.0) * np.eye(4)
    wider, answers = np.vstack([features, root]), np.append(split.valid.answers, root @ usual)
    expected = np.linalg.lstsq(wider, answers, rcond=None)[0]
    np.testing.assert_allclose(found.coefficients_, expected)
    np.testing.assert_allclose(found.predict(held), np.clip(features @ expected, *found.range_))


def test_no_more_is_asked_than_the_sample(split: EventSplit) -> None:
    found, script = model(sample=7)
    found.fit(split.train, split.valid)
    assert len(script.calls) == found.asked_["calls"] == found.asked_["answers"] == 7


def test_what_knows_the_ratings_is_believed_and_what_says_anything_is_not(split: EventSplit) -> None:
    held = split.valid
    truth = iter(held.answers.tolist())

    def knowing(call: Call) -> Line:
        above = (next(truth) - low) / (high - low)
        return choice_among(np.log(np.maximum([1 - above, 0, 0, 0, above], 1e-12)), 1.0)

    low, high = Bias(**DAMPINGS).fit(split.train).range_  # type: ignore[arg-type]
    knows, _ = model(knowing, sample=10**6)
    knows.fit(split.train, held)
    assert knows.coefficients_[3] > 0.8
    drawn = np.random.default_rng(0)
    guesses, _ = model(lambda call: str(drawn.integers(1, 6)), sample=10**6)
    guesses.fit(split.train, held)
    assert abs(guesses.coefficients_[3]) < 0.2


def test_it_tells_what_was_rated_last_in_a_window_that_moves_in_steps(split: EventSplit) -> None:
    found, script = model(shots=3, sample=1)
    found.fit(split.train, split.valid)
    items = [str(item) for item in found.item_ids[:8]]

    def told(count: int) -> list[str]:
        events = tuple(Event(item, rating=1.0 + place % 5) for place, item in enumerate(items[:count]))
        script.calls.clear()
        found._asked(QueryBatch.of([Query(history=events)]), np.array([0]), np.array([9]))
        return [line for line in script.calls[0].messages[-1].content.splitlines() if line.startswith("- ")]

    assert len(told(0)) == 0
    assert [line.rstrip("»")[-1] for line in told(2)] == ["1", "2"]
    assert [len(told(count)) for count in range(3, 9)] == [3, 4, 5, 3, 4, 5]
    assert told(7) == told(8)[:-1]


def test_without_shots_nothing_is_told_of_the_person(split: EventSplit) -> None:
    found, script = model(shots=0, sample=3)
    found.fit(split.train, split.valid)
    assert all("- «" not in call.messages[-1].content for call in script.calls)


def test_where_there_is_no_answer_the_coefficients_without_it_stand(split: EventSplit) -> None:
    found, script = model()
    found.fit(split.train, split.valid)
    script._answer = lambda call: ServiceError("away")
    held = split.test.unanswered()
    expected = np.clip(found._levels_of(held) @ found.without_, *found.range_)
    np.testing.assert_allclose(found.predict(held), expected)


def test_a_generator_that_never_answers_is_an_error_of_the_fit(split: EventSplit) -> None:
    found, _ = model(lambda call: ServiceError("away"))
    with pytest.raises(ModelError, match="rated nothing: the model gave no useful answer"):
        found.fit(split.train, split.valid)
    assert not hasattr(found, "items_")


def test_scores_and_explanations_are_the_prediction(split: EventSplit) -> None:
    found, _ = model(sample=40)
    found.fit(split.train, split.valid)
    query = Query(history=(Event(str(found.item_ids[0]), rating=4.0),))
    scores = found.score(QueryBatch.of([query, Query(history=())]))
    assert scores.shape == (2, len(found.item_ids))
    for place in (0, 5):
        told = found.explain(query, str(found.item_ids[place]))
        assert told.score == pytest.approx(float(scores[0, place]), abs=1e-5)
        assert sum(part.amount for part in told.parts) == pytest.approx(told.score)


def test_a_saved_model_answers_alike_and_holds_no_key(split: EventSplit, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    recorded = Asked(generator=Recorder(Script(answer=by_number), file), sample=30, **DAMPINGS)  # type: ignore[arg-type]
    held = split.test.unanswered()[np.arange(5)]
    expected = recorded.fit(split.train, split.valid).predict(held)
    replayed = AskedRating(generator={"name": "script", "file": str(file)}, sample=30, **DAMPINGS)  # type: ignore[arg-type]
    replayed.fit(split.train, split.valid).save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, AskedRating)
    np.testing.assert_allclose(again.predict(held), expected)
    np.testing.assert_array_equal(again.coefficients_, replayed.coefficients_)
    assert again.settings_["generator"] == {"name": "script", "file": str(file), "context": None}


def test_it_stands_beside_the_bias(split: EventSplit) -> None:
    found = compare_predictions({"bias": Bias(), "asked-rating": model(sample=50)[0]}, split, replicates=20)
    assert [row.model for row in found.done()] == ["bias", "asked-rating"]


@pytest.mark.parametrize("arguments", [{"shots": -1}, {"sample": 0}])
def test_nonsense_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="must be at least"):
        AskedRating(**arguments)  # type: ignore[arg-type]


def test_a_prompt_has_to_offer_numbers(split: EventSplit) -> None:
    found, _ = model(prompt="rank-yes-no")
    with pytest.raises(ConfigError, match="no numbers"):
        found.fit(split.train, split.valid)
