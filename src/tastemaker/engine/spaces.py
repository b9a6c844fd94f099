"""Spaces over the shelf: one table of items' vectors, by number for retrieval and by raw id for people's states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastemaker.engine.people_items import Numbering
from tastemaker.pipeline.item_vectors import ItemVectors

TEXT = "text"
"""The space of the vectors of items' texts."""


@dataclass(frozen=True)
class ShelfSpace:
    """What lies in a table of the shelf's, as `tastemaker.engine.people_state.Space` asks for it.

    Attributes:
        name: What retrievers call it.
        fingerprint: Changes with what makes the vectors.
        table: The vectors, by the items' numbers.
        shelf: What numbers items.
    """

    name: str
    fingerprint: str
    table: ItemVectors
    shelf: Numbering

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.table.dim

    def vector(self, item_id: str) -> NDArray[np.float32] | None:
        """Return the vector of an item, float32 ``[d]`` of length 1; ``None`` where it has none."""
        number = self.shelf.numbers([item_id])
        return self.table.take(number)[0] if self.table.has(number)[0] else None
