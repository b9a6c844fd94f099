"""Ridge regression on features against its normal equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.models.rated import everybody, toy

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.data import Catalogue, Dataset, Users, split_events
from tastemaker.models import FeatureRidge, load_model

GENDERS, SHELVES = ("F", "M", "X"), ("garden", "music")


def described() -> tuple[Dataset, NDArray[np.float64]]:
    """Return the toy with a gender of each person and one or two shelves of each item."""
    data, given = toy()
    users = pl.DataFrame({"user_id": everybody(data), "gender": [GENDERS[u % 3] for u in range(len(given))]})
    shelves = [list(SHELVES) if number == 2 else [SHELVES[number % 2]] for number in range(given.shape[1])]
    items = pl.DataFrame({"item_id": list(data.items.ids), "categories": shelves})
    return Dataset.of(data.interactions, Catalogue(items), users=Users(users), seed=data.items.seed), given


def design(given: NDArray[np.float64], *, crosses: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ones for gender, shelf and their pairs, one row a rating, and what is left of the ratings."""
    rows = []
    people, items = np.nonzero(~np.isnan(given))
    for u, i in zip(people, items, strict=True):
        person = [float(u % 3 == g) for g in range(3)]
        item = [1.0, 1.0] if i == 2 else [float(i % 2 == 0), float(i % 2 == 1)]
        rows.append([*person, *item, *(np.outer(person, item).ravel() if crosses else [])])
    return np.asarray(rows), given[people, items] - np.nanmean(given)


@pytest.mark.parametrize("crosses", [True, False])
@pytest.mark.parametrize("regularisation", [0.5, 20.0])
def test_weights_solve_the_normal_equations(crosses: bool, regularisation: float) -> None:
    data, given = described()
    model = FeatureRidge(regularisation=regularisation, crosses=crosses).fit(data)
    x, left = design(given, crosses=crosses)
    expected = np.linalg.solve(x.T @ x + regularisation * np.eye(x.shape[1]), x.T @ left)
    assert model._people.names == [f"gender={gender}" for gender in GENDERS]
    assert model._items.names == [f"categories={shelf}" for shelf in SHELVES]
    assert model.person_weights_ == pytest.approx(expected[:3])
    assert model.item_weights_ == pytest.approx(expected[3:5])
    assert model.cross_weights_ == pytest.approx(expected[5:].reshape(3, 2) if crosses else np.zeros((3, 2)))
    scores = model.score(data.histories(everybody(data)))
    assert scores[~np.isnan(given)] == pytest.approx(np.nanmean(given) + x @ expected, abs=1e-5)


def test_predictions_are_the_scores_within_the_scale() -> None:
    data, _ = described()
    split = split_events(data, "ratings", "random-ratio", valid=0.2, test=0.3)
    model = FeatureRidge(regularisation=0.01).fit(split.train)
    whole = model.score(split.test.queries).astype(float)
    expected = whole[split.test.query, model.items_.index(split.test.queries.dictionary)[split.test.targets]]
    assert model.predict(split.test.unanswered()) == pytest.approx(np.clip(expected, 0.5, 5), abs=1e-5)


def test_an_explanation_names_features_and_their_pairs() -> None:
    data, _ = described()
    model = FeatureRidge().fit(data)
    user, item = everybody(data)[0], str(data.items.ids[1])
    found = model.explain(Query(user_id=user), item)
    assert [part.name for part in found.parts] == [
        "the average rating",
        "gender=F",
        "categories=music",
        "gender=F and categories=music",
    ]
    score = model.score_candidates(QueryBatch.of([Query(user_id=user)]), [item])[0, 0]
    assert sum(part.amount for part in found.parts) == pytest.approx(score, abs=1e-5)


def test_a_stranger_is_an_average_person() -> None:
    data, _ = described()
    model = FeatureRidge().fit(data)
    found = model.score(QueryBatch.of([Query(user_id="nobody"), Query()]))
    assert (found[0] == found[1]).all()
    expected = model.mean_ + model._items.rows @ model.item_weights_
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_new_items_are_scored_by_what_is_known_of_them(tmp_path: Path) -> None:
    data, _ = described()
    model = FeatureRidge().fit(data)
    alike = str(data.items.ids[0])
    model.extend(items=Catalogue(pl.DataFrame({"item_id": ["new", "odd"], "categories": [["garden"], ["sea"]]})))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    batch = QueryBatch.of([Query(user_id=everybody(data)[1])])
    new, odd, known = again.score_candidates(batch, ["new", "odd", alike])[0]
    assert new == pytest.approx(known)
    level = model.mean_ + model.person_weights_[model._people.names.index("gender=M")]
    assert odd == pytest.approx(level, abs=1e-5)


def test_rare_tokens_have_no_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.models.feature_ridge.MOST_CROSSED", 1)
    data, given = described()
    model = FeatureRidge().fit(data)
    x, _ = design(given, crosses=False)
    most = x.sum(axis=0)
    rows, columns = np.nonzero(model.cross_weights_)
    assert rows.tolist() == [int(most[:3].argmax())]
    assert columns.tolist() == [int(most[3:].argmax())]
    assert np.count_nonzero(model.person_weights_) == 3


def test_blocks_of_events_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = described()
    split = split_events(data, "ratings", "random-ratio", valid=0.2, test=0.3)
    whole = FeatureRidge().fit(split.train)
    before = whole.predict(split.test.unanswered())
    monkeypatch.setattr("tastemaker.models.feature_ridge._EVENTS_AT_ONCE", 7)
    pieces = FeatureRidge().fit(split.train)
    assert pieces.cross_weights_ == pytest.approx(whole.cross_weights_)
    assert pieces.predict(split.test.unanswered()) == pytest.approx(before)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [({"people_columns": ["hat"]}, "no column 'hat'"), ({"item_columns": ["brnd"]}, "no column 'brnd'")],
)
def test_columns_that_are_not_there_are_refused(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        FeatureRidge(**chosen).fit(described()[0])


def test_without_features_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="nothing is known of people or items"):
        FeatureRidge().fit(toy()[0])
