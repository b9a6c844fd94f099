"""KALM4Rec: weights by formula, unknown keywords by their neighbours, messages along the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, Dataset, Relations
from tastemaker.models import KALM4Rec, load_model
from tastemaker.testing.conformance import RULES

FILMS = "abcd"
GIVEN = [
    ("u", "a", "heist"), ("v", "a", "Heist"), ("u", "a", "noir"),
    ("u", "b", "noir"), ("w", "c", "space"), ("w", "c", "slow"), ("u", "d", "slow"),
]  # fmt: skip


class Meaning:
    """An encoder that knows what a few words mean."""

    name: ClassVar[str] = "meaning"
    cached: ClassVar[bool] = False
    dim: ClassVar[int] = 3
    normalised: ClassVar[bool] = False
    fingerprint: ClassVar[str] = "0123"
    truncated: ClassVar[int] = 0
    known: ClassVar[dict[str, list[float]]] = {
        "heist": [1, 0, 0], "noir": [0.6, 0.8, 0], "space": [0, 0, 1], "slow": [0, 1, 0],
        "robbery": [4, 0, 0], "galaxy": [0, -3, 4],
    }  # fmt: skip

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        return np.asarray([self.known.get(text, [0, 0, 0]) for text in texts], dtype=np.float32)

    def spec(self) -> dict[str, Any]:
        return {"name": self.name}


def films(given: Sequence[tuple[str, str, str]] = GIVEN) -> Dataset:
    log_ = pl.DataFrame({"user_id": ["u", "v", "w"], "item_id": ["a", "a", "b"], "timestamp": [1, 2, 3]})
    relations = pl.DataFrame(
        {
            "head": [item for _, item, _ in given],
            "relation": ["has_tag"] * len(given),
            "tail": [tag for _, _, tag in given],
            "user_id": [user for user, _, _ in given],
        },
        schema=dict.fromkeys(("head", "relation", "tail", "user_id"), pl.String),
    )
    return Dataset.of(log_, Catalogue.of_ids(list(FILMS)), relations=Relations(relations))


def graph(**chosen: Any) -> KALM4Rec:
    usual: dict[str, Any] = {
        "weighting": "tf-irf", "spread": 0.0, "age_decay": "uniform", "neighbours": 2, "encoder": Meaning(),
    }  # fmt: skip
    return KALM4Rec(**{**usual, **chosen}).fit(films())


def scores(model: KALM4Rec, text: str | None = None, history: Sequence[str] = ()) -> dict[str, float]:
    found = model.score(QueryBatch.of([Query(text=text, history=as_events(history))]))[0]
    return {item: float(found[model.items_.index([item])[0]]) for item in FILMS}


def test_an_edge_weighs_how_often_and_how_rare() -> None:
    by_items = scores(graph(), "heist, noir")
    assert by_items["a"] == pytest.approx(2 * log(4 / 1) + log(4 / 2), abs=1e-5)
    assert by_items["b"] == pytest.approx(log(4 / 2), abs=1e-5)
    by_people = scores(graph(weighting="tf-iuf"), "heist, noir, slow")
    assert by_people["a"] == pytest.approx(2 * log(3 / 2) + log(3 / 1), abs=1e-5)
    assert by_people["d"] == pytest.approx(log(3 / 2), abs=1e-5)


def test_a_keyword_that_only_the_catalogue_uses_is_rare_among_items() -> None:
    data = films()
    frame = data.catalogue.frame.with_columns(
        categories=pl.Series([["war"], [], [], ["war"]], dtype=pl.List(pl.String))
    )
    model = KALM4Rec(weighting="tf-iuf", spread=0.0, neighbours=0).fit(replace(data, catalogue=Catalogue(frame)))
    assert scores(model, "war")["d"] == pytest.approx(log(4 / 2), abs=1e-5)


def test_an_unknown_keyword_stands_for_its_neighbours() -> None:
    model = graph()
    (heard,) = model.heard("robbery")
    assert [model.keywords_[place] for place in heard.known] == ["heist", "noir"]
    assert heard.shares == pytest.approx([1 / 2, 0.6 / 2])
    assert scores(model, "robbery")["a"] == pytest.approx(0.5 * 2 * log(4) + 0.3 * log(2), abs=1e-5)
    (galaxy,) = model.heard("galaxy")  # what points the other way is no neighbour
    assert [model.keywords_[place] for place in galaxy.known] == ["space"]
    assert model.heard("xyzzy") == []


def test_without_neighbours_an_unknown_keyword_is_passed_over_and_no_encoder_is_asked() -> None:
    model = graph(neighbours=0, encoder="there is none")
    assert scores(model, "robbery, heist") == scores(model, "heist")
    answer = model.recommend(history=[], text="robbery", k=2)
    assert answer.items()[0] == "a"
    assert answer.degraded


def test_in_a_sentence_the_known_keywords_count() -> None:
    model = graph()
    assert scores(model, "a slow story about a heist") == scores(model, "slow, heist")
    data = films([*GIVEN, ("u", "b", "slow space")])
    longest = KALM4Rec(weighting="tf-irf", spread=0.0, neighbours=0).fit(data)
    assert [one.asked for one in longest.heard("something of slow space travel")] == ["slow space"]


def test_a_second_message_reaches_what_shares_keywords() -> None:
    assert scores(graph(neighbours=0), "heist")["b"] == pytest.approx(0, abs=1e-6)
    model = graph(neighbours=0, spread=0.5)
    # heist -> a (its only item) -> noir with the share of noir in a's weights -> b.
    share = log(2) / (2 * log(4) + log(2))
    assert scores(model, "heist")["b"] == pytest.approx(0.5 * share * log(2), abs=1e-5)


def test_an_item_of_a_history_asks_for_its_own_keywords() -> None:
    share = log(2) / (2 * log(4) + log(2))
    assert scores(graph(), history=["a"])["b"] == pytest.approx(share * log(2), abs=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_an_explanation_names_keywords_and_sums_to_the_score(spread: float) -> None:
    model = graph(spread=spread)
    query = Query(text="noir, robbery", history=as_events(["c"]))
    found = model.explain(query, "a")
    assert found.score == pytest.approx(float(model.score(QueryBatch.of([query]))[0][model.items_.index(["a"])[0]]))
    assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
    names = [part.name for part in found.parts if part.kind == "text"]
    assert names == ["noir", "robbery (read as heist, noir)"]


def test_a_new_item_is_found_by_its_keywords_and_what_was_known_stays() -> None:
    model = graph(spread=0.5)
    before = scores(model, "noir, heist")
    model.extend(items=Catalogue(pl.DataFrame({"item_id": ["new"], "keywords": [["noir", "unheard of"]]})))
    assert scores(model, "noir, heist") == pytest.approx(before)
    assert model.recommend(history=[], text="noir", k=9, allowed=["new", "d"]).items() == ["new", "d"]


def test_a_saved_model_understands_the_same(tmp_path: Path) -> None:
    model = KALM4Rec(encoder="tfidf-svd", spread=0.5).fit(films())
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    for text in ("heist", "slow heist", "never heard"):
        query = Query(text=text, history=())
        assert again.recommend(query).items() == model.recommend(query).items()
        assert np.allclose(again.recommend(query).scores(), model.recommend(query).scores())


def test_without_any_word_it_cannot_be_fitted() -> None:
    bare = Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2]}))
    with pytest.raises(DataError, match="no words that could be keywords"):
        KALM4Rec(neighbours=0).fit(bare)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_contract_is_kept_with_both_messages(rule: Any) -> None:
    rule(lambda: KALM4Rec(spread=0.5, weighting="tf-irf", encoder="random"))
