"""Rows on disk: a comparison that takes them from there is the comparison that measured them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.run import Run
from tastemaker.data import Split
from tastemaker.evaluation import Comparison, compare
from tastemaker.evaluation.resume import RowFolder
from tastemaker.evaluation.significance import Detectable

Make = Callable[..., Any]
WORDS = {"sequential-rules": "aa", "mixed": "bb"}


def compared(split: Split, models: dict[str, Any], folder: RowFolder | None, told: list[Detectable]) -> Comparison:
    return compare(
        models, split, ks=(10, 5), run=Run(seed=4), seeds=(4, 5), replicates=50, resume=folder, announce=told.append
    )


def models(counts: Make) -> dict[str, Any]:
    return {"mixed": counts("mixed", lambda number: 1.0 + number % 2), "sequential-rules": counts()}


def without_times(comparison: Comparison) -> Any:
    document = json.loads(json.dumps(comparison.to_json()))
    for row in document["rows"]:
        for name in ("seconds", "fit_seconds", "evaluate_seconds", "ms_per_query", "peak_mb"):
            row.pop(name)
    return document


def test_a_comparison_of_kept_rows_is_the_one_that_measured_them(
    split: Split, counts: Make, unfit: Make, tmp_path: Path
) -> None:
    folder = RowFolder(tmp_path, WORDS)
    first: list[Detectable] = []
    second: list[Detectable] = []
    measured = compared(split, models(counts), folder, first)
    kept = compared(split, {name: unfit(name) for name in ("mixed", "sequential-rules")}, folder, second)
    assert kept.to_json() == measured.to_json()
    assert second == first
    assert without_times(measured) == without_times(compared(split, models(counts), None, []))


def test_a_row_without_a_word_and_a_row_that_was_not_run_are_not_kept(
    split: Split, counts: Make, unfit: Make, tmp_path: Path
) -> None:
    folder = RowFolder(tmp_path, {"wordy": "cc"})
    found = compared(split, {"sequential-rules": counts(), "wordy": unfit("wordy")}, folder, [])
    assert found.rows[1].status == "not run"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"\x08\0\0\0\0\0\0\0{broken}"], ids=["empty", "no header"])
def test_a_file_that_cannot_be_read_is_measured_anew_and_replaced(
    split: Split, counts: Make, tmp_path: Path, damage: bytes
) -> None:
    folder = RowFolder(tmp_path, WORDS)
    measured = compared(split, models(counts), folder, [])
    (tmp_path / "bb.safetensors").write_bytes(damage)
    assert folder.get("mixed") is None
    again = compared(split, models(counts), folder, [])
    assert without_times(again) == without_times(measured)
    assert folder.get("mixed") is not None
