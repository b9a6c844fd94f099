"""How long the plain models take: EASE beside ``numpy.linalg.inv``, iALS beside `implicit`, one answer of each model.

Run ``python benchmarks/ladder.py --quick`` for a few minutes' look on 3,000 items and, without ``--quick``, for
12,000. Everything is generated; ratios are to rivals of the same run, medians of rounds that take turns. Set
``OPENBLAS_NUM_THREADS=1`` to see one thread. With ``--rivals VENV_DIR`` `implicit` factorises the same data with as
many threads, in an environment of its own::

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

from tastemaker.data import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.evaluation import memory
from tastemaker.models import IALS, MODELS, make_model
from tastemaker.models.ease import _invert
from tastemaker.models.item_to_item import interaction_matrix

TASTES, HISTORY, LIMIT_MS = 20, 8, 5.0
ALPHA, RIDGE, DIMENSIONS = 10.0, 10.0, 64


def shop(users: int, items: int, events: int, seed: int = 0) -> Dataset:
    """Return people of some tastes, whose items are drawn by popularity (a power law) and taste."""
    rng = np.random.default_rng(seed)
    taste_of_item, taste_of_user = rng.integers(0, TASTES, items), rng.integers(0, TASTES, users)
    popularity = (np.arange(items) + 30.0) ** -0.9
    activity = rng.lognormal(0, 1.0, users)
    lengths = np.clip(np.round(1.4 * events * activity / activity.sum()), HISTORY, items // 3).astype(np.int64)
    user = np.repeat(np.arange(users), lengths)
    item = np.empty(len(user), dtype=np.int64)
    for taste in range(TASTES):
        shares = np.cumsum(popularity * np.where(taste_of_item == taste, 8.0, 1.0))
        theirs = taste_of_user[user] == taste
        item[theirs] = np.searchsorted(shares, rng.random(theirs.sum()) * shares[-1])
    pairs = np.unique(user * items + item)
    order = rng.permutation(len(pairs))
    frame = pl.DataFrame({"user": pairs[order] // items, "item": pairs[order] % items}).select(
        pl.format("u{}", "user").alias("user_id"),
        pl.format("i{}", "item").alias("item_id"),
        (pl.int_range(pl.len()) + 1_500_000_000).alias("timestamp"),
    )
    words = np.asarray(["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "iris", "jade"])
    titles = [f"{' '.join(rng.choice(words, 3))} {taste}" for taste in taste_of_item]
    catalogue = pl.DataFrame({"item_id": [f"i{item}" for item in range(items)], "title": titles})
    return Dataset.of(Interactions.from_frame(frame), catalogue, name="generated")


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def added_mb(work: Callable[[], object]) -> float:
    """Return how far the memory rises above where it stands while some work is done."""
    memory.reset_peak()
    before = memory.peak_mb() or 0.0
    work()
    return (memory.peak_mb() or 0.0) - before


def inverse(items: int, rounds: int) -> None:
    """Print what EASE's inverse takes beside the general one."""
    rng = np.random.default_rng(0)
    x = (rng.random((2_000, items), dtype=np.float32) < 0.02).astype(np.float32)
    gram = x.T @ x + 50 * np.eye(items, dtype=np.float32)
    ours, theirs = np.empty_like(gram), np.empty_like(gram)
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        ours[...] = gram
        times["ours"].append(seconds(lambda: _invert(ours)))
        times["theirs"].append(seconds(lambda: theirs.__setitem__(slice(None), np.linalg.inv(gram))))
    off = float(np.abs(ours - theirs).max())
    grown = added_mb(lambda: _invert(ours))
    general = added_mb(lambda: np.linalg.inv(gram))
    mine, other = median(times["ours"]), median(times["theirs"])
    print(f"inverse of {items:,} x {items:,} float32 ({gram.nbytes / 1e6:,.0f} MB), {rounds} rounds")
    print(f"  EASE's, in place     {mine:8.2f} s, {grown:6.0f} MB more")
    print(f"  numpy.linalg.inv     {other:8.2f} s, {general:6.0f} MB more: {other / mine:.1f} x ours")
    print(f"  largest difference   {off:8.0e}, of entries up to {float(np.abs(theirs).max()):.2f}")


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


def factorisation(users: int, items: int, events: int, iterations: int, rivals: Path | None) -> None:
    """Print what iALS takes for a sweep and, beside the rival, for the loss that the rival ends with."""
    data = shop(users, items, events)
    touched = interaction_matrix(data)
    everybody = data.histories(data.sequences.user_ids.tolist())
    print(f"iALS, {users:,} x {items:,}, {touched.nnz:,} events, {DIMENSIONS} dimensions")

    def ours(sweeps: int) -> tuple[float, float]:
        settings: dict[str, Any] = {"convention": "hu", "alpha": ALPHA, "regularisation": RIDGE}
        model = IALS(dimensions=DIMENSIONS, frequency_power=0.0, sweeps=sweeps, age_decay="uniform", **settings)
        started = time.perf_counter()
        model.fit(data)
        people = model.user_vectors(everybody)
        return time.perf_counter() - started, loss(people, model.item_factors_, touched)

    first, second = ours(1)[0], ours(3)[0]
    print(f"  ours                 {(second - first) / 2:8.2f} s a sweep")
    if rivals is None:
        return
    found = rival(rivals, touched, iterations)
    target = loss(found["x"], found["y"], touched)
    print(f"  implicit             {found['seconds'] / iterations:8.2f} s an iteration, {found['threads']} threads")
    for sweeps in range(1, 4 * iterations):
        spent, reached = ours(sweeps)
        if reached <= target:
            break
    print(
        f"  to a loss of {target:,.0f}: ours {spent:.1f} s in {sweeps} sweeps ({reached:,.0f}), implicit "
        f"{found['seconds']:.1f} s in {iterations} iterations; ours takes {spent / found['seconds']:.2f} of it"
    )


def rival(rivals: Path, touched: sparse.csr_array, iterations: int) -> dict[str, Any]:
    """Let `implicit` factorise the same matrix in its own environment."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS", str(os.cpu_count()))
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "given.npz", Path(folder) / "taken.npz"
        np.savez(given, indptr=touched.indptr, indices=touched.indices, shape=np.asarray(touched.shape))
        program = Path(__file__).parent / "rivals" / "implicit_als.py"
        options: dict[str, Any] = {
            "dimensions": DIMENSIONS,
            "alpha": 1 + ALPHA,
            "regularisation": RIDGE,
            "iterations": iterations,
        }
        options |= {"threads": int(threads), "given": str(given), "taken": str(taken)}
        command = [str(rivals / "implicit" / "bin" / "python"), str(program), json.dumps(options)]
        subprocess.run(command, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        with np.load(taken) as answer:
            return {"x": answer["x"], "y": answer["y"], "seconds": float(answer["seconds"]), "threads": threads}


def answers(users: int, items: int, events: int) -> None:
    """Print, for every model, what a fit takes with the first values of its grid, and one recommendation."""
    data = shop(users, items, events)
    rng = np.random.default_rng(1)
    histories = [rng.choice(data.items.ids, HISTORY, replace=False).tolist() for _ in range(120)]
    print(f"one recommendation, {users:,} people, {items:,} items, {data.interactions.frame.height:,} events")
    print(f"  {'':20}{'fit s':>8}{'fit MB':>9}{'median ms':>11}{'95% ms':>9}")
    for name in MODELS:
        model = make_model(name)
        started = time.perf_counter()
        grown = added_mb(lambda: model.fit(data))  # noqa: B023 (called at once)
        fitted = time.perf_counter() - started
        spent = [1000 * seconds(lambda: model.recommend(history=history, k=10)) for history in histories][20:]  # noqa: B023
        late = "" if median(spent) < LIMIT_MS else f"  over {LIMIT_MS:.0f} ms"
        print(f"  {name:20}{fitted:8.1f}{grown:9.0f}{median(spent):11.2f}{np.percentile(spent, 95):9.2f}{late}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3,000 items instead of 12,000, a million events at most")
    parser.add_argument("--rounds", type=int, default=3, help="times to repeat the inverse")
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", help="folder with the environments of rivals")
    arguments = parser.parse_args()
    inverse(3_000 if arguments.quick else 12_000, arguments.rounds)
    factorisation(6_040, 3_706, 1_000_000, 15, arguments.rivals)
    if arguments.quick:
        answers(5_000, 3_000, 50_000)
    else:
        answers(22_000, 12_000, 200_000)
        factorisation(138_000, 27_000, 20_000_000, 5, arguments.rivals)


if __name__ == "__main__":
    main()
