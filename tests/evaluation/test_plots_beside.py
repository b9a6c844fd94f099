"""Plots beside each other share their rows and their scale, and break into lines where there are many."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from tastemaker.evaluation import Interval
from tastemaker.evaluation.plots import Mark
from tastemaker.evaluation.plots_beside import Panel, plots_beside


def panel(title: str, *values: float) -> Panel:
    marks = [Mark(f"model {place}", Interval(value, value / 2, value * 1.5)) for place, value in enumerate(values)]
    return Panel(title, "9 people", marks, reference=values[0])


def drawn(*panels: Panel) -> ET.Element:
    return ET.fromstring(plots_beside(panels, label="values", form="{:g}".format))


def circles(page: ET.Element) -> list[float]:
    return [float(circle.attrib["cx"]) for circle in page.iter("circle")]


def test_equal_values_stand_equally_far_from_the_zero_of_their_panel() -> None:
    page = drawn(panel("one", 0.2, 0.4), panel("two", 0.4, 0.1))
    zeros = [float(text.attrib["x"]) for text in page.iter("text") if text.text == "0"]
    first, second, third, _ = circles(page)
    # Places are written to a tenth.
    assert second - zeros[0] == pytest.approx(2 * (first - zeros[0]), abs=0.2)
    assert third - zeros[1] == pytest.approx(second - zeros[0], abs=0.2)


def test_many_panels_break_into_lines_and_all_are_there() -> None:
    page = drawn(*(panel(f"part {number}", 0.1, 0.2) for number in range(13)))
    drawings = page.findall("svg")
    assert len(drawings) == 2
    assert all(float(drawing.attrib["width"]) <= 1000 for drawing in drawings)
    titles = {text.text for text in page.iter("text") if text.attrib["class"] == "title"}
    assert titles == {f"part {number}" for number in range(13)}


def test_a_row_without_a_value_stays_empty_and_names_are_cut_and_escaped() -> None:
    marks = [Mark("<i>" * 20, Interval(0.1)), Mark("gone", Interval(math.nan))]
    page = plots_beside([Panel("<b>", "", marks, math.nan)], label="<&>", form="{:g}".format)
    ET.fromstring(page)
    assert page.count("<circle") == 1
    assert "nan" not in page
    assert not re.search(r"<[bi]>", page)


def test_nothing_to_show_draws_nothing() -> None:
    assert plots_beside([], label="", form="{:g}".format) == ""
    assert plots_beside([Panel("a", "", [Mark("m", Interval(math.nan))])], label="", form="{:g}".format) == ""


def test_zeros_alone_are_drawn() -> None:
    assert len(circles(drawn(panel("cold", 0.0, 0.0)))) == 2
