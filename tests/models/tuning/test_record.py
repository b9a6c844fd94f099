"""What a search found can be read back, pasted into the settings, and looked at."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import StorageError
from tastemaker.models import make_model
from tastemaker.models.space import Choice, Integer, Real, Space
from tastemaker.models.tuning import Trial, Tuning, read_tuning
from tastemaker.models.tuning.page import headline, tuning_page
from tastemaker.models.tuning.plots import Dot, choice_plot, number_plot, progress_plot

SPACE: Space = {
    "neighbours": Integer(5, 1000, log=True),
    "shrinkage": Real(0, 100),
    "age_decay": Choice(("1/a", "uniform")),
}


def trial(number: int, value: float | None, reason: str = "", **chosen: Any) -> Trial:
    settings = {"neighbours": 200, "shrinkage": 10.0, "age_decay": "1/a", "alpha": 0.5, **chosen}
    return Trial(number, settings, value, 0.25 * number, reason)


def search(*trials: Trial, **other: Any) -> Tuning:
    found = Tuning(
        model="item-knn",
        dataset="<shop>",
        fingerprint="f" * 64,
        protocol="leave-one-out",
        split_hash="0123456789ab",
        knobs={"ties": "keep"},
        seed=0,
        space=SPACE,
        trials=trials,
        budget={"trials": 3},
        ended="all 3 trials were made",
        counts={"train_events": 100, "items": 20, "valid_queries": 10, "valid_users": 10},
        environment={"python": "3.11"},
    )
    return replace(found, **other)


FOUND = search(
    trial(1, 0.10), trial(2, 0.12, shrinkage=99.0, neighbours=900), trial(3, None, "no <room>", age_decay="uniform")
)


def test_the_best_is_the_first_of_equals_and_no_failure() -> None:
    assert FOUND.best is FOUND.trials[1]
    assert search(trial(1, 0.1), trial(2, 0.1)).settings == trial(1, 0.1).settings
    assert search(trial(1, 0.0), trial(2, None, "failed")).best == trial(1, 0.0)
    assert search(trial(1, None, "failed")).best is None
    assert (search().best, search().settings) == (None, {})
    assert FOUND.seconds == pytest.approx(0.25 + 0.5 + 0.75)


def test_of_errors_the_lowest_is_the_best() -> None:
    found = search(trial(1, 0.9), trial(2, None, "failed"), trial(3, 0.7), trial(4, 0.8), metric="rmse")
    assert found.best == trial(3, 0.7)
    assert headline(found).startswith("Best rmse on validation: 0.7000, in trial 3 of 4, \N{MINUS SIGN}0.2000 against")
    assert [each.number for each in sorted(found.trials, key=found.rank)] == [3, 4, 1, 2]
    assert re.findall(r'<th scope="row">(\d)</th>', tuning_page(found)) == ["3", "4", "1", "2"]


def test_it_says_where_the_best_lies_at_the_end_of_the_space() -> None:
    assert FOUND.at_edge() == ["neighbours", "shrinkage"]
    assert search(trial(1, 0.1)).at_edge() == []
    assert search(trial(1, 0.1, neighbours=5, shrinkage=0.0)).at_edge() == ["neighbours", "shrinkage"]
    assert search(trial(1, 0.1, neighbours=2000)).at_edge() == []  # a default outside the space is no end of it


def test_the_table_makes_the_model_that_was_found() -> None:
    tables = tomllib.loads(FOUND.toml())["models"]
    assert tables == {"item-knn": FOUND.settings}
    made = make_model("item-knn", tables).settings()
    assert {name: made[name] for name in FOUND.settings} == FOUND.settings
    assert "open" not in search(trial(1, 0.1, open=None)).toml()


def test_json_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text(json.dumps(FOUND.to_json(), allow_nan=False), encoding="utf-8")
    assert read_tuning(tmp_path) == FOUND


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "its format is 2"),
        ({"trials": None}, "cannot be read"),
        ({"trials": [{"number": 1}]}, "cannot be read"),
        ({"space": {"neighbours": {"kind": "odd"}}}, "no kind of parameter 'odd'"),
        ({"seed": ...}, "'seed'"),
    ],
)
def test_a_damaged_result_is_told(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    stored = {name: value for name, value in {**FOUND.to_json(), **change}.items() if value is not ...}
    (tmp_path / "tuning.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(StorageError, match=message):
        read_tuning(tmp_path)
    (tmp_path / "tuning.json").write_text("[]", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be read"):
        read_tuning(tmp_path)


def test_a_folder_without_a_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no result of a search"):
        read_tuning(tmp_path / "none")


def test_the_headline_compares_with_the_defaults() -> None:
    assert (
        headline(FOUND) == "Best ndcg@10 on validation: 0.1200, in trial 2 of 3, +0.0200 against the default settings."
    )
    assert "nothing that was tried is better" in headline(search(trial(1, 0.2), trial(2, 0.1)))
    assert "the default settings failed" in headline(search(trial(1, None, "x"), trial(2, 0.1)))
    assert headline(search(trial(1, None, "x"))).startswith("None of 1 trials")


def test_the_page_shows_everything_and_loads_nothing() -> None:
    page = tuning_page(FOUND)
    assert page.count("<svg") == 2 + len(SPACE)
    assert "&lt;shop&gt;" in page
    assert "no &lt;room&gt;" in page
    assert "<shop>" not in page
    assert "[models.item-knn]" in page
    assert "At the end of what could be tried: neighbours, shrinkage." in page
    assert not re.search(r"(?:src|href)=|url\(|@import|<script", page)
    assert "has not ended" not in page
    assert "has not ended" in tuning_page(replace(FOUND, ended=""))


@pytest.mark.parametrize("trials", [(), (trial(1, None, "x"),), (trial(1, 0.0),), (trial(1, 0.1), trial(2, 0.1))])
def test_there_is_a_page_for_every_search(trials: tuple[Trial, ...]) -> None:
    assert tuning_page(search(*trials)).endswith("</html>\n")


def places(drawing: str, axis: str) -> list[float]:
    return [float(found) for found in re.findall(rf'<circle[^>]* {axis}="([\d.]+)"', drawing)]


def test_progress_is_drawn_from_left_to_right_with_failures_at_the_bottom() -> None:
    dots = [Dot(1, 0.1, "open", ""), Dot(2, None, "open", "it failed"), Dot(3, 0.3, "open", "")]
    drawing = progress_plot(dots, across="trial", up="value")
    across, down = places(drawing, "cx"), places(drawing, "cy")
    assert across == sorted(across)
    assert down[1] > down[0] > down[2]
    assert "<title>it failed</title>" in drawing
    falling = progress_plot([Dot(1, 0.3, "open", ""), Dot(2, 0.1, "open", "")], across="", up="", lower=True)
    assert places(falling, "cy")[1] == float(re.findall(r"[ML][\d.]+,([\d.]+)", falling)[-1])
    line = [float(y) for y in re.findall(r"[ML][\d.]+,([\d.]+)", drawing)]
    assert line == sorted(line, reverse=True)  # the best so far never falls
    assert (line[0], line[-1]) == (down[0], down[2])


def test_a_number_is_drawn_to_scale() -> None:
    dots = [Dot(at, 0.1, "open", "") for at in (1.0, 10.0, 100.0)]
    left, middle, right = places(number_plot(dots, 1, 100, log=True, across="x", up="y"), "cx")
    assert middle - left == pytest.approx(right - middle, abs=0.2)
    left, middle, right = places(number_plot(dots, 1, 100, log=False, across="x", up="y"), "cx")
    assert (middle - left) / (right - left) == pytest.approx(9 / 99, abs=0.01)


def test_each_choice_has_a_line_of_its_own() -> None:
    dots = [Dot("b", 0.1, "open", ""), Dot("a", 0.2, "open", ""), Dot("b", 0.3, "open", "")]
    down = places(choice_plot(dots, ("a", "b", "c"), axis="value"), "cy")
    assert down[0] < down[1] == down[2]
