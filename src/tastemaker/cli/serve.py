"""`tastemaker serve`."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace

_EVERY: Final = {"clean": timedelta(days=1)}


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    model: options.ModelFolder = None,
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Serve a trained model: a web page, and the interface described at /openapi.json. Ctrl-C stops it."""
    from tastemaker.cli.workspace import Workspace

    given = {
        "serve.host": host,
        "serve.port": port,
        "data.source": source,
        "data.path": None if data is None else str(data),
    }
    work = Workspace.open(Output(), config, given)
    need_server(work.settings.serve.host, work.settings.serve.port)
    run(work, model)


def run(work: Workspace, model: Path | None = None) -> None:
    """Serve until Ctrl-C."""
    from tastemaker.cli.job_commands import who_does
    from tastemaker.cli.stores import Opened
    from tastemaker.core.tenant import Tenant
    from tastemaker.engine.administration import Administration
    from tastemaker.engine.registry import Registry
    from tastemaker.engine.upkeep import Upkeep
    from tastemaker.server import run_server
    from tastemaker.server.limits import Limits
    from tastemaker.store import open_store

    chosen = work.settings.serve
    with work.run.limited(), closing(open_store(chosen.store)) as store:
        tenant = store.for_tenant(Tenant())
        engine = work.live_engine(tenant, model)
        handlers = who_does(Opened(work, store, tenant, chosen.store))
        # Whoever names a model wants that one, until another is promoted.
        live = None if model is None else Registry(tenant).live()
        upkeep = Upkeep(
            engine,
            handlers,
            f"server, process {os.getpid()}",
            every=_EVERY,
            passed_over="" if live is None else live.artefact_id,
        )
        administration = Administration(
            store,
            tenant,
            backups=None if chosen.backups is None else Path(chosen.backups),
            kinds=handlers,
            weights=work.settings.import_.events,
            follow=upkeep.move,
        )
        facts = engine.facts()
        work.out.note(
            f"Starting with {facts['model']} over {facts['data']}: {facts['items']:,} items, "
            f"{facts['events']:,} events in {chosen.store} ..."
        )
        upkeep.start()
        run_server(
            engine,
            chosen.host,
            chosen.port,
            keys=store.keys,
            limits=Limits(chosen.rate, chosen.concurrency),
            administration=administration,
            hosts=chosen.hosts,
            announce=lambda url: work.out.print(f"Serving at {url} (Ctrl-C stops it)"),
        )
        upkeep.stop()
        engine.texts.stop()
        engine.flush()
    work.out.note("Stopped.")


def need_server(host: str, port: int) -> None:
    """Check before any work that a server could start.

    Raises:
        MissingExtraError: The extra ``serve`` is not installed.
        ServiceError: The port is in use.
    """
    import tastemaker.server  # noqa: F401

    need_port(host, port)


def need_port(host: str, port: int) -> None:
    """Check that a port is free.

    Raises:
        ServiceError: It is not, or the address is none of this machine.
    """
    from tastemaker.core.errors import ServiceError

    where = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ServiceError(f"'{host}' is no address", where=where, remedy="Use --host 127.0.0.1.") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ServiceError(
                f"port {port} is in use" if taken else f"cannot listen: {error.strerror}",
                where=where,
                remedy="Stop what listens there, or take another with --port.",
            ) from error
