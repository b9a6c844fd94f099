"""What TF-IDF with SVD, the whitening and the controls compute, against formulas and independent code."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tastemaker.core.errors import NotFittedError
from tastemaker.language.encoders import fit_encoder, make_encoder
from tastemaker.language.encoders import tfidf_svd as module
from tastemaker.language.encoders.controls import RandomVectors, Shuffled
from tastemaker.language.encoders.tfidf_svd import TfidfSvd
from tastemaker.language.encoders.whitened import Whitened, covariance_of
from tastemaker.language.tfidf import Tfidf, words

WORDS = ["sea", "garden", "song", "novel", "quiet", "loud", "train", "night", "city", "river", "winter", "letter"]


def corpus(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(2, 8))) + f" {number}" for number in range(n)]


# -- TF-IDF and SVD -------------------------------------------------------------------------------------------------


def test_all_directions_give_the_cosines_of_tfidf() -> None:
    texts = corpus(60)
    found = TfidfSvd(dim=1000).fit(texts).encode(texts)
    whole = Tfidf.of([words(text) for text in texts]).vectors([words(text) for text in texts]).toarray()
    np.testing.assert_allclose(found @ found.T, whole @ whole.T, atol=1e-5)


def test_few_directions_are_the_best_ones_of_that_number() -> None:
    texts = corpus(60)
    whole = Tfidf.of([words(text) for text in texts]).vectors([words(text) for text in texts]).toarray()
    encoder = TfidfSvd(dim=4).fit(texts)
    left = whole - whole @ encoder.components_ @ encoder.components_.T
    values = np.linalg.svd(whole, compute_uv=False)
    assert np.linalg.norm(left) ** 2 == pytest.approx(np.sum(values[4:] ** 2), rel=1e-4)


def test_large_matrices_give_the_same_directions_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = corpus(80)
    small = TfidfSvd(dim=5).fit(texts)
    monkeypatch.setattr(module, "_DENSE", 0)
    large = TfidfSvd(dim=5).fit(texts)
    np.testing.assert_allclose(small.components_, large.components_, atol=1e-5)
    assert np.array_equal(large.components_, TfidfSvd(dim=5).fit(texts).components_)


def test_signs_do_not_depend_on_chance() -> None:
    components = TfidfSvd(dim=6).fit(corpus(50)).components_
    assert (components[np.abs(components).argmax(axis=0), np.arange(6)] > 0).all()


def test_repeated_texts_count_once() -> None:
    texts = corpus(30)
    assert TfidfSvd().fit(texts).fingerprint == TfidfSvd().fit([*texts, *texts[:10]]).fingerprint


@pytest.mark.parametrize("texts", [[], [""], ["one two three"], ["same words", "same words"], ["a", "b"]])
def test_too_little_to_learn_from_gives_zeros(texts: list[str]) -> None:
    encoder = TfidfSvd().fit(texts)
    assert encoder.encode(["same words", "unknown"]).shape == (2, encoder.dim)
    assert not encoder.encode(["unknown"]).any()


# -- whitening ------------------------------------------------------------------------------------------------------


def test_whitened_vectors_have_the_identity_as_their_covariance() -> None:
    texts = corpus(400)
    encoder = Whitened({"name": "random", "dim": 12}, shrinkage=0.0).fit(texts)
    raw = RandomVectors(dim=12).encode(texts)
    before_scaling = (raw - encoder.mean_) @ encoder.matrix_
    np.testing.assert_allclose(before_scaling.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(before_scaling.T @ before_scaling / len(texts), np.eye(12), atol=1e-2)
    found = encoder.encode(texts)
    np.testing.assert_allclose(found, before_scaling / np.linalg.norm(before_scaling, axis=1, keepdims=True), atol=1e-5)


def test_fewer_directions_are_the_first_ones() -> None:
    texts = corpus(200)
    whole = Whitened("tfidf-svd", shrinkage=0.1).fit(texts)
    part = Whitened("tfidf-svd", dim=3, shrinkage=0.1).fit(texts)
    np.testing.assert_array_equal(part.matrix_, whole.matrix_[:, :3])
    assert part.dim == 3
    spread = np.linalg.norm(whole.matrix_, axis=0)
    assert (np.diff(spread) >= -1e-4 * spread[1:]).all()  # a weight is 1 / sqrt(variance), so variances fall


def test_full_shrinkage_leaves_all_directions_as_they_are() -> None:
    texts = corpus(100)
    encoder = Whitened({"name": "random", "dim": 8}, shrinkage=1.0).fit(texts)
    centred = RandomVectors(dim=8).encode(texts) - encoder.mean_
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found = encoder.encode(texts)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-5)


def test_shrinkage_of_ledoit_and_wolf_is_their_formula() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((40, 6)) * [1, 2, 3, 1, 1, 5]
    x -= x.mean(axis=0)
    s = sum(np.outer(row, row) for row in x) / 40
    m = np.trace(s) / 6
    d2 = ((s - m * np.eye(6)) ** 2).sum() / 6
    b2 = min(sum(((np.outer(row, row) - s) ** 2).sum() / 6 for row in x) / 40**2, d2)
    covariance, share = covariance_of(x)
    np.testing.assert_allclose(covariance, s)
    assert share == pytest.approx(b2 / d2)


def test_zero_vectors_say_nothing_and_stay_zero() -> None:
    texts = corpus(50)
    without, with_empty = (Whitened("random").fit(known) for known in (texts, [*texts, ""]))
    np.testing.assert_array_equal(without.mean_, with_empty.mean_)
    np.testing.assert_array_equal(without.matrix_, with_empty.matrix_)
    assert not with_empty.encode([""]).any()
    assert not Whitened("tfidf-svd").fit(texts).encode(["", "unheardof"]).any()


@pytest.mark.parametrize("texts", [[], [""], ["sea"]])
def test_whitening_of_almost_nothing_gives_finite_numbers(texts: list[str]) -> None:
    found = Whitened({"name": "random", "dim": 5}).fit(texts).encode(["sea", "garden", ""])
    assert found.shape == (3, 5)
    assert np.isfinite(found).all()


# -- controls -------------------------------------------------------------------------------------------------------


def test_random_vectors_are_gaussian_directions() -> None:
    found = RandomVectors(dim=101).encode(corpus(500)).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    # A coordinate of a random direction has variance 1 / d; scaled, it is nearly a standard normal deviate.
    assert stats.kstest((found * np.sqrt(101)).ravel()[::7], "norm").pvalue > 0.001
    cosines = (found @ found.T)[np.triu_indices(500, 1)]
    assert abs(cosines.mean()) < 0.002
    assert cosines.std() == pytest.approx(1 / np.sqrt(101), rel=0.02)


def test_random_vectors_know_nothing_of_words_but_know_the_text() -> None:
    encoder = RandomVectors()
    one, again, nearly = encoder.encode(["the sea", "the sea", "the sea!"])
    assert np.array_equal(one, again)
    assert abs(one @ nearly) < 0.3
    assert not np.allclose(one, RandomVectors(seed=1).encode(["the sea"])[0])
    assert not encoder.encode([""]).any()


def test_shuffled_gives_each_vector_to_exactly_one_other_text() -> None:
    texts = [*corpus(50), "", *corpus(10)]
    inner = fit_encoder(make_encoder("tfidf-svd"), texts)
    shuffled = Shuffled("tfidf-svd").fit(texts)
    different = list(dict.fromkeys(text for text in texts if text))
    given = [shuffled.instead_of(text) for text in different]
    assert sorted(given) == sorted(different)
    assert all(one != other for one, other in zip(given, different, strict=True))
    np.testing.assert_allclose(shuffled.encode(different), inner.encode(given), atol=1e-6)
    assert np.array_equal(shuffled.encode([""]), inner.encode([""]))


def test_shuffled_maps_what_it_has_not_seen_to_what_it_has() -> None:
    texts = corpus(20)
    shuffled = Shuffled("random").fit(texts)
    new = [f"new {number}" for number in range(200)]
    drawn = [shuffled.instead_of(text) for text in new]
    assert set(drawn) == set(texts)
    assert drawn == [shuffled.instead_of(text) for text in new]
    assert Shuffled("random", seed=1).fit(texts).instead_of("new 1") != drawn[1] or len(set(drawn)) > 1


def test_another_seed_is_another_exchange() -> None:
    texts = corpus(50)
    one, other = Shuffled("random").fit(texts), Shuffled("random", seed=1).fit(texts)
    assert one.fingerprint != other.fingerprint
    assert sum(one.instead_of(text) == other.instead_of(text) for text in texts) < 10


@pytest.mark.parametrize("texts", [[], [""], ["sea"], ["sea", "sea"]])
def test_with_fewer_than_two_texts_there_is_nothing_to_exchange(texts: list[str]) -> None:
    shuffled = Shuffled("random").fit(texts)
    np.testing.assert_array_equal(shuffled.encode(["sea", "x"]), RandomVectors().encode(["sea", "x"]))


@pytest.mark.parametrize("spec", ["tfidf-svd", "shuffled:random", "whitened:random"])
def test_nothing_learnt_is_an_error_that_says_what_to_do(spec: str) -> None:
    with pytest.raises(NotFittedError, match="Call fit"):
        make_encoder(spec).encode(["sea"])
