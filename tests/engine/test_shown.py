"""Lists that were shown are known at once, written a moment later, and never cost an answer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from tastemaker.core.errors import DataError, StorageError
from tastemaker.engine.shown import Shown
from tastemaker.store.ports import Served


class Log:
    """A log that refuses a list by its name, or everything."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.full = False

    def submit(self, served: Sequence[Served]) -> Future[None]:
        done: Future[None] = Future()
        if self.full:
            done.set_exception(StorageError("the disk is full"))
        elif any(one.recommendation_id == "bad" for one in served):
            done.set_exception(DataError("a name that no log can hold"))
        else:
            self.kept += [one.recommendation_id for one in served]
            done.set_result(None)
        return done

    def get(self, recommendation_id: str) -> Served | None:
        return listed(recommendation_id) if recommendation_id in self.kept else None


def listed(name: str) -> Served:
    return Served(recommendation_id=name, user_id="u", scenario="home", at=0, item_ids=("a",))


@pytest.fixture
def log() -> Log:
    return Log()


def make(log: Log, most: int = 10) -> Shown:
    return Shown(log, seconds=3600, most=most)  # type: ignore[arg-type]


def test_a_list_is_known_before_and_after_it_is_written(log: Log) -> None:
    shown = make(log)
    shown.keep(listed("a"))
    assert shown.get("a") == listed("a")
    assert log.kept == []
    shown.flush()
    assert log.kept == ["a"]
    assert shown.get("a") == listed("a")
    assert shown.get("b") is None
    shown.flush()
    assert log.kept == ["a"]


def test_a_list_that_no_log_can_hold_is_lost_alone(log: Log) -> None:
    shown = make(log)
    for name in ("a", "bad", "b"):
        shown.keep(listed(name))
    shown.flush()
    assert log.kept == ["a", "b"]
    assert shown.lost == 1


def test_while_the_disk_is_full_lists_wait_and_the_oldest_are_lost(log: Log) -> None:
    shown, log.full = make(log, most=3), True
    for name in "abcde":
        shown.keep(listed(name))
    with pytest.raises(StorageError):
        shown.flush()
    assert shown.get("a") is None
    assert shown.get("e") is not None
    assert shown.lost == 2
    log.full = False
    shown.flush()
    assert log.kept == ["c", "d", "e"]
