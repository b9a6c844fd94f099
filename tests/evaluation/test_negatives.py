"""Negatives are distinct items that the person never met, drawn evenly or by popularity, the same for every model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, HeldOut, Interactions, Split, make_split
from tastemaker.evaluation.negatives import Negatives, apart

Ask = Callable[..., HeldOut]


def log_of(histories: dict[str, list[int]], items: int) -> Dataset:
    """Return events of people with items ``i0, i1, ...``, one a day; ``items`` of them are in the catalogue."""
    rows = [
        {"user_id": user, "item_id": f"i{item}", "timestamp": 86_400 * (1000 + place)}
        for user, events in histories.items()
        for place, item in enumerate(events)
    ]
    catalogue = pl.DataFrame({"item_id": [f"i{number}" for number in range(items)]})
    return Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), catalogue, name="made")


def random_log(seed: int, items: int = 30, people: int = 25) -> Dataset:
    rng = np.random.default_rng(seed)
    return log_of({f"u{user}": (rng.zipf(1.3, rng.integers(5, 12)) % items).tolist() for user in range(people)}, items)


def met_in(dataset: Dataset) -> dict[str, set[str]]:
    """Return the items of each person in the whole log, by looking at every event."""
    found: dict[str, set[str]] = {}
    for user, item in dataset.interactions.frame.select("user_id", "item_id").iter_rows():
        found.setdefault(user, set()).add(item)
    return found


def whole(negatives: Negatives) -> NDArray[np.int32]:
    return negatives.drawn(slice(0, len(negatives.held)))


@given(
    seed=st.integers(0, 2**32 - 1),
    protocol=st.sampled_from(["leave-one-out", "leave-last-n", "user-ratio", "global-time"]),
    popular=st.booleans(),
    count=st.integers(1, 12),
)
@settings(max_examples=40)
def test_no_negative_is_in_the_events_of_its_person_in_any_part(
    seed: int, protocol: str, popular: bool, count: int
) -> None:
    dataset = random_log(seed)
    split = make_split(dataset, protocol)
    met, ids = met_in(dataset), split.test.queries.dictionary
    trained = set(split.train.interactions.frame["item_id"])
    negatives = Negatives(split.test, split.train, [split.valid], popular=popular, count=count, seeds=(0, 1))
    for draw in whole(negatives):
        for user, row in zip(negatives.held.queries.user_ids, draw, strict=True):
            items = [ids[place] for place in row if place >= 0]
            left = (trained if popular else set(ids)) - met[user]
            assert set(items) <= left
            assert len(items) == len(set(items)) == min(count, len(left))


@given(seed=st.integers(0, 99), popular=st.booleans(), size=st.integers(1, 9))
@settings(max_examples=15)
def test_the_size_of_blocks_changes_no_draw(seed: int, popular: bool, size: int) -> None:
    split = make_split(random_log(seed, people=12), "user-ratio")
    negatives = Negatives(split.test, split.train, [split.valid], popular=popular, count=9, seeds=(0, 1))
    starts = range(0, len(negatives.held), size)
    pieces = [negatives.drawn(slice(start, min(start + size, len(negatives.held)))) for start in starts]
    assert np.concatenate(pieces, axis=1).tolist() == whole(negatives).tolist()


def test_seeds_and_targets_draw_for_themselves(split: Split) -> None:
    first = whole(Negatives(split.test, split.train, count=9, seeds=(3, 4, 3)))
    assert len(first) == 2  # a seed that is given twice draws once
    assert first[1].tolist() == whole(Negatives(split.test, split.train, count=9, seeds=(4,)))[0].tolist()
    assert (np.sort(first[0], axis=1) != np.sort(first[1], axis=1)).any(axis=1).mean() > 0.99
    assert len({tuple(row) for row in first[0].tolist()}) > 0.99 * len(split.test)


def test_uniform_draws_take_all_that_is_left_alike(ask: Ask) -> None:
    train = log_of({"x": [0, 1, 2]}, 12)
    held = ask([3] * 4000, [[0, 1]] * 4000, items=12)
    drawn = whole(Negatives(held, train, count=4, seeds=(0,)))[0]
    assert set(np.unique(drawn)) == {2, *range(4, 12)}
    for place in range(4):
        counts = np.bincount(drawn[:, place], minlength=12)[[2, *range(4, 12)]]
        assert stats.chisquare(counts).pvalue > 1e-4


def one_after_the_other(weights: NDArray[np.float64], count: int, rng: np.random.Generator) -> list[int]:
    """Draw in proportion to weights, each time among what is left."""
    left, found = weights.astype(float).copy(), []
    for _ in range(count):
        bounds = np.cumsum(left)
        found.append(int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right")))
        left[found[-1]] = 0
    return found


@pytest.mark.parametrize("most", [4, 5000])
def test_popular_draws_follow_the_events_in_training(ask: Ask, most: int) -> None:
    # With 5000 events of one item the others are hardly ever met by drawing alone.
    events = [0, 1, *[2] * most, *[3] * 3, *[4] * 2, 5, 6, 7]
    train = log_of({f"x{place}": [item] for place, item in enumerate(events)}, 10)
    people, count = 3000, 4
    held = ask([1] * people, [[0]] * people, items=10)  # i8 and i9 have no event
    drawn = whole(Negatives(held, train, popular=True, count=count, seeds=(0,)))[0]
    weights = np.bincount(events, minlength=10).astype(float)
    weights[[0, 1]] = 0
    first = np.bincount(drawn[:, 0], minlength=10)
    expected = people * weights / weights.sum()
    assert (first[weights == 0] == 0).all()
    assert stats.chisquare(first[weights > 0], expected[weights > 0]).pvalue > 1e-4
    rng = np.random.default_rng(1)
    slow = np.asarray([one_after_the_other(weights, count, rng) for _ in range(people)])
    for place in range(1, count):
        table = np.stack([np.bincount(each[:, place], minlength=10)[weights > 0] for each in (drawn, slow)])
        assert stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue > 1e-4


def test_somebody_who_met_nearly_everything_has_fewer(ask: Ask) -> None:
    train = log_of({"x": [0]}, 20)
    held = ask([18, 5], [list(range(18)), [0]], items=20)
    negatives = Negatives(held, train, count=6, seeds=(0, 1))
    assert negatives.short == 1
    for draw in whole(negatives):
        assert draw[0].tolist() == [19, -1, -1, -1, -1, -1]
        assert (draw[1] >= 0).all()


def test_somebody_who_met_everything_has_none(ask: Ask) -> None:
    held = ask([3, 1], [[0, 1, 2], []], items=4)
    assert whole(Negatives(held, log_of({"x": [0]}, 4), count=3, seeds=(0,)))[0][0].tolist() == [-1, -1, -1]


def test_more_negatives_than_anybody_leaves_are_refused(ask: Ask) -> None:
    held = ask([3, 1], [[0, 1], [2]], items=10)
    with pytest.raises(DataError, match=r"99 negatives for each answer are more than the 8 items that a person leaves"):
        Negatives(held, log_of({"x": [0]}, 10))


@pytest.mark.parametrize("asked", [{"count": 0}, {"seeds": ()}])
def test_no_negatives_and_no_seeds_are_refused(split: Split, asked: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="negatives were asked for"):
        Negatives(split.test, split.train, **asked)


def test_what_training_and_the_other_part_know_of_a_person_counts_as_met(ask: Ask) -> None:
    train = log_of({"0": [0, 1], "7": [2, 3]}, 10)
    other = ask([4], [[5]], items=10)  # the same person 0
    negatives = Negatives(ask([6], items=10), train, [other], count=5, seeds=range(20))
    assert set(np.unique(whole(negatives))) == {2, 3, 7, 8, 9}


def test_each_target_of_a_question_is_one_of_its_own(ask: Ask) -> None:
    held = ask([[1, 2], 3, [4, 5, 6]], [[0], [], [7]], items=12, users=[0, 1, 1])
    alone = apart(held)
    assert len(alone) == len(alone.targets) == 6
    assert alone.targets.tolist() == held.targets.tolist()
    assert alone.users.tolist() == [0, 0, 1, 1, 1, 1]
    assert alone.queries.lengths().tolist() == [1, 1, 0, 1, 1, 1]
    single = ask([1, 2], items=3)
    assert apart(single) is single
    drawn = whole(Negatives(held, log_of({"x": [0]}, 12), count=5, seeds=range(30)))
    assert not set(np.unique(drawn[:, :2])) & {0, 1, 2}
    assert not set(np.unique(drawn[:, 2:])) & {3, 4, 5, 6, 7}  # the other answers of a person are met as well


def test_candidates_are_target_and_negatives_and_no_place_tells_the_target(ask: Ask) -> None:
    people = 3000
    held = ask([9] * people, [[0]] * people, items=10)
    negatives = Negatives(held, log_of({"x": [0]}, 10), count=4, seeds=(5,))
    drawn = whole(negatives)[0]
    batch = negatives.with_candidates(slice(0, people), drawn, 0)
    assert batch.candidates is not None
    assert batch.candidates.dtype == np.int32
    assert np.sort(batch.candidates, axis=1).tolist() == np.sort(np.c_[drawn, held.targets], axis=1).tolist()
    place = np.argmax(batch.candidates == 9, axis=1)
    assert stats.chisquare(np.bincount(place, minlength=5)).pvalue > 1e-4
    # Nor does the place of any item tell what else was drawn, and when.
    for item in range(1, 9):
        asked = (drawn == item).any(axis=1)
        where = np.argmax(batch.candidates[asked] == item, axis=1)
        for last in drawn[asked].T:
            assert stats.chi2_contingency(np.histogram2d(where, last, [5, 8], [[0, 5], [1, 9]])[0]).pvalue > 1e-5
    later = negatives.with_candidates(slice(7, 11), drawn[7:11], 0)
    assert later.candidates is not None
    assert later.candidates.tolist() == batch.candidates[7:11].tolist()


def test_where_nothing_is_left_the_end_of_the_candidates_is_empty(ask: Ask) -> None:
    held = ask([3, 1], [[0, 1], []], items=5)
    negatives = Negatives(held, log_of({"x": [0]}, 5), count=3, seeds=(0,))
    batch = negatives.with_candidates(slice(0, 2), whole(negatives)[0], 0)
    assert batch.candidates is not None
    assert batch.candidates[0].tolist()[-1] == -1
    assert set(batch.candidates[0, :-1].tolist()) == {2, 3, 4}
