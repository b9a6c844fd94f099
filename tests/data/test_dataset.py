"""A data set holds events, items, people and facts under one vocabulary and one fingerprint."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.data import Catalogue, Dataset, Users
from tastemaker.testing import small_shop

LOG = pl.DataFrame(
    {
        "user_id": ["v", "u", "u", "w", "u"],
        "item_id": ["a", "b", "a", "c", "b"],
        "timestamp": [5, 2, 1, None, 3],
        "weight": [1.0, 1.0, -1.0, 1.0, 0.5],
    }
)


def test_items_that_the_catalogue_lacks_are_added_to_it() -> None:
    data = Dataset.of(LOG, pl.DataFrame({"item_id": ["z", "a"], "title": ["Zebra", "Ape"]}))
    assert data.catalogue.frame.rows() == [("z", "Zebra"), ("a", "Ape"), ("b", None), ("c", None)]
    assert set(data.items.ids) == {"a", "b", "c", "z"}


def test_without_a_catalogue_the_events_name_the_items() -> None:
    data = Dataset.of(LOG)
    assert sorted(data.catalogue.frame["item_id"]) == ["a", "b", "c"]


def test_sequences_are_user_after_user_oldest_first() -> None:
    data = Dataset.of(LOG)
    sequences = data.sequences
    assert sequences.user_ids.tolist() == ["u", "v", "w"]
    assert sequences.indptr.tolist() == [0, 3, 4, 5]
    assert data.items.ids[sequences.codes].tolist() == ["a", "b", "b", "a", "c"]
    assert sequences.weights.tolist() == [-1.0, 1.0, 0.5, 1.0, 1.0]
    assert sequences.timestamps.tolist() == [1_000_000, 2_000_000, 3_000_000, 5_000_000, NO_TIME]
    assert sequences.rows.tolist() == [2, 1, 4, 0, 3]
    assert sequences.user_of_event().tolist() == [0, 0, 0, 1, 2]


def test_a_history_is_oldest_first_and_empty_for_a_stranger() -> None:
    data = Dataset.of(LOG)
    assert data.history("u") == ["a", "b", "b"]
    assert data.history("nobody") == []


def test_ids_given_as_numbers_are_found() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": [42], "item_id": [7]}))
    assert data.history(42) == ["7"]  # type: ignore[arg-type]
    assert data.histories([42, "42"]).lengths().tolist() == [1, 1]  # type: ignore[list-item]


def test_histories_of_many_share_the_columns() -> None:
    data = Dataset.of(LOG)
    batch = data.histories(["v", "nobody", "u", "u"])
    assert batch.lengths().tolist() == [1, 0, 3, 3]
    assert batch.user_ids.tolist() == ["v", "nobody", "u", "u"]
    assert batch.codes is data.sequences.codes
    assert batch.dictionary is data.items.ids


@given(st.lists(st.sampled_from([f"u{n:03}" for n in range(45)]), max_size=12))
def test_histories_are_single_histories(users: list[str]) -> None:
    data = SHOP
    batch = data.histories(users)
    indptr, positions = batch.flatten()
    items = batch.dictionary[batch.codes[positions]]
    assert [items[start:end].tolist() for start, end in pairwise(indptr)] == [data.history(user) for user in users]


SHOP = small_shop()


def test_a_view_keeps_vocabulary_catalogue_and_fingerprint() -> None:
    data = Dataset.of(LOG)
    view = data.where(np.asarray([True, False, True, False, False]))
    assert view.sequences.rows.tolist() == [2, 4]
    assert view.history("u") == ["a", "b"]
    assert view.items is data.items
    assert view.catalogue is data.catalogue
    assert view.fingerprint == data.fingerprint


def test_a_view_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"no events are left \(shop\)"):
        Dataset.of(LOG, name="shop").where(np.zeros(5, dtype=bool))


def test_the_fingerprint_is_that_of_the_content() -> None:
    first = Dataset.of(LOG)
    assert len(first.fingerprint) == 64
    assert Dataset.of(LOG.clone(), name="another name", seed=9).fingerprint == first.fingerprint
    changes = {
        "an item": LOG.with_columns(item_id=pl.lit("a")),
        "a user": LOG.with_columns(user_id=pl.lit("u")),
        "a time": LOG.with_columns(pl.col("timestamp") + 1),
        "a weight": LOG.with_columns(weight=pl.lit(1.0)),
        "a kind of event": LOG.with_columns(event=pl.lit("buy")),
        "the order of rows": LOG.reverse(),
        "a row less": LOG.head(4),
    }
    prints = {name: Dataset.of(frame).fingerprint for name, frame in changes.items()}
    prints["a title"] = Dataset.of(LOG, pl.DataFrame({"item_id": ["a"], "title": ["Ape"]})).fingerprint
    assert len({first.fingerprint, *prints.values()}) == len(prints) + 1


def test_people_come_along() -> None:
    people = Users(pl.DataFrame({"user_id": ["u"], "age": [30]}))
    assert Dataset.of(LOG, users=people).users is people


def test_a_catalogue_may_be_given_ready() -> None:
    catalogue = Catalogue.of_ids(["a", "b", "c"])
    assert Dataset.of(LOG, catalogue).catalogue is catalogue


def test_the_provenance_of_a_data_set_names_its_rows_people_and_last_event() -> None:
    seen = Dataset.of(LOG, name="shop").provenance()
    assert seen.dataset == "shop"
    assert seen.rows.tolist() == [0, 1, 2, 3, 4]
    assert seen.users == 3
    assert seen.last_event == to_microseconds(datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))
    assert Dataset.of(LOG.drop("timestamp")).provenance().last_event is None
