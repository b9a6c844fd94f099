"""Windows make every event but a person's first a target once; batches are a partition by length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tastemaker.training.batches import Windows, batches, padded, share, windows

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=30)


def edges(counts: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@given(COUNTS, st.integers(2, 12), st.none() | st.integers(0, 99))
def test_every_event_but_the_first_is_a_target_exactly_once(counts: list[int], longest: int, seed: int | None) -> None:
    indptr = edges(counts)
    cut = windows(indptr, longest, None if seed is None else np.random.default_rng(seed))
    targets = np.zeros(indptr[-1], dtype=int)
    for start, end in zip(cut.starts, cut.ends, strict=True):
        assert 2 <= end - start <= longest
        targets[start + 1 : end] += 1
    wanted = np.ones(indptr[-1], dtype=int)
    wanted[indptr[:-1][np.diff(indptr) > 0]] = 0
    assert targets.tolist() == wanted.tolist()


@given(COUNTS, st.integers(2, 12))
def test_windows_stay_within_one_person(counts: list[int], longest: int) -> None:
    indptr = edges(counts)
    owner = np.repeat(np.arange(len(counts)), counts)
    cut = windows(indptr, longest, np.random.default_rng(0))
    assert (owner[cut.starts] == owner[cut.ends - 1]).all()


def test_without_chance_the_latest_window_is_full() -> None:
    assert windows(edges([10]), 4).starts.tolist() == [0, 0, 3, 6][1:]
    assert windows(edges([10]), 5).ends.tolist() == [2, 6, 10]


def test_chance_moves_the_cuts() -> None:
    rng = np.random.default_rng(0)
    assert len({tuple(windows(edges([50]), 8, rng).starts) for _ in range(40)}) > 3


@given(st.lists(st.integers(1, 60), min_size=1, max_size=200), st.integers(8, 400), st.integers(0, 9))
def test_batches_hold_every_window_once_and_not_too_many_events(lengths: list[int], most: int, seed: int) -> None:
    found = batches(np.asarray(lengths), most, np.random.default_rng(seed))
    assert sorted(np.concatenate(found)) == list(range(len(lengths)))
    for numbers in found:
        own = np.asarray(lengths)[numbers]
        assert len(numbers) == 1 or len(numbers) * own.max() <= most


def test_what_is_alike_in_length_comes_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 5000)
    found = batches(lengths, 1000, np.random.default_rng(1))
    padding = sum(len(numbers) * lengths[numbers].max() for numbers in found) / lengths.sum()
    assert padding < 1.15


def test_rows_are_filled_up_on_the_right() -> None:
    rows = padded(np.arange(10), Windows(np.array([0, 4]), np.array([3, 9])))
    assert rows.tolist() == [[0, 1, 2, 0, 0], [4, 5, 6, 7, 8]]


@pytest.mark.parametrize(("size", "steps"), [(1, 5), (2, 3), (3, 2), (7, 1)])
def test_processes_share_out_every_batch_once(size: int, steps: int) -> None:
    whole = [np.array([number]) for number in range(5)]
    parts = [share(whole, rank, size) for rank in range(size)]
    assert all(len(part) == steps for part in parts)
    assert sorted(int(batch[0]) for part in parts for batch in part if batch is not None) == list(range(5))
