"""Lists that were shown, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Served
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.sqlite.events import CURRENT
from tastemaker.store.values import checked_json, checked_name, checked_row, checked_text, checked_whole

_SELECT: Final = (
    "SELECT place, recommendation_id, user_id, scenario, at, item_ids, propensities, model, details FROM served"
)
_INSERT: Final = (
    "INSERT INTO served (user_id, recommendation_id, scenario, at, item_ids, propensities, model, details)"
    f" VALUES ({CURRENT}, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (recommendation_id) DO NOTHING"
)


class SQLiteServedLog:
    """Keeps `ServedLog`; a list whose name is there already is not kept again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, served: Sequence[Served]) -> Future[None]:
        """See `ServedLog.submit`.

        Raises:
            DataError: A list holds what cannot be kept; none is handed in.
            BusyError: Too much waits already.
        """
        rows = [_values(one) for one in served]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, rows)

        return self._database.writer.submit(work, rows=len(rows))

    def get(self, recommendation_id: str) -> Served | None:
        """See `ServedLog.get`."""
        found = self._found(f"{_SELECT} WHERE recommendation_id = ?", (recommendation_id,))
        return found[0][1] if found else None

    def of_user(self, user_id: str, latest: int = 100) -> list[Served]:
        """See `ServedLog.of_user`."""
        query = f"{_SELECT} WHERE user_id = {CURRENT} ORDER BY place DESC LIMIT ?2"
        return [served for _, served in self._found(query, (user_id, latest))][::-1]

    def scan(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, Served]]:
        """See `ServedLog.scan`."""
        return self._found(f"{_SELECT} WHERE place > ? ORDER BY place LIMIT ?", (after, limit))

    def merge(self, source: str, target: str) -> int:
        """See `ServedLog.merge`."""
        checked_name(target, "merging", "target")
        query = "UPDATE served SET user_id = ? WHERE user_id = ?"
        return self._database.writer.run(lambda connection: connection.execute(query, (target, source)).rowcount)

    def erase(self, user_id: str) -> int:
        """See `ServedLog.erase`."""

        def work(connection: sqlite3.Connection) -> Erased:
            erased = _take_away(connection, "user_id = ?", user_id)
            return Erased(erased.count, [*erased.keys, user_id], erased.contents)

        return self._database.erase(work)

    def erase_before(self, at: int) -> int:
        """See `ServedLog.erase_before`."""
        return self._database.erase(lambda connection: _take_away(connection, "at < ?", at))

    def _found(self, query: str, given: Sequence[Any]) -> list[tuple[int, Served]]:
        return [_served(row) for row in self._database.rows(query, given)]


def _take_away(connection: sqlite3.Connection, condition: str, given: str | int) -> Erased:
    keys, contents = ("user_id", "recommendation_id"), ("item_ids", "details")
    return take_away(connection, "served", condition, (given,), keys=keys, contents=contents)


def _values(served: Served) -> tuple[Any, ...]:
    """Return the columns of a list in the order of `_INSERT`, checked."""
    owner = f"list {served.recommendation_id}"
    if served.propensities and len(served.propensities) != len(served.item_ids):
        raise DataError(
            f"{owner} has {len(served.item_ids)} items and {len(served.propensities)} propensities",
            where="propensities",
            remedy="Give one for each item, or none.",
        )
    return (
        None if served.user_id is None else checked_name(served.user_id, owner, "user_id"),
        checked_name(served.recommendation_id, owner, "recommendation_id"),
        checked_text(served.scenario, owner, "scenario"),
        checked_whole(served.at, owner, "at"),
        checked_json(list(served.item_ids), owner, "item_ids"),
        checked_json(list(served.propensities), owner, "propensities"),
        checked_text(served.model, owner, "model"),
        checked_row(served.details, owner, "details"),
    )


def _served(row: tuple[Any, ...]) -> tuple[int, Served]:
    place, recommendation_id, user_id, scenario, at, item_ids, propensities, model, details = row
    return place, Served(
        recommendation_id=recommendation_id,
        user_id=user_id,
        scenario=scenario,
        at=at,
        item_ids=tuple(json.loads(item_ids)),
        propensities=tuple(json.loads(propensities)),
        model=model,
        details=json.loads(details),
    )
