"""A comparison fits, times, tests once, and leaves nothing out; its JSON has the agreed shape."""

import json
from collections.abc import Callable
from functools import partialmethod
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tastemaker.core.errors import DataError
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data import Split
from tastemaker.evaluation import Comparison, compare, evaluate, validation_ndcg
from tastemaker.evaluation.comparison import plain

Make = Callable[..., Any]
TOP = (
    "format",
    "dataset",
    "fingerprint",
    "protocol",
    "split_hash",
    "baseline",
    "ks",
    "knobs",
    "rows",
    "counts",
    "environment",
    "detectable",
    "probes",
    "examples",
)
ROW = (
    "model",
    "status",
    "metrics",
    "vs_baseline",
    "valid",
    "settings",
    "settings_tried",
    "seconds",
    "fit_seconds",
    "evaluate_seconds",
    "ms_per_query",
    "peak_mb",
    "rank_hash",
    "unknown_targets",
    "p_values",
    "slices",
    "gaps",
    "seeds",
    "lists",
)


@pytest.fixture(scope="module")
def comparison(split: Split, counts: Make, unfit: Make) -> Comparison:
    models = {
        "sequential-rules": counts("sequential-rules"),
        "reversed": counts("reversed", lambda number: -1.0),
        "wordy": unfit("wordy"),
    }
    return compare(models, split, ks=(10, 5), run=Run(seed=4), replicates=200)


def test_json_has_the_agreed_shape(comparison: Comparison, split: Split) -> None:
    found = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert tuple(found) == TOP
    assert found["format"] == 2
    assert found["dataset"] == "tiny"
    assert found["protocol"] == "leave-one-out"
    assert found["split_hash"] == split.hash
    assert tuple(found["rows"][0]) == ROW
    assert set(found["rows"][0]["metrics"]["ndcg@10"]) == {"value", "low", "high"}
    assert {name.split("@")[1] for name in found["rows"][0]["metrics"]} == {"5", "10"}
    assert set(found["rows"][1]["vs_baseline"]["ndcg@10"]) == {"value", "low", "high"}
    assert found["rows"][0]["metrics"]["coverage@10"]["low"] is None
    assert found["rows"][0]["settings"] == {"shrinkage": 0.5}
    assert found["rows"][0]["settings_tried"] == 3
    assert found["rows"][0]["peak_mb"] > 1
    assert set(found["environment"]) == {"python", "numpy", "platform", "tastemaker"}
    assert found["counts"]["queries"] == len(split.test)


def test_knobs_hold_those_of_the_protocol_and_those_of_the_test(comparison: Comparison) -> None:
    knobs = comparison.to_json()["knobs"]
    assert knobs["mask"] == "seen items masked"
    assert knobs["ties"] == "random, seed 4"
    assert knobs["split_ties"] == "file order"
    assert knobs["min_events"] == 3
    assert knobs["bootstrap_replicates"] == 200
    assert knobs["baseline"] == "sequential-rules"
    assert "resident" in knobs["peak_memory"]


def test_a_row_says_what_evaluate_says(comparison: Comparison, split: Split, counts: Make) -> None:
    model = counts().fit(split.train)
    alone = evaluate(model, split.test, train=split.train, ks=(10, 5), run=Run(seed=4))
    row = comparison.rows[0]
    assert {name: known.value for name, known in row.metrics.items()} == pytest.approx(dict(alone.metrics))
    assert row.rank_hash == alone.rank_hash
    assert row.metrics["ndcg@10"].low < row.metrics["ndcg@10"].value < row.metrics["ndcg@10"].high
    assert row.seconds == pytest.approx(row.fit_seconds + row.evaluate_seconds)
    assert row.valid["ndcg@10"] == validation_ndcg(model.score, split.valid, model.item_ids, seed=4)


def test_differences_are_to_the_baseline_on_the_same_people(comparison: Comparison) -> None:
    baseline, other, _ = comparison.rows
    assert not baseline.vs_baseline
    for name, known in other.vs_baseline.items():
        assert known.value == pytest.approx(other.metrics[name].value - baseline.metrics[name].value)
        assert known.low <= known.value <= known.high
    assert other.vs_baseline["ndcg@10"].high < 0
    assert "popularity_lift@10" in other.vs_baseline
    assert "coverage@10" not in other.vs_baseline


def test_a_model_that_cannot_be_fitted_is_a_row_with_its_reason(comparison: Comparison) -> None:
    row = comparison.rows[2]
    assert (row.status, row.reason) == ("not run", "it needs text. Give the items titles")
    found = json.loads(json.dumps(row.to_json(), allow_nan=False))
    assert found["reason"] == "it needs text. Give the items titles"
    assert found["seconds"] is None
    assert found["metrics"] == {}
    assert comparison.notes() == ["wordy was not run: it needs text. Give the items titles."]


def test_a_model_that_leaks_is_a_row_without_numbers(split: Split, dataset: Any, counts: Make) -> None:
    class Leaky:
        name, item_ids, capabilities = "leaky", dataset.items.ids, Capabilities()

        def fit(self, train: Any, valid: Any = None, *, run: Any = None) -> Any:
            self.provenance_ = dataset.provenance()
            return self

    found = compare({"leaky": Leaky(), "sequential-rules": counts()}, split, replicates=10)  # type: ignore[dict-item]
    assert found.rows[0].status == "not run"
    assert "held-out rows" in str(found.rows[0].reason)


def test_other_exceptions_are_not_swallowed(split: Split, counts: Make) -> None:
    model = counts(factors=lambda number: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compare({"broken": model}, split)


def test_without_counts_the_report_says_so(split: Split, counts: Make) -> None:
    found = compare({"popularity": counts()}, split, replicates=10)
    assert found.rows[0].vs_baseline == {}
    assert found.notes() == [
        "The counting baseline 'sequential-rules' is not among the models: nothing here shows that a model is "
        "better than counting."
    ]
    assert found.resolution() is None


def test_counts_that_could_not_run_are_named(split: Split, counts: Make, unfit: Make) -> None:
    found = compare({"sequential-rules": unfit(), "popularity": counts()}, split, replicates=10)
    assert "was not run: nothing here shows" in found.notes()[0]
    assert found.rows[1].vs_baseline == {}


def test_when_nothing_runs_there_is_still_a_report(split: Split, unfit: Make) -> None:
    found = compare({"sequential-rules": unfit()}, split)
    assert found.best() is None
    assert found.detectable is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["detectable"] is None


def test_the_same_seed_gives_the_same_numbers(split: Split, counts: Make) -> None:
    def numbers(seed: int) -> Any:
        models = {"sequential-rules": counts(), "b": counts("b", lambda number: 1.0 + number % 3)}
        rows = compare(models, split, run=Run(seed=seed), replicates=50).to_json()["rows"]
        return [(row["metrics"], row["vs_baseline"], row["rank_hash"]) for row in rows]

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_a_comparison_of_nothing_is_refused(split: Split, counts: Make) -> None:
    with pytest.raises(DataError, match="no models"):
        compare({}, split)
    with pytest.raises(DataError, match="cut-offs"):
        compare({"a": counts()}, split, ks=(0,))


def test_the_smallest_difference_that_could_be_found_is_said(comparison: Comparison) -> None:
    size = comparison.rows[1].vs_baseline["ndcg@10"].detectable()
    assert f"{size:.4f} four times in five" in str(comparison.resolution())


def test_json_values_are_plain() -> None:
    values = {"a": np.float32(0.25), "b": np.arange(2), "c": {3}, "d": float("inf"), "e": True, 5: None}
    assert plain(values) == {"a": 0.25, "b": [0, 1], "c": [3], "d": None, "e": True, "5": None}
    assert plain(pytest) == str(pytest)


def test_fits_and_tests_keep_to_the_threads_of_the_run(split: Split, counts: Make, monkeypatch: Any) -> None:
    found: list[int] = []

    def watched(self: Any, *given: Any, plain: Any, **named: Any) -> Any:
        found.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return plain(self, *given, **named)

    model = counts("sequential-rules")
    for method in ("fit", "score"):
        monkeypatch.setattr(type(model), method, partialmethod(watched, plain=getattr(type(model), method)))
    known = compare({"sequential-rules": model}, split, run=Run(threads=2), replicates=50).knobs
    assert known["threads"] == 2
    evaluate(model, split.test, train=split.train, run=Run(threads=2))
    assert set(found) == {2}
