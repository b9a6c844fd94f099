"""The report is made of the records alone, says what holds, and those that are committed are up to date."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tastemaker.systems.reproduction import (
    Bench,
    Cell,
    Record,
    StudyRecord,
    System,
    find_system,
    read_records,
    report,
    run_experiment,
    system_names,
)
from tastemaker.systems.reproduction.experiments import read_any_record
from tastemaker.systems.reproduction.leak import LEAK, read_shown
from tastemaker.systems.reproduction.publish import outdated

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "reproductions"
REPORTS = [path.stem for path in sorted(RESULTS.glob("*.md")) if path.stem != "index"]


@pytest.fixture
def text(system: System, bench: Bench) -> str:
    run_experiment(system, system.cells[0], bench)
    return report(system, read_records(bench.out, system))


def test_a_report_says_what_was_claimed_and_what_holds(text: str) -> None:
    assert text.startswith("<!-- Written by `tastemaker reproduce tiny --report`")
    assert "\n# A tiny system\n\nCounts beat their reverse.\n\nSource: Nobody (2020). " in text
    assert "Metric that must move: ndcg@10." in text
    assert "Of 2 expectations: 1 holds, 1 does not hold." in text
    assert re.search(
        r"\[quick\]\(#quick\) \| reversed \| hr@10 \| \.9000 ± \.0500 \| \(1\) \| \.\d{4} \[.*\] \| \*\*does", text
    )
    assert re.search(r"\| ndcg@10 \| above reversed \| — \| \+\.\d{4} \[.*\] \| \*\*holds\*\* \|", text)
    assert "(1) Nobody (2020)." in text


def test_a_report_shows_every_row_of_every_cell(text: str) -> None:
    assert re.search(r"\| \*\*sequential-rules\*\* \| \.\d{4} \[\.\d{4}, \.\d{4}\] \| counts \|", text)
    assert re.search(r"\| reversed \| \.\d{4} .* \| -\.\d{4} \[.*\] .*\| .* \| 2 \| .* m?s \| [\d,]+ MB \|", text)
    assert "This cell is quick" in text
    assert "ndcg@10 by popularity | head (" in text
    assert "- Nothing | differs." in text
    assert re.search(r"Knobs: .*min events: 3; .*candidates: the whole catalogue;", text)
    assert re.search(r"Made with code `\w{12}` and data `\w{12}` in .* of work on \d+ cores", text)
    assert "## full\n\nThat missing data are told.\n\nNot run yet." in text


def test_a_row_that_was_not_run_is_in_the_table_and_among_the_notes(system: System, bench: Bench) -> None:
    run_experiment(system, system.cells[0], replace(bench, rows=frozenset(["sequential-rules"])))
    text = report(system, read_records(bench.out, system))
    assert "| reversed | not run |" in text
    assert "- reversed was not run: it was left out of this run. Run the cell again without --row." in text


def test_what_was_published_stands_before_what_holds(system: System, text: str) -> None:
    assert "## What was published" not in text
    told = report(replace(system, account=("They claim much.", "Their code does less.")), {})
    assert "```\n\n## What was published\n\n- They claim much.\n- Their code does less.\n\n## What holds\n" in told


def test_each_picture_stands_below_its_table_and_leads_to_its_file(text: str) -> None:
    rows, parts = text.index("(tiny/quick.svg)"), text.index("(tiny/quick.parts.svg)")
    assert text.index("| reversed |", text.index("## quick")) < rows < text.index("| ndcg@10 by popularity |") < parts
    assert re.search(r"\[!\[ndcg@10 of 2 rows [^\]]*\]\(tiny/quick\.svg\)\]\(tiny/quick\.svg\)\n\n", text)
    assert "training.svg" not in text


def test_the_same_records_give_the_same_report(system: System, bench: Bench) -> None:
    run_experiment(system, system.cells[0], bench)
    first, second = (report(system, read_records(bench.out, system)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", system_names())
def test_a_system_has_a_quick_cell_first_and_counts_in_every_cell(name: str) -> None:
    system = find_system(name)
    assert system.name == name
    assert system.cells[0].budget == "quick"
    assert len({LEAK, *(cell.name for cell in system.cells)}) == 1 + len(system.cells)
    for cell in system.cells:
        assert cell.baseline in cell.names
        named = {each.model for each in cell.expectations}
        assert named <= set(cell.names), f"{cell.name} expects something of rows that it has not"


@pytest.mark.parametrize("name", REPORTS)
def test_a_committed_report_is_what_the_committed_records_give(name: str) -> None:
    advice = f"tastemaker reproduce {name} --report"
    assert outdated(find_system(name), RESULTS) == [], advice


@pytest.mark.parametrize("name", REPORTS)
def test_a_committed_report_shows_every_picture_beside_it_and_no_other(name: str) -> None:
    shown = re.findall(r"\]\(([\w./-]+\.svg)\)", (RESULTS / f"{name}.md").read_text(encoding="utf-8"))
    assert set(shown) == {f"{name}/{path.name}" for path in (RESULTS / name).glob("*.svg")}


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_committed_record_belongs_to_a_cell_and_tells_nothing_of_its_machine(path: Path) -> None:
    system = find_system(path.parent.name)
    assert not re.search(r"/(home|root|tmp|work|Users|mnt|var)/", path.read_text(encoding="utf-8"))
    if path.stem == LEAK:
        assert system.leak is not None
        assert read_shown(RESULTS, system.name)
        return
    (cell,) = system.chosen([path.stem])
    record = read_any_record(RESULTS, system, cell)
    if isinstance(cell, Cell):
        assert isinstance(record, Record)
        assert record.comparison.protocol == cell.setting.protocol
    else:
        assert isinstance(record, StudyRecord)
        assert set(record.words) <= set(cell.rows)


def test_the_example_of_the_documentation_is_a_system() -> None:
    page = (RESULTS / "index.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(program, names)
    system = names["SYSTEM"]
    assert names["STUDY"].names == ["four", "one"]
    assert [each.pair.other for cell in system.cells for each in cell.expectations] == ["order-ignored"]
    (cell,) = system.cells
    models = [trial.build() for trial in cell.models.values()]
    assert [model.name for model in models] == ["popularity", "sequential-rules", "sequential-rules"]
