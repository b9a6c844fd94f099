"""A tiny system over generated data, with models that count how often they are fitted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import pytest

from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Interactions, write_folder
from tastemaker.models import Popularity
from tastemaker.systems.reproduction import Beats, Bench, Cell, Published, Setting, System, Trial


class Counts(Popularity):
    """Scores by counts of the training data, times a factor; remembers its fits."""

    fits: ClassVar[list[str]] = []

    def __init__(self, label: str = "counts", factor: float = 1.0, steps: int = 0) -> None:
        self.label = label
        self.factor = factor
        self.pauses = steps

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        Counts.fits.append(self.label)
        with (run or Run()).track("counting", self.pauses) as advance:
            for _ in range(self.pauses):
                advance(1)
        super().fit(train, valid, run=run)
        self.counts_ *= np.float32(self.factor)
        self.settings_tried_ = 2
        return self


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in Tastemaker's layout: 90 people, 40 items, the low numbers popular."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(90):
        items = dict.fromkeys((rng.zipf(1.4, size=12) % 40).tolist())
        for place, item in enumerate(items):
            rows.append({"user_id": f"u{user}", "item_id": f"i{item}", "timestamp": 86_400 * (100 + place)})
    catalogue = pl.DataFrame(
        {"item_id": [f"i{item}" for item in range(40)], "title": [f"Title {n}" for n in range(40)]}
    )
    home = tmp_path_factory.mktemp("data") / "tiny"
    write_folder(Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), catalogue, name="tiny"), home)
    return home


@pytest.fixture
def system(folder: Path) -> System:
    """Two cells: counts beside their reverse, with an expectation of each kind that can hold or not."""
    Counts.fits.clear()
    setting = Setting(source=str(folder), protocol="leave-one-out", ks=(10, 5))
    models = {
        "sequential-rules": Trial(partial(Counts, "counts")),
        "reversed": Trial(partial(Counts, "reversed", -1.0)),
    }
    quick = Cell(
        name="quick",
        setting=setting,
        budget="quick",
        shows="That it runs.",
        models=models,
        parts=("popularity",),
        expectations=(
            Published(model="reversed", metric="hr@10", value=0.9, tolerance=0.05, source="Nobody (2020)"),
            Beats(model="sequential-rules", other="reversed", metric="ndcg@10"),
        ),
        differs=("Nothing | differs.",),
    )
    gone = Setting(source=str(folder / "gone"), protocol="leave-one-out")
    full = Cell(name="full", setting=gone, shows="That missing data are told.", models=models)
    return System(
        name="tiny",
        title="A tiny system",
        kind="recommender",
        citation="Nobody (2020)",
        claim="Counts beat their reverse.",
        must_move="ndcg@10",
        cells=(quick, full),
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "out", work=tmp_path / "work")


@pytest.fixture
def fits() -> list[str]:
    """Labels of the models that were fitted, in order."""
    return Counts.fits


@pytest.fixture
def counts() -> Callable[..., Any]:
    return Counts
