"""From a slate to what is shown: titles, sources, chances, and reasons with their evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import UnknownItemError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.core.recommender import Recommender
from tastemaker.engine.answers import Evidence, Recommended, fits, mostly_popular, reason_for
from tastemaker.engine.shop import Shop
from tastemaker.pipeline.slate import Slate

_EVIDENCE: Final = 3
_EVIDENCE_SHARE: Final = 0.1
_EXPLAINED: Final = 50
"""Reasons are given for this many; a longer list is for programs, and each reason costs about a millisecond."""

_logger = logging.getLogger("tastemaker.engine")


class Presenter:
    """Makes items of a slate ready to be shown.

    Args:
        shop: Where ids and titles stand.
        wanted: Gives how much each item was wanted lately, by its number on the shelf.
    """

    def __init__(self, shop: Shop, wanted: Callable[[], NDArray[np.float64]]) -> None:
        self._shop, self._wanted = shop, wanted

    def items(
        self, slate: Slate, model: Recommender, query: Query, asked: str | None, *, reasons: bool
    ) -> tuple[Recommended, ...]:
        """Return what is shown, best first.

        Args:
            slate: What came through the gate.
            model: What gives reasons.
            query: The full query.
            asked: The words of the request itself, without those of a profile, which no reason repeats.
            reasons: Whether reasons are wanted.
        """
        numbers, scores = slate.items.tolist(), slate.scores.tolist()
        ids, titles = self._shop.shelf.ids[slate.items].tolist(), self._shop.titles_of(numbers)
        sources = _sources(slate)
        chances = [None] * len(slate) if slate.propensities is None else slate.propensities.tolist()
        shown = []
        for place, item in enumerate(ids):
            reason: str = ""
            evidence: tuple[Evidence, ...] = ()
            if reasons and place < _EXPLAINED:
                reason, evidence = self._reason(model, query, numbers[place], item, sources[place], asked)
            told = titles[place], scores[place], place + 1, reason, evidence, sources[place], chances[place]
            shown.append(Recommended(item, *told))
        return tuple(shown)

    def _reason(
        self, model: Recommender, query: Query, number: int, item: str, sources: tuple[str, ...], asked: str | None
    ) -> tuple[str, tuple[Evidence, ...]]:
        """Say what put an item into the list; a model speaks for what it named or ranked itself alone."""
        if not sources:
            return "placed by the shop", ()
        others = [told for source in sources if (told := self._told_by(source, number, asked))]
        if len(others) == len(sources):
            return "; ".join(others), ()
        try:
            contributions = model.explain(query, item)
        except Exception as error:
            # A list is not lost because a reason cannot be had.
            if not isinstance(error, UnknownItemError):
                _logger.warning("no reason could be given", exc_info=True)
            return "; ".join(others) or f"named by {' and '.join(sources)}", ()
        evidence = () if mostly_popular(contributions) else self.evidence(contributions)
        return "; ".join([reason_for(query, contributions, evidence, asked), *others]), evidence

    def _told_by(self, source: str, number: int, asked: str | None) -> str:
        """Return what a source that is no model says for an item; nothing of the others."""
        kind = source.partition(" ")[0]
        if kind == "latest":
            return "new"
        if kind == "search":
            return fits(asked)
        if kind == "nearest":
            return "near to what the person is drawn to"
        return self._popular(number) if kind == "popular" else ""

    def _popular(self, number: int) -> str:
        wanted = self._wanted()
        if number >= len(wanted) or not wanted[number]:
            return "popular"
        return f"popular: number {1 + np.count_nonzero(wanted > wanted[number])} of what was wanted most lately"

    def evidence(self, contributions: Contributions) -> tuple[Evidence, ...]:
        """Return the items of the history that speak most for an item, strongest first, at most three."""
        speaking = {item: amount for item, amount in contributions.by_item().items() if amount > 0}
        total = sum(speaking.values())
        return tuple(
            Evidence(item, self._shop.title(item), amount / total)
            for item, amount in list(speaking.items())[:_EVIDENCE]
            if amount >= _EVIDENCE_SHARE * total
        )


def _sources(slate: Slate) -> list[tuple[str, ...]]:
    """Return what named each item."""
    named = [(name, (~np.isnan(given)).tolist()) for name, given in slate.sources.items()]
    return [tuple(name for name, is_named in named if is_named[place]) for place in range(len(slate))]
