"""Content kNN by BM25: the history asks, the catalogue answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.data import Catalogue, Dataset
from tastemaker.models import ContentBM25, ContentKNN, load_model

TITLES = {"a": "red apple", "b": "red pear", "c": "green apple", "d": "blue pear", "e": "red red red boat of the sea"}


def shop() -> Dataset:
    log = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1, 2]})
    return Dataset.of(log, pl.DataFrame({"item_id": list(TITLES), "title": list(TITLES.values())}))


def scores(model: ContentKNN, query: Query) -> dict[str, float]:
    answer = model.recommend(query, k=9)
    return dict(zip(answer.items(), map(float, answer.scores()), strict=True))


def test_an_item_asks_with_its_words_in_shares() -> None:
    model = ContentBM25(age_decay="uniform", k1=1.2, b=0.75).fit(shop())
    mean = (4 * 2 + 7) / 5
    idf = math.log(1 + (5 - 3 + 0.5) / (3 + 0.5))  # "red" is in three titles
    expected = idf * 1 / (1 + 1.2 * (1 - 0.75 + 0.75 * 2 / mean)) / 2  # half of what "red apple" asks for
    found = model.explain(Query(history=as_events(["a"])), "b").by_item()
    assert found["a"] == pytest.approx(expected, rel=1e-5)


def test_words_of_a_query_put_items_in_the_order_of_bm25() -> None:
    model = ContentBM25().fit(shop())
    # By the formula, as in tests/language/test_bm25.py: rarer words count more, and longer titles less.
    found = scores(model, Query(text="red pear", history=(), exclude_seen=False, k=9))
    assert sorted(found, key=lambda item: -found[item])[0] == "b"
    assert found["d"] > found["e"] > 0
    assert found["c"] == pytest.approx(0, abs=1e-6)


def test_a_word_that_one_item_alone_has_is_found_by_it() -> None:
    data = shop()
    assert ContentBM25().fit(data).recommend(history=[], text="boat", k=1).items() == ["e"]
    assert "nothing with the words" in ContentKNN().fit(data).recommend(history=[], text="boat", k=1).degraded[0]


def test_a_longer_text_does_not_speak_louder() -> None:
    model = ContentBM25(age_decay="uniform").fit(shop())
    asked = np.asarray(model.wishes_.sum(axis=1)).ravel()
    assert asked == pytest.approx(np.ones(5))


def test_what_is_disliked_counts_against_what_is_like_it() -> None:
    model = ContentBM25(age_decay="uniform").fit(shop())
    before = model.explain(Query(history=as_events(["b"])), "a").score
    after = model.explain(Query(history=as_events(["b"]), disliked=("e",)), "a").score
    assert after < before


def test_words_and_history_add_up() -> None:
    model = ContentBM25(age_decay="1/a").fit(shop())
    query = Query(history=as_events(["a", "b"]), text="green pear", disliked=("e",))
    for item in TITLES:
        found = model.explain(query, item)
        assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
        assert found.score == pytest.approx(model.score_candidates(QueryBatch.of([query]), [item])[0, 0], abs=1e-6)
        assert {part.kind for part in found.parts} == {"item", "text", "popularity"}


def test_new_items_answer_and_ask_with_the_words_that_are_known(tmp_path: Path) -> None:
    model = ContentBM25(k1=0.6, b=0.4).fit(shop())
    model.extend(items=Catalogue(pl.DataFrame({"item_id": ["new"], "title": ["green zebra pear"]})))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.recommend(history=["d"], k=2).items() == ["b", "new"]  # of the two pears the shorter title
    assert again.recommend(history=["new"], k=1, allowed=["c", "e"]).items() == ["c"]


def test_k1_and_b_do_what_they_say() -> None:
    repeats = pl.DataFrame({"item_id": ["x", "y", "z"], "title": ["tea tea tea", "tea", "sea"]})
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["z"]})
    data = Dataset.of(log, repeats)

    def found(**chosen: float) -> dict[str, float]:
        return scores(ContentBM25(**chosen).fit(data), Query(text="tea", history=(), k=3))  # type: ignore[arg-type]

    once = found(k1=1e-9, b=0.0)
    assert once["x"] == pytest.approx(once["y"])  # a term that is repeated counts once
    assert found(k1=1.2, b=0.0)["x"] > found(k1=1.2, b=0.0)["y"]
    assert found(k1=1.2, b=1.0)["x"] < found(k1=1.2, b=0.0)["x"]  # the longest text
