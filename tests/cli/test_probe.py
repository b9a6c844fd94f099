"""`tastemaker probe`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

Run = Callable[..., Any]


def verdicts(done: Any) -> dict[tuple[str, str], str]:
    return {(found["probe"], found["subject"]): found["verdict"] for found in done.json["findings"]}


def test_data_are_probed_and_every_finding_is_shown(run: Run) -> None:
    done = run("probe")
    assert done.code == 0, done.err
    assert all(probe in done.out for probe in ("next-id rule", "arrival order", "sorted histories", "tie order"))


def test_json_is_one_document(run: Run) -> None:
    done = run("probe", "--json")
    assert done.code == 0, done.err
    assert done.json["dataset"] == "shop"
    assert done.json["false_alarms"] == 0.01
    assert sum(done.json["counts"].values()) == len(done.json["findings"])


def test_films_that_follow_one_another_by_number_are_found(run: Run) -> None:
    assert verdicts(run("probe", "--json"))["last-plus-one", "item_id"] != "clean"


def test_a_model_is_probed_on_request(run: Run) -> None:
    found = verdicts(run("probe", "--json", "--model", "popularity"))
    assert found["untrained above chance", "popularity"] == "clean"
    assert found["provenance overlap", "popularity"] == "clean"


def test_the_protocol_decides_what_is_held_out(run: Run) -> None:
    found = verdicts(run("probe", "--json", "--protocol", "global-time"))
    assert ("test rows in training", "global-time") in found


def test_columns_of_a_folder_are_all_looked_at(run: Run, shop: Path) -> None:
    items = shop / "shop" / "items.parquet"
    frame = pl.read_parquet(items)
    frame.with_columns(pl.int_range(pl.len()).alias("sales_rank")).write_parquet(items)
    assert verdicts(run("probe", "--json"))["snapshot names", "sales_rank"] == "suspicious"


def test_an_unknown_model_is_refused_with_the_nearest_name(run: Run) -> None:
    done = run("probe", "--json", "--model", "popularty")
    assert done.code == 6
    assert "popularity" in done.error["remedy"]
