"""Logs that are small enough to cut by hand, and splits as sets of their original rows."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tastemaker.data import Dataset, HeldOut, Split

START = datetime(2021, 9, 1, 18, 5, tzinfo=UTC)


def of(events: Sequence[tuple[str, str, float | None]], **more: Any) -> Dataset:
    """Return a data set of (user, item, day); day 1 is 2021-09-01, 18:05 in UTC."""
    rows = [(user, item, None if day is None else START + timedelta(days=day - 1)) for user, item, day in events]
    schema: dict[str, Any] = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
    return Dataset.of(pl.DataFrame(rows, schema=schema, orient="row").with_columns(**more))


def questions(held: HeldOut) -> list[tuple[str, str, str]]:
    """Return user, history and targets of each question; items of one letter are written as one word."""
    indptr, positions = held.queries.flatten()
    ids = held.queries.dictionary
    return [
        (
            held.queries.user_ids[query],
            "".join(ids[held.queries.codes[positions[indptr[query] : indptr[query + 1]]]]),
            "".join(ids[held.targets[held.query == query]]),
        )
        for query in range(len(held))
    ]


def parts(split: Split) -> tuple[list[int], list[int], list[int]]:
    """Return the original rows of training, validation and test, ascending."""
    train, valid, test = (
        sorted(rows.tolist()) for rows in (split.train.sequences.rows, split.valid.rows, split.test.rows)
    )
    return train, valid, test


def words(**users: str) -> list[tuple[str, str, float | None]]:
    """Return the log in which each user meets the letters of a word, one a day."""
    return [(user, letter, day) for user, word in users.items() for day, letter in enumerate(word, start=1)]


@pytest.fixture(scope="session", name="of")
def of_fixture() -> Callable[..., Dataset]:
    return of


@pytest.fixture(scope="session", name="questions")
def questions_fixture() -> Callable[[HeldOut], list[tuple[str, str, str]]]:
    return questions


@pytest.fixture(scope="session", name="parts")
def parts_fixture() -> Callable[[Split], tuple[list[int], list[int], list[int]]]:
    return parts


@pytest.fixture(scope="session", name="words")
def words_fixture() -> Callable[..., list[tuple[str, str, float | None]]]:
    return words
