"""The trie of codes as arrays: which tokens may follow what has been generated, and which item it is in the end."""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.blocks.codes import PADDING, Codes, agreement
from tastemaker.core.errors import DataError, UnknownItemError

Over = Literal["vocabulary", "legal"]
OVERS: Final = ("vocabulary", "legal")
"""Over which tokens the probabilities of the next one add up to 1: all, or those that a trie allows."""

NOWHERE = -1
"""The node of what is no beginning of any code, and the item of a node that is no leaf."""


class Trie:
    """Beginnings of codes as nodes, numbered from the root (0) level after level, each level sorted by tokens.

    Children of one node therefore have consecutive numbers, and the edge ``e`` leads to node ``e + 1``: a million
    items of four tokens take about 80 MB.

    >>> trie = Trie(Codes(np.array([[0, 2], [0, 3], [1, 2]], dtype=np.int32), 4))
    >>> node = trie.step([trie.root], [0])
    >>> trie.allowed(node)[1].tolist(), trie.item_of(trie.step(node, [3])).tolist()
    ([2, 3], [1])

    Args:
        codes: Codes of all items; distinct.

    Attributes:
        root: The node of nothing generated.
        codes: Codes of all items, also of those that a subset leaves out.
        indptr: Edges of node ``v`` are ``indptr[v]:indptr[v + 1]``, int64 ``[nodes + 1]``.
        tokens: Tokens of the edges, ascending for each node, int32 ``[nodes - 1]``.
        items: Item of each leaf, `NOWHERE` for other nodes, int32 ``[nodes]``.

    Raises:
        DataError: Two items share a code.
    """

    root = 0

    def __init__(self, codes: Codes) -> None:
        doubled = np.flatnonzero(codes.agreement == codes.tokens.shape[1])
        if len(doubled):
            first, second = (int(codes.order[doubled[0] + step]) for step in (0, 1))
            raise DataError(
                "two items share a code",
                where=f"items {first} and {second}: {codes.text(first)}",
                remedy="Make codes distinct with resolved().",
            )
        self.codes = codes
        self._ranks = np.arange(len(codes))
        self._build(codes.order, codes.agreement)

    def _build(self, order: NDArray[np.int64], agree: NDArray[np.int64]) -> None:
        """Make the arrays for the items ``order``, sorted by their codes; neighbours agree at ``agree`` places."""
        agree = np.append(-1, agree)[: len(order)]
        nodes = np.zeros(len(order), dtype=np.int64)
        items = np.full(len(order), NOWHERE, dtype=np.int32)
        parents, tokens, leaves = [], [], [np.full(1, NOWHERE, dtype=np.int32)]
        count = 1
        columns = self.codes.tokens.shape[1]
        for place in range(columns):
            column = self.codes.tokens[order, place]
            new = (column != PADDING) & (agree <= place)
            parents.append(nodes[new])
            tokens.append(column[new])
            nodes = np.where(column != PADDING, count - 1 + np.cumsum(new), nodes)
            count += int(new.sum())
            following = self.codes.tokens[order, place + 1] if place + 1 < columns else np.full_like(column, PADDING)
            items = np.where(following == PADDING, order, NOWHERE).astype(np.int32)
            leaves.append(items[new])
        degrees = np.bincount(np.concatenate([*parents, np.empty(0, dtype=np.int64)]), minlength=count)
        self.indptr = np.append(0, np.cumsum(degrees))
        self.tokens = np.concatenate([*tokens, np.empty(0, dtype=np.int32)])
        self.items = np.concatenate(leaves)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        """Parent and token of each edge as one ascending number, int64 ``[nodes - 1]``."""
        parents = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        keys: NDArray[np.int64] = parents * self.codes.vocabulary + self.tokens
        return keys

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Place of each item in the order of all codes, int64 ``[n]``."""
        places = np.empty(len(self.codes), dtype=np.int64)
        places[self.codes.order] = np.arange(len(self.codes))
        return places

    def allowed(self, nodes: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Return what may follow each of ``nodes``, int ``[b]``; nothing follows a leaf or `NOWHERE`.

        Returns:
            ``(indptr, tokens, children)``: after node ``i`` the tokens ``tokens[indptr[i]:indptr[i + 1]]``,
            ascending, lead to those nodes. int64 ``[b + 1]``, int32 ``[a]``, int64 ``[a]``.
        """
        given = np.asarray(nodes, dtype=np.int64)
        known = np.maximum(given, 0)
        starts = self.indptr[known]
        counts = np.where(given >= 0, self.indptr[known + 1] - starts, 0)
        indptr = np.append(0, np.cumsum(counts))
        edges = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], counts)
        return indptr, self.tokens[edges], edges + 1

    def step(self, nodes: ArrayLike, tokens: ArrayLike) -> NDArray[np.int64]:
        """Return the nodes that ``tokens`` lead to from ``nodes``, both int ``[b]``; `NOWHERE` if not allowed."""
        given, said = np.broadcast_arrays(np.asarray(nodes, dtype=np.int64), np.asarray(tokens, dtype=np.int64))
        legal = (given >= 0) & (said >= 0) & (said < self.codes.vocabulary)
        if not len(self._keys):
            return np.full(given.shape, NOWHERE)
        wanted = given * self.codes.vocabulary + said
        edges = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(legal & (self._keys[edges] == wanted), edges + 1, NOWHERE)

    def item_of(self, nodes: ArrayLike) -> NDArray[np.int32]:
        """Return the items that ``nodes`` are, int32 ``[b]``; `NOWHERE` for those that are no leaf."""
        given = np.asarray(nodes, dtype=np.int64)
        return np.where(given >= 0, self.items[np.maximum(given, 0)], np.int32(NOWHERE))

    def subset(self, items: ArrayLike) -> Trie:
        """Return the trie of some items of this one, in time that their number alone decides.

        Its nodes have other numbers. Items given twice count once; without any, nothing may follow the root.

        Args:
            items: Item numbers, int ``[s]``.

        Raises:
            UnknownItemError: An item is not in this trie.
        """
        wanted = np.asarray(items, dtype=np.int64)
        outside = (wanted < 0) | (wanted >= len(self.codes))
        ranks = self._places[np.where(outside, 0, wanted)] if len(self.codes) else np.zeros(len(wanted), dtype=np.int64)
        outside |= ~np.isin(ranks, self._ranks) if self.is_subset else False
        if outside.any():
            raise UnknownItemError(
                f"item {wanted[outside.argmax()]} is not in the trie", remedy="Give items that have codes in it."
            )
        found = Trie.__new__(Trie)
        found.codes = self.codes
        found.__dict__["_places"] = self._places
        found._ranks = np.unique(ranks)
        order = self.codes.order[found._ranks]
        found._build(order, agreement(self.codes.tokens[order]))
        return found

    @property
    def is_subset(self) -> bool:
        """Whether some items that have codes are left out."""
        return len(self._ranks) < len(self.codes)
