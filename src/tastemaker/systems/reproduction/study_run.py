"""Running a study: data, rows one by one, record; broken off it goes on, finished it is passed over."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import AssetError, DataError, MissingExtraError, TastemakerError
from tastemaker.evaluation import memory
from tastemaker.evaluation.comparison import environment
from tastemaker.systems.reproduction.bench import Bench, Outcome, no_record, trainings_of
from tastemaker.systems.reproduction.check import compare_study_records
from tastemaker.systems.reproduction.clock import Clock, Watched
from tastemaker.systems.reproduction.code import code_hash, files_hash, modules_of, spec_of
from tastemaker.systems.reproduction.documents import Pair
from tastemaker.systems.reproduction.expectations import Beats
from tastemaker.systems.reproduction.machine import machine_with
from tastemaker.systems.reproduction.reading import Ground
from tastemaker.systems.reproduction.readings import Taken, keep, kept
from tastemaker.systems.reproduction.study import Study, Subject
from tastemaker.systems.reproduction.study_means import Means, checked
from tastemaker.systems.reproduction.study_record import (
    StudyRecord,
    StudyRow,
    read_study_record,
    write_study_record,
)

_MEASURING: Final = "tastemaker.evaluation.unit_means"
"""What turns values into the numbers of a row."""

_LEFT_OUT: Final = "it was left out of this run. Run the study again without --row"


def run_study(system: str, study: Study[Any], bench: Bench) -> Outcome[StudyRecord]:
    """Run a study and write its record, unless a record of the same code and data is there.

    Args:
        system: Name of the system that it belongs to.
        study: What is measured.
        bench: Where, and how.

    Raises:
        StorageError: A record or a reading cannot be written.
        DataError: A row gave values that are not those of the study's measures and units.
    """
    try:
        ready = _ready(study, bench)
    except (DataError, AssetError, MissingExtraError) as error:
        return Outcome(study.name, "not run", str(error))
    before = read_study_record(bench.out, system, study.name)
    if before is not None and not bench.again and _up_to_date(before, study, ready):
        return Outcome(study.name, "up to date", record=before)
    record = _measured(system, study, ready, bench, bench.work)
    return Outcome(study.name, "measured", record=record, path=write_study_record(record, bench.out))


def measure_study(system: str, study: Study[Any], bench: Bench) -> StudyRecord:
    """Run a study whose record is nobody's: its rows are kept, and nothing is written beside the records.

    Raises:
        DataError: The data are not there, or a row gave values that are not those of the study.
        AssetError: They cannot be fetched.
    """
    return _measured(system, study, _ready(study, bench), bench, bench.work)


def check_study(system: str, study: Study[Any], bench: Bench) -> tuple[list[str], list[str]]:
    """Measure a study anew and compare it with its record.

    Returns:
        What differs in the numbers, and what else is worth knowing; sentences both.

    Raises:
        DataError: There is no record, or it is damaged, or the data are not there.
    """
    before = read_study_record(bench.out, system, study.name)
    if before is None:
        raise no_record(system, study.name, bench)
    return compare_study_records(before, _measured(system, study, _ready(study, bench), bench, None))


@dataclass(frozen=True)
class _Ready:
    """A study whose data are there; the words say what decides the numbers of each row, for each seed."""

    ground: Ground[Any]
    words: Mapping[str, list[str]]

    def of_rows(self, study: Study[Any]) -> dict[str, str]:
        """Return the same in a word a row, with what makes numbers of values."""
        measured = [[measure.name, measure.lower, measure.rooted] for measure in study.measures]
        return {name: _word([words, measured, study.baseline]) for name, words in self.words.items()}


def _ready(study: Study[Any], bench: Bench) -> _Ready:
    run = replace(bench.run, seed=study.seeds[0])
    with run.limited():
        ground = study.prepare(bench, run)
    return _Ready(ground, {name: _identities(study, subject, ground) for name, subject in study.rows.items()})


def _identities(study: Study[Any], subject: Subject[Any], ground: Ground[Any]) -> list[str]:
    """Return what decides the values of a row, in a word for each seed."""
    code = files_hash({_MEASURING, *modules_of([subject.take, study.prepare])})
    said = [spec_of(subject.take), spec_of(study.prepare), code, ground.digest, ground.units]
    return [_word([*said, seed]) for seed in study.seeds]


def _word(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _pairs(study: Study[Any]) -> list[Pair]:
    return [each.pair for each in study.expectations if isinstance(each, Beats)]


def _up_to_date(record: StudyRecord, study: Study[Any], ready: _Ready) -> bool:
    """Say whether every row of a record is settled and would come out the same, and nothing is missing."""
    wanted = {pair for pair in _pairs(study) if record.row(pair.model) and record.row(pair.other)}
    return (
        [row.name for row in record.rows] == study.names
        and dict(record.words) == ready.of_rows(study)
        and record.baseline == study.baseline
        and list(record.measures) == list(study.measures)
        and wanted <= set(record.differences)
    )


@dataclass
class _Rows:
    """The rows of a running study."""

    taken: dict[str, list[Taken]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)


def _measured(system: str, study: Study[Any], ready: _Ready, bench: Bench, work: Path | None) -> StudyRecord:
    code, rows = code_hash(), _Rows()
    run = replace(bench.run, output=None if work is None else trainings_of(bench, code))
    here = replace(bench, run=run)
    with run.limited(), run.track(study.name, len(study.rows)) as advance:
        for name in study.rows:
            _take(name, study, ready, here, work, rows)
            advance(1)
    means = Means(study.measures, ready.ground, rows.taken, study.seeds[0])
    ground = ready.ground
    return StudyRecord(
        system=system,
        cell=study.name,
        measures=study.measures,
        units=study.units,
        drawn=study.drawn,
        baseline=study.baseline,
        seeds=study.seeds,
        cut=ground.cut,
        counts=ground.counts,
        notes=ground.notes,
        data=ground.data,
        digest=ground.digest,
        code=code,
        words={name: word for name, word in ready.of_rows(study).items() if name not in rows.unsettled},
        rows=[
            means.row(name, study.baseline) if name in rows.taken else StudyRow(name=name, reason=rows.reasons[name])
            for name in study.rows
        ],
        differences=means.differences(_pairs(study)),
        machine=machine_with(run.threads, environment()),
        environment=environment(),
    )


def _take(name: str, study: Study[Any], ready: _Ready, bench: Bench, work: Path | None, rows: _Rows) -> None:
    """Take a row with every seed, or say why it was not run; what was kept is not taken again."""
    subject, found = study.rows[name], []
    for seed, word in zip(study.seeds, ready.words[name], strict=True):
        path = None if work is None else work / f"{word}.reading.safetensors"
        before = None if path is None or bench.again else kept(path)
        if before is not None:
            found.append(before)
            continue
        if bench.rows is not None and name not in bench.rows:
            rows.reasons[name] = _LEFT_OUT
            rows.unsettled.add(name)
            return
        try:
            taken = _taken(subject, study, ready.ground, bench, seed)
        except TastemakerError as error:
            rows.reasons[name] = str(error).rstrip(".")
            if isinstance(error, MissingExtraError | AssetError):
                rows.unsettled.add(name)
            bench.say(f"{name}: {rows.reasons[name]}")
            return
        checked(taken.reading, study.measures, ready.ground.units, name)
        if path is not None:
            keep(taken, path)
        bench.say(f"{name}: {taken.seconds:,.1f} s")
        found.append(taken)
    rows.taken[name] = found


def _taken(subject: Subject[Any], study: Study[Any], ground: Ground[Any], bench: Bench, seed: int) -> Taken:
    run = replace(bench.run, seed=seed, progress=Watched(bench.run.progress, Clock(subject.minutes)))
    memory.reset_peak()
    started = time.perf_counter()
    reading = subject.take(ground.holds, run)
    return Taken(reading, time.perf_counter() - started, memory.peak_mb())
