"""An encoder-decoder in the shape of T5, the cache by which it decodes token after token, and soft prompts.

The shape is that of Raffel et al. (2020) in version 1.1: RMS norms without bias before each part, no biases, positions
known only by a relative bias that the blocks of a stack share, no bias of positions between decoder and encoder, no
scaling of attention's scores. Inputs are vectors of tokens, so that a caller can add others to them.

At the start vectors of tokens have entries of variance 1, matrices keep the variance of what they read, and those of
queries make up for the missing scaling, all as in T5. Three things differ. T5 was trained by Adafactor, whose steps
grow with the weights; this is for Adam: the tables of tokens and prompts are kept as ``N(0, 1/d)`` and multiplied by
``sqrt(d)`` where they are read, so that a step moves them as far as it moves a matrix. A free output keeps the variance
too: from ``N(0, 1)``, as often for version 1.1, the loss starts far above that of a guess. The relative bias is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, linear, relu

from tastemaker.blocks.dropout import Dropout
from tastemaker.core.errors import ConfigError

Activation = Literal["relu", "gated_gelu"]
ACTIVATIONS: Final = ("relu", "gated_gelu")
Pair: TypeAlias = tuple[Tensor, Tensor]
_LOWEST: Final = -1e30
"""Added to a score that must not count: its share is exactly 0 unless nothing counts, and then no row is NaN."""


def bucket(distances: Tensor, both: bool, buckets: int = 32, max_distance: int = 128) -> Tensor:
    """Return the bucket of each distance, int64, as T5 does.

    Half of the buckets hold one distance each, the others grow with the logarithm up to ``max_distance``; all that is
    farther is in the last.

    Args:
        distances: Place of the key less that of the query, int64 of any shape.
        both: Whether keys after the query have buckets of their own, half of all; else they share bucket 0.
        buckets: How many there are.
        max_distance: Where the last one ends.
    """
    if both:
        buckets //= 2
        first, far = (distances > 0).long() * buckets, distances.abs()
    else:
        first, far = torch.zeros_like(distances), (-distances).clamp(min=0)
    exact = buckets // 2
    growth = (far.clamp(min=1).double() / exact).log() / math.log(max_distance / exact)
    wide = exact + (growth * (buckets - exact) + 1e-9).floor().long()
    return first + torch.where(far < exact, far, wide.clamp(max=buckets - 1))


class _RelativeBias(nn.Module):
    """What is added to the scores of attention for the distance of key and query, a number for each head and bucket."""

    def __init__(self, heads: int, both: bool, buckets: int, max_distance: int) -> None:
        super().__init__()
        self.both, self.buckets, self.max_distance = both, buckets, max_distance
        self.table = nn.Parameter(torch.zeros(buckets, heads))

    def forward(self, first: int, end: int) -> Tensor:
        """Return the bias of queries ``first`` to ``end`` for keys 0 to ``end``, float32 ``[h, end - first, end]``."""
        places = torch.arange(end, device=self.table.device)
        distances = places[None, :] - places[first:, None]
        rows = bucket(distances, self.both, self.buckets, self.max_distance)
        return embedding(rows, self.table).permute(2, 0, 1)


class _Attention(nn.Module):
    """Attention whose keys and values are made apart from its queries, so that they can be kept."""

    def __init__(self, dim: int, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_dim, self.drop = heads, head_dim, Dropout(dropout)
        self.query = _matrix(dim, heads * head_dim, shrink=math.sqrt(head_dim))
        self.key = _matrix(dim, heads * head_dim)
        self.value = _matrix(dim, heads * head_dim)
        self.outward = _matrix(heads * head_dim, dim)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._split(self.key(x)), self._split(self.value(x))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Return what ``x`` finds, ``[n, t, d]``, where ``n`` is ``b`` or a multiple: rows then share their keys.

        Args:
            x: float32 ``[n, t, d]``.
            keys: float32 ``[b, h, l, e]``.
            values: float32 ``[b, h, l, e]``.
            bias: Added to the scores; broadcasts to ``[b, h, n // b * t, l]``.
        """
        queries = self._split(self.query(x).view(len(keys), -1, self.heads * self.head_dim))
        # Torch's fused attention has no gradient by the bias, and falls back on these products with a slower dropout.
        mixed = self.drop(torch.softmax(queries @ keys.transpose(2, 3) + bias, dim=-1)) @ values
        found: Tensor = self.outward(mixed.transpose(1, 2).reshape(*x.shape[:2], self.heads * self.head_dim))
        return found

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.head_dim).transpose(1, 2)


class _Block(nn.Module):
    """Self-attention, in a decoder attention to the memory, and a feed-forward part, each added to its input."""

    def __init__(
        self,
        dim: int,
        heads: int,
        head_dim: int,
        hidden: int,
        dropout: float,
        activation: Activation,
        decoder: bool,
    ) -> None:
        super().__init__()
        self.attention = _Attention(dim, heads, head_dim, dropout)
        self.before_attention, self.before_forward = _norm(dim), _norm(dim)
        if decoder:
            self.cross, self.before_cross = _Attention(dim, heads, head_dim, dropout), _norm(dim)
        self.gated = activation == "gated_gelu"
        self.first = _matrix(dim, 2 * hidden if self.gated else hidden)
        self.second = _matrix(hidden, dim)
        self.drop = Dropout(dropout)

    def attend(self, x: Tensor, bias: Tensor, past: Pair | None = None) -> tuple[Tensor, Pair]:
        """Return the stream after self-attention, and the keys and values: those of ``past``, then those of ``x``."""
        inside = self.before_attention(x)
        keys, values = self.attention.keys_values(inside)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        return x + self.drop(self.attention(inside, keys, values, bias)), (keys, values)

    def look_up(self, x: Tensor, memory: Pair, bias: Tensor) -> Tensor:
        """Return the stream after attention to the memory."""
        found: Tensor = x + self.drop(self.cross(self.before_cross(x), *memory, bias))
        return found

    def think(self, x: Tensor) -> Tensor:
        """Return the stream after the feed-forward part."""
        inside = self.first(self.before_forward(x))
        if self.gated:
            opened, value = inside.chunk(2, dim=-1)
            inside = gelu(opened, approximate="tanh") * value
        else:
            inside = relu(inside)
        found: Tensor = x + self.drop(self.second(self.drop(inside)))
        return found


@dataclass(frozen=True)
class Cache:
    """What decoding keeps of the tokens so far and of the memory, for each block.

    Attributes:
        past: Keys and values of the tokens so far, each float32 ``[n, h, t, e]``; empty at the start.
        memory: Keys and values of the memory, each float32 ``[b, h, l, e]``; the rows of an input share them.
        bias: Added to the scores of the memory, float32 ``[b, 1, 1, l]``.
    """

    past: tuple[Pair, ...]
    memory: tuple[Pair, ...]
    bias: Tensor

    def reordered(self, rows: Tensor) -> Cache:
        """Return the cache of rows that continue some of those so far, int64 ``[m]``.

        Each input has equally many rows, which stand together and continue rows of the same input.
        """
        past = tuple((keys.index_select(0, rows), values.index_select(0, rows)) for keys, values in self.past)
        return Cache(past, self.memory, self.bias)


class EncoderDecoder(nn.Module):
    """An encoder-decoder in the shape of T5.

    A caller who adds vectors of its own to those of tokens should know that these have entries of ``spread``.

    Args:
        vocabulary: ``v``, how many tokens.
        dim: ``d``, length of the vectors.
        heads: ``h``, heads of attention.
        hidden: Width of the feed-forward parts.
        encoder_blocks: How many blocks encode.
        decoder_blocks: How many blocks decode.
        dropout: Of inputs, attention, hidden layers, outputs and what each part adds.
        head_dim: ``e``, length of a head's vectors; ``None`` for ``dim // heads``.
        activation: ``gated_gelu`` as version 1.1 has it, or ``relu`` as version 1.0.
        tied: Whether the vectors of tokens are also those of the output, as in version 1.0.
        spread: Standard deviation of the entries of tokens' vectors at the start. Adam moves them by the same step
            whatever it is: a token that is seen a few times has left a small one behind, and has hardly moved in one
            of 1.
        buckets: Of relative positions.
        max_distance: Where the last bucket ends.

    Raises:
        ConfigError: Where ``heads`` does not divide ``dim`` and ``head_dim`` is not given.
    """

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        heads: int,
        hidden: int,
        encoder_blocks: int,
        decoder_blocks: int,
        dropout: float,
        *,
        head_dim: int | None = None,
        activation: Activation = "gated_gelu",
        tied: bool = False,
        spread: float = 1.0,
        buckets: int = 32,
        max_distance: int = 128,
    ) -> None:
        super().__init__()
        if head_dim is None and dim % heads:
            raise ConfigError(
                f"{heads} heads do not divide {dim} dimensions", where="heads", remedy="Change one, or give head_dim."
            )
        width = head_dim or dim // heads
        self.tokens = nn.Parameter(torch.randn(vocabulary, dim) * (spread / math.sqrt(dim)))
        self.output = None if tied else _matrix(dim, vocabulary)
        self.encoder_bias = _RelativeBias(heads, True, buckets, max_distance)
        self.decoder_bias = _RelativeBias(heads, False, buckets, max_distance)
        self.encoder = nn.ModuleList(
            _Block(dim, heads, width, hidden, dropout, activation, decoder=False) for _ in range(encoder_blocks)
        )
        self.decoder = nn.ModuleList(
            _Block(dim, heads, width, hidden, dropout, activation, decoder=True) for _ in range(decoder_blocks)
        )
        self.encoder_norm, self.decoder_norm = _norm(dim), _norm(dim)
        self.drop = Dropout(dropout)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the vectors of tokens, int64 of any shape, as float32 ``[..., d]``."""
        return embedding(tokens, self.tokens) * math.sqrt(self.tokens.shape[1])

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return the memory of inputs, float32 ``[b, l, d]`` like ``embedded``.

        ``mask`` is true for what counts, bool ``[b, l]``; what the memory holds elsewhere means nothing.
        """
        bias = self.encoder_bias(0, embedded.shape[1]) + _closed(mask)
        x = self.drop(embedded)
        for block in _blocks(self.encoder):
            x = block.think(block.attend(x, bias)[0])
        found: Tensor = self.drop(self.encoder_norm(x))
        return found

    def decode(self, embedded: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Return the state after each token of the targets so far, float32 ``[b, t, d]`` like ``embedded``.

        Args:
            embedded: Vectors of what is known before each target: the start, then all targets but the last.
            memory: Of `encode`, float32 ``[b, l, d]``.
            memory_mask: The mask of the inputs, bool ``[b, l]``.
        """
        return self._advance(embedded, self.begin(memory, memory_mask))[0]

    def begin(self, memory: Tensor, memory_mask: Tensor) -> Cache:
        """Return the cache with which to decode from a memory, as in `decode`, token after token."""
        pairs = tuple(block.cross.keys_values(memory) for block in _blocks(self.decoder))
        return Cache((), pairs, _closed(memory_mask))

    def step(self, embedded: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """Return the states after one more token in each row, float32 ``[n, d]`` like ``embedded``, and the next cache.

        ``n`` is a multiple of the number of inputs, ``b``; rows of one input stand together.
        """
        states, cache = self._advance(embedded[:, None], cache)
        return states[:, 0], cache

    @property
    def written(self) -> Tensor:
        """What a state is multiplied by for the scores of tokens, float32 ``[v, d]``."""
        return self.tokens if self.output is None else self.output.weight

    def logits(self, states: Tensor) -> Tensor:
        """Return the scores of all tokens after some states, float32 ``[..., d]``, as float32 ``[..., v]``."""
        return linear(states, self.written)

    def _advance(self, x: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        first = cache.past[0][0].shape[2] if cache.past else 0
        end = first + x.shape[1]
        later = torch.ones(x.shape[1], end, dtype=torch.bool, device=x.device).triu(first + 1)
        bias = self.decoder_bias(first, end).masked_fill(later, _LOWEST)
        x, pasts = self.drop(x), []
        for i, block in enumerate(_blocks(self.decoder)):
            x, past = block.attend(x, bias[None], cache.past[i] if cache.past else None)
            x = block.think(block.look_up(x, cache.memory[i], cache.bias))
            pasts.append(past)
        return self.drop(self.decoder_norm(x)), Cache(tuple(pasts), cache.memory, cache.bias)


class Stepper:
    """The function by which `tastemaker.blocks.decoding` asks for the next tokens; it goes through a memory once.

    Args:
        model: The encoder-decoder, in its evaluation mode.
        memory: Of `EncoderDecoder.encode`, float32 ``[b, l, d]``.
        mask: The mask of the inputs, bool ``[b, l]``.
    """

    def __init__(self, model: EncoderDecoder, memory: Tensor, mask: Tensor) -> None:
        self.model = model
        self.cache = model.begin(memory, mask)

    def __call__(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """Return the logits after ``tokens``, int64 ``[n]``, that continue ``rows`` of the last call, int64 ``[n]``."""
        states, self.cache = self.model.step(self.model.embed(tokens), self.cache.reordered(rows))
        return self.model.logits(states)


class SoftPrompts(nn.Module):
    """Learnt vectors that stand before the inputs of a task.

    Args:
        tasks: How many tasks.
        length: ``p``, vectors for each.
        dim: ``d``, their length.
    """

    def __init__(self, tasks: int, length: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(tasks, length, dim) / math.sqrt(dim))

    def forward(self, embedded: Tensor, mask: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``embedded`` and ``mask`` behind the vectors of ``tasks``, int64 ``[b]``; ``l`` grows by ``p``."""
        prompts = self.table[tasks] * math.sqrt(self.table.shape[2])
        return torch.cat([prompts, embedded], dim=1), torch.cat([mask.new_ones(prompts.shape[:2]), mask], dim=1)


def _blocks(stack: nn.ModuleList) -> list[_Block]:
    return cast("list[_Block]", list(stack))


def _closed(mask: Tensor) -> Tensor:
    """Return what keeps attention from what does not count, float32 ``[b, 1, 1, l]``."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, _LOWEST)[:, None, None]


def _matrix(inward: int, outward: int, shrink: float = 1.0) -> nn.Linear:
    """Return a linear map without bias that keeps the variance of its input, divided by ``shrink`` squared."""
    found = nn.Linear(inward, outward, bias=False)
    nn.init.normal_(found.weight, std=1 / (shrink * math.sqrt(inward)))
    return found


def _norm(dim: int) -> nn.RMSNorm:
    return nn.RMSNorm(dim, eps=1e-6)
