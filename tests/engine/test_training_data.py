"""What a store holds becomes a data set: weights by kind, nothing that was taken back, nobody who did not agree."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.memory import MemoryTenant

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.engine.training_data import dataset_of, kind_weights, table_of
from tastemaker.store.ports import NewEvent

DAY = 86_400_000_000


def tell(store: MemoryTenant, *events: tuple[str, str, str], **more: Any) -> None:
    """Let people do things, a day each."""
    begin = store.events.last_offset()
    store.events.append(
        [
            NewEvent(event_id=f"e{begin + step}", user_id=user, item_id=item, event=kind, timestamp=step * DAY, **more)
            for step, (user, item, kind) in enumerate(events, start=1)
        ]
    )


def read(store: MemoryTenant, **options: Any) -> Dataset:
    return dataset_of(store, "live", **{"weights": {}, "run": Run(), **options})


def test_kinds_are_named_and_weighed_as_at_an_import() -> None:
    found = kind_weights(["purchase", "view", "Thumbs_Up", "wave"], {"VIEW": 0.2})
    assert found == {"purchase": ("buy", 1.0), "view": ("view", 0.2), "Thumbs_Up": ("like", 1.0), "wave": ("wave", 1.0)}


def test_what_speaks_against_does_so_whatever_is_said(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "buy"), ("a", "y", "dislike"))
    tell(store, ("a", "z", "hide"), weight=2.0)
    tell(store, ("a", "w", "return"), weight=0.5)
    back = read(store, weights={"dislike": 0.5, "return": -1.0})
    told = dict(zip(back.interactions.frame["item_id"], back.sequences.weights.tolist(), strict=True))
    assert told == {"x": 1.0, "y": -0.5, "z": -2.0, "w": -0.5}


def test_what_was_only_shown_is_no_event(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "impression"), ("a", "y", "view"))
    assert read(store).history("a") == ["y"]


def test_what_was_hidden_and_no_longer_is_leaves_no_event(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "view"), ("a", "x", "hide"), ("a", "y", "hide"), ("b", "x", "hide"), ("a", "x", "unhide"))
    frame = read(store).interactions.frame.select("user_id", "item_id", "event").rows()
    assert sorted(frame) == [("a", "x", "view"), ("a", "y", "hide"), ("b", "x", "hide")]


def test_what_is_hidden_again_is_hidden(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "hide"), ("a", "x", "unhide"), ("a", "x", "hide"))
    assert read(store).interactions.frame["event"].to_list() == ["hide"]


def test_people_who_did_not_agree_have_events_and_no_attributes(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "view"), ("b", "x", "view"), ("c", "x", "view"))
    store.people.put({"a": {"age": 30, "consent": True}, "b": {"age": 40, "consent": False}, "c": {"age": 50}})
    back = read(store)
    assert back.users is not None
    assert {user: back.users.profile(user) for user in "abc"} == {"a": {"age": 30}, "b": {}, "c": {"age": 50}}
    assert back.users.frame["age"].to_list() == [30, None, 50]
    assert len(back.interactions) == 3


def test_what_happened_later_can_be_left_out(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "view"), ("a", "y", "view"), ("a", "z", "view"))
    assert read(store, until=3 * DAY).history("a") == ["x", "y"]


def test_the_log_can_be_read_again_as_it_was(store: MemoryTenant) -> None:
    tell(store, ("a", "x", "view"), ("a", "y", "view"))
    place = store.events.last_offset()
    before = read(store, last_offset=place)
    tell(store, ("a", "z", "view"))
    assert read(store, last_offset=place).fingerprint == before.fingerprint
    assert read(store).history("a") == ["x", "z", "y"]  # by time


def test_what_hardly_any_event_says_of_its_moment_is_no_column(store: MemoryTenant) -> None:
    tell(store, *[("a", f"i{step}", "view") for step in range(199)], context={"device": "phone"})
    tell(store, ("a", "last", "view"), context={"oddity": 1, "weight": 5, "order": 3})
    frame = read(store).interactions.frame
    assert "oddity" not in frame.columns
    assert frame["device"].null_count() == 1
    assert frame["weight"].unique().to_list() == pytest.approx([0.3])


def test_an_empty_log_is_an_error_that_says_what_to_do(store: MemoryTenant) -> None:
    with pytest.raises(DataError, match="no events to train on"):
        read(store)


def test_items_that_only_the_log_knows_are_in_the_catalogue(store: MemoryTenant) -> None:
    store.items.put({"x": {"title": "X", "price": 3}, "unsold": {"title": "U", "price": 2.5}})
    tell(store, ("a", "new", "view"))
    back = read(store)
    assert sorted(back.catalogue.frame["item_id"]) == ["new", "unsold", "x"]
    assert back.catalogue.item("x")["price"] == 3.0


def test_a_table_that_is_empty_is_none(store: MemoryTenant) -> None:
    assert table_of(store.items, "item_id") is None
