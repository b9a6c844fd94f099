"""EASE in place: the inverse, the triangle that is mirrored, and items that nobody touched."""

from __future__ import annotations

import tracemalloc

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import ModelError
from tastemaker.data import Dataset, leave_one_out
from tastemaker.models import EASE, ease
from tastemaker.models.item_to_item import interaction_matrix
from tastemaker.testing import small_shop


def dense_oracle(data: Dataset, regularisation: float) -> NDArray[np.float64]:
    x: NDArray[np.float64] = interaction_matrix(data).toarray().astype(float)
    p = np.linalg.inv(x.T @ x + regularisation * np.eye(x.shape[1]))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b


@pytest.mark.parametrize("block", [1, 7, 512])
@pytest.mark.parametrize("regularisation", [1.0, 50.0])
def test_the_weights_are_those_of_the_dense_inverse(
    monkeypatch: pytest.MonkeyPatch, block: int, regularisation: float
) -> None:
    monkeypatch.setattr(ease, "_BLOCK", block)
    data = small_shop(users=80)
    model = EASE(regularisation=regularisation).fit(data)
    assert model.weights_ == pytest.approx(dense_oracle(data, regularisation), abs=1e-5)
    assert model.weights_.dtype == np.float32
    assert model.weights_.flags.c_contiguous


def test_untouched_items_anywhere_in_the_vocabulary_have_zeros() -> None:
    shop = small_shop(users=60)
    unseen = pl.DataFrame({"item_id": [f"unseen{number}" for number in range(25)]})
    data = Dataset.of(shop.interactions, unseen, seed=3)
    model = EASE(regularisation=5.0).fit(data)
    cold = model.popularity_ == 0
    assert not model.weights_[cold].any()
    assert not model.weights_[:, cold].any()
    assert model.weights_ == pytest.approx(dense_oracle(data, 5.0), abs=1e-5)


def test_where_nothing_is_liked_nothing_speaks_for_anything() -> None:
    dislikes = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "weight": [-1.0, -1.0, -1.0]})
    model = EASE().fit(Dataset.of(dislikes))
    assert model.weights_.shape == (2, 2)
    assert not model.weights_.any()


def test_a_fit_needs_one_matrix_and_a_choice_two() -> None:
    data = small_shop(users=300, items=1500, events=40)
    split = leave_one_out(data)
    matrix = 4 * len(data.items) ** 2
    for valid, matrices in ((None, 1), (split.valid, 2)):
        model = EASE(age_decay="uniform")
        tracemalloc.start()
        model.fit(split.train, valid)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The blocks that are moved: 512 of the 1500 rows, sparse at 12 bytes an entry or dense.
        assert peak < (matrices + 1.2) * matrix


def test_a_choice_equals_the_fits_it_is_made_from() -> None:
    split = leave_one_out(small_shop(users=60))
    sample = split.valid
    model = EASE()
    model.items_ = split.train.items
    settings = [{"regularisation": lam, "age_decay": "uniform"} for lam in (5.0, 50.0)]
    for chosen, score in model._candidates(split.train, sample, settings):
        alone = EASE(**chosen).fit(split.train)
        assert np.asarray(score(sample.queries)) == pytest.approx(alone.score(sample.queries), abs=1e-6)


def test_a_system_that_cannot_be_solved_is_an_error_of_ours() -> None:
    rows = [(f"u{u}", item) for u in range(3) for item in ("a", "b")]
    data = Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"))
    with pytest.raises(ModelError, match="cannot be solved"):
        EASE(regularisation=0.0).fit(data)
