"""SLIM against the conditions of its optimum, a closed form, and coordinate descent written out for one column."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.query import Query, as_events
from tastemaker.data import Dataset, leave_one_out
from tastemaker.data.interactions import Interactions
from tastemaker.models import EASE, SLIM
from tastemaker.models.linear_solvers import elastic_nets
from tastemaker.testing import small_shop

ALL = 10_000


def toy(users: int = 60, items: int = 12, seed: int = 0) -> tuple[Dataset, NDArray[np.float64]]:
    """Return a data set and its matrix of ones, float64 ``[u, n]``."""
    rng = np.random.default_rng(seed)
    matrix = (rng.random((users, items)) < 0.15 + 0.4 * (np.arange(users)[:, None] % 3 == np.arange(items) % 3)) * 1.0
    rows = [(f"u{u}", f"i{i}") for u, i in zip(*np.nonzero(matrix), strict=True)]
    data = Dataset.of(Interactions.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")))
    return data, matrix[:, [int(raw[1:]) for raw in data.items.ids]]


def fitted(data: Dataset, **chosen: Any) -> NDArray[np.float64]:
    settings: dict[str, Any] = {
        "l1": 1.0,
        "l2": 2.0,
        "top_neighbours": ALL,
        "non_negative": True,
        "age_decay": "uniform",
    } | chosen
    return np.asarray(SLIM(**settings).fit(data).weights_.toarray(), dtype=np.float64)


def one_column(matrix: NDArray[np.float64], item: int, l1: float, l2: float, non_negative: bool) -> NDArray[np.float64]:
    """Minimise ``|a - A w|^2 / 2 + l2 |w|^2 / 2 + l1 |w|_1`` by the residual, coordinate by coordinate."""
    w = np.zeros(matrix.shape[1])
    for _ in range(2000):
        for k in range(len(w)):
            if k == item:
                continue
            w[k] = 0
            wish = float(matrix[:, k] @ (matrix[:, item] - matrix @ w))
            size = max(abs(wish) - l1, 0) / float(matrix[:, k] @ matrix[:, k] + l2)
            w[k] = -size if wish < 0 else size
            if non_negative:
                w[k] = max(w[k], 0)
    return w


@pytest.mark.parametrize("non_negative", [True, False])
@pytest.mark.parametrize(("l1", "l2"), [(1.0, 2.0), (0.0, 5.0), (3.0, 0.5)])
def test_every_column_is_its_own_elastic_net(l1: float, l2: float, non_negative: bool) -> None:
    data, matrix = toy()
    found = fitted(data, l1=l1, l2=l2, non_negative=non_negative)
    for item in (0, 5, 11):
        assert found[:, item] == pytest.approx(one_column(matrix, item, l1, l2, non_negative), abs=1e-4)


@pytest.mark.parametrize("non_negative", [True, False])
def test_the_conditions_of_the_optimum_hold(non_negative: bool) -> None:
    # Karush, Kuhn, Tucker: the slope of the smooth part is -l1 sign(w) where w is not 0, and within l1 where it is.
    data, matrix = toy()
    l1, l2 = 1.0, 2.0
    w = fitted(data, l1=l1, l2=l2, non_negative=non_negative)
    slope = matrix.T @ (matrix @ w - matrix) + l2 * w
    np.fill_diagonal(slope, 0)
    assert not np.diag(w).any()
    assert np.abs(slope + l1 * np.sign(w))[w != 0].max() < 2e-3
    still = slope[w == 0]
    assert still.min() > -l1 - 2e-3
    if non_negative:
        assert w.min() >= 0
    else:
        assert still.max() < l1 + 2e-3
        assert w.min() < 0


def test_without_l1_and_sign_it_is_ease() -> None:
    data, _ = toy()
    ease = EASE(regularisation=5.0, age_decay="uniform").fit(data)
    assert fitted(data, l1=0.0, l2=5.0, non_negative=False) == pytest.approx(ease.weights_, abs=1e-4)


def test_a_larger_l1_leaves_fewer_weights() -> None:
    data, _ = toy()
    counts = [np.count_nonzero(fitted(data, l1=l1)) for l1 in (0.0, 1.0, 4.0, 1000.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_only_the_nearest_by_cosine_may_speak() -> None:
    data, matrix = toy()
    gram = matrix.T @ matrix
    cosine = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    np.fill_diagonal(cosine, -1)
    found = fitted(data, l1=0.1, top_neighbours=3)
    for item in range(matrix.shape[1]):
        speakers = np.flatnonzero(found[:, item])
        assert len(speakers) <= 3
        assert (cosine[speakers, item] >= np.sort(cosine[:, item])[-3] - 1e-9).all()


def test_few_neighbours_solve_the_smaller_problem() -> None:
    data, matrix = toy()
    found = fitted(data, l1=0.5, top_neighbours=4)
    near = np.flatnonzero(found[:, 2])
    smaller = np.zeros_like(matrix)
    smaller[:, [*near, 2]] = matrix[:, [*near, 2]]
    assert found[:, 2] == pytest.approx(one_column(smaller, 2, 0.5, 2.0, True), abs=1e-4)


def test_batches_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = toy()
    together = fitted(data)
    monkeypatch.setattr("tastemaker.models.slim._BATCH_BYTES", 1)
    assert fitted(data) == pytest.approx(together, abs=1e-4)


def test_items_that_nobody_touched_stay_out_of_it() -> None:
    shop = small_shop()
    for non_negative in (True, False):
        model = SLIM(non_negative=non_negative, top_neighbours=ALL, l1=0.0).fit(shop)
        cold = np.flatnonzero(model.popularity_ == 0)
        assert not model.weights_[cold].nnz
        assert not model.weights_[:, cold].nnz


def test_a_score_is_the_sum_of_what_the_history_says() -> None:
    data, _ = toy()
    model = SLIM(age_decay="uniform").fit(data)
    found = model.explain(Query(history=as_events(["i0", "i3"])), "i6")
    weights = model.weights_.toarray()
    zero, three, six = data.items.index(["i0", "i3", "i6"])
    assert found.by_item() == pytest.approx({"i0": weights[zero, six], "i3": weights[three, six]})


def test_penalties_are_chosen_on_validation() -> None:
    split = leave_one_out(small_shop(users=60))
    model = SLIM(age_decay="uniform").fit(split.train, split.valid)
    assert model.settings_tried_ == len(SLIM.grid["l1"]) * len(SLIM.grid["l2"])


def test_elastic_nets_leave_empty_coordinates_at_zero() -> None:
    grams = np.zeros((2, 3, 3), dtype=np.float32)
    grams[0] = np.eye(3)
    targets = np.asarray([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    assert elastic_nets(grams, targets, 0.5, 0.0, True).tolist() == [[0.5, 1.5, 0.0], [0.0, 0.0, 0.0]]
