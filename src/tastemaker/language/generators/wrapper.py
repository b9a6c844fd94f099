"""What stands around a generator and is one: what it does about a call is written once, for all six ways to call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from collections.abc import Generator as Steps
from contextlib import aclosing, asynccontextmanager, closing, contextmanager, nullcontext, suppress
from typing import Any, TypeAlias, cast

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Reply
from tastemaker.language.generators.base import BaseGenerator
from tastemaker.language.generators.calls import Call, Result, pieces_of

Around: TypeAlias = Steps[Call, Result, Result]
"""Yields the call to make, at most one, is sent its result, and returns its own."""


class Wrapper(BaseGenerator):
    """A generator around another, whose name, fingerprint and spec it has.

    Args:
        of: The other one.
    """

    def __init__(self, of: Generator) -> None:
        self.of = of

    def around(self, call: Call) -> Around:
        """Do something about a call: yield the one to make, or none, and return the result.

        Runs in a thread beside the event loop of an async caller, so that it may read and write files.
        """
        return (yield call)

    @property
    def name(self) -> str:
        """That of the other one."""
        return self.of.name

    @property
    def fingerprint(self) -> str:
        """That of the other one."""
        return self.of.fingerprint

    @property
    def context(self) -> int | None:
        """That of the other one."""
        return self.of.context

    def count_tokens(self, text: str) -> int:
        """See `Generator.count_tokens`."""
        return self.of.count_tokens(text)

    def spec(self) -> dict[str, Any]:
        """Return what makes the generator within; nothing of what stands around it."""
        return self.of.spec()

    def _make(self, call: Call) -> Result:
        with closing(self.around(call)) as steps:
            inner, result = _first(steps)
            if inner is None:
                return cast(Result, result)
            with _telling(steps):
                made = inner.make(self.of)
            return _sent(steps, made)

    async def _amake(self, call: Call) -> Result:
        steps = self.around(call)
        with _closed(steps):
            inner, result = await asyncio.to_thread(_first, steps)
            if inner is None:
                return cast(Result, result)
            async with _atelling(steps):
                made = await inner.amake(self.of)
            return await asyncio.to_thread(_sent, steps, made)

    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        with closing(self.around(call)) as steps:
            inner, whole = _first(steps)
            if inner is None:
                yield from pieces_of(cast(Reply, whole))
                return
            with _telling(steps):
                source: Any = self.of.stream(inner.messages, sampling=inner.sampling, deadline=inner.deadline)
                with closing(source) if hasattr(source, "close") else nullcontext():
                    for piece in source:
                        if isinstance(piece, Reply):
                            whole = piece
                        else:
                            yield piece
            yield cast(Reply, _sent(steps, whole))

    async def _apieces(self, call: Call) -> AsyncIterator[str | Reply]:
        steps = self.around(call)
        with _closed(steps):
            inner, whole = await asyncio.to_thread(_first, steps)
            if inner is None:
                for piece in pieces_of(cast(Reply, whole)):
                    yield piece
                return
            async with _atelling(steps):
                source: Any = self.of.astream(inner.messages, sampling=inner.sampling, deadline=inner.deadline)
                async with aclosing(source) if hasattr(source, "aclose") else nullcontext():
                    async for piece in source:
                        if isinstance(piece, Reply):
                            whole = piece
                        else:
                            yield piece
            yield cast(Reply, await asyncio.to_thread(_sent, steps, whole))


def _first(steps: Around) -> tuple[Call | None, Result | None]:
    """Return the call to make, or the result where none is."""
    try:
        return next(steps), None
    except StopIteration as stop:
        return None, stop.value


def _sent(steps: Around, result: Result | None) -> Result:
    if result is None:
        raise GenerationError("a stream ended without the whole reply", remedy="That is a fault of the generator.")
    try:
        steps.send(result)
    except StopIteration as stop:
        return cast(Result, stop.value)
    raise RuntimeError("a wrapper makes one call at most")


@contextmanager
def _telling(steps: Around) -> Iterator[None]:
    """Tell the steps of whatever fails within, which they may raise in another form and cannot make good."""
    try:
        yield
    except Exception as error:  # any kind: it is raised again, and a trace or a budget has to hear of it
        _thrown(steps, error)
        raise


@asynccontextmanager
async def _atelling(steps: Around) -> AsyncIterator[None]:
    try:
        yield
    except Exception as error:  # as above
        await asyncio.to_thread(_thrown, steps, error)
        raise


def _thrown(steps: Around, error: Exception) -> None:
    with suppress(StopIteration):
        steps.throw(error)


@contextmanager
def _closed(steps: Around) -> Iterator[None]:
    try:
        yield
    finally:
        # A step that still runs in its thread, because the caller was cancelled, closes them when it ends.
        with suppress(ValueError):
            steps.close()
