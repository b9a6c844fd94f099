"""`tastemaker serve`."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.engine import Engine


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
    run(work, work.engine(model))


def run(work: Workspace, engine: Engine) -> None:
    """Serve until Ctrl-C."""
    from tastemaker.server import run_server

    chosen = work.settings.serve
    work.out.note(f"Starting with {engine.model.name} over {engine.dataset.name} ...")
    with work.run.limited():
        run_server(
            engine,
            chosen.host,
            chosen.port,
            search=work.text_search(engine.dataset.catalogue, work.named_encoder()),
            announce=lambda url: work.out.print(f"Serving at {url} (Ctrl-C stops it)"),
        )
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
