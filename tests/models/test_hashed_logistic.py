"""Hashed logistic regression: what it reads, that its parts add up, and that its probabilities hold."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.data import Catalogue, Dataset, Users, split_events
from tastemaker.evaluation.labels import auc_of_labels, calibration_error, log_loss
from tastemaker.models import HashedLogistic, load_model
from tastemaker.models.hashing import hashes, joined, places_and_signs
from tastemaker.models.logistic_loss import sigmoid

START = datetime(2024, 1, 1, tzinfo=UTC)


def shown(events: int = 6000, seed: int = 0) -> tuple[Dataset, NDArray[np.float64]]:
    """Return what was shown at a shop's banner, and how likely each was clicked, by the number of its row.

    The young like music and the old the garden, everybody likes the newest items, and the top place helps.
    """
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, 60, events), rng.integers(0, 20, events)
    place = rng.choice(["top", "side"], events)
    taste = np.where((users % 2) == (items % 2), 1.0, -1.0)
    chance = sigmoid(-1 + 1.2 * taste + 0.8 * (items >= 15) + 0.9 * (place == "top"))
    frame = pl.DataFrame(
        {
            "user_id": [f"u{user:02}" for user in users],
            "item_id": [f"i{item:02}" for item in items],
            "timestamp": [START + timedelta(minutes=10 * row) for row in range(events)],
            "label": (rng.random(events) < chance).astype(int),
            "place": place,
        }
    )
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{item:02}" for item in range(20)],
            "title": [f"thing {item}" for item in range(20)],
            "categories": [["music"] if item % 2 else ["garden"] for item in range(20)],
        }
    )
    people = pl.DataFrame(
        {"user_id": [f"u{u:02}" for u in range(60)], "age": ["young" if u % 2 else "old" for u in range(60)]}
    )
    return Dataset.of(frame, Catalogue(catalogue), users=Users(people), name="banner"), chance


DATA, CHANCE = shown()
SPLIT = split_events(DATA, "clicks", "random-ratio", valid=0.2, test=0.2, per="all")
CONTEXT: dict[str, Any] = {"l2": 3.0, "time": False, "context": ("place",)}


@pytest.fixture(scope="module")
def model() -> HashedLogistic:
    return HashedLogistic(**CONTEXT).fit(SPLIT.train, SPLIT.valid)


def test_it_comes_near_to_the_truth(model: HashedLogistic) -> None:
    found = model.predict(SPLIT.test.unanswered(), SPLIT.test.context)
    truth = CHANCE[SPLIT.test.rows]
    assert np.corrcoef(found, truth)[0, 1] > 0.9
    assert auc_of_labels(found, SPLIT.test.answers) > auc_of_labels(truth, SPLIT.test.answers) - 0.03
    base = np.full(len(found), SPLIT.train.interactions.frame["label"].mean())
    assert log_loss(found, SPLIT.test.answers) < log_loss(base, SPLIT.test.answers) - 0.05


def test_its_probabilities_hold(model: HashedLogistic) -> None:
    found = model.predict(SPLIT.test.unanswered(), SPLIT.test.context)
    assert calibration_error(found, SPLIT.test.answers) < 0.05
    assert found.mean() == pytest.approx(SPLIT.test.answers.mean(), abs=0.03)


def test_calibration_makes_the_validation_part_likelier() -> None:
    sure = HashedLogistic(**{**CONTEXT, "l2": 0.01})
    plain = sure.fit(SPLIT.train).predict(SPLIT.valid.unanswered(), SPLIT.valid.context)
    assert sure.calibration_ == (1.0, 0.0)
    mended = sure.fit(SPLIT.train, SPLIT.valid).predict(SPLIT.valid.unanswered(), SPLIT.valid.context)
    assert sure.calibration_[0] < 1
    assert log_loss(mended, SPLIT.valid.answers) < log_loss(plain, SPLIT.valid.answers)


def test_context_that_is_named_is_read_and_other_context_is_not(model: HashedLogistic) -> None:
    without = HashedLogistic(**{**CONTEXT, "context": "none"}).fit(SPLIT.train, SPLIT.valid)
    sides = [SPLIT.test.context.with_columns(pl.lit(place).alias("place")) for place in ("top", "side")]
    top, side = (model.predict(SPLIT.test.unanswered(), context) for context in sides)
    assert (top > side).all()
    first, second = (without.predict(SPLIT.test.unanswered(), context) for context in sides)
    assert (first == second).all()
    unmet = model.predict(SPLIT.test.unanswered(), sides[0].with_columns(pl.lit("ceiling").alias("place")))
    assert unmet == pytest.approx(model.predict(SPLIT.test.unanswered(), sides[0].drop("place")))


def test_the_hour_is_read_where_that_was_chosen() -> None:
    frame = DATA.interactions.frame.with_columns(label=(pl.col("timestamp").dt.hour() < 12).cast(pl.Int8)).drop("order")
    timed = HashedLogistic(time=True).fit(Dataset.of(frame, DATA.catalogue))
    queries = [Query(user_id="u01", now=START + timedelta(hours=hour)) for hour in (3, 20)]
    morning, evening = timed.score(QueryBatch.of(queries))
    assert (morning > 0.9).all()
    assert (evening < 0.1).all()


def test_scores_are_predictions(model: HashedLogistic) -> None:
    held = SPLIT.test.unanswered()
    whole = model.score(held.queries)
    expected = whole[held.query, model.items_.index(held.queries.dictionary)[held.targets]]
    assert model.predict(held) == pytest.approx(expected, abs=1e-6)


def test_blocks_of_events_are_put_together(model: HashedLogistic, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.predict(SPLIT.test.unanswered(), SPLIT.test.context)
    monkeypatch.setattr("tastemaker.models.hashed_logistic._EVENTS_AT_ONCE", 101)
    assert model.predict(SPLIT.test.unanswered(), SPLIT.test.context) == pytest.approx(whole)


def test_the_probability_is_shared_out_over_tokens(model: HashedLogistic) -> None:
    for item in ("i03", "i16"):
        query = Query(user_id="u05")
        found = model.explain(query, item)
        assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
        assert found.score == pytest.approx(model.score_candidates(QueryBatch.of([query]), [item])[0, 0], abs=1e-6)
    by_name = {part.name: part.amount for part in model.explain(Query(user_id="u05"), "i03").parts}
    assert by_name["age=young and categories=music"] > 0
    # Integrated gradients: each share is in proportion to what the token adds to the log-odds.
    own, pair = hashes(["age=young"]), joined(hashes(["age=young"]), hashes(["categories=music"]))
    logits = [float(model._weighed(each)[0]) for each in (own, pair)]
    assert by_name["age=young"] / by_name["age=young and categories=music"] == pytest.approx(logits[0] / logits[1])


def test_strangers_and_new_items_go_by_what_is_known(model: HashedLogistic, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    new = pl.DataFrame({"item_id": ["x", "y"], "title": ["gizmo", None], "categories": [["music"], ["garden"]]})
    again.extend(items=Catalogue(new))
    young = QueryBatch.of([Query(user_id="u05")])
    x, y = again.score_candidates(young, ["x", "y"])[0]
    assert x > y
    found = again.score(QueryBatch.of([Query(user_id="nobody"), Query()]))
    assert (found[0] == found[1]).all()


def test_events_without_a_dislike_cannot_be_learnt_from() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]}))
    with pytest.raises(DataError, match="nothing to tell apart"):
        HashedLogistic().fit(data)


def test_few_weights_are_shared_and_still_serve() -> None:
    small = HashedLogistic(**{**CONTEXT, "bits": 6}).fit(SPLIT.train, SPLIT.valid)
    assert small.weights_.shape == (64,)
    found = small.predict(SPLIT.test.unanswered(), SPLIT.test.context)
    assert auc_of_labels(found, SPLIT.test.answers) > 0.6


def test_hashes_are_those_of_blake2b_and_splitmix() -> None:
    first, second = (
        int.from_bytes(hashlib.blake2b(token, digest_size=8).digest(), "little") for token in (b"gender=F", b"brand=x")
    )
    assert hashes(["gender=F", "brand=x"]).tolist() == [first, second]
    mixed = (first * 0x9E3779B97F4A7C15 + second) % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    assert int(joined(hashes(["gender=F"]), hashes(["brand=x"]))[0]) == mixed ^ (mixed >> 31)


def test_hashes_spread_evenly_over_places_and_signs() -> None:
    values = hashes(f"token {number}" for number in range(40_000))
    pairs = joined(values[:200, None], values[None, 200:400]).ravel()
    for each in (values, pairs):
        assert len(np.unique(each)) == len(each)
        places, signs = places_and_signs(each, 8)
        counts = np.bincount(places, minlength=256)
        assert counts.min() > 0.5 * len(each) / 256
        assert counts.max() < 1.5 * len(each) / 256
        assert abs(signs.mean()) < 0.03
    assert joined(values[:1], values[1:2]) != joined(values[1:2], values[:1])
