"""Products of matrices by torch, and the full softmax beside plain torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

import torch
from benchmarks.parts.measuring import apart, peak_mb, seconds
from torch.nn.functional import cross_entropy

from tastemaker.blocks.losses import ROWS, full_softmax

STATES, ITEMS, DIMENSIONS = 2_048, 12_101, 64
PRECISIONS: Final = {"highest": "float32", "medium": "as the loop multiplies"}
"""What is measured by the names that `torch.set_float32_matmul_precision` takes."""


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def product_rates(rounds: int) -> dict[str, float]:
    """Return operations a second of the three products of the loss, the best of some rounds, by torch's precision."""
    states, items, scores = torch.randn(ROWS, DIMENSIONS), torch.randn(ITEMS, DIMENSIONS), torch.empty(ROWS, ITEMS)
    by_state, by_item = torch.empty_like(states), torch.zeros_like(items)

    def of_the_loss() -> None:
        torch.mm(states, items.T, out=scores)
        torch.mm(scores, items, out=by_state)
        by_item.addmm_(scores.T, states)

    rates = {}
    for precision in PRECISIONS:
        with multiplying(precision):
            rates[precision] = 6 * ROWS * ITEMS * DIMENSIONS / min(seconds(of_the_loss) for _ in range(rounds))
    return rates


def products(rounds: int) -> None:
    """Print how quickly matrices are multiplied."""
    rates, square = product_rates(rounds), torch.randn(1_024, 1_024)
    print(f"products of {ROWS} x {ITEMS:,} x {DIMENSIONS}, the three of the loss, and of 1,024 x 1,024 x 1,024")
    for precision, said in PRECISIONS.items():
        with multiplying(precision):
            other = 2 * 1_024**3 / min(seconds(lambda: torch.mm(square, square)) for _ in range(rounds))
        print(f"  {said:24}{rates[precision] / 1e9:8.0f} GFLOP/s, square {other / 1e9:8.0f}")


class Softmax:
    """Loss and gradients of the full softmax, ours and by plain torch."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(0)
        self.states = torch.randn(STATES, DIMENSIONS, generator=rng, requires_grad=True)
        self.items = (torch.randn(ITEMS, DIMENSIONS, generator=rng) / 8).requires_grad_()
        self.targets, self.weights = torch.randint(ITEMS, (STATES,), generator=rng), torch.ones(STATES)

    def gradients(self, fused: bool, count: int = STATES) -> tuple[torch.Tensor, ...]:
        """Return the gradients by the first states and by the items."""
        states, targets = self.states[:count], self.targets[:count]
        if fused:
            loss = full_softmax(states, self.items, targets, self.weights[:count])
        else:
            loss = cross_entropy(states @ self.items.T, targets)
        return tuple(torch.autograd.grad(loss, [self.states, self.items]))

    @classmethod
    def added_mb(cls, fused: bool, threads: int) -> float:
        """Return the memory that is added, in a process that has done nothing else; its libraries are loaded before."""
        torch.set_num_threads(threads)
        work = cls()
        with multiplying("medium"):
            work.gradients(fused, 8)
            return peak_mb(lambda: work.gradients(fused))


def softmax(rounds: int, threads: int) -> None:
    """Print what loss and gradients take beside plain torch."""
    work = Softmax()
    print(f"full softmax of {STATES:,} x {ITEMS:,} x {DIMENSIONS} with its gradients, median of {rounds} rounds")
    for precision, said in PRECISIONS.items():
        times: dict[bool, list[float]] = {True: [], False: []}
        with multiplying(precision):
            for _ in range(rounds + 1):  # the first does not count
                for fused, spent in times.items():
                    spent.append(seconds(lambda: work.gradients(fused)))  # noqa: B023 (called at once)
            pairs = list(zip(work.gradients(True), work.gradients(False), strict=True))
        mine, other = median(times[True][1:]), median(times[False][1:])
        off = max(float((own - plain).abs().max() / plain.abs().max()) for own, plain in pairs)
        print(
            f"  {said:24}ours {1000 * mine:6.0f} ms, plain {1000 * other:6.0f} ms: {other / mine:.1f} times as fast; "
            f"gradients differ by {off:.0e} of the largest"
        )
    mine, other = (apart(Softmax.added_mb, fused, threads) for fused in (True, False))
    print(f"  {'memory':24}ours {mine:6.0f} MB, plain {other:6.0f} MB more: {other / mine:.0f} times as much")
