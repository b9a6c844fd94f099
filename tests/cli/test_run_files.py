"""Lists of other systems on the command line: queries out, lists in, and one table for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Run = Callable[..., Any]


@pytest.fixture
def theirs(run: Run, shop: Path) -> Path:
    """Lists of another system for our test: the latest items of the training part."""
    assert run("evaluate", "--write-queries", "queries").code == 0
    latest = pl.read_parquet("queries/train.parquet").sort("timestamp")["item_id"].unique(maintain_order=True).reverse()
    rows = [
        {"query_id": query, "item_id": item, "rank": place}
        for query, history in pl.read_parquet("queries/test.parquet").select("query_id", "history").iter_rows()
        for place, item in enumerate((item for item in latest if item not in history), start=1)
    ]
    pl.DataFrame(rows).write_csv("theirs.csv")
    return shop / "theirs.csv"


def test_queries_are_written_for_others(run: Run, shop: Path) -> None:
    found = run("evaluate", "--write-queries", "queries", "--json").json
    assert {Path(file).name for file in found["files"]} == {
        "train.parquet",
        "valid.parquet",
        "test.parquet",
        "items.parquet",
        "split.json",
    }
    assert found["queries"] == pl.read_parquet("queries/test.parquet").height
    # Again over our own folder, but not over somebody else's.
    assert run("evaluate", "--write-queries", "queries").code == 0
    (shop / "mine").mkdir()
    (shop / "mine" / "thesis.txt").write_text("words")
    assert run("evaluate", "--write-queries", "mine").code == 10


def test_lists_stand_beside_the_counts(run: Run, theirs: Path) -> None:
    rows = run("evaluate", "--run", "theirs.csv", "--json").json["rows"]
    assert [row["model"] for row in rows] == ["sequential-rules", "theirs"]
    assert rows[1]["lists"]["missing_queries"] == 0
    assert rows[1]["lists"]["seen"] == 0
    assert "ndcg@10" in rows[1]["vs_baseline"]


def test_lists_and_a_model_and_a_name(run: Run, theirs: Path) -> None:
    found = run(
        "evaluate", "--model", "popularity", "--run", "our shop=theirs.csv", "--run", str(theirs), "--json"
    ).json
    assert [row["model"] for row in found["rows"]] == ["sequential-rules", "popularity", "our shop", "theirs"]
    assert found["rows"][2]["metrics"] == found["rows"][3]["metrics"]


def test_compare_takes_lists_too(run: Run, theirs: Path) -> None:
    done = run("compare", "--models", "popularity", "--run", "theirs.csv")
    assert done.code == 0
    assert done.out.index("Before any result") < done.out.index("ndcg@10 ")
    assert "theirs is lists from a file" in " ".join(done.out.split())


def test_a_bad_file_is_refused_before_anything_is_fitted(run: Run, shop: Path) -> None:
    (shop / "bad.run").write_text("1 Q0 f1 1 nan tag\n")
    done = run("evaluate", "--run", "bad.run")
    assert done.code == 4
    assert "bad.run, line 1" in done.err


def test_lists_for_other_people_are_a_row_that_was_not_run(run: Run, shop: Path) -> None:
    (shop / "other.run").write_text("zoe Q0 f1 1 2.0 tag\n")
    row = run("evaluate", "--run", "other.run", "--json").json["rows"][1]
    assert row["status"] == "not run"
    assert "--write-queries" in row["reason"]


def test_what_is_amiss_with_lists_is_told_in_words(run: Run, theirs: Path, shop: Path) -> None:
    """Ids that nobody knows, an item twice, people without a list: counted, told, and no reason to stop."""
    lines = theirs.read_text().splitlines()
    person = lines[1].split(",")[0]
    kept = [line for line in lines if line.split(",")[0] == person]
    odd = [f"{person},zebra,99", f"{person},{kept[0].split(',')[1]},100", "nobody,f1,1", "nobody,f2,2"]
    (shop / "odd.csv").write_text("\n".join([lines[0], *kept, *odd]) + "\n", encoding="utf-8")
    done = run("evaluate", "--run", "odd.csv")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "odd is lists from a file" in said
    for words in (
        "people without a list (they count as missed)",
        "1 lists for nobody in the test (passed over)",
        "1 entries that are no items of the data (they keep their places)",
        "1 repeated entries (the first counts)",
    ):
        assert words in said, words


def test_seeds_metrics_and_exports(run: Run, shop: Path) -> None:
    words = (
        "compare",
        "--models",
        "popularity",
        "--seeds",
        "0,1",
        "--metric",
        "map",
        "--csv",
        "a.csv",
        "--latex",
        "a.tex",
    )
    found = run(*words, "--json").json
    assert found["rows"][0]["seeds"]["seeds"] == [0, 1]
    assert "map@10" in found["rows"][0]["metrics"]
    assert (shop / "a.csv").read_text().startswith("model,status,part,metric")
    assert (shop / "a.tex").read_text().startswith("\\begin{table}")


@pytest.mark.parametrize("words", [("--seeds", "one"), ("--seen", "perhaps")], ids=["seeds", "seen"])
def test_options_that_make_no_sense(run: Run, words: tuple[str, str]) -> None:
    assert run("compare", "--models", "popularity", *words).code == 2
