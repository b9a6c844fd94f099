"""Small jobs: words are encoded ahead of time, states are kept, what is old goes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engine.memory import MemoryTenant

from tastemaker.core.clock import to_microseconds
from tastemaker.core.encoder import TextKind
from tastemaker.core.run import Run
from tastemaker.engine import chores
from tastemaker.engine.chores import Clean, Encode, Keep, handlers
from tastemaker.engine.intake import take_in
from tastemaker.engine.refit import Plan
from tastemaker.engine.worker import Interrupted, Worker
from tastemaker.language.encoders.cache import kept_vectors
from tastemaker.store.ports import Job, Served
from tastemaker.testing import small_shop

NEVER = threading.Event()
JOB = Job(1, "chore", {}, "running", 1, 0)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


class Lengths:
    """Encodes a text as its length, and counts how many it was asked for."""

    name, dim, normalised, fingerprint = "lengths", 1, False, "f" * 64

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        self.asked += len(texts)
        return np.asarray([[len(text)] for text in texts], dtype=np.float32)


def encode(store: MemoryTenant, encoder: Any, template: str | None = None) -> Encode:
    return Encode(store, encoder, template)


def test_items_are_encoded_ahead_of_time_and_once(store: MemoryTenant) -> None:
    take_in(small_shop(), store, Run())
    encoder = Lengths()
    assert encode(store, encoder)(JOB, NEVER) == {"encoder": "lengths", "texts": 33}
    assert encoder.asked == 33
    assert [kept.vectors for kept in kept_vectors()] == [33]
    encode(store, encoder)(JOB, NEVER)
    assert encoder.asked == 33


def test_a_template_says_how_items_become_words(store: MemoryTenant) -> None:
    store.items.put({"x": {"title": "X", "brand": "B"}, "y": {"title": "Y", "brand": "B"}})
    encoder = Lengths()
    assert encode(store, encoder, "{brand}")(JOB, NEVER)["texts"] == 2
    assert encoder.asked == 1


def test_without_items_or_with_an_encoder_that_learns_there_is_nothing_to_do(store: MemoryTenant) -> None:
    assert encode(store, Lengths())(JOB, NEVER)["texts"] == 0
    take_in(small_shop(), store, Run())
    assert Encode(store, "tfidf-svd")(JOB, NEVER)["texts"] == 0


def test_encoding_leaves_off_between_blocks(store: MemoryTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(small_shop(), store, Run())
    leave_off = threading.Event()
    done: list[int] = []

    def block(encoder: object, texts: Sequence[str], kind: str, *, run: Run) -> None:
        done.append(len(texts))
        leave_off.set()

    monkeypatch.setattr(chores, "_AT_ONCE", 10)
    monkeypatch.setattr("tastemaker.language.encoders.encode_cached", block)
    with pytest.raises(Interrupted):
        encode(store, Lengths())(JOB, leave_off)
    assert done == [10]


def test_states_are_kept_by_whoever_holds_them() -> None:
    calls: list[str] = []
    assert Keep(lambda: calls.append("flush"))(JOB, NEVER) == {}
    assert calls == ["flush"]


def test_old_lists_go_and_newer_ones_stay(store: MemoryTenant) -> None:
    for days in (0, 29, 30, 31, 400):
        at = to_microseconds(NOW - timedelta(days=days))
        store.served.submit([Served(recommendation_id=f"{days}", user_id="a", scenario="home", at=at, item_ids=("x",))])
    assert Clean(store, days=30, clock=lambda: NOW)(JOB, NEVER) == {
        "served": 2,
        "models": 0,
        "jobs": 0,
    }
    assert [served.recommendation_id for _, served in store.served.scan()] == ["0", "29", "30"]


def test_jobs_that_ended_long_ago_go(store: MemoryTenant) -> None:
    numbers = [store.jobs.enqueue("train", {}, run_at=0) for _ in range(3)]
    for number, days in zip(numbers[:2], (29, 31), strict=True):
        store.queue.now = to_microseconds(NOW - timedelta(days=days))
        store.jobs.lease(["train"], "w", now=0, until=1)
        store.jobs.finish(number, "w", {})
    assert Clean(store, clock=lambda: NOW)(JOB, NEVER)["jobs"] == 1
    assert [job.job_id for job in store.jobs.newest()] == [numbers[2], numbers[0]]


def test_old_models_go(store: MemoryTenant, tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / f"m{number}"
        folder.mkdir()
        (folder / "name").write_text(folder.name)
        store.artefacts.put("model", folder, {})
    assert Clean(store, models=3, clock=lambda: NOW)(JOB, NEVER)["models"] == 1


def test_each_kind_of_job_has_who_does_it(store: MemoryTenant, tmp_path: Path) -> None:
    assert set(handlers(store, Plan(tmp_path))) == {"train", "encode", "clean"}
    found = handlers(store, Plan(tmp_path), flush=lambda: None)
    number = store.jobs.enqueue("snapshot", {}, run_at=0)
    Worker(store, found, "w").run_due()
    done = store.jobs.get(number)
    assert done is not None
    assert done.state == "done"
