"""The page of a comparison shows parts, gaps, seeds, foreign lists, examples and probes, and hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tastemaker.evaluation import Comparison, Interval
from tastemaker.evaluation.html import html_report
from tastemaker.evaluation.pages.examples import examples
from tastemaker.evaluation.pages.parts import foreign_lists, gaps, parts, seeds
from tastemaker.evaluation.written import percent, probability


@pytest.fixture(scope="module")
def page(rich: Comparison) -> str:
    return html_report(rich)


def heads(html: str) -> list[str]:
    return re.findall(r"<th scope=\"col\"[^>]*>([^<]*)", html)


def test_every_section_is_there_once(page: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "The ladder",
        "In pictures",
        "Parts of the test",
        "Gaps between groups and providers",
        "Seeds",
        "Lists from elsewhere",
        "Worked examples",
        "Probes",
        "Settings chosen on validation",
        "How it was measured",
        "What it was measured on",
    ]


def test_what_there_is_none_of_has_no_section(rich: Comparison) -> None:
    rows = [replace(row, slices=(), gaps=(), spread=None) for row in rich.rows if row.lists is None]
    bare = html_report(replace(rich, rows=rows, examples=(), probes=(), detectable=None))
    titles = re.findall(r"<h2>(.*?)</h2>", bare)
    assert not {"Parts of the test", "Gaps between groups and providers", "Seeds", "Worked examples"} & set(titles)
    assert "No probes were run." in bare


def test_what_the_test_could_show_stands_before_the_ladder(rich: Comparison, page: str) -> None:
    assert rich.detectable is not None
    assert page.index("Before any result: with 240 people") < page.index("<table>")


def test_corrected_p_values_stand_in_the_ladder_and_both_kinds_below_it(rich: Comparison, page: str) -> None:
    plain, corrected = rich.rows[2].p_values["ndcg@10"]
    assert f"<td>{probability(corrected)}</td>" in page
    assert f"p {probability(plain)}, Holm {probability(corrected)}" in page


def test_a_difference_that_does_not_survive_the_correction_is_undecided(rich: Comparison) -> None:
    row = replace(
        rich.rows[1],
        vs_baseline={"ndcg@10": Interval(0.02, 0.01, 0.03)},
        p_values={"ndcg@10": (0.03, 0.06)},
    )
    open_ = html_report(replace(rich, rows=[rich.rows[0], row]))
    assert "▲" not in open_
    clear = replace(row, p_values={"ndcg@10": (0.01, 0.02)})
    assert "▲ +0.0200" in html_report(replace(rich, rows=[rich.rows[0], clear]))


def test_each_family_of_parts_has_a_plot_and_a_table_with_its_small_parts_marked(rich: Comparison) -> None:
    html = "".join(parts(rich))
    slices = rich.rows[0].slices
    families = {part.family for part in slices}
    assert {"popularity", "history", "category", "group:gender"} <= families
    assert html.count("<table>") == len(families)
    assert heads(html).count("Model") == len(families)
    for part in slices:
        assert f">{part.name}" in html
        value = part.metrics["ndcg@10"]
        assert f"{value.value:.4f}<small>{value.low:.3f}" in html
    small = [part for part in slices if part.small]
    assert small
    assert html.count('<span class="tag">small</span>') == len(small)


def test_gaps_name_who_is_served_best_and_what_would_have_to_move(rich: Comparison) -> None:
    html = "".join(gaps(rich))
    people, providers = rich.rows[0].gaps
    assert f"{people.value.value:.4f}<small>" in html
    assert f"<td>{people.best}</td><td>{people.worst}</td>" in html
    assert "would have to move" in html
    assert f"<td>{percent(providers.value.value)}</td>" in html
    for each in providers.providers:
        assert f"{percent(each.exposure)}<small>recall {each.recall:.3f}" in html


def test_groups_that_are_all_small_are_said_to_be(rich: Comparison) -> None:
    rows = [replace(row, gaps=()) for row in rich.rows]
    assert "No two groups are large enough" in "".join(gaps(replace(rich, rows=rows)))


def test_each_seed_has_its_value(rich: Comparison) -> None:
    html = "".join(seeds(rich))
    assert heads(html) == ["Model", "seed 0", "seed 1", "mean", "sd"]
    spread = rich.rows[0].spread
    assert spread is not None
    values = [*spread.values["ndcg@10"], rich.rows[0].metrics["ndcg@10"].value, spread.deviation("ndcg@10")]
    assert "".join(f"<td>{value:.4f}</td>" for value in values) in html


def test_what_was_amiss_with_foreign_lists_is_counted(rich: Comparison) -> None:
    html = "".join(foreign_lists(rich))
    lists = next(row.lists for row in rich.rows if row.lists is not None)
    found: dict[str, Any] = dict(re.findall(r'<th scope="row">(.*?)</th><td class="wrapped">(.*?)</td>', html))
    assert found["file"] == "theirs.csv"
    assert found["entries"] == f"{lists['rows']:,}"
    assert found["people without a list (they count as missed)"] == "5"
    assert found["entries that are no items of the data (they keep their places)"] == "1"
    assert found["lists for nobody in the test (passed over)"] == "1"


def test_examples_mark_hits_and_escape_titles(rich: Comparison, evil: str) -> None:
    html = "".join(examples(rich))
    hits = sum(hit for example in rich.examples for shown in example.lists.values() for hit in shown.hits)
    assert html.count("\N{CHECK MARK} ") == hits > 0
    shown = [item.title for example in rich.examples for one in example.lists.values() for item in one.items]
    assert evil in shown
    assert "<script" not in html
    for example in rich.examples:
        assert f"Person {example.user_id}" in html


def test_names_of_any_kind_break_no_page(rich: Comparison, evil: str) -> None:
    rows = []
    for row in rich.rows:
        slices = [replace(part, family=f"group:{evil}", name=evil) for part in row.slices[:1]]
        gap = [replace(one, family=f"provider:{evil}", best=evil, worst=evil) for one in row.gaps[1:]]
        rows.append(replace(row, model=evil + row.model, slices=slices, gaps=gap))
    example = replace(rich.examples[0], user_id=evil)
    probe = replace(rich.probes[0], subject=evil, message=evil, verdict="leak")
    made = replace(rich, rows=rows, examples=[example], probes=[probe], dataset=evil, split_hash=evil)
    assert "<script" not in html_report(made)
