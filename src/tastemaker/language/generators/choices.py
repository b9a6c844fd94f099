"""From scores of options to a `Choice`: priors taken off, made to sum to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.generator import Choice, Usage

Scores = NDArray[np.float64]


def choice_among(
    scores: Sequence[float] | NDArray[Any],
    mass: float,
    prior: Sequence[float] | NDArray[Any] | None = None,
    usage: Usage | None = None,
) -> Choice:
    """Return the choice that log-probabilities of options make.

    Args:
        scores: Log-probabilities of the options, or what is proportional to them, finite, ``[o]``.
        mass: As in `Choice`.
        prior: The same for the question without its content; taken off (Zhao et al., 2021, with their W a diagonal of
            inverse probabilities).
        usage: As in `Choice`.

    >>> np.exp(choice_among([0.0, 0.0], 1.0).log_probabilities)
    array([0.5, 0.5])
    """
    left = np.asarray(scores, dtype=np.float64)
    if prior is not None:
        left = left - np.asarray(prior, dtype=np.float64)
    highest = left.max()
    return Choice(left - (highest + np.log(np.exp(left - highest).sum())), mass, usage or Usage())
