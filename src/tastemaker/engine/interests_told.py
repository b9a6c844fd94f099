"""How the sums of a person become what is told: the strongest interests, with the session, away from dislikes.

Everything told is a sum of the rows of an `InterestState`, so that it is worked out from their products alone, which is
a few numbers instead of vectors.
"""

from __future__ import annotations

import math
from typing import Final

SESSION: Final = 0
"""Row of the session's vector."""
AGAINST: Final = 1
"""Row of the sum of dislikes."""
FIRST: Final = 2
"""Row of the first interest."""

_FADED: Final = 1e-12
"""An interest so much weaker than the strongest is gone: its numbers are too small to have a direction."""


def told_parts(
    products: list[list[float]], masses: list[float], count: int, share: float, push: float
) -> tuple[list[list[float]], list[float]]:
    """Return what each row counts in each vector that is told, ``[c][rows]``, and the strengths, ``[c]``.

    The formula is that of `InterestState`; the strongest comes first.

    Args:
        products: Of every row with every other, ``[rows][rows]``.
        masses: What each interest weighs.
        count: How many are told at most.
        share: How far the session's vector pulls the interest nearest to it.
        push: How much of what agrees with the dislikes is taken away, below 1.
    """
    length = [math.sqrt(row[place]) for place, row in enumerate(products)]
    least = _FADED * max(length[FIRST:], default=0.0)
    there = (j for j in range(FIRST, len(products)) if length[j] > least)
    order = sorted(there, key=lambda j: -masses[j - FIRST])[:count]
    if not order:
        return [], []
    total = sum(masses[j - FIRST] for j in order)
    strengths = {j: masses[j - FIRST] / total for j in order}
    near = max(order, key=lambda j: products[SESSION][j] / length[j])
    # A session that agrees with no interest has nothing to pull.
    pulled = near if share and products[SESSION][near] > 0 else None
    if pulled is not None:
        strengths = {j: (1 - share) * strength + share * (j == pulled) for j, strength in strengths.items()}
        order.sort(key=lambda j: -strengths[j])
    parts = []
    for j in order:
        own, session = (1 - share, share / length[SESSION]) if j == pulled else (1.0, 0.0)
        parts.append(_scaled(products, j, own / length[j], session, push if length[AGAINST] else 0.0))
    return parts, [strengths[j] for j in order]


def _scaled(products: list[list[float]], j: int, own: float, session: float, push: float) -> list[float]:
    """Return what each row counts in one vector, so that this is of length 1."""
    part = [0.0] * len(products)
    part[SESSION], part[j] = session, own
    if push:
        agree = own * products[AGAINST][j] + session * products[AGAINST][SESSION]
        part[AGAINST] = -push * max(0.0, agree) / products[AGAINST][AGAINST]
    there = (SESSION, AGAINST, j)
    norm = math.sqrt(sum(part[a] * part[b] * products[a][b] for a in there for b in there))
    return [each / norm for each in part]
