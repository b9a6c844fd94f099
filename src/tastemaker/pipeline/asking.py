"""A generator as a ranker: it is asked about the first candidates, and moves each by a bounded number of places."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError, nearest
from tastemaker.core.generator import Generator
from tastemaker.language.asking.calling import Caller
from tastemaker.language.asking.prompt import ChatPrompt, Values, load_prompt
from tastemaker.language.asking.rankings import PROMPTS, WAYS, Rank, Ranking, Way, elimination, listwise
from tastemaker.pipeline.item_lines import FACTS, history_lines, item_line, moment_line
from tastemaker.pipeline.moving import rearranged
from tastemaker.pipeline.rules import share_of
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context

TOP: Final = 20
"""How many candidates are asked about."""


@dataclass(frozen=True)
class Told:
    """What a generator is told.

    Attributes:
        fields: Fields of the catalogue that are told of a candidate beside its title.
        facts: Raw id -> more that is told of a candidate; see `tastemaker.pipeline.item_lines.facts_by_item`.
        history: How many of the latest items of the person.
        profile: Gives what is known of the person in words; nothing is told without it.
        moment: Whether season, day, hour and the context of the request are told.
    """

    fields: Sequence[str] = FACTS
    facts: Mapping[str, Sequence[str]] | None = None
    history: int = 10
    profile: Callable[[Context], str] | None = None
    moment: bool = True

    def shared(self, context: Context) -> Values:
        """Return what all questions about a request share."""
        return {
            "history": history_lines(context, self.history),
            "profile": "" if self.profile is None else self.profile(context),
            "moment": moment_line(context.now, context.query.context) if self.moment else "",
            "request": context.query.text or "",
        }

    def lines(self, slate: Slate, context: Context) -> list[str]:
        """Return a line for each candidate."""
        return [item_line(context.shelf, number, self.fields, self.facts) for number in slate.items.tolist()]


class RankByAsking:
    """Asks a generator about the first candidates, and lets its order move them within bounds.

    Each candidate wants the place ``(1 - weight) * its own + weight * the generator's``, and gets one at most
    ``reach`` places away from its own: what a model says, or a seller makes it say, cannot carry an item further. With
    a weight of 1 and no reach the generator's order stands.

    What the generator was not asked about, or gave no answer to, keeps its place; of a generator that fails or is late
    nothing remains but a note in ``degraded``. The scores of the answers are in the slate's column of this stage's
    name, NaN where there is none, for whatever ranks behind it; their scale is that of the way of asking.

    Args:
        generator: What is asked.
        way: How: a name of `tastemaker.language.asking.rankings.WAYS`.
        top: How many candidates, from the first on.
        weight: How much the generator's order counts, from 0 (it only fills its column) to 1.
        reach: The most places that a candidate moves; ``None`` for no bound.
        orders: Of ``listwise``: in how many orders the candidates are shown.
        prompt: Other words than the usual ones of the way of asking.
        told: What the generator is told.
        abreast: Questions under way at the same time.
        name: Its name in the trace and in the slate's columns; by default ``ask`` and the way.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: There is no such way of asking, or a number is out of range.
    """

    def __init__(
        self,
        generator: Generator,
        way: Way = "pointwise",
        *,
        top: int = TOP,
        weight: float = 0.5,
        reach: int | None = 5,
        orders: int = 1,
        prompt: ChatPrompt | None = None,
        told: Told | None = None,
        abreast: int = 1,
        name: str | None = None,
        needed: bool = False,
    ) -> None:
        if way not in WAYS:
            raise ConfigError(f"there is no way of asking '{way}'", where="way", remedy=nearest(way, WAYS))
        if orders != 1 and way != "listwise":
            raise ConfigError(f"'{way}' knows no orders", where="orders", remedy="Orders are those of 'listwise'.")
        for key, value, least in (("top", top, 2), ("reach", reach, 0), ("orders", orders, 1), ("abreast", abreast, 1)):
            if value is not None and value < least:
                raise ConfigError(f"{key} is {value}, but must be at least {least}", where=key)
        self.generator, self.way, self.top, self.orders = generator, way, top, orders
        self.weight, self.reach = share_of(weight, "weight"), reach
        self.prompt, self.told, self.abreast = prompt or load_prompt(PROMPTS[way]), told or Told(), abreast
        self.name, self.needed = name or f"ask {way}", needed
        self._priors: dict[int, NDArray[np.float64]] = {}

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Move the candidates, as far as the generator says something of them."""
        if len(slate) < 2:
            return slate
        ranking = self.ranking(slate.top(self.top), context)
        column = np.full(len(slate), np.nan, dtype=np.float32)
        column[: len(ranking.scores)] = ranking.scores
        marked = replace(slate, sources=MappingProxyType({**slate.sources, self.name: column}))
        moved = rearranged(marked, within_reach(ranking.order, len(slate), self.weight, self.reach))
        return moved.note(*(f"'{self.name}': {flaw}" for flaw in ranking.flaws))

    def ranking(self, slate: Slate, context: Context) -> Ranking:
        """Return what the generator says of some candidates."""
        deadline = None if context.deadline is None else time.monotonic() + context.deadline - context.clock()
        caller = Caller(self.generator, deadline, abreast=self.abreast)
        lines, shared = self.told.lines(slate, context), self.told.shared(context)
        if self.way == "listwise":
            return listwise(caller, self.prompt, shared, lines, context.rng, orders=self.orders, priors=self._priors)
        if self.way == "elimination":
            return elimination(caller, self.prompt, shared, lines, context.rng, priors=self._priors)
        rank: Rank = WAYS[self.way]
        return rank(caller, self.prompt, shared, lines, context.rng)


def within_reach(order: NDArray[np.int64], count: int, weight: float, reach: int | None = None) -> NDArray[np.int64]:
    """Return the places of ``count`` candidates in a new order, none further than ``reach`` from where it stood.

    Place after place gets who may stand there and wants to be furthest ahead; who would otherwise fall out of reach
    comes first, of whom there is never more than one.

    Args:
        order: Another's order of the first candidates: their places, best first, int64 ``[m]``, ``m <= count``.
        count: How many candidates there are; those behind the first ``m`` stay.
        weight: How much the other order counts, from 0 to 1.
        reach: The most places that a candidate moves; ``None`` for no bound.

    >>> within_reach(np.array([3, 2, 1, 0]), 5, 1.0, 2).tolist()
    [2, 3, 0, 1, 4]
    """
    own = np.arange(len(order))
    theirs = np.empty(len(order))
    theirs[order] = own
    wanted = (1 - weight) * own + weight * theirs
    left: list[int] = np.argsort(wanted, kind="stable").tolist()
    found: list[int] = []
    if reach is not None:
        for place in range(len(order)):
            forced = place - reach
            chosen = forced if forced in left else next(each for each in left if each <= place + reach)
            left.remove(chosen)
            found.append(chosen)
    return np.asarray([*found, *left, *range(len(order), count)], dtype=np.int64)
