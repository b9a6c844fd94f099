"""A small server with OpenAI's ``/v1/embeddings``, and the faults that such servers have."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tastemaker.language.encoders.controls import RandomVectors

DIM = 6


@dataclass
class Said:
    """What the server answers to one request.

    Attributes:
        body: JSON values, or bytes as they are.
        status: The status code.
        headers: Headers beside those that say length and type.
        cut: Whether the connection ends in the middle of the answer.
        after: Waits for this to be set before it answers.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    after: threading.Event | None = None


@dataclass
class Asked:
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    texts: list[str]
    model: str


def embeddings(texts: list[str]) -> dict[str, Any]:
    """Return a right answer, whose vectors do not have length 1."""
    vectors = 3 * RandomVectors(dim=DIM).encode(texts)
    rows = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
    return {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def expected(texts: list[str]) -> np.ndarray[Any, Any]:
    """Return the vectors of a right answer, of length 1."""
    return RandomVectors(dim=DIM).encode(texts)


Answerer = Callable[[Asked, int], Said]
"""Takes a request and how many came before it."""


class EmbeddingsServer:
    """Answers on loopback.

    Args:
        answer: What it answers; the right thing if nothing is said.
    """

    def __init__(self, answer: Answerer | None = None) -> None:
        self.asked: list[Asked] = []
        self.at_once = 0
        self.most_at_once = 0
        self._answer = answer or (lambda asked, _: Said(embeddings(asked.texts)))
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked = Asked(self.path, dict(self.headers.items()), body["input"], body["model"])
                with owner._lock:
                    before = len(owner.asked)
                    owner.asked.append(asked)
                    owner.at_once += 1
                    owner.most_at_once = max(owner.most_at_once, owner.at_once)
                try:
                    self._say(owner._answer(asked, before))
                finally:
                    with owner._lock:
                        owner.at_once -= 1

            def _say(self, said: Said) -> None:
                if said.after is not None:
                    said.after.wait(10)
                content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                kind = "application/json" if not isinstance(said.body, bytes) else "text/html"
                self.send_response(said.status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if said.cut else content)
                self.close_connection = said.cut

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler

    @contextmanager
    def running(self) -> Iterator[EmbeddingsServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
