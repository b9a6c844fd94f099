"""SASRec on Amazon Beauty until it is as good as RecBole's, and how long each of the two takes."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from unittest.mock import patch

import polars as pl
from benchmarks.parts.measuring import CLOCK, verdict

from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Split, leave_one_out, load_dataset
from tastemaker.models.sasrec import SASRec
from tastemaker.models.sequence_training import SequenceTask

RIVALS: Final = Path(__file__).resolve().parents[1] / "rivals"
RECORD: Final = RIVALS / "recbole_sasrec_beauty.jsonl"
LEAST_RATIO: Final = 50.0


@dataclass(frozen=True)
class Step:
    """An epoch of a training: when its validation was done, since the fit began; what it took; what it said."""

    ended: float
    training: float
    validating: float
    ndcg: float


class Enough(Exception):
    """Ends a training."""


def curve(split: Split, settings: Mapping[str, Any], enough: float, threads: int) -> list[Step]:
    """Train until validation NDCG@10, on all queries and not a sample, is enough or rises no more."""
    found: list[Step] = []
    validate, started = SequenceTask.validate, CLOCK.now()

    def noted(task: SequenceTask) -> float | None:
        asked = CLOCK.now()
        value = validate(task)
        ended, before = CLOCK.now() - started, found[-1].ended if found else 0.0
        found.append(Step(ended, asked - started - before, ended + started - asked, value or 0.0))
        if found[-1].ndcg >= enough:
            raise Enough
        return value

    with (
        suppress(Enough),
        patch.object(SequenceTask, "validate", noted),
        patch.object(HeldOut, "sample", lambda held, size, rng: held),
    ):
        SASRec(**settings).fit(split.train, split.valid, run=Run(threads=threads))
    return found


def rival(environment: Path, data: Dataset, threads: int) -> tuple[dict[str, Any], float, float] | str:
    """Let RecBole train two epochs.

    Returns:
        Its recipe, and the seconds of its second epoch and of the validation after it; or why there are none.
    """
    python = environment / "recbole" / "bin" / "python"
    if not python.exists():
        return f"there is no {python}"
    with tempfile.TemporaryDirectory() as folder:
        log, place = Path(folder) / "events.inter", pl.int_range(pl.len()).over("user_id")
        columns = {"user_id:token": pl.col("user_id"), "item_id:token": pl.col("item_id"), "timestamp:float": place}
        data.interactions.frame.select(**columns).write_csv(log, separator="\t")
        command = [str(python), str(RIVALS / "recbole_sasrec.py"), str(log), "--epochs", "2", "--threads", str(threads)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        return f"it ended with {done.returncode}: {(done.stderr.strip().splitlines() or ['nothing said'])[-1]}"
    recipe, *epochs = map(json.loads, done.stdout.splitlines())
    spent = epochs[-1]["cpu_seconds" if CLOCK.name == "process_time" else "seconds"]
    return recipe, spent, epochs[-1]["validation_seconds"]


def long_run() -> tuple[int, int, float] | None:
    """Return the rival's best epoch by its own metric, of how many, and NDCG@10 there with the history masked."""
    if not RECORD.is_file():
        return None
    epochs = [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()][1:]
    best = max(epochs, key=lambda each: each["ndcg"])
    return best["epoch"], len(epochs), best["ndcg_seen_masked"]


def reached(steps: Sequence[Step], ndcg: float) -> tuple[float, str]:
    """Return the time to a validation NDCG@10, infinite where it was not reached, and that in words."""
    first = next((place for place, step in enumerate(steps) if step.ndcg >= ndcg), None)
    if first is None:
        return float("inf"), f"not reached: {max(step.ndcg for step in steps):.4f} at best of {len(steps)} epochs"
    return steps[first].ended, f"{steps[first].ended:.1f} s, {first + 1} epochs, validation and all"


def beauty(asked: argparse.Namespace, threads: int) -> None:
    """Print what a training on Beauty takes, beside the rival's."""
    data = load_dataset("amazon-beauty", asked.data)
    if asked.quick:
        data = data.where(data.sequences.user_of_event() % 10 == 0)
    split, record = leave_one_out(data), None if asked.quick else long_run()
    wanted = [*asked.reach, *([record[2]] if record else [])]
    settings = {
        **SASRec(**{"items": "ids", "learning_rate": 0.002, **asked.settings}).settings(),
        **({"epochs": 3} if asked.quick else {}),
    }
    steps = curve(split, settings, max(wanted), threads)
    own, checked = (median(getattr(step, name) for step in steps) for name in ("training", "validating"))
    print(f"{data.name}, leave-one-out, {len(data.interactions):,} events, {len(split.valid):,} validation queries")
    print(f"  ours {own:.2f} s an epoch, and {checked:.2f} s to validate on all queries; best of {len(steps)} epochs")
    for ndcg in asked.reach:
        print(f"  validation NDCG@10 of {ndcg:.4f}: {reached(steps, ndcg)[1]}")
    print(f"  recipe of ours: {json.dumps(settings)}")
    if asked.rivals is not None:
        beside(rival(asked.rivals, data, threads), own, steps, record, asked.quick)


def beside(
    found: tuple[dict[str, Any], float, float] | str,
    own: float,
    steps: Sequence[Step],
    record: tuple[int, int, float] | None,
    quick: bool,
) -> None:
    """Print how the rival's epoch, and its time to its best, stand to ours."""
    if isinstance(found, str):
        print(f"  the rival: not run, {found}")
        return
    recipe, theirs, validating = found
    print(f"  {recipe['rival']} {theirs:.1f} s an epoch, {theirs / own:.1f} times ours; {validating:.1f} s to validate")
    print(f"  recipe of the rival: {json.dumps(recipe)}")
    if record is None:
        print(f"  its time to its best: not known, {'with --quick' if quick else f'there is no rivals/{RECORD.name}'}")
        return
    number, count, best = record
    spent, words = reached(steps, best)
    ratio = number * theirs / spent
    print(f"  its long run is best at epoch {number} of {count} by its own NDCG@10; there {best:.4f}, history masked")
    print(f"  time to that, its: {number} x {theirs:.1f} s = {number * theirs:,.0f} s, without its validations")
    print(f"  ours: {words}: {ratio:.0f} times as fast ({verdict(ratio >= LEAST_RATIO, f'aim: {LEAST_RATIO:g}')})")
