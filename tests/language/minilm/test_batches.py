"""Batches: like lengths together, none too large, every text once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.language.minilm.batches import batches_of, means, unit


@given(st.lists(st.integers(1, 256)), st.integers(256, 4096))
def test_each_text_is_in_one_batch_that_is_not_too_large(lengths: list[int], tokens: int) -> None:
    batches = [batch.tolist() for batch in batches_of(np.array(lengths, dtype=np.int64), tokens)]
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[place] for place in batch) <= tokens for batch in batches)
    ordered = [lengths[place] for batch in batches for place in batch]
    assert ordered == sorted(lengths)


def test_a_text_longer_than_a_batch_has_one_to_itself() -> None:
    assert [batch.tolist() for batch in batches_of(np.array([30, 5, 40]), tokens=10)] == [[1], [0], [2]]


def test_the_mean_leaves_padding_out() -> None:
    hidden = np.array([[[1, 2], [3, 4], [9, 9]], [[5, 6], [9, 9], [9, 9]]], np.float32)
    np.testing.assert_allclose(means(hidden, np.array([2, 1])), [[2, 3], [5, 6]])


def test_zeros_stay_zeros() -> None:
    np.testing.assert_allclose(unit(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0.0, 0.0]])
