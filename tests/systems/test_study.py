"""A study's means, differences and verdicts are what its values say; broken off it goes on where it stood."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import AssetError, DataError, MissingExtraError, ModelError, StorageError
from tastemaker.core.run import Run
from tastemaker.systems.reproduction import (
    AtLeast,
    Beats,
    Bench,
    Ground,
    Measure,
    Published,
    Reading,
    Study,
    StudyRecord,
    Subject,
    System,
    check_study,
    read_study_record,
    report,
    run_study,
)
from tastemaker.systems.reproduction.documents import Pair
from tastemaker.systems.reproduction.figures import study_figure
from tastemaker.systems.reproduction.publish import outdated, write_report
from tastemaker.systems.reproduction.report import verdict_lines

TAKEN: list[tuple[str, int]] = []
"""Label and seed of the rows that were taken, in order."""

OFF = {"mean": [2.0, 2.0, 1.0, 1.0], "near": [1.0, 1.0, 0.0, 1.0]}
"""How far each of four answers of two people is off."""


def prepare(bench: Bench, run: Run) -> Ground[list[float]]:
    return Ground(
        holds=[3.0, 3.0, 3.0, 3.0],
        units=4,
        digest="d" * 64,
        data={"toy": "f" * 64},
        clusters=np.array([0, 0, 1, 1]),
        counts={"answers": 4, "people": 2},
        cut="not cut",
        notes=("Four answers say nothing.",),
    )


def take(label: str, answers: list[float], run: Run) -> Reading:
    """Return how far predictions are off, and for all but the mean whether they were faithful."""
    TAKEN.append((label, run.seed))
    off = np.array(OFF[label])
    values: dict[str, NDArray[np.float64]] = {"rmse": off**2}
    if label != "mean":
        values["faithful"] = np.array([1.0, 0.0, np.nan, 1.0])
    return Reading(
        values=values,
        numbers={"tokens": 1200.0 + run.seed},
        costs={"seconds a question": 0.25},
        settings={"size": 3},
        example=f"I say {answers[0]:g}.\nAnd mean it.",
    )


def fail(error: BaseException, answers: list[float], run: Run) -> Reading:
    raise error


MEASURES = (
    Measure("rmse", "How far off.", lower=True, rooted=True),
    Measure("faithful", "Whether reasons are true."),
)


@pytest.fixture
def study() -> Study[list[float]]:
    TAKEN.clear()
    return Study(
        name="toy",
        on="toy",
        shows="That it runs.",
        budget="quick",
        prepare=prepare,
        rows={label: Subject(partial(take, label)) for label in ("mean", "near")},
        measures=MEASURES,
        units="answers",
        drawn="people",
        baseline="mean",
        expectations=(
            Beats(model="near", other="mean", metric="rmse"),
            Beats(model="mean", other="near", metric="rmse"),
            Published(model="mean", metric="rmse", value=1.6, tolerance=0.05, source="Somebody (2020)"),
            AtLeast(model="near", metric="faithful", value=0.9, source="us"),
            AtLeast(model="near", metric="tokens", value=1000, source="us"),
        ),
        differs=("Everything.",),
    )


@pytest.fixture
def toys(study: Study[list[float]]) -> System:
    return System(
        name="toys",
        title="Toys",
        kind="judge",
        citation="Nobody (2020)",
        claim="Near is nearer.",
        must_move="rmse",
        cells=(study,),
    )


def measured(study: Study[Any], bench: Bench) -> StudyRecord:
    outcome = run_study("toys", study, bench)
    assert outcome.status == "measured"
    assert outcome.record is not None
    return outcome.record


def with_row(study: Study[Any], name: str, take: Callable[..., Reading]) -> Study[Any]:
    return replace(study, rows={**study.rows, name: Subject(take)})


def test_means_roots_and_differences_are_those_of_the_values(study: Study[Any], bench: Bench) -> None:
    record = measured(study, bench)
    near = record.row("near")
    assert near is not None
    assert near.values["rmse"].value == pytest.approx((3 / 4) ** 0.5)
    assert near.values["faithful"].value == pytest.approx(2 / 3)
    mean = record.value("mean", "rmse")
    assert mean is not None
    assert mean.value == pytest.approx(2.5**0.5)
    # Two people are drawn: only the first, only the second, or both.
    assert [mean.low, mean.high] == pytest.approx([1.0, 2.0])
    assert record.value("mean", "faithful") is None
    assert list(near.against) == ["rmse"]


def test_a_difference_is_above_zero_where_the_row_is_better_also_where_less_is_better(
    study: Study[Any], bench: Bench
) -> None:
    record = measured(study, bench)
    better = record.differences[Pair("near", "mean", "rmse")]
    assert better.value == pytest.approx(2.5**0.5 - 0.75**0.5)
    assert [better.low, better.high] == pytest.approx([1 - 0.5**0.5, 1.0])
    worse = record.differences[Pair("mean", "near", "rmse")]
    assert [worse.value, worse.low, worse.high] == pytest.approx([-better.value, -better.high, -better.low])
    near = record.row("near")
    assert near is not None
    assert near.against["rmse"] == better


def test_verdicts_are_given_as_on_a_cell(study: Study[Any], bench: Bench) -> None:
    record = measured(study, bench)
    words = [each.verdict(record).word for each in study.expectations]
    assert words == ["holds", "does not hold", "holds", "does not hold", "holds"]
    assert verdict_lines(study, record)[0].startswith("holds: near rmse better than mean, ours +.71")


def test_a_record_reads_back_and_tells_what_it_rests_on_and_not_where(study: Study[Any], bench: Bench) -> None:
    record = measured(study, bench)
    again = read_study_record(bench.out, "toys", "toy")
    assert again is not None
    assert again.to_json() == record.to_json()
    text = (bench.out / "toys" / "toy.json").read_text()
    hashes = json.loads(text)["hashes"]
    assert set(hashes) == {"code", "data", "digest", "rows"}
    assert set(hashes["rows"]) == {"mean", "near"}
    for secret in (str(bench.out), os.uname().nodename):
        assert secret not in text


def test_a_study_is_then_up_to_date_and_measured_anew_if_asked(study: Study[Any], bench: Bench) -> None:
    measured(study, bench)
    assert run_study("toys", study, bench).status == "up to date"
    assert TAKEN == [("mean", 0), ("near", 0)]
    measured(study, replace(bench, again=True))
    assert len(TAKEN) == 4


def test_a_study_that_was_broken_off_goes_on_with_the_row_it_was_at(study: Study[Any], bench: Bench) -> None:
    broken = with_row(study, "breaks", partial(fail, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_study("toys", broken, bench)
    assert read_study_record(bench.out, "toys", "toy") is None
    record = measured(study, bench)
    assert TAKEN == [("mean", 0), ("near", 0)], "both were kept"
    assert [row.name for row in record.done()] == ["mean", "near"]
    assert record.value("near", "tokens") is not None


def test_a_row_with_other_arguments_or_on_other_data_is_another_row(study: Study[Any], bench: Bench) -> None:
    measured(study, bench)
    turned = replace(study, rows={**study.rows, "near": Subject(partial(take, "mean"))})
    record = measured(turned, bench)
    assert len(TAKEN) == 2, "the same function with the same arguments was kept under another name"
    assert record.value("near", "rmse") == record.value("mean", "rmse")
    measured(replace(study, prepare=elsewhere), bench)
    assert len(TAKEN) == 4


def elsewhere(bench: Bench, run: Run) -> Ground[list[float]]:
    return replace(prepare(bench, run), digest="e" * 64)


@pytest.mark.parametrize(
    ("error", "again"),
    [(MissingExtraError("a judge", "torch"), True), (AssetError("no weights"), True), (ModelError("too small"), False)],
)
def test_what_cannot_be_run_is_a_row_with_its_reason_and_tried_again_where_that_may_help(
    study: Study[Any], bench: Bench, error: Exception, again: bool
) -> None:
    changed = with_row(study, "judge", partial(fail, error))
    record = measured(changed, bench)
    assert record.rows[2].reason == str(error).rstrip(".")
    assert [row.name for row in record.done()] == ["mean", "near"]
    assert run_study("toys", changed, bench).status == ("measured" if again else "up to date")


def test_rows_can_be_run_one_at_a_time(study: Study[Any], bench: Bench) -> None:
    record = measured(study, replace(bench, rows=frozenset(["near"])))
    assert record.rows[0].reason == "it was left out of this run. Run the study again without --row"
    assert record.differences == {}
    assert measured(study, bench).value("mean", "rmse") is not None
    assert TAKEN == [("near", 0), ("mean", 0)]


def test_missing_data_are_told_and_nothing_is_written(study: Study[Any], bench: Bench) -> None:
    outcome = run_study("toys", replace(study, prepare=gone), bench)
    assert (outcome.status, outcome.reason) == ("not run", "there is no such folder")
    assert read_study_record(bench.out, "toys", "toy") is None


def gone(bench: Bench, run: Run) -> Ground[list[float]]:
    raise DataError("there is no such folder")


def test_rows_are_taken_with_every_seed_and_their_means_are_told(study: Study[Any], bench: Bench) -> None:
    record = measured(replace(study, seeds=(3, 4)), bench)
    assert TAKEN == [("mean", 3), ("mean", 4), ("near", 3), ("near", 4)]
    near = record.row("near")
    assert near is not None
    assert near.numbers["tokens"] == 1203.5
    assert near.by_seed["rmse"] == pytest.approx([0.75**0.5] * 2)
    measured(replace(study, seeds=(3, 4, 5)), bench)
    assert TAKEN[4:] == [("mean", 5), ("near", 5)]


@pytest.mark.parametrize(
    "values", [{"rmse": np.zeros(3)}, {"mae": np.zeros(4)}, {"rmse": np.zeros(4, np.float32)}, {"rmse": -np.ones(4)}]
)
def test_values_that_are_not_the_studys_are_refused(
    study: Study[Any], bench: Bench, values: dict[str, NDArray[np.float64]]
) -> None:
    with pytest.raises(DataError):
        run_study("toys", with_row(study, "odd", partial(say, values)), bench)


def say(values: dict[str, NDArray[np.float64]], answers: list[float], run: Run) -> Reading:
    return Reading(values=values)


def test_a_study_expects_nothing_of_what_there_is_not(study: Study[Any]) -> None:
    for wrong in (
        Beats(model="near", other="meen", metric="rmse"),
        Beats(model="near", other="mean", metric="tokens"),
        AtLeast(model="near", metric="rmse", value=1.0, source="us"),
    ):
        with pytest.raises(DataError, match=r"study 'toy'"):
            replace(study, expectations=(wrong,))
    with pytest.raises(DataError, match="there is no row 'median'"):
        replace(study, baseline="median")


def test_the_check_finds_the_same_numbers_and_a_changed_one(study: Study[Any], bench: Bench) -> None:
    measured(study, bench)
    assert check_study("toys", study, bench) == ([], [])
    path = bench.out / "toys" / "toy.json"
    document = json.loads(path.read_text())
    document["rows"][0]["values"]["rmse"]["value"] += 2e-6
    document["rows"][1]["numbers"]["tokens"] = 1.0
    document["rows"][1]["costs"]["seconds a question"] = 9.0
    document["rows"][1]["hash"] = "0"
    path.write_text(json.dumps(document))
    wrong, known = check_study("toys", study, bench)
    assert [text.partition(" is ")[0] for text in wrong] == ["mean: rmse", "near: tokens"]
    assert known == ["near: answers have other values than before (means say whether that matters)"]


def test_without_a_record_or_with_one_of_another_kind_nothing_is_compared(study: Study[Any], bench: Bench) -> None:
    with pytest.raises(DataError, match="has no record to check"):
        check_study("toys", study, bench)
    measured(study, bench)
    path = bench.out / "toys" / "toy.json"
    path.write_text(path.read_text().replace('"kind": "study"', '"kind": "cell"'))
    with pytest.raises(DataError, match="'study' belongs"):
        read_study_record(bench.out, "toys", "toy")


def test_the_report_shows_values_differences_numbers_and_what_was_said(
    toys: System, study: Study[Any], bench: Bench
) -> None:
    record = measured(with_row(study, "judge", partial(fail, ModelError("too small"))), bench)
    text = report(toys, {"toy": record})
    assert "`toy`, not cut: 4 answers, 2 people. Means over answers, with 95 % intervals over people, who are" in text
    assert "| row | rmse ↓ | faithful | time | memory |" in text
    assert re.search(r"\| mean \| 1\.5811 \[1\.0000, 2\.0000\] \| — \| .* \|", text)
    assert re.search(r"\| \*\*near\*\* \| \.8660 \[.*\] \| \.6667 \[.*\] \|", text)
    assert "| judge | not run |" in text
    assert "- judge was not run: too small." in text
    assert re.search(r"\| better than mean by \| rmse \|\n.*\n\| near \| \+\.7151 \[.*\] \\\* \|", text)
    assert "| row | tokens | seconds a question |\n|" in text.replace(" --- | --: | --: |\n", "")
    assert "| near | 1,200 | .2500 |" in text
    assert "> **near**: I say 3.\n> And mean it.\n" in text
    assert "- `rmse`: How far off. Lower is better." in text
    assert "- Four answers say nothing." in text
    assert "| [toy](#toy) | near | rmse | better than mean | — | +.7151" in text
    assert re.search(r"Made with code `\w{12}` and data `ffffffffffff` in .* \[Record\]\(toys/toy\.json\)", text)


def test_the_picture_tells_who_is_better_and_in_which_direction(study: Study[Any], bench: Bench) -> None:
    figure = study_figure(study, measured(study, bench))
    assert figure is not None
    assert figure.name == "toy.svg"
    assert figure.alt.startswith("rmse, lower is better, of 2 rows with 95 % intervals: best is near with .8660")
    assert figure.alt.endswith("; mean has 1.5811.")
    assert ">better<" in figure.svg
    assert ">worse<" not in figure.svg


def test_files_are_written_beside_the_record_and_are_then_up_to_date(
    toys: System, study: Study[Any], bench: Bench
) -> None:
    measured(study, bench)
    write_report(toys, bench.out)
    assert sorted(path.name for path in (bench.out / "toys").iterdir()) == ["toy.json", "toy.svg"]
    assert outdated(toys, bench.out) == []


def test_a_reading_that_cannot_be_kept_is_told(
    study: Study[Any], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.work.write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        run_study("toys", study, bench)


def test_a_damaged_reading_is_as_good_as_none(study: Study[Any], bench: Bench) -> None:
    measured(study, bench)
    for path in bench.work.glob("*.reading.safetensors"):
        path.write_bytes(b"damaged")
    measured(study, replace(bench, out=bench.out / "other"))
    assert len(TAKEN) == 4
