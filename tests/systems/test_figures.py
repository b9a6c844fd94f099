"""The pictures of a cell show every row, part and training, in words for those who cannot see them."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from tastemaker.evaluation.pages.pictures import kind_of
from tastemaker.systems.reproduction import Bench, Cell, Record, System, find_system, run_cell, system_names
from tastemaker.systems.reproduction.figures import Figure, figures

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "reproductions"
SVG = "{http://www.w3.org/2000/svg}"
LOG = [{"epoch": n, "loss": 3.0 / n, "value": 0.1 * (2 - abs(n - 2)), "seconds": 1.0} for n in (1, 2, 3)]


@pytest.fixture
def cell(system: System) -> Cell:
    found = system.cells[0]
    assert isinstance(found, Cell)
    return found


@pytest.fixture
def record(system: System, cell: Cell, bench: Bench) -> Record:
    record = run_cell(system, cell, bench).record
    assert record is not None
    return record


def only(record: Record, cell: Cell, shows: str) -> Figure:
    (found,) = [figure for figure in figures(cell, record) if figure.shows == shows]
    return found


def trained(record: Record, *logs: list[dict[str, float]]) -> Record:
    rows = [replace(row, training=log) for row, log in zip(record.comparison.rows, logs, strict=True)]
    return replace(record, comparison=replace(record.comparison, rows=rows))


def test_every_row_is_a_mark_of_the_colour_that_the_page_gives_it(record: Record, cell: Cell) -> None:
    figure = only(record, cell, "rows")
    root = ET.fromstring(figure.svg)
    names = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"]
    assert names == ["sequential-rules", "reversed"]
    kinds = [group.get("class") for group in root.iter(f"{SVG}g") if group.find(f"{SVG}line[@class='bar']") is not None]
    assert kinds == [kind_of(row, record.comparison) for row in record.comparison.rows] == ["baseline", "below"]
    legend = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "tick"]
    assert legend[:2] == ["baseline", "lower"], "what is not there is not explained"
    assert "corrected for the number of rows (Holm)" in " ".join(word or "" for word in legend)


def test_the_words_for_a_picture_name_the_best_row_and_the_baseline(record: Record, cell: Cell) -> None:
    said = only(record, cell, "rows").alt
    assert re.fullmatch(
        r"ndcg@10 of 2 rows with 95 % intervals: best is sequential-rules with (\.\d{4}) \(\.\d{4} to \.\d{4}\), "
        r"the baseline\.",
        said,
    )
    base, other = record.comparison.rows
    known = {**other.metrics, "ndcg@10": replace(other.metrics["ndcg@10"], value=0.9)}
    turned = replace(record.comparison, rows=[base, replace(other, model="best", metrics=known)])
    said = only(replace(record, comparison=turned), cell, "rows").alt
    assert re.search(r"best is best with \.9000 .*; the baseline sequential-rules has \.\d{4}\.", said)


def test_parts_stand_beside_each_other_with_their_share_of_the_answers(record: Record, cell: Cell) -> None:
    figure = only(record, cell, "parts")
    assert figure.name == "quick.parts.svg"
    words = [text.text or "" for text in ET.fromstring(figure.svg).iter(f"{SVG}text")]
    pieces = [piece for piece in record.comparison.rows[0].slices if piece.family == "popularity"]
    assert words.count("ndcg@10 by popularity") == 1
    for piece in pieces:
        assert sum(word.startswith(piece.name) for word in words) >= 1
        assert re.search(rf"{piece.name} (sequential-rules|reversed) \.\d{{4}}", figure.alt)
    assert [figure.shows for figure in figures(replace(cell, parts=()), record)] == ["rows"]


def test_trainings_are_drawn_once_each_under_the_names_of_their_rows(record: Record, cell: Cell) -> None:
    assert "training" not in {figure.shows for figure in figures(cell, record)}
    figure = only(trained(record, LOG, LOG), cell, "training")
    assert figure.name == "quick.training.svg"
    assert figure.svg.count("<path") == 2
    assert "sequential-rules, reversed" in figure.svg
    assert "kept: sequential-rules and reversed epoch 2 with .2000." in figure.alt
    blind = [{"epoch": 1.0, "loss": 1.0, "seconds": 1.0}]
    figure = only(trained(record, LOG, blind), cell, "training")
    assert figure.svg.count("<path") == 3
    assert figure.alt.endswith("kept: sequential-rules epoch 2 with .2000, reversed epoch 1.")


def test_without_rows_or_without_the_baseline_nothing_breaks(record: Record, cell: Cell) -> None:
    gone = [replace(row, status="not run") for row in record.comparison.rows]
    assert figures(cell, replace(record, comparison=replace(record.comparison, rows=gone))) == []
    alone = replace(record, comparison=replace(record.comparison, rows=record.comparison.rows[1:]))
    assert "the baseline sequential-rules was not run" in only(alone, cell, "rows").alt
    assert only(alone, cell, "parts").svg


@pytest.mark.parametrize("name", system_names())
def test_no_two_pictures_of_a_system_have_one_name(name: str) -> None:
    assert not any("." in cell.name for cell in find_system(name).cells)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/*.svg")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_committed_picture_is_small_and_nothing_leaves_its_frame(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 40_000
    assert "nan" not in re.sub(r"<text[^>]*>[^<]*</text>|aria-label=\"[^\"]*\"", "", text)
    root = ET.fromstring(text)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    for left, right, y in _spans(root, 0.0, 0.0):
        assert 0 <= left <= right <= width
        assert 0 <= y <= height


def _spans(node: ET.Element, x: float, y: float) -> list[tuple[float, float, float]]:
    """Return from where to where each text reaches across, in letters of a broad font, and its height."""
    if moved := re.fullmatch(r"translate\(([\d.]+),([\d.]+)\)", node.get("transform", "")):
        x, y = x + float(moved[1]), y + float(moved[2])
    found = [span for child in node for span in _spans(child, x, y)]
    if node.tag == f"{SVG}text":
        at, letter = x + float(node.attrib["x"]), 6.6 if node.get("class") in ("name", "tick") else 7.4
        long = letter * len("".join(node.itertext()))
        before = {"middle": long / 2, "end": long}.get(node.get("text-anchor", "start"), 0.0)
        found.append((at - before, at - before + long, y + float(node.attrib["y"])))
    return found


def test_a_value_that_is_no_number_is_left_out(record: Record, cell: Cell) -> None:
    rows = list(record.comparison.rows)
    slices = [
        replace(piece, metrics={name: replace(known, value=math.nan) for name, known in piece.metrics.items()})
        for piece in rows[1].slices
    ]
    changed = replace(record.comparison, rows=[rows[0], replace(rows[1], slices=slices)])
    assert "reversed" not in only(replace(record, comparison=changed), cell, "parts").alt
