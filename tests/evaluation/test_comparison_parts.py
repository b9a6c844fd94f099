"""Seeds, parts, corrections and what is known beforehand, as a comparison reports them."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Split
from tastemaker.evaluation import Comparison, compare, evaluate, intervals
from tastemaker.evaluation.export import COLUMNS, csv_report, latex_report
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.significance import Detectable, holm
from tastemaker.evaluation.slices import parts, values_of
from tastemaker.evaluation.table import terminal_report
from tastemaker.evaluation.wording import budgets

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def comparison(split: Split, counts: Make, unfit: Make) -> Comparison:
    models = {
        "reversed": counts("reversed", lambda number: -1.0),
        "sequential-rules": counts("sequential-rules"),
        "mixed_50%": counts("mixed", lambda number: 1.0 + number % 2),
        "wordy": unfit("wordy"),
    }
    return compare(models, split, run=Run(seed=4), seeds=(4, 5, 6), replicates=300)


def test_values_are_means_over_seeds_and_the_spread_is_there(
    comparison: Comparison, split: Split, counts: Make
) -> None:
    model = counts().fit(split.train)
    alone = [evaluate(model, split.test, train=split.train, run=Run(seed=seed)) for seed in (4, 5, 6)]
    row = comparison.rows[1]
    assert row.spread is not None
    assert row.spread.seeds == (4, 5, 6)
    for name in ("ndcg@10", "coverage@10"):
        values = [each.metrics[name] for each in alone]
        assert row.spread.values[name] == pytest.approx(values)
        assert row.metrics[name].value == pytest.approx(np.mean(values))
        assert row.spread.deviation(name) == pytest.approx(np.std(values, ddof=1))
    found = json.loads(json.dumps(row.to_json(), allow_nan=False))["seeds"]
    assert found["seeds"] == [4, 5, 6]
    assert set(found["metrics"]["ndcg@10"]) == {"values", "sd"}
    assert comparison.knobs["seeds"] == [4, 5, 6]


def test_one_seed_has_no_spread(split: Split, counts: Make) -> None:
    row = compare({"sequential-rules": counts()}, split, replicates=10).rows[0]
    assert row.spread is None
    assert row.to_json()["seeds"] is None


def test_what_can_be_shown_is_announced_before_anything_is_tested(split: Split, counts: Make) -> None:
    events: list[str] = []

    class Watched(type(counts())):  # type: ignore[misc]
        def fit(self, train: Any, valid: Any = None, *, run: Any = None) -> Any:
            events.append(f"fit {self.name}")
            return super().fit(train, valid, run=run)

        def score(self, queries: Any) -> Any:
            part = "test" if queries.ends[0] in split.test.queries.ends else "valid"
            events.append(f"{part} {self.name}")
            return super().score(queries)

    told: list[Detectable] = []

    def announce(known: Detectable) -> None:
        events.append("told")
        told.append(known)

    models = {"b": Watched("b"), "sequential-rules": Watched("rules")}
    found = compare(models, split, announce=announce, replicates=10)
    assert events == ["fit rules", "valid rules", "told", "test rules", "fit b", "valid b", "test b"]
    assert [row.model for row in found.rows] == ["b", "sequential-rules"]
    assert found.detectable == told[0]
    assert told[0].users == split.test.user_count
    assert found.to_json()["detectable"]["related"] == pytest.approx(told[0].related)


def test_p_values_are_corrected_over_the_rows(comparison: Comparison) -> None:
    compared = [row for row in comparison.rows if row.vs_baseline]
    assert len(compared) == 2
    for metric in compared[0].vs_baseline:
        plain = {row.model: row.p_values[metric][0] for row in compared}
        assert {row.model: row.p_values[metric][1] for row in compared} == holm(plain)
    worst = comparison.rows[0]
    assert worst.p_values["ndcg@10"][0] == pytest.approx(2 / 301)
    assert worst.clear("ndcg@10")
    assert not replace(worst, p_values={"ndcg@10": (0.03, 0.06)}).clear("ndcg@10")
    assert not comparison.rows[1].clear("ndcg@10")


def test_parts_have_counts_and_intervals(comparison: Comparison, split: Split) -> None:
    row = comparison.rows[0]
    judge = Judge(split.test, split.train)
    known = {(part.family, part.name): part for part in parts(judge)}
    assert {(part.family, part.name) for part in row.slices} == set(known)
    for found in row.slices:
        part = known[found.family, found.name]
        assert (found.users, found.queries) == (part.users, part.queries)
        assert found.small == (found.users < 100)
        value = found.metrics["ndcg@10"]
        assert value.low <= value.value <= value.high
        assert set(found.metrics) == {"ndcg@10", "hr@10"}
    history = [part for part in row.slices if part.family == "history"]
    whole = sum(part.users * part.metrics["hr@10"].value for part in history) / split.test.user_count
    assert whole == pytest.approx(row.metrics["hr@10"].value)
    difference = row.slices[0].vs_baseline["ndcg@10"]
    other = comparison.rows[1].slices[0].metrics["ndcg@10"]
    assert difference.value == pytest.approx(row.slices[0].metrics["ndcg@10"].value - other.value)
    assert not comparison.rows[1].slices[0].vs_baseline


def test_the_interval_of_a_part_is_that_of_its_people(split: Split, counts: Make) -> None:
    found = compare({"sequential-rules": counts()}, split, replicates=4000).rows[0]
    judge = Judge(split.test, split.train)
    ranks = evaluate(counts().fit(split.train), split.test, train=split.train).ranks
    part = next(part for part in parts(judge) if part.key == "popularity: head")
    values = values_of(judge, part, ranks, ["ndcg"])
    own = values["ndcg@10"][values["users"] > 0]
    bounds = next(each for each in found.slices if each.name == "head").metrics["ndcg@10"]
    assert bounds.value == pytest.approx(own.mean())
    assert (bounds.high - bounds.low) / 2 == pytest.approx(1.96 * own.std() / np.sqrt(len(own)), rel=0.12)


def test_columns_that_do_not_exist_are_told_before_anything_is_fitted(split: Split, counts: Make, unfit: Make) -> None:
    with pytest.raises(DataError, match="no column 'age' of people"):
        compare({"sequential-rules": unfit()}, split, groups=["age"])
    with pytest.raises(DataError, match="no column 'brand'"):
        compare({"sequential-rules": unfit()}, split, provider="brand")


def test_resampling_in_pieces_changes_nothing(split: Split, counts: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbers() -> Any:
        rows = compare({"sequential-rules": counts(), "b": counts("b", lambda n: 1.0 + n % 3)}, split, replicates=40)
        return [(row.metrics, row.vs_baseline, row.slices) for row in rows.rows]

    whole = numbers()
    monkeypatch.setattr(intervals, "_VALUES_AT_ONCE", 1)
    pieces = numbers()
    for one, other in zip(whole, pieces, strict=True):
        assert one[0].keys() == other[0].keys()
        assert [one[0][name].low for name in one[0]] == pytest.approx(
            [other[0][name].low for name in one[0]], nan_ok=True
        )
        assert one[1].keys() == other[1].keys()


def test_csv_holds_every_number(comparison: Comparison) -> None:
    rows = list(csv.DictReader(StringIO(csv_report(comparison))))
    assert tuple(rows[0]) == COLUMNS
    whole = {(row["model"], row["metric"]): row for row in rows if not row["part"]}
    known = comparison.rows[0].metrics["ndcg@10"]
    found = whole["reversed", "ndcg@10"]
    assert float(found["value"]) == pytest.approx(known.value)
    assert float(found["low"]) == pytest.approx(known.low)
    assert float(found["p_holm"]) == pytest.approx(comparison.rows[0].p_values["ndcg@10"][1])
    assert float(found["sd_over_seeds"]) >= 0
    assert found["settings_tried"] == "3"
    assert whole["wordy", ""]["status"] == "not run"
    assert whole["sequential-rules", "coverage@10"]["low"] == ""
    assert {row["part"] for row in rows if row["model"] == "reversed"} >= {"", "popularity: head"}


def test_latex_escapes_and_marks(comparison: Comparison) -> None:
    text = latex_report(comparison)
    assert r"mixed\_50\%" in text
    assert r"\multicolumn{7}{l}{not run}" in text
    assert text.count(r"\textbf{") >= 5
    assert "$^{*}$" in text
    assert "Means over seeds 4, 5, 6" in text
    assert comparison.split_hash in text
    assert all(line.count("&") == 7 for line in text.splitlines() if line.startswith(("reversed", "sequential")))


def test_the_terminal_shows_seeds_and_settings(comparison: Comparison) -> None:
    from rich.console import Console

    console = Console(width=120, file=StringIO(), force_terminal=False)
    console.print(terminal_report(comparison))
    file = console.file
    assert isinstance(file, StringIO)
    heads = next(line for line in file.getvalue().splitlines() if "ndcg@10" in line)
    assert heads.split() == ["model", "ndcg@10", "vs", "counts", "sd", "hr@10", "cov.", "lift", "sets", "s", "MB"]


def test_unequal_budgets_are_said(comparison: Comparison) -> None:
    assert budgets(comparison) == []
    rows = [replace(comparison.rows[0], settings_tried=40), *comparison.rows[1:]]
    assert budgets(replace(comparison, rows=rows)) == [
        "Budgets differ: reversed chose from 40 settings, sequential-rules from 3; more choice alone can raise a "
        "number."
    ]
