"""A server for replies that a test can make answer what it likes, and waits that take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest
from tests.language.model_server import Answerer, ModelServer, Said

from tastemaker.language.generators import connection

Serve: TypeAlias = Callable[..., ModelServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers one request after another, the last answer again and again, or by a function."""
    with ExitStack() as stack:

        def start(*said: Any, by: Answerer | None = None) -> ModelServer:
            answers = [each if isinstance(each, Said) else Said(each) for each in said]
            answer = by or (lambda _, before: answers[min(before, len(answers) - 1)])
            return stack.enter_context(ModelServer(answer).running())

        yield start


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited before requests that are sent again."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(connection, "sleep", sleep)
    return waited
