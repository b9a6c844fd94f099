"""The pipeline: runs stages over a slate, in time, past what fails, through the gate, and down a ladder if need be."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np

from tastemaker.core.errors import ModelError, TastemakerError
from tastemaker.pipeline.allowed import Asked, Where
from tastemaker.pipeline.gate import Gate
from tastemaker.pipeline.retrievers import Latest
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import GATE, RANKING, RETRIEVAL, Context, Stage, Step

_logger = logging.getLogger("tastemaker.pipeline")
_LATE: Final = "out of time"
_LADDER: Final = (Latest(),)


class Pipeline:
    """Stages one after the other, then the gate, then what fills the list up.

    A stage that fails is passed over, and so is, after the deadline, one that is not needed: the slate from before it
    goes on, and the answer says so. Where fewer items remain than were asked for, the fallbacks are asked in turn for
    what lacks: the session, what is popular, what came last. Stages that say that they are ``lasting``, such as
    `Quota` and `Pin`, are applied again to what a fallback has added, and the gate checks that, too.

    Args:
        stages: In their order: sources, fusion, ranking, rules, exploration.
        gate: The last check.
        fallbacks: Sources, the most personal one first; by default what came last.
    """

    def __init__(self, stages: Sequence[Stage], gate: Gate | None = None, fallbacks: Sequence[Stage] = _LADDER) -> None:
        self.stages, self.gate, self.fallbacks = tuple(stages), gate or Gate(), tuple(fallbacks)

    def __call__(self, context: Context, filters: Sequence[Where] = ()) -> Slate:
        """Return the answer to a request: distinct items that may be shown, best first, at most as many as asked for.

        What each stage did is appended to the trace of the context.

        Args:
            context: The request.
            filters: What every item has to pass besides the filter of the query.

        Raises:
            TastemakerError: A filter cannot be read, or asks for what the shelf cannot tell. Nothing else is an error.
        """
        asked = Asked.over(context, filters)
        began = asked.clock()
        allowed = asked.allowed
        self._trace(asked, "allowed", RETRIEVAL, began, len(allowed.mask), allowed.count)
        slate = Slate.empty()
        if allowed.count:
            for stage in self.stages:
                slate = self._after(stage, slate, asked)
        slate = self._through(slate, asked)
        k = self.gate.size(asked)
        if len(slate) < k and allowed.count:
            slate = self._filled(slate, asked, k)
        if len(slate) >= k:
            return slate
        few = len(slate) >= allowed.count
        return slate.note(allowed.why_few() if few else f"{len(slate)} of {k} found")

    def _filled(self, slate: Slate, asked: Asked, k: int) -> Slate:
        """Ask the fallbacks for what lacks."""
        for rung in self.fallbacks:
            before = len(slate)
            if before >= k:
                break
            wider = self._after(rung, slate, asked, urgent=True)
            if len(wider) == before:
                slate = slate.note(*wider.degraded)
                continue
            for stage in self.stages:
                if getattr(stage, "lasting", False):
                    wider = self._after(stage, wider, asked, urgent=True)
            slate = self._through(wider, asked)
            if len(slate) > before:
                slate = slate.note(f"{len(slate) - before} of {k} filled up from '{rung.name}'")
        return slate

    def _after(self, stage: Stage, slate: Slate, asked: Asked, *, urgent: bool = False) -> Slate:
        """Return the slate after a stage, or as it was where the stage is passed over."""
        part = getattr(stage, "part", RANKING if len(slate) else RETRIEVAL)
        if not (stage.needed or urgent) and asked.late():
            asked.trace.append(Step(stage.name, 0.0, len(slate), len(slate), _LATE, part))
            return slate.note(f"'{stage.name}' left out: {_LATE}")
        began = asked.clock()
        try:
            found = _sound(stage(slate, asked), stage.name, len(asked.shelf))
        except Exception as error:
            _logger.warning("the stage '%s' failed and was left out", stage.name, exc_info=True)
            why = error.message if isinstance(error, TastemakerError) else "it failed"
            self._trace(asked, stage.name, part, began, len(slate), len(slate), f"left out: {why}")
            return slate.note(f"'{stage.name}' left out: {why}")
        self._trace(asked, stage.name, part, began, len(slate), len(found))
        return found

    def _through(self, slate: Slate, asked: Asked) -> Slate:
        began = asked.clock()
        found = self.gate(slate, asked)
        self._trace(asked, self.gate.name, GATE, began, len(slate), len(found))
        return found

    @staticmethod
    def _trace(asked: Asked, name: str, part: str, began: float, before: int, after: int, note: str = "") -> None:
        asked.trace.append(Step(name, 1000 * (asked.clock() - began), before, after, note, part))


def _sound(slate: Slate, name: str, n: int) -> Slate:
    """Return the slate, with every item once, and none that is not among the ``n`` of the shelf.

    Raises:
        ModelError: Its scores are not numbers, or not as many as its items.
    """
    if len(slate.scores) != len(slate.items) or not np.isfinite(slate.scores).all():
        raise ModelError(f"'{name}' gave scores that are no numbers, or not one for each item")
    if len(slate) and not (slate.items.min() >= 0 and slate.items.max() < n):
        _logger.warning("'%s' named items that are not on the shelf", name)
        slate = slate.take((slate.items >= 0) & (slate.items < n))
    return slate.distinct()
