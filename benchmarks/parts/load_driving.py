"""A load generator on raw sockets: requests at a constant rate whatever becomes of them, or as fast as answers come.

With a rate, each request is due at a moment that was fixed before the start, and its latency counts from that moment:
what waits for a free connection behind slow answers waits on the record (coordinated omission: Tene, 2013). Nothing but
the standard library is imported here, so that the process that drives is small.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import pickle
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from benchmarks.parts.load import Outcome, Plan, answer_in

_LEAD: Final = 0.05
_UNPACED: Final = 20.0
"""As fast as answers come, all of them together may take so many times the patience."""


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, done: Callable[[_Connection, tuple[int, bytes] | None], None]) -> None:
        self._done = done
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def send(self, content: bytes, due: float) -> None:
        assert self._transport is not None
        self.due = due
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        self._received += data
        found = answer_in(self._received)
        if found is not None:
            self._received.clear()
            self._done(self, found)

    def connection_lost(self, error: Exception | None) -> None:
        self._done(self, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Drive:
    """One plan on its way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._outcome = Outcome()
        # The one that was free for longest comes first: a server closes those that are idle for seconds.
        self._free: deque[_Connection] = deque()
        self._all: list[_Connection] = []
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._left = len(plan.requests)
        self._ended = asyncio.Event()

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        for _ in range(self._plan.connections):
            _, connection = await loop.create_connection(lambda: _Connection(self._done), *self._plan.address)
            self._all.append(connection)
            self._free.append(connection)
        start = time.perf_counter() + (_LEAD if self._plan.rate else 0.0)
        if self._plan.rate:
            await self._send_in_time(start, self._plan.rate)
        else:
            self._waiting.extend((content, math.nan) for content in self._plan.requests)
            while self._free and self._waiting:
                self._send(self._free.popleft(), *self._waiting.popleft())
        try:
            patience = self._plan.patience * (1 if self._plan.rate else _UNPACED)
            await asyncio.wait_for(self._ended.wait(), patience)
        except TimeoutError:
            self._give_up()
        self._outcome.seconds = time.perf_counter() - start
        for connection in self._all:
            connection.close()
        return self._outcome

    async def _send_in_time(self, start: float, rate: float) -> None:
        for number, content in enumerate(self._plan.requests):
            due = start + number / rate
            # Also where it is due already: answers are read in between.
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._free:
                self._send(self._free.popleft(), content, due)
            elif self._all:
                self._waiting.append((content, due))
            else:
                self._lose(due, "no connection left")

    def _send(self, connection: _Connection, content: bytes, due: float) -> None:
        now = time.perf_counter()
        due = now if math.isnan(due) else due
        self._outcome.late.append(1000 * (now - due))
        connection.send(content, due)

    def _done(self, connection: _Connection, answer: tuple[int, bytes] | None) -> None:
        due, connection.due = connection.due, None
        if answer is None:
            self._broken(connection, due)
            return
        if due is None:
            return
        status, body = answer
        if status != 200:
            self._outcome.fail(f"status {status}")
        elif self._plan.mark not in body:
            self._outcome.unmarked += 1
        self._outcome.sample = body
        self._note(due)
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        else:
            self._free.append(connection)

    def _broken(self, connection: _Connection, due: float | None) -> None:
        self._all.remove(connection)
        if connection in self._free:
            self._free.remove(connection)
        if due is not None:
            self._lose(due, "connection lost")
        if not self._all:
            while self._waiting:
                self._lose(self._waiting.popleft()[1], "no connection left")

    def _lose(self, due: float, why: str) -> None:
        self._outcome.fail(why)
        self._note(time.perf_counter() if math.isnan(due) else due)

    def _note(self, due: float) -> None:
        self._outcome.latencies.append(1000 * (time.perf_counter() - due))
        self._left -= 1
        if not self._left:
            self._ended.set()

    def _give_up(self) -> None:
        for connection in self._all:
            if connection.due is not None:
                self._lose(connection.due, "no answer in time")
                connection.due = None
        while self._waiting:
            self._lose(self._waiting.popleft()[1], "no answer in time")


def _loop() -> asyncio.AbstractEventLoop:
    # select() sleeps to the microsecond, epoll to the next millisecond.
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def drive(plan: Plan) -> Outcome:
    """Send what a plan says and return what came of it."""
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(carry_out(plan))
    finally:
        gc.enable()


async def carry_out(plan: Plan) -> Outcome:
    """Send what a plan says, on the loop that runs, and return what came of it."""
    return await _Drive(plan).run()


def serve() -> None:
    """Drive each plan that comes in, until no more do."""
    with contextlib.suppress(EOFError):
        while True:
            outcome = drive(pickle.load(sys.stdin.buffer))
            pickle.dump(outcome, sys.stdout.buffer)
            sys.stdout.buffer.flush()
