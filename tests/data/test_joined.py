"""Several data sets as one."""

from __future__ import annotations

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, joined
from tastemaker.testing import small_shop


def test_data_sets_of_one_name_are_not_joined() -> None:
    with pytest.raises(DataError, match="a name of its own"):
        joined([small_shop(), small_shop()])


def test_joined_data_sets_keep_events_and_words_apart() -> None:
    one = small_shop()
    other = Dataset.of(small_shop(seed=5).interactions, one.catalogue, name="another")
    both = joined([one, other])
    assert len(both.interactions) == len(one.interactions) + len(other.interactions)
    assert len(both.catalogue) == 2 * len(one.catalogue)
    assert both.catalogue.title("another/i001") == one.catalogue.title("i001")
    for dataset in (one, other):
        assert both.history(f"{dataset.name}/u001") == [f"{dataset.name}/{item}" for item in dataset.history("u001")]


def test_columns_that_one_catalogue_has_are_empty_for_the_other() -> None:
    events = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"]})
    bare = Dataset.of(events, pl.DataFrame({"item_id": ["a", "b"], "text": ["one", "two"]}), name="bare")
    both = joined([small_shop(), bare])
    assert both.catalogue.item("bare/a")["text"] == "one"
    assert both.catalogue.item("bare/a")["categories"] is None
    assert both.catalogue.item("small-shop/i001")["text"] is None


def test_events_keep_the_order_of_their_file_where_they_have_no_times() -> None:
    events = pl.DataFrame({"user_id": ["u"] * 4, "item_id": list("dbca")})
    bare = Dataset.of(events, name="bare")
    assert joined([small_shop(), bare]).history("bare/u") == ["bare/d", "bare/b", "bare/c", "bare/a"]


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(DataError, match="no data sets"):
        joined([])
