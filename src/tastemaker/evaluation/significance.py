"""What a test can show: p-values of paired differences, corrected for their number, and the smallest difference seen.

Intervals and resampling live in `tastemaker.evaluation.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation.bootstrap import STANDARD_ERRORS_DETECTABLE
from tastemaker.evaluation.entries import Entry

LEVEL: Final = 0.05
RELATED: Final = 0.5
"""How strongly two models' values for the same people hang together, where nothing is known yet."""

Key = TypeVar("Key", bound=Hashable)


def p_value(samples: NDArray[np.floating[Any]]) -> float:
    """Return the two-sided p-value of a difference from its bootstrap ``samples``, float ``[replicates]``.

    Twice the smaller share of samples on either side of zero, each with one added: Davison and Hinkley (1997),
    section 4.2. It is never below ``2 / (replicates + 1)``.

    >>> p_value(np.arange(-1.0, 98.0))
    0.06
    """
    known = samples[np.isfinite(samples)]
    size = len(known) + 1
    below, above = np.count_nonzero(known <= 0) + 1, np.count_nonzero(known >= 0) + 1
    return float(min(1.0, 2 * min(below, above) / size))


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return p-values corrected for their number, so that one false find among them all stays as unlikely.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    ordered = sorted(p_values, key=lambda key: p_values[key])
    corrected, highest = {}, 0.0
    for place, key in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * p_values[key]))
        corrected[key] = highest
    return {key: corrected[key] for key in p_values}


@dataclass(frozen=True, slots=True)
class Detectable:
    """How small a difference to the baseline a test will be able to show, known before it is looked at.

    Attributes:
        metric: What is compared.
        baseline: The row that others are compared with.
        users: People in the test.
        spread: Standard deviation of the baseline's metric over people, on the validation part.
        related: The smallest difference found four times in five if two models' values correlate by one half.
        unrelated: The same if they do not correlate at all.
    """

    metric: str
    baseline: str
    users: int
    spread: float
    related: float
    unrelated: float

    @classmethod
    def of(cls, metric: str, baseline: str, per_user: NDArray[np.float64], users: int) -> Detectable:
        """Work it out from the baseline's values for each person of the validation part, float64 ``[v]``.

        The standard deviation of a difference of two values with the same spread and correlation ``c`` is
        ``spread * sqrt(2 (1 - c))``; 2.8 standard errors are found at the 5 % level in 80 of 100 tests (Bloom 1995).
        """
        spread = float(per_user.std(ddof=1)) if len(per_user) > 1 else float("nan")
        error = STANDARD_ERRORS_DETECTABLE * spread / max(users, 1) ** 0.5
        return cls(metric, baseline, users, spread, error * (2 * (1 - RELATED)) ** 0.5, error * 2**0.5)

    def sentence(self) -> str:
        """Say it.

        >>> values = np.tile([0.0, 1.0], 200)
        >>> Detectable.of("ndcg@10", "counts", values, users=400).sentence()[:72]
        'Before any result: with 400 people this test finds a difference to count'
        """
        return (
            f"Before any result: with {self.users:,} people this test finds a difference to {self.baseline} in "
            f"{self.metric} of {self.related:.4f} four times in five if models agree on people by half, and of "
            f"{self.unrelated:.4f} if they do not agree at all (from the baseline's spread on the validation part)."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        values = {name: getattr(self, name) for name in ("spread", "related", "unrelated")}
        finite = {name: value if np.isfinite(value) else None for name, value in values.items()}
        return {"metric": self.metric, "baseline": self.baseline, "users": self.users, **finite}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        spread, related, unrelated = (entry[name].number() for name in ("spread", "related", "unrelated"))
        return cls(entry["metric"].text(), entry["baseline"].text(), entry["users"].whole(), spread, related, unrelated)
