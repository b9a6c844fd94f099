"""What every table of rows keeps, and where items and people differ."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.store.contracts.opening import Contract, Reopen

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Records, TenantStore

TEA = {"title": "Tea", "price": 2.5, "tags": ["hot", {"deep": None}], "on sale": True}


class RecordsContract(Contract):
    """For both tables; ``table`` names one of them."""

    table: str

    @pytest.fixture
    def records(self, tenant: TenantStore) -> Records:
        return self.of(tenant)

    def of(self, tenant: TenantStore) -> Records:
        records: Records = getattr(tenant, self.table)
        return records

    def test_a_row_comes_back_as_it_was_put(self, records: Records, reopen: Reopen) -> None:
        records.put({"té/1": TEA})
        assert records.get(["té/1"]) == {"té/1": TEA}
        assert self.of(reopen()).get(["té/1"]) == {"té/1": TEA}

    def test_a_row_that_was_there_is_replaced_whole(self, records: Records) -> None:
        records.put({"a": {"x": 1, "y": 2}})
        records.put({"a": {"x": 3}})
        assert records.get(["a"]) == {"a": {"x": 3}}
        assert len(records) == 1

    def test_rows_come_in_the_order_asked_and_those_that_are_not_there_are_left_out(self, records: Records) -> None:
        records.put({name: {"name": name} for name in "abc"})
        assert list(records.get(["c", "nothing", "a", "c"])) == ["c", "a"]

    def test_very_many_rows_can_be_asked_for(self, records: Records) -> None:
        records.put({f"r{number:04}": {"number": number} for number in range(1_200)})
        assert len(records.get([f"r{number:04}" for number in range(1_300)])) == 1_200

    def test_a_row_that_json_cannot_hold_is_refused_and_the_others_with_it(self, records: Records) -> None:
        with pytest.raises(DataError, match=r"bad: 'row\.price'"):
            records.put({"good": {"price": 1}, "bad": {"price": math.nan}})
        assert (len(records), records.revision()) == (0, 0)

    def test_a_row_without_a_name_is_refused(self, records: Records) -> None:
        with pytest.raises(DataError, match="empty"):
            records.put({"": TEA})

    def test_some_values_of_a_row_change_and_nothing_takes_one_away(self, records: Records) -> None:
        records.put({"a": {"x": 1, "y": 2}})
        assert records.patch("a", {"x": None, "z": 3}) == {"y": 2, "z": 3}
        assert records.get(["a"]) == {"a": {"y": 2, "z": 3}}

    def test_a_row_that_is_not_there_cannot_be_changed(self, records: Records) -> None:
        records.put({"gone": TEA})
        records.delete(["gone"])
        assert records.patch("never", {"x": 1}) is None
        assert records.patch("gone", {"x": 1}) is None
        assert len(records) == 0

    def test_changes_of_several_callers_at_once_are_all_there(self, records: Records) -> None:
        records.put({"a": {}})
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: records.patch("a", {f"v{number}": number}), range(12)))
        assert records.get(["a"]) == {"a": {f"v{number}": number for number in range(12)}}

    def test_deleted_rows_are_gone_and_counted(self, records: Records, tenant: TenantStore) -> None:
        records.put({name: {"said": f"secret of {name}"} for name in "abc"})
        assert records.delete(["a", "nothing", "b", "a"]) == 2
        assert records.get(["a", "b", "c"]) == {"c": {"said": "secret of c"}}
        assert (len(records), [name for name, _ in records.scan()]) == (1, ["c"])
        assert (tenant.holds("secret of a"), tenant.holds("secret of c")) == ([], [f"{self.table}.content"])

    def test_rows_are_read_in_pages_by_id(self, records: Records) -> None:
        records.put({name: {"name": name} for name in ["b", "é", "a", "B"]})
        assert [name for name, _ in records.scan(limit=2)] == ["B", "a"]
        assert records.scan("a") == [("b", {"name": "b"}), ("é", {"name": "é"})]

    def test_each_changed_row_is_a_revision(self, records: Records) -> None:
        assert records.revision() == 0
        assert records.put({"a": TEA, "b": TEA}) == 2
        assert records.put({"b": {}}) == 3
        records.patch("a", {"x": 1})
        assert records.revision() == 4
        records.delete(["a", "b"])
        assert records.revision() == 6
        assert records.put({}) == 6

    def test_revisions_go_on_after_the_last_row_was_deleted(self, records: Records, reopen: Reopen) -> None:
        records.put({"a": TEA})
        records.delete(["a"])
        assert self.of(reopen()).put({"b": TEA}) == 3

    def test_who_follows_sees_each_row_once_as_it_is_now(self, records: Records) -> None:
        records.put({"a": {"x": 1}, "b": {"x": 1}})
        records.put({"a": {"x": 2}})
        assert records.changes(0) == [(2, "b", {"x": 1}), (3, "a", {"x": 2})]
        assert records.changes(2) == [(3, "a", {"x": 2})]
        assert records.changes(0, limit=1) == [(2, "b", {"x": 1})]
        assert records.changes(records.revision()) == []

    def test_the_two_tables_know_nothing_of_each_other(self, tenant: TenantStore) -> None:
        tenant.items.put({"a": {"kind": "item"}})
        tenant.people.put({"a": {"kind": "person"}})
        tenant.items.delete(["a"])
        assert (len(tenant.items), tenant.people.get(["a"])) == (0, {"a": {"kind": "person"}})
        assert (tenant.items.revision(), tenant.people.revision()) == (2, 1)


class ItemsContract(RecordsContract):
    table = "items"

    def test_who_follows_sees_which_items_were_deleted(self, records: Records) -> None:
        records.put({"a": TEA, "b": TEA})
        records.delete(["a"])
        assert records.changes(2) == [(3, "a", None)]

    def test_an_item_that_comes_back_is_no_longer_deleted(self, records: Records) -> None:
        records.put({"a": TEA})
        records.delete(["a"])
        records.put({"a": {"x": 1}})
        assert records.changes(0) == [(3, "a", {"x": 1})]


class PeopleContract(RecordsContract):
    table = "people"

    def test_no_name_of_a_deleted_person_is_kept_and_who_follows_is_told_that_there_was_one(
        self, records: Records, tenant: TenantStore
    ) -> None:
        records.put({"ann": {}, "bob": {}, "cy": {}})
        records.delete(["ann", "bob"])
        assert (tenant.holds("ann"), tenant.holds("bob"), tenant.holds("cy")) == ([], [], ["people.id"])
        assert records.changes(0) == [(3, "cy", {}), (5, "", None)]
        assert [name for name, _ in records.scan()] == ["cy"]
