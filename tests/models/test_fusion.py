"""A fusion weighs its sources on validation, with scores as they are or divided, and fits none of them twice."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.ranking import validation_ranks
from tastemaker.evaluation.targets import NEVER
from tastemaker.models import (
    EASE,
    ContentKNN,
    CountsAndText,
    Fusion,
    Popularity,
    SequentialRules,
    load_model,
    make_model,
    make_models,
)
from tastemaker.models.base import Settings
from tastemaker.models.pool import Pool
from tastemaker.models.refit import refit
from tastemaker.testing import small_shop

SPLIT = leave_one_out(small_shop(users=150, items=60, seed=4))


class Counted(EASE):
    """Counts how often it learns."""

    name: ClassVar[str] = "counted"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"regularisation": (10.0,), "age_decay": ("uniform",)}
    learnt: int = 0

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.learnt += 1
        super()._learn(train, settings)


def pool_of(*models: Any, depth: int = 100) -> Pool:
    return Pool.of(models, SPLIT.valid, models[0].item_ids, depth=depth)


@pytest.mark.parametrize("depth", [30, 100], ids=["part of the catalogue", "all of it"])
def test_ranks_in_a_pool_are_those_over_the_catalogue_as_far_as_the_lists_go(depth: int) -> None:
    ease = EASE(regularisation=10.0, age_decay="1/a").fit(SPLIT.train)
    words = ContentKNN(age_decay="uniform").fit(SPLIT.train)
    pool = pool_of(ease, words, depth=depth)
    weights = np.array([1.0, 0.3], dtype=np.float32)
    inside = pool.ranks(pool.scores @ weights, np.random.default_rng(0)).ranks
    whole = validation_ranks(
        lambda queries: weights[0] * ease.score(queries) + weights[1] * words.score(queries), SPLIT.valid, ease.item_ids
    )
    first = (whole <= 10) | (inside <= 10)
    assert first.sum() > 50
    np.testing.assert_array_equal(inside[first], whole[first])


def test_equal_scores_in_a_pool_are_put_in_random_order() -> None:
    pool = pool_of(EASE(regularisation=10.0, age_decay="1/a").fit(SPLIT.train))
    drawn = pool.ranks(np.zeros(len(pool.items)), np.random.default_rng(0)).ranks
    size = np.bincount(pool.query).mean()
    assert drawn.mean() == pytest.approx((1 + size) / 2, rel=0.15)
    assert drawn.min() >= 1
    assert drawn.max() <= np.bincount(pool.query).max()


def test_a_target_that_no_source_proposes_is_missed() -> None:
    popular = Popularity().fit(SPLIT.train)
    pool = pool_of(popular, depth=1)
    ranks = pool.ranks(pool.scores[:, 0], np.random.default_rng(0)).ranks
    missed = pool.place < 0
    assert missed.any()
    assert (ranks[missed] == NEVER).all()
    assert pool.ndcg(pool.scores[:, 0], np.random.default_rng(0)) == pytest.approx((ranks == 1).mean())


def test_the_items_of_the_history_are_not_in_a_pool() -> None:
    pool = pool_of(Popularity().fit(SPLIT.train))
    queries = SPLIT.valid.queries
    numbers = SPLIT.train.items.index(queries.dictionary)
    for query in range(len(SPLIT.valid)):
        seen = numbers[queries.codes[queries.starts[query] : queries.ends[query]]]
        assert not np.isin(pool.items[pool.query == query], seen).any()


def test_the_weights_are_better_than_any_source_alone() -> None:
    fused = Fusion({"rules": SequentialRules(), "words": ContentKNN(), "popular": Popularity()})
    fused.fit(SPLIT.train, SPLIT.valid)

    def value(model: Any) -> float:
        return float(ndcg(validation_ranks(model.score, SPLIT.valid, model.item_ids), 10).mean())

    assert value(fused) >= max(value(source) for source in fused.sources.values()) - 0.005


def test_scores_are_taken_as_they_are_where_that_is_asked_for() -> None:
    sources = {"ease": EASE(regularisation=10.0, age_decay="1/a"), "words": ContentKNN(age_decay="uniform")}
    fused = Fusion(sources, weights={"ease": 2.0, "words": 0.5}, normalise=False).fit(SPLIT.train)
    batch = SPLIT.valid.queries[slice(0, 20)]
    expected = 2.0 * sources["ease"].score(batch) + 0.5 * sources["words"].score(batch)
    np.testing.assert_allclose(fused.score(batch), expected, rtol=1e-5)
    query = Query(history=["i001", "i004"])  # type: ignore[arg-type]
    explained = fused.explain(query, "i007")
    place = int(fused.items_.index(["i007"])[0])
    assert explained.score == pytest.approx(float(fused.score(QueryBatch.of([query]))[0, place]), rel=1e-4)


def test_what_was_chosen_is_kept_by_saving_and_by_fitting_again(tmp_path: Path) -> None:
    fused = make_model("counts-and-text").fit(SPLIT.train, SPLIT.valid)
    assert isinstance(fused, CountsAndText)
    fused.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, CountsAndText)
    assert (loaded.weights_, loaded.normalise_) == (fused.weights_, fused.normalise_)
    again = refit(fused, SPLIT.train)
    assert isinstance(again, CountsAndText)
    assert again.settings_ == fused.settings_


def test_a_source_that_is_a_row_of_its_own_is_fitted_once() -> None:
    source = Counted()
    source.fit(SPLIT.train, SPLIT.valid)
    fused = Fusion({"counted": source, "popular": Popularity()}).fit(SPLIT.train, SPLIT.valid)
    assert source.learnt == 1
    assert fused.spared_seconds_ > 0
    fused.fit(SPLIT.train, SPLIT.valid, run=Run(seed=1))
    assert source.learnt == 2
    assert fused.spared_seconds_ == 0


def test_a_source_that_was_fitted_on_other_rows_is_fitted_again() -> None:
    source = Counted()
    other = leave_one_out(small_shop(users=50, seed=9))
    source.fit(other.train, other.valid)
    Fusion({"counted": source}).fit(SPLIT.train, SPLIT.valid)
    assert source.learnt == 2
    assert source.provenance_.fingerprint == SPLIT.train.fingerprint
    source.extend(items=SPLIT.train.catalogue)
    Fusion({"counted": source}).fit(SPLIT.train, SPLIT.valid)
    assert source.learnt == 3


def test_models_of_one_comparison_share_their_sources() -> None:
    models = make_models(["fusion", "ease", "counts-and-text", "ease"], {"ease": {"regularisation": 7.0}})
    assert list(models) == ["fusion", "ease", "counts-and-text"]
    fusion = models["fusion"]
    assert isinstance(fusion, Fusion)
    assert fusion.sources["ease"] is models["ease"]
    assert fusion.sources["ease"].settings()["regularisation"] == 7.0


def test_a_source_whose_extra_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    fused = Fusion({"rules": SequentialRules(), "network": make_model("sasrec")}).fit(small_shop())
    assert list(fused.sources) == ["rules"]
    assert "tastemaker[torch]" in fused.left_out_["network"]


def test_the_first_source_is_fitted_however_little_time_there_is() -> None:
    fused = Fusion({"rules": SequentialRules(), "popular": Popularity()}).fit(small_shop(), run=Run(minutes=1e-9))
    assert list(fused.sources) == ["rules"]
    assert "the time" in fused.left_out_["popular"]
