"""Words of a language, a shop's values and its titles are found where they stand, and numbers are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.film_shop import film_shop

from tastemaker.agents.heard import Heard
from tastemaker.agents.lexicon import Lexicon, load_lexicon, locales
from tastemaker.agents.mentions import Titles
from tastemaker.agents.phrases import Phrases, cover
from tastemaker.agents.slots import Slot, slots_of
from tastemaker.agents.spelling import Spelling
from tastemaker.agents.tokens import tokens_of, words_of
from tastemaker.core.errors import ConfigError


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon("en")


def heard(lexicon: Lexicon, **values: tuple[str, ...]) -> Heard:
    slots = {
        name: Slot(name, "texts", told, (1,) * len(told), paths=name == "categories") for name, told in values.items()
    }
    return Heard(slots, lexicon)


def meant(found: Heard, phrase: str) -> list[tuple[str, str | bool]]:
    return [(meaning.slot, meaning.value) for meaning in found.best(found.means(phrase))]


# -- languages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", locales())
def test_every_language_says_all_that_the_rules_listen_for(locale: str) -> None:
    own, english = load_lexicon(locale), load_lexicon("en")
    listened = {tag for phrase in english.tags for tag in english.tags.get(phrase) if tag.isidentifier()}
    known = {tag for phrase in own.tags for tag in own.tags.get(phrase)}
    assert listened - known == set()
    assert own.groups
    assert own.numbers
    assert len(own.units)


def test_country_and_case_of_a_locale_do_not_matter() -> None:
    assert load_lexicon("de-AT").locale == load_lexicon("DE_de").locale == "de"


def test_a_language_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="no words of the language 'xx'"):
        load_lexicon("xx")


@pytest.mark.parametrize("text", ["no toml at all [", "", "[cues]\nnot = 3"])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "xx.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_lexicon("xx", file)


# -- values ----------------------------------------------------------------------------------------------------------


def test_a_step_of_a_path_is_heard_as_itself(lexicon: Lexicon) -> None:
    found = heard(lexicon, categories=("Fiction > Humour", "Fiction > Crime and detection", "Poetry > Epic"))
    assert meant(found, "humour") == [("categories", "Humour")]
    assert meant(found, "detection") == [("categories", "Crime and detection")]
    assert meant(found, "poetry") == [("categories", "Poetry")]
    assert meant(found, "funny") == [("categories", "Humour")]


def test_case_accents_hyphens_and_plurals_do_not_matter(lexicon: Lexicon) -> None:
    found = heard(lexicon, tags=("Café Society", "sci-fi", "Mystery", "ghosts"))
    assert meant(found, "cafe society") == [("tags", "Café Society")]
    assert meant(found, "Sci Fi") == meant(found, "science fiction") == [("tags", "sci-fi")]
    assert meant(found, "mysteries") == [("tags", "Mystery")]
    assert meant(found, "GHOST") == [("tags", "ghosts")]


def test_the_own_word_comes_before_another_for_the_same(lexicon: Lexicon) -> None:
    found = heard(lexicon, moods=("funny", "witty"), genres=("Comedy", "Drama"))
    assert meant(found, "funny") == [("moods", "funny")]
    assert meant(found, "comedy") == [("genres", "Comedy")]


def test_a_name_is_heard_by_its_end(lexicon: Lexicon) -> None:
    found = heard(lexicon, author=("Jane Austen", "Joseph Sheridan Le Fanu"))
    assert meant(found, "Austen") == [("author", "Jane Austen")]
    assert meant(found, "le fanu") == [("author", "Joseph Sheridan Le Fanu")]
    assert meant(found, "Jane") == []


def test_fields_are_known_by_names_of_several_languages(lexicon: Lexicon) -> None:
    slots = {"Preis": Slot("Preis", "number", low=1, high=9), "page count": Slot("page count", "number", low=1, high=9)}
    assert Heard(slots, lexicon).of_concept == {"price": "Preis", "pages": "page count"}


def test_a_value_is_named_whatever_its_case(lexicon: Lexicon) -> None:
    found = heard(lexicon, categories=("Fiction > Humour",))
    assert found.named("categories", "HUMOUR") == "Humour"
    assert found.named("categories", "Tragedy") is None
    assert found.named("moods", "Humour") is None


# -- titles ----------------------------------------------------------------------------------------------------------


def known(titles: Titles, name: str) -> tuple[str, ...]:
    return tuple(titles.phrases.get(" ".join(words_of(name))))


def test_titles_have_several_forms() -> None:
    titles = Titles(
        ["1", "2", "3", "4"],
        ["Matrix, The (1999)", "Alien: Resurrection", "Postino, Il (The Postman) (1994)", "Amélie"],
        aliases={"4": ["Le Fabuleux Destin"]},
    )
    for name, item in (
        ("the matrix", "1"), ("Matrix", "1"), ("alien", "2"), ("Il Postino", "3"), ("the postman", "3"),
        ("AMELIE", "4"), ("le fabuleux destin", "4"),
    ):  # fmt: skip
        assert known(titles, name) == (item,)


def test_what_stands_before_a_colon_names_an_item_only_where_no_other_has_it() -> None:
    assert known(Titles(["1", "2"], ["Alien: Resurrection", "Alien: Covenant"]), "alien") == ()
    assert known(Titles(["1", "2"], ["Alien: Resurrection", "Alien"]), "alien") == ("2",)


def test_a_year_tells_items_of_one_title_apart() -> None:
    titles = Titles.of_shelf(film_shop())
    assert set(known(titles, "heat")) == {"heat95", "heat86"}
    assert titles.of_year(("heat95", "heat86"), 1995) == ("heat95",)


# -- parts -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), max_size=8), st.lists(st.sampled_from("abc")))
def test_phrases_are_found_where_they_stand(known: list[list[str]], text: list[str]) -> None:
    phrases: Phrases[int] = Phrases()
    for number, words in enumerate(known):
        phrases.add(words, number)
    for place in range(len(text)):
        found = [length for length, _ in phrases.at(text, place)]
        expected = {len(words) for words in known if text[place : place + len(words)] == words}
        assert found == sorted(expected, reverse=True)


def test_the_cover_of_a_turn_has_the_longest_phrases() -> None:
    # Of "a b c d" the phrases "a b", "b c d", "c d": two pairs are worth 8, one of three 9.
    assert cover(4, {0: [(2, 0.0)], 1: [(3, 0.0)], 2: [(2, 0.0)]}) == [(1, 4)]
    assert cover(4, {0: [(2, 0.1)], 1: [(2, 0.0)], 2: [(2, 0.1)]}) == [(0, 2), (2, 4)]
    assert cover(3, {}) == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [("horor", "horror"), ("comdey", "comedy"), ("romanse", "romance"), ("thrillers", "thriller"), ("house", None),
     ("horrible", None), ("orror", None), ("hor", None)],
)  # fmt: skip
def test_a_single_slip_is_understood(said: str, meant: str | None) -> None:
    assert Spelling(["horror", "comedy", "romance", "thriller", "horse"]).nearest(said) == meant


@given(st.text(max_size=60))
def test_tokens_stand_in_the_text(text: str) -> None:
    end = 0
    for token in tokens_of(text):
        assert text[token.start : token.end] == token.said
        assert token.start >= end
        end = token.end


def test_slots_tell_thirds_of_their_numbers() -> None:
    runtime = slots_of(film_shop())["runtime"]
    assert runtime.low < runtime.thirds[0] < runtime.thirds[1] < runtime.high
