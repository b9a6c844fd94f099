"""A worker takes one job at a time, keeps its lease on it, and says what came of it; what a job does is a handler's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, TypeAlias

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.errors import (
    ConfigError,
    DataError,
    MissingExtraError,
    ModelError,
    StorageError,
    TastemakerError,
)
from tastemaker.store.ports import Job, Row, TenantStore

Handler: TypeAlias = Callable[[Job, threading.Event], Row]
"""Does a job and returns what came of it as JSON values.

The event is set when the work is to end: because the worker stops, or because the lease was lost and somebody else does
it. The handler then raises `Interrupted` as soon as it can. A job may be done twice, so doing it again must do no harm.
"""

Sleep: TypeAlias = Callable[[float, threading.Event], bool]
"""Waits so many seconds, or until the event is set, and says whether it is."""

LEASE: Final = 60.0
"""Seconds after which another worker takes over from one that went silent; renewed every third of it."""

DONE: Final = "done"
FAILED: Final = "failed"
RETRIED: Final = "retried"
INTERRUPTED: Final = "interrupted"
OUTCOMES: Final = (DONE, FAILED, RETRIED, INTERRUPTED)
"""How an attempt at a job may end: done, failed for good, failed and to be tried again, or left off to go on later."""

ATTEMPTS: Final = 5
"""So often a job is begun, and then it has failed for good."""

POLL: Final = 1.0
"""Seconds between looks at an empty queue."""

_FIRST_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 3_600.0
_LONGEST_ERROR: Final = 4_000
_SECOND: Final = 1_000_000
_PATIENCE: Final = 10
_logger = logging.getLogger("tastemaker.worker")


class Interrupted(Exception):
    """A handler left off because it was told to; the job is as it was before, and is done later."""


class JobError(TastemakerError):
    """A job failed.

    Args:
        message: What was wrong.
        again: Whether another attempt may go better.
        where: The place.
        remedy: What somebody can do.
    """

    def __init__(self, message: str, *, again: bool, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.again = again


_STAYS: Final = (ConfigError, DataError, ModelError, MissingExtraError)


def worth_another(error: TastemakerError) -> bool:
    """Say whether another attempt may go better: not where settings, data or a model are wrong in themselves."""
    return error.again if isinstance(error, JobError) else not isinstance(error, _STAYS)


def wait(seconds: float, event: threading.Event) -> bool:
    """Wait for an event in real time."""
    return event.wait(seconds)


def pause_before(attempt: int) -> float:
    """Return the seconds between a failed attempt, from 1, and the next: twice as long each time, at most an hour.

    >>> [pause_before(attempt) for attempt in (1, 2, 3, 30)]
    [60.0, 120.0, 240.0, 3600.0]
    """
    return min(_FIRST_PAUSE * 2.0 ** min(attempt - 1, 16), _LONGEST_PAUSE)


class Worker:
    """Does the jobs of one tenant, one after the other, in the thread that calls `run`.

    A job that fails is tried again after `pause_before`, `ATTEMPTS` times in all, if that is `worth_another`. A job
    whose worker died is taken over when its lease runs out, and given up when that has happened too often: it may be
    what kills workers.

    Args:
        store: Whose jobs.
        handlers: Kind of job -> what does it; jobs of other kinds are left to others.
        name: The worker's name, its own among all workers.
        clock: Where "now" comes from.
        sleep: How it waits.
        lease: Seconds; see `LEASE`.
        attempts: See `ATTEMPTS`.
        poll: Seconds; see `POLL`.

    Attributes:
        ended: Kind of job and one of `OUTCOMES` -> how many attempts ended so since the worker was made.
    """

    def __init__(
        self,
        store: TenantStore,
        handlers: Mapping[str, Handler],
        name: str,
        clock: Clock = system_clock,
        sleep: Sleep = wait,
        *,
        lease: float = LEASE,
        attempts: int = ATTEMPTS,
        poll: float = POLL,
    ) -> None:
        self.name = name
        self._jobs = store.jobs
        self._handlers = dict(handlers)
        self._clock, self._sleep = clock, sleep
        self._lease, self._attempts, self._poll = lease, attempts, poll
        self._stopping = threading.Event()
        self._current: threading.Event | None = None
        self._schedules: dict[str, _Schedule] = {}
        self.ended = {(kind, outcome): 0 for kind in handlers for outcome in OUTCOMES}

    # -- what to do ----------------------------------------------------------------------------------------------

    def schedule(self, kind: str, every: timedelta, payload: Row | None = None) -> None:
        """Let a job be put in line at every whole multiple of a period since 1970 (UTC), while `run` runs.

        However many workers have the same schedule, one job of it waits or runs at a time. What was missed because
        nobody was there is made up for once.

        Raises:
            ValueError: The period is shorter than a second.
        """
        if every < timedelta(seconds=1):
            raise ValueError(f"a job every {every} leaves no time to do it")
        self._schedules[kind] = _Schedule(kind, every // timedelta(microseconds=1), payload or {})

    def run(self) -> None:
        """Work until `stop` is called; trouble with the store is waited out."""
        while not self._stopping.is_set():
            try:
                self._plan()
                idle = self.run_once() is None
            except StorageError as error:
                _logger.warning("%s: %s", self.name, error)
                idle = True
            if idle:
                self._sleep(self._poll, self._stopping)

    def run_due(self) -> list[Job]:
        """Do what is due by now and return the jobs as they stand; ends when nothing is due, or by `stop`."""
        done = []
        while not self._stopping.is_set() and (job := self.run_once()) is not None:
            done.append(job)
        return done

    def stop(self) -> None:
        """Begin no more jobs and let the one under way leave off; may be called from any thread, or a signal."""
        self._stopping.set()
        current = self._current
        if current is not None:
            current.set()

    def _plan(self) -> None:
        now = self._now()
        for planned in self._schedules.values():
            if now >= planned.next_at:
                slot = (now // planned.every + 1) * planned.every
                number = self._jobs.enqueue(planned.kind, planned.payload, run_at=slot, unique=planned.unique)
                waiting = self._jobs.get(number)
                # One that is there from before is looked at again and again until it is done.
                planned.next_at = slot if waiting is not None and waiting.run_at == slot else now

    # -- one job -------------------------------------------------------------------------------------------------

    def run_once(self) -> Job | None:
        """Do the job that is due first and return it as it stands afterwards; ``None`` if nothing is due."""
        now = self._now()
        job = self._jobs.lease(list(self._handlers), self.name, now=now, until=self._later(now, self._lease))
        if job is None:
            return None
        if job.attempts > self._limit(job):
            self._report(job, _Failure(f"given up after {job.attempts - 1} attempts", None))
        else:
            self._work(job)
        return self._jobs.get(job.job_id)

    def _work(self, job: Job) -> None:
        leave_off, done = threading.Event(), threading.Event()
        self._current = leave_off
        if self._stopping.is_set():
            leave_off.set()
        keeper = threading.Thread(
            target=self._keep, args=(job, leave_off, done), name=f"{self.name}-lease", daemon=True
        )
        keeper.start()
        try:
            outcome = self._handle(job, leave_off)
            try:
                self._report(job, outcome)
            except DataError as error:
                self._report(job, _Failure(f"what came of it cannot be kept: {error}", None))
        finally:
            done.set()
            self._current = None
            keeper.join()

    def _handle(self, job: Job, leave_off: threading.Event) -> Row | _Failure:
        try:
            return self._handlers[job.kind](job, leave_off)
        except Interrupted:
            return _Failure(INTERRUPTED, self._now())
        except TastemakerError as error:
            return _Failure(str(error), self._retry_at(job) if worth_another(error) else None)
        except Exception as error:
            _logger.exception("job %d (%s) failed", job.job_id, job.kind)
            return _Failure(f"{type(error).__name__}: {error}", self._retry_at(job))
        except BaseException:
            # Ctrl-C where a person runs a worker by hand: somebody else may go on at once.
            self._report(job, _Failure(INTERRUPTED, self._now()))
            raise

    def _report(self, job: Job, outcome: Row | _Failure) -> None:
        if isinstance(outcome, _Failure):
            error = outcome.error[-_LONGEST_ERROR:]
            kept = self._jobs.fail(job.job_id, self.name, error, retry_at=outcome.retry_at)
        else:
            kept = self._jobs.finish(job.job_id, self.name, outcome)
        if kept:
            self.ended[job.kind, outcome.kind if isinstance(outcome, _Failure) else DONE] += 1
        else:
            _logger.warning("job %d was taken over by another worker; what %s did is dropped", job.job_id, self.name)

    def _retry_at(self, job: Job) -> int | None:
        return None if job.attempts >= self._limit(job) else self._later(self._now(), pause_before(job.attempts))

    def _limit(self, job: Job) -> int:
        """Return how often a job may be begun: oftener where the last attempt was only interrupted, as by a restart."""
        interrupted = job.result is not None and job.result.get("error") == INTERRUPTED
        return self._attempts * (_PATIENCE if interrupted else 1)

    def _keep(self, job: Job, leave_off: threading.Event, done: threading.Event) -> None:
        """Renew the lease until the job is done; where it is lost let the handler leave off."""
        until = job.leased_until or 0
        while not self._sleep(self._lease / 3, done):
            now = self._now()
            try:
                held = self._jobs.extend(job.job_id, self.name, self._later(now, self._lease))
                until = self._later(now, self._lease)
            except StorageError as error:
                _logger.warning("the lease of job %d could not be renewed: %s", job.job_id, error)
                held = now < until
            if not held:
                leave_off.set()
                return

    def _now(self) -> int:
        return to_microseconds(self._clock())

    @staticmethod
    def _later(now: int, seconds: float) -> int:
        return now + round(seconds * _SECOND)


class _Failure:
    """How an attempt failed, and when the next may be made."""

    def __init__(self, error: str, retry_at: int | None) -> None:
        self.error = error
        self.retry_at = retry_at

    @property
    def kind(self) -> str:
        """Which of `OUTCOMES` it is."""
        if self.error == INTERRUPTED:
            return INTERRUPTED
        return FAILED if self.retry_at is None else RETRIED


class _Schedule:
    """A job that comes back; ``every`` and ``next_at`` in microseconds."""

    def __init__(self, kind: str, every: int, payload: Row) -> None:
        self.kind, self.every, self.payload = kind, every, payload
        self.unique = f"{kind} every {every // _SECOND} s"
        self.next_at = 0
