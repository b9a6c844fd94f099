"""The gate: whatever came before, nothing that may not be shown now gets through, nothing twice, no more than k."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from tastemaker.pipeline.allowed import Allowed, Asked, allowed_in, sift
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context, Person

_logger = logging.getLogger("tastemaker.pipeline")


class Gate:
    """Checks the candidates once more on the newest state of shelf and person, then cuts to length.

    Retrieval searched among what was allowed at its moment. Where the shelf has changed since, or more is known of the
    person, everything is worked out anew: what is sold out, closed, hidden, seen or no longer passes a filter goes, is
    noted under the name of what took it out, and those behind it move up.

    Args:
        k: How many at most; ``None`` for what the request asks for.
        newest: Gives the person as known by now; ``None`` goes by the context.
        name: Its name in the trace.
    """

    needed = True

    def __init__(
        self, k: int | None = None, newest: Callable[[Context], Person] | None = None, *, name: str = "gate"
    ) -> None:
        self.k, self.newest, self.name = k, newest, name

    def size(self, context: Context) -> int:
        """Return how many go through at most."""
        return context.query.k if self.k is None else min(self.k, context.query.k)

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Let through what may be shown."""
        slate = slate.distinct()
        person, why = self._person(context)
        slate = sift(slate, self._allowed(context, person))
        return slate.note(*why).top(self.size(context))

    def _person(self, context: Context) -> tuple[Person, tuple[str, ...]]:
        if self.newest is None:
            return context.person, ()
        try:
            return self.newest(context), ()
        except Exception:
            _logger.warning("the newest state of a person could not be had", exc_info=True)
            return context.person, ("what the person did in the last moments could not be looked up",)

    def _allowed(self, context: Context, person: Person) -> Allowed:
        known = allowed_in(context)
        if person is context.person and known.revision == context.shelf.revision:
            return known
        filters = context.filters if isinstance(context, Asked) else ()
        return Allowed.of(replace(context, person=person), filters, person)
