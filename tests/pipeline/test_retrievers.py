"""Sources search among what may be recommended, and say what they gave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import Table, asked, falling, numbers, row, shop, slate

from tastemaker.core.query import Event, Query
from tastemaker.core.recommendations import Recommendations
from tastemaker.core.recommender import Capabilities
from tastemaker.models import LearnedFusion, Popularity, SequentialRules
from tastemaker.pipeline.allowed import Asked
from tastemaker.pipeline.common import Common
from tastemaker.pipeline.filters import Filter, Moment
from tastemaker.pipeline.retrievers import Among, FromModel, Latest, Popular, Searched
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Person
from tastemaker.retrieval.text_search import TextSearch
from tastemaker.testing.worlds import small_shop


def test_a_model_gives_its_best_with_their_scores() -> None:
    found = FromModel(falling(12), 3)(Slate.empty(), asked(shop(12), k=2))
    assert found.items.tolist() == [0, 1, 2]
    assert found.sources["table"].tolist() == [12, 11, 10]


def test_a_model_is_asked_once() -> None:
    model = falling(6)
    FromModel(model)(Slate.empty(), asked(shop(6)))
    assert model.calls == 1


def test_a_selective_filter_costs_no_candidates() -> None:
    context = asked(shop(300), filters="price >= 290", k=5)
    found = FromModel(falling(300), 5)(Slate.empty(), context)
    assert found.items.tolist() == [290, 291, 292, 293, 294]


def test_at_least_as_many_are_named_as_are_asked_for() -> None:
    assert len(FromModel(falling(12), 2)(Slate.empty(), asked(shop(12), k=9))) == 9


def test_what_the_model_knows_and_the_shelf_does_not_is_passed_over() -> None:
    model = Table({"gone": 9.0, "i1": 5.0, "i0": 1.0})
    found = FromModel(model)(Slate.empty(), asked(shop(2)))
    assert found.items.tolist() == [1, 0]


def test_what_the_shelf_has_and_the_model_does_not_know_is_left_to_others() -> None:
    found = FromModel(falling(2))(Slate.empty(), asked(shop(5)))
    assert found.items.tolist() == [0, 1]


def test_what_a_model_says_of_its_answer_goes_to_the_slate() -> None:
    data = small_shop()
    model = SequentialRules().fit(data)
    found = FromModel(model)(Slate.empty(), asked(Shelf.of_catalogue(data.catalogue)))
    assert found.degraded == ("no history to go by: popular items",)


def test_a_model_with_a_pool_takes_it_from_what_is_allowed() -> None:
    data = small_shop()
    model = LearnedFusion({"popularity": Popularity(), "rules": SequentialRules()}, ranker="plain").fit(data)
    shelf = Shelf.of_catalogue(data.catalogue)
    history = tuple(map(Event, data.history("u000")[:5]))
    context = asked(shelf, history=history, filters='categories has "music"', k=4)
    music = [item for item in data.items.ids if data.catalogue.item(item)["categories"] == ["music"]]
    expected = model.recommend(Query(history=history, k=4), allowed=music).items()
    assert shelf.ids[FromModel(model, 4)(Slate.empty(), context).items].tolist() == expected


class Teller:
    """A model that cannot score everything, and takes raw ids alone."""

    name = "teller"
    capabilities = Capabilities(dense=False)

    def recommend(self, queries: Query, *, allowed: list[str]) -> Recommendations:
        items = sorted(allowed, reverse=True)[: queries.k]
        return Recommendations.of([(np.asarray(items, dtype=object), np.arange(len(items), 0, -1, dtype=np.float32))])


def test_a_model_that_is_not_dense_is_told_what_is_allowed() -> None:
    model: object = Teller()
    found = FromModel(model, 2)(Slate.empty(), asked(shop(6), Person(hidden=numbers(5)), k=2))  # type: ignore[arg-type]
    assert found.items.tolist() == [4, 3]


def test_the_latest_come_first_with_their_ages() -> None:
    shelf = shop(6)
    found = Latest(3)(Slate.empty(), asked(shelf, Person(hidden=numbers(1)), k=3))
    assert found.items.tolist() == [0, 2, 3]
    assert found.sources["latest"].tolist() == [0, -2, -3]


def test_popular_items_are_those_with_the_most_counts_and_nobody_wants_the_others() -> None:
    counts = np.array([0, 4, 9, 2])
    found = Popular(counts)(Slate.empty(), asked(shop(6), Person(hidden=numbers(3))))
    assert found.items.tolist() == [2, 1]
    assert found.sources["popular"].tolist() == [9, 4]


def test_popularity_can_be_asked_anew_each_time() -> None:
    counts = np.array([1, 2])
    source = Popular(lambda: counts)
    assert source(Slate.empty(), asked(shop(2))).items.tolist() == [1, 0]
    counts[0] = 5
    assert source(Slate.empty(), asked(shop(2))).items.tolist() == [0, 1]


@pytest.fixture
def search() -> TextSearch:
    return TextSearch(["i0", "i1", "i2"], ["a red ball", "a red red kite", "a blue kite"])


def test_a_search_finds_what_fits_the_words_among_what_is_allowed(search: TextSearch) -> None:
    found = Searched(search, by="words")(Slate.empty(), asked(shop(3), text="red"))
    assert sorted(found.items.tolist()) == [0, 1]
    assert Searched(search, by="words")(Slate.empty(), asked(shop(3), text="red", exclude=("i0",))).items.tolist() == [
        1
    ]


def test_without_words_there_is_nothing_to_search_for(search: TextSearch) -> None:
    assert len(Searched(search)(Slate.empty(), asked(shop(3)))) == 0


def test_a_search_without_vectors_says_so(search: TextSearch) -> None:
    found = Searched(search)(Slate.empty(), asked(shop(3), text="kite"))
    assert "searched by words alone" in found.degraded[0]


def test_a_search_of_other_items_in_another_order_names_those_that_are_there() -> None:
    other = TextSearch(["nowhere", "i2", "i0"], ["a red sail", "a red ball", "a red kite"])
    found = Searched(other, by="words")(Slate.empty(), asked(shop(3), text="kite red"))
    assert found.items.tolist() == [0, 2]


def test_another_source_can_be_asked_for_a_kind_alone() -> None:
    context = asked(shop(12), k=2)
    found = Among('brand = "chisel"', FromModel(falling(12), 2))(slate([0]), context)
    assert found.items.tolist() == [0, 2, 5]
    assert list(found.sources) == ['table among brand = "chisel"']


def test_what_may_be_recommended_is_worked_out_once_for_all_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, asks, real = shop(6), list[int](), Shelf.common

    def counted(self: Shelf, wanted: Sequence[Filter], moment: Moment) -> Common:
        asks.append(moment.now)
        return real(self, wanted, moment)

    monkeypatch.setattr(Shelf, "common", counted)
    context = Asked.over(asked(shelf))
    Latest()(FromModel(falling(6))(Slate.empty(), context), context)
    assert len(asks) == 1


def test_a_shelf_that_grows_meanwhile_breaks_nothing() -> None:
    shelf = shop(3)
    context = Asked.over(asked(shelf))
    assert len(context.allowed.items) == 3
    shelf.put({"i3": row(3)})
    assert sorted(FromModel(falling(4))(Slate.empty(), context).items.tolist()) == [0, 1, 2]
    assert sorted(Latest()(Slate.empty(), context).items.tolist()) == [0, 1, 2]


@settings(max_examples=30)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.frozensets(st.integers(0, 19)), st.integers(1, 6))
def test_a_model_names_the_best_of_what_is_left(scores: list[int], hidden: frozenset[int], n: int) -> None:
    model = Table({f"i{item}": float(score) for item, score in enumerate(scores)})
    context = asked(shop(20), Person(hidden=numbers(*hidden)), k=n)
    found = FromModel(model, n)(Slate.empty(), context)
    left = sorted((-score, item) for item, score in enumerate(scores) if item not in hidden)
    assert found.scores.tolist() == [-score for score, _ in left[:n]]
    assert not set(found.items.tolist()) & hidden


@pytest.mark.parametrize(("k", "n", "named"), [(2, 10, 5), (2, 4, 4), (9, 4, 9)])
def test_a_model_that_is_the_whole_pipeline_names_few_more_than_are_asked_for(k: int, n: int, named: int) -> None:
    found = FromModel(falling(), n, spare=3)(Slate.empty(), asked(shop(), k=k))
    assert found.items.tolist() == list(range(named))
