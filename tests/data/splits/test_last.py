"""Each user's last events: by number, by share, and for one part of the users after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split, leave_one_out
from tastemaker.data.split import Rules, leave_last_n, user_k_fold, user_ratio

Of = Callable[..., Dataset]
Parts = Callable[[Split], tuple[list[int], list[int], list[int]]]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float]]]


def test_one_and_one_is_leave_one_out(of: Of, parts: Parts, questions: Questions, words: Words) -> None:
    data = of(words(u="abcde", v="bca", w="ab"))
    mine, other = leave_last_n(data), leave_one_out(data)
    assert parts(mine) == parts(other) == ([0, 1, 2, 5, 8, 9], [3, 6], [4, 7])
    assert questions(mine.test) == questions(other.test) == [("u", "abcd", "e"), ("v", "bc", "a")]
    assert mine.hash != other.hash


def test_a_question_for_each_of_the_last_events(of: Of, questions: Questions, words: Words) -> None:
    split = leave_last_n(of(words(u="abcdefg", v="abc")), test_events=2, valid_events=3)
    assert questions(split.valid) == [("u", "ab", "c"), ("u", "abc", "d"), ("u", "abcd", "e")]
    assert questions(split.test) == [("u", "abcde", "f"), ("u", "abcdef", "g")]
    assert split.train.history("u") == ["a", "b"]
    assert split.train.history("v") == ["a", "b", "c"]  # too few to be tested, so only learnt from
    assert split.knobs["history_at_test"] == "all events before, validation events included"


def test_one_question_with_several_targets(of: Of, questions: Questions, words: Words) -> None:
    split = leave_last_n(of(words(u="abcdefg", v="dcba")), test_events=2, targets="together")
    assert questions(split.valid) == [("u", "abcd", "e"), ("v", "d", "c")]
    assert questions(split.test) == [("u", "abcde", "fg"), ("v", "dc", "ba")]
    assert split.test.query.tolist() == [0, 0, 1, 1]
    assert split.test.rows.tolist() == [5, 6, 9, 10]


def test_the_moment_of_a_question_is_that_of_its_first_target(of: Of, words: Words) -> None:
    data = of(words(u="abcdefg"))
    times = data.sequences.timestamps
    assert leave_last_n(data, test_events=2).test.queries.now.tolist() == times[[5, 6]].tolist()
    assert leave_last_n(data, test_events=2, targets="together").test.queries.now.tolist() == times[[5]].tolist()


def test_more_than_anybody_has_is_refused(of: Of, words: Words) -> None:
    with pytest.raises(DataError, match="leave-last-n needs users with 7 events, and nobody has more than 5"):
        leave_last_n(of(words(u="abcde", v="abc")), test_events=5)
    with pytest.raises(DataError, match="A user needs 9 events, and nobody has more than 5"):
        leave_one_out(of(words(u="abcde", v="abc")), min_events=9)


def test_one_item_is_refused(of: Of) -> None:
    with pytest.raises(DataError, match="for items met before"):
        leave_one_out(of([("u", "a", day) for day in range(5)]))
    with pytest.raises(DataError, match="there is one item only"):
        leave_one_out(of([("u", "a", day) for day in range(5)]), rules=Rules(drop_seen=False))


@pytest.mark.parametrize("knob", ["test_events", "valid_events"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_numbers_of_events_are_whole_and_positive(of: Of, words: Words, knob: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"{knob} is .*, but should be a whole number of at least 1"):
        leave_last_n(of(words(u="abcdef")), **{knob: value})


def test_learning_from_the_validation_part_empties_it(of: Of, parts: Parts, words: Words) -> None:
    split = leave_one_out(of(words(u="abcd", v="bcd")), rules=Rules(train_on_valid=True))
    assert parts(split) == ([0, 1, 2, 4, 5], [], [3, 6])
    assert (len(split.valid), split.valid.user_count) == (0, 0)
    assert split.knobs["train_on_valid"] is True


# -- shares of each user ------------------------------------------------------------------------------------------


def test_the_last_share_of_each_user(of: Of, questions: Questions, words: Words) -> None:
    data = of(words(u="abcdefghij", v="cdefa", w="ab"))
    split = user_ratio(data, valid=0.1, test=0.3)
    assert questions(split.valid) == [("u", "abcdef", "g"), ("v", "cd", "e")]
    assert questions(split.test) == [("u", "abcdefg", "hij"), ("v", "cde", "fa")]
    assert split.train.history("w") == ["a", "b"]
    each = user_ratio(data, valid=0.1, test=0.3, targets="each")
    assert questions(each.test)[-1] == ("v", "cdef", "a")


def test_somebody_always_keeps_an_event_to_learn_from(of: Of, words: Words) -> None:
    split = user_ratio(of(words(u="ab", v="abcdef")), valid=0.3, test=0.6, min_events=0)
    assert split.train.history("u") == ["a"]
    assert split.train.history("v") == ["a"]


def test_users_of_few_events_are_only_learnt_from(of: Of, questions: Questions, words: Words) -> None:
    split = user_ratio(of(words(u="abcdef", v="abc")), valid=0.3, test=0.3, min_events=4)
    assert {user for user, _, _ in questions(split.test)} == {"u"}


@pytest.mark.parametrize(("valid", "test"), [(0, 0.1), (0.1, 1), (0.5, 0.5), (None, 0.1), ("a", 0.1), (True, 0.1)])
def test_shares_out_of_range_are_refused(of: Of, words: Words, valid: Any, test: Any) -> None:
    with pytest.raises(DataError, match="leave nothing to learn from"):
        user_ratio(of(words(u="abcdef")), valid=valid, test=test)


# -- parts of the users -------------------------------------------------------------------------------------------


def test_everybody_is_tested_in_one_fold(of: Of, words: Words, questions: Questions) -> None:
    data = of(words(**{user: "abcde" for user in "mnopqrst"}))
    folds = user_k_fold(data, folds=4)
    tested = [[user for user, _, _ in questions(split.test)] for split in folds]
    assert sorted(user for users in tested for user in users) == list("mnopqrst")
    assert [len(users) for users in tested] == [2, 2, 2, 2]
    assert [[user for user, _, _ in questions(split.valid)] for split in folds] == [*tested[1:], tested[0]]
    for split in folds:
        assert {(history, target) for _, history, target in questions(split.test)} == {("abcd", "e")}
        assert len(split.train.interactions) == 40 - 4


def test_tested_users_can_be_strangers_to_the_model(of: Of, words: Words, questions: Questions) -> None:
    data = of(words(**{user: "abcde" for user in "mnopqr"}))
    split = user_k_fold(data, folds=3, test_events=2, targets="together", tested_users_in_train=False)[1]
    asked = {user for held in (split.valid, split.test) for user, _, _ in questions(held)}
    assert len(asked) == 4
    assert set(split.train.sequences.user_ids) == set("mnopqr") - asked
    assert {(history, targets) for _, history, targets in questions(split.test)} == {("abc", "de")}
    whole = user_k_fold(data, folds=3, tested_users_in_train=False, rules=Rules(train_on_valid=True))[1]
    assert len(whole.train.sequences.user_ids) == 4
    assert len(whole.train.interactions) == 20


def test_nobody_left_to_learn_from_is_refused_with_a_remedy(of: Of, words: Words) -> None:
    folds = user_k_fold(of(words(u="abc", v="abd")), folds=2, tested_users_in_train=False)
    with pytest.raises(DataError, match=r"training part of user-k-fold is empty.* learn from tested users too"):
        folds[0]


def test_folds_are_drawn_by_the_seed(of: Of, words: Words) -> None:
    data = of(words(**{user: "abcde" for user in "mnopqrst"}))
    first = [split.test.rows.tolist() for split in user_k_fold(data, folds=2)]
    assert first == [split.test.rows.tolist() for split in user_k_fold(data, folds=2, run=Run(seed=0))]
    assert any(
        first != [split.test.rows.tolist() for split in user_k_fold(data, folds=2, run=Run(seed=seed))]
        for seed in range(1, 4)
    )


def test_users_of_too_few_events_are_learnt_from_in_every_fold(of: Of, words: Words) -> None:
    data = of(words(u="abc", v="acb", w="a", x="cba"))
    for split in user_k_fold(data, folds=2):
        assert split.train.history("w") == ["a"]
    with pytest.raises(DataError, match="user-k-fold needs users with 4 events, and nobody has more than 3"):
        user_k_fold(data, folds=2, test_events=3)


def test_folds_need_as_many_users(of: Of, words: Words) -> None:
    with pytest.raises(DataError, match=r"user-k-fold with folds=5 needs at least 5 users, and here are 2"):
        user_k_fold(of(words(u="abc", v="abc")))
    with pytest.raises(DataError, match=r"needs at least 2 users, and here is 1"):
        user_k_fold(of(words(u="abc")), folds=2)
    with pytest.raises(DataError, match="folds is 1"):
        user_k_fold(of(words(u="abc")), folds=1)


def test_folds_are_a_sequence_of_splits_made_when_asked_for(of: Of, words: Words) -> None:
    folds = user_k_fold(of(words(**{user: "abcde" for user in "mnopqrst"})), folds=4)
    assert len(folds) == 4
    assert [split.knobs["fold"] for split in folds] == [0, 1, 2, 3]
    assert [split.knobs["fold"] for split in folds[1:3]] == [1, 2]
    assert folds[-1].hash == folds[3].hash
    with pytest.raises(IndexError):
        folds[4]
    assert len(np.unique([split.hash for split in folds])) == 4
