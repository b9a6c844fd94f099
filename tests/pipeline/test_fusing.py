"""Fusion of the sources of a slate, by the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from tests.pipeline.asking import asked, numbers, shop, slate

from tastemaker.pipeline.fusing import Fuse
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.sources import add

CONTEXT = asked(shop(9))


def two_sources() -> Slate:
    found = add(Slate.empty(), "one", numbers(7, 3, 4), np.array([9.0, 5.0, 1.0]))
    return add(found, "two", numbers(3, 8), np.array([0.9, 0.5]))


def test_reciprocal_ranks() -> None:
    found = Fuse()(two_sources(), CONTEXT)
    assert found.items.tolist() == [3, 7, 8, 4]
    assert found.scores == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])


def test_weights_by_name_and_1_for_the_others() -> None:
    found = Fuse({"two": 3, "unheard of": 5})(two_sources(), CONTEXT)
    assert found.items.tolist() == [3, 8, 7, 4]
    assert found.scores == pytest.approx([1 / 62 + 3 / 61, 3 / 62, 1 / 61, 1 / 63])


def test_scores_from_0_to_1() -> None:
    found = Fuse(method="scores")(two_sources(), CONTEXT)
    assert dict(zip(found.items.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
        {3: 1.5, 7: 1, 4: 0, 8: 0}
    )


def test_what_no_source_named_comes_last() -> None:
    given = add(slate([1]), "one", numbers(2), np.array([4.0]))
    assert Fuse()(given, CONTEXT).items.tolist() == [2, 1]


def test_columns_follow_their_items() -> None:
    found = Fuse({"two": 3})(two_sources(), CONTEXT)
    np.testing.assert_array_equal(found.sources["one"], [5, np.nan, 9, 1])


def test_without_sources_nothing_changes() -> None:
    assert Fuse()(slate([2, 1]), CONTEXT).items.tolist() == [2, 1]
    assert len(Fuse()(Slate.empty(), CONTEXT)) == 0
