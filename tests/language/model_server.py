"""A small server with OpenAI's interface, on loopback, that a test can make answer what it likes: faults as well."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Said:
    """What the server answers to one request.

    Attributes:
        body: JSON values, bytes as they are, or the chunks of a stream.
        status: The status code.
        headers: Headers beside those that say length and type.
        cut: Whether the connection ends in the middle of the answer.
        after: Waits for this to be set before it answers.
        between: Waits for this to be set before all chunks but the first.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    after: threading.Event | None = None
    between: threading.Event | None = None


@dataclass
class Stream:
    """The chunks of a body of unknown length."""

    chunks: Iterable[bytes]


@dataclass
class Asked:
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """Those to be encoded."""
        return list(self.body["input"])

    @property
    def last(self) -> str:
        """The last message of a chat."""
        return str(self.body["messages"][-1]["content"])


Answerer = Callable[[Asked, int], Said]
"""Takes a request and how many came before it."""


class ModelServer:
    """Answers on loopback.

    Args:
        answer: What it answers.
    """

    def __init__(self, answer: Answerer) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self.gone = threading.Event()
        self.lock = threading.Lock()
        self.answer = answer

        class Speaker(_Speaker):
            of = self

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
        self._http.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator[ModelServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Speaker(BaseHTTPRequestHandler):
    """Notes what is asked, and writes what is to be said."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the receipt of its headers
    of: ModelServer

    def setup(self) -> None:
        super().setup()
        with self.of.lock:
            self.of.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = Asked(self.path, dict(self.headers.items()), body)
        with self.of.lock:
            before = len(self.of.asked)
            self.of.asked.append(asked)
            self.of.at_once += 1
            self.of.most_at_once = max(self.of.most_at_once, self.of.at_once)
        try:
            self._say(self.of.answer(asked, before))
        except (BrokenPipeError, ConnectionResetError):
            self.of.gone.set()
            self.close_connection = True
        finally:
            with self.of.lock:
                self.of.at_once -= 1

    def _say(self, said: Said) -> None:
        if said.after is not None:
            said.after.wait(10)
        if isinstance(said.body, Stream):
            self._stream(said, said.body)
            return
        content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        kind = "application/json" if not isinstance(said.body, bytes) else "text/html"
        self._head(said, {"Content-Type": kind, "Content-Length": str(len(content))})
        self.wfile.write(content[: len(content) // 2] if said.cut else content)
        self.close_connection = said.cut

    def _head(self, said: Said, headers: dict[str, str]) -> None:
        self.send_response(said.status)
        for name, value in {**headers, **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _stream(self, said: Said, stream: Stream) -> None:
        self._head(said, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for number, chunk in enumerate(stream.chunks):
            if number and said.between is not None:
                said.between.wait(10)
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if not said.cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = said.cut

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
