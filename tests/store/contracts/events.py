"""What every log of events keeps."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.store.contracts.opening import SHOP, Contract, OpenStore, Reopen, SetClock

from tastemaker.core.errors import DataError, QueryError, StorageError
from tastemaker.store.ports import EventLog, NewEvent, Receipt, TenantStore

HALF = "\ud83d"
WHOLE = NewEvent(
    event_id="ünïque ☃",
    user_id="ann",
    item_id="a/b c",
    event="rate",
    timestamp=-1,
    weight=0.1,
    rating=4.5,
    session_id="visit-1",
    recommendation_id="list-1",
    context={"device": 'a "phone"', "where": {"lat": 59.9, "near": ["☃", None, True, 10**12]}},
)


def event(event_id: str, user_id: str = "ann", **more: Any) -> NewEvent:
    return NewEvent(
        **{"event_id": event_id, "user_id": user_id, "item_id": "i", "event": "view", "timestamp": 0, **more}
    )


def ids(log: EventLog, user_id: str, **asked: Any) -> list[str]:
    return [stored.event.event_id for stored in log.of_user(user_id, **asked)]


class EventLogContract(Contract):
    @pytest.fixture
    def log(self, tenant: TenantStore) -> EventLog:
        return tenant.events

    def test_an_event_comes_back_as_it_was_handed_in(self, log: EventLog, clock: SetClock) -> None:
        assert log.append([WHOLE]) == [Receipt(1, fresh=True)]
        [stored] = log.after(0)
        assert stored.event == WHOLE
        assert (stored.offset, stored.received) == (1, clock.microseconds)

    def test_what_is_not_said_of_an_event_is_not_made_up(self, log: EventLog) -> None:
        log.append([event("e")])
        found = log.of_user("ann")[0].event
        assert (found.weight, found.rating, found.session_id, found.recommendation_id) == (None, None, None, None)
        assert found.context == {}

    def test_places_begin_at_one_and_grow_in_the_order_of_taking_in(self, log: EventLog) -> None:
        log.append([event("a"), event("b")])
        log.append([event("c")])
        assert [(stored.offset, stored.event.event_id) for stored in log.after(0)] == [(1, "a"), (2, "b"), (3, "c")]

    def test_nothing_handed_in_is_nothing_kept(self, log: EventLog) -> None:
        assert log.append([]) == []
        assert (len(log), log.last_offset(), log.after(0), log.users()) == (0, 0, [], [])

    def test_an_event_that_is_sent_again_counts_once_and_its_receipt_names_its_place(self, log: EventLog) -> None:
        log.append([event("a"), event("b")])
        again = log.append([event("b"), event("c"), event("c")])
        places = {stored.event.event_id: stored.offset for stored in log.after(0)}
        assert again == [Receipt(2, fresh=False), Receipt(places["c"], fresh=True), Receipt(places["c"], fresh=False)]
        assert len(log) == 3

    def test_of_two_events_with_one_name_the_first_stays(self, log: EventLog) -> None:
        log.append([event("a", rating=1.0), event("a", rating=2.0)])
        log.append([event("a", "bob", rating=3.0)])
        assert [stored.event.rating for stored in log.after(0)] == [1.0]

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("user_id", ""),
            ("item_id", 7),
            ("event", HALF),
            ("timestamp", 2**63),
            ("timestamp", 0.5),
            ("weight", math.nan),
            ("rating", "five"),
            ("session_id", 3),
            ("context.size", math.inf),
            ("context.when.day", object()),
            ("context.seen[1]", b"bytes"),
            ("context", {1: "a key that is no text"}),
            ("context", {"said": HALF}),
            ("context", ["no", "names"]),
        ],
    )
    def test_what_cannot_be_kept_is_refused_by_name_and_its_batch_with_it(
        self, log: EventLog, field: str, wrong: Any
    ) -> None:
        plain: dict[str, Any] = {
            "context.size": {"context": {"size": wrong}},
            "context.when.day": {"context": {"when": {"day": wrong}}},
            "context.seen[1]": {"context": {"seen": ["", wrong]}},
        }
        bad = replace(event("bad"), **plain.get(field, {field: wrong}))
        with pytest.raises(DataError, match="event bad") as refused:
            log.append([event("good"), bad])
        assert (refused.value.where or "").startswith(field)
        assert len(log) == 0

    def test_what_is_nested_without_end_is_refused(self, log: EventLog) -> None:
        endless: dict[str, Any] = {}
        endless["inner"] = endless
        with pytest.raises(DataError, match="nested"):
            log.append([event("e", context=endless)])

    def test_an_event_is_read_from_any_thread_as_soon_as_it_was_acknowledged(self, log: EventLog) -> None:
        with ThreadPoolExecutor(2) as threads:
            for number in range(5):
                log.append([event(f"e{number}")])
                assert threads.submit(log.last_offset).result() == number + 1

    def test_events_of_many_callers_all_find_a_place_of_their_own(self, log: EventLog) -> None:
        def call(caller: int) -> list[Receipt]:
            futures = [log.submit([event(f"{caller}-{number}", f"u{caller}")]) for number in range(20)]
            return [future.result()[0] for future in futures]

        with ThreadPoolExecutor(6) as threads:
            receipts = [receipt for found in threads.map(call, range(6)) for receipt in found]
        assert sorted(receipt.offset for receipt in receipts) == [stored.offset for stored in log.after(0)]
        assert all(receipt.fresh for receipt in receipts)
        assert ids(log, "u3") == [f"3-{number}" for number in range(20)]

    def test_the_log_is_read_in_pages(self, log: EventLog) -> None:
        log.append([event(name) for name in "abcde"])
        first = log.after(0, limit=2)
        rest = log.after(first[-1].offset)
        assert "".join(stored.event.event_id for stored in first + rest) == "abcde"
        assert log.after(log.last_offset()) == []

    def test_a_person_has_their_own_events_only(self, log: EventLog) -> None:
        log.append([event("a", "ann"), event("b", "bob"), event("c", "ann")])
        assert (ids(log, "ann"), ids(log, "bob"), ids(log, "cy")) == (["a", "c"], ["b"], [])

    def test_the_latest_events_of_a_person_come_in_the_order_of_the_log(self, log: EventLog) -> None:
        log.append([event(name) for name in "abcd"])
        assert ids(log, "ann", latest=2) == ["c", "d"]
        assert ids(log, "ann", latest=9) == ["a", "b", "c", "d"]
        assert ids(log, "ann", after=2) == ["c", "d"]
        assert ids(log, "ann", after=2, latest=1) == ["d"]

    def test_people_come_in_pages_by_name(self, log: EventLog) -> None:
        log.append([event(f"{name}{time}", name) for name in ("é", "b", "a", "Z", "ab") for time in range(3)])
        names = sorted(["é", "b", "a", "Z", "ab"])
        assert log.users() == names
        assert log.users(limit=2) == names[:2]
        assert log.users(after=names[1], limit=2) == names[2:4]

    def test_a_merged_person_has_the_events_of_both_in_the_order_of_the_log(self, log: EventLog) -> None:
        log.append([event("a", "ann"), event("b", "visitor"), event("c", "ann")])
        assert log.merge("visitor", "ann") == 1
        assert ids(log, "ann") == ["a", "b", "c"]
        assert {stored.event.user_id for stored in log.after(0)} == {"ann"}
        assert log.users() == ["ann"]

    def test_what_a_merged_person_sends_later_is_the_others(self, log: EventLog) -> None:
        log.merge("visitor", "ann")
        log.append([event("late", "visitor")])
        assert [stored.event.user_id for stored in log.after(0)] == ["ann"]
        assert ids(log, "visitor") == ["late"]
        assert (log.current("visitor"), log.current("ann"), log.current("bob")) == ("ann", "ann", "bob")

    def test_of_many_people_those_are_told_at_once_who_have_another_name_now(self, log: EventLog) -> None:
        log.merge("visitor", "ann")
        log.merge('a "quote"', "b\u00e9")
        asked = ["visitor", "ann", "bob", 'a "quote"']
        assert log.renamed(asked) == {"visitor": "ann", 'a "quote"': "b\u00e9"}
        assert log.renamed([]) == {}

    def test_merges_in_a_chain_lead_to_its_end(self, log: EventLog, reopen: Reopen) -> None:
        log.append([event("1", "a"), event("2", "b"), event("3", "c")])
        log.merge("a", "b")
        assert log.merge("b", "c") == 2
        assert [log.current(name) for name in "abc"] == ["c", "c", "c"]
        log = reopen().events
        log.append([event("4", "a"), event("5", "b")])
        assert ids(log, "c") == ["1", "2", "3", "4", "5"]

    def test_merging_into_a_name_that_was_merged_leads_to_who_has_it_now(self, log: EventLog) -> None:
        log.append([event("1", "a")])
        log.merge("b", "c")
        log.merge("a", "b")
        assert (log.current("a"), ids(log, "c")) == ("c", ["1"])

    def test_a_merge_that_is_asked_for_again_changes_nothing(self, log: EventLog) -> None:
        log.append([event("1", "a")])
        assert (log.merge("a", "b"), log.merge("a", "b")) == (1, 0)
        assert ids(log, "b") == ["1"]

    def test_nobody_is_merged_with_themselves(self, log: EventLog) -> None:
        with pytest.raises(QueryError, match="themselves"):
            log.merge("a", "a")

    def test_merges_do_not_go_in_a_circle(self, log: EventLog) -> None:
        log.append([event("1", "a")])
        log.merge("a", "b")
        log.merge("b", "c")
        with pytest.raises(QueryError, match="'c' cannot be merged into themselves"):
            log.merge("c", "a")
        assert ids(log, "c") == ["1"]

    def test_somebody_who_was_merged_is_not_given_to_a_third(self, log: EventLog) -> None:
        log.append([event("1", "a"), event("2", "b")])
        log.merge("a", "b")
        with pytest.raises(QueryError, match="'a' was merged into 'b' before"):
            log.merge("a", "c")
        assert ids(log, "b") == ["1", "2"]

    def test_an_erased_person_is_gone_and_nobody_else(self, log: EventLog) -> None:
        log.append([event("a", "ann"), event("b", "bob"), event("c", "ann")])
        assert log.erase("ann") == 2
        assert (ids(log, "ann"), ids(log, "bob"), log.users(), len(log)) == ([], ["b"], ["bob"], 1)
        assert log.erase("ann") == 0

    def test_the_place_of_an_erased_event_is_not_given_again(self, log: EventLog, reopen: Reopen) -> None:
        log.append([event("a", "bob"), event("b", "ann"), event("c", "ann")])
        log.erase("ann")
        assert log.last_offset() == 1
        log = reopen().events
        assert log.append([event("d")])[0].offset > 3

    @pytest.mark.parametrize("name", ["ann", "phone", "visitor"])
    def test_erasing_a_person_by_any_of_their_names_forgets_all_names(
        self, tenant: TenantStore, log: EventLog, name: str
    ) -> None:
        log.append([event("1", "visitor"), event("2", "phone"), event("3", "ann")])
        log.merge("visitor", "phone")
        log.merge("phone", "ann")
        assert log.erase(name) == 3
        assert [log.current(one) for one in ("ann", "phone", "visitor")] == ["ann", "phone", "visitor"]
        assert [tenant.holds(one) for one in ("ann", "phone", "visitor")] == [[], [], []]

    def test_a_log_is_found_again(self, log: EventLog, reopen: Reopen) -> None:
        log.append([WHOLE, event("b")])
        before = log.after(0)
        assert reopen().events.after(0) == before

    def test_what_was_handed_in_before_the_end_is_kept(self, tenant: TenantStore, reopen: Reopen) -> None:
        futures = [tenant.events.submit([event(f"e{number}")]) for number in range(50)]
        tenant.close()
        assert [future.result()[0].offset for future in futures] == list(range(1, 51))
        assert len(reopen().events) == 50

    def test_after_the_end_nothing_is_taken_in_or_read(self, tenant: TenantStore) -> None:
        tenant.close()
        with pytest.raises(StorageError, match="closed"):
            tenant.events.submit([event("late")])
        with pytest.raises(StorageError, match="closed"):
            tenant.events.last_offset()

    def test_it_does_what_a_plain_list_would_do(self, open_store: OpenStore) -> None:
        class Here(Beside):
            open_log = staticmethod(lambda: open_store().for_tenant(SHOP).events)

        bounds = settings(
            max_examples=20, stateful_step_count=20, database=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(Here, settings=bounds)


NAMES = st.sampled_from(["a", "b", "c", "d"])
EVENTS = st.lists(st.tuples(st.integers(0, 30), NAMES), max_size=4)


class Beside(RuleBasedStateMachine):
    """A log, and beside it a list of events and a table of names that say what it should hold."""

    open_log: Callable[[], EventLog]
    log: EventLog

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[int, str, str]] = []
        self.names: dict[str, str] = {}
        self.highest = 0

    @initialize()
    def begin(self) -> None:
        """Empty what the example before left: that is quicker than to begin with a new store."""
        self.reopen()
        for name in "abcd":
            self.log.erase(name)

    @rule()
    def reopen(self) -> None:
        self.log = self.open_log()

    @rule(sent=EVENTS)
    def append(self, sent: list[tuple[int, str]]) -> None:
        receipts = self.log.append([event(f"e{number}", name) for number, name in sent])
        for (number, name), receipt in zip(sent, receipts, strict=True):
            there = {event_id: offset for offset, event_id, _ in self.kept}
            assert receipt.fresh == (f"e{number}" not in there)
            if receipt.fresh:
                assert receipt.offset > self.highest
                self.highest = receipt.offset
                self.kept.append((receipt.offset, f"e{number}", self.names.get(name, name)))
            else:
                assert receipt.offset == there[f"e{number}"]

    @rule(first=NAMES, second=NAMES)
    def merge(self, first: str, second: str) -> None:
        into, known = self.names.get(second, second), self.names.get(first, first)
        if into == first or known not in (first, into):
            with pytest.raises(QueryError):
                self.log.merge(first, second)
            return
        moved = sum(user == first for _, _, user in self.kept)
        assert self.log.merge(first, second) == moved
        self.names = {name: into if end == first else end for name, end in self.names.items()} | {first: into}
        self.kept = [(offset, name, into if user == first else user) for offset, name, user in self.kept]

    @rule(name=NAMES)
    def erase(self, name: str) -> None:
        person = self.names.get(name, name)
        gone = [kept for kept in self.kept if kept[2] == person]
        assert self.log.erase(name) == len(gone)
        self.kept = [kept for kept in self.kept if kept[2] != person]
        self.names = {source: end for source, end in self.names.items() if end != person}

    @invariant()
    def holds_the_same(self) -> None:
        found = [(stored.offset, stored.event.event_id, stored.event.user_id) for stored in self.log.after(0)]
        assert found == self.kept
        assert self.log.users() == sorted({user for _, _, user in self.kept})
        for name in "abcd":
            person = self.names.get(name, name)
            assert self.log.current(name) == person
            assert ids(self.log, name) == [event_id for _, event_id, user in self.kept if user == person]
        assert (len(self.log), self.log.last_offset()) == (len(self.kept), max((k[0] for k in self.kept), default=0))
