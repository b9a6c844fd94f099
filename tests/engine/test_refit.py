"""A model is fitted in a process of its own; whatever becomes of that, the store and its live model are whole."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine.memory import MemoryTenant

from tastemaker.core.clock import system_clock
from tastemaker.core.run import Run
from tastemaker.engine.erasure import ERASURES, erase_person
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.intake import take_in
from tastemaker.engine.refit import Plan, Refit
from tastemaker.engine.registry import Registry
from tastemaker.engine.worker import Interrupted, JobError, Worker
from tastemaker.models import SequentialRules
from tastemaker.store.ports import Artefact, Job, NewEvent, Row
from tastemaker.testing import small_shop

NEVER = threading.Event()

# What a process does that stands for the one that fits; the folder is its last argument.
HEAD = "import json, os, shutil, signal, sys\nfolder = sys.argv[-1]\n"
FITS = (
    HEAD
    + """shutil.copytree(sys.argv[1], folder + '/model')
json.dump({'seconds': 1}, open(folder + '/facts.json', 'w'))
"""
)


@pytest.fixture
def filled(store: MemoryTenant) -> MemoryTenant:
    take_in(small_shop(), store, Run())
    return store


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    SequentialRules().fit(small_shop()).save(folder)
    return folder


def refit(store: MemoryTenant, work: Path, script: str, *words: object, **plan: Any) -> Refit:
    command = (sys.executable, "-S", "-c", script, *map(str, words))
    return Refit(store, Plan(work, **{"model": "popularity", "threads": 1, **plan}), command=command)


def job(store: MemoryTenant, **payload: Any) -> Job:
    number = store.jobs.enqueue("train", payload, run_at=0)
    found = store.jobs.lease(["train"], "test", now=0, until=2**60)
    assert found is not None
    assert found.job_id == number
    return found


def failed(doing: Refit, what: Job) -> JobError:
    with pytest.raises(JobError) as caught:
        doing(what, NEVER)
    return caught.value


# -- what is left in the store ------------------------------------------------------------------------------------


def test_a_model_is_fitted_registered_and_made_live(filled: MemoryTenant, tmp_path: Path) -> None:
    plan = Plan(tmp_path / "work", model="popularity", threads=1)
    result = Refit(filled, plan)(job(filled), NEVER)
    live = Registry(filled).live()
    assert live is not None
    assert result["artefact_id"] == live.artefact_id
    assert result["promoted"] is True
    assert result["verdict"]["faults"] == []
    assert {name: live.facts[name] for name in ("model", "events", "people", "items", "last_offset", "until")} == {
        "model": "popularity",
        "events": 480,
        "people": 40,
        "items": 33,
        "last_offset": 480,
        "until": None,
    }
    assert live.facts["validation"]["protocol"] == "global-time"
    assert 0 <= live.facts["validation"]["ndcg@10"] <= 1
    assert 0 <= live.facts["validation"]["ndcg@10 of sequential-rules"] <= 1
    assert list((tmp_path / "work").iterdir()) == []
    assert FrozenQueries.open(filled) is not None


def test_a_payload_may_keep_a_model_from_going_live(filled: MemoryTenant, tmp_path: Path, model: Path) -> None:
    result = refit(filled, tmp_path, FITS, model)(job(filled, promote=False), NEVER)
    assert result["promoted"] is False
    assert "verdict" not in result
    assert Registry(filled).live() is None
    assert len(Registry(filled).models()) == 1


def test_a_refused_model_is_a_job_done(
    filled: MemoryTenant, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("tastemaker.engine.trial.load_model", broken)
    result = refit(filled, tmp_path, FITS, model)(job(filled), NEVER)
    assert result["promoted"] is False
    assert result["verdict"]["faults"] == ["It cannot answer: RuntimeError: no."]


def test_the_process_gets_the_plan_the_data_and_its_own_threads(
    filled: MemoryTenant, tmp_path: Path, model: Path
) -> None:
    look = FITS + "told = [sorted(os.listdir(folder + '/data')), dict(os.environ), os.getpgrp() == os.getpid()]\n"
    look += "json.dump(told, open(sys.argv[2], 'w'))\n"
    seen, until = tmp_path / "seen.json", 1_706_000_000_000_000
    doing = refit(filled, tmp_path / "work", look, model, seen, threads=3, tables={"popularity": {}}, minutes=2.0)
    kept: list[dict[str, Any]] = []
    fit = doing._fit

    def spy(folder: Path, leave_off: threading.Event) -> None:
        kept.append(json.loads((folder / "plan.json").read_text()))
        fit(folder, leave_off)

    doing._fit = spy  # type: ignore[method-assign]
    result = doing(job(filled, until=until, model="bias"), NEVER)
    files, environment, alone = json.loads(seen.read_text())
    assert files == ["dataset.toml", "interactions.parquet", "items.parquet", "users.parquet"]
    assert {environment[name] for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "TASTEMAKER_THREADS")} == {"3"}
    assert alone or sys.platform == "win32"
    assert kept == [
        {
            "last_offset": 480,
            "erasures": None,
            "model": "bias",
            "tables": {"popularity": {}},
            "protocol": "global-time",
            "knobs": {},
            "minutes": 2.0,
            "seed": 0,
            "threads": 3,
        }
    ]
    assert Registry(filled).find(result["artefact_id"]).facts["until"] == until


def test_a_log_without_times_is_cut_by_order(store: MemoryTenant, tmp_path: Path, model: Path) -> None:
    store.events.append(
        [
            NewEvent(
                event_id=f"{user}{step}",
                user_id=user,
                item_id=f"i{step:03}",
                event="view",
                timestamp=step,
                context={"untimed": True},
            )
            for user in "abc"
            for step in range(5)
        ]
    )
    look = FITS + "shutil.copy(folder + '/plan.json', sys.argv[2])\n"
    refit(store, tmp_path / "work", look, model, tmp_path / "plan.json", knobs={"valid": 0.2})(job(store), NEVER)
    told = json.loads((tmp_path / "plan.json").read_text())
    assert (told["protocol"], told["knobs"]) == ("leave-one-out", {})


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_crash_is_told_with_the_last_lines_and_tried_again(filled: MemoryTenant, tmp_path: Path) -> None:
    script = HEAD + "sys.stderr.write('line\\n' * 50 + 'out of luck\\n'); sys.exit(1)"
    error = failed(refit(filled, tmp_path, script), job(filled))
    assert error.again
    assert error.message.startswith("the process that fits ended with code 1:\nline\n")
    assert error.message.endswith("\nline\nout of luck")
    assert len(error.message.splitlines()) == 21


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_that_is_killed_is_tried_again(filled: MemoryTenant, tmp_path: Path) -> None:
    error = failed(refit(filled, tmp_path, HEAD + "os.kill(os.getpid(), signal.SIGKILL)"), job(filled))
    assert error.again
    assert "was ended by signal 9" in error.message
    assert error.remedy == "It may have run out of memory."


@pytest.mark.parametrize("code", [3, 4, 6, 8])
def test_an_error_of_ours_is_not_tried_again(filled: MemoryTenant, tmp_path: Path, code: int) -> None:
    script = HEAD + f"sys.stderr.write('noise\\nthere is no model. Name another.\\n'); sys.exit({code})"
    error = failed(refit(filled, tmp_path, script), job(filled))
    assert (error.message, error.again) == ("there is no model. Name another.", False)
    assert not (tmp_path / "job-1").exists()


def test_a_process_that_leaves_nothing_has_failed(filled: MemoryTenant, tmp_path: Path) -> None:
    assert failed(refit(filled, tmp_path, HEAD), job(filled)).again


def test_a_fit_without_end_is_ended(filled: MemoryTenant, tmp_path: Path) -> None:
    error = failed(refit(filled, tmp_path, HEAD + "sys.stdin.read()", limit=0.0), job(filled))
    assert not error.again
    assert error.message == "the fit took longer than 0 minutes"


def test_an_empty_store_is_not_tried_again(store: MemoryTenant, tmp_path: Path) -> None:
    number = store.jobs.enqueue("train", {}, run_at=0)
    Worker(store, {"train": refit(store, tmp_path, HEAD)}, "w").run_once()
    done = store.jobs.get(number)
    assert done is not None
    assert done.state == "failed"
    assert "no events to train on" in str(done.result)
    assert list(tmp_path.glob("job-*")) == []


def test_an_unknown_wish_is_refused(filled: MemoryTenant, tmp_path: Path) -> None:
    error = failed(refit(filled, tmp_path, HEAD), job(filled, modle="ease"))
    assert (error.message, error.again) == ("a job 'train' knows no 'modle'", False)


def test_a_moment_is_a_number(filled: MemoryTenant, tmp_path: Path) -> None:
    error = failed(refit(filled, tmp_path, HEAD), job(filled, until="yesterday"))
    assert (error.message, error.again) == ("'until' is 'yesterday'", False)


# -- interruptions ------------------------------------------------------------------------------------------------


class Later(threading.Event):
    """Is set once it was asked so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def is_set(self) -> bool:
        self.times -= 1
        return self.times < 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_stops_ends_the_process(
    filled: MemoryTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen

    def seen(*given: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(begin(*given, **more))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", seen)
    script = HEAD + "os.makedirs(folder + '/training')\nwhile True: signal.pause()"
    with pytest.raises(Interrupted):
        refit(filled, tmp_path, script)(job(filled), Later(5))
    assert started[0].poll() is not None
    assert not (tmp_path / "job-1" / "data").exists()


def test_the_next_attempt_goes_on_from_the_same_place_of_the_log(
    filled: MemoryTenant, tmp_path: Path, model: Path
) -> None:
    begin = HEAD + "os.makedirs(folder + '/training'); open(folder + '/training/epoch', 'w').write('7'); sys.exit(1)"
    own = job(filled)
    failed(refit(filled, tmp_path, begin), own)
    assert sorted(path.name for path in (tmp_path / "job-1").iterdir()) == ["plan.json", "stderr.txt", "training"]
    filled.events.append([NewEvent(event_id="new", user_id="u001", item_id="i001", event="view", timestamp=1)])
    go_on = FITS + "assert open(folder + '/training/epoch').read() == '7'"
    result = refit(filled, tmp_path, go_on, model)(own, NEVER)
    assert result["last_offset"] == 480
    assert not (tmp_path / "job-1").exists()


def test_what_nobody_takes_over_is_removed(filled: MemoryTenant, tmp_path: Path, model: Path) -> None:
    waiting = filled.jobs.enqueue("train", {}, run_at=2**50)
    work = tmp_path / "work"
    for name in ("job-99", f"job-{waiting}", "job-odd", "other"):
        (work / name / "data").mkdir(parents=True)
    refit(filled, work, FITS, model)(job(filled), NEVER)
    assert sorted(path.name for path in work.iterdir()) == [f"job-{waiting}", "other"]


def test_a_model_of_somebody_who_was_erased_meanwhile_is_thrown_away(
    filled: MemoryTenant, tmp_path: Path, model: Path
) -> None:
    doing = refit(filled, tmp_path, FITS, model)
    fit = doing._fit

    def meanwhile(folder: Path, leave_off: threading.Event) -> None:
        fit(folder, leave_off)
        filled.notes.put(ERASURES, 2)

    doing._fit = meanwhile  # type: ignore[method-assign]
    own = job(filled)
    error = failed(doing, own)
    assert error.again
    assert "somebody was erased" in error.message
    assert Registry(filled).models() == []
    assert list(tmp_path.glob("job-*")) == []
    doing._fit = fit  # type: ignore[method-assign]
    assert doing(own, NEVER)["promoted"] is True


def test_a_model_that_is_registered_while_somebody_is_erased_is_not_kept(
    filled: MemoryTenant, tmp_path: Path, model: Path
) -> None:
    doing = refit(filled, tmp_path, FITS, model)
    put = filled.folders.put
    receipts: list[Mapping[str, Any]] = []

    def erased_meanwhile(kind: str, folder: Path, facts: Row) -> Artefact:
        receipts.append(erase_person(filled, "u001", now=system_clock()))
        return put(kind, folder, facts)

    filled.folders.put = erased_meanwhile  # type: ignore[method-assign]
    own = job(filled)
    error = failed(doing, own)
    assert (error.again, receipts[0]["models"]) == (True, [])
    assert Registry(filled).models() == []
    filled.folders.put = put  # type: ignore[method-assign]
    assert doing(own, NEVER)["events"] == 480
    assert Registry(filled).stale() == {}


def test_what_an_attempt_learnt_of_somebody_who_was_erased_since_is_not_gone_on_with(
    filled: MemoryTenant, tmp_path: Path, model: Path
) -> None:
    mark = "os.makedirs(folder + '/training', exist_ok=True)\nopen(folder + '/training/checkpoint', 'a')\n"
    crash = HEAD + mark + "sys.exit(1)\n"
    own = job(filled)
    assert failed(refit(filled, tmp_path, crash), own).again
    assert (tmp_path / f"job-{own.job_id}" / "training" / "checkpoint").exists()
    erase_person(filled, "u001", now=system_clock())
    look = FITS + "json.dump({'seconds': 1, 'went on': os.path.exists(folder + '/training')}, "
    result = refit(filled, tmp_path, look + "open(folder + '/facts.json', 'w'))\n", model)(own, NEVER)
    assert Registry(filled).find(result["artefact_id"]).facts["went on"] is False


def test_a_worker_tries_a_crashed_fit_again(filled: MemoryTenant, tmp_path: Path, model: Path) -> None:
    once = HEAD + "mark = sys.argv[2]\nif not os.path.exists(mark):\n    open(mark, 'w')\n    sys.exit(1)\n" + FITS
    now = [system_clock()]
    number = filled.jobs.enqueue("train", {}, run_at=0)
    doing = refit(filled, tmp_path / "work", once, model, tmp_path / "mark")
    worker = Worker(filled, {"train": doing}, "w", clock=lambda: now[0])
    first = worker.run_once()
    assert first is not None
    assert first.state == "waiting"
    now[0] += timedelta(hours=1)
    second = worker.run_once()
    assert second is not None
    assert (second.job_id, second.state, second.attempts) == (number, "done", 2)


def test_a_saved_model_is_what_the_process_left(filled: MemoryTenant, tmp_path: Path, model: Path) -> None:
    result = refit(filled, tmp_path, FITS, model)(job(filled), NEVER)
    folder = filled.artefacts.open(result["artefact_id"])
    assert SequentialRules.load(folder).recommend(history=["i001"]).items()
    assert (folder / "config.json").read_bytes() == (model / "config.json").read_bytes()
