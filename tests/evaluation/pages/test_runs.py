"""The page of several runs warns first, marks what differs, and shows every model of every run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from tastemaker.evaluation import Comparison
from tastemaker.evaluation.pages.runs import runs_report


def test_runs_of_one_split_are_shown_side_by_side(rich: Comparison) -> None:
    rows = [replace(row, rank_hash="other") if row.model == "mixed" else row for row in rich.rows]
    page = runs_report({"old": rich, "new": replace(rich, rows=rows)})
    assert "2 runs on the same split: their numbers compare." in page
    for row in rich.done():
        known = row.metrics["ndcg@10"]
        assert page.count(f"<td>{known.value:.4f}<small>{known.low:.3f}") == 2
    assert page.count("same ranks as old") == len(rich.done()) - 1
    for drawing in re.findall(r"<svg.*?</svg>", page):
        ET.fromstring(drawing)
    assert page.count("<circle") == 2 * len(rich.done())
    assert "<script" not in page


def test_different_splits_are_warned_of_before_any_number(rich: Comparison) -> None:
    page = runs_report({"old": rich, "new": replace(rich, split_hash="0123456789ab")})
    assert page.index("Numbers of different splits do not compare") < page.index("<table>")
    assert "read each column for itself" in page


def test_what_differs_is_marked_and_the_rest_is_folded_away(rich: Comparison) -> None:
    other = replace(rich, knobs={**rich.knobs, "min_events": 5}, counts={**rich.counts, "users": 9})
    page = runs_report({"old": rich, "new": other})
    assert '<td class="value">3</td><td class="value differs">\N{NOT EQUAL TO} 5</td>' in page
    assert page.count("value differs") == 2
    same = page[page.index("The same in all runs") :]
    assert "seen items masked" in same


def test_settings_and_cost_have_a_column_for_each_run(rich: Comparison) -> None:
    rows = [replace(row, settings={"shrinkage": 2.0}, settings_tried=77) for row in rich.rows]
    page = runs_report({"old": rich, "new": replace(rich, rows=rows)})
    assert '<td class="value">0.5</td><td class="value differs">\N{NOT EQUAL TO} 2</td>' in page
    assert "<td>77</td>" in page


def test_a_model_that_one_run_lacks_or_could_not_run_is_told(rich: Comparison) -> None:
    page = runs_report({"old": rich, "new": replace(rich, rows=[row for row in rich.rows if row.model != "mixed"])})
    assert "new: The counting baseline" not in page
    assert "old: wordy was not run" in page
    assert re.search(r'<th scope="row">wordy</th><td class="below">not run</td>', page)


def test_names_of_runs_are_escaped(rich: Comparison, evil: str) -> None:
    assert "<script" not in runs_report({evil: rich, evil * 2: replace(rich, split_hash=evil, dataset=evil)})
