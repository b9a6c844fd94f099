"""From a slate to what is shown: titles, sources, chances, and reasons with their evidence."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np

from tastemaker.core.errors import UnknownItemError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.core.recommender import Recommender
from tastemaker.engine.answers import Evidence, Recommended, reason_for
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
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

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
                reason, evidence = self._reason(model, query, item, sources[place], asked)
            told = titles[place], scores[place], place + 1, reason, evidence, sources[place], chances[place]
            shown.append(Recommended(item, *told))
        return tuple(shown)

    def _reason(
        self, model: Recommender, query: Query, item: str, sources: tuple[str, ...], asked: str | None
    ) -> tuple[str, tuple[Evidence, ...]]:
        try:
            contributions = model.explain(query, item)
        except Exception as error:
            # A list is not lost because a reason cannot be had.
            if not isinstance(error, UnknownItemError):
                _logger.warning("no reason could be given", exc_info=True)
            return ("new" if "latest" in sources else "popular"), ()
        evidence = self.evidence(contributions)
        return reason_for(query, contributions, evidence, asked), evidence

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
