"""An SVG file stands for itself: the page's colours in light and dark, a background, nothing that hovers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from importlib import resources

import pytest

from tastemaker.evaluation import Interval
from tastemaker.evaluation.plots import Mark, interval_plot
from tastemaker.evaluation.plots_standalone import MARK, Drawing, standalone

SVG = "{http://www.w3.org/2000/svg}"
PLOT = interval_plot([Mark("<m>", Interval(0.2, 0.1, 0.3), kind="above", tip="hover")], axis="x", form="{:g}".format)
LEGEND = {"baseline": "counts", "above": "higher"}


def drawn(*titles: str, beside: int = 1, **given: object) -> str:
    return standalone([Drawing(PLOT, title) for title in titles], label="<&>", legend=LEGEND, beside=beside, **given)  # type: ignore[arg-type]


def test_the_colours_are_those_of_the_page_in_light_and_dark() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", drawn(""))
    css = resources.files("tastemaker.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    shown = re.fullmatch(r":root\{(.*?)\}@media \(prefers-color-scheme: dark\)\{:root\{(.*?)\}\}.*", style)
    assert shown is not None
    for page, own in ((light, shown[1]), (dark, shown[2])):
        colours = dict(re.findall(r"(--[\w-]+): (#\w+)", page))
        assert dict(re.findall(r"(--[\w-]+):(#\w+)", own)).items() <= colours.items()
        assert {"--ink", "--card", "--above", "--below", "--baseline", "--open"} <= set(re.findall(r"--\w+", own))
    used = set(re.findall(r"var\((--\w+)\)", style))
    assert used <= set(re.findall(r"--\w+", shown[1]))


def test_a_file_is_whole_and_marked_as_ours() -> None:
    text = drawn("", scale=1.5)
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.attrib["aria-label"] == "<&>"
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    assert float(root.attrib["width"]) == pytest.approx(1.5 * width, abs=1)
    assert float(root.attrib["height"]) == pytest.approx(1.5 * height, abs=1)
    assert MARK in text
    assert "hover" not in text
    assert root.findall(f"{SVG}svg") == []


def test_drawings_stand_in_lines_below_the_legend_and_above_the_notes() -> None:
    root = ET.fromstring(drawn("one", "two", "three", beside=2, notes=["word " * 200]))
    height = float(root.attrib["viewBox"].split()[3])
    moved = [group.attrib["transform"] for group in root.iter(f"{SVG}g") if "transform" in group.attrib]
    spots = [tuple(float(n) for n in re.findall(r"[\d.]+", text)) for text in moved]
    assert spots[0][1] == spots[1][1] < spots[2][1]
    assert spots[0][0] == spots[2][0] < spots[1][0]
    at = {text.text: float(text.attrib["y"]) for text in root.findall(f"{SVG}text")}
    assert at["counts"] == at["higher"] < at["one"] < at["three"]
    notes = [y for words, y in at.items() if words is not None and words.startswith("word")]
    texts = [text for text in root.findall(f"{SVG}text") if (text.text or "").startswith("word")]
    assert len(texts) > 1
    assert max(at["three"], *notes) < height


def test_a_heading_or_a_meaning_that_is_too_long_is_cut_and_a_long_legend_is_broken() -> None:
    legend = {"baseline": "meaning " * 4, "above": "meaning " * 5, "open": "b" * 300}
    root = ET.fromstring(standalone([Drawing(PLOT, "long " * 60)], label="", legend=legend))
    words = root.findall(f"{SVG}text")
    assert len({word.attrib["y"] for word in words}) == 4
    assert all(len(word.text or "") < 70 for word in words)
    assert [(word.text or "").endswith("\N{HORIZONTAL ELLIPSIS}") for word in words] == [False, False, True, True]


def test_what_is_no_drawing_is_refused() -> None:
    with pytest.raises(ValueError, match="viewBox"):
        standalone([Drawing("<p>words</p>")], label="", legend={})
