"""Losses are what their formulas say, gradients included."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import pytest

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy  # noqa: E402

from tastemaker.blocks import losses  # noqa: E402

Case: TypeAlias = tuple[Any, Any, Any, Any]


@pytest.fixture
def case() -> Case:
    random = torch.Generator().manual_seed(3)
    states = torch.randn(37, 8, generator=random, dtype=torch.float64, requires_grad=True)
    items = torch.randn(23, 8, generator=random, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(23, (37,), generator=random)
    weights = torch.rand(37, generator=random, dtype=torch.float64)
    return states, items, targets, weights


def others_than(targets: Any, count: int) -> Any:
    shift = torch.randint(1, 23, (len(targets), count), generator=torch.Generator().manual_seed(1))
    return (targets[:, None] + shift) % 23


def gradients(loss: Any, *leaves: Any) -> Any:
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("rows", [1, 8, 37, 100])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_the_full_softmax_in_blocks_is_cross_entropy_with_its_gradients(case: Case, rows: int, scale: float) -> None:
    states, items, targets, weights = case
    states = (states * scale).detach().requires_grad_()
    plain = (weights * cross_entropy(states @ items.T, targets, reduction="none")).sum() / weights.sum()
    ours = losses.full_softmax(states, items, targets, weights, rows)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-9)
    for mine, theirs in zip(gradients(3 * ours, states, items), gradients(3 * plain, states, items), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_sampled_softmax_over_every_item_is_the_full_one(case: Case) -> None:
    states, items, targets, weights = case
    ours = losses.sampled_softmax(states, items, targets, weights, torch.arange(23))
    full = losses.full_softmax(states, items, targets, weights)
    assert ours.item() == pytest.approx(full.item(), rel=1e-9)


@pytest.mark.parametrize("rows", [1, 8, 100])
@pytest.mark.parametrize("scale", [1.0, 40.0])
@pytest.mark.parametrize("corrected", [True, False])
def test_sampled_softmax_in_blocks_is_its_formula_with_its_gradients(
    case: Case, rows: int, scale: float, corrected: bool
) -> None:
    states, items, targets, weights = case
    states = (states * scale).detach().requires_grad_()
    negatives = torch.tensor([2, 7, 7, 7, 2, 19, 11, 0])  # some twice, some that are targets
    log_q = torch.linspace(-3, 1, 23, dtype=torch.float64) if corrected else torch.zeros(23, dtype=torch.float64)
    scores = states @ items.T - log_q
    drawn = scores[:, negatives].masked_fill(negatives == targets[:, None], -torch.inf)
    together = torch.cat([scores.gather(1, targets[:, None]), drawn], dim=1)
    each = together.logsumexp(1) - together[:, 0]
    plain = (weights * each).sum() / weights.sum()
    ours = losses.sampled_softmax(states, items, targets, weights, negatives, log_q if corrected else None, rows)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-9)
    for mine, theirs in zip(gradients(3 * ours, states, items), gradients(3 * plain, states, items), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_log_q_makes_the_gradient_of_drawn_negatives_that_of_the_full_softmax_on_average() -> None:
    random = torch.Generator().manual_seed(0)
    states = torch.randn(4, 3, generator=random)
    items = torch.randn(12, 3, generator=random).requires_grad_()
    targets, weights = torch.tensor([0, 3, 5, 7]), torch.ones(4)
    shares = torch.arange(1.0, 13) / 78
    drawn = 400
    log_q = (drawn * shares).log()
    found = torch.zeros(2, 12, 3)
    for _ in range(300):
        negatives = torch.multinomial(shares, drawn, replacement=True, generator=random)
        found[0] += gradients(losses.sampled_softmax(states, items, targets, weights, negatives, log_q), items)[0] / 300
        found[1] += gradients(losses.sampled_softmax(states, items, targets, weights, negatives), items)[0] / 300
    full = gradients(losses.full_softmax(states, items, targets, weights), items)[0]
    corrected, biased = ((each - full).norm() / full.norm() for each in found)
    assert corrected < 0.25 * biased


def test_bce_is_the_sum_over_the_target_and_its_negatives(case: Case) -> None:
    states, items, targets, weights = case
    negatives = others_than(targets, 5)
    scores = torch.cat([(states * items[targets]).sum(1, keepdim=True), (states[:, None] * items[negatives]).sum(2)], 1)
    labels = torch.tensor([1.0, 0, 0, 0, 0, 0], dtype=torch.float64).expand_as(scores)
    each = binary_cross_entropy_with_logits(scores, labels, reduction="none").sum(1)
    ours = losses.binary(states, items, targets, weights, negatives)
    assert ours.item() == pytest.approx(((weights * each).sum() / weights.sum()).item())


def test_gbce_is_bce_with_the_probability_of_the_target_raised_to_beta(case: Case) -> None:
    states, items, targets, weights = case
    negatives = others_than(targets, 5)
    beta = losses.gbce_exponent(5, 23, 0.75)
    own = torch.sigmoid((states * items[targets]).sum(1)) ** beta
    others = torch.sigmoid((states[:, None] * items[negatives]).sum(2))
    each = -(own.log() + (1 - others).log().sum(1))
    ours = losses.binary(states, items, targets, weights, negatives, beta)
    assert ours.item() == pytest.approx(((weights * each).sum() / weights.sum()).item())
    assert beta == pytest.approx(5 / 22 * (0.75 * (1 - 22 / 5) + 22 / 5))


def test_a_negative_that_is_the_target_is_left_out(case: Case) -> None:
    states, items, targets, weights = case
    negatives = others_than(targets, 2)
    with_target = torch.cat([negatives, targets[:, None]], dim=1)
    plain = losses.binary(states, items, targets, weights, negatives)
    assert losses.binary(states, items, targets, weights, with_target).item() == pytest.approx(plain.item())


def test_bpr_is_the_mean_log_sigmoid_of_the_lead(case: Case) -> None:
    states, items, targets, _ = case
    negatives = others_than(targets, 1)
    lead = (states * (items[targets] - items[negatives[:, 0]])).sum(1)
    ours = losses.bpr(states, items, targets, torch.ones(37, dtype=torch.float64), negatives)
    assert ours.item() == pytest.approx(-torch.sigmoid(lead).log().mean().item())


def test_targets_of_no_weight_do_not_matter(case: Case) -> None:
    states, items, targets, weights = case
    weights = weights.clone()
    weights[10:] = 0
    whole = losses.full_softmax(states, items, targets, weights)
    part = losses.full_softmax(states[:10], items, targets[:10], weights[:10])
    assert whole.item() == pytest.approx(part.item())


def test_scores_that_would_overflow_are_no_trouble() -> None:
    states, items = torch.full((2, 4), 50.0), torch.stack([torch.full((4,), 50.0), torch.full((4,), -50.0)])
    loss = losses.full_softmax(states.requires_grad_(), items, torch.tensor([0, 1]), torch.ones(2))
    assert loss.item() == pytest.approx(0.5 * 2 * 50 * 50 * 4)
    assert math.isfinite(gradients(loss, states)[0].norm().item())
