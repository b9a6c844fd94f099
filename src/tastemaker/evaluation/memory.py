"""Peak memory of this process, reset before each measurement where the system allows it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = "5"

RESET: Final = "peak resident memory of the process while the row ran (VmHWM, reset before each row)"
WHOLE_PROCESS: Final = "peak resident memory of the process since it started (ru_maxrss; cannot be reset here)"
UNKNOWN: Final = "not measured on this system"


def reset_peak() -> str:
    """Forget the peak so far where the system allows it, and say in words what `peak_mb` will mean."""
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return UNKNOWN if _maximum_mb() is None else WHOLE_PROCESS
    return RESET


def peak_mb() -> float | None:
    """Return the peak resident memory in MB (10^6 bytes), or ``None`` where it cannot be known."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return _maximum_mb()
    sizes = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(sizes[0]) * 1024 / 1e6 if sizes else _maximum_mb()


def _maximum_mb() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
