"""`tastemaker tune`, and what the other commands do with what it found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tastemaker.cli.settings import load_settings
from tastemaker.core.errors import ConfigError
from tastemaker.models import load_model

Run = Callable[..., Any]

needs_optuna = pytest.mark.needs_extra("tune")
SPLIT = ("--protocol", "leave-one-out")


def changed(folder: Path, **values: Any) -> None:
    """Change the result of a search."""
    path = folder / "tuning.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}), encoding="utf-8")


@needs_optuna
def test_a_search_is_shown_and_kept(run: Run, shop: Path) -> None:
    done = run("tune", "--model", "ease", *SPLIT, "--trials", "3")
    assert done.code == 0
    assert "all 3 trials were made" in done.out
    assert "[models.ease]\nregularisation = " in done.out
    assert "Wrote tuning/ease/tuning.json\nWrote tuning/ease/tuning.html\n" in done.out
    assert "tastemaker compare --tuned tuning/ease" in done.err
    assert (shop / "tuning" / "ease" / "tuning.html").read_text().startswith("<!doctype html>")


@needs_optuna
def test_the_same_command_goes_on(run: Run) -> None:
    first = run("tune", "--model", "ease", *SPLIT, "--trials", "2", "--out", "here", "--json")
    again = run("tune", "--model", "ease", *SPLIT, "--trials", "3", "--out", "here", "--json")
    assert again.json["trials"][:2] == first.json["trials"]
    assert (len(again.json["trials"]), again.json["folder"]) == (3, "here")
    assert json.loads(again.err) == {"note": "Going on after 2 trials in here"}


@needs_optuna
def test_minutes_are_kept(run: Run) -> None:
    found = run("tune", "--model", "ease", *SPLIT, "--minutes", "1e-9", "--json").json
    assert len(found["trials"]) == 1
    assert found["budget"] == {"trials": 30, "seconds": pytest.approx(6e-08)}


@needs_optuna
def test_another_split_in_the_same_folder_is_refused(run: Run) -> None:
    run("tune", "--model", "ease", *SPLIT, "--trials", "1", "--out", "here")
    done = run("tune", "--model", "ease", "--trials", "1", "--out", "here", "--json")
    assert done.code == 10
    assert "protocol leave-one-out there, global-time here; split" in done.error["message"]


@needs_optuna
def test_what_was_found_is_compared(run: Run) -> None:
    best = {}
    for model, trials in (("ease", 3), ("rp3beta", 2)):
        found = run("tune", "--model", model, *SPLIT, "--trials", str(trials), "--json")
        best[model] = found.json["best"]["settings"]
    done = run("compare", "--models", "ease,item-knn", *SPLIT, "--tuned", "tuning", "--no-probes", "--json")
    rows = {row["model"]: row for row in done.json["rows"]}
    assert list(rows) == ["sequential-rules", "ease", "item-knn", "rp3beta"]
    assert {name: rows[name]["settings"] for name in best} == best
    assert {name: rows[name]["settings_tried"] for name in best} == {"ease": 3, "rp3beta": 2}
    assert rows["item-knn"]["settings_tried"] > 0
    assert done.json["knobs"]["settings_given"]["ease"].startswith("by 3 trials in ")


@needs_optuna
def test_settings_from_another_split_are_not_tested(run: Run) -> None:
    run("tune", "--model", "ease", *SPLIT, "--trials", "1")
    for words in (("compare", "--models", "ease"), ("train", "--hold-out"), ("evaluate", "--model", "ease")):
        done = run(*words, "--tuned", "tuning/ease", "--json")
        assert done.code == 4
        assert "the settings of ease were chosen on another split (leave-one-out " in done.error["message"]


@needs_optuna
def test_what_was_found_is_trained(run: Run, shop: Path) -> None:
    best = run("tune", "--model", "ease", *SPLIT, "--trials", "3", "--json").json["best"]["settings"]
    done = run("train", "--tuned", "tuning/ease", "--hold-out", *SPLIT, "--out", "kept", "--json")
    assert (done.json["model"], done.json["settings"]) == ("ease", best)
    assert load_model(shop / "kept").settings_tried_ == 3
    done = run("train", "--tuned", "tuning/ease", "--out", "serving", "--json")  # what serves is not tested
    assert (done.json["fitted_on"], done.json["settings"]) == ("all events", best)


@needs_optuna
def test_a_table_in_the_settings_does_what_the_folder_does(run: Run) -> None:
    found = run("tune", "--model", "ease", *SPLIT, "--trials", "3", "--json").json["best"]["settings"]
    lines = [f"{name} = {json.dumps(value)}" for name, value in found.items()]
    text = "\n".join(["[data]", 'source = "./shop"', "[models.ease]", *lines])
    Path("tastemaker.toml").write_text(text, encoding="utf-8")
    by_hand = run("compare", "--models", "ease", *SPLIT, "--no-probes", "--json").json
    searched = run("compare", "--models", "ease", *SPLIT, "--no-probes", "--tuned", "tuning/ease", "--json").json
    assert by_hand["rows"][1]["rank_hash"] == searched["rows"][1]["rank_hash"]
    assert by_hand["knobs"]["settings_given"] == {"ease": "by hand"}


@needs_optuna
def test_models_that_predict_are_tuned_by_their_error_and_not_compared(run: Run, shop: Path) -> None:
    events = pl.read_parquet(shop / "shop" / "interactions.parquet")
    rated = events.with_columns((pl.int_range(pl.len()) % 5 + 1).cast(pl.Float64).alias("rating"))
    rated.write_parquet(shop / "shop" / "interactions.parquet")
    found = run("tune", "--model", "bias", "--trials", "2", "--json").json
    assert (found["metric"], found["protocol"]) == ("rmse", "global-time")
    done = run("train", "--tuned", "tuning/bias", "--json")
    assert (done.json["model"], done.json["settings"]) == ("bias", found["best"]["settings"])
    done = run("compare", "--tuned", "tuning/bias", "--json")
    assert (done.code, done.error["message"]) == (2, "Invalid value for --tuned: bias was tuned by rmse, not to rank")
    done = run("compare", "--models", "popularity", "--tuned", "tuning", "--no-probes", "--json")
    assert [row["model"] for row in done.json["rows"]] == ["sequential-rules", "popularity"]
    done = run("tune", "--model", "bias", "--knob", "ties=shuffle", "--json")
    assert (done.code, done.error["message"]) == (4, "a split of events has no knob 'ties'")


@needs_optuna
def test_two_searches_for_one_model_are_refused(run: Run) -> None:
    run("tune", "--model", "ease", *SPLIT, "--trials", "1", "--out", "searches/a")
    run("tune", "--model", "ease", *SPLIT, "--trials", "1", "--out", "searches/b")
    done = run("compare", "--models", "ease", *SPLIT, "--tuned", "searches", "--json")
    assert (done.code, done.error["message"]) == (2, "Invalid value for --tuned: there are two searches for 'ease'")


def test_a_folder_without_a_search_is_refused(run: Run) -> None:
    done = run("compare", "--tuned", "nowhere", "--json")
    assert done.code == 10
    assert "no result of a search" in done.error["message"]


@needs_optuna
def test_a_result_whose_settings_are_none_of_the_model_is_refused(run: Run, shop: Path) -> None:
    found = run("tune", "--model", "ease", *SPLIT, "--trials", "1", "--json").json
    trial = {**found["trials"][0], "settings": {"regularisation": 1.0, "power": 2}}
    changed(shop / "tuning" / "ease", trials=[trial])
    done = run("compare", "--tuned", "tuning/ease", *SPLIT, "--json")
    assert (done.code, done.error["message"]) == (3, "unknown key 'models.ease.power'")
    assert done.error["where"] == "command line"


@pytest.mark.parametrize(
    ("text", "message", "where", "remedy"),
    [
        (
            "[models.ease]\n\nregularization = 3.0\n",
            "unknown key 'models.ease.regularization'",
            "tastemaker.toml:3",
            "Did you mean 'regularisation'?",
        ),
        ("[models.esae]\nregularisation = 3.0\n", "unknown model 'models.esae'", ":1", "Did you mean 'ease'?"),
        (
            "[models.ease]\nregularisation = 'much'\n",
            "'models.ease.regularisation' is 'much', but should be a number",
            ":2",
            None,
        ),
        (
            "[models.item-knn]\nneighbours = 2.5\n",
            "'models.item-knn.neighbours' is 2.5, but should be a whole number",
            ":2",
            None,
        ),
        ("[models]\nease = 3\n", "'models.ease' is not a section", ":2", "Write it as [models.ease]"),
    ],
)
def test_wrong_hyper_parameters_are_refused(
    shop: Path, text: str, message: str, where: str, remedy: str | None
) -> None:
    Path("tastemaker.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert refused.value.message == message
    assert where in str(refused.value.where)
    assert remedy is None or remedy in str(refused.value.remedy)


def test_hyper_parameters_have_an_origin_and_their_own_type(run: Run) -> None:
    Path("tastemaker.toml").write_text("[models.ease]\nregularisation = 300\n", encoding="utf-8")
    values = run("config", "show", "--json").json["values"]
    assert values["models.ease"] == {"value": {"regularisation": 300.0}, "origin": "tastemaker.toml:1"}


def test_what_the_settings_leave_open_is_chosen(run: Run) -> None:
    Path("tastemaker.toml").write_text('[data]\nsource = "./shop"\n[models.ease]\nregularisation = 321\n', "utf-8")
    done = run("train", "--model", "ease", "--json")
    assert done.json["settings"]["regularisation"] == 321.0
    assert done.json["settings"]["age_decay"] is not None


@needs_optuna
@pytest.mark.slow
@pytest.mark.parametrize("signals", [(signal.SIGKILL, signal.SIGKILL), (signal.SIGINT,)], ids=["kill -9", "Ctrl-C"])
def test_a_search_that_was_broken_off_goes_on(run: Run, shop: Path, signals: tuple[signal.Signals, ...]) -> None:
    words = ["tune", "--model", "ials", *SPLIT, "--trials", "12"]
    whole = run(*words, "--out", "whole", "--json").json
    for sent in signals:
        before = len(result_of(shop / "broken").get("trials", ()))
        command = [sys.executable, "-m", "tastemaker", *words, "--out", "broken"]
        process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while len(result_of(shop / "broken").get("trials", ())) < before + 2 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(sent)
        said = process.communicate()[1]
        assert process.returncode == (130 if sent == signal.SIGINT else -sent)
        assert ("the same command goes on from there" in said) == (sent == signal.SIGINT)
    so_far = result_of(shop / "broken")
    assert (so_far["ended"], len(so_far["trials"]) < 12) == ("", True)
    found = run(*words, "--out", "broken", "--json").json
    for one, other in zip(found["trials"], whole["trials"], strict=True):
        assert (one["settings"], one["value"]) == (other["settings"], other["value"])


def result_of(folder: Path) -> dict[str, Any]:
    path = folder / "tuning.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
