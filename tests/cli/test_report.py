"""`tastemaker report`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def stored(run: Run) -> Callable[..., Path]:
    """Compare, and keep the JSON."""

    def store(name: str, *words: str) -> Path:
        path = Path(name)
        path.write_text(run("compare", "--models", "popularity", "--json", *words).out, encoding="utf-8")
        return path

    return store


def test_one_run_gives_its_page_again(run: Run, stored: Callable[..., Path]) -> None:
    stored("run.json", "--report", "before.html")
    done = run("report", "run.json", "--out", "after.html")
    assert done.code == 0, done.err
    assert done.out == "Wrote after.html\n"
    assert Path("after.html").read_text(encoding="utf-8") == Path("before.html").read_text(encoding="utf-8")


def test_several_runs_are_set_side_by_side_with_a_warning(run: Run, stored: Callable[..., Path]) -> None:
    stored("a.json")
    stored("b.json", "--protocol", "leave-one-out")
    done = run("report", "a.json", "paper=b.json", "--out", "page.html")
    assert done.code == 0, done.err
    assert "Numbers of different splits do not compare" in done.err
    page = Path("page.html").read_text(encoding="utf-8")
    assert "Runs side by side" in page
    assert ">paper<" in page


def test_json_tells_what_differs(run: Run, stored: Callable[..., Path]) -> None:
    stored("a.json")
    stored("b.json", "--seeds", "0,1", "--no-probes")
    found = run("report", "a.json", "b.json", "--out", "page.html", "--json").json
    assert (found["page"], found["comparable"], found["metric"]) == ("page.html", True, "ndcg@10")
    assert [one["name"] for one in found["runs"]] == ["a", "b"]
    assert found["differences"]["seeds"] == [[0], [0, 1]]
    assert found["differences"]["probes"][1] == "No probes were run."
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("content", "code", "message", "place"),
    [
        ('{"format": 2, "rows": [', 4, "no whole JSON document", "bad.json, line 1"),
        ('{"format": 99, "rows": [], "split_hash": ""}', 4, "written in format 99", "bad.json"),
        ('{"findings": []}', 4, "no comparison", "bad.json"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(run: Run, content: str, code: int, message: str, place: str) -> None:
    Path("bad.json").write_text(content, encoding="utf-8")
    done = run("report", "bad.json", "--out", "page.html", "--json")
    assert done.code == code
    assert message in done.error["message"]
    assert done.error["where"].startswith(place)
    assert not Path("page.html").exists()


def test_the_page_never_replaces_a_run(run: Run, stored: Callable[..., Path]) -> None:
    path = stored("a.json")
    before = path.read_bytes()
    done = run("report", "a.json", "--out", "./a.json")
    assert done.code == 2
    assert "a name of its own" in done.err
    assert path.read_bytes() == before


def test_two_runs_of_one_name_need_names(run: Run, stored: Callable[..., Path]) -> None:
    stored("a.json")
    assert run("report", "a.json", "a.json", "--out", "page.html").code == 2
    assert run("report", "x=a.json", "x=a.json", "--out", "page.html").code == 2
    assert run("report", "x=a.json", "y=a.json", "--out", "page.html").code == 0


def test_a_page_needs_a_place_that_can_be_written(run: Run, stored: Callable[..., Path]) -> None:
    stored("a.json")
    assert run("report", "a.json").code == 2
    Path("file").write_text("", encoding="utf-8")
    assert run("report", "a.json", "--out", "file/page.html").code == 10


def test_compare_probes_the_data_unless_told_not_to(run: Run) -> None:
    found = run("compare", "--models", "popularity", "--json").json
    assert "last-plus-one" in {finding["probe"] for finding in found["probes"]}
    assert run("compare", "--models", "popularity", "--json", "--no-probes").json["probes"] == []


def test_how_many_people_are_shown_can_be_chosen(run: Run) -> None:
    def people(*words: str) -> int:
        return len(run("compare", "--models", "popularity", "--json", "--no-probes", *words).json["examples"])

    assert (people(), people("--examples", "1"), people("--examples", "0")) == (3, 1, 0)
    assert run("compare", "--examples", "-1").code == 2


def test_evaluate_keeps_the_same(run: Run) -> None:
    found = json.loads(run("evaluate", "--model", "popularity", "--json").out)
    assert found["probes"]
    assert len(found["examples"]) == 3
