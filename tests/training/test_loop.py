"""The loop stops where it should, goes on where it was broken off, and keeps the best weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import ModelError, ModelFormatError
from tastemaker.core.run import Run

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.training.loop import train  # noqa: E402
from tastemaker.training.settings import TrainingSettings  # noqa: E402

RUN = Run(threads=1)
SETTINGS = TrainingSettings(epochs=6, learning_rate=0.05, patience=0)


class Regression:
    """A line with dropout through points; asked for values that the test gives."""

    def __init__(self, values: Sequence[float] = (), batch: int = 4, dropout: float = 0.3) -> None:
        torch.manual_seed(1)
        self.module = torch.nn.Sequential(torch.nn.Dropout(dropout), torch.nn.Linear(3, 1))
        random = torch.Generator().manual_seed(2)
        self.x = torch.randn(20, 3, generator=random)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]])
        self.values, self.asked, self.batch = list(values), 0, batch

    def batches(self, rng: np.random.Generator) -> list[Any]:
        return np.array_split(rng.permutation(20), 20 // self.batch)

    def loss(self, batch: Any) -> tuple[Any, float]:
        return ((self.module(self.x[batch]) - self.y[batch]) ** 2).mean(), float(len(batch))

    def validate(self) -> float | None:
        self.asked += 1
        return self.values[self.asked - 1] if self.values else None


class Killed(Exception):
    """Stands for a kill at a random place."""


def weights(task: Regression) -> dict[str, Any]:
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_training_lowers_the_loss_and_says_so() -> None:
    task = Regression(dropout=0.0)
    trained = train(task, replace(SETTINGS, epochs=60), RUN)
    assert trained.log[-1]["loss"] < 0.05 * trained.log[0]["loss"]
    assert (trained.epochs, trained.best_epoch, trained.best) == (60, 60, None)


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    one, same_seed, other = (Regression() for _ in range(3))
    for task, seed in ((one, 0), (same_seed, 0), (other, 1)):
        train(task, SETTINGS, replace(RUN, seed=seed))
    assert same(weights(one), weights(same_seed))
    assert not same(weights(one), weights(other))


def test_it_stops_after_some_validations_without_a_gain_and_keeps_the_best_weights() -> None:
    task, until_best = Regression([0.1, 0.3, 0.2, 0.3, 0.25, 0.9]), Regression()
    trained = train(task, replace(SETTINGS, patience=3), RUN)
    assert (trained.epochs, trained.best_epoch, trained.best) == (5, 2, 0.3)
    train(until_best, replace(SETTINGS, epochs=2), RUN)
    assert same(weights(task), weights(until_best))


def test_a_callback_stops_it() -> None:
    trained = train(Regression(), SETTINGS, RUN, callbacks=[lambda state: state.log[-1]["epoch"] == 2])
    assert trained.epochs == 2


@pytest.mark.parametrize("after", [1, 7, 13, 26])
def test_killed_and_resumed_it_ends_with_the_very_same_weights(tmp_path: Path, after: int) -> None:
    values = [0.1, 0.5, 0.2, 0.3, 0.1, 0.4]
    straight, broken, resumed = Regression(values), Regression(values), Regression(values)
    train(straight, SETTINGS, RUN)
    steps, plain = 0, broken.loss

    def killing(batch: Any) -> tuple[Any, float]:
        nonlocal steps
        steps += 1
        if steps == after:
            raise Killed
        return plain(batch)

    broken.loss = killing  # type: ignore[method-assign]
    with pytest.raises(Killed):
        train(broken, SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    resumed.values = values[(after - 1) // 5 :]
    trained = train(resumed, SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    assert same(weights(straight), weights(resumed))
    assert [entry["epoch"] for entry in trained.log] == [1, 2, 3, 4, 5, 6]
    assert trained.best_epoch == 2


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first, again = Regression(), Regression()
    train(first, SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    again.loss = None  # type: ignore[assignment, method-assign]
    train(again, SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    assert same(weights(first), weights(again))


def test_it_says_where_it_goes_on_and_that_it_was_over(tmp_path: Path) -> None:
    told: list[str] = []
    run = replace(RUN, notify=told.append)
    for epochs in (2, 4, 4):
        train(Regression(), replace(SETTINGS, epochs=epochs), run, name="line", folder=tmp_path / "kept", identity="a")
    place = f"({tmp_path / 'kept'})"
    assert told == [
        f"Training line goes on from epoch 2 {place}",
        f"Training line was over after epoch 4 {place}",
    ]


def test_whoever_follows_it_hears_of_every_epoch_and_can_end_it() -> None:
    heard: list[list[float]] = []

    def watch(values: Sequence[float]) -> None:
        heard.append(list(values))
        if len(values) == 3:
            raise Killed

    with pytest.raises(Killed):
        train(Regression([0.1, 0.3, 0.2, 0.4]), SETTINGS, replace(RUN, watch=watch))
    assert heard == [[0.1], [0.1, 0.3], [0.1, 0.3, 0.2]]
    train(Regression(), SETTINGS, replace(RUN, watch=watch))  # nothing to hear of without validation
    assert len(heard) == 3


def test_a_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    train(Regression(), replace(SETTINGS, epochs=3), RUN, folder=tmp_path / "kept", identity="a")
    trained = train(Regression(), replace(SETTINGS, epochs=1), RUN, folder=tmp_path / "kept", identity="b")
    assert trained.epochs == 1


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(Regression(), SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    (tmp_path / "kept" / "training.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelFormatError, match="checkpoint is damaged"):
        train(Regression(), SETTINGS, RUN, folder=tmp_path / "kept", identity="a")


def test_the_log_has_a_line_of_json_for_each_epoch(tmp_path: Path) -> None:
    train(Regression([0.5] * 6), SETTINGS, RUN, folder=tmp_path / "kept", identity="a")
    lines = [json.loads(line) for line in (tmp_path / "kept" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {"loss", "rate", "value", "seconds"} <= lines[0].keys()


def test_accumulated_batches_take_the_step_of_one_large_batch() -> None:
    small, large = Regression(batch=5, dropout=0.0), Regression(batch=20, dropout=0.0)
    train(small, replace(SETTINGS, accumulate=4), RUN)
    train(large, SETTINGS, RUN)
    for name, value in weights(small).items():
        torch.testing.assert_close(value, weights(large)[name])


def test_clipping_bounds_the_first_step_of_plain_gradients() -> None:
    task = Regression(dropout=0.0)
    seen: list[Any] = []
    task.module[1].weight.register_post_accumulate_grad_hook(lambda each: seen.append(each))
    train(task, replace(SETTINGS, epochs=1, clip=1e-3), RUN)
    assert float(seen[-1].grad.norm()) <= 1e-3 + 1e-9


def test_a_loss_that_is_no_number_stops_it_with_a_remedy() -> None:
    task = Regression()
    task.loss = lambda batch: (  # type: ignore[method-assign]
        task.module(task.x[batch]).sum() * float("nan"),
        1.0,
    )
    with pytest.raises(ModelError, match="loss of 'model' is nan in epoch 1") as caught:
        train(task, SETTINGS, RUN)
    assert "learning_rate" in str(caught.value.remedy)


def test_nothing_to_train_on_is_an_error() -> None:
    task = Regression()
    task.batches = lambda rng: []  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="nothing to train"):
        train(task, SETTINGS, RUN)


def test_torch_is_left_as_it_was() -> None:
    task = Regression()
    before = torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.random.get_rng_state()
    train(task, SETTINGS, RUN)
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before[:2]
    assert torch.equal(torch.random.get_rng_state(), before[2])


def test_a_time_limit_ends_it_after_an_epoch() -> None:
    assert train(Regression(), SETTINGS, replace(RUN, minutes=1e-9)).epochs == 1


TOGETHER = """
import sys; sys.path[:0] = sys.argv[2:]
import torch
from tests.training.test_loop import RUN, SETTINGS, Regression, replace, train
task = Regression(dropout=0.0, batch=5)
train(task, replace(SETTINGS, epochs=4), RUN)
import os
if os.environ["RANK"] == sys.argv[1]:
    print([round(value, 5) for value in torch.cat([each.flatten() for each in task.module.parameters()]).tolist()])
"""


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
def test_two_processes_of_torchrun_train_as_one_that_accumulates(tmp_path: Path, rank: str) -> None:
    program = tmp_path / "together.py"
    program.write_text(TOGETHER)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, rank, str(root), str(root / "src")], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    alone = Regression(dropout=0.0, batch=5)
    train(alone, replace(SETTINGS, epochs=4, accumulate=2), RUN)
    ours = [round(value, 5) for value in torch.cat([each.flatten() for each in alone.module.parameters()]).tolist()]
    assert done.stdout.strip().splitlines()[-1] == str(ours)


def test_a_step_in_which_nothing_has_a_weight_changes_nothing() -> None:
    task = Regression()
    before = weights(task)

    def weightless(batch: Any) -> tuple[Any, float]:
        return task.module(task.x[batch]).mean(), 0.0

    task.loss = weightless  # type: ignore[method-assign]
    trained = train(task, SETTINGS, RUN)
    assert same(weights(task), before)
    assert trained.log[-1]["loss"] == 0
