"""Proposals become items of the shelf that may be recommended, by search and by fusion, whatever proposes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked

from tastemaker.core.errors import DeadlineExceededError
from tastemaker.core.query import Event, Query
from tastemaker.data import Catalogue, make_split
from tastemaker.evaluation import evaluate
from tastemaker.language.asking.proposing import FromModel, Proposal, Proposer, Taste, directly, templated
from tastemaker.language.generators import Script
from tastemaker.models import Popularity
from tastemaker.pipeline.as_recommender import PipelineRecommender
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.proposing import Propose, Refine, kinds_of, proposing, taste_of
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.retrieval.text_search import TextSearch
from tastemaker.testing.worlds import small_shop

ROWS = {
    "emma": ("Emma", 1815, ["Novels > Love"], "A quiet village and a match that goes wrong."),
    "moby": ("Moby-Dick", 1851, ["Novels > Sea"], "A whale, a captain and the cold sea."),
    "lord": ("Lord Jim", 1900, ["Novels > Sea"], "A sailor leaves his ship at sea."),
    "waldn": ("Walden", 1854, ["Nature"], "A quiet year in the woods."),
    "storm": ("Typhoon", 1902, ["Novels > Sea", "Short"], "A captain in a storm at sea."),
    "gone": ("Sea Fever", 1902, ["Poems"], "The sea, the sea."),
}
CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": list(ROWS),
            "title": [row[0] for row in ROWS.values()],
            "year": [row[1] for row in ROWS.values()],
            "categories": [row[2] for row in ROWS.values()],
            "text": [row[3] for row in ROWS.values()],
            "available": [item != "gone" for item in ROWS],
        }
    )
)
SHELF = Shelf.of_catalogue(CATALOGUE)
SEARCH = TextSearch.over_catalogue(CATALOGUE)


def says(*phrases: str) -> Proposer:
    return lambda taste, deadline: Proposal(phrases, "test")


def ids(slate: Slate) -> list[str]:
    return [str(item) for item in SHELF.ids[slate.items]]


def found(proposer: Proposer, **query: Any) -> Slate:
    return Propose(SEARCH, proposer, by="words")(Slate.empty(), asked(SHELF, **query))


def test_each_phrase_is_searched_and_what_several_find_comes_first() -> None:
    assert ids(found(says("captain", "storm")))[0] == "storm"
    assert set(ids(found(says("captain", "woods")))) == {"moby", "storm", "waldn"}


def test_the_request_counts_as_much_as_all_phrases() -> None:
    asked_for = found(says("whale", "captain", "sailor"), text="quiet woods")
    assert ids(asked_for)[0] == "waldn"


def test_only_what_may_be_recommended_is_found() -> None:
    slate = found(
        says("sea"), history=(Event("moby"),), disliked=("lord",), filters='categories has "Sea"', exclude=("emma",)
    )
    assert ids(slate) == ["storm"]


def test_titles_and_kinds_of_what_was_chosen_and_turned_down_are_the_taste() -> None:
    history = (Event("moby"), Event("emma", "dislike"), Event("waldn"), Event("nowhere"))
    taste = taste_of(asked(SHELF, history=history, text="  calm "))
    assert taste == Taste(
        ("Moby-Dick (1851)", "Walden (1854)"), (("Sea",), ("Nature",)), ("Emma (1815)",), (("Love",),), "calm"
    )


def test_what_is_liked_after_it_was_turned_down_is_liked() -> None:
    taste = taste_of(asked(SHELF, history=(Event("moby", "dislike"), Event("moby"))))
    assert (taste.liked, taste.disliked) == (("Moby-Dick (1851)",), ())


def test_of_items_that_are_named_the_similar_ones_are_wanted() -> None:
    assert taste_of(asked(SHELF, history=(Event("emma"),), items=("moby",))).liked == ("Moby-Dick (1851)",)


def test_keywords_stand_in_for_categories() -> None:
    shelf = Shelf()
    shelf.put({"a": {"title": "A", "keywords": ["rain", "tea"]}, "b": {"title": "B"}})
    assert [kinds_of(shelf, number) for number in (0, 1)] == [("rain", "tea"), ()]


def test_a_phrase_is_kept_for_each_item() -> None:
    refine = Refine(SEARCH, Proposal(("whale", "woods"), "test"), by="words")
    refine(Slate.empty(), asked(SHELF))
    assert {str(SHELF.ids[number]): phrase for number, phrase in refine.found_by.items()} == {
        "moby": "whale",
        "waldn": "woods",
    }


def test_without_history_and_request_the_slate_says_so() -> None:
    slate = found(templated)
    assert len(slate) == 0
    assert "nothing to search for" in slate.degraded[0]


def test_what_a_proposer_says_about_itself_goes_to_the_slate() -> None:
    slate = found(FromModel(Script(replies=[DeadlineExceededError("too late")])), history=(Event("moby"),))
    assert slate.degraded == ("too late",)
    assert set(ids(slate)) == {"lord", "storm"}


def test_a_stage_that_is_late_asks_nothing() -> None:
    script = Script(replies=[])
    stage = Propose(SEARCH, FromModel(script), by="words", needed=True)
    slate = Pipeline([stage])(asked(SHELF, history=(Event("moby"),), deadline_at=1.0, clock=lambda: 2.0))
    assert script.calls == []
    assert any("out of time" in why for why in slate.degraded)


def test_a_proposer_that_fails_leaves_the_list_to_the_fallback() -> None:
    def broken(taste: Taste, deadline: float | None) -> Proposal:
        raise ZeroDivisionError

    slate = Pipeline([Propose(SEARCH, broken)])(asked(SHELF, history=(Event("moby"),), k=2))
    assert len(slate) == 2
    assert "'proposed' left out: it failed" in slate.degraded


@settings(max_examples=25)
@given(
    st.lists(st.text(max_size=30) | st.sampled_from(["sea", "The Sea, the Sea", "Sea Fever"]), max_size=5),
    st.sets(st.sampled_from(list(ROWS))),
)
def test_whatever_is_proposed_what_comes_is_available_and_unseen(phrases: list[str], seen: set[str]) -> None:
    script = Script(answer=lambda call: {"phrases": phrases or ["x"]})
    stage = Propose(SEARCH, FromModel(script), by="words", needed=True)
    context = asked(SHELF, history=tuple(map(Event, sorted(seen))), text="sea", k=6)
    items = ids(Pipeline([stage])(context))
    assert len(items) == len(set(items))
    assert not {"gone", *seen} & set(items)


@pytest.mark.parametrize("proposer", [templated, directly])
def test_as_a_recommender_it_keeps_the_contract_and_can_be_evaluated(proposer: Proposer) -> None:
    data = small_shop()
    split = make_split(data, "leave-one-out")
    search = TextSearch.over_catalogue(data.catalogue)
    model = PipelineRecommender(Popularity(), proposing(search, proposer, by="words"), k=5).fit(split.train)
    scores = evaluate(model, split.valid, train=split.train, ks=(5,)).metrics
    assert 0 <= scores["recall@5"] <= 1
    history = tuple(map(Event, data.history("u003")[:5]))
    listed = model.recommend(Query(history=history, k=5)).items()
    assert not {event.item_id for event in history} & set(listed)
