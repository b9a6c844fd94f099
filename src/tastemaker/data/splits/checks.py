"""Refusing knobs that are out of place, in the words of whoever turned them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import DataError, nearest
from tastemaker.data.dataset import Dataset


def choice(name: str, value: Any, known: Iterable[str]) -> None:
    """Raise `DataError` unless ``value`` is one of ``known``."""
    if value not in (names := list(known)):
        advice = nearest(value, names) if isinstance(value, str) else f"Known: {', '.join(names)}"
        raise DataError(f"{name} is {value!r}, which is no choice", where=name, remedy=advice)


def count(name: str, value: Any, least: int = 0) -> None:
    """Raise `DataError` unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DataError(f"{name} is {value!r}, but should be a whole number of at least {least}", where=name)


def flag(name: str, value: Any) -> None:
    """Raise `DataError` unless ``value`` is true or false."""
    if not isinstance(value, bool):
        raise DataError(f"{name} is {value!r}, but should be true or false", where=name)


def days(name: str, value: Any) -> None:
    """Raise `DataError` unless ``value`` is a length of time above 0, or ``None``."""
    if value is not None and not (_is_number(value) and 0 < value < math.inf):
        raise DataError(f"{name} is {value!r}, but should be a number of days above 0", where=name)


def shares(**values: Any) -> None:
    """Raise `DataError` unless all are shares above 0 that together leave something to learn from."""
    said = " and ".join(f"{name}={value}" for name, value in values.items())
    numbers = all(_is_number(value) and value > 0 for value in values.values())
    if not numbers or not sum(values.values()) < 1:
        what = f"shares of {said} leave" if len(values) > 1 else f"a share of {said} leaves"
        raise DataError(
            f"{what} nothing to learn from, or nothing to ask",
            remedy="Shares lie above 0 and sum to less than 1. For a split without a validation part: train_on_valid.",
        )


def moment(name: str, value: Any) -> int:
    """Return a date, a datetime or ISO 8601 text as microseconds since the epoch; UTC where no zone is given.

    >>> moment("borders", "1970-01-02")
    86400000000
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise DataError(
                f"{name} has {value!r}, which is no time", where=name, remedy="Write it as 2024-05-31T12:00:00Z."
            ) from error
    if isinstance(value, datetime):
        return to_microseconds(value)
    if isinstance(value, date):
        return to_microseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    raise DataError(f"{name} has {value!r}, which is no time", where=name, remedy="Give a date or a datetime.")


def need_times(dataset: Dataset, what: str, remedy: str) -> None:
    """Raise `DataError` unless the events carry times."""
    if not dataset.interactions.has_times:
        raise DataError(f"{what} needs times, and these events have none", where=dataset.name, remedy=remedy)


def need_users(dataset: Dataset, least: int, what: str) -> None:
    """Raise `DataError` unless there are ``least`` users."""
    if (users := len(dataset.sequences.user_ids)) < least:
        raise DataError(
            f"{what} needs at least {least} users, and here {'is 1' if users == 1 else f'are {users}'}",
            where=dataset.name,
            remedy="Use more data, or a protocol that cuts within each user, such as leave-one-out.",
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def sizes(what: str, there: int, valid: float, test: float, where: str) -> tuple[int, int]:
    """Return how many are selected on and tested on, rounded, halves upwards.

    Args:
        what: What they are called in an error.
        there: How many there are.
        valid: Share that is selected on.
        test: Share that is tested on.
        where: Name of the data set.

    Raises:
        DataError: A share holds none, or none is left to learn from.
    """
    selected, tested = int(valid * there + 0.5), int(test * there + 0.5)
    if not selected or not tested or selected + tested >= there:
        raise DataError(
            f"of {there} {what}, shares of valid={valid} and test={test} are {selected} and {tested}",
            where=where,
            remedy="Each part needs one at least: use other shares, or more data.",
        )
    return selected, tested
