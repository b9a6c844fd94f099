"""A hybrid keeps the parts that help, says why it leaves out the others, and keeps to its time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.models.small import small

from tastemaker.core.errors import ConfigError, DataError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.recommendations import Contributions
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models import ContentKNN, Hybrid, Popularity, SequentialRules, hybrid, load_model, ranker_choice
from tastemaker.models.base import DenseRecommender, Scores
from tastemaker.models.ranker_choice import Choice, Sample
from tastemaker.models.ranking_features import Feature
from tastemaker.models.refit import refit
from tastemaker.testing import small_shop

SHOP = leave_one_out(small_shop(users=300, items=60, seed=4))


class Noise(Popularity):
    """Scores at random."""

    def score(self, queries: QueryBatch) -> Scores:
        return np.random.default_rng(len(queries)).random((len(queries), len(self.items_))).astype(np.float32)


class HalfTold(Popularity):
    """Explains half of its score, and says so."""

    def _parts(self, query: Query, item: int) -> Contributions:
        whole = super()._parts(query, item)
        return replace(whole, parts=(replace(whole.parts[0], amount=whole.score / 2),), additive=False)


def parts() -> dict[str, DenseRecommender]:
    return {"popular": Popularity(), "rules": SequentialRules(), "words": ContentKNN(), "noise": Noise()}


@pytest.fixture(scope="module")
def fitted() -> Hybrid:
    return Hybrid(parts(), ranker="plain").fit(SHOP.train, SHOP.valid)


def test_noise_is_dropped_and_the_reason_given(fitted: Hybrid) -> None:
    assert "noise" not in fitted.sources
    assert not fitted.parts_["noise"].kept
    assert "too little" in fitted.left_out_["noise"]
    assert fitted.parts_["noise"].alone is not None


def test_kept_parts_added_more_than_their_error(fitted: Hybrid) -> None:
    kept = [part for part in fitted.parts_.values() if part.kept]
    assert {part.name for part in kept} == set(fitted.sources) == set(fitted.weights_)
    best = max((part.alone or 0, part.name) for part in fitted.parts_.values())[1]
    assert "best alone" in fitted.parts_[best].why
    for part in kept:
        assert part.gain is not None
        assert part.error is not None
        assert part.name == best or part.gain > part.error


def test_the_sum_is_better_than_the_best_part_on_what_it_was_chosen_by(fitted: Hybrid) -> None:
    whole = validation_ndcg(fitted.score, SHOP.valid, fitted.item_ids)
    assert len(fitted.sources) > 1
    for name, source in fitted.sources.items():
        assert whole > validation_ndcg(source.score, SHOP.valid, fitted.item_ids), name


def test_parts_that_only_the_ranker_needs_stay_without_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(kinds: Sequence[str], sample: Sample, features: Sequence[Feature], run: Run) -> Choice:
        looked = ranker_choice.learn(kinds, sample, features, run)
        return replace(looked, people=np.full(10, float(len(features))))

    monkeypatch.setattr(hybrid, "learn", learn)
    model = Hybrid(parts(), ranker="linear").fit(SHOP.train, SHOP.valid)
    assert model.weights_["noise"] == 0
    assert "the ranker looks at it" in model.parts_["noise"].why
    assert "noise" not in model.left_out_
    assert np.isfinite(model.score(SHOP.test.queries)).all()


def test_when_the_time_is_over_the_rest_is_left_out() -> None:
    model = Hybrid(parts()).fit(SHOP.train, SHOP.valid, run=Run(minutes=1e-9))
    assert list(model.sources) == ["popular"]
    assert {model.left_out_[name] for name in ("rules", "words", "noise")} == {"the time, 1e-09 minutes, was over"}
    with pytest.raises(ConfigError, match="more than none"):
        Run(minutes=0)


def test_without_torch_the_sequence_model_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    model = small("hybrid").fit(SHOP.train, SHOP.valid)
    assert isinstance(model, Hybrid)
    assert "tastemaker[torch]" in model.left_out_["sasrec"]
    assert "sequential-rules" in model.parts_


def test_where_nothing_can_be_fitted_it_says_why() -> None:
    wordless = Dataset.of(SHOP.train.interactions)
    with pytest.raises(DataError, match="no source of 'hybrid'"):
        Hybrid({"words": ContentKNN()}).fit(wordless)


def test_a_refit_keeps_the_choice_and_what_was_said(fitted: Hybrid) -> None:
    again = refit(fitted, small_shop(users=300, items=60, seed=4))
    assert isinstance(again, Hybrid)
    assert again.weights_ == fitted.weights_
    assert again.parts_ == fitted.parts_
    assert again.left_out_ == fitted.left_out_


def test_a_saved_one_knows_its_parts(fitted: Hybrid, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, Hybrid)
    assert again.parts_ == fitted.parts_
    np.testing.assert_array_equal(again.score(SHOP.test.queries), fitted.score(SHOP.test.queries))


def test_an_explanation_sums_up_though_a_part_does_not() -> None:
    model = Hybrid({"half": HalfTold(), "rules": SequentialRules()}, weights={"half": 1, "rules": 1}, ranker="plain")
    model.fit(SHOP.train)
    query = Query(history=(Event(str(model.item_ids[0])), Event(str(model.item_ids[5]))))
    item = str(model.item_ids[3])
    told = model.explain(query, item)
    batch = QueryBatch.of([query])
    assert sum(part.amount for part in told.parts) == pytest.approx(float(model.score(batch)[0, 3]), rel=1e-4)
    assert any(part.name == "all events together" for part in told.parts)
