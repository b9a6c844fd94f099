"""What was learnt from is known row by row, so that evaluation can refuse to test on it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.data import Provenance, global_time
from tastemaker.testing import small_shop

ROWS = st.sets(st.integers(0, 200)).map(sorted)


def seen(rows: list[int], fingerprint: str = "f") -> Provenance:
    return Provenance("shop", fingerprint, np.asarray(rows, dtype=np.int64), 1, None)


@given(ROWS)
def test_packed_rows_come_back(rows: list[int]) -> None:
    packed = seen(rows).packed_rows()
    assert packed.dtype == np.uint8
    assert len(packed) <= 26
    assert Provenance.unpack_rows(packed).tolist() == rows


@given(ROWS, ROWS)
def test_overlap_counts_the_rows_in_common(rows: list[int], others: list[int]) -> None:
    assert seen(rows).overlap("f", np.asarray(others, dtype=np.int64)) == len(set(rows) & set(others))


def test_rows_of_another_data_set_do_not_overlap() -> None:
    assert seen([1, 2, 3]).overlap("g", np.asarray([1, 2, 3])) == 0


def test_a_view_has_seen_its_own_rows_only() -> None:
    data = small_shop()
    split = global_time(data)
    whole, part = data.provenance(), split.train.provenance()
    assert whole.rows.tolist() == list(range(len(data.interactions)))
    assert whole.overlap(split.test.fingerprint, split.test.rows) == len(split.test.rows)
    assert part.fingerprint == whole.fingerprint
    assert part.overlap(split.test.fingerprint, split.test.rows) == 0
    assert part.overlap(split.valid.fingerprint, split.valid.rows) == 0
    assert part.last_event is not None
    assert whole.last_event is not None
    assert part.last_event < whole.last_event
    assert whole.users == 40
