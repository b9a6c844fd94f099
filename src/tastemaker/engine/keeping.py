"""What is kept of answers: the list for feedback, what the next page needs, the step of the session policy."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tastemaker.core.clock import to_microseconds
from tastemaker.core.query import Query
from tastemaker.engine.answers import Recommended
from tastemaker.engine.pages import Pages
from tastemaker.engine.people import People
from tastemaker.engine.shown import Shown
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context
from tastemaker.store.ports import Served, TenantStore


class Keeper:
    """Keeps lists that were shown, without waiting for the disk; of somebody who is being erased nothing.

    Args:
        store: Where lists are kept.
        people: Who is told of them.
        pages: What the next pages need.
    """

    def __init__(self, store: TenantStore, people: People, pages: Pages) -> None:
        self._people, self._pages = people, pages
        self._shown = Shown(store.served)
        self._lock = threading.Lock()
        self._leaving: set[str] = set()

    def keep(
        self, query: Query, scenario: str, context: Context, slate: Slate, items: tuple[Recommended, ...], model: str
    ) -> tuple[str | None, str | None]:
        """Keep an answer; return its name, and the cursor of the next page.

        Args:
            query: The request as it was put.
            scenario: The placement that was asked.
            context: The full request, and who asked.
            slate: What is shown.
            items: The same, ready to be shown.
            model: Name of the model.
        """
        full = context.query
        served = Served(
            recommendation_id=secrets.token_hex(12),
            user_id=full.user_id,
            scenario=scenario,
            at=to_microseconds(context.now),
            item_ids=tuple(item.item_id for item in items),
            propensities=() if slate.propensities is None else tuple(slate.propensities.tolist()),
            model=model,
            details={"policy": context.person.policy},
        )
        more = len(items) == full.k
        with self._lock:
            if full.user_id in self._leaving:
                return None, None
            self._shown.keep(served)
            if more:
                self._pages.keep(served.recommendation_id, query, served.item_ids, scenario)
            self._people.served(served)
        return served.recommendation_id, served.recommendation_id if more else None

    def get(self, recommendation_id: str) -> Served | None:
        """Return a list that was shown."""
        return self._shown.get(recommendation_id)

    @contextmanager
    def forgetting(self, names: set[str]) -> Iterator[None]:
        """Keep nothing of somebody, under all their names, while a block runs; what waits is written before it."""
        with self._lock:
            self._leaving |= names
        try:
            self._shown.flush()
            yield
        finally:
            with self._lock:
                self._leaving -= names

    def forget_pages(self, names: set[str]) -> int:
        """Forget what the next pages of somebody need; return of how many answers."""
        return self._pages.forget(*names)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            ServiceError: The store has more to write than it can.
            StorageError: It cannot write.
        """
        self._shown.flush()
