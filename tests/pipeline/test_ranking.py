"""A ranker's own order of the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.pipeline.asking import Table, asked, shop, slate

from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.models import LearnedFusion, Popularity, SequentialRules
from tastemaker.models.base import Scores
from tastemaker.pipeline.ranking import Rank
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Person
from tastemaker.testing.worlds import small_shop

MODEL = Table({"i0": 1.0, "i1": 5.0, "i2": 3.0})


def test_candidates_stand_in_the_models_order_with_its_scores() -> None:
    found = Rank(MODEL)(slate([0, 2, 1]), asked(shop(3)))
    assert found.items.tolist() == [1, 2, 0]
    assert found.scores.tolist() == [5, 3, 1]
    assert found.sources["rank table"].tolist() == [5, 3, 1]


def test_what_the_model_does_not_know_comes_last_as_it_stood() -> None:
    found = Rank(MODEL)(slate([4, 0, 3, 1]), asked(shop(5)))
    assert found.items.tolist() == [1, 0, 4, 3]
    assert found.scores.tolist() == [5, 1, 1, 1]
    np.testing.assert_array_equal(found.sources["rank table"], [5, 1, np.nan, np.nan])


def test_a_model_that_knows_none_changes_nothing() -> None:
    found = Rank(MODEL)(slate([4, 3]), asked(shop(5)))
    assert found.items.tolist() == [4, 3]
    assert found.degraded == ("'rank table' knows none of the candidates",)


def test_seen_items_are_ranked_like_any_other() -> None:
    context = asked(shop(3), Person(), history=(Event("i1"),), exclude_seen=False)
    assert Rank(MODEL)(slate([0, 2, 1]), context).items.tolist() == [1, 2, 0]


def test_a_model_with_scores_for_candidates_alone_is_asked_for_those() -> None:
    class Careful(Table):
        def score_candidates(self, queries: QueryBatch, candidates: Sequence[Any]) -> Scores:
            return np.asarray([[-float(item[1:]) for item in candidates]], dtype=np.float32)

    model = Careful({"i0": 1.0})
    assert Rank(model)(slate([2, 0, 1]), asked(shop(3))).items.tolist() == [0, 1, 2]
    assert model.calls == 0
    assert Rank(model, by="pool")(slate([2, 0, 1]), asked(shop(3))).items.tolist() == [0, 2, 1]


def test_a_model_with_a_pool_ranks_within_the_candidates() -> None:
    data = small_shop()
    model = LearnedFusion({"popularity": Popularity(), "rules": SequentialRules()}, ranker="plain").fit(data)
    shelf = Shelf.of_catalogue(data.catalogue)
    history = tuple(map(Event, data.history("u001")[:4]))
    chosen = [item for item in data.items.ids if item not in data.history("u001")][:6]
    expected = model.recommend(Query(history=history, k=6, candidates=frozenset(chosen))).items()
    found = Rank(model)(slate(shelf.numbers(chosen).tolist()), asked(shelf, history=history))
    assert shelf.ids[found.items].tolist() == expected


def test_nothing_is_ranked_where_there_is_nothing() -> None:
    assert len(Rank(MODEL)(Slate.empty(), asked(shop(3)))) == 0


def test_ranking_may_be_left_out_when_time_is_short() -> None:
    assert not Rank(MODEL).needed
    assert Rank(MODEL, needed=True).needed
