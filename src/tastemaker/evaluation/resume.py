"""Measured rows on disk, so that a comparison that was broken off goes on where it stood."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tastemaker.core.files import atomic_file, refusals_of
from tastemaker.evaluation.comparison import Row, plain
from tastemaker.evaluation.intervals import Measured
from tastemaker.evaluation.judge import Evaluation

_FORMAT: Final = 1
_ROW: Final = (
    "valid",
    "settings",
    "settings_tried",
    "fit_seconds",
    "evaluate_seconds",
    "ms_per_query",
    "peak_mb",
    "rank_hash",
    "unknown_targets",
    "training",
)
_UNREADABLE: Final = (SafetensorError, OSError, KeyError, TypeError, ValueError)


class RowStore(Protocol):
    """Where a comparison looks for rows that were measured before, and leaves those that it measures."""

    def get(self, name: str) -> Measured | None:
        """Return the row of a model if it was measured."""
        ...

    def put(self, measured: Measured) -> None:
        """Keep a row."""
        ...


@dataclass(frozen=True)
class RowFolder:
    """Rows in a folder, a file each, written whole or not at all. A row that was not run is not kept.

    Comparisons that have a row in common, by whatever name, may share a folder.

    Attributes:
        folder: Where they lie.
        identities: Name of a row -> what decides its numbers, in a word of letters and digits, by which its file is
            called; a row without a word is never kept.
    """

    folder: Path
    identities: Mapping[str, str]

    def get(self, name: str) -> Measured | None:
        """Return a row under its name, if a whole file holds it."""
        path = self._file(name)
        if path is None or not path.exists():
            return None
        try:
            return _read(path, name)
        except _UNREADABLE:
            return None  # as good as no file: the row is measured anew, and the file replaced

    def put(self, measured: Measured) -> None:
        """Keep a row that was run.

        Raises:
            StorageError: The folder cannot be written.
        """
        path = self._file(measured.row.model)
        if path is None or not measured.evaluations:
            return
        head = {
            "format": _FORMAT,
            "row": plain({name: getattr(measured.row, name) for name in _ROW}),
            "evaluations": [_about(one) for one in measured.evaluations],
        }
        tensors = dict(_tensors(measured.validation, measured.evaluations))
        with atomic_file(path) as temporary, refusals_of(SafetensorError):
            save_file(tensors, temporary, metadata={"measured": json.dumps(head)})

    def _file(self, name: str) -> Path | None:
        word = self.identities.get(name)
        return None if word is None else self.folder / f"{word}.safetensors"


def _about(one: Evaluation) -> dict[str, Any]:
    """Return what an evaluation holds beside its arrays, as JSON values."""
    return {
        # NaN and infinity are no JSON.
        "metrics": {name: float(value).hex() for name, value in one.metrics.items()},
        "per_user": list(one.per_user),
        "counts": plain(one.counts),
        "rank_hash": one.rank_hash,
        "seconds": float(one.seconds),
    }


def _tensors(validation: NDArray[np.float64], evaluations: Sequence[Evaluation]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "validation", np.ascontiguousarray(validation)
    for number, one in enumerate(evaluations):
        yield f"{number}/ranks", np.ascontiguousarray(one.ranks)
        yield f"{number}/shown", np.ascontiguousarray(one.shown)
        yield f"{number}/kept", np.ascontiguousarray(one.kept)
        for metric, values in one.per_user.items():
            yield f"{number}/per_user/{metric}", np.ascontiguousarray(values)


def _read(path: Path, name: str) -> Measured | None:
    with safe_open(path, framework="numpy") as file:
        head = json.loads(file.metadata()["measured"])
        if head["format"] != _FORMAT:
            return None
        evaluations = [_evaluation(file, name, number, about) for number, about in enumerate(head["evaluations"])]
        return Measured(Row(name, **head["row"]), evaluations, file.get_tensor("validation"))


def _evaluation(file: Any, name: str, number: int, about: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        model=name,
        metrics={metric: float.fromhex(value) for metric, value in about["metrics"].items()},
        per_user={metric: file.get_tensor(f"{number}/per_user/{metric}") for metric in about["per_user"]},
        counts=about["counts"],
        rank_hash=about["rank_hash"],
        seconds=about["seconds"],
        ranks=file.get_tensor(f"{number}/ranks"),
        shown=file.get_tensor(f"{number}/shown"),
        kept=file.get_tensor(f"{number}/kept"),
    )
