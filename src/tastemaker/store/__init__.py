"""What outlives the process: ports for events, items, people, states, vectors, artefacts and jobs, and adapters.

`open_store` opens one by where it is; `docs/store.md` says what each adapter keeps and how that is measured.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.errors import ConfigError

if TYPE_CHECKING:
    from tastemaker.store.ports import Store

__all__ = ["open_store"]

# One slash: a path has no two in a row.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/")


def open_store(location: str | Path, *, clock: Clock = system_clock) -> Store:
    """Open the store at a place, and make it where there is none: today a folder.

    Raises:
        ConfigError: No adapter knows such a place.
        StorageError: It cannot be opened: see `Store.for_tenant`.
    """
    address = _ADDRESS.match(str(location).lower())
    if address is None:
        from tastemaker.store.sqlite import SQLiteStore

        return SQLiteStore(Path(location), clock=clock)
    if address[1] in ("postgres", "postgresql"):
        raise ConfigError(
            "the store in PostgreSQL is not built yet",
            remedy="Give a folder: the store is then kept there, in SQLite.",
        )
    # Nothing of the address is repeated: it may hold a password.
    raise ConfigError(f"no store is known at addresses that begin with '{address[1]}'", remedy="Give a folder.")
