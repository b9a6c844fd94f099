"""People type titles: exact ones win, several ask back, and what fits nothing is answered with the nearest."""

from __future__ import annotations

import difflib
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastemaker.core.errors import AmbiguousItemError, UnknownItemError
from tastemaker.data.titles import TitleIndex, normalise

FILMS = {
    "1": ("Toy Story", 1995),
    "2": ("Toy Story 2", 1999),
    "3": ("The Godfather", 1972),
    "4": ("Sabrina", 1954),
    "5": ("Sabrina", 1995),
    "6": ("Amélie", 2001),
    "7": ("1984", 1984),
    "8": ("!!!", None),
    "9": ("[REC]", 2007),
    "10": ("It", 1990),
    "11": ("It Happened One Night", 1934),
    "1984": ("Blade Runner", 1982),
    "12": ("Amazing Grace", None),
}


@pytest.fixture(scope="module")
def films() -> TitleIndex:
    return TitleIndex(list(FILMS), [title for title, _ in FILMS.values()], [year for _, year in FILMS.values()])


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("Toy Story", "1"),  # although "Toy Story 2" begins so
        ("toy  STORY!", "1"),
        ("Amelie", "6"),
        ("AMÉLIE", "6"),
        ("godfather", "3"),
        ("one night", "11"),
        ("It", "10"),
        ("blade run", "1984"),
        ("!!!", "8"),
        ("[REC]", "9"),
    ],
)
def test_a_title_means_its_item(films: TitleIndex, text: str, item: str) -> None:
    assert films.resolve(text) == item


@pytest.mark.parametrize(
    ("text", "item"),
    [("Toy Story (1995)", "1"), ("Sabrina (1954)", "4"), ("sabrina 1995", "5"), ("godfather 1972", "3")],
)
def test_a_year_tells_films_of_one_name_apart(films: TitleIndex, text: str, item: str) -> None:
    assert films.resolve(text) == item


def test_an_id_means_its_item_unless_a_title_is_the_same(films: TitleIndex) -> None:
    assert films.resolve("12") == "12"
    assert films.resolve("1984") == "7"


@pytest.mark.parametrize(("text", "item"), [("Sabrina [5]", "5"), ("[1984]", "1984"), ("anything at all [3] ", "3")])
def test_an_id_in_brackets_settles_it(films: TitleIndex, text: str, item: str) -> None:
    assert films.resolve(text) == item


def test_an_id_settles_what_its_text_as_a_title_does_not() -> None:
    assert TitleIndex(["2", "a", "b"], ["Two", "2", "2"]).resolve("2") == "2"


def test_several_exact_titles_are_asked_about(films: TitleIndex) -> None:
    with pytest.raises(AmbiguousItemError, match=r"'sabrina' fits 2 titles: Sabrina \(1954\) \[4\]; Sabrina") as caught:
        films.resolve("sabrina")
    assert caught.value.candidates == [("4", "Sabrina"), ("5", "Sabrina")]
    assert "the id in brackets" in str(caught.value)


def test_five_items_and_more_than_ten_are_counted() -> None:
    five = TitleIndex([str(n) for n in range(5)], ["Battleship"] * 5)
    with pytest.raises(AmbiguousItemError, match="'battleship' fits 5 titles"):
        five.resolve("battleship")
    many = TitleIndex([str(n) for n in range(30)], [f"Star Trek {n}" for n in range(30)])
    with pytest.raises(AmbiguousItemError, match="'star trek' fits 10 or more titles"):
        many.resolve("star trek")


@pytest.mark.parametrize("text", ["Amazign Grace", "amazing grace zz"])
def test_a_misspelt_title_is_not_guessed_but_offered(films: TitleIndex, text: str) -> None:
    with pytest.raises(UnknownItemError, match=rf"no title fits '{text}'. Nearest: 'Amazing Grace'"):
        films.resolve(text)


@pytest.mark.parametrize("text", ["qqqqqqq", "", "   ", "???"])
def test_what_fits_nothing_says_so(films: TitleIndex, text: str) -> None:
    with pytest.raises(UnknownItemError, match=r"no title fits .*Try fewer words"):
        films.resolve(text)


def test_a_search_finds_exact_then_beginning_then_words(films: TitleIndex) -> None:
    index = TitleIndex(list("abcdef"), ["The Heat Wave", "Heat Wave", "Heat", "Wave Heat", "Cold", "Heather"])
    assert [item for item, _ in index.search("heat")] == ["c", "f", "b", "d", "a"]
    assert index.search("heat", limit=2) == [("c", "Heat"), ("f", "Heather")]
    assert [item for item, _ in index.search("wave he")] == ["d", "b", "a"]


def test_a_search_for_nothing_finds_nothing(films: TitleIndex) -> None:
    assert films.search("") == []
    assert films.search("toy", limit=0) == []
    assert TitleIndex([], []).search("toy") == []


@given(
    st.lists(st.text("abc de", max_size=9), min_size=1, max_size=12),
    st.text("abc de", min_size=1, max_size=9).filter(str.strip),
)
def test_likeness_is_that_of_difflib_over_all_titles(titles: list[str], wanted: str) -> None:
    index = TitleIndex([str(row) for row in range(len(titles))], titles)
    names = list(dict.fromkeys(map(normalise, titles)))
    expected = difflib.get_close_matches(normalise(wanted), names, n=4, cutoff=0.75)
    assert list(dict.fromkeys(normalise(titles[row]) for row in index._alike(normalise(wanted), 4))) == expected


@given(st.text(max_size=20))
def test_any_text_is_answered_or_refused(text: str) -> None:
    index = TitleIndex(list(FILMS), [title for title, _ in FILMS.values()])
    for item, title in index.search(text):
        assert FILMS[item][0] == title
    with suppress(UnknownItemError, AmbiguousItemError):
        assert index.resolve(text) in FILMS


@given(st.text(max_size=20))
@example("\U0001d6a8")  # a mathematical capital is a letter first, and then has a small form
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
