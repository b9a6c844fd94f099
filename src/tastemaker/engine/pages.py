"""The next page of an answer: what was asked for and what was shown already, for as long as somebody may go on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tastemaker.core.errors import QueryError
from tastemaker.core.query import Query

MOST: Final = 10_000
MINUTES: Final = 30.0


class Pages:
    """Answers that can be gone on with; the oldest make room, and nothing of them outlives the process.

    Args:
        clock: Seconds, growing.
        most: How many answers.
        minutes: For how long.
    """

    def __init__(self, clock: Callable[[], float], *, most: int = MOST, minutes: float = MINUTES) -> None:
        self._clock, self._most, self._seconds = clock, most, 60 * minutes
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Query]] = OrderedDict()

    def keep(self, name: str, query: Query, shown: tuple[str, ...]) -> None:
        """Keep what the next page of an answer is: the same request without what was shown."""
        following = replace(query, exclude=(*query.exclude, *shown), cursor=None)
        now = self._clock()
        with self._lock:
            self._known[name] = now, following
            while len(self._known) > self._most or next(iter(self._known.values()))[0] < now - self._seconds:
                self._known.popitem(last=False)

    def following(self, query: Query) -> Query:
        """Return the request for the page that the cursor of a query names, as long as that query asks for.

        Raises:
            QueryError: The cursor is unknown, or somebody else's.
        """
        assert query.cursor is not None
        with self._lock:
            known = self._known.get(query.cursor)
        if known is None or known[0] < self._clock() - self._seconds:
            raise QueryError(
                "this cursor is unknown, or too old to go on with", where="cursor", remedy="Ask without one."
            )
        following = known[1]
        if query.user_id is not None and query.user_id != following.user_id:
            raise QueryError("this cursor belongs to somebody else's answer", where="cursor", remedy="Ask without one.")
        return replace(following, k=query.k)

    def forget(self, *names: str) -> int:
        """Forget the answers to somebody, under all their names; return how many."""
        with self._lock:
            theirs = [name for name, (_, query) in self._known.items() if query.user_id in names]
            for name in theirs:
                del self._known[name]
        return len(theirs)
