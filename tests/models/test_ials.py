"""iALS against its loss worked out by dense solves, in both conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.models import IALS
from tastemaker.models.linear_solvers import Rows, energies, improve_rows, principal_axes, products, solve_rows
from tastemaker.testing import checkerboard, small_shop

USERS, ITEMS, D = 14, 9, 6
"""With fewer dimensions some seeds end in local minima, by dense solves too."""
CONVENTIONS: list[dict[str, Any]] = [
    {"convention": "hu", "alpha": 4.0, "regularisation": 0.5, "frequency_power": 0.0},
    {"convention": "hu", "alpha": 2.0, "regularisation": 0.05, "frequency_power": 1.0},
    {"convention": "rendle", "unobserved_weight": 0.2, "regularisation": 0.05, "frequency_power": 1.0},
    {"convention": "rendle", "unobserved_weight": 0.1, "regularisation": 0.1, "frequency_power": 0.5},
]
BY_NAME = pytest.mark.parametrize("chosen", CONVENTIONS, ids=lambda c: f"{c['convention']}-{c['frequency_power']}")


def toy() -> tuple[Dataset, NDArray[np.float64]]:
    """Return some events with repeats and a dislike, and the sum of weights of each pair, ``[u, n]``."""
    rng = np.random.default_rng(5)
    amounts = np.where(rng.random((USERS, ITEMS)) < 0.4, rng.integers(1, 4, (USERS, ITEMS)), 0).astype(float)
    amounts[:, 0] = np.maximum(amounts[:, 0], 1)
    amounts[0] = np.maximum(amounts[0], 1)
    amounts[3, 2] = -1
    rows = [(f"u{u:02}", f"i{i}", amounts[u, i]) for u, i in zip(*np.nonzero(amounts), strict=True)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "weight"], orient="row")
    data = Dataset.of(Interactions.from_frame(frame))
    return data, amounts[:, [int(raw[1:]) for raw in data.items.ids]]


class Oracle:
    """The loss of the docstring, term by term, and its minimum by dense solves."""

    def __init__(self, amounts: NDArray[np.float64], chosen: dict[str, Any]) -> None:
        wish = (amounts > 0).astype(float)
        seen = (amounts != 0).astype(float)
        hu = chosen["convention"] == "hu"
        self.unobserved = 1.0 if hu else chosen["unobserved_weight"]
        if hu:  # sum c (p - s)^2
            self.square, self.cross = 1 + chosen["alpha"] * abs(amounts), (1 + chosen["alpha"] * abs(amounts)) * wish
        else:  # sum |r| (p - s)^2 over what was seen, plus unobserved_weight s^2 everywhere
            self.square, self.cross = abs(amounts) + self.unobserved, abs(amounts) * wish
        power, scale = chosen["frequency_power"], chosen["regularisation"]
        self.user_ridge = scale * (seen.sum(1) + self.unobserved * amounts.shape[1]) ** power
        self.item_ridge = scale * (seen.sum(0) + self.unobserved * amounts.shape[0]) ** power

    def loss(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        s = x @ y.T
        fit = (self.square * s**2 - 2 * self.cross * s + self.cross).sum()
        return float(fit + self.user_ridge @ (x**2).sum(1) + self.item_ridge @ (y**2).sum(1))

    def people(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._solve(self.square, self.cross, self.user_ridge, y)

    def _solve(self, square: Any, cross: Any, ridge: Any, other: Any) -> NDArray[np.float64]:
        eye = np.eye(other.shape[1])
        systems = [(other.T * weights) @ other + own * eye for weights, own in zip(square, ridge, strict=True)]
        return np.stack([np.linalg.solve(a, other.T @ b) for a, b in zip(systems, cross, strict=True)])

    def minimum(self, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        y = np.random.default_rng(seed).standard_normal((self.square.shape[1], D))
        for _ in range(300):
            x = self.people(y)
            y = self._solve(self.square.T, self.cross.T, self.item_ridge, x)
        return self.people(y), y


@BY_NAME
def test_reaches_the_optimum_that_no_seed_decides(chosen: dict[str, Any]) -> None:
    data, amounts = toy()
    oracle = Oracle(amounts, chosen)
    best, again = oracle.minimum(1), oracle.minimum(2)
    assert oracle.loss(*best) == pytest.approx(oracle.loss(*again), rel=1e-9)
    everybody = data.histories([f"u{u:02}" for u in range(USERS)])
    for seed in (0, 1):
        model = IALS(dimensions=D, sweeps=200, age_decay="uniform", **chosen).fit(data, run=Run(seed=seed))
        x, y = model.user_vectors(everybody).astype(float), model.item_factors_.astype(float)
        assert oracle.loss(x, y) == pytest.approx(oracle.loss(*best), rel=1e-4)
        assert model.score(everybody) == pytest.approx(best[0] @ best[1].T, abs=5e-3)


@BY_NAME
def test_each_sweep_lowers_the_loss(chosen: dict[str, Any]) -> None:
    data, amounts = toy()
    oracle, losses = Oracle(amounts, chosen), []
    for sweeps in (1, 2, 4, 8):
        model = IALS(dimensions=D, sweeps=sweeps, age_decay="uniform", **chosen).fit(data)
        y = model.item_factors_.astype(float)
        losses.append(oracle.loss(oracle.people(y), y))
    assert losses == sorted(losses, reverse=True)


@BY_NAME
def test_a_history_is_folded_in_by_the_same_loss(chosen: dict[str, Any]) -> None:
    data, amounts = toy()
    model = IALS(dimensions=D, sweeps=5, age_decay="uniform", **chosen).fit(data)
    expected = Oracle(amounts, chosen).people(model.item_factors_.astype(float))
    assert model.user_vectors(data.histories([f"u{u:02}" for u in range(USERS)])) == pytest.approx(expected, abs=1e-4)


def test_threads_decide_nothing_but_the_time() -> None:
    shop = small_shop(users=300)
    one, three = (IALS(sweeps=2).fit(shop, run=Run(threads=threads)).item_factors_ for threads in (1, 3))
    assert one == pytest.approx(three, abs=1e-5)


def test_hu_with_alpha_is_implicit_with_one_more() -> None:
    # The other way to write it: A = Y'Y + sum (c - 1) y y' + lambda I and b = sum c y, with c = alpha_implicit.
    data, amounts = toy()
    chosen = CONVENTIONS[0]
    model = IALS(dimensions=D, sweeps=3, age_decay="uniform", **chosen).fit(data)
    y = model.item_factors_.astype(float)
    liked = np.flatnonzero(amounts[5] == 1)
    query = Query(history=as_events(data.items.ids[liked]))
    theirs = 1 + chosen["alpha"]
    system = y.T @ y + 0.5 * np.eye(D) + (theirs - 1) * y[liked].T @ y[liked]
    expected = np.linalg.solve(system, theirs * y[liked].sum(0))
    assert model.user_vectors(QueryBatch.of([query]))[0] == pytest.approx(expected, abs=1e-4)


@BY_NAME
def test_a_score_is_the_sum_over_the_history(chosen: dict[str, Any]) -> None:
    data, _ = toy()
    model = IALS(dimensions=D, sweeps=5, age_decay="1/a", **chosen).fit(data)
    query = Query(history=as_events(["i1", "i4", "i5"]), disliked=("i7",))
    found = model.explain(query, "i3")
    score = model.score_candidates(QueryBatch.of([query]), ["i3"])[0, 0]
    assert sum(part.amount for part in found.parts) == pytest.approx(score, abs=1e-5)
    assert set(found.by_item()) == {"i1", "i4", "i5", "i7"}
    assert found.by_item()["i7"] == 0


def test_a_dislike_counts_against_what_is_like_it() -> None:
    data = checkerboard()
    model = IALS(dimensions=4).fit(data)
    queries = [Query(history=as_events(["i0", "i1"])), Query(history=as_events(["i0", "i1"]), disliked=("i3", "i5"))]
    even, odd = model.score_candidates(QueryBatch.of(queries), ["i8", "i9"]).T
    assert even[1] - odd[1] > even[0] - odd[0]


def test_older_events_say_less_where_they_age() -> None:
    model = IALS(dimensions=4, age_decay="0.6^(a-1)").fit(checkerboard())
    answer = model.recommend(history=["i0", "i2", "i1", "i3"], k=4).items()
    assert [int(item[1:]) % 2 for item in answer] == [1, 1, 1, 1]


@pytest.mark.parametrize("history", [[], ["nowhere"]])
def test_an_empty_history_gets_popular_items(history: list[str]) -> None:
    shop = small_shop()
    answer = IALS().fit(shop).recommend(history=history, k=3)
    assert answer.items()[0] == shop.items.ids[np.argmax(np.bincount(shop.sequences.codes))]
    assert "popular items" in answer.degraded[-1]


def test_items_without_events_get_no_vector() -> None:
    model = IALS().fit(small_shop())
    cold = model.popularity_ == 0
    assert cold.sum() == 3
    assert not model.item_factors_[cold].any()


@pytest.mark.parametrize("chosen", [{"regularisation": 0.0}, {"dimensions": 40}, {"convention": "hu", "alpha": 1e4}])
def test_systems_without_full_rank_give_numbers(chosen: dict[str, Any]) -> None:
    data = Dataset.of(Interactions.from_frame(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "a"]})))
    model = IALS(**chosen).fit(data)
    assert np.isfinite(model.score(data.histories(["u", "v", "nobody"]))).all()


def test_an_unknown_convention_offers_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'rendle'"):
        IALS(convention="rendel").fit(small_shop())


def systems(rng: np.random.Generator, lengths: list[int], items: int) -> Rows:
    indptr = np.append(0, np.cumsum(lengths))
    indices = np.concatenate([rng.permutation(items)[:length] for length in lengths])
    curvature, pull = rng.random((2, len(indices)), dtype=np.float32)
    return Rows(indptr, indices, curvature, pull, rng.random(len(lengths), dtype=np.float32) + 0.1)


@pytest.mark.parametrize("dimensions", [5, 48])
def test_rows_of_any_length_are_solved(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((700, dimensions), dtype=np.float32)
    y = y @ principal_axes(y)
    rows = systems(rng, [0, 1, 2, 7, 30, 3, 0, 600, 650, 1], len(y))
    gram = (y.T @ y).astype(float)
    assert gram == pytest.approx(np.diag(np.diag(gram)), abs=1e-2)
    expected = np.zeros((10, dimensions))
    for row in range(10):
        cut = slice(rows.indptr[row], rows.indptr[row + 1])
        own = y[rows.indices[cut]].astype(float)
        system = gram + rows.ridge[row] * np.eye(dimensions) + (own.T * rows.curvature[cut]) @ own
        expected[row] = np.linalg.solve(system, own.T @ rows.pull[cut])
    assert solve_rows(rows, y, energies(y)) == pytest.approx(expected, abs=1e-6)
    start = np.zeros((10, dimensions), dtype=np.float32)
    assert improve_rows(rows, y, energies(y), start, steps=12) == pytest.approx(expected, abs=1e-5)
    near = improve_rows(rows, y, energies(y), start, steps=3)
    assert np.abs(near - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize(("items", "dimensions"), [(1, 3), (128, 64), (300, 64), (5, 9000)])
@pytest.mark.parametrize("queries", [0, 1, 2])
def test_products_are_those_of_the_matrices(queries: int, items: int, dimensions: int) -> None:
    rng = np.random.default_rng(0)
    vectors, factors = rng.standard_normal((queries, dimensions)), rng.standard_normal((items, dimensions), np.float32)
    found = products(vectors, factors)
    assert found == pytest.approx(vectors @ factors.T, abs=1e-3)
    assert found.shape == (queries, items)
    assert found.dtype == np.float32
