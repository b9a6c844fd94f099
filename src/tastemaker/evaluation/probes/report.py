"""Findings for people: a table for the terminal, a section for a web page, a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, SEVERITY, Finding, Verdict, worst
from tastemaker.evaluation.rows import plain

_STYLES: Final[dict[Verdict, str]] = {"clean": "green", "not run": "dim", "suspicious": "yellow", "leak": "bold red"}


def to_json(findings: Sequence[Finding], false_alarms: float = FALSE_ALARMS) -> dict[str, Any]:
    """Return the findings and their summary as JSON values."""
    return {
        "verdict": worst(findings),
        "counts": {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in SEVERITY},
        "false_alarms": plain(false_alarms),
        "findings": [finding.to_json() for finding in findings],
    }


def summary(findings: Sequence[Finding]) -> str:
    """Say in a sentence what was found.

    >>> summary([Finding("tie order", "item_id", "leak"), Finding("arrival order", "item_id", "clean")])
    '2 probes: 1 leak (tie order: item_id), 1 clean.'
    """
    parts = []
    for verdict in reversed(SEVERITY):
        hit = [finding for finding in findings if finding.verdict == verdict]
        if hit:
            named = ", ".join(f"{finding.probe}: {finding.subject}" for finding in hit)
            parts.append(f"{len(hit)} {verdict}" + (f" ({named})" if verdict in ("leak", "suspicious") else ""))
    return f"{len(findings)} probes: {', '.join(parts)}." if parts else "No probes were run."


def terminal_report(findings: Sequence[Finding]) -> Group:
    """Return a table, and below it what is wrong and what to do, to be printed by a rich console."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("probe", "of", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("value", "chance up to", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for finding in findings:
        table.add_row(
            Text(finding.probe),
            Text(finding.subject),
            Text(finding.verdict, style=_STYLES[finding.verdict]),
            _number(finding.value),
            _number(finding.chance[1]),
            _number(finding.p_value, ".1g"),
        )
    lines: list[Text] = []
    for finding in sorted(findings, key=lambda finding: -SEVERITY.index(finding.verdict)):
        if finding.verdict != "clean":
            style = _STYLES[finding.verdict]
            lines.append(Text.assemble((f"{finding.verdict} ", style), (f"{finding.probe}: {finding.subject}", "bold")))
            lines.append(Text(f"  {finding.message} {finding.remedy}".rstrip(), style="" if style != "dim" else style))
    return Group(table, *lines)


def html_section(findings: Sequence[Finding]) -> str:
    """Return a ``section`` for a page of ours: one line a finding, what is wrong first; it says so if there is none."""
    if not findings:
        return frame.section("Probes", frame.words(summary(findings)))
    ordered = sorted(findings, key=lambda finding: -SEVERITY.index(finding.verdict))
    rows = (
        frame.row(
            finding.probe,
            [
                frame.cell(finding.subject, kind="subject"),
                frame.cell(finding.verdict, kind=f"verdict {finding.verdict.replace(' ', '-')}"),
                frame.cell(_number(finding.value) or "-"),
                frame.cell(_number(finding.expected) or "-"),
                frame.cell(f"{finding.message} {finding.remedy}".strip(), kind="words"),
            ],
        )
        for finding in ordered
    )
    left = [frame.head("Probe"), *(frame.head(name, kind="left") for name in ("Of", "Verdict"))]
    heads = [*left, *frame.heads("Value", "Expected"), frame.head("Seen", kind="left")]
    return frame.section("Probes", frame.words(summary(findings)), frame.table(heads, rows))


def _number(value: float, pattern: str = ".4f") -> str:
    return "" if value != value else f"{value:{pattern}}"
