"""What the README shows is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import tastemaker
from tastemaker.data import Catalogue, Dataset, Interactions

ROOT = Path(__file__).parents[1]


def program() -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def a_few_films() -> Dataset:
    titles = ["Toy Story", "Fargo", "Heat", "Casino", "Babe", "Alien", "Contact"]
    rows = [(f"u{user}", f"f{(user + step) % len(titles)}") for user in range(20) for step in range(4)]
    items = pl.DataFrame({"item_id": [f"f{place}" for place in range(len(titles))], "title": titles})
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    return Dataset.of(Interactions.from_frame(log), Catalogue(items))


def test_the_program_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tastemaker, "load_dataset", lambda name: a_few_films(), raising=False)
    exec(compile(program(), "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert not {"Toy Story", "Fargo"} & {line.split(maxsplit=1)[1] for line in lines}


@pytest.mark.network
def test_the_program_runs_on_the_films_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(program(), "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_the_program_has_six_lines() -> None:
    assert len([line for line in program().splitlines() if line.strip()]) == 6
