"""A causal transformer over item vectors, the vectors themselves, from ids, from text, or both, and those of times."""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, relu, silu

from tastemaker.blocks.dropout import Dropout

Layout = Literal["sasrec", "ligr"]
LAYOUTS: Final = ("sasrec", "ligr")
_SPREAD: Final = 0.02


class _Attention(nn.Module):
    """Causal self-attention; ``[b, l, d]`` in and out."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.drop = Dropout(dropout)
        self.inward = nn.Linear(dim, 3 * dim)
        self.outward = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, length, d = x.shape
        width = d // self.heads
        split = self.inward(x).view(b, length, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        q, k, v = split.reshape(3, b * self.heads, length, width)
        later = torch.full((length, length), -torch.inf, device=x.device).triu(1)
        # On a processor torch's own attention makes the same products where there is dropout, and drops more slowly.
        shares = torch.softmax(torch.baddbmm(later, q, k.transpose(1, 2), alpha=1 / math.sqrt(width)), dim=-1)
        mixed = torch.bmm(self.drop(shares), v).view(b, self.heads, length, width)
        found: Tensor = self.outward(mixed.transpose(1, 2).reshape(b, length, d))
        return found


class _Block(nn.Module):
    """Attention, then a feed-forward part, each behind a layer norm and added to its input.

    ``sasrec`` has one hidden layer of ``dim`` with ReLU (Kang and McAuley, 2018, equations 3 to 6, with the norm
    before each part). ``ligr`` multiplies what is added by a gate that its input opens, and has SwiGLU (Borisyuk
    et al., 2025; Shazeer, 2020).
    """

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float, layout: Layout) -> None:
        super().__init__()
        self.before_attention, self.before_forward = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = _Attention(dim, heads, dropout)
        self.gated = layout == "ligr"
        self.first = nn.Linear(dim, 2 * hidden if self.gated else hidden)
        self.second = nn.Linear(hidden, dim)
        if self.gated:
            self.attention_gate, self.forward_gate = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        added = self.drop(self.attention(self.before_attention(x)))
        x = x + (added * torch.sigmoid(self.attention_gate(x)) if self.gated else added)
        inside = self.first(self.before_forward(x))
        if self.gated:
            opened, value = inside.chunk(2, dim=-1)
            added = self.drop(self.second(silu(opened) * value))
        else:
            added = self.drop(self.second(self.drop(relu(inside))))
        found: Tensor = x + (added * torch.sigmoid(self.forward_gate(x)) if self.gated else added)
        return found


class CausalTransformer(nn.Module):
    """States of sequences that stand at the left of their rows: what comes after a position never reaches it.

    Args:
        dim: Length of the vectors.
        blocks: How many blocks.
        heads: Heads of attention; must divide ``dim``.
        hidden: Width of the feed-forward part.
        dropout: Of inputs, attention and what each part adds.
        max_length: Longest sequence.
        layout: ``sasrec`` or ``ligr``.
    """

    def __init__(
        self, dim: int, blocks: int, heads: int, hidden: int, dropout: float, max_length: int, layout: Layout
    ) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(max_length, dim) * _SPREAD)
        self.drop = Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(dim, heads, hidden, dropout, layout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the state after each position, float32 ``[b, l, d]`` like the inputs."""
        x = self.drop(x + self.positions[: x.shape[1]])
        for block in self.blocks:
            x = block(x)
        return torch.as_tensor(self.norm(x))


class ItemVectors(nn.Module):
    """A vector for each item: learnt by its number, projected from the vector of its text, or the sum of both.

    Args:
        count: ``n``, how many items.
        dim: ``d``, the length of the vectors.
        texts: Vectors of the texts, float32 ``[n, t]``; ``None`` for ids alone.
        ids: Whether each item has a vector of its own.
        hidden: Width of the projector's hidden layer; 0 projects by a matrix.
        id_dropout: Probability that the vector by number is left out, so that the one by text learns to stand alone.
    """

    def __init__(
        self,
        count: int,
        dim: int,
        texts: Tensor | None = None,
        *,
        ids: bool = True,
        hidden: int = 0,
        id_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not ids and texts is None:
            raise ValueError("items have neither ids nor texts")
        self.id_dropout = id_dropout
        self.ids = nn.Parameter(torch.randn(count, dim) * _SPREAD) if ids else None
        self.register_buffer("texts", texts, persistent=False)
        self.project: nn.Module | None = None
        if texts is not None:
            width = texts.shape[1]
            self.project = (
                nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, dim))
                if hidden
                else nn.Linear(width, dim)
            )

    def forward(self) -> Tensor:
        """Return the vectors of all items, float32 ``[n, d]``."""
        if self.project is None:
            assert self.ids is not None
            return self.ids
        described: Tensor = self.project(self.texts)
        if self.ids is None:
            return described
        if self.training and self.id_dropout:
            kept = (torch.rand(len(self.ids), 1) >= self.id_dropout).float()
            return described + kept * self.ids
        return described + self.ids


class TimeVectors(nn.Module):
    """Learnt vectors for what is known of moments, all in one table, which begins with zeros.

    Args:
        rows: Rows of the table.
        dim: ``d``, the length of the vectors.
    """

    def __init__(self, rows: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(rows, dim))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the sum of the vectors in some rows, int64 ``[b, l, f]``, as float32 ``[b, l, d]``."""
        return embedding(rows, self.table).sum(dim=2)
