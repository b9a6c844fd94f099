"""Procedures that ask a generator now and then, written once for programs with and without an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator as Coroutine
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from tastemaker.core.errors import GenerationError, TastemakerError
from tastemaker.core.generator import Generator, Message, Reply, Sampling, Schema
from tastemaker.language.generators.calls import Call, Result

T = TypeVar("T")

Steps: TypeAlias = Coroutine[Call, Result, T]
"""Yields each call to make, is sent its result, and returns its own; where there is none, a `GenerationError` is raised
at the ``yield``."""

NO_MODEL: Final = "no language model is named, so that templates speak"


def run_steps(steps: Steps[T], generator: Generator | None) -> T:
    """Return what a procedure does, its calls made one after the other.

    Args:
        steps: The procedure.
        generator: What is asked; without one every call fails.
    """
    try:
        call, done = _advanced(steps, None)
        while call is not None:
            call, done = _advanced(steps, _made(call, generator))
    finally:
        steps.close()
    assert done is not None
    return done


async def arun_steps(steps: Steps[T], generator: Generator | None) -> T:
    """As `run_steps`, without holding up an event loop; what lies between two calls runs in a thread."""
    try:
        call, done = await asyncio.to_thread(_advanced, steps, None)
        while call is not None:
            outcome = await _amade(call, generator)
            call, done = await asyncio.to_thread(_advanced, steps, outcome)
    finally:
        # A step that still runs in its thread, because the caller was cancelled, ends by itself.
        with suppress(ValueError):
            steps.close()
    assert done is not None
    return done


def said(
    messages: list[Message], most_tokens: int, *, schema: Schema | None = None, deadline: float | None = None
) -> Steps[Reply]:
    """Ask for a reply, greedily.

    Args:
        messages: What is asked.
        most_tokens: A reply ends after so many.
        schema: What it has to keep.
        deadline: A moment of `time.monotonic`; where it has passed nothing is asked.

    Raises:
        GenerationError: There is no reply.
    """
    if deadline is not None and time.monotonic() >= deadline:
        raise GenerationError("the language model was not asked: out of time")
    reply = yield Call.to_generate(messages, schema, Sampling(max_tokens=most_tokens), deadline)
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        raise GenerationError("the language model gave no reply")
    return reply


def _advanced(steps: Steps[T], outcome: Result | GenerationError | None) -> tuple[Call | None, T | None]:
    """Return the next call, or what the procedure returns."""
    try:
        if outcome is None:
            return next(steps), None
        if isinstance(outcome, GenerationError):
            return steps.throw(outcome), None
        return steps.send(outcome), None
    except StopIteration as stop:
        return None, stop.value


def _made(call: Call, generator: Generator | None) -> Result | GenerationError:
    if generator is None:
        return GenerationError(NO_MODEL)
    try:
        return call.make(generator)
    except Exception as error:  # a generator may be anybody's: whatever it raises, an answer does not fail with it
        return _failed(error)


async def _amade(call: Call, generator: Generator | None) -> Result | GenerationError:
    if generator is None:
        return GenerationError(NO_MODEL)
    try:
        return await call.amake(generator)
    except Exception as error:  # as above
        return _failed(error)


def _failed(error: Exception) -> GenerationError:
    if isinstance(error, GenerationError):
        return error
    if isinstance(error, TastemakerError):
        return GenerationError(error.message, remedy=error.remedy)
    return GenerationError(f"the language model failed with {type(error).__name__}")
