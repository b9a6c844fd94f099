"""The next page of an answer: what was asked for and what was shown already, for as long as somebody may go on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tastemaker.core.errors import QueryError
from tastemaker.core.query import Query

MOST: Final = 10_000
MOST_BYTES: Final = 64 * 2**20
MINUTES: Final = 30.0

# As measured on CPython 3.11 (64 bits): a request with nothing in it, and any value in it beyond its characters.
_BYTES_OF_QUERY: Final = 600
_BYTES_OF_VALUE: Final = 60
_BYTES_OF_EVENT: Final = 180
_WIDEST: Final = 4
"""Bytes of a character at most."""


class Pages:
    """Answers that can be gone on with; the oldest make room, and nothing of them outlives the process.

    Args:
        clock: Seconds, growing.
        most: How many answers.
        most_bytes: About how much memory they may take; an answer that takes more by itself is not kept.
        minutes: For how long.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        minutes: float = MINUTES,
    ) -> None:
        self._clock, self._most, self._most_bytes, self._seconds = clock, most, most_bytes, 60 * minutes
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Page] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many answers can be gone on with."""
        return len(self._known)

    @property
    def nbytes(self) -> int:
        """About how much memory they take."""
        return self._bytes

    def keep(self, name: str, query: Query, shown: tuple[str, ...], scenario: str | None = None) -> None:
        """Keep what the next page of an answer is: the same request without what was shown.

        Args:
            name: What the answer is called.
            query: The request.
            shown: The items of the answer.
            scenario: The placement that answered, where the request names none.
        """
        size, now = nbytes_of(query, shown), self._clock()
        with self._lock:
            self._drop(name)
            self._known[name] = _Page(now, size, query, shown, query.scenario or scenario)
            self._bytes += size
            while self._known and self._too_much(now):
                self._drop(next(iter(self._known)))

    def _too_much(self, now: float) -> bool:
        oldest = next(iter(self._known.values())).at
        return len(self._known) > self._most or self._bytes > self._most_bytes or oldest < now - self._seconds

    def _drop(self, name: str) -> None:
        if name in self._known:
            self._bytes -= self._known.pop(name).size

    def following(self, query: Query) -> Query:
        """Return the request for the page that the cursor of a query names, as long as that query asks for.

        Raises:
            QueryError: The cursor is unknown, or somebody else's.
        """
        assert query.cursor is not None
        with self._lock:
            known = self._known.get(query.cursor)
        if known is None or known.at < self._clock() - self._seconds:
            raise QueryError(
                "this cursor is unknown, or too old to go on with", where="cursor", remedy="Ask without one."
            )
        before = known.query
        if query.user_id is not None and query.user_id != before.user_id:
            raise QueryError("this cursor belongs to somebody else's answer", where="cursor", remedy="Ask without one.")
        exclude = (*before.exclude, *known.shown)
        return replace(before, exclude=exclude, scenario=known.scenario, cursor=None, k=query.k)

    def forget(self, *names: str) -> int:
        """Forget the answers to somebody, under all their names; return how many."""
        with self._lock:
            theirs = [name for name, page in self._known.items() if page.query.user_id in names]
            for name in theirs:
                self._drop(name)
        return len(theirs)


class _Page(NamedTuple):
    """A request that was answered: when, how much memory it takes, what was shown, and where."""

    at: float
    size: int
    query: Query
    shown: tuple[str, ...]
    scenario: str | None


def nbytes_of(query: Query, shown: tuple[str, ...] = ()) -> int:
    """Return about how much memory a request and what was shown take, rather too much than too little."""
    events = (*(query.history or ()), *query.session)
    # Ids that other objects hold as well are counted all the same: whether they do is not known.
    size = _BYTES_OF_QUERY + sum(_BYTES_OF_EVENT + _WIDEST * len(event.item_id) for event in events)
    for ids in (query.liked, query.disliked, query.items, query.candidates or (), query.exclude, shown):
        size += _BYTES_OF_VALUE * len(ids) + _WIDEST * sum(map(len, ids))
    for value in (query.user_id, query.text, query.filters, query.scenario, query.locale, query.profile, query.context):
        size += _nbytes(value)
    return size


def _nbytes(value: Any) -> int:
    if isinstance(value, str):
        return _BYTES_OF_VALUE + _WIDEST * len(value)
    if isinstance(value, Mapping):
        return _BYTES_OF_VALUE + sum(_nbytes(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return _BYTES_OF_VALUE + sum(map(_nbytes, value))
    return 0 if value is None else _BYTES_OF_VALUE
