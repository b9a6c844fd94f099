"""A query says what is asked for; a batch holds many histories as views into shared columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import QueryError
from tastemaker.core.query import NO_TIME, Event, Events, Query, QueryBatch, as_events, as_ids

NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)


def raw(value: Any) -> Any:
    """Pass what the types forbid."""
    return value


@pytest.mark.parametrize("k", [0, -3, 2.5, True, None, "10"])
def test_k_is_a_whole_number_of_at_least_one(k: object) -> None:
    with pytest.raises(QueryError, match=r"k is .*must be a whole number of at least 1"):
        Query(k=raw(k))


@pytest.mark.parametrize("k", [1, 1_000_000, np.int64(7)])
def test_any_whole_number_from_one_will_do(k: int) -> None:
    assert Query(k=k).k == k


@pytest.mark.parametrize("name", ["liked", "disliked", "items", "candidates"])
def test_one_string_is_no_list_of_ids(name: str) -> None:
    with pytest.raises(QueryError, match=rf"{name} must be a list of ids, not one string") as caught:
        Query(**raw({name: "i42"}))
    assert caught.value.remedy == f"Write {name}=['i42']."


def test_one_string_is_no_history() -> None:
    with pytest.raises(QueryError, match=r"history must be a list, not one string.*Write history=\['i42'\]"):
        Query(history=raw("i42"))


def test_numbers_are_ids_too() -> None:
    query = Query(user_id=raw(7), history=raw([50, "181", Event(raw(258))]), items=raw([1]), candidates=raw([2, 2]))
    assert query.user_id == "7"
    assert [event.item_id for event in query.history or ()] == ["50", "181", "258"]
    assert query.items == ("1",)
    assert query.candidates == frozenset({"2"})
    assert as_ids("ids", [np.int64(3)]) == ("3",)
    assert as_events([np.int64(3)])[0].item_id == "3"


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_the_weight_of_an_event_is_a_number(weight: float) -> None:
    with pytest.raises(QueryError, match=r"not a number.*item 'i1'"):
        Event("i1", weight=weight)


def test_events_come_as_history_session_likes_dislikes() -> None:
    query = Query(history=as_events(["a"]), session=as_events(["b"]), liked=("c",), disliked=("d",), now=NOON)
    assert [(event.item_id, event.event, event.weight) for event in query.events()] == [
        ("a", "interaction", 1.0),
        ("b", "interaction", 1.0),
        ("c", "like", 1.0),
        ("d", "dislike", -1.0),
    ]
    assert [event.timestamp for event in query.events()] == [None, None, NOON, NOON]


def test_no_history_and_an_empty_history_differ() -> None:
    assert Query().history is None
    assert Query(history=()).history == ()


def test_a_batch_holds_each_item_once_and_each_event_in_order() -> None:
    batch = QueryBatch.of(
        [
            Query(history=(Event("a"), Event("b", timestamp=NOON), Event("a", weight=0.5)), user_id="u", now=NOON),
            Query(history=()),
            Query(liked=("b",), disliked=("c",), text="calm"),
        ]
    )
    assert len(batch) == 3
    assert batch.dictionary.tolist() == ["a", "b", "c"]
    assert batch.codes.tolist() == [0, 1, 0, 1, 2]
    assert batch.weights.tolist() == [1.0, 1.0, 0.5, 1.0, -1.0]
    assert batch.timestamps.tolist() == [NO_TIME, to_microseconds(NOON), NO_TIME, NO_TIME, NO_TIME]
    assert batch.lengths().tolist() == [3, 0, 2]
    assert batch.user_ids.tolist() == ["u", None, None]
    assert batch.now.tolist() == [to_microseconds(NOON), NO_TIME, NO_TIME]
    assert batch.texts == (None, None, "calm")


def test_items_are_asked_with_instead_of_the_history_and_dislikes_stay() -> None:
    query = Query(items=("x",), history=as_events(["a"]), liked=("b",), disliked=("c",))
    batch = QueryBatch.of([query])
    assert batch.dictionary[batch.codes].tolist() == ["x", "c"]
    assert batch.weights.tolist() == [1.0, -1.0]


def test_a_batch_without_words_has_no_texts() -> None:
    assert QueryBatch.of([Query(), Query()]).texts is None


def test_candidates_are_places_in_the_dictionary_in_the_order_of_their_ids() -> None:
    asked = [
        Query(history=as_events(["b", "x"]), candidates=frozenset({"c", "a", "b"})),
        Query(history=as_events(["x"])),
        Query(candidates=frozenset({"x"})),
    ]
    batch = QueryBatch.of(asked)
    assert batch.candidates is not None
    assert batch.candidates.dtype == np.int32
    named = [[None if place < 0 else batch.dictionary[place] for place in row] for row in batch.candidates]
    assert named == [["a", "b", "c"], [None] * 3, ["x", None, None]]
    assert batch.dictionary[batch.codes].tolist() == ["b", "x", "x"]
    assert batch.dictionary.tolist()[:2] == ["b", "x"]
    assert len(set(batch.dictionary)) == len(batch.dictionary) == 4


def test_a_batch_without_candidates_has_none() -> None:
    assert QueryBatch.of([Query(), Query(history=as_events(["a"]))]).candidates is None


def test_an_empty_batch_is_a_batch() -> None:
    batch = QueryBatch.of([])
    assert len(batch) == 0
    indptr, positions = batch.flatten()
    assert indptr.tolist() == [0]
    assert positions.tolist() == []


@pytest.mark.parametrize("block", [slice(1, 3), np.asarray([2, 0]), np.asarray([True, False, True])])
def test_a_block_of_a_batch_shares_its_columns(block: Any) -> None:
    queries = [
        Query(history=as_events(["a", "b"]), text="x", candidates=frozenset({"a"})),
        Query(),
        Query(history=as_events(["c"]), user_id="u", candidates=frozenset({"c", "d"})),
    ]
    whole = QueryBatch.of(queries)
    part = whole[block]
    chosen = np.arange(3)[block]
    assert part.codes is whole.codes
    assert part.lengths().tolist() == whole.lengths()[chosen].tolist()
    assert part.user_ids.tolist() == [queries[place].user_id for place in chosen]
    assert part.texts == tuple(queries[place].text for place in chosen)
    assert part.candidates is not None
    assert whole.candidates is not None
    assert part.candidates.tolist() == whole.candidates[chosen].tolist()
    assert whole.saying(["y"] * 3).candidates is whole.candidates


@st.composite
def batches(draw: st.DrawFn) -> QueryBatch:
    events = draw(st.integers(0, 12))
    edges = st.integers(0, events)
    spans = draw(st.lists(st.tuples(edges, edges).map(sorted), max_size=6))
    return QueryBatch(
        dictionary=np.asarray(["a", "b", None], dtype=object)[:-1],
        codes=np.zeros(events, np.int32),
        weights=np.ones(events, np.float32),
        timestamps=np.full(events, NO_TIME),
        starts=np.asarray([start for start, _ in spans], dtype=np.int64),
        ends=np.asarray([end for _, end in spans], dtype=np.int64),
        user_ids=np.full(len(spans), None, dtype=object),
        now=np.full(len(spans), NO_TIME),
    )


@given(batches(), st.none() | st.integers(0, 14))
def test_flatten_is_what_a_plain_loop_finds(batch: QueryBatch, last: int | None) -> None:
    indptr, positions = batch.flatten(last)
    assert indptr[0] == 0
    assert len(indptr) == len(batch) + 1
    for query, (start, end) in enumerate(zip(batch.starts, batch.ends, strict=True)):
        expected = list(range(start, end))
        if last is not None:
            expected = expected[len(expected) - min(last, len(expected)) :]
        assert positions[indptr[query] : indptr[query + 1]].tolist() == expected
    assert indptr[-1] == len(positions)


def test_a_dislike_in_a_history_speaks_against_its_item() -> None:
    assert Event("7", event="dislike").weight == -1.0
    assert Event("7", event="hide", weight=0.5).weight == -0.5
    assert Event("7", event="like").weight == 1.0


def test_a_batch_can_be_given_words() -> None:
    batch = QueryBatch.of([Query(history=(Event("a"),)), Query()])
    assert batch.saying(["tea", None]).texts == ("tea", None)
    assert batch.saying([None, None]).texts is None
    with pytest.raises(QueryError, match="1 texts cannot be those of 2 queries"):
        batch.saying(["tea"])


def test_columns_of_kept_events_are_made_once_and_are_those_of_any_other() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    events = (Event("a", "buy", moment, 2.0), Event("b", rating=3.0), Event("a", "hide"))
    kept = Events(events)
    batch, plain = QueryBatch.of([Query(history=kept)]), QueryBatch.of([Query(history=events)])
    assert QueryBatch.of([Query(history=kept, k=3)]).codes is batch.codes
    for name in ("dictionary", "codes", "weights", "timestamps", "ratings", "starts", "ends"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(plain, name))
    assert kept.any_against
    assert not Events(events[:2]).any_against


def test_what_joins_kept_events_is_no_part_of_their_columns() -> None:
    kept = Events((Event("a"), Event("b")))
    for query in (Query(history=kept, liked=("c",)), Query(history=kept, session=(Event("c"),))):
        batch = QueryBatch.of([query])
        assert batch.dictionary[batch.codes].tolist() == ["a", "b", "c"]
    asked = QueryBatch.of([Query(history=kept, candidates=frozenset(["z", "b"]))])
    assert asked.candidates is not None
    assert asked.dictionary[asked.candidates[0]].tolist() == ["b", "z"]
    assert QueryBatch.of([Query(history=kept)]).dictionary.tolist() == ["a", "b"]
