"""How long a full evaluation takes for each score, beside the matrix product that it rests on, and beside others.

Run ``python benchmarks/evaluation.py --quick`` for a minute's look, and without ``--quick`` for 22,000 users and
12,000 items. Ratios are to rivals of the same run; set ``OPENBLAS_NUM_THREADS=1`` to see one thread. With
``--rivals VENV_DIR`` RecTools and RecBole evaluate the same scores; each needs an environment of its own there,
because both want an older numpy::

    python -m venv VENV_DIR/rectools && VENV_DIR/rectools/bin/pip install rectools==0.19.0 "numpy<2"
    python -m venv VENV_DIR/recbole && VENV_DIR/recbole/bin/pip install recbole==1.2.1 "numpy<2" "scipy<1.14"
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
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import QueryBatch
from tastemaker.data import Dataset, HeldOut
from tastemaker.evaluation import Judge, memory, rank_targets, resampled_means, validation_ndcg

DIMENSIONS, BLOCK, K, HISTORY = 64, 166, 10, 8


class Clock:
    """Wall time, or the processor's time of this process."""

    name = "perf_counter"

    def now(self) -> float:
        """Return the time in seconds."""
        return float(getattr(time, self.name)())


CLOCK = Clock()


def questions(
    users: int, items: int, history: int, rng: np.random.Generator, targets: int = 1
) -> tuple[Dataset, HeldOut]:
    """Return random events, ``history`` a user, and a query a user with so many random targets."""
    events = pl.DataFrame(
        {
            "user_id": np.repeat([f"{user:07}" for user in range(users)], history),
            "item_id": [str(item) for item in rng.integers(0, items, users * history).tolist()],
        }
    )
    train = Dataset.of(events, pl.DataFrame({"item_id": [str(item) for item in range(items)]}), name="generated")
    queries = train.histories(train.sequences.user_ids.tolist())
    wanted = np.concatenate([rng.choice(items, targets, replace=False) for _ in range(users)]).astype(np.int32)
    numbers = np.arange(users, dtype=np.int32)
    rows = users * history + np.arange(len(wanted))
    return train, HeldOut(queries, wanted, np.repeat(numbers, targets), numbers, rows, train.fingerprint)


def in_order(rows: Callable[[int, int], Any], total: int) -> Callable[[QueryBatch], Any]:
    """Return a scorer that gives the next rows at each call, over and over."""
    done = 0

    def score(batch: QueryBatch) -> Any:
        nonlocal done
        start, done = done, (done + len(batch)) % total
        return rows(start, start + len(batch))

    return score


def best_of(work: Callable[[], object], rounds: int) -> float:
    """Return the shortest of some times in seconds."""
    times = []
    for _ in range(rounds):
        started = CLOCK.now()
        work()
        times.append(CLOCK.now() - started)
    return min(times)


def by_partition(people: NDArray[np.float32], things: NDArray[np.float32], held: HeldOut) -> float:
    """Evaluate the plain way: mask, `argpartition`, sort, look for the target; return NDCG."""
    gain = 0.0
    queries = held.queries
    for start in range(0, len(held), BLOCK):
        scores = people[start : start + BLOCK] @ things
        targets = held.targets[start : start + BLOCK]
        for row in range(len(scores)):
            wanted = scores[row, targets[row]]
            scores[row, queries.codes[queries.starts[start + row] : queries.ends[start + row]]] = -np.inf
            scores[row, targets[row]] = wanted
        top = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), axis=1), 1)
        hit, place = np.nonzero(order == targets[:, None])
        gain += float((1 / np.log2(place + 2)).sum()) if len(hit) else 0.0
    return gain / len(held)


def by_torch(people: NDArray[np.float32], things: NDArray[np.float32], held: HeldOut) -> float | None:
    """Evaluate with `torch`: mask, count what scores higher, `topk`; return NDCG, or nothing without torch."""
    try:
        import torch
    except ImportError:
        return None
    gain, queries = 0.0, held.queries
    right, left = torch.from_numpy(things), torch.from_numpy(people)
    history = torch.from_numpy(queries.codes[queries.flatten()[1]].reshape(len(held), -1)).long()
    targets = torch.from_numpy(held.targets).long()
    for start in range(0, len(held), BLOCK):
        scores = left[start : start + BLOCK] @ right
        rows = torch.arange(len(scores))
        wanted = scores[rows, targets[start : start + BLOCK]]
        scores[rows.repeat_interleave(history.shape[1]), history[start : start + BLOCK].reshape(-1)] = -torch.inf
        scores[rows, targets[start : start + BLOCK]] = wanted
        ranks = (scores > wanted[:, None]).sum(dim=1).numpy() + 1
        torch.topk(scores, K, dim=1)
        gain += float((1 / np.log2(ranks[ranks <= K] + 1)).sum())
    return gain / len(held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3,000 users instead of 22,000")
    parser.add_argument("--rounds", type=int, default=3, help="times to repeat each measurement")
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", help="folder with the environments of rivals")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of wall time, for a busy machine")
    arguments = parser.parse_args()
    if arguments.cpu:
        CLOCK.name = "process_time"
    users, items = (3_000, 12_000) if arguments.quick else (22_000, 12_000)
    rng = np.random.default_rng(0)
    train, held = questions(users, items, HISTORY, rng)
    ids = train.items.ids
    people = rng.standard_normal((users, DIMENSIONS)).astype(np.float32)
    things = np.ascontiguousarray(rng.standard_normal((items, DIMENSIONS)).astype(np.float32).T)

    def product(start: int, end: int) -> NDArray[np.float32]:
        return people[start:end] @ things

    def evaluation() -> dict[str, float]:
        judge = Judge(held, train, (K,))
        found = rank_targets(in_order(product, users), held, ids, k=K)
        return dict(judge.measure("ours", found.ranks, found.lists, 0.0).metrics)

    memory.reset_peak()
    before = memory.peak_mb() or 0.0
    ndcg = evaluation()[f"ndcg@{K}"]
    peak = memory.peak_mb() or 0.0
    rounds = arguments.rounds
    bare = best_of(lambda: [product(start, start + BLOCK) for start in range(0, users, BLOCK)], rounds)
    ours = best_of(evaluation, rounds)
    lists = best_of(lambda: rank_targets(in_order(product, users), held, ids, k=K), rounds)
    ranks = best_of(lambda: rank_targets(in_order(product, users), held, ids), rounds)
    plain = best_of(lambda: by_partition(people, things, held), rounds)
    scale = 1e9 / (users * items)
    print(f"{users:,} users x {items:,} items, product of {DIMENSIONS} dimensions included")
    print(f"  bare matrix product      {bare * scale:6.2f} ns a score")
    print(f"  ranks                    {ranks * scale:6.2f} ns a score, {ranks / bare:.1f} x the product")
    print(f"  ranks and lists of {K}    {lists * scale:6.2f} ns a score, {lists / bare:.1f} x the product")
    print(f"  and every usual metric   {ours * scale:6.2f} ns a score, {ours:.2f} s in all")
    print(f"  argpartition, NDCG alone {plain * scale:6.2f} ns a score; ours takes {ours / plain:.2f} of it")
    if by_torch(people, things, held[np.arange(BLOCK)]) is not None:
        spent = best_of(lambda: by_torch(people, things, held), rounds)
        print(f"  torch.topk, NDCG alone   {spent * scale:6.2f} ns a score; ours takes {ours / spent:.2f} of it")
    print(
        f"  peak memory {peak:,.0f} MB, {peak - before:.0f} above the start; all scores: {users * items * 4e-6:,.0f} MB"
    )
    several(users, items, rng, product, rounds)
    if arguments.rivals is not None:
        against_rivals(arguments.rivals, people, things, held, rounds, ours, ndcg)
    selection(rng, arguments.rounds)
    values = rng.random((users, 32))
    spent = best_of(lambda: resampled_means(values), 1)
    print(f"bootstrap of 32 columns, {users:,} users, 1,000 replicates: {spent:.2f} s")


def several(
    users: int, items: int, rng: np.random.Generator, product: Callable[[int, int], NDArray[np.float32]], rounds: int
) -> None:
    """Time queries with several targets."""

    def spent(held: HeldOut, ids: NDArray[np.object_]) -> float:
        return best_of(lambda: rank_targets(in_order(product, users), held, ids, k=K), rounds)

    for targets in (10, 50):
        train, held = questions(users, items, HISTORY, rng, targets)
        taken = 1e9 * spent(held, train.items.ids) / (users * items)
        print(f"  ranks of {targets} targets a query and lists {taken:6.2f} ns a score")


def against_rivals(
    folder: Path,
    people: NDArray[np.float32],
    things: NDArray[np.float32],
    held: HeldOut,
    rounds: int,
    ours: float,
    ndcg: float,
) -> None:
    """Let rivals evaluate the same scores in their own environments, and print how many times longer they take."""
    threads = int(os.environ.get("OPENBLAS_NUM_THREADS", len(os.sched_getaffinity(0))))
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "scores.npz"
        history = held.queries.codes.reshape(len(held), -1)
        np.savez(path, people=people, things=things.T, history=history, targets=held.targets, k=K, rounds=rounds)
        for name in ("rectools", "recbole"):
            python, program = (
                folder / name / "bin" / "python",
                Path(__file__).parent / "rivals" / f"{name}_evaluation.py",
            )
            if not python.exists():
                print(f"  {name}: not run, there is no {python}")
                continue
            words = [str(python), str(program), str(path), str(threads), CLOCK.name]
            done = subprocess.run(words, capture_output=True, text=True, check=False, env=own)
            if done.returncode:
                print(f"  {name}: not run: {done.stderr.strip().splitlines()[-1]}")
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            agreed = "agrees" if abs(found["ndcg"] - ndcg) < 1e-6 else f"differs: {found['ndcg']:.6f} for {ndcg:.6f}"
            print(
                f"  {found['name']:24} {found['seconds']:6.2f} s, {found['seconds'] / ours:.1f} x ours; NDCG {agreed}"
            )


def selection(rng: np.random.Generator, rounds: int) -> None:
    """Time the sparse path that chooses the settings of counting models."""
    queries, items, filled = 5_000, 12_000, 1_000
    _, held = questions(queries, items, HISTORY, rng)
    columns = np.concatenate([rng.choice(items, filled, replace=False) for _ in range(queries)])
    data = rng.random(queries * filled, dtype=np.float32)
    matrix = sparse.csr_array((data, columns.astype(np.int32), np.arange(queries + 1) * filled), shape=(queries, items))
    blocks: dict[int, Any] = {}

    def cut(start: int, end: int) -> Any:
        if start not in blocks:
            blocks[start] = matrix[start:end]
        return blocks[start]

    score = in_order(cut, queries)
    validation_ndcg(score, held, held.queries.dictionary)
    spent = best_of(lambda: validation_ndcg(score, held, held.queries.dictionary), rounds)
    print(f"validation NDCG of {queries:,} queries x {items:,} items, {filled:,} scores a query: {1000 * spent:.0f} ms")


if __name__ == "__main__":
    main()
