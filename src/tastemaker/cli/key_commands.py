"""`tastemaker keys create | list | revoke`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.store.ports import Key, Keys

app = typer.Typer(no_args_is_help=True, help="Keys: who may ask the server for what.")

Store = Annotated[
    str | None, typer.Option("--store", metavar="FOLDER", help="The store, instead of the configured one.")
]


@app.command("create")
def create_key(
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="NAME",
            help="What it allows: read, events, catalogue, people, admin; again for more. read and events unless said.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What to call it.")] = "",
    publishable: Annotated[
        bool, typer.Option("--publishable", help="It goes into browsers and apps: read and events at most.")
    ] = False,
    signed_users: Annotated[
        bool,
        typer.Option(
            "--signed-users",
            help="As --publishable, and a request acts only for the person whose token, signed by your server, it has.",
        ),
    ] = False,
    days: Annotated[
        float | None, typer.Option("--days", min=0, help="For how long it is good; for ever unless said.")
    ] = None,
    store: Store = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Make a key. It is shown once and kept nowhere: the store has no more than a hash of it.

    With --signed-users the secret comes with it, on a line of its own, with which your server signs tokens of people.
    """
    from tastemaker.server.keys import PUBLISHABLE, make_key

    out = Output(as_json=as_json)
    key, token = make_key(scope or PUBLISHABLE, name, publishable=publishable, signed_users=signed_users, days=days)
    with _keys(store, config) as keys:
        keys.put(key)
    out.print(token)
    if key.signing is not None:
        out.print(key.signing)
        out.note("The second line signs tokens of people: it stays on your server (docs/api.md says how).")
    out.note(f"Key {key.key_id} allows {', '.join(sorted(key.scopes))}. It is not shown again.")
    if as_json:
        secret = {} if key.signing is None else {"signing_secret": key.signing}
        write_json({"key": token, **secret, **_shown(key)})


@app.command("list")
def list_keys(store: Store = None, config: options.Config = None, as_json: options.Json = False) -> None:
    """List the keys by their ids, with what each allows."""
    with _keys(store, config) as keys:
        rows = [_shown(key) for key in keys.all()]
    if as_json:
        write_json({"keys": rows})
        return
    out = Output()
    if not rows:
        out.print("There are no keys: tastemaker keys create makes one.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("key_id", "name", "scopes", "created", "state"):
        table.add_column(column.replace("_", " "))
    for row in rows:
        shown = {**row, "scopes": ", ".join(row["scopes"])}
        table.add_row(*(Text(str(shown[column] or "")) for column in ("key_id", "name", "scopes", "created", "state")))
    out.print(table)


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="Its id, as `keys list` shows it.")],
    store: Store = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Take a key back; a running server refuses it within seconds."""
    from tastemaker.core.clock import system_clock, to_microseconds
    from tastemaker.core.errors import QueryError, nearest

    with _keys(store, config) as keys:
        if not keys.revoke(key_id, to_microseconds(system_clock())):
            known = [key.key_id for key in keys.all()]
            raise QueryError(f"there is no key '{key_id}'", where="key_id", remedy=nearest(key_id, known))
    Output(as_json=as_json).print(f"Key {key_id} opens nothing any more.")
    if as_json:
        write_json({"revoked": key_id})


@contextmanager
def _keys(store: str | None, config: Path | None) -> Iterator[Keys]:
    from tastemaker.cli.settings import load_settings
    from tastemaker.store import open_store

    opened = open_store(load_settings(config, {"serve.store": store}).settings.serve.store)
    try:
        yield opened.keys
    finally:
        opened.close()


def _shown(key: Key) -> dict[str, Any]:
    """Return what may be shown of a key."""
    from tastemaker.core.clock import from_microseconds, system_clock, to_microseconds

    def day(moment: int | None) -> str | None:
        found: datetime | None = None if moment is None else from_microseconds(moment)
        return None if found is None else found.isoformat(timespec="seconds")

    expired = key.expires is not None and key.expires <= to_microseconds(system_clock())
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "signed_users": key.signing is not None,
        "created": day(key.created),
        "expires": day(key.expires),
        "revoked": day(key.revoked),
        "state": "revoked" if key.revoked is not None else "expired" if expired else "good",
    }
