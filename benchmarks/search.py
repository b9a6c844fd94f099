"""How long a search among vectors takes, beside the bare product of the matrices in the same run.

- exact search of 100,000 x 384: the best 100, for one query and for 32 at once, beside ``queries @ vectors.T``; and
  with a mask that allows few, half and nearly all;
- usearch's graph over 1,000,000 x 64: building, memory, the share of the true best 100 that it finds, and its time
  beside exact search, with and without a mask;
- words: BM25 over 100,000 texts.

All data are generated: vectors lie around 1,000 centres, at an angle of about 35 degrees from theirs, scaled to length
1; queries are drawn in the same way. Texts are drawn from 50,000 words by a power law. ``--quick`` takes a tenth of
the vectors and texts. Rounds of both sides take turns, medians are printed, and both have ``--threads`` threads.
``--cpu`` counts the processor's time instead of the wall's, which is what a machine that others use can tell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.evaluation import memory
from tastemaker.retrieval import ExactIndex, LexicalIndex, UsearchIndex
from tastemaker.retrieval.approximate import usearch_installed


class Clock:
    """Wall time, or the processor's time of this process."""

    name = "perf_counter"

    def now(self) -> float:
        """Return the time in seconds."""
        return float(getattr(time, self.name)())


CLOCK = Clock()
K, BATCH, CENTRES, SPREAD = 100, 32, 1_000, 0.7
MOST_RATIO, LEAST_RECALL = 2.0, 0.98
Vectors = NDArray[np.float32]


def clustered(count: int, dim: int, seed: int) -> Vectors:
    """Return vectors of length 1 around centres that are the same for every seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((CENTRES, dim), dtype=np.float32)
    vectors = centres[rng.integers(CENTRES, size=count)]
    vectors += SPREAD * rng.standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def medians(rounds: int, **works: Callable[[], object]) -> dict[str, float]:
    """Return the median milliseconds of each of some works, which take turns; the first round does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            started = CLOCK.now()
            work()
            if turn:
                times[name].append(1000 * (CLOCK.now() - started))
    return {name: median(each) for name, each in times.items()}


def verdict(good: bool, aim: str) -> str:
    return aim if good else f"{aim}: MISSED"


def exact(items: int, dim: int, rounds: int) -> None:
    """Print what exact search takes beside the product alone."""
    vectors, queries = clustered(items, dim, 1), clustered(BATCH, dim, 2)
    started = CLOCK.now()
    index = ExactIndex(vectors)
    print(f"exact: best {K} of {items:,} x {dim} ({vectors.nbytes / 1e6:,.0f} MB)")
    print(f"  checking the vectors{1000 * (CLOCK.now() - started):22.0f} ms, once")
    for asked in (queries[:1], queries):
        spent = medians(
            rounds,
            product=lambda: asked @ vectors.T,  # noqa: B023 (called at once)
            search=lambda: index.search(asked, K),  # noqa: B023 (called at once)
        )
        ratio = spent["search"] / spent["product"]
        print(
            f"  {len(asked):2} at once: product alone {spent['product']:7.2f} ms, search {spent['search']:7.2f} ms: "
            f"{ratio:.2f} times ({verdict(ratio <= MOST_RATIO, f'aim: {MOST_RATIO:g}')})"
        )
    rng = np.random.default_rng(3)
    for share in (0.01, 0.1, 0.5, 0.99):
        mask = rng.random(items) < share
        spent = medians(
            rounds,
            all=lambda: index.search(queries[:1], K),
            one=lambda: index.search(queries[:1], K, mask),  # noqa: B023 (called at once)
            batch=lambda: index.search(queries, K, mask),  # noqa: B023 (called at once)
        )
        print(
            f"  {share:4.0%} allowed: one {spent['one']:7.2f} ms, {spent['one'] / spent['all']:.2f} of all; "
            f"{BATCH} at once {spent['batch']:7.2f} ms"
        )


def recall(found: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    hits = sum(len(np.intersect1d(a[a >= 0], b[b >= 0])) for a, b in zip(found, truth, strict=True))
    return float(hits / max(int((truth >= 0).sum()), 1))


def graph(items: int, dim: int, questions: int, threads: int) -> None:
    """Print what the graph takes to build and to search, and what it finds."""
    if not usearch_installed():
        print("usearch: not run, the extra 'ann' is not installed")
        return
    vectors, queries = clustered(items, dim, 1), clustered(questions, dim, 2)
    whole = ExactIndex(vectors)
    memory.reset_peak()
    before = memory.peak_mb() or 0.0
    started = CLOCK.now()
    index = UsearchIndex(vectors, run=Run(threads=threads))
    built, more = CLOCK.now() - started, (memory.peak_mb() or 0.0) - before
    print(f"usearch: best {K} of {items:,} x {dim} ({vectors.nbytes / 1e6:,.0f} MB), {questions} queries one by one")
    print(f"  built in {built:.0f} s; {more:,.0f} MB more than the vectors", flush=True)
    rng = np.random.default_rng(3)
    for name, mask in {"all": None, "half allowed": 0.5, "10% allowed": 0.1, "1% allowed": 0.01}.items():
        allowed = None if mask is None else rng.random(items) < mask
        truth = whole.search(queries, K, allowed)[0]
        found: list[NDArray[np.int32]] = []
        slow: list[float] = []
        quick: list[float] = []
        for place in range(questions):
            one = queries[place : place + 1]
            for kind, times in ((whole, slow), (index, quick)):
                started = CLOCK.now()
                answer = kind.search(one, K, allowed)
                times.append(1000 * (CLOCK.now() - started))
            found.append(answer[0])
        share = recall(np.concatenate(found), truth)
        print(
            f"  {name:13} recall {share:.4f} ({verdict(share >= LEAST_RECALL, f'aim: {LEAST_RECALL}')}), "
            f"{median(quick):6.2f} ms, exact {median(slow):6.2f} ms: {median(slow) / median(quick):.1f} times as fast"
        )


def lexical(texts: int, rounds: int) -> None:
    """Print what BM25 takes."""
    rng = np.random.default_rng(0)
    shares = np.cumsum(1 / (np.arange(50_000) + 10.0))
    drawn = np.searchsorted(shares, rng.random(texts * 20) * shares[-1]).reshape(texts, 20)
    said = [" ".join(f"w{word}" for word in row) for row in drawn]
    started = CLOCK.now()
    index = LexicalIndex(said)
    print(f"words: best {K} of {texts:,} texts of 20 words")
    print(f"  built in {CLOCK.now() - started:.1f} s")
    for name, question in {"4 rare words": "w9000 w8000 w7000 w6000", "4 frequent words": "w1 w2 w3 w4"}.items():
        print(f"  {name:17}{medians(rounds, search=lambda: index.search([question], K))['search']:7.2f} ms")  # noqa: B023


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the vectors and texts")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the parts")
    parser.add_argument("--rounds", type=int, default=15, help="times to repeat")
    parser.add_argument("--threads", type=int, default=Run().threads, help="threads of both sides")
    parser.add_argument("--cpu", action="store_true", help="the processor's time, summed over threads")
    asked = parser.parse_args()
    CLOCK.name = "process_time" if asked.cpu else "perf_counter"
    size = 10 if asked.quick else 1
    print(f"{asked.threads} threads, {'processor' if asked.cpu else 'wall'} time", flush=True)
    with Run(threads=asked.threads).limited():
        if "exact" in asked.only:
            exact(100_000 // size, 384, asked.rounds)
        if "graph" in asked.only:
            graph(1_000_000 // size, 64, 200, asked.threads)
        if "words" in asked.only:
            lexical(100_000 // size, asked.rounds)


PARTS = ("exact", "graph", "words")

if __name__ == "__main__":
    main()
