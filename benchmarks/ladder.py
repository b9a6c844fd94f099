"""How long the plain models take, beside rivals that do the same work in the same run.

- EASE's inverse beside ``numpy.linalg.inv``: time, memory, difference;
- iALS beside `implicit`: time until both have the same loss;
- sequential rules of ten million events: memory;
- the counting rows of a comparison, with all settings that they try;
- one recommendation of every model.

Run ``python benchmarks/ladder.py --quick`` for a few minutes' look on 3,000 items and a million events, and without
``--quick`` for 12,000 items. All data are generated, but for the counting rows where ``--beauty DIR`` says where the
files of `amazon-beauty` lie. Both sides have ``--threads`` threads, and rounds take turns. ``--cpu`` counts the
processor's time instead of the wall's, which is what a machine that others use can tell. With ``--rivals VENV_DIR``
`implicit` factorises the same data in an environment of its own::

    python -m venv VENV_DIR/implicit && VENV_DIR/implicit/bin/pip install implicit==0.7.3
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError, MissingExtraError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out, load_dataset
from tastemaker.data.interactions import Interactions
from tastemaker.evaluation import memory
from tastemaker.models import IALS, MODELS, SequentialRules, make_model
from tastemaker.models.ease import _invert
from tastemaker.models.item_to_item import interaction_matrix

TASTES, HISTORY, ANSWERS = 20, 8, 120
ALPHA, RIDGE, DIMENSIONS = 10.0, 10.0, 64
COUNTING = ("popularity", "recent-popularity", "markov", "sequential-rules")
MOST_MS, MOST_MB, MOST_SECONDS = 5.0, 3000.0, 60.0


class Clock:
    """Wall time, or the processor's time of this process."""

    name = "perf_counter"

    def now(self) -> float:
        """Return the time in seconds."""
        return float(getattr(time, self.name)())


CLOCK = Clock()


def shop(users: int, items: int, events: int, seed: int = 0) -> Dataset:
    """Return people of some tastes, whose items are drawn by popularity (a power law) and taste; ratings are noise."""
    rng = np.random.default_rng(seed)
    taste_of_item, taste_of_user = rng.integers(0, TASTES, items), rng.integers(0, TASTES, users)
    popularity = (np.arange(items) + 30.0) ** -0.9
    activity = rng.lognormal(0, 1.0, users)
    lengths = np.clip(np.round(1.7 * events * activity / activity.sum()), HISTORY, items // 3).astype(np.int64)
    user = np.repeat(np.arange(users), lengths)
    item = np.empty(len(user), dtype=np.int64)
    for taste in range(TASTES):
        shares = np.cumsum(popularity * np.where(taste_of_item == taste, 8.0, 1.0))
        theirs = taste_of_user[user] == taste
        item[theirs] = np.searchsorted(shares, rng.random(theirs.sum()) * shares[-1])
    pairs = np.unique(user * items + item)
    order = rng.permutation(len(pairs))[:events]
    frame = pl.DataFrame({"user": pairs[order] // items, "item": pairs[order] % items}).select(
        pl.format("u{}", "user").alias("user_id"),
        pl.format("i{}", "item").alias("item_id"),
        (pl.int_range(pl.len()) + 1_500_000_000).alias("timestamp"),
        pl.Series("rating", rng.integers(1, 6, len(order)).astype(np.float32)),
    )
    words = np.asarray(["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "iris", "jade"])
    titles = [f"{' '.join(rng.choice(words, 3))} {taste}" for taste in taste_of_item]
    shelves = [[f"shelf {taste}"] for taste in taste_of_item]
    ids = [f"i{item}" for item in range(items)]
    catalogue = pl.DataFrame({"item_id": ids, "title": titles, "categories": shelves})
    return Dataset.of(Interactions.from_frame(frame), catalogue, name="generated")


def seconds(work: Callable[[], object]) -> float:
    started = CLOCK.now()
    work()
    return CLOCK.now() - started


def peak_mb(work: Callable[[], object]) -> tuple[float, float]:
    """Return the highest memory of the process while some work is done, and how far that is above where it stood."""
    memory.reset_peak()
    before = memory.peak_mb() or 0.0
    work()
    after = memory.peak_mb() or 0.0
    return after, after - before


def verdict(good: bool, aim: str) -> str:
    return aim if good else f"{aim}: MISSED"


def inverse(items: int, rounds: int) -> None:
    """Print what EASE's inverse takes beside the general one."""
    rng = np.random.default_rng(0)
    x = (rng.random((2_000, items), dtype=np.float32) < 0.02).astype(np.float32)
    gram = x.T @ x + 50 * np.eye(items, dtype=np.float32)
    ours, theirs = np.empty_like(gram), np.empty_like(gram)
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    added: dict[str, float] = {}
    for _ in range(rounds):
        ours[...] = gram
        for name, work in (("ours", lambda: _invert(ours)), ("theirs", lambda: np.copyto(theirs, np.linalg.inv(gram)))):
            added[name] = peak_mb(lambda: times[name].append(seconds(work)))[1]  # noqa: B023 (called at once)
    off = float(np.abs(ours - theirs).max())
    mine, other = median(times["ours"]), median(times["theirs"])
    print(f"inverse of {items:,} x {items:,} float32 ({gram.nbytes / 1e6:,.0f} MB), {rounds} rounds")
    print(f"  EASE's, in place     {mine:8.2f} s, {added['ours']:6.0f} MB more")
    print(f"  numpy.linalg.inv     {other:8.2f} s, {added['theirs']:6.0f} MB more")
    print(f"  {other / mine:.1f} times as fast ({verdict(other >= 2 * mine, 'aim: 2')})")
    print(f"  largest difference   {off:.0e}, of entries up to {float(np.abs(theirs).max()):.2f} (aim: 1e-05)")


def loss(x: NDArray[np.float32], y: NDArray[np.float32], touched: sparse.csr_array) -> float:
    """Return Hu's loss, summed over all pairs, with the plain ridge."""
    users = np.repeat(np.arange(len(x)), np.diff(touched.indptr))
    everywhere = float((x.T.astype(float) @ x * (y.T.astype(float) @ y)).sum())
    seen = 0.0
    for start in range(0, touched.nnz, 1_000_000):
        block = slice(start, start + 1_000_000)
        s = np.einsum("ed,ed->e", x[users[block]], y[touched.indices[block]]).astype(float)
        seen += float(((1 + ALPHA) * (1 - s) ** 2 - s**2).sum())
    return everywhere + seen + RIDGE * float((x.astype(float) ** 2).sum() + (y.astype(float) ** 2).sum())


def factorisation(
    users: int, items: int, events: int, iterations: tuple[int, ...], threads: int, rivals: Path | None
) -> None:
    """Print what iALS takes for a sweep and, beside the rival, for the losses that the rival ends with."""
    data = shop(users, items, events)
    touched = interaction_matrix(data)
    everybody = data.histories(data.sequences.user_ids.tolist())
    print(f"iALS, {users:,} x {items:,}, {touched.nnz:,} events, {DIMENSIONS} dimensions")
    known: dict[int, tuple[float, float]] = {}

    def ours(sweeps: int) -> tuple[float, float]:
        """Return the time of so many sweeps, with that of finding everybody's vector at the end, and the loss."""
        if sweeps not in known:
            settings: dict[str, Any] = {"convention": "hu", "alpha": ALPHA, "regularisation": RIDGE}
            model = IALS(dimensions=DIMENSIONS, frequency_power=0.0, sweeps=sweeps, age_decay="uniform", **settings)
            started = CLOCK.now()
            people = model.fit(data, run=Run(threads=threads)).user_vectors(everybody)
            spent = CLOCK.now() - started
            known[sweeps] = spent, loss(people, model.item_factors_, touched)
        return known[sweeps]

    print(f"  ours                 {(ours(3)[0] - ours(1)[0]) / 2:8.2f} s a sweep")
    for count in iterations if rivals is not None else ():
        assert rivals is not None
        found = rival(rivals, touched, count, threads)
        target = loss(found["x"], found["y"], touched)
        sweeps = next(sweeps for sweeps in range(1, 1000) if ours(sweeps)[1] <= target)
        spent, reached = ours(sweeps)
        ratio = spent / found["seconds"]
        print(
            f"  implicit, {count:3} iterations {found['seconds']:6.2f} s to a loss of {target:,.0f}; "
            f"ours, {sweeps} sweeps {spent:.2f} s to {reached:,.0f}: "
            f"{ratio:.2f} of its time ({verdict(ratio <= 2, 'aim: 2')})"
        )


def rival(rivals: Path, touched: sparse.csr_array, iterations: int, threads: int) -> dict[str, Any]:
    """Let `implicit` factorise the same matrix in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "given.npz", Path(folder) / "taken.npz"
        np.savez(given, indptr=touched.indptr, indices=touched.indices, shape=np.asarray(touched.shape))
        program = Path(__file__).parent / "rivals" / "implicit_als.py"
        options: dict[str, Any] = {
            "dimensions": DIMENSIONS,
            "alpha": 1 + ALPHA,
            "regularisation": RIDGE,
            "iterations": iterations,
            "threads": threads,
            "clock": CLOCK.name,
        }
        options |= {"given": str(given), "taken": str(taken)}
        command = [str(rivals / "implicit" / "bin" / "python"), str(program), json.dumps(options)]
        # Its own threads work side by side; a BLAS with several more would stall them, of which it warns itself.
        subprocess.run(command, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        with np.load(taken) as answer:
            return {"x": answer["x"], "y": answer["y"], "seconds": float(answer["seconds"])}


def rules(events: int) -> None:
    """Print what sequential rules of many events take, the data included."""
    data = shop(events // 75, 27_000, events)
    model = SequentialRules()
    spent: list[float] = []
    peak, added = peak_mb(lambda: spent.append(seconds(lambda: model.fit(data))))
    stored = (model.weights_.data.nbytes + model.weights_.indices.nbytes) / 1e6
    print(f"sequential rules of {data.interactions.frame.height:,} events")
    print(f"  fit {spent[0]:.1f} s; {added:,.0f} MB more than the data take, {stored:,.0f} MB of them the rules")
    print(f"  highest memory of the process {peak:,.0f} MB ({verdict(peak <= MOST_MB, f'aim: {MOST_MB:,.0f}')})")


def counting(beauty: Path | None, quick: bool) -> None:
    """Print what the counting rows of a comparison take, choices on validation included."""
    size = (5_000, 3_000, 50_000) if quick else (22_000, 12_000, 200_000)
    data = shop(*size) if beauty is None else load_dataset("amazon-beauty", beauty)
    split = leave_one_out(data)
    total = 0.0
    print(f"counting rows of {data.name}, leave-one-out, {len(data.interactions):,} events")
    for name in COUNTING:
        model = make_model(name)
        spent = seconds(lambda: model.fit(split.train, split.valid))  # noqa: B023 (called at once)
        total += spent
        print(f"  {name:20}{spent:8.1f} s for {model.settings_tried_} settings")
    print(f"  {'together':20}{total:8.1f} s ({verdict(total <= MOST_SECONDS, f'aim: {MOST_SECONDS:.0f}')})")


def answers(users: int, items: int, events: int, threads: int) -> None:
    """Print, for every model, what a fit takes with the first values of its grid, and one recommendation.

    Networks go through the data once.
    """
    data = shop(users, items, events)
    rng = np.random.default_rng(1)
    histories = [rng.choice(data.items.ids, HISTORY, replace=False).tolist() for _ in range(ANSWERS)]
    print(f"one recommendation, {users:,} people, {items:,} items, {data.interactions.frame.height:,} events")
    print(f"  {'':20}{'fit s':>8}{'fit MB':>9}{'median ms':>11}{'95% ms':>9}")
    for name in MODELS:
        model = make_model(name, {"sasrec": {"epochs": 1}})
        spent: list[float] = []
        try:
            run = Run(threads=threads)
            grown = peak_mb(lambda: spent.append(seconds(lambda: model.fit(data, run=run))))[1]  # noqa: B023
        except (DataError, MissingExtraError) as error:
            print(f"  {name:20}  {error.message}")
            continue
        each = [1000 * seconds(lambda: model.recommend(history=history, k=10)) for history in histories]  # noqa: B023
        late = "" if median(each) < MOST_MS else f"  over {MOST_MS:.0f} ms: MISSED"
        print(f"  {name:20}{spent[0]:8.1f}{grown:9.0f}{median(each):11.2f}{np.percentile(each, 95):9.2f}{late}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3,000 items instead of 12,000, a million events at most")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the parts")
    parser.add_argument("--rounds", type=int, help="times to repeat the inverse (1, or 3 with --quick)")
    parser.add_argument("--threads", type=int, default=Run().threads, help="threads of both sides")
    parser.add_argument("--cpu", action="store_true", help="the processor's time, summed over threads")
    parser.add_argument("--beauty", type=Path, metavar="DIR", help="count Amazon Beauty's events, not generated ones")
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", help="folder with the environments of rivals")
    asked = parser.parse_args()
    CLOCK.name = "process_time" if asked.cpu else "perf_counter"
    quick, threads = asked.quick, asked.threads
    print(f"{threads} threads, {'processor' if asked.cpu else 'wall'} time")
    with Run(threads=threads).limited():
        if "inverse" in asked.only:
            inverse(3_000 if quick else 12_000, asked.rounds or (3 if quick else 1))
        if "ials" in asked.only:
            factorisation(6_040, 3_706, 1_000_000, (5, 15), threads, asked.rivals)
        if "ials" in asked.only and not quick:
            factorisation(138_000, 27_000, 10_000_000, (5,), threads, asked.rivals)
        if "rules" in asked.only:
            rules(1_000_000 if quick else 10_000_000)
        if "counting" in asked.only:
            counting(asked.beauty, quick)
        if "answers" in asked.only:
            answers(*((5_000, 3_000, 50_000) if quick else (22_000, 12_000, 200_000)), threads)


PARTS = ("inverse", "ials", "rules", "counting", "answers")

if __name__ == "__main__":
    main()
