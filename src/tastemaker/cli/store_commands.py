"""`tastemaker store fill | facts | check | backup | restore | export | erase`."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.cli.store_facts import checked, facts_of, show, size_of
from tastemaker.cli.stores import StoreFolder, TenantName, first_tenant, opened

app = typer.Typer(no_args_is_help=True, help="The store: what is in it, back-ups, and what it holds of one person.")

Person = Annotated[str, typer.Argument(metavar="USER", help="The person's id.")]


@app.command("fill")
def fill(
    store: StoreFolder = None,
    tenant: TenantName = "default",
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Put the items, people and events of a data set into the store; what is there already is not put in twice.

    What was interrupted goes on where it stopped: give the same command again.
    """
    from tastemaker.engine.intake import take_in

    out = Output(as_json=as_json, progress=not no_progress)
    given = {"data.source": source, "data.path": None if data is None else str(data)}
    with opened(out, store, config, tenant, make=True, given=given) as found:
        taken = take_in(found.work.dataset(), found.tenant, found.work.run)
    out.print(taken.sentence())
    if as_json:
        write_json({**asdict(taken), "left_out": list(taken.left_out), "rows_per_second": round(taken.speed, 1)})


@app.command("facts")
def facts(store: StoreFolder = None, config: options.Config = None, as_json: options.Json = False) -> None:
    """Show what each tenant has: events, people, items, models, jobs."""
    from tastemaker.core.tenant import Tenant

    out = Output(as_json=as_json)
    with opened(out, store, config, first_tenant(store, config)) as found:
        rows = [facts_of(found.store.for_tenant(Tenant(each.name))) for each in found.store.tenants()]
        folder, size = found.folder, size_of(found.folder)
    if as_json:
        write_json({"store": folder, "bytes": size, "tenants": rows})
        return
    show(out, {"store": folder, "size": f"{size / 1e6:,.1f} MB"})
    for row in rows:
        show(out, row)


@app.command("check")
def check(
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Read everything once: the whole log in its order, all rows, and every model byte by byte."""
    from tastemaker.core.errors import CheckError

    out = Output(as_json=as_json, progress=not no_progress)
    with opened(out, store, config, tenant) as found:
        told, wrong = checked(found.tenant, found.work)
    if as_json:
        write_json({**told, "wrong": wrong})
    else:
        show(out, told)
    if wrong:
        raise CheckError("; ".join(wrong), where=found.folder, remedy="Restore a back-up: tastemaker store restore")
    out.print("All of it can be read, and is whole.")


@app.command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or an empty folder.")],
    store: StoreFolder = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Write a copy of the whole store, all tenants, keys and models; a store opens on it.

    One process at a time has a store open: a server that runs has to stop first.
    """
    out = Output(as_json=as_json)
    with opened(out, store, config, first_tenant(store, config)) as found:
        found.store.backup(folder)
        tenants = [each.name for each in found.store.tenants()]
    out.print(f"Wrote {folder}: {', '.join(tenants)}")
    if as_json:
        write_json({"folder": str(folder), "tenants": tenants, "bytes": size_of(str(folder))})


@app.command("restore")
def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `store backup` wrote; it stays as it is.")],
    store: StoreFolder = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Make the store from a back-up. A store that is there is left alone: move it away first.

    Whoever was erased after the back-up is in it again, and has to be erased again.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.errors import StorageError
    from tastemaker.core.files import atomic_folder
    from tastemaker.store import open_store

    out = Output(as_json=as_json)
    work = Workspace.open(out, config, {"serve.store": store})
    target = Path(work.settings.serve.store)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StorageError(
            "there is a store already, and it is left alone", where=str(target), remedy="Move it away, then try again."
        )
    if not any(folder.glob("*/*.sqlite")):
        raise StorageError("there is no back-up", where=str(folder), remedy="Name what `store backup` wrote.")
    with atomic_folder(target) as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        copy = open_store(temporary)
        try:
            tenants = copy.tenants()
            for tenant in tenants:
                copy.for_tenant(tenant)
        finally:
            copy.close()
    names = [tenant.name for tenant in tenants]
    out.print(f"Restored {target}: {', '.join(names)}")
    out.note("Whoever was erased after this back-up has to be erased again: tastemaker store erase USER")
    if as_json:
        write_json({"store": str(target), "tenants": names})


@app.command("export")
def export(
    user: Person,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output if not said.")
    ] = None,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
) -> None:
    """Write all that is stored of a person, one JSON object a line: profile, events, lists that were shown."""
    from tastemaker.core.errors import UnknownUserError
    from tastemaker.core.files import atomic_file
    from tastemaker.engine.erasure import export_person

    out = Output()
    with opened(out, store, config, tenant, instead="GET /v1/people/USER/export") as found:
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in export_person(found.tenant, user)]
    if not lines:
        raise UnknownUserError("nothing is stored of this person", remedy="Check the id; it is case-sensitive.")
    if to is None:
        sys.stdout.writelines(lines)
        return
    with atomic_file(to) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    out.note(f"Wrote {to}: {len(lines):,} lines")


@app.command("erase")
def erase(
    user: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", help="Write the receipt there as well.")
    ] = None,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Take away all that is stored of a person, for good, and give a receipt that does not name them."""
    from tastemaker.core.clock import system_clock
    from tastemaker.core.errors import QueryError
    from tastemaker.core.files import atomic_file
    from tastemaker.engine.erasure import erase_person

    out = Output(as_json=as_json)
    if not yes:
        if not out.interactive:
            raise QueryError("what is erased cannot be brought back", remedy="Say --yes.")
        typer.confirm(f"Erase all that is stored of '{user}'?", abort=True, err=True)
    with opened(out, store, config, tenant, instead="DELETE /v1/people/USER") as found:
        done = erase_person(found.tenant, user, now=system_clock())
    if receipt is not None:
        with atomic_file(receipt) as temporary:
            temporary.write_text(json.dumps(done, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        write_json(done)
        return
    show(out, {"person": done["person"], "at": done["at"], **done["removed"]})
    for left in done["left"]:
        out.print(f"Left: {left}")
    for sentence in done["to_do"]:
        out.note(sentence)
