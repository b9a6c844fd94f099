"""Programs that answer over HTTP in a process of their own: the real server, one that only replies, one below HTTP.

    python benchmarks/parts/served.py shop MODEL STORE    the server over a saved model and a store
    python benchmarks/parts/served.py bare FILE           uvicorn with an application that returns the bytes of a file
    python benchmarks/parts/served.py reply FILE          a socket that returns them whatever comes: HTTP is not read

The first line that each prints is its address. All end at SIGTERM, and when their standard input does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

Message = MutableMapping[str, Any]

HOST: Final = "127.0.0.1"


def announce(url: str) -> None:
    print(url, flush=True)


def shop(model: Path, folder: Path) -> None:
    """Serve as `tastemaker serve` does, but for the limit on how often one address may ask."""
    from tastemaker.core.run import Run
    from tastemaker.core.tenant import Tenant
    from tastemaker.engine import Engine
    from tastemaker.models import load_model
    from tastemaker.server import run_server
    from tastemaker.server.limits import Limits
    from tastemaker.store import open_store

    with Run().limited(), closing(open_store(folder)) as store:
        engine = Engine(load_model(model), store=store.for_tenant(Tenant()))
        run_server(engine, HOST, 0, limits=Limits(rate=1e9, concurrency=10_000), announce=announce)
        engine.flush()


def bare(body: bytes) -> None:
    """Serve the same bytes, whatever is asked, with the settings of `tastemaker.server.run`."""
    import uvicorn

    async def answer(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        answer, log_config=None, log_level="error", access_log=False, server_header=False, lifespan="off"
    )
    # Without the protocol asyncio takes it for no TCP and leaves Nagle's delay on: 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        announce(f"http://{HOST}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


class Reply(asyncio.Protocol):
    """Answers each piece that comes in with the same bytes.

    Args:
        answer: The bytes.
    """

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._transport.write(self._answer)


async def reply(body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    server = await asyncio.get_running_loop().create_server(lambda: Reply(head.encode() + body), HOST, 0)
    announce(f"http://{HOST}:{server.sockets[0].getsockname()[1]}")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


def end_with_input() -> None:
    """End at once when whoever holds the other end of standard input is gone."""
    # Not through sys.stdin: a thread that waits in there keeps the interpreter from ending in order.
    while os.read(0, 1):
        pass
    os._exit(1)


def main(kind: str, *given: str) -> None:
    """Serve until told to stop."""
    threading.Thread(target=end_with_input, daemon=True).start()
    if kind == "shop":
        shop(Path(given[0]), Path(given[1]))
    elif kind == "bare":
        bare(Path(given[0]).read_bytes())
    else:
        asyncio.run(reply(Path(given[0]).read_bytes()))


if __name__ == "__main__":
    main(*sys.argv[1:])
