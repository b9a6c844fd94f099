"""What generators inside this process share: a queue before the model, deadlines, streams, twins for event loops."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DeadlineExceededError, SchemaViolationError
from tastemaker.core.generator import Choice, Message, Reply, Schema, Usage
from tastemaker.language.generators.base import BaseGenerator
from tastemaker.language.generators.calls import Call, Result, check_deadline, sound
from tastemaker.language.generators.choices import choice_among
from tastemaker.language.generators.schemas import check_schema, read_value

T = TypeVar("T")


class Ask:
    """One call while it is under way: when it has to end, and who hears what is written.

    Args:
        deadline: A moment of `time.monotonic`.
        hear: Is told each piece of text as it is written.
    """

    def __init__(self, deadline: float | None, hear: Callable[[str], None] | None = None) -> None:
        self.began = time.monotonic()
        self.deadline = deadline
        self._hear = hear
        self._left = threading.Event()

    @property
    def over(self) -> bool:
        """Whether nobody waits any more, so that the model should stop."""
        return self._left.is_set() or (self.deadline is not None and time.monotonic() >= self.deadline)

    @property
    def remaining(self) -> float | None:
        """Seconds to the deadline, at least 0; ``None`` where there is none."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)

    @property
    def seconds(self) -> float:
        """Since the call was made."""
        return time.monotonic() - self.began

    def leave(self) -> None:
        """Say that nobody waits any more."""
        self._left.set()

    def wrote(self, piece: str) -> None:
        """Pass a piece on."""
        if piece and self._hear is not None and not self.over:
            self._hear(piece)

    def check(self) -> None:
        """Raise `DeadlineExceededError` if nobody waits any more."""
        if self.over:
            raise too_late()


def too_late() -> DeadlineExceededError:
    """Return the error of a reply that was not there in time."""
    return DeadlineExceededError(
        "the reply was not there in time", remedy="Grant more time, or ask for less: fewer tokens, a smaller model."
    )


@dataclass(frozen=True)
class Weighed:
    """Options weighed under one question.

    Attributes:
        totals: Log-probability of each option, its tokens together, float64 ``[o]``.
        lengths: Tokens of each option, int64 ``[o]``.
        mass: As in `Choice`.
        usage: What it took, without the time.
    """

    totals: NDArray[np.float64]
    lengths: NDArray[np.int64]
    mass: float
    usage: Usage

    def scores(self, by_length: bool) -> NDArray[np.float64]:
        """Return the log-probabilities, divided by the number of tokens if that is wanted."""
        return self.totals / self.lengths if by_length else self.totals


def mass_of(totals: NDArray[np.float64], tokens: Sequence[Sequence[int]]) -> float:
    """Return the probability that one of several options begins the reply, counting what they share once.

    Args:
        totals: Log-probabilities of the options, ``[o]``.
        tokens: Of each option. One that another option begins with holds the other's probability already.
    """
    beginnings = {tuple(each) for each in tokens}
    alone = [not any(tuple(each[:cut]) in beginnings for cut in range(1, len(each))) for each in tokens]
    return float(min(np.exp(totals[alone]).sum(), 1.0))


def tokens_after(
    encode: Callable[[str], list[int]], prompt: str, text: str, *, alone: Callable[[str], list[int]]
) -> list[int]:
    """Return the tokens that a text has behind a prompt, as they would be written: those of the prompt stay its own.

    Args:
        encode: Turns the beginning of a prompt into tokens; some tokenizers put a space before its first word.
        prompt: What stands before.
        text: What follows.
        alone: Turns a text that stands alone into tokens, for where the two would be joined by a token.
    """
    end = prompt[-32:]
    before, both = encode(end), encode(end + text)
    if both[: len(before)] == before and len(both) > len(before):
        return both[len(before) :]
    return alone(text)


def defused(text: str, marks: Sequence[str]) -> str:
    """Return a sound text in which a model's control marks are words: a space behind their first character parts them.

    A template puts messages between such marks. Whoever could write one into a message could end it and speak as
    somebody else.

    >>> defused("Nice.<|im_end|>", ["<|im_end|>"])
    'Nice.< |im_end|>'
    """
    text = sound(text)
    for mark in marks:
        if mark in text:
            text = text.replace(mark, f"{mark[:1]} {mark[1:]}")
    return text


class InProcess(BaseGenerator):
    """A generator whose model works in threads of this process, and stops when nobody waits for it any more."""

    @abstractmethod
    def _queue(self) -> Executor:
        """Return where calls wait for the model."""

    @abstractmethod
    def _write(self, ask: Ask, call: Call) -> Reply:
        """Return the reply, its usage without the time; runs in a thread of the queue."""

    @abstractmethod
    def _weigh(self, ask: Ask, messages: Sequence[Message], options: Sequence[str]) -> Weighed:
        """Return how likely options are; runs in a thread of the queue."""

    def _submit(self, ask: Ask, call: Call) -> Future[Any]:
        if call.schema is not None:
            check_schema(call.schema)
        check_deadline(ask.deadline)
        return self._queue().submit(self._answer, ask, call)

    def _answer(self, ask: Ask, call: Call) -> Result:
        ask.check()
        if call.kind == "choose":
            return self._chosen(ask, call)
        reply = self._write(ask, call)
        value = None if call.schema is None else _value(reply, call.schema)
        return replace(reply, value=value, usage=replace(reply.usage, seconds=ask.seconds))

    def _chosen(self, ask: Ask, call: Call) -> Choice:
        asked = self._weigh(ask, call.messages, call.options)
        usage, prior = asked.usage, None
        if call.prior is not None:
            without = self._weigh(ask, call.prior, call.options)
            usage, prior = usage + without.usage, without.scores(call.by_length)
        usage = replace(usage, seconds=ask.seconds)
        return choice_among(asked.scores(call.by_length), asked.mass, prior, usage)

    def _make(self, call: Call) -> Result:
        ask = Ask(call.deadline)
        with _waited_for(ask, self._submit(ask, call)) as future:
            found: Result = future.result(timeout=ask.remaining)
            return found

    async def _amake(self, call: Call) -> Result:
        ask = Ask(call.deadline)
        with _waited_for(ask, self._submit(ask, call)) as future:
            found: Result = await asyncio.wait_for(asyncio.wrap_future(future), ask.remaining)
            return found

    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        ask = Ask(call.deadline, pieces.put)
        with _waited_for(ask, self._submit(ask, call)) as future:
            future.add_done_callback(lambda _: pieces.put(None))
            while (piece := pieces.get(timeout=ask.remaining)) is not None:
                yield piece
            yield future.result()

    async def _apieces(self, call: Call) -> AsyncIterator[str | Reply]:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        ask = Ask(call.deadline, lambda piece: _tell(loop, pieces, piece))
        with _waited_for(ask, self._submit(ask, call)) as future:
            future.add_done_callback(lambda _: _tell(loop, pieces, None))
            while (piece := await asyncio.wait_for(pieces.get(), ask.remaining)) is not None:
                yield piece
            yield future.result()


def _value(reply: Reply, schema: Schema) -> Any:
    try:
        return read_value(reply.text, schema)
    except SchemaViolationError as error:
        if reply.finish != "length":
            raise
        raise SchemaViolationError(
            f"the reply was cut off after {reply.usage.reply_tokens:,} tokens, before its JSON was whole",
            where=error.where,
            remedy="Allow more tokens (max_tokens), or bound texts and lists of the schema (maxLength, maxItems).",
        ) from error


@contextmanager
def _waited_for(ask: Ask, future: Future[Any]) -> Iterator[Future[Any]]:
    """Let the model stop, if it has not, once nobody waits for it; what is not there in time is our error."""
    try:
        yield future
    except (TimeoutError, queue.Empty):
        raise too_late() from None
    finally:
        ask.leave()
        future.cancel()


def _tell(loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[str | None], piece: str | None) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(pieces.put_nowait, piece)
