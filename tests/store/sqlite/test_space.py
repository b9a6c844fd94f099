"""A space that changed a lot is read anew, and answers as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.store.contracts.opening import SHOP
from tests.store.contracts.vectors import VectorStoreContract
from tests.store.test_sqlite import clock, open_store

from tastemaker.store.ports import Vectors
from tastemaker.store.sqlite import SQLiteStore, space
from tastemaker.store.sqlite.space import Space

__all__ = ["clock", "open_store"]


class TestVectorStoreThatIsReadAnewAgainAndAgain(VectorStoreContract):
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(space, "_MOST_NEWER", 3)


def one(number: float) -> Vectors:
    return np.array([[number]], np.float32)


def test_a_change_counts_more_than_what_is_filled_in_after_it() -> None:
    """So it is when somebody puts a vector while another one reads the space."""
    of = Space()
    of.change(["put"], one(5))
    of.change(["deleted"], None)
    of.fill(["deleted", "put", "untouched"], np.array([[9], [1], [2]], np.float32))
    assert of.search(one(1), 9, None) == [[("put", 5.0), ("untouched", 2.0)]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(tmp_path)) as store:
        yield store


def test_a_space_is_read_once_for_many_searches(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = store.for_tenant(SHOP).vectors
    vectors.put("text", ["a", "b"], np.array([[1], [2]], np.float32))
    filled: list[list[str]] = []
    fill = Space.fill

    def counted(self: Space, ids: list[str], table: Vectors | None) -> None:
        filled.append(ids)
        fill(self, ids, table)

    monkeypatch.setattr(Space, "fill", counted)
    for _ in range(3):
        vectors.search("text", one(1), 1)
    vectors.put("text", ["c"], one(3))
    assert vectors.search("text", one(1), 1) == [[("c", 3.0)]]
    assert filled == [["a", "b"]]
