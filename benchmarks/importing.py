"""How fast a generated log is imported, in how much memory, beside Polars' own CSV to Parquet in the same run.

Polars checks nothing, sets nothing aside, and cannot go on after a kill: its time is what the machine allows.

Usage: python benchmarks/importing.py [ROWS [ROUNDS]]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

AIM_MB = 2_000.0
AT_ONCE = 1_000_000
BAD_EVERY = 10_000
WARM_UP = "import polars as pl; pl.DataFrame({'a': ['1']}).lazy().select(pl.col('a').cast(pl.Int64)).collect();"
CHILD = """
import json, resource, sys, time
from pathlib import Path
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
{setup}
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([seconds, peak]))
"""
IMPORT = "from tastemaker.data.importing import Options, import_events"
BY_RECORD = "; from tastemaker.data.importing.delimited import Delimited; Delimited._at_once = lambda *given: None"
SINK = "pl.scan_csv(source).sink_parquet(folder)"
OURS = "import_events([source], folder)"
# What it is called -> the file, what is loaded before the clock starts, and what is timed.
WORK = {
    "polars scan_csv.sink_parquet": ("clean.csv", WARM_UP, SINK),
    "tastemaker import": ("clean.csv", WARM_UP + IMPORT, OURS),
    "one row in 10,000 is bad": ("bad.csv", WARM_UP + IMPORT, OURS),
    "all record by record": ("clean.csv", WARM_UP + IMPORT + BY_RECORD, OURS),
}
ONCE = "all record by record"


def write_logs(folder: Path, rows: int) -> None:
    """Write a log of shop events (user, item, kind, seconds), and the same with a field too many now and then."""
    rng = np.random.default_rng(0)
    with (folder / "clean.csv").open("w") as clean, (folder / "bad.csv").open("w") as bad:
        for first in range(0, rows, AT_ONCE):
            count = min(AT_ONCE, rows - first)
            frame = pl.DataFrame(
                {
                    "user_id": rng.integers(0, 200_000, count),
                    "item_id": rng.zipf(1.3, count) % 50_000,
                    "event": np.asarray(["view", "cart", "buy"])[rng.integers(0, 3, count)],
                    "timestamp": 1_600_000_000 + 6 * first + np.sort(rng.integers(0, 6 * count, count)),
                }
            )
            frame = frame.with_columns("u" + pl.col("user_id").cast(pl.String))
            text = frame.write_csv(include_header=first == 0)
            clean.write(text)
            lines = text.splitlines()
            for number in range(BAD_EVERY // 2, len(lines), BAD_EVERY):
                lines[number] += ",too many"
            bad.write("\n".join(lines) + "\n")


def measure(name: str, sources: Path, folder: Path) -> tuple[float, float]:
    """Return seconds and peak memory in MB of a fresh process."""
    file, setup, work = WORK[name]
    program = CHILD.format(setup=setup, work=work)
    command = [sys.executable, "-c", program, str(sources / file), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seconds, peak = json.loads(done.stdout)
    return float(seconds), float(peak)


def main(rows: int = 10_000_000, rounds: int = 3) -> None:
    """Print the best time of each way, its rows a second, its memory, and how it stands to Polars."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        write_logs(folder, rows)
        size = (folder / "clean.csv").stat().st_size / 1e6
        print(f"{rows:,} events, {size:,.0f} MB of CSV; best of {rounds} rounds, each in a fresh process")
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in WORK}
        for number in range(rounds):  # in turns, so that a slow moment of the machine falls on all of them
            for name in WORK:
                if number == 0 or name != ONCE:
                    found[name].append(measure(name, folder, folder / f"{number} {name}"))
        rival = min(found["polars scan_csv.sink_parquet"])[0]
        for name, measured in found.items():
            seconds, peak = min(measured)[0], max(memory for _, memory in measured)
            line = f"{name:30} {seconds:6.1f} s {rows / seconds:12,.0f} rows/s {peak:7,.0f} MB {seconds / rival:5.1f} x"
            print(line + (f"  {peak / AIM_MB:.2f} of the memory allowed" if "tastemaker" in name else ""))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
