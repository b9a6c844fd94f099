"""Where experiments are run and what became of them; the data at hand, and where trainings are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, load_dataset
from tastemaker.data.assets import cache_folder
from tastemaker.data.folder import read_folder
from tastemaker.data.sources.registry import SOURCES

R = TypeVar("R", covariant=True)


@dataclass(frozen=True)
class Bench:
    """Where cells are run, and how.

    Attributes:
        out: Folder of the results.
        data: Folder that holds data sets under the names of their sources; ``None`` looks where a source always does.
        work: Folder in which finished rows are kept, and trainings epoch by epoch; cells, also of other systems, that
            have a row or a training in common share it.
        run: Progress.
        again: Measure anew what is there already.
        rows: Names of the rows to run; ``None`` runs all.
        say: Is told what a reader should know while a cell runs.
    """

    out: Path
    data: Path | None = None
    work: Path = field(default_factory=lambda: cache_folder() / "reproductions")
    run: Run = field(default_factory=Run)
    again: bool = False
    rows: frozenset[str] | None = None
    say: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of an experiment.

    Attributes:
        cell: Its name.
        status: ``measured``; ``up to date``, where the same code measured the same before; or ``not run``.
        reason: Why it was not run.
        record: What was measured, now or before.
        path: Where the record lies.
    """

    cell: str
    status: Literal["measured", "up to date", "not run"]
    reason: str = ""
    record: R | None = None
    path: Path | None = None


def dataset_of(name: str, bench: Bench, run: Run) -> Dataset:
    """Load a source by name, or what lies under that name among the data at hand, in Tastemaker's layout.

    Raises:
        AssetError: It cannot be fetched.
        DataError: There is no such source, or what it has is damaged.
    """
    source = SOURCES.get(name)
    folder = None
    if bench.data is not None:
        names = (name,) if source is None else source.folders
        folder = next((bench.data / each for each in names if (bench.data / each).is_dir()), None)
    with run.track(f"Loading {name}"):
        if source is None and folder is not None:
            return read_folder(folder)
        return load_dataset(name, folder, run=run, notify=bench.say)


def words_hash(dataset: Dataset) -> str:
    """Return the sha256 of all that models may read beside the events, which the split's hash covers."""
    digest = hashlib.sha256()
    for table in (dataset.catalogue, dataset.users, dataset.relations):
        digest.update(b"-" if table is None else table.frame.write_ndjson().encode())
    return digest.hexdigest()


def trainings_of(bench: Bench, code: str) -> Path | None:
    """Return where trainings of this code are kept; nowhere where all is to be measured anew."""
    return None if bench.again else bench.work / "trainings" / code[:16]


def no_record(system: str, cell: str, bench: Bench) -> DataError:
    """Return what to say where an experiment has no record to be checked."""
    return DataError(
        f"cell '{cell}' of {system} has no record to check",
        where=str(bench.out),
        remedy=f"Run it first: tastemaker reproduce {system} --cell {cell}",
    )
