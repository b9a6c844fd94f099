"""A store is opened by where it is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.core.tenant import Tenant
from tastemaker.store import open_store


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_opened_and_made_where_there_is_none(tmp_path: Path, kind: type[str] | type[Path]) -> None:
    with closing(open_store(kind(tmp_path / "deep" / "store"))) as store:
        store.for_tenant(Tenant("shop")).notes.put("n", 1)
    with closing(open_store(tmp_path / "deep" / "store")) as store:
        assert store.for_tenant(Tenant("shop")).notes.get("n") == 1


@pytest.mark.parametrize("address", ["postgresql://ann:secret@host/db", "POSTGRES://host/db", Path("postgres://host")])
def test_postgresql_is_said_not_to_be_there_yet(address: str | Path) -> None:
    with pytest.raises(ConfigError, match="PostgreSQL is not built yet"):
        open_store(address)


def test_an_address_that_nobody_knows_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(ConfigError, match="begin with 'redis'") as refused:
        open_store("redis://:secret@host")
    assert "secret" not in str(refused.value)
