"""Which rows of items a shelf can take, found out row by row where a whole page is refused; nothing is stored here."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from tastemaker.core.errors import DataError
from tastemaker.pipeline.kinds import KNOWN, kind_of
from tastemaker.pipeline.shelf import Shelf
from tastemaker.store.ports import Records, Row

_PAGE: Final = 10_000
_NAMED: Final = 20
"""So many values that were left out are named in the log, and the rest are counted."""

_logger = logging.getLogger("tastemaker.engine")


class RowCheck:
    """Tells rows that the catalogue of a store can take from those that it cannot.

    A field that is not among the known ones takes its kind from the first value that is seen, as on a `Shelf`: first
    from what is stored, then from the rows that are asked about.

    Args:
        stored: The items that there are.
    """

    def __init__(self, stored: Records) -> None:
        # One row with a value of each field: the kinds are those of the whole catalogue, and nothing else is needed.
        self._kinds = Shelf()
        after = ""
        while page := stored.scan(after, _PAGE):
            self.sorted(dict(page))
            after = page[-1][0]

    def sorted(self, rows: Mapping[str, Row]) -> tuple[dict[str, Row], list[str]]:
        """Return the rows that fit, and what is wrong with each of the others, in the order of the rows."""
        fit: dict[str, Row] = {}
        wrong: list[str] = []
        for part, error in _parts(self._kinds, rows):
            if error is None:
                self._learn(part)
                fit.update(part)
            else:
                (item,) = part
                named = f"'{item}'" in error.message
                wrong.append(error.message if named else f"item '{item}' cannot be kept: {error.message}")
        return fit, wrong

    def _learn(self, rows: Mapping[str, Row]) -> None:
        known, first = self._kinds.fields(), dict[str, Any]()
        for row in rows.values():
            for name, value in row.items():
                if name not in known and name not in first and kind_of(value) is not None:
                    first[name] = value
        if first:
            self._kinds.put({"": first})


def read_numbers(row: Row) -> Row:
    """Return a row with numbers in place of texts that are numbers, in the fields that hold numbers; empty is missing.

    >>> read_numbers({"stock": " 12", "price": "", "min_age": "old", "title": "7"})
    {'stock': 12.0, 'min_age': 'old', 'title': '7'}
    """
    if not any(isinstance(value, str) and KNOWN.get(name) == "number" for name, value in row.items()):
        return row
    read = {
        name: _number(value) if isinstance(value, str) and KNOWN.get(name) == "number" else value
        for name, value in row.items()
    }
    return {name: value for name, value in read.items() if value is not None}


def _number(text: str) -> float | str | None:
    if not text.strip():
        return None
    try:
        number = float(text.replace("_", "no number"))
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def put_stored(shelf: Shelf, rows: Mapping[str, Row]) -> int:
    """Put stored rows on a shelf, without the values that it cannot take; return how many those were.

    The log names the item and the field of the first of them.
    """
    with suppress(DataError):
        shelf.put(rows)
        return 0
    # Nothing of it was put; what can be is found out.
    left_out: list[DataError] = []
    for part, error in _parts(shelf, rows):
        if error is None:
            shelf.put(part)
            continue
        for item, row in part.items():
            fit, wrong = _values(shelf, item, row)
            shelf.put({item: fit})
            left_out += wrong
    for error in left_out[:_NAMED]:
        _logger.warning("left out of the catalogue, though stored: %s (%s)", error.message, error.where)
    if len(left_out) > _NAMED:
        _logger.warning("left out of the catalogue, though stored: %d more values", len(left_out) - _NAMED)
    return len(left_out)


def _values(shelf: Shelf, item: str, row: Row) -> tuple[Row, list[DataError]]:
    fit: dict[str, Any] = {}
    wrong: list[DataError] = []
    for name, value in row.items():
        try:
            shelf.check({item: {**fit, name: value}})
        except DataError as error:
            wrong.append(error)
        else:
            fit[name] = value
    return fit, wrong


def _parts(shelf: Shelf, rows: Mapping[str, Row]) -> Iterator[tuple[dict[str, Row], DataError | None]]:
    """Yield rows that a shelf can take, many at once, and each that it cannot by itself, with the error.

    What is yielded may be put before the next is asked for: a later row is then held against what came before it.
    """
    waiting = [list(rows.items())]
    while waiting:
        part = waiting.pop()
        try:
            shelf.check(dict(part))
        except DataError as error:
            if len(part) == 1:
                yield dict(part), error
                continue
            half = len(part) // 2
            waiting += [part[half:], part[:half]]
        else:
            yield dict(part), None
