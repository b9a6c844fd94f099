"""Facts that people stated are cut like their events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tastemaker.data import Dataset, Relations
from tastemaker.data.split import cold_user, global_time, leave_one_out

from .conftest import START

Of = Callable[..., Dataset]
Words = Callable[..., list[tuple[str, str, float]]]


def tagged(data: Dataset, rows: list[tuple[str | None, str, str, float | None]]) -> Dataset:
    """Return the data with tags: user, item, tag, day."""
    frame = pl.DataFrame(
        {
            "head": [item for _, item, _, _ in rows],
            "relation": ["has_tag"] * len(rows),
            "tail": [tag for _, _, tag, _ in rows],
            "user_id": [user for user, _, _, _ in rows],
            "timestamp": [None if day is None else START + timedelta(days=day - 1) for _, _, _, day in rows],
        },
        schema_overrides={"user_id": pl.String, "timestamp": pl.Datetime("us", "UTC")},
    )
    return replace(data, relations=Relations(frame))


def kept(data: Dataset) -> list[str]:
    assert data.relations is not None
    return sorted(data.relations.frame["tail"])


def test_tags_on_held_out_events_are_not_learnt_from(of: Of, words: Words) -> None:
    data = tagged(
        of(words(u="abcd", v="abcd")),
        [("u", "a", "learnt", 1), ("u", "c", "selected on", 3), ("u", "d", "tested on", 4), (None, "d", "a fact", 9)],
    )
    split = leave_one_out(data)
    assert kept(split.train) == ["a fact", "learnt"]
    assert kept(data) == ["a fact", "learnt", "selected on", "tested on"]


def test_nothing_that_a_held_out_person_stated_is_learnt_from(of: Of, words: Words) -> None:
    log = words(u="abcd", v="abcd", w="abcd", x="abcd", y="abcd")
    data = tagged(of(log), [(user, "a", f"by {user}", 1) for user in "uvwxy"])
    split = cold_user(data, shown=1, valid=0.2, test=0.2)
    learnt = set(split.train.sequences.user_ids)
    assert len(learnt) == 3
    assert kept(split.train) == sorted(f"by {user}" for user in learnt)


def test_nothing_that_was_stated_later_is_learnt_from(of: Of, words: Words) -> None:
    data = tagged(
        of(words(u="abcdefghij")), [("u", "z", "early", 2), ("u", "z", "late", 10), ("u", "z", "undated", None)]
    )
    assert kept(global_time(data, valid=0.2, test=0.2).train) == ["early", "undated"]


@pytest.mark.parametrize("facts", [None, {"head": ["a"], "relation": ["is"], "tail": ["good"]}])
def test_facts_that_nobody_stated_stay(of: Of, words: Words, facts: dict[str, Any] | None) -> None:
    relations = None if facts is None else Relations(pl.DataFrame(facts))
    data = replace(of(words(u="abcd", v="abcd")), relations=relations)
    assert leave_one_out(data).train.relations is relations
