"""Runs are set beside each other with what differs, and never without a warning where they must not be compared."""

from __future__ import annotations

from dataclasses import replace

from tastemaker.evaluation import Comparison, Interval
from tastemaker.evaluation.beside import changed_settings, comparable, differences, metric, models, warnings


def test_a_run_differs_in_nothing_from_itself(rich: Comparison) -> None:
    runs = {"a": rich, "b": rich}
    assert comparable(runs)
    assert differences(runs) == {}
    assert changed_settings(runs) == {}
    assert warnings(runs) == []


def test_another_split_is_warned_of_with_the_runs_that_have_it(rich: Comparison) -> None:
    other = replace(rich, split_hash="0123456789ab", knobs={**rich.knobs, "min_events": 5})
    runs = {"a": rich, "b": other, "c": rich}
    assert not comparable(runs)
    assert differences(runs) == {
        "split": [rich.split_hash, "0123456789ab", rich.split_hash],
        "min_events": [3, 5, 3],
    }
    (sentence,) = warnings(runs)
    assert "do not compare" in sentence
    assert f"club {rich.split_hash}: a, c; club 0123456789ab: b" in sentence


def test_other_data_with_one_split_hash_do_not_compare(rich: Comparison) -> None:
    assert not comparable({"a": rich, "b": replace(rich, fingerprint="0" * 64)})


def test_one_split_measured_in_two_ways_is_warned_of(rich: Comparison) -> None:
    other = replace(rich, knobs={**rich.knobs, "mask": "nothing masked"})
    assert warnings({"a": rich, "b": other}) == ["The split is the same, but not how it was measured: mask differ."]


def test_a_knob_that_one_run_lacks_is_a_difference(rich: Comparison) -> None:
    less = replace(rich, knobs={name: value for name, value in rich.knobs.items() if name != "mask"})
    assert differences({"a": rich, "b": less})["mask"] == ["seen items masked", None]


def test_the_headline_is_one_that_every_run_has(rich: Comparison) -> None:
    short = replace(rich, ks=(5, 10))
    assert metric({"a": short, "b": rich}) == "ndcg@5"
    rows = [replace(row, metrics={"ndcg@3": Interval(0.1)}) for row in rich.done()]
    apart = {"a": replace(rich, ks=(10,)), "b": replace(rich, ks=(3,), rows=rows)}
    assert metric(apart) is None
    assert "no NDCG in common" in warnings(apart)[-1]


def test_settings_that_changed_are_told_for_each_run(rich: Comparison) -> None:
    rows = [replace(row, settings={"shrinkage": 2.0}) if row.model == "mixed" else row for row in rich.rows]
    without = [row for row in rich.rows if row.model != "mixed"]
    runs = {"a": rich, "b": replace(rich, rows=rows), "c": replace(rich, rows=without)}
    assert changed_settings(runs) == {("mixed", "shrinkage"): [0.5, 2.0, None]}
    assert models(runs) == [row.model for row in rich.rows]
