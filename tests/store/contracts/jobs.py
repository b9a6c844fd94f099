"""What every line of jobs keeps."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.store.contracts.opening import Contract, Reopen, SetClock

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Job, Jobs, TenantStore


class JobsContract(Contract):
    @pytest.fixture
    def jobs(self, tenant: TenantStore) -> Jobs:
        return tenant.jobs

    def take(self, jobs: Jobs, now: int, *, worker: str = "w", kinds: tuple[str, ...] = ("train",)) -> Job | None:
        return jobs.lease(kinds, worker, now=now, until=now + 10)

    def number(self, jobs: Jobs, now: int, **asked: str) -> int | None:
        job = self.take(jobs, now, **asked)  # type: ignore[arg-type]
        return None if job is None else job.job_id

    def test_a_job_waits_as_it_was_put_in_line(self, jobs: Jobs, reopen: Reopen) -> None:
        number = jobs.enqueue("train", {"model": "ease", "tries": [1]}, run_at=5)
        waiting = Job(number, "train", {"model": "ease", "tries": [1]}, "waiting", attempts=0, run_at=5)
        assert (jobs.get(number), jobs.get(number + 1)) == (waiting, None)
        assert reopen().jobs.get(number) == waiting

    def test_a_job_is_leased_to_one_worker(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=5)
        leased = jobs.lease(["train"], "w1", now=5, until=15)
        assert leased == Job(number, "train", {}, "running", attempts=1, run_at=5, leased_until=15, worker="w1")
        assert jobs.get(number) == leased
        assert jobs.lease(["train"], "w2", now=6, until=16) is None

    def test_no_job_is_leased_before_its_time_or_to_who_does_other_work(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=5)
        assert self.take(jobs, 4) is None
        assert self.take(jobs, 5, kinds=("erase", "import")) is None
        assert self.take(jobs, 5, kinds=()) is None
        assert self.number(jobs, 5) == number

    def test_the_job_that_is_due_for_longest_comes_first(self, jobs: Jobs) -> None:
        numbers = {run_at: jobs.enqueue("train", {}, run_at=run_at) for run_at in (3, 1, 2)}
        assert [self.number(jobs, 9) for _ in range(4)] == [numbers[1], numbers[2], numbers[3], None]

    def test_of_jobs_that_are_due_at_one_time_the_first_in_line_comes_first(self, jobs: Jobs) -> None:
        numbers = [jobs.enqueue("train", {}, run_at=1) for _ in range(3)]
        assert [self.number(jobs, 9) for _ in range(3)] == numbers

    def test_many_workers_share_jobs_without_taking_one_twice(self, jobs: Jobs) -> None:
        numbers = [jobs.enqueue("train", {}, run_at=0) for _ in range(12)]
        with ThreadPoolExecutor(4) as threads:
            taken = list(threads.map(lambda worker: self.number(jobs, 1, worker=f"w{worker}"), range(16)))
        assert sorted(number for number in taken if number) == numbers
        assert taken.count(None) == 4

    def test_a_job_of_a_worker_that_went_silent_is_taken_over(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0, worker="silent")
        assert self.take(jobs, 9, worker="next") is None
        taken = self.take(jobs, 10, worker="next")
        assert taken is not None
        assert (taken.job_id, taken.worker, taken.attempts) == (number, "next", 2)
        assert not jobs.extend(number, "silent", 99)
        assert not jobs.finish(number, "silent", {"late": True})
        assert not jobs.fail(number, "silent", "late", retry_at=None)
        assert jobs.get(number) == taken

    def test_a_lease_that_is_kept_is_not_taken_over(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        assert jobs.extend(number, "w", 30)
        assert self.take(jobs, 29, worker="next") is None
        assert self.number(jobs, 30, worker="next") == number

    def test_a_lease_that_ran_out_is_still_held_until_somebody_takes_it(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        assert jobs.extend(number, "w", 99)
        assert self.take(jobs, 50, worker="next") is None

    def test_a_finished_job_has_its_result_and_is_over(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        assert not jobs.finish(number, "w", {})  # nobody has it yet
        self.take(jobs, 0)
        assert jobs.finish(number, "w", {"ndcg": 0.1})
        found = jobs.get(number)
        assert found is not None
        assert (found.state, found.result, found.leased_until) == ("done", {"ndcg": 0.1}, None)
        assert found.ended is not None
        assert self.take(jobs, 99) is None
        assert not jobs.finish(number, "w", {"again": True})

    def test_a_failed_job_is_tried_again_at_its_time(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        assert jobs.fail(number, "w", "no memory", retry_at=20)
        found = jobs.get(number)
        assert found is not None
        assert (found.state, found.result, found.worker) == ("waiting", {"error": "no memory"}, None)
        assert self.take(jobs, 19) is None
        again = self.take(jobs, 20)
        assert again is not None
        assert (again.job_id, again.attempts) == (number, 2)

    def test_a_job_that_failed_for_good_is_over(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        assert jobs.fail(number, "w", "no such model", retry_at=None)
        found = jobs.get(number)
        assert found is not None
        assert (found.state, found.result) == ("failed", {"error": "no such model"})
        assert self.take(jobs, 99) is None

    def test_what_waits_or_runs_under_a_name_is_not_doubled(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {"try": 1}, run_at=0, unique="nightly")
        assert jobs.enqueue("train", {"try": 2}, run_at=0, unique="nightly") == number
        assert jobs.enqueue("train", {}, run_at=5, unique="weekly") != number
        self.take(jobs, 0)
        assert jobs.enqueue("train", {"try": 3}, run_at=0, unique="nightly") == number
        jobs.finish(number, "w", {})
        assert jobs.enqueue("train", {"try": 4}, run_at=0, unique="nightly") > number

    def test_jobs_without_such_a_name_are_all_kept(self, jobs: Jobs) -> None:
        assert jobs.enqueue("train", {}, run_at=0) != jobs.enqueue("train", {}, run_at=0)

    def test_the_newest_jobs_come_first(self, jobs: Jobs) -> None:
        numbers = [jobs.enqueue(kind, {}, run_at=9 - place) for place, kind in enumerate(["a", "b", "a"])]
        assert [job.job_id for job in jobs.newest()] == numbers[::-1]
        assert [job.job_id for job in jobs.newest("a")] == [numbers[2], numbers[0]]
        assert [job.job_id for job in jobs.newest(limit=1)] == [numbers[2]]

    def test_jobs_that_ended_before_a_moment_are_forgotten(self, jobs: Jobs, clock: SetClock) -> None:
        ended = []
        for outcome in ("done", "failed"):
            ended.append(jobs.enqueue("train", {}, run_at=0))
            self.take(jobs, 0)
            if outcome == "done":
                jobs.finish(ended[-1], "w", {})
            else:
                jobs.fail(ended[-1], "w", "no", retry_at=None)
        running, waiting = (jobs.enqueue("train", {}, run_at=0) for _ in range(2))
        assert self.number(jobs, 0) == running
        late = jobs.enqueue("other", {}, run_at=0)
        self.take(jobs, 0, kinds=("other",))
        moment = clock.advance(60)
        jobs.finish(late, "w", {})
        assert jobs.erase_before(moment - 60_000_000) == 0
        assert jobs.erase_before(moment) == 2
        assert {job.job_id for job in jobs.newest()} == {running, waiting, late}
        assert jobs.get(ended[0]) is None

    def test_a_number_is_not_given_again(self, jobs: Jobs, clock: SetClock, reopen: Reopen) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        assert jobs.erase([number]) == 1
        assert reopen().jobs.enqueue("train", {}, run_at=0) > number

    def test_jobs_are_forgotten_by_number_unless_they_run(self, jobs: Jobs, tenant: TenantStore) -> None:
        running = jobs.enqueue("train", {"for": "anna-4f6b9e20c1"}, run_at=0)
        self.take(jobs, 0)
        waiting = jobs.enqueue("train", {"for": "ben-77c2d01e9a40"}, run_at=0, unique="ben-77c2d01e9a40")
        assert jobs.erase([running, waiting, 999]) == 1
        assert [job.job_id for job in jobs.newest()] == [running]
        assert tenant.holds("ben-77c2d01e9a40") == []
        assert jobs.erase([]) == 0

    def test_a_job_that_waits_can_be_cancelled(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0, unique="nightly")
        assert jobs.cancel(number)
        found = jobs.get(number)
        assert found is not None
        assert (found.state, found.result) == ("failed", {"error": "cancelled"})
        assert self.take(jobs, 99) is None
        assert jobs.enqueue("train", {}, run_at=0, unique="nightly") > number

    def test_whoever_runs_a_job_that_is_cancelled_has_lost_it(self, jobs: Jobs) -> None:
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        assert jobs.cancel(number)
        assert not jobs.extend(number, "w", 99)
        assert not jobs.finish(number, "w", {})
        assert not jobs.cancel(number)
        assert not jobs.cancel(number + 1)

    def test_what_json_cannot_hold_is_refused(self, jobs: Jobs) -> None:
        with pytest.raises(DataError, match="payload"):
            jobs.enqueue("train", {"rate": math.nan}, run_at=0)
        number = jobs.enqueue("train", {}, run_at=0)
        self.take(jobs, 0)
        with pytest.raises(DataError, match="result"):
            jobs.finish(number, "w", {"ndcg": math.nan})
