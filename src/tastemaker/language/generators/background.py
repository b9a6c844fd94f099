"""One event loop in a thread of its own, for callers with and without a loop: deadlines cut there to the moment."""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

_lock: Final = threading.Lock()
_running: dict[int, asyncio.AbstractEventLoop] = {}
"""Process -> its loop: the thread of another one did not come along when it was forked."""


def background() -> asyncio.AbstractEventLoop:
    """Return the loop of this process; it is started at first use and runs until the process ends."""
    with _lock:
        loop = _running.get(os.getpid())
        if loop is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="tastemaker-generators", daemon=True)
            thread.start()
            atexit.register(_stop, loop, thread, os.getpid())
            _running[os.getpid()] = loop
        return loop


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, process: int) -> None:
    if process != os.getpid():
        return
    with suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(_finish(), loop).result(2)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(1)
    if not thread.is_alive():
        loop.close()


async def _finish() -> None:
    """Give what closes connections a moment, and cancel the rest."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, pending = await asyncio.wait(others, timeout=0.5)
        for task in pending:
            task.cancel()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do some work on the loop and wait for it; an interrupt cancels it."""
    future = asyncio.run_coroutine_threadsafe(work, background())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def arun(work: Coroutine[Any, Any, T]) -> T:
    """Do some work on the loop without holding up that of the caller, whose cancellation cancels it."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, background()))


_END: Final = object()


async def _pump(source: AsyncIterator[T], put: Callable[[Any], None]) -> None:
    try:
        async for piece in source:
            put(piece)
    except Exception as error:  # any kind: it is raised again where the pieces are awaited
        put(_Failure(error))
    else:
        put(_END)


class _Failure:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _opened(piece: Any) -> Any:
    if isinstance(piece, _Failure):
        raise piece.error
    return piece


def pieces(source: AsyncIterator[T]) -> Iterator[T]:
    """Yield what is made on the loop, as it comes; whoever stops listening cancels the rest."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    future = asyncio.run_coroutine_threadsafe(_pump(source, waiting.put), background())
    try:
        while (piece := _opened(waiting.get())) is not _END:
            yield piece
    finally:
        _cancel(future)


async def apieces(source: AsyncIterator[T]) -> AsyncIterator[T]:
    """As `pieces`, without holding up the loop of the caller."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    mine = asyncio.get_running_loop()

    def put(piece: Any) -> None:
        with suppress(RuntimeError):  # the caller's loop was closed, so that nobody listens
            mine.call_soon_threadsafe(waiting.put_nowait, piece)

    future = asyncio.run_coroutine_threadsafe(_pump(source, put), background())
    try:
        while (piece := _opened(await waiting.get())) is not _END:
            yield piece
    finally:
        _cancel(future)


def _cancel(future: Future[None]) -> None:
    with suppress(CancelledError):
        future.cancel()
