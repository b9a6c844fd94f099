"""Losses of tokens are what their formulas say, gradients included, and agree with decoding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.trie import Trie
from tastemaker.core.errors import DataError

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.blocks.decoding import score_items  # noqa: E402
from tastemaker.blocks.encoder_decoder import EncoderDecoder, Stepper  # noqa: E402
from tastemaker.blocks.token_losses import legal_cross_entropy, legal_tokens, token_cross_entropy  # noqa: E402

TARGETS = [[1, 4, 2], [0, 3, -1], [2, -1, -1]]
WEIGHTS = [1.0, 0.5, 3.0]
EACH = torch.eye(6, dtype=torch.float64)
"""Vectors of tokens by which a state is its logits."""


@pytest.fixture
def logits() -> Any:
    return torch.randn(3, 3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)


@pytest.fixture
def trie() -> Trie:
    table = [[1, 4, 2], [1, 4, 3], [1, 0, 2], [0, 3, -1], [0, 5, -1], [2, -1, -1]]
    return Trie(Codes(np.array(table, dtype=np.int32), 6))


def by_hand(logits: Any, among: Any, weights: Any, temperature: float = 1.0) -> float:
    """Return the loss with sums written out; ``among[row][place]`` are the tokens that share the probability."""
    losses = shares = 0.0
    for row, targets in enumerate(TARGETS):
        for place, target in enumerate(targets):
            if target < 0 or len(among[row][place]) < 2:
                continue
            scores = [value / temperature for value in logits[row, place].tolist()]
            loss = math.log(sum(math.exp(scores[each]) for each in among[row][place])) - scores[target]
            losses, shares = losses + weights[row] * temperature * loss, shares + weights[row]
    return losses / shares


LEGAL: Any = [[{0, 1, 2}, {0, 4}, {2, 3}], [{0, 1, 2}, {3, 5}, set()], [{0, 1, 2}, set(), set()]]


def test_the_vocabulary_shares_the_probability_and_padding_none_of_the_loss(logits: Any) -> None:
    targets, every = torch.tensor(TARGETS), [[range(6)] * 3] * 3
    assert token_cross_entropy(logits, EACH, targets).item() == pytest.approx(by_hand(logits, every, [1.0] * 3))
    weighted = token_cross_entropy(logits, EACH, targets, torch.tensor(WEIGHTS))
    assert weighted.item() == pytest.approx(by_hand(logits, every, WEIGHTS))
    gradient = torch.autograd.grad(weighted, logits)[0]
    assert gradient.abs().sum(dim=2).bool().tolist() == (targets >= 0).tolist()


def test_legal_tokens_are_those_that_continue_the_codes(trie: Trie) -> None:
    found = legal_tokens(trie, torch.tensor(TARGETS), 8)
    assert found.shape == (3, 3, 8)
    assert [[set(place.nonzero().flatten().tolist()) for place in row] for row in found] == LEGAL


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_legal_tokens_alone_share_the_probability(trie: Trie, logits: Any, temperature: float) -> None:
    targets, weights = torch.tensor(TARGETS), torch.tensor(WEIGHTS)
    legal = legal_tokens(trie, targets, 6)
    found = legal_cross_entropy(logits, targets, legal, weights, temperature)
    assert found.item() == pytest.approx(by_hand(logits, LEGAL, WEIGHTS, temperature))
    gradient = torch.autograd.grad(found, logits)[0]
    # The gradient is the probability at that temperature, less 1 for the target.
    scores = (logits.detach()[0, 1, [0, 4]] / temperature).exp()
    wanted = torch.zeros(6, dtype=torch.float64)
    wanted[[0, 4]] = scores / scores.sum()
    wanted[4] -= 1
    shares = 3 * WEIGHTS[0] + 2 * WEIGHTS[1] + WEIGHTS[2]
    torch.testing.assert_close(gradient[0, 1], wanted * WEIGHTS[0] / shares)
    assert gradient.isfinite().all()


def test_a_place_with_one_legal_token_counts_for_nothing(logits: Any) -> None:
    trie = Trie(Codes(np.array([[1, 4, 2], [0, 3, 2]], dtype=np.int32), 6))
    targets = torch.tensor([[1, 4, 2]])
    found = legal_cross_entropy(logits[:1], targets, legal_tokens(trie, targets, 6))
    two = logits[0, 0, :2].detach().exp()
    assert found.item() == pytest.approx(-math.log(two[1] / two.sum()))


def test_a_batch_in_which_nothing_counts_has_no_loss_and_no_gradient(logits: Any) -> None:
    targets = torch.tensor([[1, 4, 2]] * 3)
    legal = legal_tokens(Trie(Codes(np.array([[1, 4, 2]], dtype=np.int32), 6)), targets, 6)
    for loss in (legal_cross_entropy(logits, targets, legal), token_cross_entropy(logits, EACH, targets * 0 - 1)):
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, logits)[0].any()


def test_a_target_that_is_no_code_is_refused(trie: Trie) -> None:
    with pytest.raises(DataError, match=r"token 5 at place 1 .*row 1"):
        legal_tokens(trie, torch.tensor([[1, 4, 2], [1, 5, 2]]), 6)


def test_both_losses_are_the_log_probabilities_of_decoding(trie: Trie) -> None:
    torch.manual_seed(0)
    model = EncoderDecoder(7, 8, 2, 12, 1, 1, 0.0).eval()
    mask, targets = torch.ones(3, 4, dtype=torch.bool), torch.tensor(TARGETS)
    with torch.no_grad():
        memory = model.encode(torch.randn(3, 4, 8), mask)
        known = torch.tensor([[6, 1, 4], [6, 0, 0], [6, 0, 0]])
        states = model.decode(model.embed(known), memory, mask)
        logits, table = model.logits(states), model.written
    legal, counts = legal_tokens(trie, targets, 7), [3, 2, 1]
    plain = [token_cross_entropy(states[i : i + 1], table, targets[i : i + 1]).item() * counts[i] for i in range(3)]
    masked = [
        legal_cross_entropy(logits[i : i + 1], targets[i : i + 1], legal[i : i + 1]).item() * counts[i]
        for i in range(3)
    ]
    cases: Any = ((plain, "vocabulary"), (masked, "legal"))
    for wanted, over in cases:
        scores = score_items(Stepper(model, memory, mask), trie, [[0], [3], [5]], start=6, over=over)
        np.testing.assert_allclose(-scores[:, 0], wanted, atol=1e-5)
