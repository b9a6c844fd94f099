"""What every store of notes keeps."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.store.contracts.opening import Contract, Reopen

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Notes, TenantStore


class NotesContract(Contract):
    @pytest.fixture
    def notes(self, tenant: TenantStore) -> Notes:
        return tenant.notes

    @pytest.mark.parametrize("value", [0, False, "", "ünd", 0.1, [], {"a": [1, {"b": None}]}])
    def test_a_value_comes_back_as_it_was_put(self, notes: Notes, reopen: Reopen, value: Any) -> None:
        notes.put("data set", value)
        for again in (False, True):
            found = (reopen().notes if again else notes).get("data set")
            assert found == value
            assert type(found) is type(value)

    def test_a_value_that_was_there_is_replaced(self, notes: Notes) -> None:
        notes.put("n", 1)
        notes.put("n", 2)
        notes.put("other", 3)
        assert (notes.get("n"), notes.get("other")) == (2, 3)

    def test_nothing_is_what_was_never_put_or_was_forgotten(self, notes: Notes, tenant: TenantStore) -> None:
        assert notes.get("n") is None
        notes.put("n", "secret")
        notes.put("n", None)
        notes.put("n", None)
        assert (notes.get("n"), tenant.holds("secret")) == (None, [])

    def test_what_json_cannot_hold_is_refused_and_the_old_value_stays(self, notes: Notes) -> None:
        notes.put("n", 1)
        with pytest.raises(DataError, match="note n"):
            notes.put("n", [math.inf])
        assert notes.get("n") == 1
