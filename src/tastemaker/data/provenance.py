"""Which rows a fitted thing has seen, so that evaluation can refuse to test it on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Provenance:
    """What something was fitted on.

    Attributes:
        dataset: Name of the data set.
        fingerprint: Fingerprint of the whole data set that the rows belong to.
        rows: Original row numbers seen, int64 ``[m]``, ascending.
        users: How many users were seen.
        last_event: Microseconds since the epoch of the latest event seen, or ``None`` without times.
        others: Names of other data sets that had a part (transfer).
    """

    dataset: str
    fingerprint: str
    rows: NDArray[np.int64]
    users: int
    last_event: int | None
    others: tuple[str, ...] = ()

    def overlap(self, fingerprint: str, rows: NDArray[np.int64]) -> int:
        """Return how many of ``rows`` of the data set ``fingerprint`` were seen."""
        if fingerprint != self.fingerprint:
            return 0
        return int(np.isin(rows, self.rows, assume_unique=True).sum())

    def packed_rows(self) -> NDArray[np.uint8]:
        """Return `rows` as one bit a row, uint8."""
        bits = np.zeros(int(self.rows[-1]) + 1 if len(self.rows) else 0, dtype=bool)
        bits[self.rows] = True
        return np.packbits(bits)

    @staticmethod
    def unpack_rows(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Read what `packed_rows` wrote, int64."""
        return np.flatnonzero(np.unpackbits(packed)).astype(np.int64)
