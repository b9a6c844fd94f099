"""Titles that a model wrote mean an item, several, or none of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastemaker.data.catalogue import Catalogue
from tastemaker.language.asking.grounding import Ambiguous, Exact, Grounder, NotInCatalogue
from tastemaker.language.asking.trigrams import Trigrams

FILMS = {
    "matrix": "Matrix, The (1999)",
    "heat86": "Heat (1986)",
    "heat95": "Heat (1995)",
    "amelie": "Amélie (2001)",
    "rocky2": "Rocky II (1979)",
    "rocky3": "Rocky III (1982)",
    "postino": "Postino, Il (The Postman) (1994)",
    "postman": "Postman, The (1997)",
    "monkeys": "Twelve Monkeys (1995)",
    "runner": "Blade Runner 2049 (2017)",
    "blade": "Blade Runner (1982)",
    "empire": "300: Rise of an Empire (2014)",
    "mash": "M*A*S*H (1970)",
    "one": "Casablanca",
    "two": "Casablanca",
    "empty": "",
}
ALIASES = {"monkeys": ["12 Monkeys"]}


def grounder(**own: Any) -> Grounder:
    return Grounder(list(FILMS), list(FILMS.values()), aliases=ALIASES, **own)


GROUNDER = grounder()


@pytest.mark.parametrize(
    ("said", "item", "how"),
    [
        ("Matrix, The (1999)", "matrix", "title"),
        ("The Matrix", "matrix", "alias"),
        ("the MATRIX (1999)", "matrix", "alias"),
        ("1. **The Matrix** (1999)", "matrix", "alias"),
        ("- “The Matrix”", "matrix", "alias"),
        ("The Matrix (2000)", "matrix", "alias"),
        ("The Matrix, 1999", "matrix", "alias"),
        ("Amelie", "amelie", "alias"),
        ("Heat (1995)", "heat95", "title"),
        ("Heat 1986", "heat86", "alias"),
        ("The Postman", "postman", "alias"),
        ("The Postman (1994)", "postino", "alias"),
        ("Il Postino", "postino", "alias"),
        ("Il Postino (The Postman)", "postino", "alias"),
        ("12 Monkeys", "monkeys", "alias"),
        ("Blade Runner 2049", "runner", "alias"),
        ("Blade Runner", "blade", "alias"),
        ("300: Rise of an Empire", "empire", "alias"),
        ("MASH", "mash", "nowhere"),
        ("M*A*S*H", "mash", "alias"),
        ("The Matirx", "matrix", "spelling"),
        ("Blade Runer", "blade", "spelling"),
        ("Rocky II", "rocky2", "alias"),
        ("Roky 2", "rocky2", "nowhere"),
        ("Rockie III", "rocky3", "spelling"),
    ],
)
def test_a_title_means_the_item_that_has_it(said: str, item: str, how: str) -> None:
    found = GROUNDER.ground(said)
    if how == "nowhere":
        assert isinstance(found, NotInCatalogue)
    else:
        assert found == Exact(item, FILMS[item], how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    ["The Matrix (2021)", "Rocky IV", "Rocky", "Heat (1972)", "Blade Runner 2050", "The Godfather", "x", "", "«»", "…"],
)
def test_what_only_looks_like_a_title_is_none_of_the_catalogue(said: str) -> None:
    assert isinstance(GROUNDER.ground(said), NotInCatalogue)


def test_a_title_of_several_items_is_said_to_be_one() -> None:
    assert GROUNDER.ground("Casablanca") == Ambiguous((("one", "Casablanca"), ("two", "Casablanca")))
    assert GROUNDER.ground("heat") == Ambiguous((("heat86", "Heat (1986)"), ("heat95", "Heat (1995)")))


def test_what_is_nearest_is_told_where_nothing_is_meant() -> None:
    found = GROUNDER.ground("Matrix Reloaded")
    assert isinstance(found, NotInCatalogue)
    assert found.nearest[0] == ("matrix", FILMS["matrix"])


def test_what_is_not_found_in_a_list_is_counted_and_no_item_comes_twice() -> None:
    found = GROUNDER.ground_all(["The Matrix", "Heat", "Nothing at all", "matrix", "Amélie"])
    assert found.items == ("matrix", "amelie")
    assert found.counts == {"exact": 2, "ambiguous": 1, "not in catalogue": 1, "repeated": 1}
    assert len(found.each) == 5


def test_years_of_the_catalogue_count_like_those_in_titles() -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "title": ["Emma", "Emma"], "year": [1996, 2020]})
    found = Grounder.of_catalogue(Catalogue(frame))
    assert found.ground("Emma (2020)") == Exact("b", "Emma", "alias")
    assert isinstance(found.ground("Emma"), Ambiguous)


class Directions:
    """Encodes each text as the direction that it is given, or as nothing."""

    name, dim, normalised, fingerprint, truncated = "directions", 2, False, "0", 0

    def __init__(self, angles: dict[str, float]) -> None:
        self.angles = angles

    def encode(self, texts: Sequence[str], kind: str = "item", *, run: Any = None) -> np.ndarray:
        found = [self.angles.get(text) for text in texts]
        return np.array([[0, 0] if at is None else [2 * np.cos(at), 2 * np.sin(at)] for at in found], np.float32)

    def spec(self) -> dict[str, Any]:
        return {"name": self.name}


def test_meaning_counts_where_spelling_does_not_and_only_with_a_margin() -> None:
    angles = {FILMS["matrix"]: 0.0, FILMS["mash"]: 1.0, FILMS["blade"]: 1.1, "Neo's film": 0.3, "war": 1.05, "far": 2.6}
    found = grounder(encoder=Directions(angles))
    assert found.ground("Neo's film") == Exact("matrix", FILMS["matrix"], "meaning")
    assert isinstance(found.ground("war"), Ambiguous)
    assert isinstance(found.ground("far"), NotInCatalogue)


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=40))
def test_any_text_is_grounded_in_the_catalogue_or_not_at_all(titles: list[str], said: str) -> None:
    ids = [f"i{place}" for place in range(len(titles))]
    found = Grounder(ids, titles).ground(said)
    named = found.candidates if isinstance(found, Ambiguous) else ()
    named = ((found.item_id, found.title),) if isinstance(found, Exact) else named
    named = found.nearest if isinstance(found, NotInCatalogue) else named
    known = dict(zip(ids, titles, strict=True))
    assert all(known[item] == title for item, title in named)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique=True), st.data())
def test_a_title_is_never_said_to_be_missing(titles: list[str], data: st.DataObject) -> None:
    title = data.draw(st.sampled_from(titles))
    found = Grounder([f"i{place}" for place in range(len(titles))], titles).ground(title)
    if isinstance(found, Exact):
        assert found.title == title or found.how != "title"
    else:
        assert isinstance(found, Ambiguous) or not any(letter.isalnum() for letter in title)


def test_marks_in_front_of_a_title_are_part_of_it() -> None:
    assert Grounder(["x"], [" _0"]).ground(" _0") == Exact("x", " _0", "title")


def test_a_text_without_end_is_cut() -> None:
    assert isinstance(GROUNDER.ground("Matrix " * 1_000_000), NotInCatalogue)


# -- names that share runs of letters --------------------------------------------------------------------------


@example(["a", "ab"], "a aab")
@given(st.lists(st.text("abc ", max_size=8), min_size=1, max_size=12), st.text("abc ", max_size=8))
def test_the_nearest_names_are_those_of_the_formula(names: list[str], sought: str) -> None:
    def runs(name: str) -> set[str]:
        padded = f" {name} "
        return {padded[start : start + 3] for start in range(len(padded) - 2)}

    shares = [
        2 * len(runs(name) & runs(sought)) / (len(runs(name)) + len(runs(sought))) if runs(name) | runs(sought) else 0.0
        for name in names
    ]
    expected = sorted(
        (place for place in range(len(names)) if shares[place]), key=lambda place: (-shares[place], place)
    )
    assert Trigrams(names).nearest(sought, 5) == expected[:5]


def test_there_may_be_no_names() -> None:
    assert Trigrams([]).nearest("anything", 3) == []
    assert isinstance(Grounder([], []).ground("Emma"), NotInCatalogue)
