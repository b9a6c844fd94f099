"""What everything that keeps derived states keeps."""

from __future__ import annotations

import pytest
from tests.store.contracts.opening import Contract, Reopen

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Snapshot, States, TenantStore


class StatesContract(Contract):
    @pytest.fixture
    def states(self, tenant: TenantStore) -> States:
        return tenant.states

    def test_a_state_is_there_as_soon_as_it_was_put(self, states: States) -> None:
        snapshot = Snapshot("ann", 7, "code-1", b"\x00\xff")
        states.put([snapshot])
        assert states.get("ann", "code-1") == snapshot

    def test_states_that_were_put_before_the_end_are_found_again(self, states: States, reopen: Reopen) -> None:
        states.put([Snapshot(f"u{number}", number, "code", b"x" * number) for number in range(10)])
        assert reopen().states.get("u9", "code") == Snapshot("u9", 9, "code", b"x" * 9)

    def test_a_state_of_other_code_is_not_given(self, states: States) -> None:
        states.put([Snapshot("ann", 7, "code-1", b"")])
        assert states.get("ann", "code-2") is None
        assert states.get("bob", "code-1") is None

    def test_an_older_state_is_replaced_and_a_newer_one_stays(self, states: States) -> None:
        old, new = Snapshot("ann", 3, "code", b"old"), Snapshot("ann", 5, "code", b"new")
        for snapshot in (old, new, old):
            states.put([snapshot])
        assert states.get("ann", "code") == new

    def test_newer_code_replaces_a_state_of_the_same_place(self, states: States) -> None:
        states.put([Snapshot("ann", 3, "code-1", b"")])
        states.put([Snapshot("ann", 3, "code-2", b"new")])
        assert states.get("ann", "code-1") is None
        assert states.get("ann", "code-2") == Snapshot("ann", 3, "code-2", b"new")

    def test_a_forgotten_state_is_gone_even_if_it_was_just_put(self, states: States, tenant: TenantStore) -> None:
        states.put([Snapshot("ann", 3, "code", b"what ann likes"), Snapshot("bob", 3, "code", b"")])
        assert (states.delete("ann"), states.delete("ann")) == (True, False)
        assert states.get("ann", "code") is None
        assert (tenant.holds("ann"), tenant.holds("bob")) == ([], ["states.user_id"])

    def test_all_can_be_forgotten(self, states: States) -> None:
        states.put([Snapshot(name, 1, "code", b"") for name in "abc"])
        assert (states.clear(), states.clear()) == (3, 0)
        assert states.get("a", "code") is None

    def test_a_state_of_nobody_is_refused(self, states: States) -> None:
        with pytest.raises(DataError, match="user_id"):
            states.put([Snapshot("", 1, "code", b"")])
