"""A slate is never changed: each filter gives a new one that remembers what was dropped, and by whom."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tastemaker.core.slate import Slate


@pytest.fixture
def slate() -> Slate:
    ids = np.asarray(["a", "b", "c", "d"], dtype=object)
    return Slate(ids, np.asarray([4, 3, 2, 1], np.float32))


def test_a_filter_drops_and_remembers(slate: Slate) -> None:
    kept = slate.drop("seen", frozenset({"b", "elsewhere"})).drop("hidden", frozenset({"d"}))
    assert kept.item_ids.tolist() == ["a", "c"]
    assert kept.scores.tolist() == [4, 2]
    assert kept.applied == ("seen", "hidden")
    assert kept.dropped == {"seen": ("b",), "hidden": ("d",)}


def test_the_slate_before_a_filter_stays_as_it_was(slate: Slate) -> None:
    slate.drop("seen", frozenset({"a"}))
    assert slate.item_ids.tolist() == ["a", "b", "c", "d"]
    assert slate.applied == ()
    assert slate.dropped == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        slate.scores = slate.scores  # type: ignore[misc]
    with pytest.raises(TypeError):
        slate.dropped["seen"] = ()  # type: ignore[index]


def test_a_filter_that_finds_nothing_is_noted(slate: Slate) -> None:
    assert slate.drop("seen", frozenset()).dropped == {"seen": ()}


def test_a_filter_applied_twice_adds_to_what_it_dropped(slate: Slate) -> None:
    kept = slate.drop("seen", frozenset({"a"})).drop("seen", frozenset({"c"}))
    assert kept.dropped == {"seen": ("a", "c")}
    assert kept.applied == ("seen", "seen")


@pytest.mark.parametrize("k", [0, 2, 9])
def test_the_top_is_the_beginning(slate: Slate, k: int) -> None:
    assert slate.top(k).item_ids.tolist() == ["a", "b", "c", "d"][:k]
    assert len(slate.top(k)) == min(k, 4)
