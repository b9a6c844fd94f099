"""A small data set with the oddities that the command line meets, a trained model, and a way to run commands."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tastemaker.cli import app
from tastemaker.data import Catalogue, Dataset, write_folder
from tastemaker.models import make_model

TITLES = ("Toy Story", "Heat", "Fargo", "Star Wars", "Star Trek", "Star Man", "Star Gate", "Star Light", "Brazil")


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, all of it, as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The last line of standard error as JSON."""
        return json.loads(self.err.splitlines()[-1])["error"]


def small_dataset() -> Dataset:
    """People who each go through 12 of 24 films in half a year; film ``n`` is often followed by ``n + 1``."""
    rng = np.random.default_rng(5)
    rows = []
    for person in range(1, 61):
        start, films, film = datetime(2024, 1, 1, tzinfo=UTC), list(range(24)), int(rng.integers(24))
        for step in range(12):
            films.remove(film)
            when = start + timedelta(days=15 * step, minutes=int(rng.integers(10_000)))
            rows.append((str(person), f"f{film}", when))
            film = (film + 1) % 24 if (film + 1) % 24 in films and rng.random() < 0.7 else int(rng.choice(films))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame(
        {
            "item_id": [f"f{film}" for film in range(24)],
            "title": [TITLES[film] if film < len(TITLES) else f"Film Number {film}" for film in range(24)],
            "year": [1990 + film for film in range(24)],
            "categories": [["Drama", "Space"] if film % 2 else ["Comedy"] for film in range(24)],
        }
    )
    return Dataset.of(events, Catalogue(items), name="shop")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return small_dataset()


@pytest.fixture(scope="session")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that has seen everything."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    make_model("sequential-rules").fit(dataset).save(folder)
    return folder


@pytest.fixture
def shop(dataset: Dataset, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of somebody who has data in ./shop, a model in ./model, and settings."""
    for name in ("TASTEMAKER_DATA", "TASTEMAKER_OFFLINE", "TASTEMAKER_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    write_folder(dataset, tmp_path / "shop")
    shutil.copytree(trained, tmp_path / "model")
    (tmp_path / "tastemaker.toml").write_text('[data]\nsource = "./shop"\n\n[train]\nmodel = "sequential-rules"\n')
    return tmp_path


@pytest.fixture
def run(shop: Path) -> Callable[..., Done]:
    """Run a command line in the working directory `shop`."""

    def run_command(*words: str | Path, answer: str | None = None) -> Done:
        result = CliRunner().invoke(app, [str(word) for word in words], input=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run_command


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield int(listener.getsockname()[1])
