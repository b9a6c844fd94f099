"""A small server with OpenAI's ``/v1/chat/completions``, and the faults that such servers have."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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
    def last(self) -> str:
        return str(self.body["messages"][-1]["content"])


def reply(text: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """Return a right answer; further fields are those of its choice, or ``usage``."""
    usage = more.pop(
        "usage", {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    )
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return {"id": "c", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


def tokens(**shares: float) -> dict[str, Any]:
    """Return a right answer with the likeliest first tokens, by their log-probabilities."""
    top: list[dict[str, Any]] = [{"token": token, "logprob": share, "bytes": None} for token, share in shares.items()]
    return reply(top[0]["token"], "length", logprobs={"content": [{**top[0], "top_logprobs": top}]})


def events(*words: str, finish: str | None = "stop", done: bool = True, usage: bool = True) -> Stream:
    """Return a right stream, or what a flag makes of it."""
    told: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    ]
    told += [{"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words]
    if finish is not None:
        told.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        told.append({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}})
    lines = [f"data: {json.dumps({'model': 'm-1', **event})}\n\n".encode() for event in told]
    return Stream([b": hello\n\n", *lines, *([b"data: [DONE]\n\n"] if done else [])])


Answerer = Callable[[Asked, int], Said]
"""Takes a request and how many came before it."""


class _Speaker(BaseHTTPRequestHandler):
    """Writes what is to be said."""

    protocol_version = "HTTP/1.1"

    def say(self, said: Said) -> None:
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


class ChatServer:
    """Answers on loopback.

    Args:
        answer: What it answers.
    """

    def __init__(self, answer: Answerer) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self.gone = threading.Event()
        self._answer = answer
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(_Speaker):
            def setup(self) -> None:
                super().setup()
                with owner._lock:
                    owner.connections += 1

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked = Asked(self.path, dict(self.headers.items()), body)
                with owner._lock:
                    before = len(owner.asked)
                    owner.asked.append(asked)
                    owner.at_once += 1
                    owner.most_at_once = max(owner.most_at_once, owner.at_once)
                try:
                    self.say(owner._answer(asked, before))
                except (BrokenPipeError, ConnectionResetError):
                    owner.gone.set()
                    self.close_connection = True
                finally:
                    with owner._lock:
                        owner.at_once -= 1

        return Handler

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            with suppress(OSError):
                self._server.shutdown()
            self._server.server_close()
            thread.join()
