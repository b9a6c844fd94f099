"""BPR against its gradient by differences, and the map from histories to people."""

from __future__ import annotations

import numpy as np
import pytest

from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.core.run import Run
from tastemaker.data import leave_one_out
from tastemaker.models import BPR
from tastemaker.models.bpr import _fold, _Table, _triples
from tastemaker.models.item_to_item import interaction_matrix
from tastemaker.testing import checkerboard, small_shop


def test_triples_hold_every_pair_once_and_an_item_that_was_not_touched() -> None:
    touched = interaction_matrix(small_shop())
    dense = touched.toarray()
    seen: set[tuple[int, int]] = set()
    for users, liked, other in _triples(touched, 50, np.random.default_rng(0)):
        assert len(users) <= 50
        assert dense[users, liked].all()
        assert not dense[users, other].any()
        pairs = list(zip(users.tolist(), liked.tolist(), strict=True))
        assert not seen & set(pairs)
        seen |= set(pairs)
    assert len(seen) > touched.nnz / 3  # where the draw was an item of theirs, the pair waits for the next round


def test_a_step_follows_the_summed_slope_less_the_ridge() -> None:
    start = np.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)
    table = _Table(start.copy(), {"learning_rate": 0.5, "regularisation": 0.1})
    table.ascend(np.asarray([2, 0, 2]), np.asarray([[1.0, 0.0], [2.0, -1.0], [3.0, 1.0]], dtype=np.float32))
    slopes = np.asarray([[2 - 0.1, -1 - 0.2], [0, 0], [4 - 2 * 0.5, 1 - 2 * 0.6]])
    # The first step of Adagrad is as long as the rate, whatever the slope.
    assert table.values == pytest.approx(start + 0.5 * np.sign(slopes), abs=1e-5)
    table.ascend(np.asarray([0]), np.asarray([[1.0, 0.0]], dtype=np.float32))
    before = start[0] + 0.5 * np.sign(slopes[0])
    second = np.asarray([1.0, 0.0]) - 0.1 * before
    expected = before + 0.5 * second / np.sqrt(slopes[0] ** 2 + second**2)
    assert table.values[0] == pytest.approx(expected, abs=1e-5)


def test_the_map_from_histories_is_a_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    averages = rng.standard_normal((500, 4)).astype(np.float32)
    turn, shift = rng.standard_normal((4, 4)), rng.standard_normal(4)
    fold = _fold(averages, (averages @ turn + shift).astype(np.float32))
    assert fold[:-1] == pytest.approx(turn, abs=0.01)
    assert fold[-1] == pytest.approx(shift, abs=0.01)


def test_a_history_is_its_average_through_the_map() -> None:
    shop = small_shop()
    model = BPR(dimensions=8, epochs=3, age_decay="1/a").fit(shop)
    one, two, bad = model.item_factors_[shop.items.index(["i001", "i002", "i003"])]
    average = (one / 2 + two - bad) / 2.5
    query = QueryBatch.of([Query(history=as_events(["i001", "i002"]), disliked=("i003",))])
    assert model.user_vectors(query)[0] == pytest.approx(average @ model.fold_[:-1] + model.fold_[-1], abs=1e-5)


def test_training_puts_what_was_touched_first() -> None:
    shop = small_shop(users=80)
    seen = interaction_matrix(shop).toarray() > 0
    everybody = shop.histories(list(shop.sequences.user_ids))
    warm = seen.any(0)

    def share(epochs: int) -> float:
        scores = BPR(epochs=epochs, regularisation=0.001, age_decay="uniform").fit(shop).score(everybody)
        wins = [(row[own, None] > row[~own & warm]).mean() for row, own in zip(scores, seen, strict=True)]
        return float(np.mean(wins))

    assert share(30) > share(1)
    assert share(30) > 0.75


def test_the_seed_of_the_run_decides() -> None:
    board = checkerboard()
    first, same, other = (BPR(epochs=2).fit(board, run=Run(seed=seed)).item_factors_ for seed in (0, 0, 1))
    assert (first == same).all()
    assert (first != other).any()


def test_a_score_is_the_sum_over_the_history_and_what_anybody_gets() -> None:
    model = BPR(epochs=3).fit(small_shop())
    query = Query(history=as_events(["i001", "i004"]), disliked=("i007",))
    found = model.explain(query, "i010")
    assert set(found.by_item()) == {"i001", "i004", "i007"}
    assert found.score == pytest.approx(float(model.score_candidates(QueryBatch.of([query]), ["i010"])[0, 0]), abs=1e-5)


def test_only_how_a_history_is_read_is_tried_without_a_new_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    split = leave_one_out(small_shop(users=60))
    fits = []
    plain = BPR._factorise

    def counted(self, train, settings, run):  # type: ignore[no-untyped-def]
        fits.append(settings)
        plain(self, train, settings, run)

    monkeypatch.setattr(BPR, "_factorise", counted)
    model = BPR(epochs=2, regularisation=0.01).fit(split.train, split.valid)
    assert model.settings_tried_ == len(BPR.grid["age_decay"])
    assert len(fits) == 2
