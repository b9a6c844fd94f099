"""A small shop with awkward names, and a client for it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tastemaker.data import Catalogue, Dataset
from tastemaker.engine import Engine
from tastemaker.models import ContentKNN, DenseRecommender, Fusion, SequentialRules

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

SLASHED, EMOJI, SPACED, SCRIPT = "a/b c", "\N{FISH}", "with space", "evil"
ATTACK = "<script>alert('1')</script>"


def small_shop() -> Dataset:
    """Return 40 items in two genres, and 30 people who go through one of them in order."""
    ids = [f"i{number}" for number in range(36)] + [SLASHED, EMOJI, SPACED, SCRIPT]
    titles = [f"Harbour Story {number}" for number in range(18)]
    titles += [f"Desert Song {number}" for number in range(18)] + ["A over B", "Fish", "Spaced", ATTACK]
    rows = []
    for user in range(30):
        own = ids[:18] if user % 2 else ids[18:]
        rows += [(f"u{user}", own[(user + step) % len(own)], 1_000_000 + 100 * user + step) for step in range(8)]
    return Dataset.of(
        pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"),
        Catalogue(
            pl.DataFrame(
                {
                    "item_id": ids,
                    "title": titles,
                    "year": [1990 + place % 30 for place in range(40)],
                    "categories": [["Harbour", "<b>"] if place < 18 else ["Desert"] for place in range(40)],
                }
            )
        ),
        name="small shop",
    )


@pytest.fixture(scope="session")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="session", params=["sequential-rules", "fusion"])
def engine(request: pytest.FixtureRequest, shop: Dataset) -> Engine:
    model: DenseRecommender = SequentialRules()
    if request.param == "fusion":
        model = Fusion({"rules": SequentialRules(), "words": ContentKNN()})
    engine = Engine(model.fit(shop), shop)
    engine.texts.start()
    assert engine.texts.wait(60)
    return engine


def connect(engine: Engine, **more: Any) -> TestClient:
    """Return a client of a new application; faults inside come back as answers."""
    with warnings.catch_warnings():
        # Starlette asks for httpx2; httpx, which the project depends on, does as well.
        warnings.filterwarnings("ignore", message=".*httpx.* is deprecated")
        from fastapi.testclient import TestClient

    from tastemaker.server import create_app

    return TestClient(create_app(engine, **more), raise_server_exceptions=False)


@pytest.fixture(scope="session")
def client(engine: Engine) -> Iterator[TestClient]:
    with connect(engine) as client:
        yield client
