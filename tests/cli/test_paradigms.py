"""`tastemaker paradigms` shows rows beside counting, and says what a row lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_rows_are_shown_and_kept(run: Run, tmp_path: Path) -> None:
    rows = ("--row", "popularity", "--row", "asked-pointwise")
    done = run("paradigms", *rows, "--generator", "none", "--work", str(tmp_path / "work"), "--json")
    assert done.code == 0
    found = {row["name"]: row for row in done.json["rows"]}
    assert found["popularity"]["values"]["valid"]["value"] == 1.0
    assert "local" in found["asked-pointwise"]["reason"]
    assert list((tmp_path / "work").glob("*.safetensors"))


def test_what_there_is_not_is_refused(run: Run) -> None:
    assert "neither demo nor full" in run("paradigms", "--budget", "huge").err
    assert "name that with --llm" in run("paradigms", "--llm-model", "x").err
