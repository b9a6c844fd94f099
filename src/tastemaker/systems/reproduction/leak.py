"""A leak that is shown: what it consists of, what each row gave, and the record of that as one JSON file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.data.split import Split
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.entries import Entry, read_entry
from tastemaker.evaluation.ranking import Scorer
from tastemaker.evaluation.rows import all_bounds, all_bounds_json, plain
from tastemaker.systems.reproduction.documents import need_format, record_path, write_document

if TYPE_CHECKING:
    from tastemaker.systems.reproduction.experiment import Budget
    from tastemaker.systems.reproduction.system import Setting

FORMAT: Final = 1
LEAK: Final = "leak"
"""What the record is called among those of a system's cells."""


@dataclass(frozen=True)
class Contestant:
    """One row before it is measured; what ranks is made when its turn comes.

    Attributes:
        name: What it is called on the command line.
        vectors: What ranks, in a few words.
        build: Returns what scores questions over all items, and the raw ids of these, object ``[n]``.
        graph: Which pairs its graph is made of, in a few words; nothing where it has no graph.
        inside: Share of the test's answers whose pair is an edge of the graph; NaN where it has none.
        budget: ``full`` for a row that takes longer than minutes.
    """

    name: str
    vectors: str
    build: Callable[[], tuple[Scorer, NDArray[np.object_]]]
    graph: str = ""
    inside: float = float("nan")
    budget: Budget = "quick"


@dataclass(frozen=True)
class LeakRow:
    """What one row gave.

    Attributes:
        name: What it is called on the command line.
        vectors: What ranks.
        graph: Which pairs its graph is made of.
        inside: Share of the test's answers whose pair is an edge of the graph.
        metrics: ``name@k`` -> mean over draws and people, with its interval; nothing where the row was not run.
        reason: Why it was not run.
        seconds: Wall time of making and ranking.
        code: sha256 of Tastemaker's source.
        ranks: sha256 of the answers' ranks.
    """

    name: str
    vectors: str
    graph: str = ""
    inside: float = float("nan")
    metrics: Mapping[str, Interval] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    code: str = ""
    ranks: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        own = {each.name: plain(getattr(self, each.name)) for each in fields(self)}
        return {**own, "metrics": all_bounds_json(self.metrics)}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            name=entry["name"].text(),
            vectors=entry["vectors"].text(),
            graph=entry["graph"].text(),
            inside=entry["inside"].number(),
            metrics=all_bounds(entry["metrics"]),
            reason=entry["reason"].text(),
            seconds=entry["seconds"].number(),
            code=entry["code"].text(),
            ranks=entry["ranks"].text(),
        )


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A leak of a published evaluation, to be shown on any data.

    Attributes:
        about: What leaks, and how that is shown; a sentence or more.
        quick: What it is shown on in a minute; answers are ranked among a sample.
        full: The same, on data of a published table.
        contestants: Returns the rows with and without the leak, each made when it is measured.
        says: Says in a sentence what the rows show, by their names; nothing where they do not suffice.
    """

    about: str
    quick: Setting
    full: Setting
    contestants: Callable[[Split, Run], Iterable[Contestant]]
    says: Callable[[Mapping[str, LeakRow]], str]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a leak was worth on one data set.

    Attributes:
        dataset: Its name.
        protocol: Name of the split's rule.
        fingerprint: sha256 of the data's content.
        split_hash: What was learnt from, selected on and tested on, in 12 digits.
        candidates: How negatives were drawn, a key of `tastemaker.evaluation.candidates.SAMPLED`.
        negatives: Among how many of them each answer was ranked.
        negative_seeds: They were drawn once for each.
        counts: Sizes: ``people``, ``answers``, ``items``, ``train_events``, and answers ``short`` of negatives.
        rows: What each row gave.
        machine: What it ran on, without names and paths.
    """

    dataset: str
    protocol: str
    fingerprint: str
    split_hash: str
    candidates: str
    negatives: int
    negative_seeds: Sequence[int]
    counts: Mapping[str, int]
    rows: Sequence[LeakRow]
    machine: Mapping[str, Any]

    def by_name(self) -> dict[str, LeakRow]:
        """Return the rows that were run."""
        return {row.name: row for row in self.rows if row.metrics}

    def same_test(self, other: Shown) -> bool:
        """Say whether the same answers were ranked among the same items."""
        same = ("dataset", "protocol", "fingerprint", "split_hash", "candidates", "negatives")
        return all(getattr(self, name) == getattr(other, name) for name in same) and (
            list(self.negative_seeds) == list(other.negative_seeds)
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "hashes": {"data": self.fingerprint, "split": self.split_hash},
            "candidates": self.candidates,
            "negatives": self.negatives,
            "negative_seeds": list(self.negative_seeds),
            "counts": dict(self.counts),
            "machine": plain(self.machine),
            "rows": [row.to_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            dataset=entry["dataset"].text(),
            protocol=entry["protocol"].text(),
            fingerprint=entry["hashes"]["data"].text(),
            split_hash=entry["hashes"]["split"].text(),
            candidates=entry["candidates"].text(),
            negatives=entry["negatives"].whole(),
            negative_seeds=[seed.whole() for seed in entry["negative_seeds"].each()],
            counts={name: count.whole() for name, count in entry["counts"].items()},
            machine=entry["machine"].mapping(),
            rows=[LeakRow.from_json(row) for row in entry["rows"].each()],
        )


def write_shown(shown: Shown, out: Path, system: str) -> Path:
    """Put what was shown into the record of a system's leak, in place of what was shown on that data set before.

    The file is written whole or not at all.

    Raises:
        DataError: The record that is there is damaged, or of another format version.
        StorageError: It cannot be written.
    """
    path = record_path(out, system, LEAK)
    by_dataset = {each.dataset: each for each in read_shown(out, system)} | {shown.dataset: shown}
    parts = [each.to_json() for each in by_dataset.values()]
    write_document({"format": FORMAT, "system": system, "shown": parts}, path)
    return path


def read_shown(out: Path, system: str) -> list[Shown]:
    """Read what was shown of a system's leak, one for each data set; nothing where there is no record.

    Raises:
        DataError: It is damaged, or of another format version.
    """
    path = record_path(out, system, LEAK)
    if not path.exists():
        return []
    top = read_entry(path)
    need_format(top, FORMAT, "Delete it and show the leak again, or use the version that wrote it.")
    return [Shown.from_json(each) for each in top["shown"].each()]
