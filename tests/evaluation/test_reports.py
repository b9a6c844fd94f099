"""Reports in the terminal and on the page say the same, hide nothing, and load nothing."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tastemaker.core.errors import StorageError
from tastemaker.data import Split
from tastemaker.evaluation import Comparison, Interval, compare
from tastemaker.evaluation.html import html_report, write_html
from tastemaker.evaluation.plots import Mark, interval_plot, log_ticks, scatter_plot, ticks
from tastemaker.evaluation.table import knobs_line, terminal_report
from tastemaker.evaluation.wording import caveats, headline

Make = Callable[..., Any]
VOID = {"meta", "br", "img", "link", "input"}


@pytest.fixture(scope="module")
def comparison(split: Split, counts: Make, unfit: Make) -> Comparison:
    models = {
        "sequential-rules": counts("sequential-rules"),
        "mixed": counts("mixed", lambda number: 1.0 + number % 2),
        "reversed": counts("reversed", lambda number: -1.0),
        "wordy": unfit("wordy"),
    }
    return compare(models, split, replicates=100)


def with_difference(comparison: Comparison, known: Interval, p: float = 0.01) -> Comparison:
    """Return the comparison with ``mixed`` ahead of counting by ``known``, at the corrected p-value ``p``."""
    rows = []
    for row in comparison.rows:
        if row.model == "mixed":
            metrics = {**row.metrics, "ndcg@10": Interval(0.9, 0.8, 0.95)}
            row = replace(row, metrics=metrics, vs_baseline={**row.vs_baseline, "ndcg@10": known})
            row = replace(row, p_values={**row.p_values, "ndcg@10": (0.01, p)})
        rows.append(row)
    return replace(comparison, rows=rows)


def printed(comparison: Comparison, width: int) -> str:
    console = Console(width=width, file=StringIO(), force_terminal=False)
    console.print(terminal_report(comparison))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_every_model_and_what_it_rests_on(comparison: Comparison, width: int) -> None:
    text = printed(comparison, width)
    for row in comparison.rows:
        assert row.model in text
    for words in (
        "not run",
        " MB ",
        "seen items masked",
        "random, seed 0",
        comparison.split_hash,
        "four times in five",
    ):
        assert words in " ".join(text.split())
    value = comparison.rows[0].metrics["ndcg@10"]
    assert f"{value.value:.4f}".lstrip("0") in text
    assert f"[{value.low:.3f},{value.high:.3f}]".replace("0.", ".") in text
    assert max(map(len, text.splitlines())) <= width


def test_a_difference_that_excludes_zero_is_marked(comparison: Comparison) -> None:
    assert "+.0200*" in printed(with_difference(comparison, Interval(0.02, 0.01, 0.03)), 120)
    assert "+.0200 " in printed(with_difference(comparison, Interval(0.02, -0.01, 0.03)), 120)
    assert "+.0200 " in printed(with_difference(comparison, Interval(0.02, 0.01, 0.03), p=0.06), 120)


def test_the_knobs_fit_one_line(comparison: Comparison) -> None:
    assert knobs_line(comparison) == (
        f"leave-one-out, split {comparison.split_hash} · seen items masked · ties random, seed 0 · "
        "95% percentile, paired bootstrap over users · train on valid: no"
    )


def test_without_counts_both_reports_say_so(comparison: Comparison) -> None:
    alone = replace(comparison, rows=[replace(comparison.rows[1], vs_baseline={})])
    assert "nothing here shows that a model is better than counting" in " ".join(printed(alone, 100).split())
    assert "nothing here shows that a model is better than counting" in html_report(alone)
    assert "There are no counts beside it" in headline(alone)


def test_the_headline_claims_no_more_than_the_interval_allows(comparison: Comparison) -> None:
    clear = headline(with_difference(comparison, Interval(0.02, 0.01, 0.03)))
    assert clear.startswith("Highest ndcg@10: mixed with 0.9000, +0.0200 against sequential-rules")
    unclear = headline(with_difference(comparison, Interval(0.02, -0.01, 0.03)))
    assert unclear.startswith("No model is clearly better than counting.")
    counting = replace(comparison, rows=[comparison.rows[0], comparison.rows[2]])
    assert headline(counting).startswith("Nothing beats counting here: sequential-rules")
    assert headline(replace(comparison, rows=[comparison.rows[3]])) == "No model could be run."


def test_caveats_name_what_this_test_cannot_resolve_and_what_was_cold(comparison: Comparison) -> None:
    counted = replace(comparison, counts={**comparison.counts, "cold_targets": 7, "unknown_targets": {"mixed": 3}})
    text = " ".join(caveats(counted))
    assert "four times in five" in text
    assert "7 of" in text
    assert "mixed does not know 3 of the answers" in text
    assert "highest of 3 models" in text


class Balanced(HTMLParser):
    """Checks that every tag is closed, and collects what could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [name for name, _ in attrs if name in {"src", "href", "srcset", "xlink:href", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(comparison: Comparison) -> None:
    page = html_report(comparison)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.loads == []
    assert not parser.tags & {"script", "link", "iframe", "img"}
    assert not re.search(r"https?://|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg") == 5 + len({part.family for part in comparison.rows[0].slices})
    for drawing in re.findall(r"<svg.*?</svg>", page):
        ET.fromstring(drawing)
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page)


def test_the_page_holds_the_ladder_the_knobs_and_the_settings(comparison: Comparison) -> None:
    page = html_report(comparison)
    for row in comparison.rows:
        assert f'<th scope="row">{row.model}</th>' in page
    for words in ("it needs text", "shrinkage = 0.5", "seen items masked", comparison.split_hash):
        assert words in page
    assert f"{comparison.rows[0].metrics['ndcg@10'].value:.4f}" in page


def test_names_from_outside_are_escaped(comparison: Comparison) -> None:
    evil = "<script>alert(1)</script>"
    rows = [replace(row, model=evil + row.model, settings={evil: evil}) for row in comparison.rows]
    rows[3] = replace(rows[3], reason=evil)
    page = html_report(replace(comparison, dataset=evil, rows=rows, knobs={evil: evil}, baseline=evil))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_page_of_failures_is_a_page(comparison: Comparison) -> None:
    page = html_report(replace(comparison, rows=[comparison.rows[3]]))
    assert "No model could be run." in page
    assert "<svg" not in page


def test_the_page_is_written_whole_or_not_at_all(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "reports" / "ladder.html"
    write_html(comparison, target)
    assert target.read_text(encoding="utf-8") == html_report(comparison)
    assert [path.name for path in target.parent.iterdir()] == ["ladder.html"]

    def full(self: Path, *args: Any, **kwargs: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left"):
        write_html(comparison, target)
    monkeypatch.undo()
    assert target.read_text(encoding="utf-8") == html_report(comparison)
    assert [path.name for path in target.parent.iterdir()] == ["ladder.html"]


def test_plots_bear_extremes() -> None:
    marks = [
        Mark("same", Interval(0.0), Interval(0.0)),
        Mark("gone", Interval(float("nan")), Interval(0.0), tip="no history"),
    ]
    for drawing in (
        interval_plot(marks, axis="x", form="{:g}".format),
        scatter_plot(marks, across="x", up="y", form="{:g}".format, form_up="{:g}".format),
        scatter_plot(
            [Mark("one", Interval(1e-4), Interval(0.5))],
            across="x",
            up="y",
            form="{:g}".format,
            form_up="{:g}".format,
            log=True,
        ),
    ):
        ET.fromstring(drawing)
        assert "nan" not in drawing


def test_numbers_of_an_axis_are_neither_cut_off_nor_on_top_of_each_other() -> None:
    marks = [Mark("m", Interval(0.999))]
    drawing = ET.fromstring(interval_plot(marks, axis="x", form="{:.6f} percent".format))
    texts = [text for text in drawing.iter("text") if text.attrib["class"] == "tick"]
    spans = [(float(text.attrib["x"]), 3.5 * len(str(text.text))) for text in texts]
    assert len(spans) > 1
    assert all(x + half <= 400 for x, half in spans)
    assert all(x + half <= y - other for (x, half), (y, other) in pairwise(spans))


def test_ticks_are_round_and_inside() -> None:
    assert ticks(-0.1, 0.025) == [-0.1, -0.05, 0.0]
    assert log_ticks(2.0, 60.0) == [3.0, 10.0, 30.0]
    assert all(1 <= tick <= 9 for tick in log_ticks(1.0, 9.0))
