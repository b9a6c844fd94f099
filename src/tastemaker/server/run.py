"""Listening: one process on one port, until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import uvicorn

from tastemaker.core.errors import ServiceError
from tastemaker.server.app import create_app
from tastemaker.server.keys import KeyRing
from tastemaker.server.limits import Limits
from tastemaker.server.service import Reader
from tastemaker.store.ports import Keys

if TYPE_CHECKING:
    from tastemaker.engine.administration import Administration

_ANY_ADDRESS: Final = ("", "0.0.0.0", "::")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_BACKLOG: Final = 512
_SECONDS_TO_FINISH: Final = 5
_LAST_PORT: Final = 65535


class _Server(uvicorn.Server):
    """Tells when it really answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def run_server(
    engine: Reader,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    title: str = "Tastemaker",
    keys: Keys | None = None,
    limits: Limits | None = None,
    announce: Callable[[str], None] = lambda url: None,
    administration: Administration | None = None,
    hosts: Sequence[str] = (),
) -> None:
    """Serve ``engine`` until Ctrl-C; requests under way are finished first.

    Args:
        engine: What answers.
        host: Address to listen on; ``127.0.0.1`` is reached from this machine only.
        port: Port to listen on; 0 takes a free one.
        title: Heading of the page.
        keys: The keys that there are. Where none was ever made everybody is served who reaches this address, which
            may then be one of this machine only.
        limits: How much may be asked.
        announce: Is called with the address once requests are answered.
        administration: What does an operator's work.
        hosts: Names that it is asked under beside those of `answered_for`.

    Raises:
        ServiceError: The address or the port cannot be had, or others reach it and there is no key.
    """
    ring = KeyRing(keys)
    if ring.open:
        _need_loopback(host, port)
    app = create_app(
        engine,
        title=title,
        keys=ring,
        limits=limits,
        administration=administration,
        hosts=answered_for(host, hosts),
    )
    with contextlib.closing(_listen(host, port)) as listener:
        # No access log: addresses of requests hold what people like.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
        server = _Server(config, lambda: announce(_address(host, listener)))
        with _ended_by_signals():
            server.run(sockets=[listener])


def answered_for(host: str, named: Sequence[str] = ()) -> frozenset[str] | None:
    """Return the names that a server may be asked under, or ``None`` for any.

    Those are the names of this machine to itself, the address that it listens on, and what the settings name. One that
    listens on all addresses of a machine, and therefore needs keys, which no other site has, may be asked under any
    name until the settings name some.

    Args:
        host: The address to listen on.
        named: Names in the settings.
    """
    if host in _ANY_ADDRESS and not named:
        return None
    return frozenset((*_LOOPBACK, *named, *(() if host in _ANY_ADDRESS else (host,))))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM end a server as Ctrl-C does, so that whoever called it finishes what is left to do.

    Uvicorn raises the signal that stopped it once more when all requests are answered.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _need_loopback(host: str, port: int) -> None:
    """Refuse an address that other machines reach."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host or None, port, flags=socket.AI_PASSIVE)}
    except OSError:
        return  # it is refused as no address
    if not all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found):
        raise ServiceError(
            "other machines reach this address, and there is no key that they would need",
            where=f"{host}:{port}",
            remedy="Make one with `tastemaker keys create`, or listen on 127.0.0.1.",
        )


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that a taken port is known before anything starts."""
    if not 0 <= port <= _LAST_PORT:
        raise ServiceError(f"there is no port {port}", where="port", remedy=f"Ports go up to {_LAST_PORT}.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServiceError(
            f"'{host}' is no address of this machine", where=f"{host}:{port}", remedy="Use --host 127.0.0.1."
        ) from error
    # A name such as localhost may mean both: then the older kind, which every client tries.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port) from error
    return listener


def _refusal(error: OSError, host: str, port: int) -> ServiceError:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < _LAST_PORT else port - 1
        return ServiceError(
            f"port {port} is in use",
            where=where,
            remedy=f"Stop what listens there, or take another with --port {other}.",
        )
    if error.errno == errno.EACCES:
        return ServiceError(
            f"port {port} may not be used by you", where=where, remedy="Take one above 1023 with --port 8000."
        )
    return ServiceError(f"cannot listen: {error.strerror}", where=where, remedy="Try --host 127.0.0.1.")


def _address(host: str, listener: socket.socket) -> str:
    """Return the address under which a browser on this machine reaches the server."""
    shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"
