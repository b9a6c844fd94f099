"""A study of ratings gives the numbers of the comparison of predictions."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.run import Run
from tastemaker.data import Dataset, Interactions, split_events, write_folder
from tastemaker.evaluation.predictions import compare_predictions
from tastemaker.models import BiasedMF, Popularity, make_model
from tastemaker.systems.reproduction import Bench, Measure, Study, Subject, run_study
from tastemaker.systems.reproduction.bench import dataset_of
from tastemaker.systems.studies.ratings import rated, split_ratings

MF = partial(BiasedMF, dimensions=2, regularisation=5.0, frequency_power=0.0, sweeps=3)


@pytest.fixture
def rated_folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    rows = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "timestamp": 86_400 * (100 + place), "rating": float(stars)}
        for user in range(40)
        for place, (item, stars) in enumerate(zip(rng.permutation(20)[:10], rng.integers(1, 6, 10), strict=True))
    ]
    home = tmp_path / "rated"
    write_folder(Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), name="rated"), home)
    return home


def test_values_intervals_and_differences_are_those_of_the_comparison(rated_folder: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out", work=tmp_path / "work")
    study = Study(
        name="rated",
        on=str(rated_folder),
        shows="That both agree.",
        prepare=partial(split_ratings, str(rated_folder), "random-ratio"),
        rows={
            "bias": Subject(partial(rated, partial(make_model, "bias"))),
            "biased-mf": Subject(partial(rated, MF)),
            "popularity": Subject(partial(rated, Popularity)),
        },
        measures=(
            Measure("rmse", "How far off.", lower=True, rooted=True),
            Measure("mae", "How far off.", lower=True),
        ),
        units="events",
        drawn="people",
        baseline="bias",
    )
    record = run_study("tests", study, bench).record
    assert record is not None
    ground = study.prepare(bench, Run())
    peer = compare_predictions({"bias": make_model("bias"), "biased-mf": MF()}, ground.holds, run=Run())
    assert (
        ground.holds.hash == split_events(dataset_of(str(rated_folder), bench, Run()), "ratings", "random-ratio").hash
    )
    for row in peer.rows:
        mine = record.row(row.model)
        assert mine is not None
        for metric, known in row.metrics.items():
            found = mine.values[metric]
            assert [found.value, found.low, found.high] == pytest.approx([known.value, known.low, known.high])
        for metric, known in row.vs_baseline.items():
            found = mine.against[metric]
            assert [found.value, found.low, found.high] == pytest.approx([-known.value, -known.high, -known.low])
    assert "cannot predict ratings" in record.rows[2].reason
