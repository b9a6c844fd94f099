"""What lists are like beyond accuracy: how much of the catalogue they show, how new, diverse and personal they are.

``lists`` are the first ``k`` items of each query by their numbers, int ``[q, k]``, -1 where there is no item.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Lists = NDArray[np.integer[Any]]

_VALUES_PER_BLOCK: Final = 4_000_000


def lengths(lists: Lists) -> NDArray[np.int64]:
    """Return the number of items of each list, int64 ``[q]``."""
    return np.asarray(np.count_nonzero(lists >= 0, axis=1))


def exposure(lists: Lists, items: int) -> NDArray[np.int64]:
    """Return in how many lists each item stands, int64 ``[n]``.

    >>> exposure(np.array([[0, 2], [0, -1]]), items=4).tolist()
    [2, 0, 1, 0]
    """
    return np.bincount(lists[lists >= 0], minlength=items)


def coverage(shown: NDArray[np.int64]) -> float:
    """Return the share of the catalogue that stands in at least one list, from `exposure`.

    >>> coverage(np.array([2, 0, 1, 0]))
    0.5
    """
    return float(np.count_nonzero(shown) / max(len(shown), 1))


def gini(shown: NDArray[np.int64]) -> float:
    """Return the Gini index of `exposure`: 0 where all items are shown equally often, near 1 where one is.

    ``sum of (2 i - n - 1) x_i / (n sum of x)`` over the ``n`` items of the catalogue in ascending order, those that
    are never shown included. NaN where nothing is shown.

    >>> gini(np.array([5, 5, 5])), round(gini(np.array([0, 0, 0, 8])), 2)
    (0.0, 0.75)
    """
    n, total = len(shown), shown.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ np.sort(shown) / (n * total))


def entropy(shown: NDArray[np.int64]) -> float:
    """Return the Shannon entropy of `exposure` in nats: ``ln n`` where all ``n`` items are shown equally often.

    ``- sum of p ln p``: the sum over items. RecBole's ``ShannonEntropy`` is the mean, this over the number of items
    shown; Elliot's is in bits, this over ``ln 2``.

    >>> round(entropy(np.array([3, 3, 0])), 6)
    0.693147
    """
    share = shown[shown > 0] / max(shown.sum(), 1)
    return float(-(share * np.log(share)).sum() + 0.0)


def personalisation(lists: Lists) -> float:
    """Return the mean distance between the lists of two queries: 1 where no two lists share an item.

    ``mean over pairs of 1 - |A and B| / k``. Source: Zhou et al. (2010), "Solving the apparent diversity-accuracy
    dilemma of recommender systems", equation for the Hamming distance. NaN for fewer than two lists.

    >>> personalisation(np.array([[0, 1], [0, 1]])), personalisation(np.array([[0, 1], [0, 2]]))
    (0.0, 0.5)
    """
    queries, k = lists.shape
    if queries < 2 or not k:
        return float("nan")
    shown = exposure(lists, int(lists.max(initial=0)) + 1)
    return float(1 - (shown * (shown - 1)).sum() / (k * queries * (queries - 1)))


def self_information(people: NDArray[np.integer[Any]], users: int) -> NDArray[np.float64]:
    """Return how surprising each item is, float64 ``[n]``: ``- log2(people who met it / users)``.

    An item that nobody met counts as met by one.

    >>> self_information(np.array([8, 1, 0]), users=8).tolist()
    [0.0, 3.0, 3.0]
    """
    return np.asarray(np.log2(max(users, 1) / np.maximum(people, 1)))


def novelty(lists: Lists, information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean self-information of each list in bits, float64 ``[q]``; 0 for an empty list.

    Source: Zhou et al. (2010), "surprisal"; RecTools' ``MeanInvUserFreq``.

    Args:
        lists: The lists.
        information: What `self_information` says of each item, float64 ``[n]``.

    >>> novelty(np.array([[0, 1], [1, -1]]), np.array([1.0, 3.0])).tolist()
    [2.0, 3.0]
    """
    total = np.append(information, 0.0)[lists].sum(axis=1)
    return np.asarray(total / np.maximum(lengths(lists), 1))


def diversity_by_vectors(lists: Lists, vectors: sparse.csr_array) -> NDArray[np.float64]:
    """Return the mean cosine distance between two items of a list, float64 ``[q]``; NaN for fewer than two.

    Intra-list diversity: Ziegler, McNee, Konstan and Lausen (2005), as a distance and a mean. Items without a vector
    are as far as can be from all others.

    Args:
        lists: The lists.
        vectors: One row an item, each of length 1 or 0, sparse ``[n, d]``.

    >>> vectors = sparse.csr_array(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    >>> diversity_by_vectors(np.array([[0, 1], [0, 2], [1, -1]]), vectors).tolist()
    [1.0, 0.0, nan]
    """
    size = lengths(lists)
    row, place = np.nonzero(lists >= 0)
    member = sparse.csr_array(
        (np.ones(len(row), np.float32), (row, lists[row, place])), shape=(len(lists), vectors.shape[0])
    )
    own = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
    together = member @ vectors
    alike = np.asarray(together.multiply(together).sum(axis=1)).ravel() - member @ own
    pairs = size * (size - 1)
    return np.asarray(np.where(pairs > 0, 1 - alike / np.maximum(pairs, 1), np.nan))


def diversity_by_sets(lists: Lists, members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean Jaccard distance between two items of a list, float64 ``[q]``; NaN for fewer than two.

    Two items that both have an empty set are as far as can be from one another: nothing shows that they are alike.

    Args:
        lists: The lists.
        members: Which sets (categories) each item is in, bool ``[n, c]``.

    >>> members = np.array([[True, True], [True, False], [False, False]])
    >>> diversity_by_sets(np.array([[0, 1], [0, 0], [1, 2]]), members).tolist()
    [0.5, 0.0, 1.0]
    """
    queries, k = lists.shape
    found = np.full(queries, np.nan)
    block = max(1, _VALUES_PER_BLOCK // max(k * members.shape[1], k * k, 1))
    first, second = np.triu_indices(k, 1)
    for start in range(0, queries, block):
        part = lists[start : start + block]
        chosen = members[part].astype(np.float32)
        common = (chosen @ chosen.transpose(0, 2, 1))[:, first, second]
        size = chosen.sum(axis=2)
        either = size[:, first] + size[:, second] - common
        there = (part[:, first] >= 0) & (part[:, second] >= 0)
        distance = np.where(there, 1 - common / np.maximum(either, 1), 0.0).sum(axis=1)
        pairs = there.sum(axis=1)
        found[start : start + block] = np.where(pairs > 0, distance / np.maximum(pairs, 1), np.nan)
    return found
