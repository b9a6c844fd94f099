"""Opening the configured store for a command, with options that say which and whose; nothing in it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli.output import Output

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.store.ports import Store, TenantStore

StoreFolder = Annotated[
    str | None, typer.Option("--store", metavar="FOLDER", help="The store, instead of the configured one.")
]
TenantName = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose data, where a store has several.")]

_BUSY: Final = "another process"


@dataclass(frozen=True)
class Opened:
    """A store that a command works on.

    Attributes:
        work: Settings and output.
        store: All of it.
        tenant: One tenant's part.
        folder: Where it is.
    """

    work: Workspace
    store: Store
    tenant: TenantStore
    folder: str


@contextmanager
def opened(
    out: Output,
    folder: str | None,
    config: Path | None,
    tenant: str = "default",
    *,
    instead: str = "",
    make: bool = False,
    given: Mapping[str, Any] | None = None,
) -> Iterator[Opened]:
    """Open one tenant of the configured store, for as long as the block runs.

    Args:
        out: Where results go.
        folder: The store, if not the configured one.
        config: Settings, if not those of the working directory.
        tenant: Its name.
        instead: What a running server does itself, for the error if it has the store open.
        make: Whether what is not there is made.
        given: Settings of the command line.

    Raises:
        StorageError: There is no such store or tenant, or another process has it open.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.errors import StorageError
    from tastemaker.core.tenant import Tenant
    from tastemaker.store import open_store

    work = Workspace.open(out, config, {"serve.store": folder, **(given or {})})
    place, whose = work.settings.serve.store, Tenant(tenant)
    advice = "Fill one with the configured data: tastemaker store fill"
    if not make and "://" not in place and not Path(place).is_dir():
        raise StorageError("there is no store", where=place, remedy=advice)
    store = open_store(place)
    try:
        if not make and whose not in store.tenants():
            known = ", ".join(each.name for each in store.tenants()) or "none"
            raise StorageError(f"the store has no tenant '{tenant}'", where=place, remedy=f"Known: {known}. {advice}")
        try:
            yield Opened(work, store, store.for_tenant(whose), place)
        except StorageError as error:
            if _BUSY not in error.message:
                raise
            also = f" A server that runs does it itself: {instead}" if instead else ""
            raise StorageError(error.message, where=error.where, remedy=f"{error.remedy}{also}") from error
    finally:
        store.close()


def first_tenant(store: str | None, config: Path | None) -> str:
    """Return the first tenant of a store by name, for commands that are about all of them."""
    from tastemaker.cli.settings import load_settings

    place = load_settings(config, {"serve.store": store}).settings.serve.store
    found = sorted(path.parent.name for path in Path(place).glob("*/*.sqlite")) if "://" not in place else []
    return found[0] if found else "default"
