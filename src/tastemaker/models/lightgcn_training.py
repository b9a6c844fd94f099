"""How the vectors of LightGCN are learnt: for each batch of pairs the table goes along the graph, and slopes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.graph import normalised, propagate
from tastemaker.models.contrastive import Adam, Floats, added, infonce

_SPREAD: Final = 0.1
_PIECE: Final = 4096
"""Rows that Adam looks at together: what it keeps of them stays in the processor's cache."""


class Training:
    """Learns a vector for each person and item, of which the mean over the layers is what is compared.

    A step sends the whole table along the graph and its gradient back, however few pairs it looks at.

    Args:
        touched: Who touched what, ones, ``[u, n]``.
        settings: ``dimensions``, ``layers``, ``loss``, ``temperature``, ``negatives``, ``batch_size``,
            ``learning_rate`` and ``regularisation``.
        rng: Decides where the vectors start, the batches, and what stands against what was touched.

    Attributes:
        people: Vectors before the first layer, float32 ``[u, d]``.
        items: The same of items, float32 ``[n, d]``.
    """

    def __init__(self, touched: sparse.csr_array, settings: Mapping[str, Any], rng: np.random.Generator) -> None:
        self.graph = normalised(touched)
        self._layers = int(settings["layers"])
        self._temperature = float(settings["temperature"]) if settings["loss"] == "softmax" else None
        self._negatives = int(settings["negatives"])
        self._batch_size = int(settings["batch_size"])
        self._ridge = float(settings["regularisation"])
        self._rng = rng
        shapes = [(count, int(settings["dimensions"])) for count in touched.shape]
        self.people, self.items = (
            rng.standard_normal(shape, dtype=np.float32) * np.float32(_SPREAD) for shape in shapes
        )
        self._steps = Adam(_pieces(self.people, self.items), settings["learning_rate"], 0.0)
        pairs = touched.tocoo()
        self._who, self._what = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        self._keys = np.sort(self._who * touched.shape[1] + self._what)

    def epoch(self) -> float:
        """Look at every pair once, in random order; returns the mean loss of the batches.

        With BPR, a pair whose draw was an item that the person touched as well waits for the next epoch.
        """
        order = self._rng.permutation(len(self._who))
        losses = []
        for first in range(0, len(order), self._batch_size):
            pairs = order[first : first + self._batch_size]
            who, what = self._who[pairs], self._what[pairs]
            if self._temperature is None:
                others = self._rng.integers(0, len(self.items), len(pairs))
                free = ~self._is_touched(who, others)
                who, what, others = who[free], what[free], others[free]
            else:
                others = self._rng.integers(0, len(self.items), self._negatives)
            if not len(who):
                continue
            loss, gradients = self.loss(who, what, others)
            self._steps.descend(_pieces(*gradients))
            losses.append(loss)
        return float(np.mean(losses)) if losses else 0.0

    def loss(
        self, who: NDArray[np.int64], what: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[float, tuple[Floats, Floats]]:
        """Return the loss of some pairs, and its gradients by `people` and `items`.

        Args:
            who: People, ``[b]``.
            what: What they touched, ``[b]``.
            others: What each of them did not touch, ``[b]``; for the softmax, what stands against all, ``[o]``.
        """
        m, n = len(self.people), len(self.items)
        people, items = propagate(self.graph, self.people, self.items, self._layers)
        compared = people[who], items[what], items[others]
        loss, slopes = bpr(*compared) if self._temperature is None else infonce(*compared, self._temperature)
        both = np.concatenate([what, others])
        back = propagate(self.graph, added(who, slopes[0], m), added(both, np.concatenate(slopes[1:]), n), self._layers)
        for table, places, gradient in zip((self.people, self.items), (who, both), back, strict=True):
            often = np.bincount(places, minlength=len(table)).astype(table.dtype)[:, None]
            often *= self._ridge / len(who)
            gradient += often * table
            loss += 0.5 * float(np.einsum("md,md,mx->", table, table, often))
        return loss, back

    def _is_touched(self, who: NDArray[np.int64], what: NDArray[np.int64]) -> NDArray[np.bool_]:
        asked = who * len(self.items) + what
        return np.asarray(self._keys[np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)] == asked)


def bpr(asking: Floats, fitting: Floats, others: Floats) -> tuple[float, tuple[Floats, Floats, Floats]]:
    """Return the mean of ``-ln sigma(a_b'f_b - a_b'o_b)`` (Rendle et al., 2009, section 4.1), and its gradients.

    Args:
        asking: ``[b, d]``.
        fitting: What each is to be near, ``[b, d]``.
        others: What each is to be farther from, ``[b, d]``.
    """
    gap = fitting - others
    lead = np.einsum("bd,bd->b", asking, gap)
    loss = float(np.logaddexp(0, -lead).mean())
    surprise = ((0.5 - 0.5 * np.tanh(lead / 2)) / len(lead))[:, None]  # the logistic function of -lead, over b
    pull = surprise * asking
    return loss, (-surprise * gap, -pull, pull)


def _pieces(*tables: Floats) -> Sequence[Floats]:
    """Return tables in pieces of a few rows each, as views."""
    return [table[start : start + _PIECE] for table in tables for start in range(0, len(table), _PIECE)]
