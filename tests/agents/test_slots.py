"""Slots are made of what a shop's rows say, and wishes become a filter that means what was wished."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tastemaker.agents.slots import filter_of, slots_of
from tastemaker.agents.wishes import ABOUT, Wish
from tastemaker.pipeline.filters import Moment
from tastemaker.pipeline.shelf import Shelf

ROWS: dict[str, dict[str, Any]] = {
    "a": {"title": "A", "moods": ["dark", "wry"], "length": "short", "year": 1900, "signed": True},
    "b": {"title": "B", "moods": ["dark"], "length": "long", "year": 1950, "signed": False},
    "c": {"title": "C", "length": "long", "one": "same"},
}


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(ROWS)
    return shelf


def test_every_field_that_tells_items_apart_is_a_slot(shelf: Shelf) -> None:
    slots = slots_of(shelf)
    assert set(slots) == {"moods", "length", "year", "signed"}
    assert (slots["moods"].kind, slots["moods"].values, slots["moods"].counts) == ("texts", ("dark", "wry"), (2, 1))
    assert slots["length"].values == ("long", "short")
    assert (slots["year"].low, slots["year"].high) == (1900, 1950)


def test_what_was_withdrawn_has_no_values(shelf: Shelf) -> None:
    shelf.remove(["a"])
    assert "moods" not in slots_of(shelf)


@pytest.mark.parametrize(
    ("wishes", "left"),
    [
        ([Wish("moods", "is", "wry")], "a"),
        ([Wish("moods", "is", "wry"), Wish("moods", "is", "dark")], "ab"),
        ([Wish("moods", "is not", "wry")], "bc"),
        ([Wish("moods", "is", "dark"), Wish("length", "is not", "long")], "a"),
        ([Wish("year", "at least", 1920.0)], "b"),
        ([Wish("year", "at most", 1920.0), Wish("year", "at least", 1800.0)], "a"),
        ([Wish("length", "is", "long", hard=False), Wish(ABOUT, "is", "the sea")], "abc"),
        ([Wish("unheard of", "is", "x")], "abc"),
    ],
)
def test_a_filter_leaves_what_fulfils_the_hard_wishes(shelf: Shelf, wishes: list[Wish], left: str) -> None:
    said = filter_of(wishes, slots_of(shelf))
    mask = shelf.mask(said or "true", Moment(now=0))
    assert "".join(shelf.ids[np.flatnonzero(mask)].tolist()) == left
