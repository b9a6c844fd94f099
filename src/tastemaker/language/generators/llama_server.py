"""llama.cpp's own HTTP server around a GGUF model, on loopback: OpenAI's interface to chats, embeddings, reranking."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tastemaker.core.errors import ConfigError, ServiceError, nearest
from tastemaker.core.run import default_threads
from tastemaker.language.generators.gguf import read_gguf_header
from tastemaker.language.generators.gguf_models import DEFAULT_MODEL, locate
from tastemaker.language.generators.llama_engine import Setup, binding, start_server

Task: TypeAlias = Literal["chat", "embeddings", "rerank"]
TASKS: Final[tuple[Task, ...]] = ("chat", "embeddings", "rerank")
LOOPBACK: Final = "127.0.0.1"
_USUAL_CONTEXT: Final = 8192
_RANKS: Final = 4
"""The way of pooling that llama.cpp counts as 4: a score instead of a vector."""


@dataclass(frozen=True)
class Served:
    """A server that listens.

    Attributes:
        address: Where, such as ``http://127.0.0.1:8080``.
        model: The name that clients see.
        task: What it answers.
        context: Tokens of prompt and reply together.
    """

    address: str
    model: str
    task: Task
    context: int

    @property
    def base_url(self) -> str:
        """What clients of OpenAI's interface are told."""
        return f"{self.address}/v1"


@contextmanager
def serve_gguf(
    model: str = DEFAULT_MODEL,
    *,
    port: int = 0,
    key: str = "",
    task: Task = "chat",
    context: int | None = None,
    threads: int | None = None,
    slots: int = 1,
    sha256: str = "",
) -> Iterator[Served]:
    """Serve a model for as long as the block runs, to programs of this machine and no others.

    Args:
        model: As for `Llama`.
        port: Where to listen; 0 takes a free one.
        key: What clients have to send as a bearer token; none if empty.
        task: ``chat``; ``embeddings``, for models that make vectors of texts; ``rerank``, for such that score a text
            for a question.
        context: Tokens of prompt and reply together; what the model was trained for, at most 8192, if not said.
        threads: Of the arithmetic; what ``TASTEMAKER_THREADS`` says if not said.
        slots: Calls that may be under way at the same time.
        sha256: What the file must have.

    Raises:
        MissingExtraError: The binding of llama.cpp is not installed.
        ConfigError: The model does not do this task.
        ServiceError: The port is in use.
        ModelFormatError: The model cannot be loaded.
    """
    if task not in TASKS:
        raise ConfigError(f"a model cannot be served for '{task}'", remedy=nearest(task, TASKS))
    library = binding()
    found = locate(model, sha256=sha256)
    header = read_gguf_header(found.path)
    held = context or min(header.context or _USUAL_CONTEXT, _USUAL_CONTEXT)
    if task == "rerank" and header.pooling != _RANKS:
        raise ConfigError(
            "this model scores no texts, so it cannot be served for 'rerank'",
            where=str(found.path),
            remedy="Take a reranker, such as a GGUF of bge-reranker or Qwen3-Reranker.",
        )
    _need_free(port)
    settings: dict[str, Any] = {
        "port": port,
        "hostnames": [LOOPBACK],
        "api_keys": [key] if key else [],
        "model_alias": {found.label},
    }
    if task != "chat":
        settings |= {
            "embedding": True,
            "pooling_type": _pooling(library.llama_pooling_type, task, header.pooling),
            # A text is read at once to become a vector.
            "n_batch": held,
            "n_ubatch": held,
        }
    server = start_server(Setup(found.path, held, threads or default_threads(), slots), **settings)
    try:
        yield Served(server.listening_address, found.label, task, held)
    finally:
        # Nothing but letting it go stops it.
        del server


def _pooling(kinds: Any, task: Task, own: int | None) -> Any:
    """Return how vectors of tokens become one: the file's own way, else their mean."""
    if task == "rerank":
        return kinds.LLAMA_POOLING_TYPE_RANK
    return kinds.LLAMA_POOLING_TYPE_MEAN if own is None else kinds.LLAMA_POOLING_TYPE_UNSPECIFIED


def _need_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            raise ServiceError(
                f"port {port} is in use" if taken else f"cannot listen on port {port}: {error}",
                where=LOOPBACK,
                remedy="Choose another port, or 0 for a free one.",
            ) from error
