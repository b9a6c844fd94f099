"""Rankers start from the fused order and learn what else tells the answers from the other items."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import optimize

from tastemaker.core.errors import MissingExtraError
from tastemaker.core.run import Run
from tastemaker.models.rankers import (
    RANKERS,
    Answered,
    BoostedRanker,
    LinearRanker,
    fit_ranker,
    fitted_strength,
    listwise_loss,
    unpacked,
)
from tastemaker.models.ranking_features import Feature

FEATURES = tuple(Feature(f"feature {place}", of_query=place == 3) for place in range(4))
KINDS = ["linear", pytest.param("boosted", marks=pytest.mark.needs_extra("boost"))]


def drawn(
    weights: list[float],
    *,
    strength: float = 1.0,
    queries: int = 1500,
    items: int = 12,
    answers: int = 1,
    seed: int = 0,
) -> Answered:
    """Return queries whose answers are drawn by softmax of ``strength * log_fused + features @ weights``."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries, items, 4)).astype(np.float32)
    features[:, :, 3] = features[:, :1, 3]
    log_fused = rng.normal(size=(queries, items))
    chances = strength * log_fused + features @ np.asarray(weights) + rng.gumbel(size=(queries, items))
    chosen = np.argsort(-chances, axis=1)[:, :answers]
    mass = np.zeros((queries, items))
    np.put_along_axis(mass, chosen, 1 / answers, axis=1)
    return Answered(features.reshape(-1, 4), log_fused.ravel(), np.arange(queries) * items, mass.ravel())


@pytest.mark.parametrize("answers", [1, 3])
def test_the_gradient_is_that_of_the_loss(answers: int) -> None:
    answered = drawn([1.0, -0.5, 0.0, 0.0], queries=20, answers=answers)
    columns = answered.features.astype(np.float64)
    weights = np.random.default_rng(1).normal(size=4)
    for regularisation in (0.0, 3.0):
        given = (columns, answered.log_fused, answered, regularisation)
        numeric = optimize.approx_fprime(weights, lambda point, *rest: listwise_loss(point, *rest)[0], 1e-6, *given)
        np.testing.assert_allclose(listwise_loss(weights, *given)[1], numeric, rtol=1e-4, atol=1e-4)


def test_the_loss_is_the_negative_log_of_the_share_of_the_answers() -> None:
    features = np.asarray([[0.0], [np.log(3)], [0.0], [0.0]], dtype=np.float32)
    answered = Answered(features, np.zeros(4), np.asarray([0, 2]), np.asarray([0.0, 1.0, 0.5, 0.5]))
    found, _ = listwise_loss(np.ones(1), features.astype(np.float64), 0.0, answered, 0.0)
    assert found == pytest.approx(-np.log(3 / 4) - np.log(1 / 2))
    with_weights, _ = listwise_loss(np.ones(1), features.astype(np.float64), 0.0, answered, 5.0)
    assert with_weights == pytest.approx(found + 2.5)


def test_scores_of_any_size_give_numbers() -> None:
    answered = drawn([1.0, 0.0, 0.0, 0.0], queries=5)
    loss, gradient = listwise_loss(np.full(4, 1e4), answered.features.astype(np.float64), 0.0, answered, 0.0)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def test_the_strength_is_that_by_which_the_answers_were_drawn() -> None:
    for strength in (0.5, 2.0):
        assert fitted_strength(drawn([0.0] * 4, strength=strength)) == pytest.approx(strength, abs=0.1)


@pytest.mark.parametrize("answers", [1, 2])
def test_the_linear_ranker_finds_the_weights_by_which_the_answers_were_drawn(answers: int) -> None:
    answered = drawn([1.0, -0.5, 0.0, 0.0], queries=4000, answers=answers)
    ranker = LinearRanker.fit(answered, FEATURES, Run())
    slopes = ranker.weights / ranker.scale
    if answers == 1:
        np.testing.assert_allclose(slopes[:3], [1.0, -0.5, 0.0], atol=0.1)
    assert slopes[0] / slopes[1] == pytest.approx(-2.0, rel=0.15)
    assert abs(slopes[2]) < 0.07


@pytest.mark.parametrize("kind", KINDS)
def test_a_ranker_puts_the_answers_further_up(kind: str) -> None:
    weights = [1.5, 0.0, 0.0, 0.0]
    ranker = fit_ranker(kind, drawn(weights), FEATURES, Run())
    others = drawn(weights, seed=1)

    def first(scores: np.ndarray) -> float:
        return float((others.mass.reshape(-1, 12).argmax(axis=1) == scores.reshape(-1, 12).argmax(axis=1)).mean())

    plain, ranked = others.log_fused, ranker.strength * others.log_fused + ranker.correction(others.features)
    best = others.log_fused + 1.5 * others.features[:, 0]
    assert first(plain) < 0.3
    assert first(ranked) > 0.85 * first(best)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_asks_often_counts_no_more_than_others(kind: str) -> None:
    """A few people with most of the queries choose by the feature, many with one each against it."""
    often, once = drawn([2.0, 0.0, 0.0, 0.0], queries=2400), drawn([-2.0, 0.0, 0.0, 0.0], queries=600, seed=1)
    mass = np.concatenate([0.1 * often.mass, 4.6 * once.mass])
    both = Answered(
        np.concatenate([often.features, once.features]),
        np.concatenate([often.log_fused, once.log_fused]),
        np.concatenate([often.starts, once.starts + len(often.mass)]),
        mass,
    )
    ranker = fit_ranker(kind, both, FEATURES, Run())
    low, high = np.zeros((2, 1, 4), dtype=np.float32) + np.array([-1, 1])[:, None, None]
    assert ranker.correction(low)[0] > ranker.correction(high)[0]


def test_what_all_items_of_a_query_have_alike_and_what_is_constant_has_no_weight() -> None:
    answered = drawn([1.0, 0.0, 0.0, 0.0])
    answered.features[:, 1] = 7.0
    answered.features[:, 2] = np.nan
    ranker = LinearRanker.fit(answered, FEATURES, Run())
    assert ranker.weights[1:].tolist() == [0, 0, 0]
    assert ranker.weights[0] > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unknown_is_no_error(kind: str) -> None:
    answered = drawn([1.0, 1.0, 0.0, 0.0])
    answered.features[::3, 1] = np.nan
    ranker = fit_ranker(kind, answered, FEATURES, Run())
    asked = answered.features[:2].copy()
    asked[:, 1] = np.nan
    assert np.isfinite(ranker.correction(asked)).all()
    if kind == "linear":
        assert ranker.contributions(asked[:1])[1] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_sum_to_the_correction(kind: str) -> None:
    answered = drawn([1.0, -1.0, 0.5, 0.0])
    answered.features[5, 0] = np.nan
    ranker = fit_ranker(kind, answered, FEATURES, Run())
    for row in range(10):
        one = answered.features[row : row + 1]
        contributions = ranker.contributions(one)
        assert contributions.shape == (5,)
        assert contributions.sum() == pytest.approx(ranker.correction(one)[0], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_one_item_alone_is_judged_as_among_others(kind: str) -> None:
    answered = drawn([1.0, -1.0, 0.5, 0.0], queries=200)
    ranker = fit_ranker(kind, answered, FEATURES, Run())
    together = ranker.correction(answered.features[:50])
    alone = [ranker.correction(answered.features[row : row + 1])[0] for row in range(50)]
    assert together.tolist() == alone


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_ranker(kind: str) -> None:
    answered = drawn([1.0, -1.0, 0.5, 0.0])
    one, other = (fit_ranker(kind, answered, FEATURES, Run(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(one.correction(answered.features), other.correction(answered.features))


@pytest.mark.parametrize("kind", KINDS)
def test_packing_keeps_a_ranker(kind: str) -> None:
    answered = drawn([1.0, -1.0, 0.5, 0.0])
    ranker = fit_ranker(kind, answered, FEATURES, Run())
    again = unpacked(*ranker.pack())
    assert (again.kind, again.strength) == (kind, ranker.strength)
    np.testing.assert_array_equal(again.correction(answered.features), ranker.correction(answered.features))


@pytest.mark.needs_extra("boost")
def test_trees_see_what_matters_only_together_with_the_query() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3000, 10, 4)).astype(np.float32)
    features[:, :, 3] = np.sign(features[:, :1, 3])
    chances = 3 * features[:, :, 0] * features[:, :, 3] + rng.gumbel(size=(3000, 10))
    mass = (chances == chances.max(axis=1, keepdims=True)).astype(np.float64)
    answered = Answered(features.reshape(-1, 4), np.zeros(30_000), np.arange(3000) * 10, mass.ravel())
    hits = {}
    for kind in RANKERS:
        scores = fit_ranker(kind, answered, FEATURES, Run()).correction(answered.features).reshape(3000, 10)
        hits[kind] = (scores.argmax(axis=1) == mass.argmax(axis=1)).mean()
    assert hits["linear"] < 0.2
    assert hits["boosted"] > 0.5


@pytest.mark.needs_extra("boost")
@pytest.mark.parametrize("text", ["", "tree\nversion=v4\n", "no trees at all"])
def test_damaged_trees_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        BoostedRanker.of_text(1.0, text)


def test_trees_without_lightgbm_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[boost\]"):
        fit_ranker("boosted", drawn([0.0] * 4, queries=2), FEATURES, Run())
    with pytest.raises(MissingExtraError, match=r"tastemaker\[boost\]"):
        BoostedRanker.of_text(1.0, "")
