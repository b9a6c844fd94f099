"""User neighbours: a history is compared with the rows of known people, whoever asks."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Query, as_events
from tastemaker.data import Dataset
from tastemaker.models import UserKNN
from tastemaker.models.history import AGE_DECAYS
from tastemaker.models.item_to_item import PRIOR_SCALE
from tastemaker.models.similarity import SIMILARITIES, WEIGHTINGS
from tastemaker.testing import small_shop

PEOPLE = {"u": ["a", "b", "c"], "v": ["d", "a"], "w": ["e", "f"]}
CLASSICAL = {"similarity": "cosine", "weighting": "none", "alpha": 0.5, "shrinkage": 0.0, "age_decay": "uniform"}


def log_of(histories: dict[str, list[str]]) -> Dataset:
    rows = [(user, item, place) for user, items in histories.items() for place, item in enumerate(items)]
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


def asked(*items: str, disliked: tuple[str, ...] = ()) -> Query:
    return Query(history=as_events(items), disliked=disliked)


def test_neighbours_vote_with_the_cosine() -> None:
    model = UserKNN(**CLASSICAL, neighbours=9).fit(log_of(PEOPLE))  # type: ignore[arg-type]
    assert model.explain(asked("a", "b"), "c").score == pytest.approx(2 / math.sqrt(2 * 3), abs=1e-6)
    assert model.explain(asked("a", "b"), "d").score == pytest.approx(1 / math.sqrt(2 * 2), abs=1e-6)
    assert model.explain(asked("a", "b"), "e").score < 2 * PRIOR_SCALE


def test_only_the_nearest_vote() -> None:
    model = UserKNN(**CLASSICAL, neighbours=1).fit(log_of(PEOPLE))  # type: ignore[arg-type]
    assert model.explain(asked("a", "b"), "c").score > 0.5
    assert model.explain(asked("a", "b"), "d").score < 2 * PRIOR_SCALE


def test_a_vote_is_a_sum_over_the_events_that_are_shared() -> None:
    model = UserKNN(**{**CLASSICAL, "age_decay": "1/a"}, neighbours=9).fit(log_of(PEOPLE))  # type: ignore[arg-type]
    scale = math.sqrt(1.25) * math.sqrt(3)  # the history is (1/2, 1)
    found = model.explain(asked("a", "b"), "c")
    assert found.additive
    assert found.by_item() == pytest.approx({"b": 1 / scale, "a": 0.5 / scale})


def test_a_person_and_a_stranger_with_the_same_history_are_one() -> None:
    shop = small_shop()
    model = UserKNN().fit(shop)
    person = shop.sequences.user_ids[3]
    known = model.recommend(shop.histories([person]), k=5)
    assert known.items() == model.recommend(history=shop.history(person), k=5).items()


def test_a_dislike_counts_against_those_who_liked_it() -> None:
    model = UserKNN(**CLASSICAL, neighbours=9).fit(log_of(PEOPLE))  # type: ignore[arg-type]
    liked, mixed = asked("a", "b"), asked("b", disliked=("a",))
    assert model.explain(mixed, "c").score < model.explain(liked, "c").score
    assert model.explain(asked("a", disliked=("d",)), "d").score < 2 * PRIOR_SCALE


@pytest.mark.parametrize(("kind", "weighting"), list(product(SIMILARITIES, WEIGHTINGS)))
@pytest.mark.parametrize(("alpha", "shrinkage"), [(0.5, 0.0), (0.3, 2.0)])
def test_scores_are_those_of_dense_rows(kind: str, weighting: str, alpha: float, shrinkage: float) -> None:
    shop, neighbours = small_shop(), 7
    model = UserKNN(
        similarity=kind, weighting=weighting, alpha=alpha, shrinkage=shrinkage, neighbours=neighbours, age_decay="1/a"
    ).fit(shop)
    sequences = shop.sequences
    touched = np.zeros((len(sequences.user_ids), len(shop.items)))
    touched[sequences.user_of_event(), sequences.codes] = 1
    people = len(touched)
    idf = np.log((1 + people) / (1 + touched.sum(axis=0))) if weighting != "none" else np.ones(len(shop.items))
    rows = touched * idf
    if weighting == "bm25":
        relative = touched.sum(axis=1) / touched.sum(axis=1).mean()
        rows *= (2.2 / (1.2 * (0.25 + 0.75 * relative) + 1))[:, None]
    history = [*shop.history(sequences.user_ids[0])[:4], *shop.history(sequences.user_ids[1])[4:7]]
    history = list(dict.fromkeys(history))
    vector = np.zeros(len(shop.items))
    vector[shop.items.index(history)] = AGE_DECAYS["1/a"](np.arange(len(history), 0, -1.0))
    vector *= idf
    dots = rows @ vector
    norms, own = (rows**2).sum(axis=1), (vector**2).sum()
    scales = {
        "cosine": own**alpha * norms ** (1 - alpha) + shrinkage,
        "jaccard": own + norms - dots + shrinkage,
        "dot": np.full(people, 1 + shrinkage),
    }
    near = dots / scales[kind]
    chosen = np.argsort(-near, kind="stable")[:neighbours]
    expected = near[chosen] @ touched[chosen]
    for item in range(0, len(shop.items), 3):
        parts = model.explain(asked(*history), shop.items.ids[item])
        assert parts.score == pytest.approx(expected[item], abs=1e-4)
        assert sum(part.amount for part in parts.parts) == pytest.approx(parts.score)


def test_new_people_vote_as_if_they_had_been_there() -> None:
    first, later = {"u": PEOPLE["u"]}, {"v": PEOPLE["v"], "w": PEOPLE["w"]}
    settings = {**CLASSICAL, "weighting": "tf-idf", "neighbours": 9}
    grown = UserKNN(**settings).fit(log_of(first)).extend(interactions=log_of(later))  # type: ignore[arg-type]
    fresh = UserKNN(**settings).fit(log_of(PEOPLE))  # type: ignore[arg-type]
    for item in "bcd":
        first_score, second = (model.explain(asked("a", "d"), item).score for model in (grown, fresh))
        assert first_score == pytest.approx(second, abs=1e-6)


def test_new_items_have_no_votes() -> None:
    model = UserKNN().fit(log_of(PEOPLE))
    model.extend(items=log_of({"x": ["new"]}).catalogue)
    assert model.explain(asked("a", "b"), "new").score == 0
    assert model.explain(asked("new", "a", "b"), "c").score > 0
