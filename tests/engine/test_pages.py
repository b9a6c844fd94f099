"""The next page of an answer is there for a while, within bounds of count and memory."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import pytest

from tastemaker.core.errors import QueryError
from tastemaker.core.query import Event, Query
from tastemaker.engine.pages import Pages, nbytes_of


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def known(pages: Pages, *names: str) -> list[str]:
    """Return those that can be gone on with."""
    found = []
    for name in names:
        with suppress(QueryError):
            pages.following(Query(cursor=name))
            found.append(name)
    return found


def test_the_next_page_is_the_same_request_without_what_was_shown() -> None:
    pages = Pages(Watch())
    pages.keep("r", Query(user_id="ann", filters="price < 3", k=2), ("a", "b"))
    assert pages.following(Query(cursor="r", k=5)) == Query(user_id="ann", filters="price < 3", k=5, exclude=("a", "b"))


def test_beyond_so_many_the_oldest_make_room() -> None:
    pages = Pages(Watch(), most=2)
    for name in ("r1", "r2", "r3"):
        pages.keep(name, Query(), ())
    assert known(pages, "r1", "r2", "r3") == ["r2", "r3"]
    with pytest.raises(QueryError, match="this cursor is unknown, or too old to go on with"):
        pages.following(Query(cursor="r1"))


def test_beyond_so_much_memory_the_oldest_make_room() -> None:
    large = Query(candidates=frozenset(f"item {number}" for number in range(1000)))
    pages = Pages(Watch(), most_bytes=3 * nbytes_of(large))
    names = [f"r{number}" for number in range(100)]
    for name in names:
        pages.keep(name, large, ())
    assert known(pages, *names) == names[-3:]
    assert pages.nbytes == 3 * nbytes_of(large)
    pages.keep("small", Query(), ())
    assert known(pages, *names, "small") == [*names[-2:], "small"]


def test_what_is_too_large_by_itself_is_not_kept() -> None:
    pages = Pages(Watch(), most_bytes=10_000)
    pages.keep("small", Query(), ())
    pages.keep("large", Query(text="x" * 10_000), ())
    assert known(pages, "large") == []
    assert (len(pages), pages.nbytes) == (0, 0)


def test_what_goes_is_no_longer_counted() -> None:
    watch = Watch()
    pages = Pages(watch, minutes=1)
    pages.keep("r1", Query(user_id="ann"), ("a",))
    pages.keep("r1", Query(user_id="ann"), ("a", "b"))
    pages.keep("r2", Query(user_id="ben"), ())
    assert pages.forget("ann") == 1
    watch.now = 100.0
    pages.keep("r3", Query(), ())
    assert known(pages, "r1", "r2", "r3") == ["r3"]
    assert pages.nbytes == nbytes_of(Query())


@pytest.mark.parametrize(
    "query",
    [
        Query(history=tuple(Event(f"item {number}") for number in range(500))),
        Query(liked=tuple(f"item {number}" for number in range(500)), text="words " * 300),
        Query(profile={f"name {number}": ["text"] * 9 for number in range(32)}, context={"place": "home"}),
    ],
)
def test_memory_is_rather_counted_too_high(query: Query) -> None:
    assert nbytes_of(query) >= _held(query)


def _held(value: Any) -> int:
    """Return the bytes of an object and all that it holds, each object once."""
    seen: dict[int, int] = {}
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or each is None or isinstance(each, bool):
            continue
        seen[id(each)] = sys.getsizeof(each)
        if hasattr(each, "__dataclass_fields__"):
            waiting += [getattr(each, name) for name in each.__dataclass_fields__]
        elif isinstance(each, dict):
            waiting += [part for pair in each.items() for part in pair]
        elif isinstance(each, list | tuple | frozenset):
            waiting += each
    return sum(seen.values())
