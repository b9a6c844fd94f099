"""A ranker sees what each source says of the first items, and what was known of them at the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import Catalogue, Dataset, Interactions
from tastemaker.models.item_facts import ItemFacts
from tastemaker.models.ranking_features import FLOOR, Asked, Shortlist, describe, features_of

START = datetime(2024, 3, 1, tzinfo=UTC)
ITEMS = pl.DataFrame(
    {
        "item_id": ["pan", "wok", "harp", "book"],
        "price": [20.0, 40.0, 900.0, None],
        "brand": ["Tefal", "Tefal", "Salvi", None],
        "categories": [["home", "kitchen"], ["kitchen"], ["music"], None],
        "year": [2020, 2024, 1999, None],
    }
)


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def shop(*rows: tuple[str, str, int]) -> Dataset:
    log = pl.DataFrame(
        [(user, item, at(day)) for user, item, day in rows], schema=["user_id", "item_id", "timestamp"], orient="row"
    )
    return Dataset.of(Interactions.from_frame(log), Catalogue(ITEMS))


DATA = shop(("a", "pan", 0), ("b", "pan", 50), ("c", "pan", 58), ("c", "harp", 59), ("d", "book", 60))
FACTS = ItemFacts.of(DATA)


def row_of(scores: dict[str, float]) -> np.ndarray:
    row = np.zeros((1, 4), dtype=np.float32)
    for item, score in scores.items():
        row[0, DATA.items.index([item])[0]] = score
    return row


def described(query: Query, *sources: dict[str, float], facts: ItemFacts = FACTS) -> dict[str, dict[str, float]]:
    """Return item -> key of a feature -> value, all items being listed; the first source is the fusion, too."""
    found = [row_of(source) for source in sources]
    shortlist = Shortlist.of(found[0], found, np.zeros((1, 4), dtype=bool), 4)
    table = describe(shortlist, Asked.of(QueryBatch.of([query]), DATA.items, facts), facts)
    keys = [feature.key for feature in features_of([f"source {place}" for place in range(len(sources))])]
    assert table.shape == (4, len(keys))
    return {
        DATA.items.ids[item]: dict(zip(keys, row.tolist(), strict=True))
        for item, row in zip(shortlist.items, table, strict=True)
    }


QUERY = Query(history=(Event("harp", timestamp=at(59)), Event("wok", timestamp=at(59))), now=at(60))


def test_the_first_items_that_are_not_out_are_listed_best_first() -> None:
    fused = np.asarray([[3, 9, 1, 5], [1, 1, 2, 0]], dtype=np.float32)
    out = np.asarray([[False, True, False, False], [False, False, False, False]])
    shortlist = Shortlist.of(fused, [fused, -2 * fused], out, 2)
    assert shortlist.items.tolist() == [3, 0, 2, 0]
    assert shortlist.starts.tolist() == [0, 2, 4]
    assert shortlist.fused.tolist() == [5, 3, 2, 1]
    assert shortlist.scores[:, 1].tolist() == [-10, -6, -4, -2]
    assert shortlist.largest.tolist() == [[9, 18], [2, 4]]


def test_a_query_may_have_nothing_to_list() -> None:
    fused = np.ones((2, 3), dtype=np.float32)
    shortlist = Shortlist.of(fused, [fused], np.asarray([[True] * 3, [False, True, True]]), 2)
    assert shortlist.starts.tolist() == [0, 0, 1]
    assert shortlist.best.tolist() == [0, 1]


def test_equal_scores_have_equal_ranks() -> None:
    fused = np.asarray([[4, 3, 2, 1], [4, 3, 2, 1]], dtype=np.float32)
    shortlist = Shortlist.of(fused, [fused], np.zeros((2, 4), dtype=bool), 3)
    assert shortlist.ranks(np.asarray([0.0, 7.0, 0.0, 5.0, 5.0, 9.0])).tolist() == [1, 0, 1, 1, 1, 0]


def test_each_source_speaks_by_score_share_and_rank() -> None:
    found = described(QUERY, {"pan": 8, "book": 4}, {"pan": -1, "book": 3, "harp": 2})
    assert found["pan"]["source 0: score"] == pytest.approx(np.log(9))
    assert found["pan"]["source 1: score"] == pytest.approx(-np.log(2))
    assert found["harp"]["source 1: share of its best score"] == pytest.approx(2 / 3)
    assert found["harp"]["source 1: rank"] == pytest.approx(1 / 2)
    assert found["book"]["source 0: best score"] == pytest.approx(np.log(9))
    assert found["book"]["fused score"] == pytest.approx(np.log(1 + 0.5 / FLOOR))
    assert found["book"]["fused rank"] == pytest.approx(1 / 2)
    assert found["wok"]["fused score"] == 0


def test_popularity_and_age_are_those_of_the_day() -> None:
    found = described(QUERY, {})
    assert found["pan"]["events so far"] == pytest.approx(np.log(4))
    assert found["pan"]["events of late"] == pytest.approx(np.log(3))
    assert found["pan"]["days since the latest event"] == pytest.approx(np.log(1 + 2))
    assert found["pan"]["days since the first event"] == pytest.approx(np.log(1 + 60))
    assert found["pan"]["never touched"] == 0
    assert found["book"]["never touched"] == 1  # it is touched on that day
    assert np.isnan(found["book"]["days since the first event"])
    assert found["harp"]["age in years"] == pytest.approx(np.log(1 + 25.33), abs=0.001)
    assert found["wok"]["age in years"] == pytest.approx(np.log(1 + 0.33), abs=0.01)
    earlier = described(Query(history=(Event("harp"),), now=at(51)), {})
    assert earlier["pan"]["events so far"] == pytest.approx(np.log(3))


def test_price_brand_and_categories_are_compared_with_the_latest_item() -> None:
    found = described(QUERY, {})
    assert found["pan"]["price"] == pytest.approx(np.log(20))
    assert found["pan"]["price distance to the latest item"] == pytest.approx(np.log(2))
    assert found["harp"]["price distance to the latest item"] == pytest.approx(np.log(900 / 40))
    assert found["pan"]["brand of the latest item"] == 1
    assert found["harp"]["brand of the latest item"] == 0
    assert found["pan"]["categories of the latest item"] == 0.5
    assert found["pan"]["length of the history"] == pytest.approx(np.log(3))
    for name in ("price distance to the latest item", "brand of the latest item", "categories of the latest item"):
        assert np.isnan(found["book"][name])


def test_the_latest_item_is_the_latest_that_is_known_and_was_not_disliked() -> None:
    history = (Event("wok"), Event("harp", "dislike"), Event("from elsewhere"))
    found = described(Query(history=history, now=at(60)), {})
    assert found["pan"]["brand of the latest item"] == 1
    alone = described(Query(history=(Event("harp", "dislike"),), now=at(60)), {})
    for name in ("price distance to the latest item", "brand of the latest item", "categories of the latest item"):
        assert np.isnan([alone[item][name] for item in alone]).all()


def test_events_after_the_day_of_the_question_change_nothing() -> None:
    query = Query(history=(Event("wok"),), now=at(55))
    later = shop(("a", "pan", 0), ("b", "pan", 50), ("e", "book", 55), ("e", "wok", 70), ("f", "pan", 71))
    earlier = shop(("a", "pan", 0), ("b", "pan", 50), ("x", "harp", 60))
    np.testing.assert_equal(
        described(query, {"pan": 1}, facts=ItemFacts.of(later)),
        described(query, {"pan": 1}, facts=ItemFacts.of(earlier)),
    )


def test_features_are_named_in_the_order_of_their_columns() -> None:
    features = features_of(["rules", "words"])
    assert len({feature.key for feature in features}) == len(features)
    assert [feature.source for feature in features[:8]] == ["rules"] * 4 + ["words"] * 4
    assert {feature.key for feature in features if feature.of_query} == {
        "rules: best score",
        "words: best score",
        "best fused score",
        "length of the history",
    }
