"""A person's words become acts: what the table says, whatever is said, and never more than the words bear."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.film_shop import film_shop
from tests.agents.reader_turns import BOOKS, FILMS, GERMAN, SCREEN, STATES, brief

from tastemaker.agents.acts import Act
from tastemaker.agents.reader import Reader, Reading
from tastemaker.agents.state import State
from tastemaker.agents.tokens import LONGEST
from tastemaker.agents.wishes import ABOUT
from tastemaker.data.bookshop.books import catalogue_frame, read_books
from tastemaker.data.catalogue import Catalogue
from tastemaker.pipeline.shelf import Shelf


@pytest.fixture(scope="module")
def bookshop() -> Shelf:
    return Shelf.of_catalogue(Catalogue(catalogue_frame(read_books())))


@pytest.fixture(scope="module")
def books(bookshop: Shelf) -> Reader:
    return Reader.of_shelf(bookshop)


@pytest.fixture(scope="module")
def german(bookshop: Shelf) -> Reader:
    return Reader.of_shelf(bookshop, "de-AT")


@pytest.fixture(scope="module")
def films() -> Reader:
    return Reader.of_shelf(film_shop())


def said(reading: Reading) -> list[str]:
    return sorted(brief(act) for act in reading.acts)


@pytest.mark.parametrize(("text", "before", "acts"), BOOKS)
def test_turns_in_the_bookshop(books: Reader, text: str, before: str, acts: str) -> None:
    assert said(books.read(text, STATES[before])) == sorted(acts.split("; "))


@pytest.mark.parametrize(("text", "before", "acts"), SCREEN)
def test_turns_in_the_shop_of_films(films: Reader, text: str, before: str, acts: str) -> None:
    assert said(films.read(text, STATES[before])) == sorted(acts.split("; "))


@pytest.mark.parametrize(("text", "before", "acts"), GERMAN)
def test_turns_in_german(german: Reader, text: str, before: str, acts: str) -> None:
    assert said(german.read(text, STATES[before])) == sorted(acts.split("; "))


# -- what cannot be settled ------------------------------------------------------------------------------------------


def notes(reading: Reading) -> list[tuple[str, str]]:
    return [(note.kind, note.words) for note in reading.doubts]


def test_a_title_of_several_items_is_asked_about(films: Reader) -> None:
    found = films.read("something like Heat", State())
    assert notes(found) == [("ambiguous title", "Heat")]
    assert found.doubts[0].items == ("heat95", "heat86")
    assert not any(act.items for act in found.acts)


def test_an_item_of_that_title_on_the_list_is_meant(films: Reader) -> None:
    found = films.read("I liked Heat", State().showing(["heat86", "alien"]))
    assert said(found) == ["like heat86"]


def test_it_may_be_any_of_a_list(films: Reader) -> None:
    found = films.read("I've already seen it", STATES["films"])
    assert notes(found) == [("which item", "it")]
    assert found.doubts[0].items == FILMS
    assert said(found) == ["seen"]


def test_wishes_that_no_item_fulfils_together_are_noted(books: Reader) -> None:
    assert notes(books.read("something funny and not funny", State())) == [("conflict", "funny; not funny")]


def test_a_number_of_nobody_knows_what_is_noted(books: Reader) -> None:
    found = books.read("at most 12", State())
    assert notes(found) == [("which slot", "at most 12")]


def test_a_title_that_no_item_has_is_said_to_be_none(films: Reader) -> None:
    found = films.read('something like "The Third Man"', State())
    assert ("not in catalogue", "The Third Man") in notes(found)
    assert [act.wish.slot for act in found.acts if act.wish] == [ABOUT]


def test_what_was_spelt_wrong_is_noted(books: Reader) -> None:
    found = books.read("a comdey, something like Draculla", State())
    assert {(note.words, note.text) for note in found.doubts} == {("comdey", "comedy"), ("Draculla", "Dracula")}


def test_a_real_word_is_not_taken_for_one_that_looks_like_it(books: Reader) -> None:
    # The shop has horses, and the person a house.
    assert said(books.read("a story about a house", State())) == said(books.read("about a house", State()))
    assert "horses" not in str(books.read("a story about a house", State()).acts)


def test_what_has_no_field_is_left_for_others_to_read(books: Reader) -> None:
    found = books.read("something funny with talking vegetables", State())
    assert found.unparsed == ("talking vegetables",)
    assert said(found) == ["moods is funny", "~about is talking vegetables"]


def test_the_same_words_give_the_same_acts(books: Reader) -> None:
    text = "short and funny, no murder, under 10 euros, like Emma"
    assert books.read(text, State()) == books.read(text, State())


def test_a_list_makes_critiques_of_what_are_wishes_without_one(books: Reader) -> None:
    assert said(books.read("shorter", State())) == ["~length is short"]
    assert said(books.read("shorter", STATES["shown"])) == ["critique length less dracula emma walden"]


def test_a_word_that_is_a_title_is_one_only_where_something_says_so(films: Reader) -> None:
    for text in ("it", "something for it", "hurry up", "I WANT A BIG LAUGH", "heat is not my thing"):
        read = films.read(text, State())
        assert not any(act.items for act in read.acts) or text == "it", text
    for text in ('I loved "Up"', "a movie called up", "have you seen Up?"):
        assert any(act.items == ("up",) for act in films.read(text, State()).acts), text


# -- whatever is said ------------------------------------------------------------------------------------------------

SAYABLE = """
no not but and or , . ? ! like Dracula emma It up the first second last it these under over 10 1850 80s $ euros hours
short funny sad comedy horror actually instead forget never mind any length price more less than too for kids aged 8
year old Christmas thanks start over why compare is it scary \u201cEmma\u201d \u00e9 \u4e66 \U0001f4da
"""
WORDS = st.sampled_from(SAYABLE.split())
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join))
BEFORE = st.sampled_from(sorted(STATES))


def check(reader: Reader, text: str, state: State) -> None:
    found = reader.read(text, state)
    assert found.acts
    for act in found.acts:
        assert act.words in found.text
        assert Act.from_json(act.to_json()) == act
        if act.wish is not None:
            assert act.wish.words
            assert act.wish.words in found.text
            assert act.wish.slot == ABOUT or act.wish.slot in reader.slots
    assert all(words in found.text for words in found.unparsed)
    state.after(found.acts)


@given(TEXTS, BEFORE)
def test_anything_can_be_said_and_every_wish_stands_in_the_words(books: Reader, text: str, before: str) -> None:
    check(books, text, STATES[before])


@given(TEXTS, BEFORE)
def test_anything_can_be_said_about_films(films: Reader, text: str, before: str) -> None:
    check(films, text, STATES[before])


@given(st.text(max_size=60))
def test_anything_can_be_said_in_german(german: Reader, text: str) -> None:
    check(german, text, State())


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u202e", "\u2060", "\ufeff", "\U000e0041"])
def test_what_cannot_be_seen_changes_nothing(books: Reader, hidden: str) -> None:
    text = "something funny, no horror, like Dracula"
    assert books.read(hidden.join(text), State()).acts == books.read(text, State()).acts


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_spaces(books: Reader, control: str) -> None:
    assert said(books.read(f"something{control}funny{control}", State())) == ["moods is funny"]


def test_a_turn_without_end_is_cut(books: Reader) -> None:
    found = books.read("funny " * LONGEST, State())
    assert LONGEST - 10 < len(found.text) <= LONGEST
    assert notes(found) == [("cut", "")]
    assert said(found) == ["moods is funny"]


def calls(work: Callable[[], Any]) -> int:
    """Return how many functions are called: a measure of work that no clock disturbs."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "piece",
    ["the ", "no ", "like the ", "1 ", "not funny and ", "or, ", "A B ", '"', "like Zzq. ", "no a, ", "I loved it. "],
)
def test_a_turn_twice_as_long_is_twice_the_work(films: Reader, piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (1500, 3000))
    films.read(short, STATES["films"])
    once, twice = (calls(lambda text=text: films.read(text, STATES["films"])) for text in (short, long))  # type: ignore[misc]
    assert twice < 2.6 * once


def test_a_doubt_is_told_in_a_line(films: Reader) -> None:
    assert films.read("something like Heat", State()).notes == ("ambiguous title: Heat: heat95, heat86",)
