"""A turn answers with items that fulfil what holds, says what changed, and names what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.agents.shop import BOOKS, MOODS, Prompter, shop

from tastemaker.agents.acts import KINDS, Act
from tastemaker.agents.conversation import Conversation, Turn
from tastemaker.agents.finding import Finding, fulfils
from tastemaker.agents.parts import Cards, Chips, Question, Trace, Words, in_text, to_json
from tastemaker.agents.questions import question_for
from tastemaker.agents.state import State
from tastemaker.agents.wishes import ABOUT, SIGNS, Wish
from tastemaker.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return shop()


class Talk:
    """A conversation that goes on."""

    def __init__(self, engine: Engine) -> None:
        self.reader = Prompter()
        self.conversation = Conversation(engine, self.reader)
        self.state = State()
        self.last: Turn | None = None

    def say(self, *acts: Act) -> Turn:
        self.reader.acts = list(acts)
        self.last = turn = self.conversation.turn(self.state, "something")
        self.state = turn.state
        return turn


@pytest.fixture
def talk(engine: Engine) -> Talk:
    return Talk(engine)


def wished(slot: str, sign: str, value: str | float, hard: bool = True) -> Act:
    return Act("wish", wish=Wish(slot, sign, value, hard, words="as said"))  # type: ignore[arg-type]


def shown(turn: Turn) -> list[str]:
    return [card.item_id for part in turn.parts if isinstance(part, Cards) for card in part.cards]


def words(turn: Turn) -> str:
    return " ".join(part.text for part in turn.parts if isinstance(part, Words))


def book(item_id: str) -> dict[str, Any]:
    return next(row for row in BOOKS if row["item_id"] == item_id)


def test_every_card_fulfils_what_must_hold(talk: Talk) -> None:
    found = shown(talk.say(wished("moods", "is", "funny"), wished("length", "is not", "long")))
    assert len(found) == 5
    assert all("funny" in book(item)["moods"] and book(item)["length"] != "long" for item in found)


def test_a_wish_that_is_taken_back_holds_no_more_in_the_same_turn(talk: Talk) -> None:
    talk.say(wished("moods", "is", "funny"), wished("length", "is", "short"))
    turn = talk.say(Act("retract", slot="length"))
    assert "short" in words(turn)
    assert [wish.slot for wish in turn.state.active] == ["moods"]
    assert any(book(item)["length"] != "short" for item in shown(turn))


def test_what_is_hidden_is_gone_from_the_very_answer_and_all_that_follow(talk: Talk) -> None:
    first = shown(talk.say(wished("moods", "is", "dark")))
    turn = talk.say(Act("hide", items=(first[0],)))
    assert first[0] not in shown(turn)
    assert BOOKS[int(first[0][1:])]["title"] in words(turn)
    for acts in ([Act("restart")], [Act("more")], [wished("moods", "is", "dark")]):
        assert first[0] not in shown(talk.say(*acts))


def test_more_means_others(talk: Talk) -> None:
    first = shown(talk.say(wished("moods", "is", "dark")))
    assert not set(first) & set(shown(talk.say(Act("more"))))


def test_as_many_are_shown_as_were_asked_for(talk: Talk) -> None:
    assert len(shown(talk.say(Act("quantity", number=2)))) == 2


def test_where_nothing_fits_the_wishes_in_the_way_are_named_with_what_there_would_be(talk: Talk) -> None:
    turn = talk.say(
        wished("year", "at least", 1830.0), wished("year", "at most", 1900.0), wished("moods", "is", "funny")
    )
    assert shown(turn)
    turn = talk.say(wished("year", "at least", 1839.0), wished("length", "is", "long"))
    assert not shown(turn)
    assert "year from 1839" in words(turn)
    assert turn.found is not None
    blocked = turn.found.blocked
    assert [each.left for each in blocked] == sorted((each.left for each in blocked), reverse=True)
    finding = talk.conversation.finding
    for each in blocked:
        ended = State(wishes=tuple(wish for wish in turn.state.wishes if wish is not each.wish))
        assert finding.find(ended).total == each.left > 0


def test_a_wish_that_cannot_be_checked_is_said_to_be_soft(talk: Talk) -> None:
    turn = talk.say(wished(ABOUT, "is", "the sea"))
    assert "the sea" in words(turn)
    assert "check" in words(turn)


def test_soft_wishes_move_items_up_and_drop_none(talk: Talk) -> None:
    turn = talk.say(wished("moods", "is", "dark"), wished("length", "is", "short", hard=False))
    lengths = [book(item)["length"] for item in shown(turn)]
    assert lengths == sorted(lengths, key=lambda length: length != "short")


def test_why_names_reasons_of_an_item_that_was_shown_and_the_wishes_it_fulfils(talk: Talk) -> None:
    first = shown(talk.say(wished("moods", "is", "dark"), Act("resembling", items=("b04",))))
    turn = talk.say(Act("ask why", items=(first[0],)))
    assert not shown(turn)
    assert "dark" in words(turn)
    assert str(book(first[0])["title"]) in words(turn)


def test_facts_and_comparisons_say_what_the_rows_say(talk: Talk) -> None:
    assert "1807" in words(talk.say(Act("ask fact", items=("b07",), slot="year")))
    assert "do not know" in words(talk.say(Act("ask fact", items=("b07",), slot="price")))
    said = words(talk.say(Act("compare", items=("b07", "b08"))))
    assert "1807" in said
    assert "1808" in said


def test_the_chips_are_the_wishes_that_hold(talk: Talk) -> None:
    turn = talk.say(wished("moods", "is not", "dark"), wished("year", "at most", 1820.0))
    (chips,) = (part for part in turn.parts if isinstance(part, Chips))
    assert [chip.text for chip in chips.chips] == ["not dark", "year up to 1820"]


def test_a_question_is_put_once_and_not_about_what_was_said(talk: Talk) -> None:
    asked = [part.slot for part in talk.say().parts if isinstance(part, Question)]
    assert len(asked) == 1
    later = [part.slot for part in talk.say(Act("mind not", slot=asked[0])).parts if isinstance(part, Question)]
    assert asked[0] not in later


def test_nothing_is_asked_where_a_look_says_more(engine: Engine) -> None:
    finding = Finding(engine)
    state = State().after([wished("length", "is", "short")])
    left = finding.open_to(state, 'length in ("short")')
    assert question_for(state, finding.slots, engine.shop.shelf, left) is None


def test_thanks_and_small_talk_show_no_list(talk: Talk) -> None:
    talk.say()
    for kind in ("thanks", "small talk"):
        turn = talk.say(Act(kind))
        assert not shown(turn)
        assert words(turn)


def test_a_critique_of_a_number_goes_below_what_it_is_compared_with(talk: Talk) -> None:
    talk.say(wished("moods", "is", "dark"))
    turn = talk.say(Act("critique", slot="year", sign="less", items=("b20",), words="older"))
    assert [(wish.slot, wish.sign, wish.value) for wish in turn.state.active][-1] == ("year", "at most", 1819.0)
    assert all(book(item)["year"] < 1820 for item in shown(turn))


def test_a_critique_of_a_text_wants_or_refuses_what_it_names(talk: Talk) -> None:
    talk.say()
    turn = talk.say(Act("critique", slot="length", sign="less", value="long", items=("b20",), words="not so long"))
    assert [(wish.slot, wish.sign, wish.value) for wish in turn.state.active] == [("length", "is not", "long")]
    turn = talk.say(Act("critique", slot="moods", sign="more", value="grand", words="grander"))
    assert [(wish.slot, wish.sign, wish.value) for wish in turn.state.active][-1] == ("moods", "is", "grand")
    for words, sign, value in (("too long", "is not", "long"), ("shorter", "is", "short")):
        turn = talk.say(Act("critique", slot="length", sign="less", words=words))
        assert (turn.state.active[-1].sign, turn.state.active[-1].value) == (sign, value)


def test_a_critique_that_says_nothing_that_can_be_checked_changes_no_wish(talk: Talk) -> None:
    talk.say()
    for act in (
        Act("critique", slot="unheard", sign="less"),
        Act("critique", slot="moods", sign="less"),
        Act("critique", slot="year", sign="less", items=("b00",)),
        Act("critique", slot="year", sign="more", items=("nobody",)),
    ):
        assert not talk.say(act).state.active


def test_every_part_is_plain_json_and_the_trace_is_last(talk: Talk) -> None:
    turn = talk.say(wished("moods", "is", "dark"))
    assert isinstance(turn.parts[-1], Trace)
    assert [line.step for line in turn.parts[-1].lines] == ["read", "capture", "find", "speak"]
    assert {to_json(part)["type"] for part in turn.parts} >= {"text", "cards", "constraints", "trace"}
    assert "Book" in in_text(turn.parts)


@pytest.mark.parametrize(
    ("value", "wish", "expected"),
    [
        (("a", "b"), Wish("x", "is", "a"), True),
        (("a", "b"), Wish("x", "is not", "a"), False),
        ("a", Wish("x", "is", "a"), True),
        (None, Wish("x", "is", "a"), False),
        (None, Wish("x", "is not", "a"), True),
        (3.0, Wish("x", "at least", 3.0), True),
        (3.0, Wish("x", "at most", 2.0), False),
        ("a", Wish("x", "at most", 2.0), False),
    ],
)
def test_a_value_fulfils_a_wish_or_not(value: object, wish: Wish, expected: bool) -> None:
    assert fulfils(value, wish) is expected


ITEMS = st.lists(st.sampled_from([*(f"b{n:02}" for n in range(12)), "nobody"]), max_size=2).map(tuple)
WISHES = st.one_of(
    st.builds(Wish, slot=st.just("moods"), sign=st.sampled_from(SIGNS[:2]), value=st.sampled_from([*MOODS, "{odd}"])),
    st.builds(Wish, slot=st.just("year"), sign=st.sampled_from(SIGNS[2:]), value=st.sampled_from([1810.0, 1830.0])),
    st.builds(Wish, slot=st.sampled_from([ABOUT, "unheard"]), sign=st.just("is"), value=st.text(max_size=8)),
)
ACTS = st.one_of(
    st.builds(lambda wish: Act("wish", wish=wish), WISHES),
    st.builds(
        Act,
        kind=st.sampled_from(sorted(set(KINDS) - {"wish"})),
        items=ITEMS,
        slot=st.sampled_from(["", "moods", "year", "unheard"]),
        number=st.sampled_from([None, 1, 3]),
        text=st.text(max_size=8),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.lists(ACTS, max_size=3), min_size=1, max_size=4))
def test_whatever_is_said_cards_are_of_the_shop_distinct_allowed_and_never_hidden(
    engine: Engine, turns: list[list[Act]]
) -> None:
    talk = Talk(engine)
    for acts in turns:
        turn = talk.say(*acts)
        found = shown(turn)
        assert len(set(found)) == len(found)
        assert not set(found) & ({*turn.state.hidden, *turn.state.seen})
        slots = talk.conversation.finding.slots
        for item in found:
            row = book(item)
            for wish in turn.state.active:
                if wish.hard and wish.slot in slots and wish.sign != "is":
                    value = row[wish.slot]
                    assert fulfils(tuple(value) if isinstance(value, list) else value, wish)
        assert turn.parts
