"""A slate is never changed: each stage gives a new one that remembers what was dropped, and by whom."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tastemaker.pipeline.slate import Slate


@pytest.fixture
def slate() -> Slate:
    return Slate(
        np.asarray([7, 3, 5, 1], np.int32),
        np.asarray([4, 3, 2, 1], np.float32),
        sources={"model": np.asarray([4, 3, np.nan, 1], np.float32)},
    )


def test_a_filter_drops_and_remembers(slate: Slate) -> None:
    kept = slate.drop("seen", np.isin(slate.items, [3, 99])).drop("hidden", np.asarray([False, False, True]))
    assert kept.items.tolist() == [7, 5]
    assert kept.scores.tolist() == [4, 2]
    assert kept.applied == ("seen", "hidden")
    assert {name: gone.tolist() for name, gone in kept.dropped.items()} == {"seen": [3], "hidden": [1]}
    np.testing.assert_array_equal(kept.sources["model"], [4, np.nan])


def test_the_slate_before_a_filter_stays_as_it_was(slate: Slate) -> None:
    slate.drop("seen", np.asarray([True, False, False, False]))
    assert slate.items.tolist() == [7, 3, 5, 1]
    assert slate.applied == ()
    assert slate.dropped == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        slate.scores = slate.scores  # type: ignore[misc]
    with pytest.raises(TypeError):
        slate.dropped["seen"] = slate.items  # type: ignore[index]


def test_a_filter_that_finds_nothing_is_noted(slate: Slate) -> None:
    kept = slate.drop("seen", np.zeros(4, dtype=bool))
    assert kept.applied == ("seen",)
    assert kept.dropped["seen"].tolist() == []


def test_a_filter_that_drops_twice_has_one_name_and_all_that_it_took(slate: Slate) -> None:
    kept = slate.drop("seen", slate.items == 7).drop("seen", np.asarray([False, True, False]))
    assert kept.applied == ("seen",)
    assert kept.dropped["seen"].tolist() == [7, 5]


def test_new_scores_order_anew_and_equal_ones_stay_as_they_stood(slate: Slate) -> None:
    ordered = slate.ordered(np.asarray([1, 2, 1, 2], np.float32))
    assert ordered.items.tolist() == [3, 1, 7, 5]
    assert ordered.scores.tolist() == [2, 2, 1, 1]
    np.testing.assert_array_equal(ordered.sources["model"], [3, 1, 4, np.nan])


def test_the_top_is_the_first_so_many(slate: Slate) -> None:
    assert slate.top(2).items.tolist() == [7, 3]
    assert slate.top(9) is slate
    assert len(Slate.empty().top(3)) == 0


def test_propensities_go_with_their_items(slate: Slate) -> None:
    chancy = dataclasses.replace(slate, propensities=np.asarray([0.4, 0.3, 0.2, 0.1]))
    kept = chancy.drop("seen", chancy.items == 3).propensities
    assert kept is not None
    assert kept.tolist() == [0.4, 0.2, 0.1]


def test_marks_and_notes_add_up(slate: Slate) -> None:
    marked = slate.mark(7, "pinned").mark(7, "boosted").note("late").note("late", "few")
    assert marked.marks == {7: ("pinned", "boosted")}
    assert marked.degraded == ("late", "few")
