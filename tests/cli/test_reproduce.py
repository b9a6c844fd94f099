"""`tastemaker reproduce` lists, runs, checks and reports; a changed number is an error of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tastemaker.systems.demonstrations import graph_leak
from tastemaker.systems.reproduction import Cell, Leak, Setting, System, find_system, registry, shipped

Run = Callable[..., Any]


@pytest.fixture
def tiny(shop: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system over the data in ./shop, found as `tiny`; records go to ./reproductions."""
    setting = Setting(source=str(shop / "shop"), protocol="leave-one-out")
    cell = Cell(
        name="quick",
        setting=setting,
        budget="quick",
        shows="That it runs.",
        models=shipped("popularity", "sequential-rules"),
    )
    gone = replace(cell, name="gone", budget="full", setting=replace(setting, source=str(shop / "gone")))
    system = System(
        name="tiny",
        title="A tiny system",
        kind="recommender",
        citation="nobody",
        claim="It runs.",
        must_move="ndcg@10",
        cells=(cell, gone),
        leak=Leak(
            about="It leaks.",
            quick=replace(setting, candidates="uniform", negatives=5),
            full=replace(gone.setting, candidates="uniform", negatives=5),
            contestants=partial(graph_leak.contestants, recipe={}),
            says=graph_leak.says,
        ),
    )
    for module in (registry, __import__("tastemaker.systems.reproduction", fromlist=["find_system"])):
        monkeypatch.setattr(module, "find_system", lambda name: system if name == "tiny" else find_system(name))
    return system


def test_systems_and_their_cells_are_listed(run: Run, tiny: System) -> None:
    assert "ladder" in {each["name"] for each in run("reproduce", "--json").json}
    assert any(line.startswith("ladder ") for line in run("reproduce").out.splitlines())
    listed = run("reproduce", "tiny", "--list", "--json").json
    assert [(each["cell"], each["budget"], each["recorded"]) for each in listed] == [
        ("quick", "quick", False),
        ("gone", "full", False),
    ]


def test_an_unknown_system_cell_or_budget_is_told(run: Run, tiny: System) -> None:
    done = run("reproduce", "laddr")
    assert done.code == 4
    assert "there is no system 'laddr'" in done.err
    assert "Did you mean 'ladder'?" in done.err
    done = run("reproduce", "tiny", "--cell", "quik")
    assert "tiny has no cell 'quik' Did you mean 'quick'?" in " ".join(done.err.split())
    assert run("reproduce", "tiny", "--budget", "large").code == 2


def test_a_run_writes_record_and_report_and_the_check_finds_the_same_numbers(run: Run, tiny: System) -> None:
    done = run("reproduce", "tiny")
    assert done.code == 0, done.err
    assert Path("reproductions/tiny/quick.json").exists()
    assert "## quick" in Path("reproductions/tiny.md").read_text()
    assert "up to date" in run("reproduce", "tiny").out
    done = run("reproduce", "tiny", "--check")
    assert done.code == 0, done.err
    assert done.out == "quick: the same numbers\n"


def test_the_check_finds_a_changed_number(run: Run, tiny: System) -> None:
    run("reproduce", "tiny")
    path = Path("reproductions/tiny/quick.json")
    document = json.loads(path.read_text())
    document["comparison"]["rows"][0]["metrics"]["ndcg@10"]["value"] += 2e-6
    document["hashes"]["code"] = "0" * 64
    path.write_text(json.dumps(document))
    done = run("reproduce", "tiny", "--check", "--json")
    assert done.code == 11
    (found,) = done.json
    assert len(found["differs"]) == 1
    assert found["differs"][0].startswith("popularity: ndcg@10 is 0.")
    assert any("and was 000000000000" in note for note in found["notes"])
    assert "1 of the numbers of cell 'quick' differ from the record" in done.error["message"]


def test_a_change_too_small_to_matter_and_other_code_are_no_error(run: Run, tiny: System) -> None:
    run("reproduce", "tiny")
    path = Path("reproductions/tiny/quick.json")
    document = json.loads(path.read_text())
    document["comparison"]["rows"][0]["metrics"]["ndcg@10"]["value"] += 5e-7
    document["hashes"]["code"] = "0" * 64
    path.write_text(json.dumps(document))
    run("reproduce", "tiny", "--report")
    done = run("reproduce", "tiny", "--check")
    assert done.code == 0
    assert "and was 000000000000" in done.out


def test_the_check_finds_a_report_or_a_picture_that_is_not_what_the_records_give(run: Run, tiny: System) -> None:
    run("reproduce", "tiny")
    picture = Path("reproductions/tiny/quick.svg")
    picture.write_text("<svg/>")
    done = run("reproduce", "tiny", "--check", "--json")
    assert done.code == 11
    assert done.json == [{"cell": "quick", "differs": [], "notes": []}]
    assert done.error["message"].startswith("the report is not what the records give: quick.svg")
    run("reproduce", "tiny", "--report")
    assert run("reproduce", "tiny", "--check").code == 0


def test_without_a_record_there_is_nothing_to_check(run: Run, tiny: System) -> None:
    done = run("reproduce", "tiny", "--check")
    assert done.code == 4
    assert "cell 'quick' of tiny has no record to check" in done.err


def test_what_cannot_be_run_is_told_and_the_rest_is_run(run: Run, tiny: System) -> None:
    done = run("reproduce", "tiny", "--budget", "full")
    assert done.code == 0
    assert "gone: not run: there is no" in done.out
    assert Path("reproductions/tiny/quick.json").exists()
    assert run("reproduce", "tiny", "--cell", "gone").code == 4


def test_the_report_can_be_written_anew_from_the_records(run: Run, tiny: System) -> None:
    run("reproduce", "tiny", "--out", "elsewhere")
    page = Path("elsewhere/tiny.md")
    before = page.read_text()
    page.unlink()
    done = run("reproduce", "tiny", "--out", "elsewhere", "--report", "--json")
    assert done.json == {"report": "elsewhere/tiny.md", "cells": ["quick"]}
    assert page.read_text() == before


ROWS = ("--row", "random-clean", "--row", "random-leaked")


def test_a_leak_is_shown_recorded_and_reported(run: Run, tiny: System) -> None:
    done = run("reproduce", "tiny", "--show-leak", *ROWS)
    assert done.code == 0, done.err
    assert "half of all pairs" in done.out
    assert "where chance is 1.00" in " ".join(done.out.split())  # ten places for six candidates
    assert done.out.endswith("Wrote reproductions/tiny/leak.json\n")
    page = Path("reproductions/tiny.md")
    before = page.read_text()
    assert "## The leak, shown" in before
    page.unlink()
    run("reproduce", "tiny", "--report")
    assert page.read_text() == before


def test_a_leak_is_shown_as_json_and_on_other_data(run: Run, tiny: System) -> None:
    found = run("reproduce", "tiny", "--show-leak", *ROWS, "--budget", "full", "--source", "shop", "--json").json
    assert [row["name"] for row in found["rows"]] == ["random-clean", "random-leaked", "chance"]
    assert found["dataset"] == "shop"
    assert found["record"] == "reproductions/tiny/leak.json"
    assert found["says"].startswith("With ")
    recorded = json.loads(Path(found["record"]).read_text())["shown"]
    assert recorded == [{name: value for name, value in found.items() if name not in ("says", "record")}]


def test_a_system_without_a_leak_and_data_that_are_not_there_are_told(run: Run, tiny: System) -> None:
    done = run("reproduce", "ladder", "--show-leak")
    assert done.code == 4
    assert "ladder has no leak to show" in done.err
    assert "elmrec" in done.err
    assert run("reproduce", "tiny", "--show-leak", "--budget", "full").code == 4
    assert not Path("reproductions/tiny/leak.json").exists()
    done = run("reproduce", "tiny", "--source", "shop")
    assert done.code == 2
    assert "add --show-leak" in " ".join(done.err.split())
