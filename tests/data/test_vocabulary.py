"""A vocabulary grows only at its end, and a number tells neither when an id came nor how it compares."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tastemaker.data import Vocabulary
from tastemaker.data.vocabulary import UNKNOWN

IDS = st.lists(st.text(min_size=1, max_size=4), max_size=30)
BATCHES = st.lists(IDS, min_size=1, max_size=5)


def grown(batches: list[list[str]], seed: int = 0) -> Vocabulary:
    vocabulary = Vocabulary.of([], seed)
    for batch in batches:
        vocabulary = vocabulary.extend(batch)
    return vocabulary


@given(BATCHES, st.integers(0, 5))
def test_growing_keeps_every_number(batches: list[list[str]], seed: int) -> None:
    before = grown(batches[:-1], seed)
    after = before.extend(batches[-1])
    assert after.ids[: len(before)].tolist() == before.ids.tolist()
    assert after.epochs[: len(before.epochs)] == before.epochs
    assert set(after.ids) == set().union(*batches)
    assert len(after) == len(set(after.ids)) == sum(after.epochs)


@given(BATCHES)
def test_numbers_and_ids_are_one_to_one(batches: list[list[str]]) -> None:
    vocabulary = grown(batches)
    assert vocabulary.index(vocabulary.ids.tolist()).tolist() == list(range(len(vocabulary)))
    assert vocabulary.index(vocabulary.ids).tolist() == list(range(len(vocabulary)))
    assert vocabulary.index(["\0nowhere", None]).tolist() == [UNKNOWN, UNKNOWN]


@given(IDS, st.randoms())
def test_the_order_of_arrival_does_not_matter(ids: list[str], random: object) -> None:
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Vocabulary.of(ids).ids.tolist() == Vocabulary.of([*shuffled, *shuffled]).ids.tolist()


@pytest.mark.parametrize("epoch", [0, 1])
def test_numbers_tell_nothing_of_the_order_of_ids(epoch: int) -> None:
    ids = [[f"{epoch}-{number:04}" for number in range(1_000)] for epoch in range(2)]
    vocabulary = grown(ids)
    numbers = vocabulary.index(ids[epoch])
    # Independent orders correlate by about 1 / sqrt(1000).
    assert abs(np.corrcoef(numbers, np.arange(1_000))[0, 1]) < 0.15
    assert np.mean(np.diff(numbers) == 1) < 0.02


def test_the_seed_decides_the_numbers() -> None:
    ids = [str(number) for number in range(50)]
    assert Vocabulary.of(ids, seed=1).ids.tolist() == Vocabulary.of(ids, seed=1).ids.tolist()
    assert Vocabulary.of(ids, seed=1).ids.tolist() != Vocabulary.of(ids, seed=2).ids.tolist()


def test_nothing_new_is_no_epoch() -> None:
    first = Vocabulary.of(["a", "b"])
    assert first.extend(["b", "a"]) is first
    assert Vocabulary.of([]).epochs == ()


@given(BATCHES, st.integers(0, 3))
def test_a_round_trip_through_a_frame_changes_nothing(batches: list[list[str]], seed: int) -> None:
    vocabulary = grown(batches, seed)
    again = Vocabulary.from_frame(vocabulary.to_frame(), seed)
    assert again.ids.tolist() == vocabulary.ids.tolist()
    assert again.epochs == vocabulary.epochs
    assert_frame_equal(again.to_frame(), vocabulary.to_frame())
    assert again.extend(["one more"]).ids.tolist() == vocabulary.extend(["one more"]).ids.tolist()


@given(IDS.filter(bool), st.data())
def test_a_column_is_encoded_as_it_is_looked_up(ids: list[str], data: st.DataObject) -> None:
    vocabulary = Vocabulary.of(ids)
    column = data.draw(st.lists(st.sampled_from(ids), max_size=20))
    encoded = vocabulary.encode(pl.Series(column, dtype=pl.String))
    assert encoded.dtype == np.int32
    assert encoded.tolist() == vocabulary.index(column).tolist()


def test_membership() -> None:
    vocabulary = Vocabulary.of(["a"])
    assert "a" in vocabulary
    assert "b" not in vocabulary
    assert 1 not in vocabulary


def test_a_read_only_array_is_looked_up_once_and_one_that_changes_every_time() -> None:
    vocabulary = Vocabulary.of(["a", "b", "c"])
    fixed, changing = (np.asarray(["c", "a", "nowhere"], dtype=object) for _ in range(2))
    fixed.setflags(write=False)
    found = vocabulary.index(fixed)
    assert vocabulary.index(fixed) is found
    assert found.tolist() == vocabulary.index(changing).tolist()
    changing[0] = "b"
    assert vocabulary.index(changing).tolist() == vocabulary.index(["b", "a", "nowhere"]).tolist()
    assert vocabulary.extend(["nowhere"]).index(fixed).tolist() == [*found[:2].tolist(), 3]
