"""Findings in the terminal, on a page and as JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from io import StringIO

from rich.console import Console

from tastemaker.evaluation.probes import Finding, html_section, summary, terminal_report, to_json, worst

FINDINGS = [
    Finding("tie order", "item_id", "clean", 0.5, 0.5, (0.45, 0.55), 0.9, 0.001, "as chance has it."),
    Finding("next-id rule", "<b>&", "leak", 0.0441, 0.0001, (0, 0.0004), 0.0, 0.001, "the rule hits.", "Renumber."),
    Finding("arrival order", "item_id, by time", "not run", message="the events have no times"),
]


def shown(width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(terminal_report(FINDINGS))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_every_finding_and_explains_what_is_not_clean() -> None:
    text = shown()
    assert all(finding.probe in text and finding.verdict in text for finding in FINDINGS)
    assert "the rule hits. Renumber." in text
    assert "the events have no times" in text
    assert "as chance has it" not in text
    assert "nan" not in text


def test_a_narrow_terminal_loses_no_verdict() -> None:
    assert all(word in shown(72) for word in ("clean", "leak", "not run"))


def test_the_section_is_well_formed_and_escapes_names() -> None:
    page = ET.fromstring(html_section(FINDINGS))
    rows = page.findall(".//tbody/tr")
    assert [row.findall("td")[1].text for row in rows] == ["leak", "not run", "clean"]
    assert rows[0].findall("td")[0].text == "<b>&"


def test_json_holds_no_number_that_is_none() -> None:
    document = json.loads(json.dumps(to_json(FINDINGS), allow_nan=False))
    assert document["verdict"] == "leak"
    assert document["counts"] == {"clean": 1, "not run": 1, "suspicious": 0, "leak": 1}
    assert document["findings"][2]["value"] is None


def test_the_summary_names_what_is_wrong() -> None:
    assert summary(FINDINGS) == "3 probes: 1 leak (next-id rule: <b>&), 1 not run, 1 clean."
    assert summary([]) == "No probes were run."


def test_the_worst_verdict_of_nothing_run_is_not_run() -> None:
    assert worst(FINDINGS[2:]) == "not run"
    assert worst(FINDINGS[::2]) == "clean"
