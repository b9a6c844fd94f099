"""What sources name joins a slate without repeats, each in a column of its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import numbers, slate

from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.sources import add, append, best_of, places_of


def test_the_first_source_gives_order_and_scores() -> None:
    found = add(Slate.empty(), "one", numbers(7, 3), np.array([5.0, 2.0]))
    assert found.items.tolist() == [7, 3]
    assert found.scores.tolist() == [5, 2]
    assert found.sources["one"].tolist() == [5, 2]


def test_a_second_source_adds_only_what_is_new_and_says_what_it_thinks_of_the_rest() -> None:
    found = add(add(Slate.empty(), "one", numbers(7, 3), np.array([5.0, 2.0])), "two", numbers(3, 9), np.array([8, 4]))
    assert found.items.tolist() == [7, 3, 9]
    np.testing.assert_array_equal(found.sources["one"], [5, 2, np.nan])
    np.testing.assert_array_equal(found.sources["two"], [np.nan, 8, 4])
    assert found.scores.tolist() == [5, 2, 2]


def test_what_comes_behind_had_no_other_place_to_go() -> None:
    sure = append(slate([1, 2], propensities=np.array([0.5, 0.25])), numbers(3), np.array([1], dtype=np.float32))
    assert sure.propensities is not None
    assert sure.propensities.tolist() == [0.5, 0.25, 1.0]


def test_places_of_items() -> None:
    assert places_of(slate([5, 1, 3]), numbers(3, 4, 5, 9)).tolist() == [2, -1, 0, -1]
    assert places_of(Slate.empty(), numbers(3)).tolist() == [-1]


named = st.lists(st.integers(0, 8), unique=True, max_size=9)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), named), max_size=4))
def test_any_sources_in_any_order_give_distinct_items_with_falling_scores(lists: list[tuple[str, list[int]]]) -> None:
    found = Slate.empty()
    last: dict[str, dict[int, float]] = {}
    for source, items in lists:
        scores = np.linspace(1, 0, len(items)) * (1 + len(source))
        found = add(found, source, numbers(*items), scores)
        last.setdefault(source, {}).update(zip(items, scores.astype(np.float32).tolist(), strict=True))
    assert sorted(found.items.tolist()) == sorted({item for _, items in lists for item in items})
    assert (np.diff(found.scores) <= 0).all()
    for source, told in last.items():
        column = dict(zip(found.items.tolist(), found.sources[source].tolist(), strict=True))
        assert {item: score for item, score in column.items() if not np.isnan(score)} == told


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.5, -np.inf, np.nan]), max_size=30), st.integers(1, 12))
def test_the_best_are_those_of_a_full_sort(values: list[float], n: int) -> None:
    array = np.asarray(values)
    finite = [value for value in values if np.isfinite(value)]
    found = best_of(array, n)
    assert array[found].tolist() == sorted(finite, reverse=True)[:n]
    assert len(set(found.tolist())) == len(found)
    ties = [place for place in found.tolist() if array[place] > (sorted(finite)[-n] if len(finite) >= n else -1)]
    assert ties == sorted(ties, key=lambda place: (-array[place], place))
