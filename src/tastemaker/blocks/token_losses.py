"""Losses of a model that writes tokens: cross-entropy over the vocabulary, and over what the trie allows.

Both return ``sum_t weight_t loss_t / sum_t weight_t``, where each token weighs what its sequence does. ``targets`` are
int64 ``[b, t]`` with `IGNORED` where none is, ``weights`` float32 ``[b]``. Where no token counts, the loss is 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tastemaker.blocks.losses import full_softmax
from tastemaker.blocks.trie import NOWHERE, Trie
from tastemaker.core.errors import DataError

IGNORED: Final = -1
"""The target at a place that holds none, as `tastemaker.blocks.codes.PADDING` behind a code."""


def token_cross_entropy(states: Tensor, table: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the cross-entropy over the whole vocabulary, by `tastemaker.blocks.losses.full_softmax`.

    Args:
        states: What the logits are products of, float32 ``[b, t, d]``.
        table: Vectors of the tokens, float32 ``[v, d]``.
        targets: int64 ``[b, t]``.
        weights: Of the sequences, float32 ``[b]``; ``None`` weighs all alike.
    """
    rows, places = torch.nonzero(targets != IGNORED, as_tuple=True)
    shares = states.new_ones(len(rows)) if weights is None else weights[rows].to(states.dtype)
    if not shares.any():
        return 0 * states.sum()
    return full_softmax(states[rows, places], table, targets[rows, places], shares)


def legal_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    legal: Tensor,
    weights: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Return the cross-entropy over legal tokens alone: the masked softmax loss of MSL (Wang et al., 2025).

    A place where one token is legal teaches nothing and is left out. Scores are divided by the temperature and the loss
    is multiplied by it, so that gradients keep their size; the loss is a log-likelihood only where it is 1.

    Args:
        logits: float32 ``[b, t, v]``.
        targets: int64 ``[b, t]``; legal ones.
        legal: What may stand at each place, bool ``[b, t, v]``: see `legal_tokens`.
        weights: Of the sequences, float32 ``[b]``; ``None`` weighs all alike.
        temperature: Positive; above 1 the loss looks at more than the few best tokens.
    """
    counted = (targets != IGNORED) & (legal.sum(dim=2) > 1)
    # Places that do not count keep their logits: a row without any score has no gradient but NaN.
    scores = (logits / temperature).masked_fill(~legal & counted[:, :, None], -torch.inf)
    shares = counted.to(logits.dtype) if weights is None else counted * weights[:, None]
    losses = cross_entropy(scores.flatten(0, 1), targets.masked_fill(~counted, 0).flatten(), reduction="none")
    total = shares.sum()
    return temperature * (shares.flatten() * losses).sum() / torch.where(total > 0, total, torch.ones_like(total))


def legal_tokens(trie: Trie, targets: Tensor, vocabulary: int) -> Tensor:
    """Return which tokens the trie allows at each place after the targets before it, bool ``[b, t, v]``.

    Args:
        trie: Codes of the items.
        targets: Codes, int64 ``[b, t]``, with `IGNORED` behind the last token.
        vocabulary: ``v``, how many tokens the model knows; at least as many as the codes'.

    Raises:
        DataError: A target is no legal continuation of those before it.
    """
    wanted = targets.cpu().numpy()
    rows, length = wanted.shape
    legal = np.zeros((rows, length, vocabulary), dtype=bool)
    nodes = np.full(rows, trie.root)
    for place in range(length):
        indptr, tokens, _ = trie.allowed(nodes)
        legal[np.repeat(np.arange(rows), np.diff(indptr)), place, tokens] = True
        nodes = trie.step(nodes, wanted[:, place])
        wrong = (nodes == NOWHERE) & (wanted[:, place] != IGNORED)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"token {wanted[row, place]} at place {place} is not legal in the trie",
                where=f"targets, row {row}",
                remedy="Make the targets of the codes that the trie was made of.",
            )
    return torch.from_numpy(legal).to(targets.device)
