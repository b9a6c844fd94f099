"""LightGCN: its gradients, where what it learnt puts people and items, and who joins the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, leave_one_out
from tastemaker.models import LightGCN, load_model
from tastemaker.models.item_to_item import interaction_matrix
from tastemaker.models.lightgcn_training import Training, bpr
from tastemaker.models.refit import unfitted_copy
from tastemaker.testing import checkerboard, small_shop

CHOSEN = {
    "dimensions": 3,
    "layers": 2,
    "loss": "bpr",
    "temperature": 0.2,
    "negatives": 4,
    "batch_size": 8,
    "learning_rate": 0.01,
    "regularisation": 0.3,
}
WHO, WHAT, OTHERS = (np.asarray(each) for each in ([0, 1, 1, 5], [0, 2, 3, 2], [1, 4, 2, 4]))


def whole(touched: np.ndarray) -> np.ndarray:
    """D^-1/2 A D^-1/2 of the graph as one dense matrix, people before items."""
    u, n = touched.shape
    adjacency = np.zeros((u + n, u + n))
    adjacency[:u, u:] = touched > 0
    adjacency += adjacency.T
    root = 1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1))
    return np.asarray(root[:, None] * adjacency * root)


def mean_of_powers(dense: np.ndarray, layers: int) -> np.ndarray:
    powers = [np.linalg.matrix_power(dense, power) for power in range(layers + 1)]
    return np.asarray(sum(powers) / (layers + 1))


def example() -> np.ndarray:
    return (np.random.default_rng(0).random((6, 5)) < 0.5).astype(np.float32)


def in_doubles(work: Training) -> list[np.ndarray]:
    """Give a training that has not begun its two tables in float64."""
    work.people, work.items = work.people.astype(np.float64), work.items.astype(np.float64)
    return [work.people, work.items]


def fitted(**chosen: Any) -> LightGCN:
    return LightGCN(**{"dimensions": 8, "epochs": 3, "age_decay": "uniform", **chosen}).fit(small_shop())


def learnt(monkeypatch: pytest.MonkeyPatch, **chosen: Any) -> tuple[LightGCN, np.ndarray, np.ndarray]:
    """Return a fitted model, and what it learnt before the first layer: of people, and of items."""
    seen: list[Training] = []
    begin = Training.__init__

    def kept(self: Training, *given: Any) -> None:
        begin(self, *given)
        seen.append(self)

    monkeypatch.setattr(Training, "__init__", kept)
    model = fitted(**chosen)
    return model, seen[-1].people, seen[-1].items


def test_the_loss_is_that_of_the_dense_formula() -> None:
    touched = example()
    work = Training(sparse.csr_array(touched), CHOSEN, np.random.default_rng(1))
    first = np.concatenate(in_doubles(work))
    table = mean_of_powers(whole(touched), 2) @ first
    people, items = table[:6], table[6:]
    lead = (people[WHO] * (items[WHAT] - items[OTHERS])).sum(axis=1)
    rows = np.concatenate([first[WHO], first[6 + WHAT], first[6 + OTHERS]])
    expected = np.log1p(np.exp(-lead)).mean() + 0.3 / 2 * (rows**2).sum() / len(WHO)
    assert work.loss(WHO, WHAT, OTHERS)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_gradients_are_those_of_the_loss(loss: str) -> None:
    work = Training(sparse.csr_array(example()), {**CHOSEN, "loss": loss}, np.random.default_rng(1))
    tables = in_doubles(work)
    _, gradients = work.loss(WHO, WHAT, OTHERS)
    for part, slopes in zip(tables, gradients, strict=True):
        for place in np.ndindex(part.shape):
            kept, step = part[place], 1e-6
            part[place] = kept + step
            above = work.loss(WHO, WHAT, OTHERS)[0]
            part[place] = kept - step
            below = work.loss(WHO, WHAT, OTHERS)[0]
            part[place] = kept
            assert slopes[place] == pytest.approx((above - below) / (2 * step), abs=1e-6)


def test_a_lead_of_any_size_has_a_loss() -> None:
    asking, fitting = np.asarray([[2000.0], [-2000.0]]), np.ones((2, 1))
    loss, (of_asking, _, _) = bpr(asking, fitting, np.zeros((2, 1)))
    assert loss == pytest.approx(1000)
    assert of_asking == pytest.approx(np.asarray([[0.0], [-0.5]]))


def test_an_epoch_compares_every_pair_once_with_what_was_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    touched = interaction_matrix(small_shop())
    dense = touched.toarray()
    seen: list[tuple[int, int]] = []
    plain = Training.loss

    def noted(self: Training, who: np.ndarray, what: np.ndarray, others: np.ndarray) -> Any:
        assert len(who) <= 50
        assert dense[who, what].all()
        assert not dense[who, others].any()
        seen.extend(zip(who.tolist(), what.tolist(), strict=True))
        return plain(self, who, what, others)

    monkeypatch.setattr(Training, "loss", noted)
    Training(touched, {**CHOSEN, "batch_size": 50}, np.random.default_rng(0)).epoch()
    assert len(seen) == len(set(seen)) > touched.nnz / 3  # a draw that was touched waits for the next epoch


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_the_loss_falls(loss: str) -> None:
    touched = interaction_matrix(small_shop())
    chosen = {**CHOSEN, "dimensions": 16, "regularisation": 1e-4, "loss": loss}
    work = Training(touched, chosen, np.random.default_rng(0))
    losses = [work.epoch() for _ in range(6)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_items_and_people_are_the_mean_over_the_layers(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, people, items = learnt(monkeypatch, layers=layers)
    touched = interaction_matrix(small_shop()).toarray()
    table = mean_of_powers(whole(touched), layers) @ np.concatenate([people, items])
    warm = touched.any(axis=0)
    assert not warm.all()
    assert model.user_factors_ == pytest.approx(table[: len(people)], abs=1e-5)
    assert model.item_factors_[warm] == pytest.approx(table[len(people) :][warm], abs=1e-5)
    assert not model.item_factors_[~warm].any()


@pytest.mark.parametrize("layers", [1, 3])
def test_who_was_there_gets_their_vector_less_their_own_row(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, people, _ = learnt(monkeypatch, layers=layers)
    shop = small_shop()
    asked = model.user_vectors(shop.histories(list(shop.sequences.user_ids)))
    assert asked == pytest.approx(model.user_factors_ - people / (layers + 1), abs=1e-5)


def test_a_stranger_joins_the_graph_by_edges_to_their_history(monkeypatch: pytest.MonkeyPatch) -> None:
    model, people, items = learnt(monkeypatch, layers=2, age_decay="1/a")
    touched = interaction_matrix(small_shop()).toarray()
    dense, first = whole(touched), np.concatenate([people, items])
    degrees = touched.sum(axis=0)
    below = (first + dense @ first)[len(people) :]  # layers 0 and 1; the second is what reaches the newcomer
    one, two, bad = (int(each) for each in model.items_.index(["i001", "i002", "i003"]))
    edges = {one: 1 / 2, two: 1.0, bad: -1.0}
    expected = sum(weight * below[item] / np.sqrt(degrees[item]) for item, weight in edges.items())
    query = QueryBatch.of([Query(history=as_events(["i001", "i002"]), disliked=("i003",))])
    assert model.user_vectors(query)[0] == pytest.approx(expected / np.sqrt(2.5) / 3, abs=1e-5)


def test_a_repeated_item_has_one_edge() -> None:
    model = fitted()
    once, twice = (
        model.user_vectors(QueryBatch.of([Query(history=as_events(history))]))
        for history in (["i003", "i001"], ["i001", "i003", "i001"])
    )
    assert once == pytest.approx(twice, abs=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_strangers_are_told_what_is_missing_on_the_checkerboard(loss: str) -> None:
    board = checkerboard()
    model = LightGCN(loss=loss, dimensions=16).fit(board)
    for taste in (0, 1):
        history = [f"i{item}" for item in range(taste, 40, 2)]
        found = model.recommend(user="a stranger", history=history, k=5).items()
        assert sorted(found) == [f"i{item}" for item in range(40 + taste, 50, 2)]


@pytest.mark.parametrize("history", [[], ["nowhere"], ["i030"]])
def test_of_whom_nothing_is_known_gets_what_is_popular(history: list[str]) -> None:
    model = fitted()
    assert not model.popularity_[model.items_.index(["i030"])].any()
    best = model.recommend(history=history, k=3).items()
    assert model.popularity_[model.items_.index(best)].tolist() == sorted(model.popularity_)[::-1][:3]


def test_the_softmax_compares_cosines() -> None:
    model = fitted(loss="softmax")
    lengths = np.linalg.norm(model.item_factors_, axis=1)
    warm = model.popularity_ > 0
    assert lengths[warm] == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(model.user_factors_, axis=1) == pytest.approx(1, abs=1e-5)
    assert (lengths[~warm] == 0).all()


def test_the_parts_sum_to_the_score() -> None:
    model = fitted(age_decay="1/a")
    query = Query(history=as_events(["i001", "i004"]), disliked=("i007",))
    found = model.explain(query, "i010")
    assert set(found.by_item()) == {"i001", "i004", "i007"}
    assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
    assert found.score == pytest.approx(float(model.score_candidates(QueryBatch.of([query]), ["i010"])[0, 0]), abs=1e-6)


def test_a_saved_model_answers_without_its_people(tmp_path: Path) -> None:
    model = fitted()
    model.extend(items=Catalogue(pl.DataFrame([{"item_id": "new", "title": "A new one"}])))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, LightGCN)
    query = QueryBatch.of([Query(history=as_events(["i001", "i004"]))])
    assert (again.score(query) == model.score(query)).all()
    assert not any(hasattr(again, name) for name in ("people_", "user_factors_"))
    with pytest.raises(ModelError, match="not saved"):
        again.vectors_of(["u000"], ["i001"])


def test_both_tables_are_handed_out_by_raw_ids() -> None:
    model = fitted()
    people, items = ["u003", "a stranger", "u000"], ["i002", "nowhere", "i030"]
    found = model.vectors_of(people, items)
    assert found.shape == (6, 8)
    assert found.dtype == np.float32
    places = list(model.people_)
    assert (found[0] == model.user_factors_[places.index("u003")]).all()
    assert (found[2] == model.user_factors_[places.index("u000")]).all()
    assert (found[3] == model.item_factors_[model.items_.index(["i002"])[0]]).all()
    assert not found[[1, 4, 5]].any()
    assert model.vectors_of([], []).shape == (0, 8)


def test_it_stops_where_validation_is_best_and_a_copy_repeats_it() -> None:
    split = leave_one_out(small_shop(users=60))
    values: list[float] = []

    def watch(so_far: Any) -> None:
        values[:] = so_far

    model = LightGCN(dimensions=8, patience=2).fit(split.train, split.valid, run=Run(watch=watch))
    best = 1 + int(np.argmax(values))
    assert model.settings_["epochs"] == best == len(values) - 2
    assert model.settings_tried_ == len(values) + len(LightGCN.grid["age_decay"])
    copy = unfitted_copy(model)
    assert copy.is_settled()
    assert copy.settings() == model.settings_
    again = copy.fit(split.train)
    assert isinstance(again, LightGCN)
    assert again.item_factors_ == pytest.approx(model.item_factors_, abs=1e-6)


def test_no_epoch_is_begun_when_the_time_is_over() -> None:
    model = LightGCN(dimensions=8, age_decay="uniform").fit(small_shop(), run=Run(minutes=1e-9))
    assert model.settings_["epochs"] == 1


def test_the_seed_of_the_run_decides() -> None:
    board = checkerboard()
    first, same, other = (LightGCN(epochs=2).fit(board, run=Run(seed=seed)).item_factors_ for seed in (0, 0, 1))
    assert (first == same).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [({"loss": "bpq"}, r"no loss 'bpq'\. Did you mean 'bpr'"), ({"layers": 0}, "0 layers, but 1 is the least")],
)
def test_what_cannot_be_is_told(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        fitted(**chosen)
