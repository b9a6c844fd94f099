"""A cell is measured once, goes on where it was broken off, and says what could not be run and why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from tastemaker.core.errors import MissingExtraError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut
from tastemaker.evaluation.rows import Row
from tastemaker.models import Popularity, SequentialRules
from tastemaker.systems.reproduction import (
    Beats,
    Bench,
    Cell,
    Record,
    System,
    Trial,
    read_record,
    report,
    run_cell,
    run_experiment,
)
from tastemaker.systems.reproduction.documents import Pair

Make = Callable[..., Any]


def quick(system: System) -> Cell:
    """Return the first cell, which compares rankings."""
    cell = system.cells[0]
    assert isinstance(cell, Cell)
    return cell


def with_rows(system: System, **trials: Trial) -> tuple[System, Cell]:
    cell = replace(quick(system), models={**quick(system).models, **trials})
    return replace(system, cells=(cell,)), cell


def row_of(record: Record | None, model: str) -> Row:
    assert record is not None
    return next(row for row in record.comparison.rows if row.model == model)


def test_a_cell_writes_its_record_and_is_then_up_to_date(system: System, bench: Bench, fits: list[str]) -> None:
    first = run_cell(system, quick(system), bench)
    assert first.status == "measured"
    assert first.path == bench.out / "tiny" / "quick.json"
    assert fits == ["counts", "reversed"]
    second = run_cell(system, quick(system), bench)
    assert (second.status, second.path) == ("up to date", None)
    assert fits == ["counts", "reversed"]
    assert second.record is not None
    assert first.record is not None
    assert second.record.to_json() == first.record.to_json()


def test_a_record_says_what_the_numbers_rest_on_and_not_where(system: System, bench: Bench, folder: Path) -> None:
    path = run_cell(system, quick(system), bench).path
    assert path is not None
    text = path.read_text()
    document = json.loads(text)
    assert set(document["hashes"]) == {"code", "data", "split", "rows", "ranks"}
    assert set(document["hashes"]["rows"]) == set(document["hashes"]["ranks"]) == {"sequential-rules", "reversed"}
    assert len(document["hashes"]["code"]) == 64
    assert document["machine"]["cores"] == os.cpu_count()
    assert document["comparison"]["examples"] == []
    for secret in (str(folder), str(bench.out), os.uname().nodename):
        assert secret not in text


def test_measuring_again_measures_everything_anew(system: System, bench: Bench, fits: list[str]) -> None:
    run_cell(system, quick(system), bench)
    assert run_cell(system, quick(system), replace(bench, again=True)).status == "measured"
    assert fits == ["counts", "reversed"] * 2


def test_a_new_row_is_measured_and_the_others_are_taken_from_where_they_are_kept(
    system: System, bench: Bench, fits: list[str], counts: Make
) -> None:
    before = run_cell(system, quick(system), bench).record
    larger, cell = with_rows(system, doubled=Trial(partial(counts, "doubled", 2.0)))
    outcome = run_cell(larger, cell, bench)
    assert outcome.status == "measured"
    assert fits == ["counts", "reversed", "doubled"]
    for model in ("sequential-rules", "reversed"):
        old, new = row_of(before, model), row_of(outcome.record, model)
        assert new.metrics == old.metrics
        assert new.vs_baseline == old.vs_baseline
        assert new.seconds == old.seconds


def test_another_system_takes_a_row_in_common_under_its_own_name(
    system: System, bench: Bench, fits: list[str], counts: Make
) -> None:
    run_cell(system, quick(system), bench)
    named = {
        "sequential-rules": quick(system).models["sequential-rules"],
        "the-other-way": Trial(partial(counts, "reversed", -1.0)),
    }
    cell = replace(quick(system), models=named, expectations=())
    outcome = run_cell(replace(system, name="other", cells=(cell,)), cell, bench)
    assert fits == ["counts", "reversed"]
    assert row_of(outcome.record, "the-other-way").status == "ok"


def test_a_model_with_other_arguments_is_another_row(
    system: System, bench: Bench, fits: list[str], counts: Make
) -> None:
    run_cell(system, quick(system), bench)
    changed, cell = with_rows(system, reversed=Trial(partial(counts, "reversed", -2.0)))
    assert run_cell(changed, cell, bench).status == "measured"
    assert fits == ["counts", "reversed", "reversed"]


def test_a_row_that_takes_too_long_is_not_run_and_says_so(system: System, bench: Bench, counts: Make) -> None:
    slow = Trial(partial(counts, "slow", 1.0, steps=10), minutes=0.0)
    changed, cell = with_rows(system, slow=slow)
    outcome = run_cell(changed, cell, bench)
    row = row_of(outcome.record, "slow")
    assert row.status == "not run"
    assert row.reason == "it took longer than its 0 minutes. Give its trial more, or a smaller grid"
    assert run_cell(changed, cell, bench).status == "up to date"


def test_a_row_that_wants_an_extra_is_tried_again_another_time(system: System, bench: Bench) -> None:
    def build() -> Any:
        raise MissingExtraError("a network", "torch")

    changed, cell = with_rows(system, network=Trial(build))
    row = row_of(run_cell(changed, cell, bench).record, "network")
    assert (row.status, row.reason) == (
        "not run",
        "a network needs the extra 'torch', which is not installed. Install it with: pip install 'tastemaker[torch]'",
    )
    assert run_cell(changed, cell, bench).status == "measured"


def test_rows_can_be_run_one_at_a_time(system: System, bench: Bench, fits: list[str]) -> None:
    cell = quick(system)
    partly = run_cell(system, cell, replace(bench, rows=frozenset(["sequential-rules"])))
    assert row_of(partly.record, "reversed").status == "not run"
    assert fits == ["counts"]
    whole = run_cell(system, cell, bench)
    assert fits == ["counts", "reversed"]
    assert row_of(whole.record, "reversed").status == "ok"


def test_missing_data_are_told_and_nothing_is_written(system: System, bench: Bench) -> None:
    outcome = run_experiment(system, system.cells[1], bench)
    assert outcome.status == "not run"
    assert "gone" in outcome.reason
    assert read_record(bench.out, "tiny", "full") is None


def test_a_refitted_model_learns_from_the_validation_events_with_choices_made_before(
    system: System, bench: Bench
) -> None:
    cell = replace(
        quick(system),
        setting=replace(quick(system).setting, refit=True),
        models={"sequential-rules": Trial(SequentialRules)},
        expectations=(),
    )
    record = run_cell(system, cell, bench).record
    row = row_of(record, "sequential-rules")
    assert record is not None
    assert row.settings_tried == 144
    assert record.comparison.counts["valid_queries"] == 0
    assert record.comparison.knobs["train_on_valid"] is True
    assert "fitted anew on training and validation" in record.comparison.knobs["selection"]


def test_differences_that_are_expected_are_those_of_the_comparison(system: System, bench: Bench) -> None:
    pairs = (
        Beats(model="reversed", other="sequential-rules", metric="ndcg@10"),
        Beats(model="reversed", other="sequential-rules", metric="ndcg@10", part="popularity: head"),
        Beats(model="reversed", other="nobody", metric="ndcg@10"),
    )
    cell = replace(quick(system), expectations=pairs)
    record = run_cell(system, cell, bench).record
    assert record is not None
    row = row_of(record, "reversed")
    head = next(part for part in row.slices if part.name == "head")
    assert set(record.differences) == {pair.pair for pair in pairs[:2]}
    for pair, known in ((pairs[0], row.vs_baseline["ndcg@10"]), (pairs[1], head.vs_baseline["ndcg@10"])):
        found = record.differences[pair.pair]
        assert [found.value, found.low, found.high] == pytest.approx([known.value, known.low, known.high])
    assert [each.verdict(record).word for each in pairs] == ["does not hold", "does not hold", "not run"]
    assert record.differences[Pair("reversed", "sequential-rules", "ndcg@10")].high < 0


def sampling(system: System, **knobs: Any) -> Cell:
    """Return the quick cell with answers ranked among sampled negatives."""
    setting = replace(quick(system).setting, **{"candidates": "uniform", "negatives": 6, **knobs})
    return replace(quick(system), setting=setting)


def test_a_cell_may_rank_among_sampled_negatives_and_its_record_and_report_say_so(
    system: System, bench: Bench, fits: list[str]
) -> None:
    cell = sampling(system, negative_seeds=(0, 3))
    changed = replace(system, cells=(cell,))
    record = run_cell(changed, cell, bench).record
    assert record is not None
    assert (record.comparison.knobs["negatives"], record.comparison.knobs["negative_seeds"]) == (6, [0, 3])
    assert row_of(record, "sequential-rules").metrics["hr@10"].value == 1.0  # of seven candidates all are shown
    again = read_record(bench.out, "tiny", "quick")
    assert again is not None
    assert again.to_json() == record.to_json()
    assert run_cell(changed, cell, bench).status == "up to date"
    text = report(changed, {"quick": record})
    assert "Each answer is ranked among 6 sampled negatives, not the whole catalogue." in text
    assert "cannot be compared with those of a ranking of the whole catalogue" in text
    assert "negatives: 6; negative seeds: 0, 3;" in text
    assert fits == ["counts", "reversed"]


def test_a_row_among_other_candidates_is_another_row(system: System, bench: Bench, fits: list[str]) -> None:
    run_cell(system, quick(system), bench)
    for cell in (sampling(system), sampling(system, negatives=7), sampling(system, negative_seeds=(0,))):
        assert run_cell(replace(system, cells=(cell,)), cell, bench).status == "measured"
    assert len(fits) == 8


def test_differences_among_sampled_negatives_are_those_of_the_comparison(system: System, bench: Bench) -> None:
    pairs = (
        Beats(model="reversed", other="sequential-rules", metric="ndcg@5"),
        Beats(model="reversed", other="sequential-rules", metric="ndcg@10", part="popularity: tail"),
    )
    several: dict[str, Any] = {"protocol": "user-ratio", "knobs": {"test": 0.4}, "negatives": 20}
    for knobs in ({}, several):
        cell = replace(sampling(system, **knobs), expectations=pairs)
        record = run_cell(replace(system, cells=(cell,)), cell, bench).record
        assert record is not None
        row = row_of(record, "reversed")
        tail = next(part for part in row.slices if part.name == "tail")
        for pair, known in ((pairs[0], row.vs_baseline["ndcg@5"]), (pairs[1], tail.vs_baseline["ndcg@10"])):
            found = record.differences[pair.pair]
            assert [found.value, found.low, found.high] == pytest.approx([known.value, known.low, known.high])


PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path
from tastemaker.models import ItemKNN, Popularity
from tastemaker.systems.reproduction import Bench, Cell, Setting, System, Trial, run_cell

folder, out, work, started = map(Path, sys.argv[1:5])

class Waits(Popularity):
    def fit(self, train, valid=None, *, run=None):
        started.touch()
        while (started.parent / "wait").exists():
            time.sleep(0.01)
        return super().fit(train, valid, run=run)

models = {"sequential-rules": Trial(Popularity), "waits": Trial(Waits), "last": Trial(Popularity)}
setting = Setting(source=str(folder), protocol="leave-one-out")
cell = Cell(name="cell", setting=setting, shows="That it goes on.", models=models)
system = System(name="tiny", title="", kind="recommender", citation="", claim="", must_move="", cells=(cell,))
print(run_cell(system, cell, Bench(out, work=work, say=print)).status)
"""


def test_a_run_that_is_interrupted_keeps_the_rows_that_are_done(system: System, bench: Bench, fits: list[str]) -> None:
    class Interrupted(Popularity):
        def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
            raise KeyboardInterrupt

    broken, cell = with_rows(system, reversed=Trial(Interrupted))
    with pytest.raises(KeyboardInterrupt):
        run_cell(broken, cell, bench)
    assert read_record(bench.out, "tiny", "quick") is None
    assert run_cell(system, quick(system), bench).status == "measured"
    assert fits == ["counts", "reversed"]


@pytest.mark.slow
def test_a_killed_run_loses_the_row_it_was_at_and_no_other(folder: Path, tmp_path: Path) -> None:
    program, started, wait = tmp_path / "program.py", tmp_path / "started", tmp_path / "wait"
    program.write_text(PROGRAM)
    wait.touch()
    command = [sys.executable, *map(str, (program, folder, tmp_path / "out", tmp_path / "work", started))]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not started.exists() and first.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert started.exists()
    assert not (tmp_path / "out").exists()
    wait.unlink()
    second = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "sequential-rules: measured before, and kept" in second
    assert "waits: measured before" not in second
    assert second.splitlines()[-1] == "measured"
    record = read_record(tmp_path / "out", "tiny", "cell")
    assert record is not None
    # The same model under three names: kept or not, the numbers are the same.
    values = [row.metrics["ndcg@10"].value for row in record.comparison.done()]
    assert len(values) == 3
    assert np.ptp(values) == 0


def test_a_folder_of_data_sets_is_searched_by_the_names_of_the_source(
    system: System, bench: Bench, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAKER_OFFLINE", "1")
    monkeypatch.delenv("TASTEMAKER_DATA", raising=False)
    cell = replace(quick(system), setting=replace(quick(system).setting, source="amazon-toys"))
    (tmp_path / "sets").mkdir()
    gone = run_cell(system, cell, replace(bench, data=tmp_path / "sets"))
    assert gone.status == "not run"
    assert "amazon-toys" in gone.reason
    shutil.copytree(folder, tmp_path / "sets" / "amazon2014-toys")
    assert run_cell(system, cell, replace(bench, data=tmp_path / "sets")).status == "measured"


def test_a_row_may_learn_from_other_data_and_be_taken_here(
    system: System, bench: Bench, folder: Path, tmp_path: Path
) -> None:
    met: list[tuple[str, bool]] = []

    class Traveller(Popularity):
        def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
            met.append((train.name, valid is not None))
            return super().fit(train, valid, run=run)

        def transfer(self, to: Dataset) -> Popularity:
            met.append((to.name, False))
            return Popularity().fit(to)

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    settings = other / "dataset.toml"
    settings.write_text(settings.read_text().replace('name = "tiny"', 'name = "other"'))
    trial = Trial(Traveller, elsewhere=(str(folder), str(other)))
    larger, cell = with_rows(system, travelled=trial, counted=Trial(Popularity))
    record = run_cell(larger, cell, bench).record
    assert met == [("tiny + other", True), ("tiny", False)]
    assert row_of(record, "travelled").metrics == row_of(record, "counted").metrics
    assert run_cell(larger, cell, bench).status == "up to date"
