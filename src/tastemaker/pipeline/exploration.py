"""Exploration: some places are left to chance, and how likely each item was to get its place is noted.

The propensity of an item is the probability that it was chosen for its place, given what stands above it. It is what
later credits feedback without bias, so it holds for the list as these stages leave it: they belong at the end, before
nothing but the gate. Rules may come before them: what was pinned or promoted keeps its place, with the propensity 1,
and what a quota took out does not come back. What the gate takes out, because the world has changed in between, does
not change the others'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError
from tastemaker.pipeline.allowed import allowed_in, sift
from tastemaker.pipeline.moving import from_0_to_1, marked, rearranged
from tastemaker.pipeline.rules import PINNED, PROMOTED, share_of
from tastemaker.pipeline.slate import Numbers, Slate
from tastemaker.pipeline.stage import Context

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]
ShownAndClicked: TypeAlias = Callable[[Numbers], tuple[NDArray[Any], NDArray[Any]]]
"""Gives, for the numbers of some items, how often each was shown and how often it was clicked."""

DEPTH: Final = 100
"""So many of the first candidates may be explored where nobody says otherwise."""

_HELD: Final = frozenset({PINNED, PROMOTED})


class EpsilonGreedy:
    """Fills each place with the best candidate left, or with probability epsilon with any of those left, all alike.

    The best of ``c`` left has the propensity ``1 - epsilon + epsilon / c``, each other one ``epsilon / c``.

    Args:
        epsilon: From 0 to 1; the knob ``epsilon`` of the person's policy goes before it.
        depth: How many of the first candidates may be explored.
        name: Its name in the trace.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: Epsilon is out of range.
    """

    def __init__(
        self, epsilon: float = 0.1, *, depth: int = DEPTH, name: str = "epsilon-greedy", needed: bool = False
    ) -> None:
        self.epsilon, self.depth, self.name, self.needed = share_of(epsilon, "epsilon"), depth, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Leave some places to chance."""
        epsilon = min(_knob(context, "epsilon", self.epsilon), 1.0)
        slate = _open(slate, context)
        if not epsilon or not len(slate):
            return slate
        free, k = _free(slate, context)
        left = list(range(min(max(self.depth, k), len(free))))
        order, chances = [], []
        for draw in context.rng.random(k).tolist():
            # One draw says both: below epsilon it is spread evenly over those that are left.
            place = min(int(draw / epsilon * len(left)), len(left) - 1) if draw < epsilon else 0
            chances.append((1 - epsilon if place == 0 else 0.0) + epsilon / len(left))
            order.append(left.pop(place))
        return _chosen(slate, free, order, np.asarray(chances))


class Softmax:
    """Draws the order: each place goes to a candidate left with a probability proportional to ``exp(score / t)``.

    Scores go from 0 to 1 within the slate, so that a temperature of .1 makes the best ``e^10`` times as likely as the
    worst of those left, whatever the model. That is the model of Plackett (1975) and Luce (1959); the order is drawn
    at once by adding Gumbel noise (Yellott, 1977), and propensities are those of the formula.

    Args:
        temperature: Above 0, or 0 for no chance; the knob ``temperature`` of the person's policy goes before it.
        depth: How many of the first candidates may be explored.
        name: Its name in the trace.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: The temperature is below 0.
    """

    def __init__(
        self, temperature: float = 0.05, *, depth: int = DEPTH, name: str = "softmax", needed: bool = False
    ) -> None:
        if not 0 <= temperature < math.inf:
            raise ConfigError(f"the temperature is {temperature}, but must be 0 or more", where="temperature")
        self.temperature, self.depth, self.name, self.needed = temperature, depth, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Draw the order."""
        temperature = _knob(context, "temperature", self.temperature)
        slate = _open(slate, context)
        if not temperature or not len(slate):
            return slate
        free, k = _free(slate, context)
        depth = min(max(self.depth, k), len(free))
        worth = from_0_to_1(slate.scores)[free[:depth]] / temperature
        order = np.argsort(-(worth + context.rng.gumbel(size=depth)), kind="stable")
        drawn = worth[order]
        left = np.logaddexp.accumulate(drawn[::-1])[::-1]
        return _chosen(slate, free, order.tolist(), np.exp(drawn - left))


class Thompson:
    """Fills each place with the candidate whose click rate, drawn anew from what is known of it, is highest.

    An item that was shown ``s`` times and clicked ``c`` times draws from ``Beta(a + c, b + s - c)`` (Thompson, 1933).
    There is no formula for the propensities: each is the share of ``draws`` further draws that would have chosen the
    item among those left, counted together with the draw that did, ``(hits + 1) / (draws + 1)``. So its standard error
    is at most ``1 / (2 sqrt(draws))``, and none is 0.

    Args:
        counts: How often items were shown and clicked.
        prior: ``a`` and ``b``: clicks and passings that every item is taken to have had.
        draws: How many draws estimate a propensity.
        depth: How many of the first candidates may be explored; the time grows with ``draws * depth``.
        name: Its name in the trace.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: The prior is not above 0, or there are no draws.
    """

    def __init__(
        self,
        counts: ShownAndClicked,
        *,
        prior: tuple[float, float] = (1.0, 1.0),
        draws: int = 200,
        depth: int = 50,
        name: str = "thompson",
        needed: bool = False,
    ) -> None:
        if min(prior) <= 0 or draws < 1:
            raise ConfigError(f"the prior is {prior} and there are {draws} draws", remedy="Both must be above 0.")
        self.counts, self.prior, self.draws, self.depth = counts, prior, draws, depth
        self.name, self.needed = name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Fill the places."""
        slate = _open(slate, context)
        if not len(slate):
            return slate
        free, k = _free(slate, context)
        depth = min(max(self.depth, k), len(free))
        if not k:
            return slate
        shown, clicked = (np.asarray(each, dtype=np.float64) for each in self.counts(slate.items[free[:depth]]))
        good = self.prior[0] + np.maximum(clicked, 0)
        bad = self.prior[1] + np.maximum(shown - clicked, 0)
        fresh = context.rng.beta(good, bad, (k, depth))
        known = context.rng.beta(good, bad, (self.draws, depth))
        order: list[int] = []
        chances = np.empty(k)
        for place, drawn in enumerate(fresh):
            best = int(drawn.argmax())
            while best in order:
                drawn[best] = -1.0
                best = int(drawn.argmax())
            chances[place] = (np.count_nonzero(known.argmax(axis=1) == best) + 1) / (self.draws + 1)
            known[:, best] = -1.0
            order.append(best)
        return _chosen(slate, free, order, chances)


def _knob(context: Context, name: str, own: float) -> float:
    """Return what the person's policy says of a setting, or the stage's own where it says nothing that makes sense."""
    said = context.person.knobs.get(name, own)
    return float(said) if 0 <= said < math.inf else own


def _open(slate: Slate, context: Context) -> Slate:
    """Return the candidates that may be recommended: nothing else is left to chance."""
    allowed = allowed_in(context)
    return slate if allowed.holds(slate.items).all() else sift(slate, allowed)


def _free(slate: Slate, context: Context) -> tuple[Places, int]:
    """Return the places that no rule holds, and how many of them are among those asked for."""
    held = [item for item, said in slate.marks.items() if not _HELD.isdisjoint(said)]
    free = np.flatnonzero(~np.isin(slate.items, held))
    return free, int(np.searchsorted(free, context.query.k))


def _chosen(slate: Slate, free: Places, order: list[int], chances: Floats) -> Slate:
    """Return the slate with who was chosen first in the free places, and the others behind; those had no other."""
    rest = np.ones(len(free), dtype=bool)
    rest[order] = False
    whole = np.arange(len(slate))
    whole[free] = free[np.concatenate([np.asarray(order, dtype=np.int64), np.flatnonzero(rest)])]
    propensities = np.ones(len(slate))
    propensities[free[: len(chances)]] = chances
    raised = whole[whole > np.arange(len(whole))]
    found = replace(rearranged(slate, whole), propensities=propensities)
    return marked(found, slate.items[raised], "explored")
