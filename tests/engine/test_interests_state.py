"""Vectors of a person are those of the written formulas, whatever way the events came."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY as DAY
from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import DataError
from tastemaker.core.query import Event
from tastemaker.engine.interests import Interests
from tastemaker.engine.interests_state import InterestState

DIM, ITEMS = 6, 12
Floats = NDArray[np.float64]
Log = list[tuple[int, float, int]]
"""Item, what was said of it, when."""


def _directions(rows: int, seed: int = 0) -> Floats:
    drawn = np.random.default_rng(seed).standard_normal((rows, DIM))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


VECTORS = _directions(ITEMS)
AXES = np.eye(DIM)

events = st.tuples(
    st.integers(0, ITEMS - 1),
    st.sampled_from([0.3, 0.6, 1.0, 2.0, -1.0, -0.4]),
    st.integers(0, 4_000 * DAY),
)
logs = st.lists(events, min_size=1, max_size=40)


def _state(log: Log, vectors: Floats = VECTORS, **given: float) -> InterestState:
    state = InterestState(Interests(**given), DIM)  # type: ignore[arg-type]
    for item, amount, at in log:
        state.add(vectors[item], amount, at)
    return state


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))


def _sum(log: Log, now: int, half_life: float, sign: int) -> tuple[Floats, float]:
    """Return the decayed sum of what was said for or against, and its mass, as of ``now``."""
    weights = [abs(a) * 2.0 ** ((at - now) / DAY / half_life) if a * sign > 0 else 0.0 for _, a, at in log]
    return np.asarray(weights) @ VECTORS[[item for item, _, _ in log]], float(sum(weights))


@given(log=logs)
@settings(max_examples=50)
def test_one_interest_is_the_decayed_sum_pushed_away_from_the_dislikes(log: Log) -> None:
    now = max(at for _, _, at in log) + 3 * DAY
    state = _state(log, centroids=1, session_share=0.0, half_life=200.0, beta=0.6)
    liked, _ = _sum(log, now, 200.0, 1)
    against, mass = _sum(log, now, 200.0, -1)
    if np.linalg.norm(liked) < 1e-4 or (mass and np.linalg.norm(against) < 1e-4 * mass):
        return
    expected = _unit(liked)
    if mass:
        n = _unit(against)
        expected = _unit(expected - 0.6 * mass / (1 + mass) * max(0.0, float(expected @ n)) * n)
    assert state.vectors(now)[0] == pytest.approx(expected, abs=1e-6)


@given(log=logs, seed=st.integers(0, 1_000))
@settings(max_examples=50)
def test_the_sum_of_all_interests_does_not_depend_on_the_order_of_events(log: Log, seed: int) -> None:
    now = 4_000 * DAY
    if np.linalg.norm(_sum(log, now, 500.0, 1)[0]) < 1e-6:
        return
    shuffled = [log[place] for place in np.random.default_rng(seed).permutation(len(log))]
    first, second = (_state(each, session_share=0.0, half_life=500.0) for each in (log, shuffled))
    assert first.vectors(now, most=1)[0] == pytest.approx(second.vectors(now, most=1)[0], abs=1e-6)


@given(log=logs, cuts=st.sets(st.integers(0, 40)))
@settings(max_examples=50)
def test_a_state_kept_in_between_goes_on_to_the_last_bit(log: Log, cuts: set[int]) -> None:
    whole, state = _state(log), InterestState(Interests(), DIM)
    for place, (item, amount, at) in enumerate(log):
        if place in cuts:
            state = InterestState.from_bytes(Interests(), state.to_bytes())
        state.add(VECTORS[item], amount, at)
    assert state.to_bytes() == whole.to_bytes()
    for told, expected in zip(state.told(5_000 * DAY), whole.told(5_000 * DAY), strict=True):
        assert told.tolist() == expected.tolist()


@given(log=logs)
@settings(max_examples=50)
def test_what_is_told_is_of_length_one_with_strengths_that_fall_and_sum_to_one(log: Log) -> None:
    vectors, strengths = _state(log).told(4_000 * DAY)
    if not any(amount > 0 for _, amount, _ in log):
        assert vectors.shape == (0, DIM)
        assert strengths.shape == (0,)
        return
    assert 1 <= len(vectors) <= 3
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert strengths.sum() == pytest.approx(1, abs=1e-5)
    assert all(a >= b - 1e-6 for a, b in pairwise(strengths))
    assert vectors.dtype == strengths.dtype == np.float32


@given(log=logs, beta=st.floats(0, 0.99))
@settings(max_examples=50)
def test_dislikes_turn_nothing_round(log: Log, beta: float) -> None:
    now = 4_000 * DAY
    only_likes = _state([each for each in log if each[1] > 0], beta=beta, half_life=30.0)
    pushed, plain = _state(log, beta=beta, half_life=30.0).vectors(now), only_likes.vectors(now)
    against = _sum(log, now, 30.0, -1)[0]
    assert pushed.shape == plain.shape
    for vector, before in zip(pushed, plain, strict=True):
        assert vector @ before >= -1e-6
        assert (vector @ against) * np.sign(before @ against) >= -1e-6


def test_a_fresh_dislike_counts_half_and_fades() -> None:
    both = _unit(AXES[0] + AXES[1])
    state = InterestState(Interests(session_share=0.0, beta=0.8, half_life=10.0), DIM)
    state.add(both, 1.0, 0)
    state.add(AXES[1], -1.0, 0)
    at_once = both - 0.8 * (1 / 2) * both[1] * AXES[1]
    after_ten_days = both - 0.8 * (0.5 / 1.5) * both[1] * AXES[1]
    assert state.vectors(0)[0] == pytest.approx(_unit(at_once), abs=1e-6)
    assert state.vectors(10 * DAY)[0] == pytest.approx(_unit(after_ten_days), abs=1e-6)
    assert state.vectors(1_000 * DAY)[0] == pytest.approx(both, abs=1e-6)


def test_what_is_only_disliked_leads_nowhere() -> None:
    assert _state([(0, -1.0, 0)]).told(DAY)[0].shape == (0, DIM)


def test_different_things_are_different_interests_and_the_older_one_is_weaker() -> None:
    state = InterestState(Interests(half_life=30.0, session_share=0.0), DIM)
    state.add(AXES[0], 1.0, 0)
    state.add(AXES[1], 1.0, 30 * DAY)
    vectors, strengths = state.told(30 * DAY)
    assert vectors.tolist() == [AXES[1].tolist(), AXES[0].tolist()]
    assert strengths == pytest.approx([2 / 3, 1 / 3])


def test_what_is_near_joins_and_moves_the_interest() -> None:
    near = _unit(AXES[0] + 0.5 * AXES[1])
    state = InterestState(Interests(threshold=0.8, session_share=0.0), DIM)
    for vector in (AXES[0], near, AXES[3]):
        state.add(vector, 1.0, 0)
    assert state.vectors(0) == pytest.approx(np.stack([_unit(AXES[0] + near), AXES[3]]), abs=1e-6)


def test_beyond_the_most_the_weakest_is_added_to_the_one_nearest_to_it() -> None:
    weak = _unit(AXES[0] + 0.5 * AXES[1])
    state = InterestState(Interests(threshold=0.95, session_share=0.0, centroids=2), DIM)
    for vector, amount in ((AXES[0], 1.0), (weak, 0.3), (AXES[2], 0.6)):
        state.add(vector, amount, 0)
    vectors, strengths = state.told(0)
    assert vectors == pytest.approx(np.stack([_unit(AXES[0] + 0.3 * weak), AXES[2]]), abs=1e-6)
    assert strengths == pytest.approx([1.3 / 1.9, 0.6 / 1.9])


def test_a_new_interest_takes_the_place_of_one_that_has_faded_below_it() -> None:
    state = InterestState(Interests(session_share=0.0, centroids=2, half_life=1.0), DIM)
    near_first = _unit(AXES[1] + 0.1 * AXES[0])
    for vector, at in ((AXES[0], 2 * DAY), (near_first, 0)):
        state.add(vector, 1.0, at)
    state.add(AXES[2], 0.3, 2 * DAY)
    vectors, strengths = state.told(2 * DAY)
    assert vectors == pytest.approx(np.stack([_unit(AXES[0] + near_first / 4), AXES[2]]), abs=1e-6)
    assert strengths == pytest.approx([1.25 / 1.55, 0.3 / 1.55])


def test_the_session_pulls_the_interest_nearest_to_it() -> None:
    near = _unit(AXES[0] + 0.5 * AXES[3])
    state = InterestState(Interests(session_half_life=1.0, session_share=0.4, threshold=0.8), DIM)
    for at, vector in enumerate((AXES[0], AXES[0], AXES[1], near)):
        state.add(vector, 1.0, at)
    session = _unit(AXES[0] / 8 + AXES[0] / 4 + AXES[1] / 2 + near)
    pulled = _unit(0.6 * _unit(2 * AXES[0] + near) + 0.4 * session)
    vectors, strengths = state.told(4)
    assert vectors == pytest.approx(np.stack([pulled, AXES[1]]), abs=1e-6)
    assert strengths == pytest.approx([0.6 * 3 / 4 + 0.4, 0.6 / 4])


def test_a_late_event_is_no_news_to_the_session() -> None:
    state = InterestState(Interests(session_half_life=1.0, session_share=1.0, centroids=1), DIM)
    for vector, at in ((AXES[0], 10), (AXES[1], 30), (AXES[2], 20)):
        state.add(vector, 1.0, at)
    assert state.vectors(30)[0] == pytest.approx(_unit(AXES[0] / 2 + AXES[1] + AXES[2] / 2), abs=1e-6)


def test_a_session_of_many_events_stays_a_number() -> None:
    log = [(place % 5, 1.0, place) for place in range(2_000)]
    state = _state(log, session_half_life=2.0, session_share=1.0, centroids=1)
    expected = sum((2.0 ** (-age / 2) * VECTORS[item] for age, (item, _, _) in enumerate(reversed(log))), np.zeros(DIM))
    assert state.vectors(2_000)[0] == pytest.approx(_unit(np.asarray(expected)), abs=1e-6)


def test_an_interest_of_a_hundred_years_ago_is_forgotten_and_the_new_one_is_all() -> None:
    state = InterestState(Interests(session_share=0.0), DIM)
    state.add(AXES[0], 1.0, 0)
    state.add(AXES[1], 1.0, 36_500 * DAY)
    state.add(AXES[2], 1.0, -36_500 * DAY)
    state.add(AXES[2], -1.0, -36_500 * DAY)
    vectors, strengths = state.told(36_500 * DAY)
    assert vectors[0].tolist() == AXES[1].tolist()
    assert strengths[0] == pytest.approx(1.0)
    assert np.isfinite(vectors).all()


def test_dislikes_of_a_hundred_years_later_do_not_make_likes_forgotten() -> None:
    state = InterestState(Interests(), DIM)
    state.add(AXES[0], 1.0, 0)
    for year in range(100):
        state.add(AXES[1], -1.0, year * 365 * DAY)
    assert state.vectors(36_500 * DAY).tolist() == [AXES[0].tolist()]


def test_an_event_from_the_future_or_without_a_time_counts_as_of_now() -> None:
    late, timeless, present = (InterestState(Interests(), DIM) for _ in range(3))
    late.update(Event("a", "view", from_microseconds(900 * DAY)), AXES[0], DAY)
    timeless.update(Event("a", "view"), AXES[0], DAY)
    present.update(Event("a", "view", datetime(1970, 1, 2)), AXES[0], DAY)
    assert late.to_bytes() == timeless.to_bytes() == present.to_bytes()


def test_an_event_is_weighed_by_the_settings() -> None:
    updated, added = (InterestState(Interests(), DIM) for _ in range(2))
    updated.update(Event("a", "view", weight=2.0), AXES[0], DAY)
    updated.update(Event("b", "dislike"), AXES[1], DAY)
    updated.update(Event("c", "rating", rating=4.0), AXES[2], DAY)
    for vector, amount in ((AXES[0], 0.6), (AXES[1], -1.0), (AXES[2], 0.5)):
        added.add(vector, amount, DAY)
    assert updated.to_bytes() == added.to_bytes()


def test_what_was_told_is_not_changed_by_what_comes_later() -> None:
    state = _state([(0, 1.0, 0)])
    vectors = state.vectors(0)
    before = vectors.tolist()
    state.add(VECTORS[1], 1.0, 1)
    assert vectors.tolist() == before
    assert state.vectors(1).tolist() != before
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1.0


def test_a_copy_goes_its_own_way() -> None:
    state = _state([(0, 1.0, 0), (1, -1.0, 1)])
    kept = state.to_bytes()
    other = state.copy()
    assert other.to_bytes() == kept
    other.add(VECTORS[2], 1.0, 2)
    assert state.to_bytes() == kept
    assert other.to_bytes() != kept


def test_fewer_interests_are_the_strongest_ones() -> None:
    state = _state([(0, 1.0, 0), (1, 0.6, 0), (2, 0.3, 0)], vectors=AXES, session_share=0.0)
    assert state.vectors(0, most=2).tolist() == state.vectors(0)[:2].tolist()
    assert state.vectors(0, most=9).tolist() == state.vectors(0).tolist()


@pytest.mark.parametrize("damage", [b"", b"TMIN", b"XXXX" + b"\0" * 80])
def test_bytes_of_something_else_are_refused(damage: bytes) -> None:
    with pytest.raises(DataError, match="damaged"):
        InterestState.from_bytes(Interests(), damage)


def test_bytes_cut_short_of_another_format_or_other_settings_are_refused() -> None:
    content = _state([(0, 1.0, 0), (1, 1.0, 0), (2, 1.0, 0)], vectors=AXES).to_bytes()
    for wrong in (content[:-8], content[:4] + b"\xff" + content[5:]):
        with pytest.raises(DataError, match="damaged"):
            InterestState.from_bytes(Interests(), wrong)
    with pytest.raises(DataError, match="3 interests, where 1 are kept"):
        InterestState.from_bytes(Interests(centroids=1), content)
