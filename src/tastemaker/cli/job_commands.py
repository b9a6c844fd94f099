"""`tastemaker jobs list | enqueue | run`."""

from __future__ import annotations

import json
import os
import signal
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.cli.stores import Opened, StoreFolder, TenantName, opened

if TYPE_CHECKING:
    from tastemaker.engine.worker import Handler
    from tastemaker.store.ports import Job

app = typer.Typer(no_args_is_help=True, help="Work on the store: fitting models anew, encoding items, tidying up.")

KINDS: Final = {
    "train": "fit a model on the log, and make it live if it passes its test",
    "encode": "encode the items' words ahead of time",
    "clean": "forget lists that were shown long ago, old models, and jobs that ended long ago",
}
"""What can be put in line by hand."""


@app.command("list")
def list_jobs(
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List the newest jobs, and what came of them."""
    out = Output(as_json=as_json)
    with opened(out, store, config, tenant) as found:
        rows = [_shown(job) for job in found.tenant.jobs.newest(kind, limit)]
    if as_json:
        write_json({"jobs": rows})
        return
    if not rows:
        out.print("There are no jobs: tastemaker jobs enqueue KIND puts one in line.")
        return
    _table(out, rows)


@app.command("enqueue")
def enqueue(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="; ".join(f"{k}: {v}" for k, v in KINDS.items()))],
    wish: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Such as model=ease or promote=false; again for more."),
    ] = None,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Put work in line; a server's worker, or `tastemaker jobs run`, does it. The same is not put in line twice."""
    from tastemaker.core.clock import system_clock, to_microseconds
    from tastemaker.core.errors import QueryError, nearest

    if kind not in KINDS:
        raise QueryError(f"there is no kind of job '{kind}'", where="kind", remedy=nearest(kind, KINDS))
    out = Output(as_json=as_json)
    payload = payload_of(wish)
    with opened(out, store, config, tenant) as found:
        unique = f"by hand: {kind} {json.dumps(payload, sort_keys=True)}"
        now = to_microseconds(system_clock())
        number = found.tenant.jobs.enqueue(kind, payload, run_at=now, unique=unique)
    out.print(f"Job {number} is in line: {KINDS[kind]}. Next: tastemaker jobs run")
    if as_json:
        write_json({"job_id": number, "kind": kind, "payload": payload})


@app.command("run")
def run(
    wait: Annotated[
        bool, typer.Option("--wait", help="Go on until Ctrl-C, instead of ending when nothing is due.")
    ] = False,
    store: StoreFolder = None,
    tenant: TenantName = "default",
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Do the jobs that are due. Not beside a server: it has a worker of its own, and the store to itself."""
    from tastemaker.engine.worker import Worker

    out = Output(as_json=as_json, progress=not no_progress)
    with opened(out, store, config, tenant) as found:
        worker = Worker(found.tenant, who_does(found), f"command line, process {os.getpid()}")
        if wait:
            signal.signal(signal.SIGTERM, lambda *_: worker.stop())
            out.note("Waiting for work; Ctrl-C ends it.")
            worker.run()
            return
        rows = [_shown(job) for job in worker.run_due()]
    if as_json:
        write_json({"jobs": rows})
    elif rows:
        _table(out, rows)
    else:
        out.print("Nothing is due.")
    if any(row["state"] == "failed" for row in rows):
        raise typer.Exit(1)


def who_does(found: Opened) -> dict[str, Handler]:
    """Return what does each kind of job, by the settings."""
    from tastemaker.engine.chores import handlers
    from tastemaker.engine.refit import Plan

    settings, tenant = found.work.settings, found.tenant.tenant.name
    plan = Plan(
        work=(Path("work") if "://" in found.folder else Path(found.folder)) / tenant / "work",
        model=settings.train.model,
        tables=settings.models.tables(),
        protocol=settings.split.protocol,
        knobs=settings.split.knobs(),
        weights=settings.import_.events,
        minutes=settings.train.minutes,
        seed=settings.run.seed,
        threads=found.work.run.threads,
    )
    return handlers(
        found.tenant,
        plan,
        encoder=settings.text.encoder,
        template=settings.text.item,
        days=settings.serve.keep_days,
        run=found.work.run,
    )


def payload_of(given: Sequence[str] | None) -> dict[str, Any]:
    """Return what a job is told on the command line: values are read as TOML, and as text where they are not.

    >>> payload_of(["model=ease", "promote=false"])
    {'model': 'ease', 'promote': False}
    """
    values: dict[str, Any] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not (name.strip() and equals):
            raise typer.BadParameter(f"'{word}' is not NAME=VALUE", param_hint="--set")
        try:
            values[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = value.strip()
    return values


def _shown(job: Job) -> dict[str, Any]:
    from tastemaker.core.clock import from_microseconds

    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "attempts": job.attempts,
        "due": from_microseconds(job.run_at).isoformat(timespec="seconds"),
        "payload": dict(job.payload),
        "result": None if job.result is None else dict(job.result),
    }


def _table(out: Output, rows: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("job", "kind", "state", "attempts", "due", "result", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        cells = (row["job_id"], row["kind"], row["state"], row["attempts"], row["due"], _in_short(row["result"]))
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)


def _in_short(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    if "error" in result:
        return str(result["error"])
    verdict = result.get("verdict")
    if verdict:
        return " ".join(["live now." if result["promoted"] else "refused.", *verdict["faults"], *verdict["notes"]])
    return ", ".join(f"{name} {value}" for name, value in result.items() if not isinstance(value, dict | list))
