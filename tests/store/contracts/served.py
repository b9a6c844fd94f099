"""What every log of shown lists keeps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from tests.store.contracts.opening import Contract, Reopen

from tastemaker.core.errors import DataError, StorageError
from tastemaker.store.ports import Served, ServedLog, TenantStore

WHOLE = Served(
    recommendation_id="list-1",
    user_id="ann",
    scenario="home",
    at=17,
    item_ids=("b", "ä/1"),
    propensities=(0.1, 1 / 3),
    model="ease@3",
    details={"session": "visit-1", "sources": {"b": ["counts"]}},
)


def served(name: str, user_id: str | None = "ann", **more: Any) -> Served:
    return Served(
        **{"recommendation_id": name, "user_id": user_id, "scenario": "home", "at": 0, "item_ids": ("i",), **more}
    )


def names(found: list[Served]) -> list[str]:
    return [one.recommendation_id for one in found]


class ServedLogContract(Contract):
    @pytest.fixture
    def log(self, tenant: TenantStore) -> ServedLog:
        return tenant.served

    def keep(self, log: ServedLog, *lists: Served) -> None:
        log.submit(lists).result()

    def test_a_list_comes_back_as_it_was_handed_in(self, log: ServedLog, reopen: Reopen) -> None:
        self.keep(log, WHOLE)
        assert log.get("list-1") == WHOLE
        assert log.get("list-2") is None
        assert reopen().served.get("list-1") == WHOLE

    def test_a_list_to_nobody_in_particular_is_kept(self, log: ServedLog) -> None:
        self.keep(log, served("list-1", None))
        assert log.scan() == [(1, served("list-1", None))]

    def test_of_two_lists_with_one_name_the_first_stays(self, log: ServedLog) -> None:
        self.keep(log, served("a", at=1), served("a", at=2), served("b"))
        self.keep(log, served("a", at=3))
        assert [(one.recommendation_id, one.at) for _, one in log.scan()] == [("a", 1), ("b", 0)]

    def test_lists_are_read_in_pages_in_the_order_in_which_they_were_kept(self, log: ServedLog) -> None:
        self.keep(log, *(served(name) for name in "abc"))
        first = log.scan(limit=2)
        rest = log.scan(after=first[-1][0])
        assert names([one for _, one in first + rest]) == ["a", "b", "c"]
        assert log.scan(after=rest[-1][0]) == []

    def test_the_latest_lists_of_a_person_come_oldest_first(self, log: ServedLog) -> None:
        self.keep(log, *(served(name) for name in "abc"), served("other", "bob"), served("nobody", None))
        assert names(log.of_user("ann")) == ["a", "b", "c"]
        assert names(log.of_user("ann", latest=2)) == ["b", "c"]
        assert log.of_user("cy") == []

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("propensities", (0.5, 0.5)),
            ("propensities[0]", (math.nan,)),
            ("item_ids[0]", (object(),)),
            ("recommendation_id", ""),
            ("user_id", ""),
            ("details.query", {"query": {1, 2}}),
        ],
    )
    def test_what_cannot_be_kept_is_refused_by_name(self, log: ServedLog, field: str, wrong: Any) -> None:
        bad = replace(served("bad"), **{field.partition("[")[0].partition(".")[0]: wrong})
        with pytest.raises(DataError) as refused:
            self.keep(log, served("good"), bad)
        assert refused.value.where == field
        assert log.scan() == []

    def test_lists_of_one_person_are_given_to_another(self, log: ServedLog) -> None:
        self.keep(log, served("a", "visitor"), served("b", "ann"), served("c", "visitor"))
        assert log.merge("visitor", "ann") == 2
        assert names(log.of_user("ann")) == ["a", "b", "c"]
        assert log.of_user("visitor") == []

    def test_a_list_to_somebody_who_was_merged_is_kept_under_the_name_that_they_have_now(
        self, log: ServedLog, tenant: TenantStore
    ) -> None:
        tenant.events.merge("visitor", "ann")
        self.keep(log, served("late", "visitor"))
        assert [(place, one.user_id) for place, one in log.scan()] == [(1, "ann")]
        assert names(log.of_user("visitor")) == ["late"]

    def test_an_erased_persons_lists_are_gone_and_nobody_elses(self, log: ServedLog, tenant: TenantStore) -> None:
        self.keep(log, served("a", details={"said": "secret"}), served("b", "bob"), served("c"))
        assert (log.erase("ann"), log.erase("ann")) == (2, 0)
        assert names([one for _, one in log.scan()]) == ["b"]
        assert (tenant.holds("ann"), tenant.holds("secret"), tenant.holds("bob")) == ([], [], ["served.user_id"])

    def test_lists_before_a_moment_are_forgotten(self, log: ServedLog) -> None:
        self.keep(log, *(served(f"at {at}", at=at) for at in (5, 1, 3, 2)))
        assert log.erase_before(3) == 2
        assert [one.at for _, one in log.scan()] == [5, 3]

    def test_the_place_of_a_forgotten_list_is_not_given_again(self, log: ServedLog, reopen: Reopen) -> None:
        self.keep(log, served("a"), served("b"))
        log.erase("ann")
        log = reopen().served
        self.keep(log, served("c"))
        assert log.scan()[0][0] > 2

    def test_lists_that_were_handed_in_before_the_end_are_kept(self, tenant: TenantStore, reopen: Reopen) -> None:
        tenant.served.submit([served("a")])
        tenant.close()
        with pytest.raises(StorageError, match="closed"):
            tenant.served.submit([served("b")])
        assert names([one for _, one in reopen().served.scan()]) == ["a"]
