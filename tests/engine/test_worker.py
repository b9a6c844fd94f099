"""A worker does one job at a time, and no job is lost, done by two, or tried for ever. Time is made up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine.memory import MemoryTenant

from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import ConfigError, ServiceError, StorageError
from tastemaker.core.tenant import Tenant
from tastemaker.engine.worker import OUTCOMES, Interrupted, JobError, Worker, pause_before, wait
from tastemaker.store.ports import Job, Row, TenantStore

SECOND = 1_000_000
HOUR = timedelta(hours=1)


class Time:
    """A clock that moves when somebody waits, and ticks for the threads that keep leases."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND
        self.ticks = threading.Semaphore(0)

    def clock(self) -> datetime:
        return from_microseconds(self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def sleep(self, seconds: float, event: threading.Event) -> bool:
        if not threading.current_thread().name.endswith("-lease"):
            self.pass_by(seconds)
            return event.is_set()
        while not event.wait(0.001):
            if self.ticks.acquire(blocking=False):
                return False
        return True


@pytest.fixture
def time() -> Time:
    return Time()


def add(store: MemoryTenant, time: Time, kind: str = "work", **payload: Any) -> int:
    return store.jobs.enqueue(kind, payload, run_at=time.now)


def job(store: MemoryTenant, number: int) -> Job:
    found = store.jobs.get(number)
    assert found is not None
    return found


def worker(store: MemoryTenant, time: Time, work: Any, name: str = "w", **options: Any) -> Worker:
    return Worker(store, {"work": work}, name, time.clock, time.sleep, **options)


def done(job: Job, leave_off: threading.Event) -> Row:
    return {"said": job.payload.get("say")}


def broken(job: Job, leave_off: threading.Event) -> Row:
    raise ServiceError("the line is dead")


# -- what comes of a job ------------------------------------------------------------------------------------------


def test_a_job_that_is_done_keeps_its_result(store: MemoryTenant, time: Time) -> None:
    number = add(store, time, say="hello")
    finished = worker(store, time, done).run_once()
    assert finished == job(store, number)
    assert (finished.state, finished.result, finished.attempts) == ("done", {"said": "hello"}, 1)


def test_jobs_are_done_in_the_order_in_which_they_are_due(store: MemoryTenant, time: Time) -> None:
    later = store.jobs.enqueue("work", {}, run_at=time.now - 1)
    first = store.jobs.enqueue("work", {}, run_at=time.now - 2)
    future = store.jobs.enqueue("work", {}, run_at=time.now + 1)
    assert [each.job_id for each in worker(store, time, done).run_due()] == [first, later]
    assert job(store, future).state == "waiting"


def test_jobs_of_other_kinds_are_left_to_others(store: MemoryTenant, time: Time) -> None:
    number = add(store, time, "else")
    assert worker(store, time, done).run_once() is None
    assert job(store, number).attempts == 0


def test_it_counts_how_attempts_ended_by_kind(store: MemoryTenant, time: Time) -> None:
    def work(job: Job, leave_off: threading.Event) -> Row:
        if job.payload["say"] == "stop" and job.attempts == 1:
            raise Interrupted
        if job.payload["say"] == "bad":
            raise ConfigError("no such setting")
        return broken(job, leave_off) if job.payload["say"] == "broken" else done(job, leave_off)

    busy = Worker(store, {"work": work, "rest": done}, "w", time.clock, time.sleep, attempts=2)
    for said in ("well", "bad", "broken", "stop"):
        add(store, time, say=said)
    busy.run_due()
    assert busy.ended == {
        ("work", "done"): 2,
        ("work", "failed"): 1,
        ("work", "retried"): 1,
        ("work", "interrupted"): 1,
        **{("rest", outcome): 0 for outcome in OUTCOMES},
    }
    time.now += SECOND * 3600
    busy.run_due()
    assert busy.ended["work", "failed"] == 2


def test_a_job_that_failed_is_tried_again_later_each_time(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)
    busy = worker(store, time, broken, attempts=3)
    for attempt in (1, 2):
        began = time.now
        busy.run_once()
        failed = job(store, number)
        assert failed.state == "waiting"
        assert failed.result == {"error": "the line is dead"}
        assert failed.run_at == began + pause_before(attempt) * SECOND
        assert busy.run_once() is None
        time.now = failed.run_at
    busy.run_once()
    assert (job(store, number).state, job(store, number).attempts) == ("failed", 3)


def test_an_error_that_stays_is_not_tried_again(store: MemoryTenant, time: Time) -> None:
    def hopeless(job: Job, leave_off: threading.Event) -> Row:
        raise JobError("no such model", again=False, remedy="Name another.")

    number = add(store, time)
    worker(store, time, hopeless).run_once()
    assert (job(store, number).state, job(store, number).attempts) == ("failed", 1)
    assert job(store, number).result == {"error": "no such model. Name another."}


def test_an_error_that_nobody_expected_is_written_down(store: MemoryTenant, time: Time) -> None:
    def surprising(job: Job, leave_off: threading.Event) -> Row:
        raise KeyError("x" * 10_000)

    number = add(store, time)
    worker(store, time, surprising).run_once()
    result = job(store, number).result
    assert result is not None
    assert result["error"].endswith("xxx'")
    assert len(result["error"]) == 4_000
    assert job(store, number).state == "waiting"


def test_a_result_that_cannot_be_kept_fails_the_job(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)
    worker(store, time, lambda job, leave_off: {"odd": object()}).run_once()
    assert job(store, number).state == "failed"
    assert "cannot be kept" in str(job(store, number).result)


# -- leases -------------------------------------------------------------------------------------------------------


def test_the_lease_is_renewed_while_the_work_goes_on(store: MemoryTenant, time: Time) -> None:
    renewed = threading.Event()
    extend = store.jobs.extend

    def seen(job_id: int, worker: str, until: int) -> bool:
        held = extend(job_id, worker, until)
        renewed.set()
        return held

    store.queue.extend = seen  # type: ignore[method-assign]
    leased: list[int | None] = []

    def slow(own: Job, leave_off: threading.Event) -> Row:
        for _ in range(3):
            time.pass_by(20)
            time.ticks.release()
            assert renewed.wait(5)
            renewed.clear()
            leased.append(job(store, own.job_id).leased_until)
        return {}

    began = time.now
    add(store, time)
    worker(store, time, slow, lease=60).run_once()
    assert leased == [began + (20 + 60) * SECOND, began + (40 + 60) * SECOND, began + (60 + 60) * SECOND]
    assert len(store.jobs.newest()) == 1
    assert store.jobs.newest()[0].state == "done"


def test_who_lost_the_lease_leaves_off_and_reports_nothing(store: MemoryTenant, time: Time) -> None:
    told: list[bool] = []

    def slow(own: Job, leave_off: threading.Event) -> Row:
        time.pass_by(61)
        assert store.jobs.lease(["work"], "other", now=time.now, until=time.now + SECOND) is not None
        time.ticks.release()
        told.append(leave_off.wait(5))
        return {"by": "first"}

    number = add(store, time)
    worker(store, time, slow, "first", lease=60).run_once()
    assert told == [True]
    assert (job(store, number).state, job(store, number).worker) == ("running", "other")
    assert store.jobs.finish(number, "other", {"by": "other"})


def test_trouble_with_the_store_loses_no_lease_before_its_time(store: MemoryTenant, time: Time) -> None:
    asked = threading.Semaphore(0)

    def refused(job_id: int, worker: str, until: int) -> bool:
        asked.release()
        raise StorageError("the disk is full")

    store.queue.extend = refused  # type: ignore[method-assign]
    told: list[bool] = []

    def slow(own: Job, leave_off: threading.Event) -> Row:
        for moved in (30, 31):
            time.pass_by(moved)
            time.ticks.release()
            assert asked.acquire(timeout=5)
            told.append(leave_off.wait(5) if moved == 31 else leave_off.is_set())
        raise Interrupted

    add(store, time)
    worker(store, time, slow, lease=60).run_once()
    assert told == [False, True]


def test_a_job_whose_worker_died_is_taken_over_when_its_lease_ends(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)
    store.jobs.lease(["work"], "dead", now=time.now, until=time.now + 60 * SECOND)
    heir = worker(store, time, done, "heir")
    assert heir.run_once() is None
    time.pass_by(60)
    heir.run_once()
    assert (job(store, number).state, job(store, number).worker, job(store, number).attempts) == ("done", "heir", 2)


def test_a_job_that_kills_its_workers_is_given_up(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)
    for _ in range(3):
        store.jobs.lease(["work"], "dead", now=time.now, until=time.now)
    worker(store, time, done, attempts=3).run_once()
    assert job(store, number).state == "failed"
    assert job(store, number).result == {"error": "given up after 3 attempts"}


# -- beginning and ending -----------------------------------------------------------------------------------------


def test_a_worker_that_is_stopped_hands_its_job_back_at_once(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)

    def patient(own: Job, leave_off: threading.Event) -> Row:
        busy.stop()
        assert leave_off.is_set()
        raise Interrupted

    busy = worker(store, time, patient)
    busy.run()
    left = job(store, number)
    assert (left.state, left.run_at, left.result) == ("waiting", time.now, {"error": "interrupted"})
    assert worker(store, time, done, "next").run_once() is not None


def test_an_interrupted_job_is_never_a_failed_one(store: MemoryTenant, time: Time) -> None:
    def patient(own: Job, leave_off: threading.Event) -> Row:
        raise Interrupted

    number = add(store, time)
    worker(store, time, patient, attempts=1).run_once()
    assert job(store, number).state == "waiting"


def test_a_job_that_is_interrupted_often_is_still_done(store: MemoryTenant, time: Time) -> None:
    def patient(own: Job, leave_off: threading.Event) -> Row:
        raise Interrupted

    number = add(store, time)
    for _ in range(20):
        worker(store, time, patient, attempts=3).run_once()
    worker(store, time, done, attempts=3).run_once()
    assert (job(store, number).state, job(store, number).attempts) == ("done", 21)


def test_an_idle_worker_stops_when_it_is_told(store: MemoryTenant) -> None:
    idle = threading.Event()

    def sleep(seconds: float, event: threading.Event) -> bool:
        idle.set()
        return event.wait(5)

    lazy = Worker(store, {"work": done}, "lazy", sleep=sleep)
    thread = threading.Thread(target=lazy.run)
    thread.start()
    assert idle.wait(5)
    lazy.stop()
    thread.join(4)
    assert not thread.is_alive()


def test_ctrl_c_hands_the_job_back_and_goes_on_its_way(store: MemoryTenant, time: Time) -> None:
    def pressed(own: Job, leave_off: threading.Event) -> Row:
        raise KeyboardInterrupt

    number = add(store, time)
    with pytest.raises(KeyboardInterrupt):
        worker(store, time, pressed).run_once()
    assert (job(store, number).state, job(store, number).run_at) == ("waiting", time.now)


def test_trouble_with_the_store_is_waited_out(store: MemoryTenant, time: Time) -> None:
    number = add(store, time)
    lease, calls = store.jobs.lease, iter([True, True, False])

    def flaky(*given: Any, **more: Any) -> Job | None:
        if next(calls, False):
            raise StorageError("the disk is full")
        return lease(*given, **more)

    store.queue.lease = flaky  # type: ignore[method-assign]

    def last(own: Job, leave_off: threading.Event) -> Row:
        busy.stop()
        return {}

    busy = worker(store, time, last, poll=1.0)
    began = time.now
    busy.run()
    assert job(store, number).state == "done"
    assert time.now == began + 2 * SECOND


def test_waiting_ends_with_the_event() -> None:
    event = threading.Event()
    assert wait(0.0, event) is False
    event.set()
    assert wait(60.0, event) is True


# -- what comes back ----------------------------------------------------------------------------------------------


class Ran(Exception):
    """Ends an endless worker."""


def run_for(busy: Worker, time: Time, span: timedelta) -> None:
    """Let a worker run until its made-up clock has gone on so far."""
    end = time.now + span // timedelta(microseconds=1)

    def sleep(seconds: float, event: threading.Event) -> bool:
        if time.now >= end and not threading.current_thread().name.endswith("-lease"):
            raise Ran
        return time.sleep(seconds, event)

    busy._sleep = sleep
    with pytest.raises(Ran):
        busy.run()


def test_a_job_comes_back_at_whole_multiples_of_its_period(store: MemoryTenant, time: Time) -> None:
    ran: list[datetime] = []

    def note(own: Job, leave_off: threading.Event) -> Row:
        ran.append(time.clock())
        return {}

    busy = worker(store, time, note, poll=60.0)
    busy.schedule("work", HOUR)
    run_for(busy, time, timedelta(hours=3))
    begun = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1,700,000,000 s
    assert [moment.replace(minute=0, second=0) for moment in ran] == [
        begun.replace(hour=23, minute=0, second=0),
        datetime(2023, 11, 15, 0, tzinfo=UTC),
        datetime(2023, 11, 15, 1, tzinfo=UTC),
    ]
    assert all(moment.minute == 0 for moment in ran)


def test_two_workers_with_one_schedule_do_not_double_its_jobs(store: MemoryTenant, time: Time) -> None:
    for name in ("one", "two"):
        busy = worker(store, time, done, name, poll=60.0)
        busy.schedule("work", HOUR)
        run_for(busy, time, timedelta(minutes=15))
    assert len(store.jobs.newest()) == 1


def test_what_was_missed_is_made_up_for_once(store: MemoryTenant, time: Time) -> None:
    first = worker(store, time, done, poll=60.0)
    first.schedule("work", HOUR)
    run_for(first, time, timedelta(minutes=2))
    time.pass_by(86_400)
    again = worker(store, time, done, poll=60.0)
    again.schedule("work", HOUR)
    run_for(again, time, timedelta(minutes=2))
    assert Counter(each.state for each in store.jobs.newest()) == {"done": 1, "waiting": 1}


def test_a_period_leaves_time_to_work(store: MemoryTenant, time: Time) -> None:
    with pytest.raises(ValueError, match="leaves no time"):
        worker(store, time, done).schedule("work", timedelta(milliseconds=1))


# -- several workers ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request: pytest.FixtureRequest, store: MemoryTenant, tmp_path: Path) -> Iterator[TenantStore]:
    """Both kinds of queue."""
    if request.param == "memory":
        yield store
        return
    from tastemaker.store import open_store

    kept = open_store(tmp_path / "kept")
    yield kept.for_tenant(Tenant())
    kept.close()


def test_two_workers_never_do_one_job_at_once(any_store: TenantStore) -> None:
    count, doing, lock = 40, Counter[int](), threading.Lock()
    worst: list[int] = []

    def note(own: Job, leave_off: threading.Event) -> Row:
        with lock:
            doing[own.job_id] += 1
            worst.append(doing[own.job_id])
        return {}

    for _ in range(count):
        any_store.jobs.enqueue("work", {}, run_at=0)
    workers = [Worker(any_store, {"work": note}, f"w{number}") for number in range(3)]
    threads = [threading.Thread(target=each.run_due) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(doing) == count
    assert max(worst) == 1
    assert {each.state for each in any_store.jobs.newest(limit=100)} == {"done"}
