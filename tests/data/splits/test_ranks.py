"""Orders within groups, against plain loops; also where the numbers are too large to be packed into one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.data.splits import ranks

GROUPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.booleans(), st.sampled_from([0.0, 0.3, 0.5, 0.9])))


@pytest.fixture(params=[63, 4], ids=["packed", "plain"])
def bits(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_BITS", request.param)
        yield request.param


@pytest.mark.parametrize("late", [False, True])
def test_the_first_of_each_value(bits: int, late: bool) -> None:
    @given(GROUPS)
    def holds(rows: list[tuple[int, int, bool, float]]) -> None:
        rows = sorted(rows, key=lambda row: row[0])
        groups, values, lates = (np.asarray([row[place] for row in rows], dtype=int) for place in range(3))
        marks = lates.astype(bool) if late else None
        seen: set[tuple[int, int]] = set()
        expected = [False] * len(rows)
        for place in sorted(range(len(rows)), key=lambda place: (late and rows[place][2], place)):
            expected[place] = rows[place][:2] not in seen
            seen.add(rows[place][:2])
        assert ranks.first_within(groups, values, marks).tolist() == expected

    holds()


def test_ranks_of_draws(bits: int) -> None:
    @given(GROUPS)
    def holds(rows: list[tuple[int, int, bool, float]]) -> None:
        rows = sorted(rows, key=lambda row: row[0])
        groups, draws = np.asarray([row[0] for row in rows], dtype=int), np.asarray([row[3] for row in rows])
        expected = [
            sum(other[0] == row[0] and (other[3], n) < (row[3], place) for n, other in enumerate(rows))
            for place, row in enumerate(rows)
        ]
        assert ranks.rank_within(groups, draws).tolist() == expected

    holds()


def test_a_draw_just_below_one_stays_in_its_group() -> None:
    groups = np.repeat(np.arange(1000), 3)
    draws = np.tile([np.nextafter(1, 0), 0.0, 0.5], 1000)
    assert ranks.rank_within(groups, draws).tolist() == [2, 0, 1] * 1000
