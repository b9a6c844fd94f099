"""Candidates near to what a person is drawn to, or to items that are asked about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked, falling, numbers, shop

from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.nearest import Nearest, SimilarTo, shares
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Person


def circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


INDEX = ItemVectors.of(circle(0, 10, 20, 90, 95, 180))


def drawn(degrees: tuple[float, ...], strengths: tuple[float, ...], **more: object) -> Person:
    vectors, strong = {"taste": circle(*degrees)}, {"taste": np.asarray(strengths, dtype=np.float32)}
    return Person(vectors=vectors, strengths=strong, **more)  # type: ignore[arg-type]


def test_the_nearest_come_first_with_their_cosines() -> None:
    found = Nearest("taste", INDEX, 3)(Slate.empty(), asked(shop(6), drawn((11,), (1,)), k=1))
    assert found.items.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.sources["nearest taste"], np.cos(np.radians([1, 9, 11])), rtol=1e-5)


def test_each_interest_gets_its_share() -> None:
    found = Nearest("taste", INDEX, 3)(Slate.empty(), asked(shop(6), drawn((0, 90), (0.67, 0.33)), k=1))
    assert sorted(found.items.tolist()) == [0, 1, 3]


def test_interests_that_name_the_same_items_fill_up_with_the_next() -> None:
    found = Nearest("taste", INDEX, 4)(Slate.empty(), asked(shop(6), drawn((0, 1), (0.5, 0.5)), k=1))
    assert sorted(found.items.tolist()) == [0, 1, 2, 3]


def test_only_what_is_allowed_is_near() -> None:
    person = drawn((0,), (1,), hidden=numbers(0, 1))
    assert Nearest("taste", INDEX, 2)(Slate.empty(), asked(shop(6), person, k=1)).items.tolist() == [2, 3]


def test_whoever_is_drawn_to_nothing_gets_nothing() -> None:
    assert len(Nearest("taste", INDEX)(Slate.empty(), asked(shop(6)))) == 0
    assert len(Nearest("other", INDEX)(Slate.empty(), asked(shop(6), drawn((0,), (1,))))) == 0


def test_a_space_that_is_still_empty_says_so() -> None:
    found = Nearest("taste", ItemVectors())(Slate.empty(), asked(shop(6), drawn((0,), (1,))))
    assert (len(found), found.degraded) == (0, ("no item has a vector in 'taste' yet",))


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_similar_items_by_vectors_are_never_the_items_themselves(exclude_seen: bool) -> None:
    context = asked(shop(6), items=("i0", "i2", "nowhere"), exclude_seen=exclude_seen, k=3)
    assert SimilarTo(INDEX, 3)(Slate.empty(), context).items.tolist() == [1, 3, 4]


def test_items_without_vectors_have_nothing_similar() -> None:
    found = SimilarTo(INDEX)(Slate.empty(), asked(shop(9), items=("i8",)))
    assert len(found) == 0
    assert "no vectors" in found.degraded[0]


def test_similar_items_by_a_model() -> None:
    context = asked(shop(6), items=("i0",), exclude_seen=False, k=2)
    found = SimilarTo(falling(6), 2)(Slate.empty(), context)
    assert found.items.tolist() == [1, 2]
    assert list(found.sources) == ["similar"]


def test_nothing_is_similar_to_nothing() -> None:
    assert len(SimilarTo(INDEX)(Slate.empty(), asked(shop(6)))) == 0


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 50))
def test_shares_are_whole_and_sum_up(strengths: list[float], n: int) -> None:
    found = shares(np.asarray(strengths), n)
    assert sum(found) == n
    total = sum(strengths) or 1.0
    assert all(
        abs(count - n * strength / total) < 1 + 1e-9
        for count, strength in zip(found, strengths, strict=True)
        if sum(strengths) > 0
    )
