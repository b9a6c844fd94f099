"""What a profiler is shown of people and items, and how far it has seen."""

from __future__ import annotations

import numpy as np
import pytest
from tests.profiles.small import library

from tastemaker.core.errors import UnknownItemError
from tastemaker.data import leave_one_out
from tastemaker.profiles.facts import content_words, item_facts
from tastemaker.profiles.seen import Shown, middle_of
from tastemaker.testing import checkerboard


def test_ratings_below_the_middle_of_the_scale_speak_against() -> None:
    seen = Shown(library()).person("ann")
    assert [(line.item_id, line.tone) for line in seen.lines] == [
        ("b1", 1),
        ("b3", -1),
        ("b2", 1),
        ("b4", -1),
        ("b5", 0),
    ]
    assert seen.lines[0].words == "The Long Voyage (1991), Fiction, Sea Stories"


def test_without_a_scale_nothing_has_a_middle() -> None:
    assert middle_of(None) is None
    assert middle_of(np.asarray([4, 4, np.nan], dtype=np.float32)) is None


def test_the_cut_is_the_last_event_that_was_seen() -> None:
    data = library()
    whole, before = Shown(data).person("ann"), Shown(leave_one_out(data, min_events=3).train).person("ann")
    assert (whole.cut.events, before.cut.events) == (5, 3)
    assert whole.cut.last_event is not None
    assert before.cut.last_event is not None
    assert whole.cut.last_event - before.cut.last_event == 2 * 86_400_000_000
    assert set(before.cut.rows) < set(whole.cut.rows)
    assert before.cut.fingerprint == data.fingerprint
    assert whole.content_of(3) == before.content != whole.content


def test_nothing_is_shown_of_a_stranger() -> None:
    seen = Shown(library()).person("nobody")
    assert (seen.lines, seen.cut.rows, seen.cut.last_event) == ((), (), None)


def test_an_item_is_shown_by_its_facts_and_by_what_else_was_liked_with_it() -> None:
    data = library()
    seen = Shown(data).item("b1")
    assert seen.lines[0].words.endswith("Sea Stories. A whaler and its captain.")
    assert [line.item_id for line in seen.lines[1:]] == [
        "b5"
    ]  # eve liked it next to soup; next to ann's stands a dislike
    rows = data.interactions.frame.filter(data.interactions.frame["item_id"].is_in(["b1", "b5"]))
    assert set(seen.cut.rows) <= set(rows["order"].to_list())
    assert len(Shown(data).item("b1", companions=0).lines) == 1
    with pytest.raises(UnknownItemError):
        Shown(data).item("b9")


def test_facts_are_steps_of_categories_names_and_decades() -> None:
    facts = item_facts(library().catalogue, ["b1", "b5", "b9"])
    assert facts == {"b1": ("Fiction", "Sea Stories", "the 1990s"), "b5": ("Cooking", "the 1990s"), "b9": ()}


def test_items_without_categories_have_words_of_their_text_as_facts() -> None:
    data = checkerboard(6)
    assert "lighthouse" in item_facts(data.catalogue, ["i0"])["i0"]


def test_words_are_compared_without_plural_case_and_filling() -> None:
    assert (
        content_words("Likes COMEDIES, and the thriller")
        == content_words("a comedy; thrillers")
        == {"comedy", "thriller"}
    )
    assert content_words("He likes it") == frozenset()
