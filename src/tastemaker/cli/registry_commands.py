"""`tastemaker registry list | add | freeze | promote | rollback | history | prune`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.cli.stores import Opened, StoreFolder, TenantName, opened

if TYPE_CHECKING:
    from tastemaker.engine.frozen import FrozenQueries
    from tastemaker.store.ports import Artefact

app = typer.Typer(no_args_is_help=True, help="Models of the store: which is live, and how it came to be.")


@app.command("list")
def list_models(
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List the models, oldest first, with what each was fitted on and its figures on validation.

    A model is stale if somebody was erased since whose events it was, or may have been, fitted on.
    """
    from tastemaker.engine.registry import Registry, described

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        registry = Registry(found.tenant)
        live = registry.live()
        stale = registry.stale()
        rows = [dict(described(artefact, live, stale)) for artefact in registry.models()]
    if as_json:
        write_json({"models": rows})
        return
    if not rows:
        out.print("There are no models: tastemaker jobs enqueue train, then tastemaker jobs run")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "", "model", "made", "events", "ndcg@10", box=None, pad_edge=False, header_style="bold")
    for column in (4, 5):
        table.columns[column].justify = "right"
    for row in rows:
        figure = (row.get("validation") or {}).get("ndcg@10")
        cells = (
            row["artefact_id"][:12],
            " ".join(word for word in ("live" if row["live"] else "", "stale" if row["erased_since"] else "") if word),
            row.get("model", ""),
            _moment(row["created"]),
            f"{row.get('events', 0):,}",
            "" if figure is None else f"{figure:.4f}",
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)


@app.command("add")
def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved model, as `tastemaker train` writes it.")],
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Keep a copy of a saved model in the store; `registry promote` makes it live."""
    from tastemaker.engine.registry import Registry, described

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        artefact = Registry(found.tenant).register(folder, {})
    out.print(f"Kept as {artefact.artefact_id[:12]}. Next: tastemaker registry promote {artefact.artefact_id[:12]}")
    if as_json:
        write_json(dict(described(artefact)))


@app.command("freeze")
def freeze(
    people: Annotated[int, typer.Option("--people", min=1, help="How many are asked at most.")] = 500,
    before: Annotated[
        datetime | None,
        typer.Option(
            "--before", help="Histories end here (UTC), and what came later is held back; else the last item."
        ),
    ] = None,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Draw anew the people whose events test models before they go live."""
    from tastemaker.core.clock import to_microseconds
    from tastemaker.engine.frozen import FrozenQueries

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        settings = found.work.settings
        frozen = FrozenQueries.freeze(
            found.tenant,
            people,
            settings.run.seed,
            None if before is None else to_microseconds(before),
            weights=settings.import_.events,
        )
    out.print(f"Models are tested on {len(frozen):,} people from now on.")
    if as_json:
        write_json({"people": len(frozen), "cut": frozen.cut, "fingerprint": frozen.fingerprint})


@app.command("promote")
def promote(
    model: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.")],
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, max=1, help="The share by which it may be worse than the live one.")
    ] = 0.02,
    force: Annotated[bool, typer.Option("--force", help="Though it is worse, or answers badly.")] = False,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Test a model, and make it live if it passes; exit code 6 if it does not, and then nothing changes."""
    from tastemaker.core.errors import ModelError
    from tastemaker.engine.registry import Registry

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found, found.work.run.limited():
        queries = _questions(found)
        verdict = Registry(found.tenant).promote(model, queries=queries, tolerance=tolerance, force=force)
    for sentence in verdict.sentences():
        out.print(sentence)
    if as_json:
        write_json(verdict.to_dict())
    if not verdict.promoted:
        raise typer.Exit(ModelError.exit_code)


@app.command("rollback")
def rollback(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the history.")] = "by hand",
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Let the model that was live before be live again."""
    from tastemaker.engine.registry import Registry, described

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        artefact = Registry(found.tenant).rollback(reason)
    out.print(f"{artefact.artefact_id[:12]} ({artefact.facts.get('model')}) is live again.")
    if as_json:
        write_json(dict(described(artefact, artefact)))


@app.command("history")
def history(
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List which model was live from when on, and why."""
    from tastemaker.engine.registry import Registry

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        rows = [
            {
                "at": _moment(change.at),
                "artefact_id": change.artefact_id,
                "model": _name(change.artefact),
                "reason": change.reason,
            }
            for change in Registry(found.tenant).history()
        ]
    if as_json:
        write_json({"history": rows})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("from", "id", "model", "why", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in (row["at"], row["artefact_id"][:12], row["model"], row["reason"])))
    out.print(table if rows else "No model has been live yet.")


@app.command("prune")
def prune(
    keep: Annotated[int, typer.Option("--keep", min=0, help="So many of the newest stay.")] = 5,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Forget old models; the live one and the one before it stay whatever their age."""
    from tastemaker.engine.registry import Registry

    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        gone = [artefact.artefact_id for artefact in Registry(found.tenant).prune(keep)]
    out.print(f"{len(gone):,} models are gone.")
    if as_json:
        write_json({"gone": gone})


def _questions(found: Opened) -> FrozenQueries:
    from tastemaker.engine.frozen import FrozenQueries

    there = FrozenQueries.open(found.tenant)
    return there or FrozenQueries.freeze(found.tenant, weights=found.work.settings.import_.events)


def _name(artefact: Artefact | None) -> str:
    return "gone" if artefact is None else str(artefact.facts.get("model"))


def _moment(microseconds: Any) -> str:
    from tastemaker.core.clock import from_microseconds

    return from_microseconds(int(microseconds)).isoformat(timespec="seconds")
