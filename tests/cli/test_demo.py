"""`tastemaker demo` on a small data set in the place of the one it fetches."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tastemaker.data import SOURCES, Dataset
from tastemaker.models import load_model

Run = Callable[..., Any]


@pytest.fixture
def fetched(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """MovieLens is the small data set."""

    def load(data: Path | None, run: Any, notify: Callable[[str], None], *, accept_unknown: bool = False) -> Dataset:
        notify("movielens-100k, licence: research use only")
        return replace(dataset, name="movielens-100k")

    monkeypatch.setitem(SOURCES, "movielens-100k", replace(SOURCES["movielens-100k"], load=load))


@pytest.mark.usefixtures("fetched")
def test_the_demonstration_goes_from_data_to_reasons(run: Run, shop: Path) -> None:
    done = run("demo", "--no-serve", "--port", "8123")
    assert done.code == 0, done.err
    assert "licence: research use only" in done.err
    assert "movielens-100k: 720 events of 60 people on 24 items" in done.out
    assert "For user 42" in done.out
    assert "For somebody who liked Toy Story, Star Wars, Fargo:" in done.out
    assert "curl 'http://127.0.0.1:8123/v1/recommend?user=42&k=5'" in done.out
    assert "curl 'http://127.0.0.1:8123/v1/recommend?history=f0&history=f3&history=f2&k=5'" in done.out
    assert "What words add to the fusion" in done.out
    assert re.search(r"with words: 0\.\d{4}, [+-]0\.\d{4} \[[+-]0\.\d{4}, [+-]0\.\d{4}\]", done.out)
    assert "'minilm' cannot be had" in done.err
    assert "bookshop-synthetic: 419 real books" in done.out
    assert 'Search for "quiet novels about the sea"' in done.out
    report = json.loads((shop / "demo/reports/movielens-100k-global-time.json").read_text(encoding="utf-8"))
    rows = {row["model"]: row["status"] for row in report["rows"]}
    assert rows["sequential-rules"] == rows["fusion"] == "ok"
    assert (shop / "demo/reports/movielens-100k-global-time.html").exists()
    assert len(load_model(shop / "demo/model").provenance_.rows) == 720

    kept = (shop / "demo/tastemaker.toml").read_bytes()
    again = run("demo", "--no-serve")
    assert again.code == 0, again.err
    assert (shop / "demo/tastemaker.toml").read_bytes() == kept
    answer = run("recommend", "--config", "demo/tastemaker.toml", "--user", "42", "--json").json
    assert answer["model"] == "fusion"


@pytest.mark.usefixtures("fetched")
def test_a_missing_extra_is_told_before_any_work(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tastemaker.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = run("demo")
    assert done.code == 8
    assert "pip install 'tastemaker[serve]'" in done.err
    assert done.out == ""
    assert not (shop / "demo" / "model").exists()


@pytest.mark.needs_extra("serve")
@pytest.mark.usefixtures("fetched")
def test_a_port_in_use_is_told_before_any_work(run: Run, taken_port: int) -> None:
    done = run("demo", "--port", str(taken_port))
    assert (done.code, done.out) == (9, "")
    assert f"port {taken_port} is in use" in done.err


@pytest.mark.usefixtures("fetched")
def test_a_folder_that_is_somebody_elses_is_left_alone(run: Run, shop: Path) -> None:
    (shop / "demo" / "model").mkdir(parents=True)
    (shop / "demo" / "model" / "notes.txt").write_text("mine", encoding="utf-8")
    done = run("demo", "--no-serve")
    assert (done.code, done.out) == (10, "")
    assert (shop / "demo" / "model" / "notes.txt").read_text(encoding="utf-8") == "mine"
