"""The graph of who touched what, and what flows along it: vectors averaged over the neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats: TypeAlias = NDArray[np.floating[Any]]


def normalised(touched: sparse.csr_array) -> sparse.csr_array:
    """Return ``D_u^-1/2 R D_i^-1/2``, the part of the graph's normalised adjacency that is not its own transpose.

    Args:
        touched: ``R``, who touched what, ones, ``[u, n]``.

    Returns:
        float32 ``[u, n]``; rows and columns without an entry stay empty.
    """
    people, items = _root_degrees(touched)
    pairs = touched.tocoo()
    amounts = pairs.data / (people[pairs.row] * items[pairs.col])
    return sparse.csr_array((amounts.astype(np.float32), (pairs.row, pairs.col)), shape=touched.shape)


def layers_of(graph: sparse.csr_array, people: Floats, items: Floats, layers: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield the vectors of people ``[u, d]`` and items ``[n, d]`` as they are, then after each of some layers.

    A layer gives everybody the weighted sum of their neighbours in the layer before (He et al., 2020, equation 3).
    """
    yield people, items
    for _ in range(layers):
        people, items = graph @ items, graph.T @ people
        yield people, items


def propagate(graph: sparse.csr_array, people: Floats, items: Floats, layers: int) -> tuple[Floats, Floats]:
    """Return the mean of the vectors over all layers, the one without neighbours among them (LightGCN, equation 4).

    The map is linear and its own transpose, so that gradients go through it the way that vectors do, and a linear map
    of the vectors may as well come after it.

    Args:
        graph: What `normalised` returns, ``[u, n]``.
        people: ``[u, d]``.
        items: ``[n, d]``.
        layers: How many steps along the graph, from 0.
    """
    total_people, total_items = np.zeros_like(people), np.zeros_like(items)
    for of_people, of_items in layers_of(graph, people, items, layers):
        total_people += of_people
        total_items += of_items
    total_people /= layers + 1
    total_items /= layers + 1
    return total_people, total_items


def handed_on(
    graph: sparse.csr_array, touched: NDArray[np.float32], people: Floats, items: Floats, layers: int
) -> Floats:
    """Return what each item hands on to somebody who joins the graph with an edge to it, ``[n, d]``.

    It is the sum of the item's vectors in all layers but the last, over the root of its degree: somebody with ``s``
    such items has ``1 / sqrt(s)`` times the sum of what they hand on, summed over the layers from the first on. The
    newcomer's edges carry to them and not from them, and for somebody who is in the graph it is what they have there.

    Args:
        graph: What `normalised` returns, ``[u, n]``.
        touched: How many people each item has in it, float32 ``[n]``; 0 is read as 1, the newcomer.
        people: Vectors before the first layer, ``[u, d]``.
        items: The same of items, ``[n, d]``.
        layers: How many steps along the graph, from 0.
    """
    total = np.zeros_like(items)
    for place, (_, of_items) in enumerate(layers_of(graph, people, items, layers)):
        if place < layers:
            total += of_items
    total /= np.sqrt(np.maximum(touched, 1))[:, None].astype(total.dtype)
    return total


def _root_degrees(touched: sparse.csr_array) -> tuple[Floats, Floats]:
    pairs = touched.tocoo()
    people = np.bincount(pairs.row, minlength=touched.shape[0])
    items = np.bincount(pairs.col, minlength=touched.shape[1])
    return np.sqrt(people), np.sqrt(items)
