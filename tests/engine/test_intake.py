"""A data set comes into a store once, whole, and in its order, whatever interrupts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.engine.memory import MemoryTenant

from tastemaker.core.errors import DataError, StorageError
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Catalogue, Dataset, Users
from tastemaker.data.catalogue import Relations
from tastemaker.engine.intake import Taken, dataset_of, take_in
from tastemaker.engine.shop import Shop
from tastemaker.store import open_store
from tastemaker.testing import small_shop

RUN = Run()


def histories(dataset: Dataset) -> dict[str, list[str]]:
    return {user: dataset.history(user) for user in dataset.sequences.user_ids}


def log(rows: Sequence[tuple[object, ...]], *names: str, users: pl.DataFrame | None = None) -> Dataset:
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", *names], orient="row")
    return Dataset.of(frame, users=None if users is None else Users(users), name="log")


# -- there and back -----------------------------------------------------------------------------------------------


def test_the_same_people_items_and_order_come_back(store: MemoryTenant) -> None:
    shop = small_shop()
    taken = take_in(shop, store, RUN, batch=100)
    back = dataset_of(store, "back", weights={}, run=RUN)
    assert (taken.events, taken.fresh, taken.items, taken.people) == (480, 480, 33, 40)
    assert taken.left_out == ()
    assert histories(back) == histories(shop)
    assert set(back.catalogue.frame["item_id"]) == set(shop.catalogue.frame["item_id"])
    for item in shop.catalogue.frame["item_id"]:
        assert back.catalogue.item(item) == shop.catalogue.item(item)
    assert shop.users is not None
    assert back.users is not None
    for user in shop.users.frame["user_id"]:
        assert back.users.profile(user) == shop.users.profile(user)
        assert back.rated_history(user) == shop.rated_history(user)


def test_the_log_is_in_the_order_of_time(store: MemoryTenant) -> None:
    take_in(small_shop(), store, RUN)
    times = [stored.event.timestamp for stored in store.log.stored]
    assert times == sorted(times)


def test_events_are_named_by_the_data_set_and_their_row(store: MemoryTenant) -> None:
    shop = small_shop()
    take_in(shop, store, RUN)
    rows = {int(each.event.event_id.removeprefix(f"{shop.fingerprint[:12]}:")) for each in store.log.stored}
    assert rows == set(shop.interactions.frame["order"])


def test_tied_times_keep_the_order_of_the_rows(store: MemoryTenant) -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    shop = log([("a", item, day) for item in ("z", "y", "x")] + [("b", "y", day)], "timestamp")
    take_in(shop, store, RUN)
    assert dataset_of(store, "back", weights={}, run=RUN).history("a") == ["z", "y", "x"]


def test_events_without_times_keep_their_order_and_are_without_times_again(store: MemoryTenant) -> None:
    shop = log([("a", "z"), ("b", "y"), ("a", "y"), ("a", "x")])
    take_in(shop, store, RUN)
    assert [each.event.timestamp for each in store.log.stored] == [0, 1, 2, 3]
    back = dataset_of(store, "back", weights={}, run=RUN)
    assert histories(back) == {"a": ["z", "y", "x"], "b": ["y"]}
    assert not back.interactions.has_times


def test_an_event_without_a_time_stays_between_its_neighbours(store: MemoryTenant) -> None:
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC)
    rows = [("a", f"i{row:02}", last if row > 8 else first) for row in range(20)]
    shop = log([*rows[:5], ("a", "between", None), *rows[5:], ("b", "alone", None)], "timestamp")
    take_in(shop, store, RUN)
    back = dataset_of(store, "back", weights={}, run=RUN)
    assert histories(back) == histories(shop)
    assert back.interactions.frame["timestamp"].null_count() == 2


def test_ratings_sessions_and_the_context_come_back(store: MemoryTenant) -> None:
    frame = pl.DataFrame(
        {
            "user_id": ["a", "a"],
            "item_id": ["x", "y"],
            "rating": [4.5, None],
            "session_id": ["s1", "s2"],
            "device": ["phone", None],
            "hour": [7, 8],
        }
    )
    take_in(Dataset.of(frame, name="log"), store, RUN)
    assert [dict(each.event.context) for each in store.log.stored] == [
        {"device": "phone", "hour": 7, "untimed": True},
        {"hour": 8, "untimed": True},
    ]
    back = dataset_of(store, "back", weights={}, run=RUN).interactions.frame
    assert back.select("item_id", "rating", "session_id", "device", "hour").rows() == [
        ("x", 4.5, "s1", "phone", 7),
        ("y", None, "s2", None, 8),
    ]


def test_only_a_weight_of_its_own_is_kept(store: MemoryTenant) -> None:
    rows = [("a", "x", "view", 0.3), ("a", "y", "view", 0.7), ("a", "z", "dislike", -1.0)]
    take_in(log(rows, "event", "weight"), store, RUN)
    kept = {each.event.item_id: each.event.weight for each in store.log.stored}
    assert kept == {"x": None, "y": pytest.approx(0.7), "z": None}
    back = dataset_of(store, "back", weights={}, run=RUN)
    assert back.sequences.weights.tolist() == pytest.approx([0.3, 0.7, -1.0])


def test_of_people_who_did_not_agree_nothing_but_that_is_kept(store: MemoryTenant) -> None:
    people = pl.DataFrame({"user_id": ["a", "b", "c"], "age": [30, 40, 50], "consent": [True, False, None]})
    take_in(log([("a", "x")], users=people), store, RUN)
    assert store.people_rows.rows == {
        "a": {"age": 30, "consent": True},
        "b": {"consent": False},
        "c": {"consent": False},
    }


def test_what_a_store_cannot_hold_is_said(store: MemoryTenant) -> None:
    said: list[str] = []
    items = pl.DataFrame({"item_id": ["x"], "title": ["X"], "parts": [{"a": 1}]})
    facts = Relations(pl.DataFrame({"head": ["x"], "relation": ["of"], "tail": ["y"]}))
    shop = Dataset.of(pl.DataFrame({"user_id": ["a"], "item_id": ["x"]}), Catalogue(items), relations=facts)
    taken = take_in(shop, store, Run(notify=said.append))
    assert taken.left_out == ("parts", "relations")
    assert said == ["What a store has no place for stays behind: parts, relations"]
    assert store.item_rows.rows == {"x": {"title": "X"}}


def test_it_is_the_same_in_sqlite(tmp_path: Path) -> None:
    shop = small_shop()
    kept = open_store(tmp_path / "kept")
    try:
        tenant = kept.for_tenant(Tenant())
        assert take_in(shop, tenant, RUN, batch=100).fresh == 480
        assert take_in(shop, tenant, RUN).events == 0
        back = dataset_of(tenant, "back", weights={}, run=RUN)
    finally:
        kept.close()
    assert histories(back) == histories(shop)
    assert back.users is not None
    assert back.users.profile("u001") == {"age": 40}
    assert back.catalogue.item("i001") == shop.catalogue.item("i001")


# -- rows that the catalogue cannot take ---------------------------------------------------------------------------


def stocked(stock: list[object]) -> Dataset:
    ids = [f"i{number}" for number in range(len(stock))]
    items = pl.DataFrame({"item_id": ids, "title": ids, "stock": stock}, strict=False)
    return Dataset.of(pl.DataFrame({"user_id": ["a"] * len(ids), "item_id": ids}), Catalogue(items), name="stocked")


def test_a_row_that_the_catalogue_refuses_is_set_aside_and_named(store: MemoryTenant) -> None:
    taken = take_in(stocked(["12", "many", "", "3.5", "nan"]), store, RUN)
    assert (taken.items, taken.set_aside) == (3, 2)
    assert taken.wrong == (
        "'stock' of item 'i1' is 'many', and must be a number",
        "'stock' of item 'i4' is 'nan', and must be a number",
    )
    assert "2 items were set aside, the first because 'stock' of item 'i1'" in taken.sentence()
    assert {item: row.get("stock") for item, row in store.item_rows.rows.items()} == {"i0": 12.0, "i2": None, "i3": 3.5}
    assert len(Shop.of_records(store.items)) == 3


def test_a_row_that_does_not_fit_what_is_stored_is_set_aside(store: MemoryTenant) -> None:
    store.items.put({"old": {"size": 40}})
    items = pl.DataFrame({"item_id": ["a", "b"], "size": ["large", None]})
    taken = take_in(Dataset.of(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}), Catalogue(items)), store, RUN)
    assert taken.wrong == ("'size' of item 'a' is 'large', and must be a number",)
    assert set(store.item_rows.rows) == {"old", "b"}


def test_what_was_set_aside_before_an_interruption_is_still_told(store: MemoryTenant) -> None:
    shop = stocked(["many", "1", "2"])
    store.log.fail_after = 0
    with pytest.raises(StorageError):
        take_in(shop, store, RUN, batch=1)
    store.log.fail_after = None
    taken = take_in(shop, store, RUN, batch=1)
    assert (taken.items, taken.set_aside) == (0, 1)
    assert "'i0'" in taken.wrong[0]


# -- once ---------------------------------------------------------------------------------------------------------


def test_a_second_time_adds_nothing(store: MemoryTenant) -> None:
    shop = small_shop()
    take_in(shop, store, RUN)
    before = list(store.log.stored)
    store.items.put({"i000": {"title": "renamed"}})
    again = take_in(shop, store, RUN)
    assert (again.events, again.fresh, again.items, again.people) == (0, 0, 0, 0)
    assert again.sentence() == "Nothing new: all of it is in the store."
    assert store.log.stored == before
    assert store.item_rows.rows["i000"] == {"title": "renamed"}


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_what_was_interrupted_goes_on_where_it_stopped(store: MemoryTenant, batches: int) -> None:
    shop = small_shop()
    store.log.fail_after = batches
    with pytest.raises(StorageError):
        take_in(shop, store, RUN, batch=100)
    store.log.fail_after = None
    rest = take_in(shop, store, RUN, batch=100)
    assert (rest.events, rest.fresh) == (480 - 100 * batches, 480 - 100 * batches)
    assert (rest.items, rest.people) == (0, 0)
    assert len(store.events) == 480
    assert histories(dataset_of(store, "back", weights={}, run=RUN)) == histories(shop)


def test_a_batch_that_was_written_and_not_noted_is_not_written_twice(store: MemoryTenant) -> None:
    shop = small_shop()
    take_in(shop, store, RUN, batch=100)
    store.notes.put("intake", {"small-shop": {**store.notes.get("intake")["small-shop"], "done": False, "events": 100}})
    again = take_in(shop, store, RUN, batch=100)
    assert (again.events, again.fresh) == (380, 0)
    assert len(store.events) == 480


def test_another_version_of_the_same_data_is_refused(store: MemoryTenant) -> None:
    take_in(small_shop(), store, RUN)
    with pytest.raises(DataError, match="another version of 'small-shop'"):
        take_in(small_shop(events=13), store, RUN)
    assert len(store.events) == 480


def test_two_data_sets_find_room_beside_each_other(store: MemoryTenant) -> None:
    take_in(small_shop(), store, RUN)
    take_in(replace(small_shop(events=13), name="other"), store, RUN)
    assert len(store.events) == 480 + 520


def test_a_part_of_a_data_set_does_not_keep_the_rest_out(store: MemoryTenant) -> None:
    shop = small_shop()
    part = shop.where(shop.sequences.rows < 100)
    take_in(part, store, RUN)
    rest = take_in(shop, store, RUN)
    assert (rest.events, rest.fresh) == (480, 380)


def test_the_speed_is_all_rows_over_the_time() -> None:
    taken = Taken(events=900, fresh=800, items=90, people=10, left_out=(), seconds=2.0)
    assert taken.speed == 500
    assert taken.sentence() == "Took in 800 new events of 900, 90 items and 10 people in 2.0 s: 500 rows/s"
