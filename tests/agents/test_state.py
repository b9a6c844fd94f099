"""A conversation's state follows what is said: later words win, taking back works at once, hidden stays hidden."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.agents.acts import KINDS, Act
from tastemaker.agents.state import State
from tastemaker.agents.wishes import ABOUT, SIGNS, Wish
from tastemaker.core.errors import DataError


def wished(slot: str, sign: str, value: str | float, **more: object) -> Act:
    return Act("wish", wish=Wish(slot, sign, value, **more))  # type: ignore[arg-type]


def test_a_wish_knows_when_it_was_said_and_with_which_words() -> None:
    state = State().after([]).after([wished("length", "is", "short", words="not so long")])
    assert [(wish.turn, wish.words) for wish in state.active] == [(2, "not so long")]


def test_the_last_word_on_a_bound_wins() -> None:
    state = State().after([wished("year", "at least", 1900.0)]).after([wished("year", "at least", 1800.0)])
    assert [wish.value for wish in state.active] == [1800.0]
    assert [(wish.status, wish.ended) for wish in state.wishes] == [("replaced", 2), ("active", None)]


def test_what_is_not_wanted_any_more_gives_way_to_wanting_it_and_back() -> None:
    state = State().after([wished("moods", "is not", "dark")]).after([wished("moods", "is", "dark")])
    assert [wish.sign for wish in state.active] == ["is"]
    state = state.after([wished("moods", "is not", "dark")])
    assert [wish.sign for wish in state.active] == ["is not"]


def test_a_lower_bound_above_the_upper_one_replaces_it() -> None:
    state = State().after([wished("price", "at most", 10.0)]).after([wished("price", "at least", 20.0)])
    assert [(wish.sign, wish.value) for wish in state.active] == [("at least", 20.0)]
    assert not state.conflicts()


def test_two_values_of_one_slot_may_both_be_wanted() -> None:
    state = State().after([wished("moods", "is", "dark"), wished("moods", "is", "funny")])
    assert [wish.value for wish in state.of_slot("moods")] == ["dark", "funny"]


def test_wishes_are_taken_back_by_slot_by_value_or_all_at_once() -> None:
    said = [wished("moods", "is", "dark"), wished("moods", "is", "funny"), wished("length", "is", "short")]
    state = State().after([*said, Act("resembling", items=("dracula",))])
    assert [wish.value for wish in state.after([Act("retract", slot="moods", value="dark")]).active] == [
        "funny",
        "short",
    ]
    assert [wish.value for wish in state.after([Act("retract", slot="moods")]).active] == ["short"]
    empty = state.after([Act("retract")])
    assert not empty.active
    assert not empty.resembling
    assert all(wish.ended == 2 for wish in empty.wishes)


def test_one_item_that_was_named_as_alike_is_taken_back_alone() -> None:
    state = State().after([wished("length", "is", "short"), Act("resembling", items=("a", "b"))])
    state = state.after([Act("retract", items=("a",))])
    assert state.resembling == ("b",)
    assert len(state.active) == 1


def test_hidden_items_stay_hidden_through_a_new_beginning() -> None:
    state = State().after([Act("hide", items=("x",)), wished("length", "is", "short")]).after([Act("restart")])
    assert state.hidden == ("x",)
    assert not state.active


def test_liking_an_item_shows_it_again() -> None:
    state = State().after([Act("hide", items=("x",))]).after([Act("like", items=("x",))])
    assert (state.hidden, state.liked) == ((), ("x",))


def test_no_question_is_put_about_what_was_said_or_refused() -> None:
    state = State().after([wished("length", "is", "short"), Act("mind not", slot="year")])
    assert state.refused_slots == {"length", "year"}
    asked = State().asking("form")
    assert asked.refused_slots == frozenset()
    assert asked.after([Act("mind not", slot="form")]).refused_slots == {"form"}
    assert asked.after([wished("form", "is", "novel")]).refused_slots == {"form"}


def test_what_has_no_field_is_never_a_must() -> None:
    assert not Wish(ABOUT, "is", "sad robots", hard=True).hard


WISHES = st.builds(
    Wish,
    slot=st.sampled_from(["moods", "year", ABOUT]),
    sign=st.sampled_from(SIGNS),
    value=st.one_of(st.sampled_from(["dark", "funny"]), st.sampled_from([1800.0, 1900.0])),
    hard=st.booleans(),
    words=st.text(max_size=5),
)
ITEMS = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)
ACTS = st.one_of(
    st.builds(lambda wish: Act("wish", wish=wish), WISHES),
    st.builds(
        Act, kind=st.sampled_from(sorted(set(KINDS) - {"wish"})), items=ITEMS, slot=st.sampled_from(["", "moods"])
    ),
)


@given(st.lists(st.lists(ACTS, max_size=4), max_size=6))
def test_whatever_is_done_the_state_is_read_back_as_it_was_and_wants_nothing_impossible(turns: list[list[Act]]) -> None:
    state = State()
    for acts in turns:
        state = state.after(Act.from_json(json.loads(json.dumps(act.to_json()))) for act in acts)
        state = state.showing(["a", "b"])
        assert not state.conflicts()
        assert not set(state.liked) & set(state.hidden)
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state
    assert state.turn == len(turns)


@pytest.mark.parametrize("given", [{}, {"format": 1}, {**State().to_json(), "wishes": [{"slot": "x"}]}])
def test_what_is_no_state_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"conversation|wish"):
        State.from_json(given)


@pytest.mark.parametrize(
    "given", [{"kind": "fly"}, {"kind": "like", "wings": 2}, {"kind": "wish", "wish": {"sign": "?"}}]
)
def test_what_is_no_act_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(DataError, match="none"):
        Act.from_json(given)
