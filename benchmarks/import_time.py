"""How long `import tastemaker` and `tastemaker --help` take, beside Python's own start in the same run.

Usage: python benchmarks/import_time.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

AIM_MS = {"import tastemaker": 150.0, "tastemaker --help": 300.0}
COMMANDS = {
    "python, nothing": ["-c", "pass"],
    "import tastemaker": ["-c", "import tastemaker"],
    "tastemaker --help": ["-m", "tastemaker", "--help"],
}


def milliseconds(arguments: list[str]) -> float:
    """Return the wall time of one fresh process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000


def main(rounds: int = 15) -> None:
    """Print the median time of each command, what it costs over a bare start, and its share of the aim."""
    for arguments in COMMANDS.values():
        milliseconds(arguments)  # compiles what is not compiled yet
    # In turns, so that a slow moment of the machine falls on all of them.
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(milliseconds(arguments))
    bare = statistics.median(times["python, nothing"])
    print(f"median of {rounds} fresh processes, Python {sys.version.split()[0]}")
    for name, measured in times.items():
        median = statistics.median(measured)
        line = f"{name:20} {median:7.0f} ms  {median / bare:5.1f} x bare start"
        if name in AIM_MS:
            over = median - bare
            line += f"  {over:6.0f} ms above it, {over / AIM_MS[name]:.2f} of the aim ({AIM_MS[name]:.0f} ms)"
        print(line)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
