"""Readings on disk, so that a study that was broken off goes on where it stood."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tastemaker.core.files import atomic_file, refusals_of
from tastemaker.evaluation.rows import plain
from tastemaker.systems.reproduction.reading import Reading

_FORMAT: Final = 1
_UNREADABLE: Final = (SafetensorError, OSError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Taken:
    """A reading, and what taking it cost.

    Attributes:
        reading: What a row gave with one seed.
        seconds: Wall time.
        peak_mb: Peak memory in MB, where that is known.
    """

    reading: Reading
    seconds: float
    peak_mb: float | None = None


def keep(taken: Taken, path: Path) -> None:
    """Write a reading, whole or not at all.

    Raises:
        StorageError: The folder cannot be written.
    """
    reading = taken.reading
    # NaN and infinity are no JSON.
    numbers, costs = ({name: float(value).hex() for name, value in each.items()} for each in _numbers(reading))
    head = {
        "format": _FORMAT,
        "values": list(reading.values),
        "numbers": numbers,
        "costs": costs,
        "settings": plain(reading.settings),
        "example": reading.example,
        "seconds": taken.seconds,
        "peak_mb": taken.peak_mb,
    }
    tensors = {name: np.ascontiguousarray(values) for name, values in reading.values.items()}
    with atomic_file(path) as temporary, refusals_of(SafetensorError):
        save_file(tensors, temporary, metadata={"reading": json.dumps(head)})


def kept(path: Path) -> Taken | None:
    """Read what `keep` wrote; ``None`` if there is no whole file."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            head = json.loads(file.metadata()["reading"])
            if head["format"] != _FORMAT:
                return None
            reading = Reading(
                values={name: file.get_tensor(name) for name in head["values"]},
                numbers={name: float.fromhex(value) for name, value in head["numbers"].items()},
                costs={name: float.fromhex(value) for name, value in head["costs"].items()},
                settings=head["settings"],
                example=head["example"],
            )
            return Taken(reading, head["seconds"], head["peak_mb"])
    except _UNREADABLE:
        return None  # as good as no file: the row is measured anew, and the file replaced


def _numbers(reading: Reading) -> tuple[dict[str, float], dict[str, float]]:
    return dict(reading.numbers), dict(reading.costs)
