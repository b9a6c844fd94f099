"""A model takes in new items beside the answers, which go on from the model as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, as_events
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.data import Catalogue, Dataset
from tastemaker.engine import Engine
from tastemaker.engine.intake import take_in
from tastemaker.engine.newcomers import introduced
from tastemaker.models import ContentKNN, SequentialRules
from tastemaker.store import open_store
from tastemaker.store.ports import Store
from tastemaker.testing import small_shop

PATIENCE = 30.0
ROW = {"title": "Garden violin no. 4", "categories": ["garden"]}


class Slow(ContentKNN):
    """Takes in new items when it is allowed to."""

    name = "slow-content"
    began, go_on = threading.Event(), threading.Event()

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.began.set()
        assert self.go_on.wait(PATIENCE)
        super()._grow(catalogue, new)


class Broken(ContentKNN):
    """Cannot take in anything, and notices it late."""

    name = "broken-content"

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        raise ModelError("the encoder cannot be reached")


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture
def store(tmp_path: Path, shop: Dataset) -> Iterator[Store]:
    opened = open_store(tmp_path / "store")
    take_in(shop, opened.for_tenant(Tenant()), Run())
    yield opened
    opened.close()


@pytest.fixture
def slow(shop: Dataset) -> Iterator[Slow]:
    Slow.began.clear()
    Slow.go_on.clear()
    yield Slow().fit(shop)
    Slow.go_on.set()


@pytest.fixture
def writer() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        Slow.go_on.set()


def test_requests_are_answered_while_a_model_takes_in_new_items(
    store: Store, slow: Slow, writer: ThreadPoolExecutor
) -> None:
    engine = Engine(slow, store=store.for_tenant(Tenant()))
    writing = writer.submit(engine.put_items, {"new": ROW})
    assert Slow.began.wait(PATIENCE)
    asked = Query(history=as_events(["i003"]), k=5)
    assert len(engine.recommend(asked).items) == 5
    assert not writing.done()
    assert "new" not in engine.model.item_ids
    Slow.go_on.set()
    writing.result(PATIENCE)
    assert "new" in engine.model.item_ids
    assert len(engine.recommend(asked).items) == 5


def test_a_model_that_is_taken_meanwhile_learns_of_the_new_items_as_well(
    store: Store, shop: Dataset, slow: Slow, writer: ThreadPoolExecutor
) -> None:
    engine = Engine(slow, store=store.for_tenant(Tenant()))
    writing = writer.submit(engine.put_items, {"new": ROW})
    assert Slow.began.wait(PATIENCE)
    engine.take_model(ContentKNN().fit(shop))
    Slow.go_on.set()
    writing.result(PATIENCE)
    assert engine.model.name == ContentKNN.name
    assert "new" in engine.model.item_ids


def test_the_model_that_is_given_stays_as_it_is(shop: Dataset) -> None:
    model = ContentKNN().fit(shop)
    known = list(model.item_ids)
    other, count = introduced(model, {"new": ROW, "i001": {"title": "known already"}})
    assert count == 1
    assert list(model.item_ids) == known
    assert list(other.item_ids) == [*known, "new"]


def test_a_model_that_fails_at_it_goes_on_without(shop: Dataset) -> None:
    model = Broken().fit(shop)
    known = model.recommend(history=["i003"], k=5).items()
    assert introduced(model, {"new": ROW}) == (model, 0)
    assert model.recommend(history=["i003"], k=5).items() == known


def test_a_model_that_scores_no_cold_items_is_not_asked(shop: Dataset) -> None:
    model = SequentialRules().fit(shop)
    assert introduced(model, {"new": ROW}) == (model, 0)
