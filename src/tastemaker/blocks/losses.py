"""Losses of a state against the vectors of all items, or of a few; each takes a weight for every target.

All return ``sum_t weight_t loss_t / sum_t weight_t``. ``states`` are float32 ``[m, d]``, ``items`` float32 ``[n, d]``,
``targets`` int64 ``[m]``, ``weights`` float32 ``[m]``; the score of an item is its product with the state.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import embedding, logsigmoid, pad, softplus

ROWS: Final = 256
"""States whose scores of all items exist at once: the scores of so many stay in the processor's cache."""


STEP: Final = 64
"""What the number of states is filled up to a multiple of: for each shape of a product oneDNN prepares a program."""


class _FullSoftmax(torch.autograd.Function):
    """Cross-entropy whose gradients are worked out while the scores are at hand, a block of rows after the other."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, items: Tensor, targets: Tensor, weights: Tensor, rows: int) -> Tensor:
        shares = weights / weights.sum()
        by_state, by_item = torch.empty_like(states), torch.zeros_like(items)
        scores = torch.empty(min(rows, len(states)), len(items), dtype=states.dtype)
        loss = states.new_zeros(())
        # No score is larger than the product of the lengths; where that is small, exp needs no shift.
        small = float(states.norm(dim=1).max() * items.norm(dim=1).max()) < 80 if len(states) else True
        for start in range(0, len(states), rows):
            part, wanted = states[start : start + rows], targets[start : start + rows, None]
            share = shares[start : start + rows, None]
            block = torch.mm(part, items.T, out=scores[: len(part)])
            if not small:
                block -= block.amax(1, keepdim=True)
            own = block.gather(1, wanted)
            sums = block.exp_().sum(1, keepdim=True)
            loss += (share * (sums.log() - own)).sum()
            block *= share / sums
            block.scatter_add_(1, wanted, -share)
            torch.mm(block, items, out=by_state[start : start + rows])
            by_item.addmm_(block.T, part)
        ctx.save_for_backward(by_state, by_item)
        return loss

    @staticmethod
    def backward(ctx: Any, *above: Any) -> tuple[Tensor, Tensor, None, None, None]:
        by_state, by_item = ctx.saved_tensors
        return by_state * above[0], by_item * above[0], None, None, None


class _SampledSoftmax(torch.autograd.Function):
    """Cross-entropy over a target and shared negatives, with gradients as those of `_FullSoftmax`."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        own: Tensor,
        others: Tensor,
        own_shift: Tensor,
        shift: Tensor,
        place: Tensor,
        weights: Tensor,
        rows: int,
    ) -> Tensor:
        shares = (weights / weights.sum())[:, None]
        by_state, by_own, by_other = torch.empty_like(states), torch.empty_like(own), torch.zeros_like(others)
        scores = torch.empty(min(rows, len(states)), len(others), dtype=states.dtype)
        wanted = (states * own).sum(1, keepdim=True) + own_shift[:, None]
        longest = float(states.norm(dim=1).max() * others.norm(dim=1).max()) if len(states) else 0.0
        small = longest + float(shift.max()) < 80 and (not len(states) or float(wanted.abs().max()) < 80)
        loss = states.new_zeros(())
        for start in range(0, len(states), rows):
            span = slice(start, start + rows)
            part, share, mine, here = states[span], shares[span], wanted[span], place[span]
            block = torch.addmm(shift, part, others.T, out=scores[: len(part)])
            same = (here >= 0).nonzero().flatten()
            block[same, here[same]] = -torch.inf
            if not small:
                top = torch.maximum(block.amax(1, keepdim=True), mine)
                block, mine = block.sub_(top), mine - top
            power = mine.exp()
            sums = block.exp_().sum(1, keepdim=True) + power
            loss += (share * (sums.log() - mine)).sum()
            block *= share / sums
            off = share * (power / sums - 1)
            by_state[span] = torch.addmm(off * own[span], block, others)
            by_own[span] = off * part
            by_other.addmm_(block.T, part)
        ctx.save_for_backward(by_state, by_own, by_other)
        return loss

    @staticmethod
    def backward(ctx: Any, *above: Any) -> tuple[Tensor | None, ...]:
        return (*(each * above[0] for each in ctx.saved_tensors), None, None, None, None, None)


def full_softmax(states: Tensor, items: Tensor, targets: Tensor, weights: Tensor, rows: int = ROWS) -> Tensor:
    """Return the cross-entropy over all items, without ever holding more than ``rows`` times ``n`` scores.

    Gradients are of first order only.

    Args:
        states: float32 ``[m, d]``.
        items: float32 ``[n, d]``.
        targets: int64 ``[m]``.
        weights: float32 ``[m]``, with a positive sum.
        rows: States at a time.
    """
    states, targets, weights = _filled_up(states, targets, weights)
    found: Tensor = _FullSoftmax.apply(states, items, targets, weights, rows)  # type: ignore[no-untyped-call]
    return found


def sampled_softmax(
    states: Tensor,
    items: Tensor,
    targets: Tensor,
    weights: Tensor,
    negatives: Tensor,
    log_q: Tensor | None = None,
    rows: int = ROWS,
) -> Tensor:
    """Return the cross-entropy over each target and negatives that all targets share.

    A negative that is the target of a row is left out of that row. Never more than ``rows`` times ``k`` scores are
    held; gradients are of first order only.

    Args:
        states: float32 ``[m, d]``.
        items: float32 ``[n, d]``.
        targets: int64 ``[m]``.
        weights: float32 ``[m]``.
        negatives: Numbers of the drawn items, int64 ``[k]``.
        log_q: Logarithm of how often each item is expected among ``k`` draws, float32 ``[n]``; subtracted from the
            scores of negatives and targets (Bengio and Senécal, 2008; Yi et al., 2019). ``None`` subtracts nothing,
            which is right up to a constant for uniform draws.
        rows: States at a time.
    """
    states, targets, weights = _filled_up(states, targets, weights)
    # Each item once, and places that count for nothing: so many different ones there are in every batch.
    kept, often = torch.unique(negatives, return_counts=True)
    spare = len(negatives) - len(kept)
    shift, own_shift = often.to(states.dtype).log(), states.new_zeros(len(targets))
    if log_q is not None:
        shift, own_shift = shift - log_q[kept], -log_q[targets]
    place = torch.searchsorted(kept, targets).clamp(max=len(kept) - 1)
    place[kept[place] != targets] = -1
    kept, shift = pad(kept, (0, spare)), pad(shift, (0, spare), value=-torch.inf)
    own, others = embedding(targets, items), embedding(kept, items)
    found: Tensor = _SampledSoftmax.apply(states, own, others, own_shift, shift, place, weights, rows)  # type: ignore[no-untyped-call]
    return found


def binary(
    states: Tensor, items: Tensor, targets: Tensor, weights: Tensor, negatives: Tensor, exponent: float = 1.0
) -> Tensor:
    """Return the binary cross-entropy of each target and ``k`` negatives of its own, summed.

    A negative that is the target itself is left out.

    Args:
        states: float32 ``[m, d]``.
        items: float32 ``[n, d]``.
        targets: int64 ``[m]``.
        weights: float32 ``[m]``.
        negatives: int64 ``[m, k]``.
        exponent: The power of the target's probability: 1 gives plain BCE (Kang and McAuley, 2018, equation 7),
            `gbce_exponent` the generalised one.
    """
    own, others = _pairs(states, items, targets, negatives)
    return _weighted(softplus(others).sum(1) - exponent * logsigmoid(own), weights)


def gbce_exponent(negatives: int, items: int, calibration: float) -> float:
    """Return the exponent of gBCE (Petrov and Macdonald, 2023, equations 9 and 11).

    Args:
        negatives: Drawn for each target.
        items: How many there are.
        calibration: ``t``: 0 gives plain BCE, 1 is fully calibrated to the rate of sampling.

    >>> gbce_exponent(1, 1001, 0.0)
    1.0
    >>> round(gbce_exponent(1, 1001, 1.0), 6)
    0.001
    """
    rate = negatives / (items - 1)
    return rate * (calibration * (1 - 1 / rate) + 1 / rate)


def bpr(states: Tensor, items: Tensor, targets: Tensor, weights: Tensor, negatives: Tensor) -> Tensor:
    """Return Bayesian personalised ranking against ``k`` negatives of each target, int64 ``[m, k]``, averaged."""
    own, others = _pairs(states, items, targets, negatives)
    return _weighted(-logsigmoid(own[:, None] - others).mean(1), weights)


def _filled_up(states: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return them with states that count for nothing, so that their number is one of few: see `STEP`."""
    spare = -len(states) % STEP
    return pad(states, (0, 0, 0, spare)), pad(targets, (0, spare)), pad(weights, (0, spare))


def _pairs(states: Tensor, items: Tensor, targets: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    own = (states * items[targets]).sum(1)
    others = torch.einsum("md,mkd->mk", states, items[negatives])
    return own, others.masked_fill(negatives == targets[:, None], -torch.inf)


def _weighted(losses: Tensor, weights: Tensor) -> Tensor:
    return (weights * losses).sum() / weights.sum()
