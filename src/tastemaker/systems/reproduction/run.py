"""Running a cell: data, split, comparison, record; broken off it goes on, finished it is passed over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tastemaker.core.errors import AssetError, DataError, TastemakerError
from tastemaker.data import Split, joined, make_split
from tastemaker.data.fewer import some_people
from tastemaker.evaluation import compare
from tastemaker.evaluation.candidates import SAMPLED
from tastemaker.evaluation.intervals import Measured
from tastemaker.evaluation.negatives import apart
from tastemaker.evaluation.resume import RowFolder
from tastemaker.systems.reproduction.attempts import Attempts
from tastemaker.systems.reproduction.bench import Bench, Outcome, dataset_of, no_record, trainings_of, words_hash
from tastemaker.systems.reproduction.check import compare_records
from tastemaker.systems.reproduction.code import code_hash, row_hash, spec_of
from tastemaker.systems.reproduction.differences import differences
from tastemaker.systems.reproduction.documents import Pair
from tastemaker.systems.reproduction.expectations import Beats
from tastemaker.systems.reproduction.machine import machine
from tastemaker.systems.reproduction.records import Record, read_record, write_record
from tastemaker.systems.reproduction.system import Cell, Setting, System, Trial


@dataclass(frozen=True)
class _Ready:
    """A cell whose data are there and cut."""

    split: Split
    choosing: Split | None
    elsewhere: Mapping[tuple[str, ...], Split]
    identities: Mapping[str, str]


def run_cell(system: System, cell: Cell, bench: Bench) -> Outcome[Record]:
    """Run a cell and write its record, unless a record of the same code, data and split is there.

    Rows are kept one by one as they are finished, and trainings after each epoch: a run that is broken off loses no
    more than that.

    Raises:
        StorageError: A record or a row cannot be written.
    """
    try:
        ready = _ready(cell, bench)
    except (DataError, AssetError) as error:
        return Outcome(cell.name, "not run", str(error))
    before = read_record(bench.out, system.name, cell.name)
    if before is not None and not bench.again and _up_to_date(before, cell, ready):
        return Outcome(cell.name, "up to date", record=before)
    record = _measured(system, cell, ready, bench, keep=True)
    return Outcome(cell.name, "measured", record=record, path=write_record(record, bench.out))


def check_cell(system: System, cell: Cell, bench: Bench) -> tuple[list[str], list[str]]:
    """Measure a cell anew and compare it with its record.

    Returns:
        What differs in the numbers, and what else is worth knowing; sentences both.

    Raises:
        DataError: There is no record, or it is damaged, or the data are not there.
    """
    before = read_record(bench.out, system.name, cell.name)
    if before is None:
        raise no_record(system.name, cell.name, bench)
    return compare_records(before, _measured(system, cell, _ready(cell, bench), bench, keep=False))


def _ready(cell: Cell, bench: Bench) -> _Ready:
    setting, run = cell.setting, replace(bench.run, seed=cell.seeds[0])
    dataset = some_people(dataset_of(setting.source, bench, run), setting.people, run)
    if not setting.refit:
        split, choosing = make_split(dataset, setting.protocol, run=run, **setting.knobs), None
    else:
        choosing = make_split(dataset, setting.protocol, run=run, **setting.knobs)
        split = make_split(dataset, setting.protocol, run=run, **{**setting.knobs, "train_on_valid": True})
    where = [words_hash(dataset), split.hash, None if choosing is None else choosing.hash]
    elsewhere: dict[tuple[str, ...], Split] = {}
    identities = {}
    for name, trial in cell.models.items():
        sources, learnt_from = tuple(trial.elsewhere), where
        if sources:
            if sources not in elsewhere:
                others = joined([dataset_of(source, bench, run) for source in sources])
                elsewhere[sources] = make_split(others, setting.protocol, run=run, **setting.knobs)
            learnt_from = [*where, *sources, elsewhere[sources].hash]
        identities[name] = _identity(trial, cell, learnt_from)
    known = {name: word for name, word in identities.items() if word is not None}
    return _Ready(split, choosing, elsewhere, known)


def _identity(trial: Trial, cell: Cell, where: list[str | None]) -> str | None:
    """Return what decides the numbers of a row, in 16 digits; ``None`` if the model cannot be built."""
    try:
        model = trial.build()
    except TastemakerError:
        return None
    setting = cell.setting
    measured: list[Any] = [list(setting.ks), list(cell.seeds), setting.candidates]
    if setting.candidates in SAMPLED:
        measured += [setting.negatives, list(setting.negative_seeds)]
    said = json.dumps([spec_of(model), row_hash(model), where, measured], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _pairs(cell: Cell) -> list[Pair]:
    return [each.pair for each in cell.expectations if isinstance(each, Beats)]


def _up_to_date(record: Record, cell: Cell, ready: _Ready) -> bool:
    """Say whether every row of a record is settled and would come out the same, and nothing is missing."""
    return (
        list(record.rows) == list(cell.models)
        and dict(record.rows) == dict(ready.identities)
        and record.comparison.baseline == cell.baseline
        and set(_pairs(cell)) <= set(record.differences)
    )


class _Rows:
    """The rows of a running cell: what a comparison measures, and what was kept of an earlier run."""

    def __init__(self, folder: RowFolder | None, bench: Bench) -> None:
        self._folder = folder
        self._bench = bench
        self.found: dict[str, Measured] = {}

    def get(self, name: str) -> Measured | None:
        """Return a row that was kept."""
        if self._folder is None or self._bench.again:
            return None
        found = self._folder.get(name)
        if found is not None:
            self.found[name] = found
            self._bench.say(f"{name}: measured before, and kept")
        return found

    def put(self, measured: Measured) -> None:
        """Keep a row."""
        row = measured.row
        self.found[row.model] = measured
        if self._folder is not None:
            self._folder.put(measured)
        self._bench.say(f"{row.model}: {f'{row.seconds:,.1f} s' if row.status == 'ok' else row.reason}")


def _measured(system: System, cell: Cell, ready: _Ready, bench: Bench, *, keep: bool) -> Record:
    code, setting = code_hash(), cell.setting
    folder = RowFolder(bench.work, ready.identities) if keep else None
    rows = _Rows(folder, bench)
    attempts = Attempts(cell.models, bench.rows, ready.choosing, ready.elsewhere)
    comparison = compare(
        attempts,
        ready.split,
        ks=tuple(setting.ks),
        run=replace(bench.run, seed=cell.seeds[0], output=trainings_of(bench, code) if keep else None),
        seeds=tuple(cell.seeds),
        baseline=cell.baseline,
        candidates=setting.candidates,
        negatives=setting.negatives,
        negative_seeds=setting.negative_seeds,
        resume=rows,
        announce=lambda known: bench.say(known.sentence()),
        examples=0,  # a record is published, and what people did is not ours to publish
    )
    comparison = replace(comparison, knobs={**comparison.knobs, **_refit(setting)})
    return Record(
        system=system.name,
        cell=cell.name,
        comparison=comparison,
        code=code,
        rows={name: word for name, word in ready.identities.items() if name not in attempts.unsettled},
        differences=differences(_pairs(cell), rows.found, _questions(ready.split, setting), setting.ks, cell.seeds[0]),
        machine=machine(comparison),
    )


def _questions(split: Split, setting: Setting) -> Split:
    """Return the split as it is asked: each target for itself where it is ranked among a sample."""
    return replace(split, test=apart(split.test)) if setting.candidates in SAMPLED else split


def _refit(setting: Setting) -> dict[str, Any]:
    if not setting.refit:
        return {}
    return {"selection": "on validation only, then fitted anew on training and validation; the test part was used once"}
