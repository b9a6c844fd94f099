"""Verdicts: published values by tolerance, floors, and one row above another by its paired interval."""

from __future__ import annotations

import pytest

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.systems.reproduction import AtLeast, Beats, Published, Record

NDCG = "ndcg@10"


def record(known: Interval, difference: Interval | None = None) -> Record:
    """Return a record whose row ``ours`` has ``known``, and ``difference`` above the row ``control``."""
    rows = [Row("ours", metrics={NDCG: known}), Row("broken", status="not run", reason="it broke")]
    comparison = Comparison("d", "f", "p", "s", {}, rows, {}, {})
    beats = Beats(model="ours", other="control", metric=NDCG)
    return Record("s", "c", comparison, "code", {}, {} if difference is None else {beats.pair: difference})


@pytest.mark.parametrize(
    ("value", "word"), [(0.052, "holds"), (0.0549, "holds"), (0.0491, "holds"), (0.0551, "does not hold")]
)
def test_on_the_same_people_the_values_are_compared(value: float, word: str) -> None:
    published = Published(model="ours", metric=NDCG, value=0.052, tolerance=0.003, source="")
    assert published.verdict(record(Interval(value, value - 0.02, value + 0.02))).word == word


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.050, 0.054, "holds"),
        (0.040, 0.054, "not decidable at this size"),
        (0.056, 0.060, "does not hold"),
        (0.030, 0.048, "does not hold"),
    ],
)
def test_on_other_people_the_interval_decides(low: float, high: float, word: str) -> None:
    published = Published(model="ours", metric=NDCG, value=0.052, tolerance=0.003, source="", same_people=False)
    assert published.verdict(record(Interval((low + high) / 2, low, high))).word == word


def test_a_tolerance_may_be_a_share_of_the_value() -> None:
    published = Published(model="ours", metric=NDCG, value=0.2, tolerance=0.05, source="", relative=True)
    assert published.room == pytest.approx(0.01)
    assert published.verdict(record(Interval(0.191))).word == "holds"
    assert published.verdict(record(Interval(0.189))).word == "does not hold"


def test_a_floor_is_reached_or_not() -> None:
    floor = AtLeast(model="ours", metric=NDCG, value=0.068, source="")
    assert floor.verdict(record(Interval(0.068))).word == "holds"
    assert floor.verdict(record(Interval(0.0679))).word == "does not hold"


@pytest.mark.parametrize(
    ("low", "high", "by", "word"),
    [
        (0.001, 0.009, 0.0, "holds"),
        (-0.001, 0.009, 0.0, "not decidable at this size"),
        (-0.009, -0.001, 0.0, "does not hold"),
        (0.001, 0.009, 0.005, "not decidable at this size"),
        (0.001, 0.009, 0.01, "does not hold"),
    ],
)
def test_one_row_is_above_another_by_the_interval_of_the_difference(
    low: float, high: float, by: float, word: str
) -> None:
    difference = Interval((low + high) / 2, low, high)
    verdict = Beats(model="ours", other="control", metric=NDCG, by=by).verdict(record(Interval(0.1), difference))
    assert (verdict.word, verdict.ours) == (word, difference)


def test_what_was_not_measured_has_no_verdict() -> None:
    for model, metric in (("broken", NDCG), ("nobody", NDCG), ("ours", "hr@10")):
        assert (
            AtLeast(model=model, metric=metric, value=0.0, source="").verdict(record(Interval(0.1))).word == "not run"
        )
    assert Beats(model="ours", other="control", metric=NDCG).verdict(record(Interval(0.1))).word == "not run"
