"""How the map of AlphaRec is learnt: batches of the contrastive loss, one step of Adam for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.graph import normalised, propagate
from tastemaker.models.contrastive import Adam, Floats, Pass, Weights, added, infonce


class Training:
    """Learns a map of vectors from who touched what.

    A linear map may come before or after the graph (see `tastemaker.blocks.graph.propagate`). It comes after it, so
    that the long vectors go along the graph once and a step looks at those of its batch only; a map of two layers
    comes before it, so that a step maps all vectors and sends them along the graph and back.

    Args:
        touched: Who touched what, ones, ``[u, n]``.
        people: Vectors of people, float32 ``[u, d]``.
        items: Vectors of items, float32 ``[n, d]``.
        weights: The map; changed in place.
        settings: ``layers``, ``temperature``, ``negatives``, ``batch_size``, ``learning_rate`` and ``weight_decay``.
        rng: Decides the batches and the negatives.
    """

    def __init__(
        self,
        touched: sparse.csr_array,
        people: Floats,
        items: Floats,
        weights: Weights,
        settings: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> None:
        self._graph = normalised(touched)
        self._layers = int(settings["layers"])
        self._temperature = float(settings["temperature"])
        self._negatives = int(settings["negatives"])
        self._batch_size = int(settings["batch_size"])
        self._rng = rng
        self._steps = Adam(weights, settings["learning_rate"], settings["weight_decay"])
        self._weights = weights
        self._linear = len(weights) == 1
        pairs = touched.tocoo()
        self._who, self._what = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        if self._linear:
            people, items = propagate(self._graph, people, items, self._layers)
        self._people, self._items = people, items
        self._nodes = people[:0] if self._linear else np.concatenate([people, items])

    def epoch(self) -> float:
        """Look at every pair once, in random order; returns the mean loss."""
        order = self._rng.permutation(len(self._who))
        losses = []
        for first in range(0, len(order), self._batch_size):
            pairs = order[first : first + self._batch_size]
            others = self._rng.integers(0, len(self._items), self._negatives)
            loss, gradients = self.loss(self._who[pairs], self._what[pairs], others)
            self._steps.descend(gradients)
            losses.append(loss)
        return float(np.mean(losses))

    def loss(self, who: NDArray[np.int64], what: NDArray[np.int64], others: NDArray[np.int64]) -> tuple[float, Weights]:
        """Return the loss of some pairs, and its gradient by the weights.

        Args:
            who: People, ``[b]``.
            what: What they touched, ``[b]``.
            others: Items that stand for all that they did not touch, ``[o]``.
        """
        if self._linear:
            return self._loss_of_rows(who, what, others)
        m, n = len(self._people), len(self._items)
        there = Pass(self._weights, self._nodes)
        people, items = propagate(self._graph, there.out[:m], there.out[m:], self._layers)
        loss, (of_people, of_items, of_others) = infonce(people[who], items[what], items[others], self._temperature)
        back = propagate(
            self._graph,
            added(who, of_people, m),
            added(np.concatenate([what, others]), np.concatenate([of_items, of_others]), n),
            self._layers,
        )
        return loss, there.gradients(np.concatenate(back))

    def _loss_of_rows(
        self, who: NDArray[np.int64], what: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[float, Weights]:
        there = Pass(self._weights, np.concatenate([self._people[who], self._items[what], self._items[others]]))
        edges = [len(who), 2 * len(who)]
        people, fitting, rest = np.split(there.out, edges)
        loss, slopes = infonce(people, fitting, rest, self._temperature)
        return loss, there.gradients(np.concatenate(slopes))
