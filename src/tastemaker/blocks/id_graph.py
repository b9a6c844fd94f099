"""Who touched what in training, with a row for every person and item, and the check that nothing held out is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import LeakError
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut

NO_ID = 0
"""The row of what is no id: the vector there is zero and stays so."""


def edges_of(train: Dataset) -> NDArray[np.int64]:
    """Return the pairs of people and items with a positive event, each once, int64 ``[e, 2]``, sorted.

    Args:
        train: The view that models learn from.

    Returns:
        Positions of people in ``train.sequences.user_ids``, and numbers of items in ``train.items``.
    """
    sequences = train.sequences
    positive = sequences.weights > 0
    pairs = np.stack([sequences.user_of_event()[positive], sequences.codes[positive]], axis=1)
    return np.unique(pairs.astype(np.int64), axis=0)


@dataclass(frozen=True)
class IdGraph:
    """People and items, and who touched what.

    Rows of tables: 0 is for no id, then come ``u`` people and ``n`` items.

    Attributes:
        people: Raw ids, object ``[u]``.
        items: Raw ids, object ``[n]``, by their number in the vocabulary.
        edges: Person and item of each pair, int64 ``[e, 2]``, each pair once.
    """

    people: NDArray[np.object_]
    items: NDArray[np.object_]
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, train: Dataset) -> IdGraph:
        """Return the graph of a view's positive events, see `edges_of`."""
        return cls(train.sequences.user_ids, train.items.ids, edges_of(train))

    @property
    def rows(self) -> int:
        """``1 + u + n``, rows of a table."""
        return 1 + len(self.people) + len(self.items)

    @cached_property
    def touched(self) -> sparse.csr_array:
        """Who touched what, ones, float32 ``[u, n]``."""
        ones = np.ones(len(self.edges), dtype=np.float32)
        return sparse.csr_array((ones, tuple(self.edges.T)), shape=(len(self.people), len(self.items)))

    @cached_property
    def _person_places(self) -> dict[object, int]:
        return {person: place for place, person in enumerate(self.people)}

    @cached_property
    def _item_places(self) -> dict[object, int]:
        return {item: place for place, item in enumerate(self.items)}

    def person_rows(self, ids: Iterable[object]) -> NDArray[np.int64]:
        """Return the rows of people by their raw ids, int64 ``[m]``; who is not there has row 0."""
        rows = (1 + self._person_places[person] if person in self._person_places else NO_ID for person in ids)
        return np.fromiter(rows, dtype=np.int64)

    def item_rows(self, ids: Iterable[object]) -> NDArray[np.int64]:
        """Return the rows of items by their raw ids, int64 ``[m]``; what is not there has row 0."""
        before = 1 + len(self.people)
        rows = (before + self._item_places[item] if item in self._item_places else NO_ID for item in ids)
        return np.fromiter(rows, dtype=np.int64)


def refuse_held_out(graph: IdGraph, *held: HeldOut) -> None:
    """Check that the graph has no edge between the person of a question and one of its answers.

    An answer that the question's own history holds already, as where a split keeps repeats, is known and may be there.

    Args:
        graph: What vectors are made from.
        *held: ``valid`` and ``test`` of a split; a refit on both learns from ``valid`` and leaves it out here.

    Raises:
        LeakError: There is such an edge.
    """
    width = len(graph.items)
    inside = graph.edges[:, 0] * width + graph.edges[:, 1]
    for part in held:
        people, items = _targets_in(graph, part)
        met = (people >= 0) & (items >= 0)
        found = np.flatnonzero(met & np.isin(people * width + items, inside))
        leaked = [place for place in found.tolist() if not _known_before(part, place)]
        if leaked:
            first = leaked[0]
            raise LeakError(
                f"the graph has {len(leaked)} of {len(part.targets)} held-out pairs",
                where=f"person '{graph.people[people[first]]}', item '{graph.items[items[first]]}'",
                remedy="Build it from the training view of the split alone: IdGraph.of(split.train).",
            )


def _targets_in(graph: IdGraph, part: HeldOut) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of each target's person and item in the graph, -1 where they are not there."""
    people = graph.person_rows(part.queries.user_ids) - 1
    used, place = np.unique(part.targets, return_inverse=True)
    rows = graph.item_rows(part.queries.dictionary[used])
    items = np.where(rows == NO_ID, -1, rows - 1 - len(graph.people))
    return people[part.query], items[place]


def _known_before(part: HeldOut, target: int) -> bool:
    query = part.query[target]
    history = part.queries.codes[part.queries.starts[query] : part.queries.ends[query]]
    return bool((history == part.targets[target]).any())
