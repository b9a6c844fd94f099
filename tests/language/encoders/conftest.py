"""A server for embeddings that a test can make answer what it likes, and waits that take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from tests.language.encoders.embeddings import embeddings
from tests.language.model_server import Answerer, Asked, ModelServer, Said

from tastemaker.language.encoders import postman

Serve = Callable[..., ModelServer]


def right(asked: Asked, before: int) -> Said:
    return Said(embeddings(asked.texts))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server; it is stopped after the test."""
    with ExitStack() as stack:

        def start(answer: Answerer | None = None) -> ModelServer:
            return stack.enter_context(ModelServer(answer or right).running())

        yield start


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited before requests that are sent again."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds:
            waited.append(seconds)

    monkeypatch.setattr(postman, "time", SimpleNamespace(sleep=sleep))
    return waited
