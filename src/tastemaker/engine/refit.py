"""The job `train`: everything in the log, a model fitted in a process of its own, registered, tested, made live."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import TastemakerError
from tastemaker.core.run import THREADS, Run, default_threads
from tastemaker.data.folder import write_folder
from tastemaker.engine.erasure import ERASURES
from tastemaker.engine.fitting import DATA, FACTS, MODEL, PLAN
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.registry import TOLERANCE, Registry
from tastemaker.engine.training_data import dataset_of
from tastemaker.engine.worker import Interrupted, JobError, worth_another
from tastemaker.store.ports import Artefact, Job, Json, Row, TenantStore

TRAIN: Final = "train"
"""The kind of job; its payload may say ``model``, ``until`` (microseconds since the epoch) and ``promote``."""

LIMIT: Final = 6 * 3_600.0
"""Seconds that a fit may take in all."""

_POLL: Final = 0.1
_GRACE: Final = 5.0
_LINES: Final = 20
_LOG: Final = "stderr.txt"
_PAYLOAD: Final = {"model", "until", "promote"}
# Our errors that stay as they are however often it is tried: settings, data, model, extra.
_STAYS: Final = (3, 4, 6, 8)
_ONE_THREAD_EACH: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True)
class Plan:
    """How models are fitted.

    Attributes:
        work: Folder for what is under way; what a job leaves there is removed when it ends.
        model: The model's name.
        tables: Hyper-parameters, a table for each model.
        protocol: How data are cut for choosing settings.
        knobs: Those of the protocol.
        weights: Kind of event -> how much it counts.
        minutes: What choosing may take; ``None`` for no limit.
        seed: The same seed gives the same model.
        threads: Of the process that fits.
        promote: Whether a model that passes the test becomes live.
        tolerance: See `Registry.promote`.
        limit: See `LIMIT`.
    """

    work: Path
    model: str = "hybrid"
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    protocol: str = "global-time"
    knobs: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    minutes: float | None = None
    seed: int = 0
    threads: int = field(default_factory=default_threads)
    promote: bool = True
    tolerance: float = TOLERANCE
    limit: float = LIMIT


class Refit:
    """Does jobs of the kind `TRAIN`; a `tastemaker.engine.worker.Handler`.

    The fit runs in a process group of its own, at low priority and with its own threads, so that answers do not wait
    for it and a crash takes nobody along. A network's checkpoints outlive an attempt: the next reads the log up to the
    same place and goes on. The data that the process reads are removed with every attempt. If somebody is erased from
    the log meanwhile, the model is thrown away and fitted anew.

    Args:
        store: Whose events.
        plan: How.
        run: Progress.
        command: What starts the process; the job's folder is added.
    """

    def __init__(
        self,
        store: TenantStore,
        plan: Plan,
        run: Run | None = None,
        command: Sequence[str] = (sys.executable, "-m", "tastemaker.engine.fitting"),
    ) -> None:
        self._store, self._plan, self._run = store, plan, run or Run()
        self._command = tuple(command)

    def __call__(self, job: Job, leave_off: threading.Event) -> Row:
        """Fit, register and promote; return the model's id, its figures, and the verdict.

        Raises:
            JobError: It failed; says whether it may be tried again.
            Interrupted: It was told to leave off.
        """
        _check(job.payload)
        folder = self._plan.work / f"job-{job.job_id}"
        try:
            try:
                result = self._attempt(job, folder, leave_off)
            finally:
                shutil.rmtree(folder / DATA, ignore_errors=True)
        except TastemakerError as error:
            if not worth_another(error):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return result

    def _attempt(self, job: Job, folder: Path, leave_off: threading.Event) -> Row:
        self._sweep(folder)
        erasures = self._store.notes.get(ERASURES)
        if _last_plan(folder).get("erasures", erasures) != erasures:
            # What the earlier attempt learnt is of somebody who is gone.
            shutil.rmtree(folder, ignore_errors=True)
        facts = self._prepare(job, folder, erasures)
        _go_on(leave_off)
        self._fit(folder, leave_off)
        self._need_same(erasures, folder)
        facts |= json.loads((folder / FACTS).read_text(encoding="utf-8"))
        artefact = self._registered(folder, facts, erasures)
        # What is left takes seconds, and to leave off here would be to fit again.
        return self._result(job, artefact)

    def _need_same(self, erasures: Json, folder: Path) -> None:
        if self._store.notes.get(ERASURES) != erasures:
            shutil.rmtree(folder, ignore_errors=True)
            raise JobError("somebody was erased while the model was fitted, so that it is fitted anew", again=True)

    def _registered(self, folder: Path, facts: Mapping[str, Json], erasures: Json) -> Artefact:
        registry = Registry(self._store)
        before = {each.artefact_id for each in registry.models()}
        artefact = registry.register(folder / MODEL, facts)
        try:
            # Asked once more when the model is there: an erasure that ends after this finds it and lists it.
            self._need_same(erasures, folder)
        except JobError:
            if artefact.artefact_id not in before:
                self._store.artefacts.delete(artefact.artefact_id)
            raise
        return artefact

    def _sweep(self, own: Path) -> None:
        """Remove what jobs left behind whose worker died and that nobody will take over."""
        for folder in self._plan.work.glob("job-*"):
            number = folder.name.removeprefix("job-")
            left = self._store.jobs.get(int(number)) if number.isdigit() else None
            if folder != own and (left is None or left.state in ("done", "failed")):
                shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self, job: Job, folder: Path, erasures: Json) -> dict[str, Json]:
        """Write the data and the plan; return what is known of the model by now."""
        plan, until = self._plan, job.payload.get("until")
        name = str(job.payload.get("model") or plan.model)
        offset = _last_plan(folder).get("last_offset") or self._store.events.last_offset()
        dataset = dataset_of(
            self._store, self._store.tenant.name, weights=plan.weights, until=until, last_offset=offset, run=self._run
        )
        told = {
            "last_offset": offset,
            "erasures": erasures,
            "model": name,
            "tables": {each: dict(table) for each, table in plan.tables.items()},
            "protocol": plan.protocol if dataset.interactions.has_times else "leave-one-out",
            "knobs": dict(plan.knobs) if dataset.interactions.has_times else {},
            "minutes": plan.minutes,
            "seed": plan.seed,
            "threads": plan.threads,
        }
        for made in (MODEL, FACTS, _LOG):
            _remove(folder / made)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / PLAN).write_text(json.dumps(told), encoding="utf-8")
        write_folder(dataset, folder / DATA)
        return {"last_offset": offset, "until": until, "job": job.job_id, "seed": plan.seed}

    def _fit(self, folder: Path, leave_off: threading.Event) -> None:
        threads = str(self._plan.threads)
        surroundings = {**os.environ, THREADS: threads, **dict.fromkeys(_ONE_THREAD_EACH, threads)}
        with (folder / _LOG).open("wb") as log:
            process = subprocess.Popen(
                [*self._command, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=surroundings,
                start_new_session=True,
            )
        try:
            code = _ended(process, leave_off, self._plan.limit)
        finally:
            _kill(process)
        if code != 0 or not (folder / FACTS).is_file():
            raise _crash(code, folder / _LOG)

    def _result(self, job: Job, artefact: Artefact) -> Row:
        told = {name: artefact.facts.get(name) for name in ("model", "validation", "seconds", "events", "last_offset")}
        result: dict[str, Json] = {"artefact_id": artefact.artefact_id, **told, "promoted": False}
        if not job.payload.get("promote", self._plan.promote):
            return result
        queries = FrozenQueries.open(self._store) or FrozenQueries.freeze(self._store, weights=self._plan.weights)
        verdict = Registry(self._store).promote(artefact.artefact_id, queries=queries, tolerance=self._plan.tolerance)
        return {**result, "promoted": verdict.promoted, "verdict": verdict.to_dict()}


def _check(payload: Row) -> None:
    if unknown := sorted(payload.keys() - _PAYLOAD):
        known = ", ".join(sorted(_PAYLOAD))
        raise JobError(f"a job 'train' knows no '{unknown[0]}'", again=False, remedy=f"Known: {known}")
    until = payload.get("until")
    if until is not None and not isinstance(until, int):
        raise JobError(f"'until' is {until!r}", again=False, remedy="Give microseconds since 1970-01-01 UTC.")


def _last_plan(folder: Path) -> Mapping[str, Json]:
    """Return the plan of an earlier attempt: up to which place of the log it read, among others; empty for none."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _go_on(leave_off: threading.Event) -> None:
    if leave_off.is_set():
        raise Interrupted


def _ended(process: subprocess.Popen[bytes], leave_off: threading.Event, limit: float) -> int:
    """Wait for a process and return its exit code.

    Raises:
        Interrupted: The work is to end.
        JobError: It took too long.
    """
    last = time.monotonic() + limit
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL)
        _go_on(leave_off)
        if time.monotonic() > last:
            raise JobError(
                f"the fit took longer than {limit / 60:g} minutes",
                again=False,
                remedy="Give choosing a limit ([train] minutes), or name a quicker model.",
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    if process.poll() is None:
        _signal(process, hard=False)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _signal(process, hard=True)
            process.wait()


def _signal(process: subprocess.Popen[bytes], *, hard: bool) -> None:
    if sys.platform == "win32":
        process.kill() if hard else process.terminate()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)


def _crash(code: int, log: Path) -> JobError:
    """Return the error for a process that failed, with the last lines that it wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LINES:]
    if code in _STAYS and lines:
        return JobError(lines[-1], again=False)
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    advice = "It may have run out of memory." if code == -9 else None
    return JobError("\n".join([f"the process that fits {how}:", *lines]), again=True, remedy=advice)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
