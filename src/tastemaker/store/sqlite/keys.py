"""API keys of all tenants, in SQLite; other processes may change them as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tastemaker.store.ports import Key
from tastemaker.store.sqlite.database import Database
from tastemaker.store.values import checked_json, checked_name, checked_text, checked_whole

_COLUMNS: Final = "key_id, tenant, secret_hash, scopes, name, created, expires, revoked, signing"


class SQLiteKeys:
    """Keeps `Keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: Key) -> None:
        """See `Keys.put`; one that is there under the same ``key_id`` is replaced."""
        owner = f"key {key.key_id}"
        row = (
            checked_name(key.key_id, owner, "key_id"),
            checked_name(key.tenant, owner, "tenant"),
            checked_name(key.secret_hash, owner, "secret_hash"),
            checked_json(sorted(key.scopes), owner, "scopes"),
            checked_text(key.name, owner, "name"),
            checked_whole(key.created, owner, "created"),
            None if key.expires is None else checked_whole(key.expires, owner, "expires"),
            None if key.revoked is None else checked_whole(key.revoked, owner, "revoked"),
            None if key.signing is None else checked_name(key.signing, owner, "signing"),
        )
        query = f"INSERT OR REPLACE INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._database.writer.run(lambda connection: connection.execute(query, row).rowcount)

    def get(self, key_id: str) -> Key | None:
        """See `Keys.get`."""
        found = self._found("WHERE key_id = ?", (key_id,))
        return found[0] if found else None

    def revoke(self, key_id: str, at: int) -> bool:
        """See `Keys.revoke`; of several times the first holds."""
        query = "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE key_id = ?"
        return bool(self._database.writer.run(lambda connection: connection.execute(query, (at, key_id)).rowcount))

    def all(self, tenant: str | None = None) -> list[Key]:
        """See `Keys.all`."""
        order = "ORDER BY created, key_id"
        return self._found(order) if tenant is None else self._found(f"WHERE tenant = ? {order}", (tenant,))

    def _found(self, rest: str, given: Sequence[Any] = ()) -> list[Key]:
        return [_key(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM keys {rest}", given)]


def _key(row: tuple[Any, ...]) -> Key:
    key_id, tenant, secret_hash, scopes, name, created, expires, revoked, signing = row
    return Key(
        key_id=key_id,
        tenant=tenant,
        secret_hash=secret_hash,
        scopes=frozenset(json.loads(scopes)),
        name=name,
        created=created,
        expires=expires,
        revoked=revoked,
        signing=signing,
    )
