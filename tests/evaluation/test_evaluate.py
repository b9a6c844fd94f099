"""Evaluation measures what can be worked out by hand, and refuses models that know the answers."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError, LeakError, ModelError
from tastemaker.data import Dataset, HeldOut, Interactions, Provenance, Split
from tastemaker.evaluation import evaluate
from tastemaker.evaluation.judge import rank_hash

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def small(ask: Callable[..., HeldOut]) -> tuple[Dataset, HeldOut]:
    """Five items bought 4, 3, 2, 1 and 0 times, and three questions of two people."""
    bought = {"i0": 4, "i1": 3, "i2": 2, "i3": 1}
    rows = [{"user_id": f"u{buyer}", "item_id": item} for item, times in bought.items() for buyer in range(times)]
    catalogue = pl.DataFrame({"item_id": [f"i{number}" for number in range(5)]})
    train = Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), catalogue, name="small")
    held = ask([1, 3, 4], [[0], [0, 2], [1, 4]], items=5, users=[0, 0, 1])
    return train, replace(held, fingerprint=train.fingerprint, rows=np.arange(100, 103))


def test_metrics_of_counts_are_those_worked_out_by_hand(small: tuple[Dataset, HeldOut], counts: Make) -> None:
    train, held = small
    model = counts().fit(train)
    found = evaluate(model, held, train=train, ks=(1, 2))
    # Unseen by count: i1 first of i1 i2 i3 i4; i3 second of i1 i3 i4; i4 last of i0 i2 i3 i4.
    assert found.metrics["hr@1"] == pytest.approx((0.5 + 0) / 2)
    assert found.metrics["hr@2"] == found.metrics["recall@2"] == pytest.approx((1 + 0) / 2)
    assert found.metrics["mrr@2"] == pytest.approx((0.75 + 0) / 2)
    assert found.metrics["ndcg@2"] == pytest.approx(((1 + 1 / np.log2(3)) / 2 + 0) / 2)
    assert found.metrics["coverage@1"] == pytest.approx(2 / 5)
    assert found.metrics["coverage@2"] == pytest.approx(4 / 5)
    # Lists of two: (i1 i2), (i1 i3), (i0 i2); histories: (i0), (i0 i2), (i1 i4).
    lists = ((2.5 + 2) / 2 + 3) / 2
    histories = ((4 + 3) / 2 + 1.5) / 2
    assert found.metrics["popularity_lift@2"] == pytest.approx(lists / histories - 1)
    assert found.per_user["list_popularity@2"].tolist() == [2.25, 3.0]
    assert found.per_user["history_popularity@2"].tolist() == [3.5, 1.5]
    assert found.counts == {"queries": 3, "users": 2, "targets": 3, "cold_targets": 1, "unknown_targets": 0}
    assert found.rank_hash == hashlib.sha256(np.array([1, 2, 4], dtype="<i8").tobytes()).hexdigest()
    assert found.model == "counts"
    assert found.ms_per_query == pytest.approx(found.seconds * 1000 / 3)


def test_people_without_a_history_weigh_nothing_in_the_lift(
    small: tuple[Dataset, HeldOut], counts: Make, ask: Callable[..., HeldOut]
) -> None:
    train, _ = small
    held = ask([1, 2], [[], [1]], items=5)
    held = replace(held, rows=held.rows + 100, fingerprint=train.fingerprint)
    found = evaluate(counts().fit(train), held, train=train, ks=(1,))
    assert found.per_user["list_popularity@1"].tolist() == [0.0, 4.0]
    assert found.metrics["popularity_lift@1"] == pytest.approx(4 / 3 - 1)


def test_a_model_that_saw_answers_is_refused_with_their_number(split: Split, dataset: Dataset, counts: Make) -> None:
    everything = counts().fit(dataset)
    with pytest.raises(LeakError, match=rf"counts was fitted on {len(split.test)} of the {len(split.test)} held-out"):
        evaluate(everything, split.test, train=split.train)
    model = counts().fit(split.train)
    seen = np.sort(np.append(model.provenance_.rows, split.test.rows[:2]))
    model.provenance_ = replace(model.provenance_, rows=seen)
    with pytest.raises(LeakError, match="fitted on 2 of"):
        evaluate(model, split.test, train=split.train)


def test_a_model_that_does_not_say_what_it_saw_is_refused(split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    del model.provenance_
    with pytest.raises(LeakError, match="does not say which rows"):
        evaluate(model, split.test, train=split.train)


def test_a_model_of_another_version_of_the_data_is_refused(split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    before = model.provenance_
    model.provenance_ = replace(before, fingerprint="older")
    with pytest.raises(LeakError, match="another version of the data"):
        evaluate(model, split.test, train=split.train)
    model.provenance_ = replace(before, others=(split.train.name,))
    with pytest.raises(LeakError, match="another version of the data"):
        evaluate(model, split.test, train=split.train)


def test_a_model_of_other_data_may_be_tested(split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    model.provenance_ = Provenance("elsewhere", "other", np.arange(10_000), 5, None)
    assert 0 <= evaluate(model, split.test, train=split.train).metrics["ndcg@10"] <= 1


def test_scores_that_are_not_numbers_are_refused_by_name(split: Split, counts: Make) -> None:
    model = counts("diverged").fit(split.train)
    model.row = np.full_like(model.row, np.nan)
    with pytest.raises(ModelError, match="diverged gave scores that are not numbers"):
        evaluate(model, split.test, train=split.train)


def test_items_unknown_to_the_model_are_missed_and_counted(split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    popular = int(np.argmax(model.row))
    full = evaluate(model, split.test, train=split.train)
    model.item_ids = np.delete(model.item_ids, popular)
    model.row = np.delete(model.row, popular)
    found = evaluate(model, split.test, train=split.train)
    ids = split.test.queries.dictionary[split.test.targets]
    assert found.counts["unknown_targets"] == int((ids == split.train.items.ids[popular]).sum())
    assert full.counts["unknown_targets"] == 0


def test_the_same_seed_gives_the_same_hash(split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    first, second = (evaluate(model, split.test, train=split.train) for _ in range(2))
    assert first.rank_hash == second.rank_hash
    assert rank_hash(np.array([1])) != rank_hash(np.array([2]))


@pytest.mark.parametrize("ks", [(), (0,), (10, -1)])
def test_cut_offs_must_be_there_and_positive(split: Split, counts: Make, ks: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="cut-offs"):
        evaluate(counts().fit(split.train), split.test, train=split.train, ks=ks)
