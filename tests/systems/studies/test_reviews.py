"""Reviews are read with their texts, each once, and rows of their study give values of what they can."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.systems.reproduction import Bench, Ground
from tastemaker.systems.studies import writing
from tastemaker.systems.studies.reviews import Written, first_sentence, split_reviews

SOURCE, FILE = "amazon-2018-all-beauty", "All_Beauty_5.json"


def review(number: int, **other: Any) -> dict[str, Any]:
    own = {
        "reviewerID": f"u{number % 25}",
        "asin": f"i{number % 7}",
        "overall": float(1 + number % 5),
        "unixReviewTime": 1_400_000_000 + 86_400 * number,
        "reviewText": f"Wow! Number {number} smells good. I like it.",
        "summary": f"Good {number % 3}",
    }
    return {**own, **other}


def write(folder: Path, reviews: list[dict[str, Any]]) -> Bench:
    home = folder / "amazon2018-all-beauty-5core"
    home.mkdir(parents=True)
    with gzip.open(home / f"{FILE}.gz", "wt") as file:
        file.writelines(json.dumps(each) + "\n" for each in reviews)
    return Bench(folder / "out", folder)


@pytest.fixture
def ground(tmp_path: Path) -> Ground[Written]:
    reviews = [review(number) for number in range(100)]
    again = [review(0, asin="i5"), review(3, reviewText="Another word of the same pair."), review(9, reviewText="No!")]
    return split_reviews(SOURCE, FILE, write(tmp_path, [*reviews, *again]), Run())


def test_each_text_and_each_pair_is_there_once_and_what_has_no_sentence_is_not(ground: Ground[Written]) -> None:
    frame = ground.holds.split.train.interactions.frame
    assert frame["text"].n_unique() == frame.height
    assert ground.counts["test reviews"] == 20
    assert ground.counts["reviews to learn from"] == frame.height == 70
    assert not set(frame["text"]) & set(ground.holds.texts["text"])


def test_texts_belong_to_the_pairs_that_are_asked_about(ground: Ground[Written]) -> None:
    for (user, item), text, sentence in zip(
        ground.holds.pairs, ground.holds.texts["text"], ground.holds.texts["explanation"], strict=True
    ):
        number = int(text.split()[2])
        assert (user, item) == (f"u{number % 25}", f"i{number % 7}")
        assert sentence == f"Number {number} smells good."


@pytest.mark.parametrize(
    ("text", "sentence"), [("", ""), ("Good!", ""), ("One two\nthree four five", "three four five")]
)
def test_an_explanation_is_the_first_sentence_of_three_words(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_data_that_are_not_there_or_no_reviews_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTEMAKER_DATA", raising=False)
    with pytest.raises(DataError, match="are read from a folder"):
        split_reviews(SOURCE, FILE, Bench(tmp_path), Run())
    bench = write(tmp_path, [{"reviewerID": "u"}])
    with pytest.raises(DataError, match=r"not a review.*record 1"):
        split_reviews(SOURCE, FILE, bench, Run())


def test_controls_know_neither_person_nor_item(ground: Ground[Written]) -> None:
    same = writing.always_the_same(ground.holds, Run())
    assert same.numbers["unique"] == 1 / 20
    assert set(same.values) == {"rmse", "rouge-1", "rouge-l", "summary-rouge-1"}
    ratings = ground.holds.split.train.sequences.ratings
    assert ratings is not None
    mean = float(np.nanmean(ratings))
    assert same.values["rmse"] == pytest.approx((mean - ground.holds.split.test.answers) ** 2, rel=1e-5)
    other = writing.of_another_item(ground.holds, Run())
    assert set(other.values) == {"rouge-1", "rouge-l"}
    assert (writing.somebody_elses(ground.holds, Run()).values["rouge-1"] > 0).all()


def test_one_network_rates_explains_and_sums_up(ground: Ground[Written]) -> None:
    pytest.importorskip("torch")
    recipe = {
        "tasks": {"rating": 1.0, "explanation": 1.0, "review": 1.0},
        "dimensions": 8,
        "heads": 2,
        "hidden": 8,
        "blocks": 1,
        "max_written": 6,
        "epochs": 1,
    }
    reading = writing.told_together(recipe, (0.2, 1.0), ground.holds, Run())
    assert {name: values.shape for name, values in reading.values.items()} == dict.fromkeys(
        ("rmse", "rouge-1", "rouge-l", "summary-rouge-1"), (20,)
    )
    tried = reading.settings["of spreads"]
    assert tried[str(reading.settings["spread"])] == min(tried.values())
    assert reading.example.startswith("Of the first item asked about")
