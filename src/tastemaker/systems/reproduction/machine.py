"""What numbers were made on, in words that fit any machine of the kind: nothing that tells which one it was."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tastemaker.evaluation.comparison import Comparison


def machine(comparison: Comparison) -> dict[str, Any]:
    """Return system, processor, cores, memory, threads and versions of a comparison, as JSON values."""
    return machine_with(comparison.knobs["threads"], comparison.environment)


def machine_with(threads: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the same of anything that was made with so many threads in an environment."""
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "threads": threads,
        "python": environment["python"],
        "numpy": environment["numpy"],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, ValueError, OSError):
        return None
