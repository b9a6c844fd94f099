"""How likely options are, from the likeliest tokens that a reply may begin with."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LEAST = 1e-12
_UNCLEAR = 0.01
"""Tokens with which several options begin may have this share of the probability of all options, not more."""


def score_options(options: Sequence[str], top: Sequence[tuple[str, float]]) -> tuple[list[float], float] | None:
    """Return the log-probability of each option and the mass of all, or ``None`` where tokens cannot tell them apart.

    A token stands for an option that it is, spaces before it and marks after it aside, and for the only option that
    begins with it: then the mass is NaN, since not all that begins so goes on so. An option that no token stands for
    has at most the probability of the least likely token and of what all tokens leave; it is given that, and adds
    nothing to the mass.

    Args:
        options: The options.
        top: The likeliest first tokens and their log-probabilities, one at least.
    """
    found = [0.0] * len(options)
    unclear, whole_only = 0.0, True
    for token, logprob in top:
        text = token.lstrip(" \t\r\n▁Ġ")
        whole = max((option for option in options if _is(text, option)), key=len, default=None)
        begun = [option for option in options if text and option != text and option.startswith(text)]
        if len(begun) + (whole is not None) > 1:
            unclear += math.exp(logprob)
        elif whole is not None or begun:
            found[options.index(whole or begun[0])] += math.exp(logprob)
            whole_only &= whole is not None
    mass = sum(found)
    if unclear > _UNCLEAR * mass:
        return None
    shares = [math.exp(logprob) for _, logprob in top]
    left = max(min(*shares, 1 - sum(shares)), _LEAST)
    scores = [math.log(max(share, left)) for share in found]
    return scores, min(mass, 1.0) if whole_only and not unclear else math.nan


def _is(text: str, option: str) -> bool:
    """Say whether a token is an option, perhaps with a mark or a space behind it."""
    return text.startswith(option) and not text[len(option) :][:1].isalnum()


def scores_of_pick(options: Sequence[str], picked: str) -> list[float]:
    """Return what one answer says of the options: log-probabilities by Laplace's rule of succession."""
    return [math.log((1 + (option == picked)) / (1 + len(options))) for option in options]
