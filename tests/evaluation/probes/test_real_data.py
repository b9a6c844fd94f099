"""What is known of Amazon Beauty, found again; needs the files (TASTEMAKER_DATA)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tastemaker.data import Dataset, read_folder
from tastemaker.data.folder import FolderMap, TableMap
from tastemaker.evaluation.probes import Finding, probe_dataset

FOLDER = Path(os.environ.get("TASTEMAKER_DATA", "")) / "amazon2014-beauty"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (os.environ.get("TASTEMAKER_DATA") and FOLDER.is_dir()),
        reason="TASTEMAKER_DATA names no folder with amazon2014-beauty",
    ),
]

EVENTS = {"user_id": "user_id", "item_id": "asin"}


def probed(data: Dataset) -> dict[tuple[str, str], Finding]:
    return {(finding.probe, finding.subject): finding for finding in probe_dataset(data)}


@pytest.fixture(scope="module")
def beauty() -> dict[tuple[str, str], Finding]:
    data = read_folder(FOLDER, FolderMap(interactions=TableMap(columns={**EVENTS, "position": "pos"})))
    return probed(data)


def test_numbers_by_arrival_give_answers_away(beauty: dict[tuple[str, str], Finding]) -> None:
    next_id, last = beauty["next-id rule", "p5_id"], beauty["last-plus-one", "p5_id"]
    assert (next_id.verdict, last.verdict) == ("leak", "leak")
    assert next_id.value == pytest.approx(0.0441, abs=0.0001)
    assert last.value == pytest.approx(0.0256, abs=0.0005)


def test_our_numbers_give_nothing_away(beauty: dict[tuple[str, str], Finding]) -> None:
    ours = [finding for (_, subject), finding in beauty.items() if subject.startswith("vocabulary")]
    assert len(ours) == 4
    assert {finding.verdict for finding in ours} == {"clean"}
    assert beauty["next-id rule", "vocabulary"].value <= 0.0002


def test_ties_are_broken_by_the_id(beauty: dict[tuple[str, str], Finding]) -> None:
    found = beauty["tie order", "item_id"]
    assert (found.verdict, round(found.value, 2)) == ("leak", 1.0)
    assert "(0.694 of all)" in found.message


def test_without_times_the_steps_rise_as_often_as_was_counted_by_others() -> None:
    """0.694 of all steps, 0.712 of the last."""
    ignored = TableMap(columns={**EVENTS, "position": "pos"}, ignore=["timestamp"])
    found = probed(read_folder(FOLDER, FolderMap(interactions=ignored)))["tie order", "item_id"]
    assert found.value == pytest.approx(0.694, abs=0.001)
    assert "0.712 of 22,363 steps to an answer" in found.message


def test_rows_in_the_order_of_the_file_show_that_numbers_were_given_on_arrival() -> None:
    data = read_folder(FOLDER, FolderMap(interactions=TableMap(columns=EVENTS, ignore=["pos"])))
    found = probed(data)["arrival order", "p5_id, by rows"]
    assert found.verdict == "leak"
    assert found.value == pytest.approx(1.0)


def test_what_is_known_of_an_item_is_no_alarm_and_a_sales_rank_is_suspicious_by_name(
    beauty: dict[tuple[str, str], Finding],
) -> None:
    columns = {subject: found.verdict for (probe, subject), found in beauty.items() if probe == "snapshot attributes"}
    assert {columns[name] for name in ("title", "price", "categories", "brand", "sales_type")} == {"clean"}
    assert beauty["snapshot names", "sales_rank"].verdict == "suspicious"


def test_the_sales_rank_of_this_folder_tells_nothing_of_popularity(beauty: dict[tuple[str, str], Finding]) -> None:
    """So no statistic can flag it: its rank correlation with the number of events is -0.02."""
    assert beauty["snapshot attributes", "sales_rank"].value < 0.01
