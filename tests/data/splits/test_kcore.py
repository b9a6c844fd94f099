"""The k-core: the largest set of events in which nobody and nothing is rare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, leave_one_out
from tastemaker.data.kcore import k_core
from tastemaker.data.split import Rules, make_split

Of = Callable[..., Dataset]
Words = Callable[..., list[tuple[str, str, float]]]


def test_what_is_dropped_makes_others_rare(of: Of, words: Words) -> None:
    # Item c goes with its one event, then u3 with one event left, then b.
    data = of(words(u1="ad", u2="ad", u3="cb", u4="adb"))
    core = k_core(data, users=2, items=2)
    assert sorted(core.dataset.interactions.frame.select("user_id", "item_id").rows()) == [
        ("u1", "a"), ("u1", "d"), ("u2", "a"), ("u2", "d"), ("u4", "a"), ("u4", "d"),
    ]  # fmt: skip
    assert (core.dropped_events, core.dropped_users, core.dropped_items, core.rounds) == (3, 1, 2, 4)


def test_it_is_a_view_with_the_whole_catalogue(of: Of, words: Words) -> None:
    data = of(words(u="ab", v="ab", w="c"))
    core = k_core(data, users=1, items=2).dataset
    assert core.fingerprint == data.fingerprint
    assert core.items is data.items
    assert "c" in core.catalogue
    assert sorted(core.sequences.rows) == [0, 1, 2, 3]


def test_users_and_items_have_numbers_of_their_own(of: Of, words: Words) -> None:
    data = of(words(u="abc", v="a", w="a"))
    assert k_core(data, users=3, items=1).dataset.history("u") == ["a", "b", "c"]
    assert len(k_core(data, users=1, items=3).dataset.interactions) == 3
    assert k_core(data, users=0, items=1).dataset is data


def test_nothing_left_is_refused(of: Of, words: Words) -> None:
    with pytest.raises(DataError, match="nothing is left where each user has 5 events and each item 2"):
        k_core(of(words(u="abc", v="abc")), users=5, items=2)
    with pytest.raises(DataError, match="users is -1"):
        k_core(of(words(u="abc")), users=-1)


@given(
    st.lists(st.tuples(st.sampled_from("stuvwxyz"), st.sampled_from("abcdefgh")), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_it_is_what_taking_out_one_rare_thing_at_a_time_leaves(
    of: Of, pairs: list[tuple[str, str]], users: int, items: int
) -> None:
    left = list(pairs)
    while True:
        by_user, by_item = Counter(user for user, _ in left), Counter(item for _, item in left)
        rare = [user for user, number in by_user.items() if number < users]
        rare_items = [item for item, number in by_item.items() if number < items]
        if rare:
            left = [pair for pair in left if pair[0] != rare[0]]
        elif rare_items:
            left = [pair for pair in left if pair[1] != rare_items[0]]
        else:
            break
    data = of([(user, item, 1) for user, item in pairs])
    if not left:
        with pytest.raises(DataError, match="nothing is left"):
            k_core(data, users, items)
        return
    core = k_core(data, users, items)
    assert sorted(core.dataset.interactions.frame.select("user_id", "item_id").rows()) == sorted(left)
    assert core.dropped_events == len(pairs) - len(left)
    assert core.dropped_users == len({user for user, _ in pairs}) - len({user for user, _ in left})


PROTOCOLS: list[tuple[str, dict[str, Any]]] = [
    ("global-time", {"valid": 0.2, "test": 0.2}),
    ("leave-one-out", {}),
    ("leave-last-n", {}),
    ("user-ratio", {"valid": 0.2, "test": 0.2}),
    ("random-ratio", {"valid": 0.2, "test": 0.2}),
    ("cold-item", {"valid": 0.2, "test": 0.2}),
    ("cold-user", {"valid": 0.25, "test": 0.25}),
    ("user-k-fold", {"folds": 2, "fold": 0}),
    ("given", {"test_rows": [4, 9]}),
]


@pytest.mark.parametrize(("protocol", "knobs"), PROTOCOLS)
def test_it_is_a_knob_of_every_protocol(of: Of, words: Words, protocol: str, knobs: dict[str, Any]) -> None:
    data = of(words(m="abcde", n="bcdea", o="cdeab", p="deabc", r="edcba", rare="abz", s="zy"))
    split = make_split(data, protocol, core_users=4, core_items=3, **knobs)
    known = split.train.interactions.frame["user_id"].to_list() + [
        user for held in (split.valid, split.test) for user in held.queries.user_ids
    ]
    assert set(known) <= set("mnopr")
    assert (split.knobs["core_users"], split.knobs["core_items"], split.knobs["core_dropped_events"]) == (4, 3, 5)
    assert split.hash != make_split(data, protocol, **knobs).hash


def test_it_comes_before_the_split(of: Of, words: Words) -> None:
    data = of(words(u="abcdz", v="abcd", w="dcba"))
    assert leave_one_out(data).test.queries.dictionary[leave_one_out(data).test.targets].tolist() == ["z", "d", "a"]
    split = leave_one_out(data, rules=Rules(core_items=2))
    assert split.test.queries.dictionary[split.test.targets].tolist() == ["d", "d", "a"]
