"""What every contract starts from: a store that opens by name, a tenant in it, and a clock that a test sets.

An adapter is tested by a module with a fixture ``open_store`` and a subclass of each contract; see `test_sqlite.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from tastemaker.core.clock import to_microseconds
from tastemaker.core.tenant import Tenant
from tastemaker.store.ports import Store, TenantStore

SHOP, CINEMA = Tenant("shop"), Tenant("cinema")
Reopen = Callable[[], TenantStore]


class SetClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.moment = datetime(2025, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> int:
        """Let time pass; return the new moment in microseconds."""
        self.moment += timedelta(seconds=seconds)
        return self.microseconds

    @property
    def microseconds(self) -> int:
        return to_microseconds(self.moment)


class OpenStore(Protocol):
    """Opens the store of a name, which is new at first; one that is open is closed before it is opened again."""

    def __call__(self, name: str = "store") -> Store: ...

    def place(self, name: str) -> Path:
        """Return the folder of a store, or of a back-up that is to be opened."""
        ...


class Contract:
    """Gives each test an open, empty tenant, and a way to close and open it."""

    @pytest.fixture
    def tenant(self, open_store: OpenStore) -> TenantStore:
        return open_store().for_tenant(SHOP)

    @pytest.fixture
    def reopen(self, open_store: OpenStore) -> Reopen:
        return lambda: open_store().for_tenant(SHOP)
