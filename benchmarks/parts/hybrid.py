"""The default model on a data set: what choosing and fitting it takes, its folder, and one answer from it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.parts.measuring import CLOCK, verdict

from tastemaker.core.run import Run
from tastemaker.data import leave_one_out, load_dataset
from tastemaker.models import Hybrid, make_model

MINUTES: Final = {"amazon-beauty": 15.0, "movielens-1m": 75.0}
"""What the fit may take, the encoding of texts included."""

MOST_MB: Final = 60.0
MOST_MS: Final = 5.0
QUESTIONS: Final = 500

ASK: Final = """
import json, sys, time
from statistics import median
import tastemaker
model = tastemaker.load_model(sys.argv[1])
taken = []
for history in json.load(sys.stdin):
    began = time.perf_counter()
    model.recommend(history=history, k=10)
    taken.append(1000 * (time.perf_counter() - began))
print(json.dumps([median(taken), sorted(taken)[int(0.95 * len(taken))], "torch" in sys.modules]))
"""


def hybrid(source: str, data: Path | None, threads: int) -> None:
    """Print what the default model takes on a source, against its limits."""
    split = leave_one_out(load_dataset(source, data))
    model, began = make_model("hybrid"), CLOCK.now()
    assert isinstance(model, Hybrid)
    model.fit(split.train, split.valid, run=Run(threads=threads))
    minutes = (CLOCK.now() - began) / 60
    print(f"hybrid on {source}: parts chosen and fitted in {minutes:.1f} minutes")
    for part in model.parts_.values():
        print(f"  {part.name:20} {part.seconds:8.1f} s  {'kept' if part.kept else 'left out':8}  {part.why}")
    print(f"  {minutes / MINUTES[source]:.2f} of the time ({verdict(minutes <= MINUTES[source], 'limit 1')})")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        model.save(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        print(f"  folder {size:.1f} MB, {size / MOST_MB:.2f} of {verdict(size <= MOST_MB, f'{MOST_MB:.0f} MB')}")
        queries = split.test.queries
        histories = [
            queries.dictionary[queries.codes[queries.starts[row] : queries.ends[row]]].tolist()
            for row in range(0, len(queries), max(1, len(queries) // QUESTIONS))
        ]
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(folder)],
            input=json.dumps(histories),
            capture_output=True,
            text=True,
            check=True,
        )
    middle, late, torch = json.loads(done.stdout)
    print(f"  one answer {middle:.2f} ms (median of {len(histories)}; 95 %: {late:.2f}), torch {_loaded(torch)}")
    print(f"  {middle / MOST_MS:.2f} of {verdict(middle <= MOST_MS and not torch, f'{MOST_MS:.0f} ms')}")


def _loaded(torch: bool) -> str:
    return "loaded" if torch else "not loaded"
