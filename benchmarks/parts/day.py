"""A shop's day: its clock, what is counted, and how memory and files are looked at."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)
HOURS, NOON = 24, 12
_BLOCK: Final = 2**20


class DayClock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = MIDNIGHT

    def __call__(self) -> datetime:
        """Return the present."""
        return self.now


@dataclass
class Day:
    """What is counted.

    Attributes:
        withdrawn: Items that may not be shown any more.
        hidden: What each person hid, as far as that was acknowledged.
        shown: How often each item was shown in the morning.
        latencies: Milliseconds of the requests of each hour.
        memory: Hours of the day and resident MB then.
        noon_mb: What memory grew by at noon.
        wrong: What happened that may not, a sentence each.
    """

    withdrawn: set[str] = field(default_factory=set)
    hidden: dict[str, set[str]] = field(default_factory=dict)
    shown: Counter[str] = field(default_factory=Counter)
    latencies: list[array[float]] = field(default_factory=lambda: [array("d") for _ in range(HOURS)])
    memory: list[tuple[float, float]] = field(default_factory=list)
    noon_mb: float = 0.0
    events: int = 0
    answers: int = 0
    degraded: int = 0
    wrong: list[str] = field(default_factory=list)


def files_with(folder: Path, text: str, block: int = _BLOCK) -> list[str]:
    """Return the names of the files below a folder that have some text in them, as UTF-8.

    Args:
        folder: Where.
        text: What is looked for.
        block: So many bytes are read at once.
    """
    wanted, found = text.encode(), []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            kept = b""
            while part := file.read(block):
                kept += part
                if wanted in kept:
                    found.append(path.name)
                    break
                # It may lie across two parts.
                kept = kept[-len(wanted) :]
    return found


def resident_mb() -> float:
    """Return the resident memory of this process in MB (10^6 bytes); NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / 1e6


def growth(memory: Sequence[tuple[float, float]], warm_up: float, step: float = 0.0) -> tuple[float, float, float]:
    """Return how memory grew after the warm-up: MB an hour by least squares, MB in all, and that as a share.

    Args:
        memory: Hours and MB.
        warm_up: Hours that do not count.
        step: MB that came at noon, and are not counted.
    """
    memory = [(hour, mb - step * (hour >= NOON)) for hour, mb in memory]
    late = np.asarray([each for each in memory if each[0] >= warm_up])
    slope = float(np.polyfit(late[:, 0], late[:, 1], 1)[0])
    grown = float(late[-1, 1] - late[0, 1])
    return slope, grown, grown / float(late[0, 1])
