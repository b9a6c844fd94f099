"""`tastemaker compare --task`: ratings and clicks on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.data import write_folder
from tastemaker.testing import small_shop

Run = Callable[..., Any]
SOURCE = ("--source", "./rated", "--no-progress")


@pytest.fixture
def rated(shop: Path) -> Path:
    write_folder(small_shop(users=60), shop / "rated")
    return shop


@pytest.mark.usefixtures("rated")
def test_ratings_are_compared_with_the_bias_model(run: Run) -> None:
    done = run("compare", "--task", "ratings", "--models", "ridge", *SOURCE, "--protocol", "random-ratio", "--json")
    assert (done.json["task"], done.json["protocol"], done.json["baseline"]) == ("ratings", "random-ratio", "bias")
    assert [row["model"] for row in done.json["rows"]] == ["bias", "ridge"]
    assert {"rmse", "mae"} == set(done.json["rows"][1]["vs_baseline"])


@pytest.mark.usefixtures("rated")
def test_clicks_are_compared_with_the_base_rate(run: Run) -> None:
    done = run("compare", "--task", "clicks", *SOURCE)
    for said in ("base-rate", "logistic", "log_loss", "gauc", "ece", "global-time"):
        assert said in done.out


@pytest.mark.usefixtures("rated")
def test_knobs_of_the_split_are_taken_and_the_report_is_kept(run: Run) -> None:
    text = Path("tastemaker.toml").read_text()
    Path("tastemaker.toml").write_text(
        text + '\n[evaluate]\nreports = "reports"\n\n[models.bias]\nitem_damping = 7.0\n'
    )
    words = ("--task", "ratings", "--models", "bias", *SOURCE, "--protocol", "random-ratio", "--knob", "per=all")
    done = run("compare", *words, "--knob", "test=0.3")
    assert "Wrote" in done.out
    kept = json.loads(Path("reports/small-shop-ratings-random-ratio.json").read_text())
    assert (kept["knobs"]["per"], kept["knobs"]["test"], kept["counts"]["events"]) == ("all", 0.3, 216)
    assert kept["rows"][0]["settings"]["item_damping"] == 7.0


@pytest.mark.usefixtures("rated")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "rankings"), "'rankings' is none of ranking, ratings, clicks"),
        (("--task", "ratings", "--seeds", "1,2"), "it belongs to rankings, and --task ratings has none"),
        (("--task", "clicks", "--k", "5"), "it belongs to rankings, and --task clicks has none"),
        (("--task", "ratings", "--protocol", "leave-one-out"), "protocol is 'leave-one-out', which is no choice"),
        (("--task", "ratings", "--knob", "folds=3"), "a split of events has no knob 'folds'"),
        (("--task", "ratings", "--source", "./shop"), "these events carry no ratings"),
        (("--task", "clicks", "--models", "ease"), "no model could be run: ease cannot predict clicks"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("compare", *SOURCE, *words)
    assert done.code != 0
    assert said in done.err


@pytest.mark.usefixtures("rated")
def test_a_model_of_ratings_serves_people_by_what_they_rated(run: Run) -> None:
    Path("tastemaker.toml").write_text('[data]\nsource = "./rated"\n')
    run("train", "--model", "biased-mf", "--out", "kept")
    found = run("recommend", "--user", "u000", "--model", "kept", "--json").json
    assert found["degraded"] == []
    best = found["items"][0]["item_id"]
    told = run("explain", best, "--user", "u000", "--model", "kept")
    assert "the average rating" in told.out
    assert "how this item is rated" in told.out
