"""Item neighbours under every similarity and weighting, against dense arithmetic."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, as_events
from tastemaker.data import Dataset
from tastemaker.models import ItemKNN
from tastemaker.models.similarity import SIMILARITIES, WEIGHTINGS
from tastemaker.testing import small_shop

SMALL = {"u": ["a", "b"], "v": ["a", "b", "c"], "w": ["a"]}


def log_of(histories: dict[str, list[str]]) -> Dataset:
    rows = [(user, item, place) for user, items in histories.items() for place, item in enumerate(items)]
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


def weight(model: ItemKNN, first: str, second: str) -> float:
    a, b = model.items_.index([first, second])
    return float(model.weights_.toarray()[a, b])


def test_jaccard_is_the_share_of_common_people() -> None:
    model = ItemKNN(similarity="jaccard", shrinkage=0.0).fit(log_of(SMALL))
    assert weight(model, "a", "b") == pytest.approx(2 / 3)
    assert weight(model, "a", "c") == pytest.approx(1 / 3)
    assert weight(model, "b", "c") == pytest.approx(1 / 2)
    assert weight(ItemKNN(similarity="jaccard", shrinkage=1.0).fit(log_of(SMALL)), "a", "b") == pytest.approx(2 / 4)


def test_the_asymmetric_cosine_gives_the_item_of_the_history_its_share() -> None:
    model = ItemKNN(similarity="cosine", alpha=0.3, shrinkage=0.0).fit(log_of(SMALL))
    assert weight(model, "a", "b") == pytest.approx(2 / (3**0.3 * 2**0.7))
    assert weight(model, "b", "a") == pytest.approx(2 / (2**0.3 * 3**0.7))


def test_people_who_touch_everything_say_nothing_under_tf_idf() -> None:
    # Three items; u touched 2 of them, v all 3, w 1: idf = log 4/3, log 4/4 and log 4/2.
    model = ItemKNN(similarity="dot", weighting="tf-idf", shrinkage=0.0).fit(log_of(SMALL))
    assert weight(model, "a", "b") == pytest.approx(math.log(4 / 3) ** 2)
    assert weight(model, "a", "c") == 0
    cosine = ItemKNN(similarity="cosine", weighting="tf-idf", shrinkage=0.0).fit(log_of(SMALL))
    assert weight(cosine, "a", "b") == pytest.approx(math.log(4 / 3) / math.hypot(math.log(4 / 3), math.log(2)))


def dense_rows(touched: np.ndarray, weighting: str) -> np.ndarray:
    """Weigh ones, documents by terms, entry by entry."""
    found = np.zeros_like(touched)
    documents = int((touched.sum(axis=1) > 0).sum())
    mean = touched.sum() / documents
    for row, column in zip(*np.nonzero(touched), strict=True):
        idf = math.log((1 + documents) / (1 + touched[:, column].sum()))
        saturation = 2.2 / (1.2 * (0.25 + 0.75 * touched[row].sum() / mean) + 1)
        found[row, column] = {"none": 1.0, "tf-idf": idf, "bm25": idf * saturation}[weighting]
    return found


def dense_similarity(a: np.ndarray, b: np.ndarray, kind: str, alpha: float, shrinkage: float) -> float:
    both = float(a @ b)
    if kind == "jaccard":
        scale = float(a @ a + b @ b) - both + shrinkage
    elif kind == "cosine":
        scale = float(np.linalg.norm(a) ** (2 * alpha) * np.linalg.norm(b) ** (2 - 2 * alpha)) + shrinkage
    else:
        scale = 1 + shrinkage
    return both / scale if scale else 0.0


@pytest.mark.parametrize(("kind", "weighting"), list(product(SIMILARITIES, WEIGHTINGS)))
@pytest.mark.parametrize(("alpha", "shrinkage"), [(0.5, 0.0), (0.3, 5.0)])
def test_weights_are_the_similarities_of_dense_rows(kind: str, weighting: str, alpha: float, shrinkage: float) -> None:
    data = small_shop()
    model = ItemKNN(similarity=kind, weighting=weighting, alpha=alpha, shrinkage=shrinkage, neighbours=1000).fit(data)
    touched = np.zeros((len(data.items), len(data.sequences.user_ids)))
    touched[data.sequences.codes, data.sequences.user_of_event()] = 1
    rows = dense_rows(touched, weighting)
    expected = np.array([[dense_similarity(a, b, kind, alpha, shrinkage) for b in rows] for a in rows])
    np.fill_diagonal(expected, 0)
    assert model.weights_.toarray() == pytest.approx(expected, abs=1e-5)


def test_older_events_of_a_history_say_less() -> None:
    model = ItemKNN(similarity="jaccard", shrinkage=0.0, age_decay="1/a").fit(log_of(SMALL))
    found = model.explain(Query(history=as_events(["a", "b"])), "c").by_item()
    assert found == pytest.approx({"b": 1 / 2, "a": 1 / 3 / 2})


def test_items_that_nobody_touched_say_and_get_nothing() -> None:
    data = small_shop()
    weights = ItemKNN(weighting="bm25").fit(data).weights_.toarray()
    cold = np.setdiff1d(np.arange(len(data.items)), data.sequences.codes)
    assert len(cold) == 3
    assert not weights[cold].any()
    assert not weights[:, cold].any()


@pytest.mark.parametrize(("wrong", "said"), [({"similarity": "cosin"}, "cosine"), ({"weighting": "tfidf"}, "tf-idf")])
def test_a_wrong_name_offers_the_nearest(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=f"Did you mean '{said}'"):
        ItemKNN(**wrong).fit(small_shop())  # type: ignore[arg-type]
