"""Keywords of items: those that people and the catalogue name, else those of the texts."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.data import Catalogue, Relations
from tastemaker.language.keywords import PER_ITEM, item_keywords, keyword, phrases, split_keywords


def tags(*rows: tuple[str, str], **more: list[int]) -> Relations:
    frame = {"head": [item for item, _ in rows], "relation": ["has_tag"] * len(rows), "tail": [tag for _, tag in rows]}
    return Relations(pl.DataFrame({**frame, **more}))


def test_tags_are_counted_whatever_their_spelling() -> None:
    catalogue = Catalogue(pl.DataFrame({"item_id": ["a", "b"], "title": ["Heat", "Alien"]}))
    given = tags(("a", "Film-Noir"), ("a", "film noir"), ("a", "heist"), ("elsewhere", "lost"), ("a", "!"))
    assert item_keywords(catalogue, ["b", "a"], given) == [{"alien": 1}, {"film noir": 2, "heist": 1}]


def test_a_count_stands_for_so_many_rows() -> None:
    catalogue = Catalogue.of_ids(["a"])
    assert item_keywords(catalogue, ["a"], tags(("a", "sea"), ("a", "ship"), count=[7, 0])) == [{"sea": 7, "ship": 1}]


def test_other_relations_are_no_keywords() -> None:
    facts = Relations(pl.DataFrame({"head": ["a"], "relation": ["made_by"], "tail": ["someone"]}))
    assert item_keywords(Catalogue.of_ids(["a"]), ["a"], facts) == [{}]


def test_the_catalogue_names_keywords_too() -> None:
    frame = {"item_id": ["a"], "keywords": ["sea; Ships"], "tags": [["old", "sea"]], "categories": [["Books > Novels"]]}
    (found,) = item_keywords(Catalogue(pl.DataFrame(frame)), ["a"])
    assert found == {"sea": 1, "ships": 1, "old": 1, "books": 1, "novels": 1}


def test_where_nobody_named_any_the_text_gives_its_rarest_words_and_common_pairs() -> None:
    titles = ["the quiet sea", "the quiet sea again", "the loud town", "the town"]
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcd"), "title": titles}))
    first, _, third, _ = item_keywords(catalogue, list("abcd"))
    assert "quiet sea" in first  # two texts have the pair
    assert "loud town" not in third  # one has it
    assert next(iter(third)) == "loud"


def test_a_text_has_so_many_keywords_and_no_more() -> None:
    long = " ".join(f"word{number}" for number in range(50))
    catalogue = Catalogue(pl.DataFrame({"item_id": ["a", "b"], "text": [long, "other"]}))
    assert len(item_keywords(catalogue, ["a"])[0]) == PER_ITEM


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Sea stories; quiet, sea  stories", ["sea stories", "quiet"]),
        ("", []),
        (" ,; | ", []),
        ("één|Été\nwar", ["een", "ete", "war"]),
    ],
)
def test_keywords_of_a_text_stand_between_commas(text: str, found: list[str]) -> None:
    assert split_keywords(text) == found


@given(st.text())
def test_a_keyword_is_compared_as_it_is(text: str) -> None:
    assert keyword(keyword(text)) == keyword(text)
    assert all(part == keyword(part) for part in split_keywords(text))


def test_phrases_come_longest_first() -> None:
    assert phrases("a b c d", 3) == ["a b c", "b c d", "a b", "b c", "c d", "a", "b", "c", "d"]
