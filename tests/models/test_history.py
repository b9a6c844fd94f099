"""Histories in a model's own numbers: each event has an age, and what it says falls with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Event, Query, QueryBatch, as_events
from tastemaker.data import Vocabulary
from tastemaker.models.history import AGE_DECAYS, History

WORDS = Vocabulary.of(["a", "b", "c"])
A, B, C = WORDS.index(["a", "b", "c"])


def matrix_of(*histories: list[str | Event], decay: str = "uniform", last: int | None = None) -> np.ndarray:
    batch = QueryBatch.of([Query(history=as_events(history)) for history in histories])
    return np.asarray(History.of(batch, WORDS).matrix(len(WORDS), decay, last).toarray())


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("1/a", [1, 1 / 2, 1 / 3]),
        ("1/a^2", [1, 1 / 4, 1 / 9]),
        ("0.6^(a-1)", [1, 0.6, 0.36]),
        ("0.8^(a-1)", [1, 0.8, 0.64]),
        ("uniform", [1, 1, 1]),
    ],
)
def test_the_latest_event_counts_one_and_older_ones_less(decay: str, expected: list[float]) -> None:
    assert matrix_of(["a", "b", "c"], decay=decay)[0, [C, B, A]] == pytest.approx(expected)
    assert AGE_DECAYS[decay](np.asarray([1.0, 2.0, 3.0])) == pytest.approx(expected)


def test_an_unknown_decay_names_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"there is no age decay '1/aa'\. Did you mean '1/a'"):
        matrix_of(["a"], decay="1/aa")


def test_an_item_met_twice_counts_twice() -> None:
    assert matrix_of(["a", "b", "a"], decay="1/a")[0, [A, B]] == pytest.approx([1 + 1 / 3, 1 / 2])


def test_unknown_items_do_not_make_others_older() -> None:
    assert (matrix_of(["a", "nowhere", "b", "never"], decay="1/a") == matrix_of(["a", "b"], decay="1/a")).all()


def test_weights_multiply() -> None:
    assert matrix_of([Event("a", weight=0.5), Event("b", weight=2.0)], decay="1/a")[0, [A, B]] == pytest.approx(
        [0.25, 2]
    )


def test_likes_and_dislikes_age_apart() -> None:
    dislike = Event("c", weight=-1.0)
    assert matrix_of(["a", "b", dislike], decay="1/a")[0, [A, B, C]] == pytest.approx([1 / 2, 1, -1])
    assert matrix_of([dislike, "a", "b"], decay="1/a")[0, [A, B, C]] == pytest.approx([1 / 2, 1, -1])


def test_only_the_latest_events_count_where_that_is_asked_for() -> None:
    assert matrix_of(["a", "b", "c"], last=2)[0, [A, B, C]].tolist() == [0, 1, 1]


def test_queries_have_rows_of_their_own_and_empty_ones_are_zero() -> None:
    found = matrix_of(["a"], [], ["nowhere"], ["b", "c"], decay="1/a")
    assert found.shape == (4, 3)
    assert found[:, [A, B, C]] == pytest.approx(np.asarray([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1 / 2, 1]]))
    assert matrix_of().shape == (0, 3)


EVENTS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "?"]), st.sampled_from([1.0, -1.0, 0.5])), max_size=7)


@given(st.lists(EVENTS, max_size=5), st.sampled_from(sorted(AGE_DECAYS)), st.none() | st.integers(1, 4))
def test_the_matrix_is_what_a_plain_loop_finds(
    histories: list[list[tuple[str, float]]], decay: str, last: int | None
) -> None:
    expected = np.zeros((len(histories), 3))
    for row, history in enumerate(histories):
        known = [(item, weight) for item, weight in history if item != "?"]
        for sign in (False, True):
            side = [(item, weight) for item, weight in known if (weight < 0) == sign]
            for age, (item, weight) in enumerate(reversed(side), start=1):
                if last is None or age <= last:
                    expected[row, WORDS.index([item])[0]] += weight * AGE_DECAYS[decay](np.asarray([float(age)]))[0]
    events: list[list[str | Event]] = [
        [Event(item, weight=weight) for item, weight in history] for history in histories
    ]
    assert matrix_of(*events, decay=decay, last=last) == pytest.approx(expected, abs=1e-6)
