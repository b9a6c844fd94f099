"""Networks on the command line: checkpoints of `train`, searches over their settings, and life without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.models.small import SMALL

from tastemaker.models import load_model

Run = Callable[..., Any]

needs_torch = pytest.mark.needs_extra("torch")
SPLIT = ("--protocol", "leave-one-out")


@pytest.fixture
def small(shop: Path) -> Path:
    """Settings under which sasrec is trained in a moment."""
    table = {**SMALL["sasrec"], "learning_rate": 0.003, "epochs": 6}
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[models.sasrec]", *lines, ""]))
    return shop


def log_of(folder: Path) -> list[dict[str, Any]]:
    """Return what a model's folder says of its training, but for the time that it took."""
    fitted = json.loads((folder / "config.json").read_text())["fitted"]
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in fitted["training"]]


class Interrupting:
    """Counts the checkpoints that are written, and interrupts after some of them."""

    def __init__(self, save: Callable[..., None], after: int) -> None:
        self.save, self.left = save, after

    def __call__(self, *words: Any) -> None:
        self.save(*words)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@needs_torch
def test_an_interrupted_training_goes_on_and_ends_with_the_same_weights(
    run: Run, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tastemaker.training import checkpoint

    words = ("train", "--model", "sasrec", *SPLIT)
    assert run(*words, "--out", "whole").code == 0
    chosen = load_model(small / "whole").settings_["best_epoch"]
    for after in (3, 3 + 2):  # in the training that chooses, and in the one on all events
        monkeypatch.setattr(checkpoint, "save", Interrupting(checkpoint.save, after))
        done = run(*words, "--out", "broken")
        assert done.code == 130
        assert "The training so far is kept in broken.training; the same command goes on from there." in done.err
        assert not (small / "broken").exists()
        monkeypatch.undo()
        monkeypatch.chdir(small)
    done = run(*words, "--out", "broken")
    assert done.code == 0
    assert "Training sasrec was over after epoch 6 (broken.training/sasrec-" in done.err
    assert "Training sasrec goes on from epoch 2 (broken.training/sasrec-" in done.err
    assert chosen > 2, "the second interruption must come before the end, or this shows nothing"
    assert not (small / "broken.training").exists()
    name = "tensors.safetensors"
    assert (small / "broken" / name).read_bytes() == (small / "whole" / name).read_bytes()
    assert log_of(small / "broken") == log_of(small / "whole")


@needs_torch
def test_what_else_lies_where_checkpoints_go_is_left_alone(run: Run, small: Path) -> None:
    (small / "kept.training").mkdir()
    (small / "kept.training" / "thesis.tex").write_text("mine")
    assert run("train", "--model", "sasrec", "--hold-out", *SPLIT, "--out", "kept").code == 0
    assert [path.name for path in (small / "kept.training").iterdir()] == ["thesis.tex"]


def test_a_model_without_epochs_leaves_no_checkpoint(run: Run, shop: Path) -> None:
    assert run("train", "--out", "counted").code == 0
    assert not (shop / "counted.training").exists()


@needs_torch
@pytest.mark.slow
def test_a_training_that_was_killed_goes_on(run: Run, small: Path) -> None:
    text = (small / "tastemaker.toml").read_text().replace("epochs = 6", "epochs = 25\npatience = 25")
    (small / "tastemaker.toml").write_text(text)
    words = ["train", "--model", "sasrec", *SPLIT]
    assert run(*words, "--out", "whole").code == 0
    command = [sys.executable, "-m", "tastemaker", *words, "--out", "broken"]
    for trainings in (1, 2):
        process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while done_in(small / "broken.training") < (trainings, 3) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    done = run(*words, "--out", "broken")
    assert "Training sasrec was over after epoch 25" in done.err
    assert "Training sasrec goes on from epoch " in done.err
    assert not (small / "broken.training").exists()
    name = "tensors.safetensors"
    assert (small / "broken" / name).read_bytes() == (small / "whole" / name).read_bytes()


def done_in(folder: Path) -> tuple[int, int]:
    """Return how many trainings have a checkpoint, and how many epochs the one that has fewest has done."""
    logs = []
    for path in folder.glob("sasrec-*/log.jsonl"):
        with suppress(FileNotFoundError):  # it is just being replaced
            logs.append(path.read_text().count("\n"))
    return len(logs), min(logs, default=0)


@needs_torch
@pytest.mark.needs_extra("tune")
def test_the_settings_of_sasrec_are_searched_but_for_those_of_its_table(run: Run, small: Path) -> None:
    found = run("tune", "--model", "sasrec", *SPLIT, "--trials", "2", "--json").json
    assert "dimensions" not in found["space"]
    assert "blocks" in found["space"]
    for trial in found["trials"]:
        assert (trial["settings"]["dimensions"], trial["settings"]["epochs"]) == (16, 6)
        assert len(trial["curve"]) <= 6
    again = run("tune", "--model", "sasrec", *SPLIT, "--trials", "2", "--json")
    assert again.json["trials"] == found["trials"]
    done = run("train", "--tuned", "tuning/sasrec", "--hold-out", *SPLIT, "--out", "tuned", "--json")
    assert done.json["settings"].items() >= found["best"]["settings"].items()


@needs_torch
def test_the_page_of_a_comparison_shows_how_it_learnt(run: Run, small: Path) -> None:
    done = run("compare", "--models", "sasrec", *SPLIT, "--no-probes", "--report", "page.html", "--json")
    training = done.json["rows"][1]["training"]
    assert [epoch["epoch"] for epoch in training] == [1, 2, 3, 4, 5, 6]
    assert "training" not in done.json["rows"][0]
    assert "<h2>Training</h2>" in (small / "page.html").read_text()


@pytest.mark.usefixtures("without_torch")
def test_without_torch_a_comparison_says_why_a_row_was_not_run(run: Run) -> None:
    done = run("compare", "--models", "sasrec,popularity", *SPLIT, "--no-probes")
    assert done.code == 0
    found = run("compare", "--models", "sasrec,popularity", *SPLIT, "--no-probes", "--json").json
    rows = {row["model"]: row for row in found["rows"]}
    assert [rows[name]["status"] for name in ("sequential-rules", "popularity", "sasrec")] == ["ok", "ok", "not run"]
    reason = rows["sasrec"]["reason"]
    assert "needs the extra 'torch', which is not installed" in reason
    assert "pip install 'tastemaker[torch]'" in reason
    assert "pip install 'tastemaker[torch]'" in " ".join(done.out.split())


@pytest.mark.usefixtures("without_torch")
def test_without_torch_training_and_tuning_name_the_extra(run: Run) -> None:
    for command in ("train", "tune"):
        if command == "tune":
            pytest.importorskip("optuna")
        done = run(command, "--model", "sasrec", *SPLIT)
        assert done.code == 8
        assert "training 'sasrec' needs the extra 'torch', which is not installed" in done.err
        assert "pip install 'tastemaker[torch]'" in done.err
