"""Vectors added to the embeddings of all tokens that spell an id: which tokens belong together, who stands for whom.

The tables are made in `tastemaker.blocks.id_tables`; here is what a network does with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag

from tastemaker.blocks.graph import normalised, propagate
from tastemaker.blocks.id_graph import NO_ID, IdGraph
from tastemaker.blocks.id_tables import (
    Floats,
    IdSettings,
    entry_rms,
    make_table,
    nearest_rows,
    random_features,
    scale_to,
)
from tastemaker.core.errors import ConfigError


class IdVectors(nn.Module):
    """Adds nothing; those that add something are made from it."""

    def forward(self, tokens: Tensor, ids: Tensor, phrases: Tensor) -> Tensor:
        """Return embeddings with the vectors of ids added.

        Args:
            tokens: Embeddings of the tokens, float32 ``[b, l, d]``.
            ids: Row in `tastemaker.blocks.id_graph.IdGraph` of the id that each token spells a piece of, int64
                ``[b, l]``; 0 where none.
            phrases: Which id of the prompt that is, from 1, int64 ``[b, l]``; 0 where none.

        Returns:
            float32 ``[b, l, d]``; as they were where the row is 0.
        """
        return tokens


class PhraseVectors(IdVectors):
    """A learnt vector for the k-th id of the prompt, whatever the id (whole-word embeddings; Geng et al., 2022).

    Args:
        table: Where it starts, float32 ``[positions + 1, d]``, with zeros in row 0, which stay.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(table)

    def forward(self, tokens: Tensor, ids: Tensor, phrases: Tensor) -> Tensor:
        """Return ``tokens`` with the vectors of their phrases added; phrases after the last row share it."""
        return tokens + embedding(phrases.clamp(max=len(self.vectors) - 1), self.vectors, padding_idx=NO_ID)


class TableVectors(IdVectors):
    """A vector for each person and item.

    Args:
        table: float32 ``[rows, d]``, with zeros in row 0, which stay.
        trained: Whether it learns; otherwise it costs a look-up and no gradient.
    """

    vectors: Tensor

    def __init__(self, table: Tensor, *, trained: bool) -> None:
        super().__init__()
        if trained:
            self.vectors = nn.Parameter(table)
        else:
            self.register_buffer("vectors", table)

    def table(self) -> Tensor:
        """Return the vectors of all rows, float32 ``[rows, d]``."""
        return self.vectors

    def looked_up(self, ids: Tensor) -> Tensor:
        """Return the vectors of some rows, float32 ``[..., d]``."""
        return embedding(ids, self.table(), padding_idx=NO_ID)

    def forward(self, tokens: Tensor, ids: Tensor, phrases: Tensor) -> Tensor:
        """Return ``tokens`` with the vectors of their ids added."""
        return tokens + self.looked_up(ids)


class _Propagation(torch.autograd.Function):
    """``P X``, whose gradient is ``P`` times the gradient above: the map is its own transpose."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, graph: sparse.csr_array, people: int, layers: int) -> Tensor:
        ctx.map = graph, people, layers
        return _spread(features, graph, people, layers)

    @staticmethod
    def backward(ctx: Any, *above: Any) -> tuple[Tensor, None, None, None]:
        return _spread(above[0], *ctx.map), None, None, None


class PropagatedVectors(TableVectors):
    """``E = P X`` with ``X`` trained: what one id learns, those near it in the graph learn too.

    ``P`` is nearly full and is never made. What can be is made before: the normalised edges. A step then takes ``L``
    sparse products each way for the whole table, however many ids the batch has. `table` gives what is to be kept for
    answering, where a look-up is enough.

    Args:
        features: Where ``X`` starts, float32 ``[rows, d]``, with zeros in row 0, which stay.
        graph: Who touched what.
        layers: ``L``.
    """

    def __init__(self, features: Tensor, graph: IdGraph, layers: int) -> None:
        super().__init__(features, trained=True)
        self._graph = normalised(graph.touched)
        self._people = len(graph.people)
        self._layers = layers

    def table(self) -> Tensor:
        """Return ``P X``, float32 ``[rows, d]``."""
        found: Tensor = _Propagation.apply(self.vectors, self._graph, self._people, self._layers)  # type: ignore[no-untyped-call]
        return found


class NearVectors(TableVectors):
    """``E = P X`` with ``X`` trained, and only the largest entries of each row of ``P``.

    They are worked out once, and a step then takes the rows that its batch asks for: a small part of what
    `PropagatedVectors` takes, which go through the whole graph.

    Args:
        features: Where ``X`` starts, float32 ``[rows, d]``, with zeros in row 0, which stay.
        graph: Who touched what.
        layers: ``L``.
        nearest: How many entries of a row are kept.
    """

    def __init__(self, features: Tensor, graph: IdGraph, layers: int, nearest: int) -> None:
        super().__init__(features, trained=True)
        rows, entries = nearest_rows(graph, layers, nearest)
        self._rows, self._entries = torch.from_numpy(rows), torch.from_numpy(entries)

    def table(self) -> Tensor:
        """Return ``P X``, float32 ``[rows, d]``."""
        return self._some(torch.arange(len(self._rows)))

    def looked_up(self, ids: Tensor) -> Tensor:
        """Return the vectors of some rows, float32 ``[..., d]``, each worked out once."""
        distinct, places = torch.unique(ids, return_inverse=True)
        return embedding(places, self._some(distinct))

    def _some(self, rows: Tensor) -> Tensor:
        return embedding_bag(
            self._rows[rows], self.vectors, mode="sum", per_sample_weights=self._entries[rows], padding_idx=NO_ID
        )


def make_id_vectors(
    settings: IdSettings, tokens: Tensor, graph: IdGraph | None = None, given: Floats | None = None
) -> IdVectors:
    """Return what adds the vectors of some kind, on the scale of the tokens' embeddings times ``alpha``.

    Args:
        settings: Which vectors.
        tokens: Embeddings of the vocabulary, float32 ``[v, d]``, as they are before training.
        graph: Who touched what in training, for the kinds that go by ids.
        given: See `tastemaker.blocks.id_tables.make_table`.

    Raises:
        ConfigError: The kind goes by ids and there is no graph, or `make_table` says so.
    """
    if settings.kind == "none":
        return IdVectors()
    dim, rms = tokens.shape[1], entry_rms(tokens.detach().cpu().numpy())
    if settings.kind == "positional":
        table = random_features(1 + settings.positions, dim, settings.seed)
        return PhraseVectors(torch.from_numpy(table * np.float32(scale_to(table, settings.alpha * rms))))
    if graph is None:
        raise ConfigError(f"id vectors '{settings.kind}' need the graph of the training events", where="graph")
    made = make_table(settings, graph, dim, rms, given)
    if settings.mode == "linear" and settings.nearest:
        return NearVectors(torch.from_numpy(made.features), graph, settings.layers, settings.nearest)
    if settings.mode == "linear":
        return PropagatedVectors(torch.from_numpy(made.features), graph, settings.layers)
    return TableVectors(torch.from_numpy(made.vectors), trained=settings.mode == "trained")


def _spread(table: Tensor, graph: sparse.csr_array, people: int, layers: int) -> Tensor:
    rows = table.detach().cpu().numpy()
    found = propagate(graph, rows[1 : 1 + people], rows[1 + people :], layers)
    return torch.from_numpy(np.concatenate([np.zeros_like(rows[:1]), *found])).to(table.device)
