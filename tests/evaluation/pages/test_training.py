"""The page of a comparison shows how a model learnt that learns in epochs, and which epoch was kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Split
from tastemaker.evaluation import Comparison, compare
from tastemaker.evaluation.html import html_report
from tastemaker.evaluation.pages.training import trainings
from tastemaker.evaluation.plots_training import best_epoch, training_plot
from tastemaker.evaluation.resume import RowFolder

LOG = [
    {"epoch": number, "loss": loss, "rate": 0.001, "value": value, "seconds": 2.0}
    for number, (loss, value) in enumerate([(3.0, 0.1), (2.0, 0.3), (1.5, 0.3), (1.0, 0.2)], start=1)
]
BLIND = [{name: value for name, value in epoch.items() if name != "value"} for epoch in LOG]


def learner(counts: Callable[..., Any], training: list[dict[str, float]]) -> Any:
    model = counts("sequential-rules")
    model.training_ = training
    return model


@pytest.fixture
def trained(split: Split, counts: Callable[..., Any]) -> Comparison:
    return compare({"sequential-rules": learner(counts, LOG)}, split, run=Run(seed=4), replicates=20)


def points(path: str) -> list[tuple[float, float]]:
    found = [pair.split(",") for pair in path.split("L")]
    return [(float(x), float(y)) for x, y in found]


def test_the_kept_epoch_is_the_first_of_the_best_or_the_last_without_validation() -> None:
    assert best_epoch(LOG)["epoch"] == 2
    assert best_epoch(BLIND)["epoch"] == 4
    assert best_epoch([{**LOG[0], "value": float("nan")}, LOG[3]])["epoch"] == 4


def test_loss_falls_on_the_drawing_and_the_metric_rises_and_a_line_marks_the_kept_epoch() -> None:
    drawing = training_plot(LOG, "ndcg@10")
    loss, value = (points(path) for path in re.findall(r' d="M([^"]+)"', drawing))
    assert [y for _, y in loss] == sorted(y for _, y in loss), "downwards is a larger y"
    assert value[1][1] == value[2][1] < value[3][1] < value[0][1]
    assert max(y for _, y in loss) < min(y for _, y in value), "the panels do not overlap"
    line = re.search(r'<line class="reference" x1="([\d.]+)"', drawing)
    assert line is not None
    assert float(line[1]) == loss[1][0] == value[1][0]
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)
    assert [(float(x), float(y)) for x, y in dots] == [loss[1], value[1]]
    assert "<title>epoch 2: loss 2, ndcg@10 0.3000, 2.0 s</title>" in drawing


@pytest.mark.parametrize("training", [BLIND, LOG[:1], BLIND[:1], [{**LOG[0], "loss": 0.0}]])
def test_there_is_something_to_see_of_every_training(training: list[dict[str, float]]) -> None:
    drawing = training_plot(training, "ndcg@10")
    numbers = [float(number) for number in re.findall(r'"(-?[\d.]+)"', drawing)]
    assert all(-1 <= number <= 400 for number in numbers)
    assert drawing.count("<path") == (2 if "value" in training[0] else 1)
    assert "nan" not in drawing


def test_the_section_says_what_was_kept_and_what_an_epoch_takes(trained: Comparison) -> None:
    html = "".join(trainings(trained))
    assert "4 epochs of 2.0 s; kept is number 2, with 0.3000 on validation." in html
    blind = replace(trained, rows=[replace(trained.rows[0], training=BLIND[:1])])
    assert "One epoch of 2.0 s; without validation the last one is kept." in "".join(trainings(blind))
    assert "<h2>Training</h2>" in html_report(trained)


def test_without_epochs_there_is_no_section(rich: Comparison) -> None:
    assert trainings(rich) == []
    assert "<h2>Training</h2>" not in html_report(rich)


def test_json_brings_a_training_back(trained: Comparison) -> None:
    document = json.loads(json.dumps(trained.to_json()))
    assert document["rows"][0]["training"] == LOG
    again = Comparison.from_json(document, "here.json")
    assert html_report(again) == html_report(trained)
    for damaged, said in (({"epoch": "one"}, "where a number belongs"), ({"epoch": 1}, "'loss' is missing")):
        document["rows"][0]["training"] = [damaged]
        with pytest.raises(DataError, match=said):
            Comparison.from_json(document, "here.json")


def test_a_kept_row_keeps_its_training(split: Split, counts: Callable[..., Any], tmp_path: Path) -> None:
    store = RowFolder(tmp_path, {"sequential-rules": "aa"})
    first = compare({"sequential-rules": learner(counts, LOG)}, split, replicates=20, resume=store)
    kept = compare({"sequential-rules": learner(counts, [])}, split, replicates=20, resume=store)
    assert kept.rows[0].training == first.rows[0].training == LOG
