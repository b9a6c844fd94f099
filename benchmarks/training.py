"""What the training of SASRec takes, beside this machine's own products of matrices, plain torch and RecBole.

- the rate of matrix products of the loss's shapes, in float32 and as the training loop multiplies;
- an epoch with the full and with the sampled softmax, part by part, and its operations beside that rate;
- the full softmax beside logits and ``cross_entropy`` of torch: time, memory, difference;
- ``--beauty``: seconds an epoch on `amazon-beauty`, and the time to given validation NDCG@10;
- ``--ml-1m``: an epoch with the full softmax on `movielens-1m`;
- ``--hybrid SOURCE``: the default model, its folder, and one answer from it;
- ``--large``: ten million generated events and 100,000 items with the sampled softmax, in a process of its own.

``--data DIR`` or ``TASTEMAKER_DATA`` says where the files lie. ``--only`` names some of the first three parts, or none.
``--quick`` takes a tenth of the events, a few steps and a tenth of Beauty's people. Times of a few steps
(``--steps N``) are scaled to the epoch. Both sides have ``--threads`` threads. ``--cpu`` counts the processor's time
instead of the wall's, which is what a machine that others use can tell. With ``--rivals VENV_DIR`` RecBole trains two
epochs on Beauty in an environment of its own; how many it needs is in the record of a long run of it,
``rivals/recbole_sasrec_beauty.jsonl``::

    python -m venv VENV_DIR/recbole
    VENV_DIR/recbole/bin/pip install torch==2.13.0 recbole==1.2.1 "numpy<2" "scipy<1.14"
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.parts.hybrid import MINUTES, hybrid
from benchmarks.parts.measuring import CLOCK, Stopwatch, apart, verdict

from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split, leave_one_out, load_dataset
from tastemaker.data.interactions import TIME, Interactions
from tastemaker.evaluation import memory
from tastemaker.models.sasrec import SASRec, decided
from tastemaker.training.batches import Windows

try:
    import torch
    from benchmarks.parts.beauty import beauty
    from benchmarks.parts.products import PRECISIONS, product_rates, products, softmax
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    from tastemaker.models import sequence_training
    from tastemaker.models.sequence_training import SequenceTask
except ImportError as error:
    if error.name != "torch":
        raise
    print("not run: the extra 'torch' is not installed")
    raise SystemExit(0) from None

WARM_UP, QUICK_STEPS, QUICK_ROUNDS, ROUNDS = 5, 20, 5, 20
MOST_MB, MOST_SECONDS = 8_000.0, 60.0
LOSSES = {"softmax": "full softmax", "sampled": "sampled softmax"}


def generated(users: int, items: int, events: int) -> Dataset:
    """Return people with 5 events or more, whose items are drawn by a power law, as a data set made in place."""
    rng = np.random.default_rng(0)
    lengths = 4 + rng.geometric(users / (events - 4 * users), users)
    people = pl.Series([f"u{user:07}" for user in range(users)])
    names = pl.Series([f"i{item}" for item in range(items)])
    shares = np.cumsum((np.arange(items) + 30.0) ** -0.9)
    drawn = np.searchsorted(shares, rng.random(lengths.sum()) * shares[-1])
    frame = pl.DataFrame(
        {"user_id": people.gather(np.repeat(np.arange(users), lengths)), "item_id": names.gather(drawn)}
    ).with_columns(
        (1_500_000_000_000_000 + 1_000_000 * pl.int_range(pl.len())).cast(TIME).alias("timestamp"),
        pl.int_range(pl.len()).alias("order"),
        pl.lit("interaction").alias("event"),
        pl.lit(1.0, pl.Float32).alias("weight"),
    )
    return Dataset.of(Interactions(frame), pl.DataFrame({"item_id": names}), name="generated")


@dataclass(frozen=True)
class Epoch:
    """What an epoch took: seconds by part, scaled to all of its steps, and how large it is.

    Beside it are the rates of products just before and after, with the threads that the loop chose.
    """

    spent: Mapping[str, float]
    batches: Sequence[Windows]
    taken: int
    rates: Mapping[str, float]

    @property
    def training(self) -> float:
        """Seconds without the evaluation."""
        return sum(self.spent.values()) - self.spent["evaluation"]

    @property
    def targets(self) -> int:
        """How many events are predicted."""
        return sum(int((each.lengths() - 1).sum()) for each in self.batches)


def measured(split: Split, settings: Mapping[str, Any], steps: int | None, threads: int) -> Epoch:
    """Train some steps of two epochs, the first to warm up; return what the second took."""
    watch, seen = Stopwatch(), list[Sequence[Windows]]()
    ended, rates = list[dict[str, float]](), list[dict[str, float]]()
    batches, validate = SequenceTask.batches, SequenceTask.validate

    def some(task: SequenceTask, rng: np.random.Generator) -> Sequence[Windows]:
        watch.restart()
        seen.append(watch.around("data", batches)(task, rng))
        return seen[-1][: WARM_UP if len(seen) == 1 else steps]

    def last(task: SequenceTask) -> float | None:
        value: float | None = watch.around("evaluation", validate)(task)
        ended.append(dict(watch.spent))
        rates.append(product_rates(QUICK_ROUNDS))
        return value

    parts = [
        (sequence_training, "padded", "data"),
        (SequenceTask, "loss", "forward"),
        (SequenceTask, "_loss", "loss"),
        (torch.Tensor, "backward", "backward"),
    ]
    with ExitStack() as patches:
        for owner, name, part in parts:
            patches.enter_context(patch.object(owner, name, watch.around(part, getattr(owner, name))))
        patches.enter_context(patch.object(SequenceTask, "batches", some))
        patches.enter_context(patch.object(SequenceTask, "validate", last))
        patches.callback(register_optimizer_step_pre_hook(lambda *_: watch.enter("optimiser")).remove)
        patches.callback(register_optimizer_step_post_hook(lambda *_: watch.leave()).remove)
        SASRec(**{**settings, "epochs": 2}).fit(split.train, split.valid, run=Run(threads=threads))
    taken = len(seen[-1][:steps])
    scale = len(seen[-1]) / taken
    spent = {part: each if part == "evaluation" else each * scale for part, each in ended[-1].items()}
    return Epoch(spent, seen[-1], taken, {name: max(each[name] for each in rates) for name in PRECISIONS})


def operations(settings: Mapping[str, Any], items: int, batches: Sequence[Windows]) -> dict[str, int]:
    """Return the operations of the matrix products of an epoch, forward and twice as many backward.

    A multiplication and an addition count as two. For ``p`` padded places in rows of ``l``, ``m`` targets, width ``d``
    and hidden width ``h``: a block takes ``6p (4dd + 2dh) + 6pd(l + 1)``, of attention only what causality leaves
    (``ligr``: ``6dd + 3dh``); the full softmax ``6mnd``; the sampled one ``6m(k + 1)d``.
    """
    d, h = settings["dimensions"], settings["hidden"] or settings["dimensions"]
    weights = 6 * d * d + 3 * d * h if settings["layout"] == "ligr" else 4 * d * d + 2 * d * h
    scored = items if settings["loss"] == "softmax" else settings["negatives"] + 1
    trunk, loss = 0, 0
    for each in batches:
        length = int(each.lengths().max()) - 1
        trunk += 6 * settings["blocks"] * len(each) * length * (weights + d * (length + 1))
        loss += 6 * int((each.lengths() - 1).sum()) * scored * d
    return {"trunk": trunk, "loss": loss}


def epoch(split: Split, given: Mapping[str, Any], steps: int | None, threads: int) -> float:
    """Print an epoch of a training part by part, and its operations beside the machine's rate; return its seconds."""
    settings = decided(SASRec(**given).settings(), split.train)
    found, items = measured(split, settings, steps, threads), len(split.train.items)
    total, n = sum(found.spent.values()), len(found.batches)
    print(f"epoch with the {LOSSES[settings['loss']]}, {split.train.name}: {items:,} items, {found.targets:,} targets")
    for part in ("data", "forward", "loss", "backward", "optimiser", "rest", "evaluation"):
        print(f"  {part:12}{found.spent[part]:9.2f} s{found.spent[part] / total:6.0%}")
    scaled = "" if found.taken == n else f" (scaled from {found.taken} of {n:,} steps)"
    print(f"  {'together':12}{total:9.2f} s{scaled}")
    counted = operations(settings, items, found.batches)
    works = {"training": (sum(counted.values()), found.training)}
    if settings["loss"] in LOSSES:  # their gradients are found in the forward pass
        works["loss alone"] = counted["loss"], found.spent["loss"]
    for name, (work, spent) in works.items():
        beside = ", ".join(f"{work / spent / rate:.2f} of {PRECISIONS[kind]}" for kind, rate in found.rates.items())
        print(f"  {name:12}{work / 1e9:9,.0f} GFLOP of products{work / spent / 1e9:7.1f} GFLOP/s  {beside}")
    return total


def large(
    events: int, items: int, given: Mapping[str, Any], steps: int | None, threads: int, clock: str
) -> tuple[int, Epoch, list[float]]:
    """Train on many events; return how many, an epoch, and the peak memory of making them and of the training."""
    CLOCK.name = clock
    with Run(threads=threads).limited():
        data = generated(events // 50, items, events)
        made = memory.peak_mb() or 0.0
        memory.reset_peak()
        found = measured(leave_one_out(data), {**given, "loss": "sampled"}, steps, threads)
    return len(data.interactions), found, [made, memory.peak_mb() or 0.0]


def many_events(quick: bool, given: Mapping[str, Any], steps: int | None, threads: int) -> None:
    """Print what a training on many events takes."""
    size = (1_000_000, 20_000) if quick else (10_000_000, 100_000)
    events, found, peaks = apart(large, *size, given, steps, threads, CLOCK.name)
    words = "an epoch" if found.taken == len(found.batches) else f"{found.taken} of {len(found.batches):,} steps"
    print(f"sampled softmax on {events:,} events, {size[1]:,} items, {words}")
    print(f"  {found.targets / found.training:,.0f} events a second, and {found.spent['evaluation']:.1f} s to validate")
    print(f"  peak memory {peaks[0]:,.0f} MB while the events are made, {peaks[1]:,.0f} MB in split and training")
    print(
        f"  {max(peaks) / MOST_MB:.2f} of the memory allowed ({verdict(max(peaks) <= MOST_MB, f'{MOST_MB:,.0f} MB')})"
    )


PARTS = ("products", "epoch", "softmax")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller data, a few steps")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="some of the parts without data")
    parser.add_argument("--steps", type=int, help="steps of an epoch at most, scaled to all of it")
    parser.add_argument("--rounds", type=int, help="times to repeat products and losses (20, or 5 with --quick)")
    parser.add_argument("--threads", type=int, default=Run().threads, help="threads of both sides")
    parser.add_argument("--cpu", action="store_true", help="the processor's time, summed over threads")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the data sets")
    parser.add_argument("--beauty", action="store_true", help="train on Amazon Beauty")
    parser.add_argument(
        "--reach", type=float, nargs="+", default=[0.03, 0.04, 0.05], help="NDCG@10 to be reached there"
    )
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="of SASRec, instead of its own")
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", help="folder with the environments of rivals")
    parser.add_argument("--ml-1m", action="store_true", help="an epoch on MovieLens-1M")
    parser.add_argument("--hybrid", nargs="+", default=[], choices=MINUTES, help="the default model on these")
    parser.add_argument("--large", action="store_true", help="ten million generated events")
    asked = parser.parse_args()
    CLOCK.name = "process_time" if asked.cpu else "perf_counter"
    threads, steps = asked.threads, asked.steps or (QUICK_STEPS if asked.quick else None)
    rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    own = f", SASRec with {json.dumps(asked.settings)}" if asked.settings else ""
    print(f"{threads} threads, {'processor' if asked.cpu else 'wall'} time{own}", flush=True)
    torch.set_num_threads(threads)
    with Run(threads=threads).limited():
        if "products" in asked.only:
            products(rounds)
        if "epoch" in asked.only:
            split = leave_one_out(generated(*((2_200, 3_000, 20_000) if asked.quick else (22_000, 12_000, 200_000))))
            for loss in LOSSES:
                epoch(split, {**asked.settings, "loss": loss}, steps, threads)
        if "softmax" in asked.only:
            softmax(rounds, threads)
        if asked.ml_1m:
            split = leave_one_out(load_dataset("movielens-1m", asked.data))
            total = epoch(split, {"items": "ids", **asked.settings, "loss": "softmax"}, steps, threads)
            print(f"  {total / MOST_SECONDS:.2f} of the time allowed ({verdict(total <= MOST_SECONDS, '60 s')})")
        if asked.beauty:
            beauty(asked, threads)
        for source in asked.hybrid:
            hybrid(source, asked.data, threads)
    if asked.large:
        many_events(asked.quick, asked.settings, steps, threads)


if __name__ == "__main__":
    main()
