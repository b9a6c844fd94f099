"""The loop that trains every torch module: batches in, the weights of the best epoch out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from tastemaker.core.errors import ModelError
from tastemaker.core.run import Run
from tastemaker.training import checkpoint
from tastemaker.training.batches import share
from tastemaker.training.checkpoint import State
from tastemaker.training.processes import Group, joined
from tastemaker.training.settings import TrainingSettings

_TRIALS: Final = 3

Callback: TypeAlias = Callable[[State], bool]
"""Is called after each epoch; true stops the training."""


class Task(Protocol):
    """What is trained, and on what."""

    @property
    def module(self) -> nn.Module:
        """The module; its weights are changed in place."""
        ...

    def batches(self, rng: np.random.Generator) -> Sequence[Any]:
        """Return the batches of an epoch; whatever is random about them comes from ``rng``."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, float]:
        """Return the mean loss of a batch, a scalar, and the sum of the weights that it is a mean over."""
        ...

    def validate(self) -> float | None:
        """Return the metric that training is stopped by, higher is better; ``None`` where there is nothing to ask."""
        ...


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        epochs: How many were gone through.
        best_epoch: The one whose weights the module has, from 1.
        best: The metric there; ``None`` without validation.
        seconds: Wall time, that of interrupted parts included.
        threads: How many threads were used.
        log: What is known of each epoch.
    """

    epochs: int
    best_epoch: int
    best: float | None
    seconds: float
    threads: int
    log: list[dict[str, Any]] = field(default_factory=list)


class EarlyStopping:
    """Stops when the validation metric has not risen for some time.

    Args:
        patience: Validations without a gain; 0 never stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def __call__(self, state: State) -> bool:
        """Say whether to stop."""
        return bool(self.patience) and state.stale >= self.patience


def train(
    task: Task,
    settings: TrainingSettings,
    run: Run,
    *,
    name: str = "model",
    folder: Path | None = None,
    identity: str = "",
    callbacks: Sequence[Callback] = (),
) -> Trained:
    """Train a module, and leave the weights of its best epoch in it.

    Every epoch draws its batches and its dropout from the seed and its own number, so that a training that was
    killed and goes on from its checkpoint ends with the same weights as one that was not. Started by `torchrun`,
    the processes share out the batches of each step and all end with the same weights.

    Args:
        task: What is trained.
        settings: The numbers.
        run: Seed, threads, progress, and the time after which no epoch is begun.
        name: What is trained, in progress and messages.
        folder: Where a checkpoint is kept after each epoch, and found again; ``None`` keeps none.
        identity: What must be the same for a checkpoint to be used: settings, data, seed.
        callbacks: Beside early stopping.

    Raises:
        ModelError: The loss is not a number, or there are no batches.
    """
    with joined() as group, _numerics(run.threads):
        return _Loop(task, settings, run, name, folder, identity, group).go(callbacks)


class _Loop:
    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        run: Run,
        name: str,
        folder: Path | None,
        identity: str,
        group: Group,
    ) -> None:
        self.task, self.settings, self.run, self.name, self.group = task, settings, run, name, group
        self.folder, self.identity = folder, identity
        self.optimiser = torch.optim.AdamW(
            task.module.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.state = State()

    def go(self, callbacks: Sequence[Callback]) -> Trained:
        stops: list[Callback] = [EarlyStopping(self.settings.patience), *callbacks]
        self._resume(stops)
        with self.run.track(f"Training {self.name}", self.settings.epochs) as advance:
            advance(self.state.epoch)
            while not self._is_over(stops):
                self._epoch()
                self.run.progress.describe(advance, f"Training {self.name}: {said(self.state.log[-1])}")
                advance(1)
                if self.run.watch is not None and "value" in self.state.log[-1]:
                    self.run.watch([entry["value"] for entry in self.state.log])
        state = self.state
        if state.best_weights:
            self.task.module.load_state_dict(state.best_weights)
        self.task.module.eval()
        best_epoch = state.best_epoch or state.epoch
        return Trained(state.epoch, best_epoch, state.best, state.seconds, state.threads, state.log)

    def _resume(self, stops: Sequence[Callback]) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.folder is not None:
            self.state = checkpoint.load(self.folder, self.task.module, self.optimiser, self.identity) or State()
        if self.state.epoch:
            torch.set_num_threads(self.state.threads)
            stands = "was over after" if self._is_over(stops) else "goes on from"
            self.run.notify(f"Training {self.name} {stands} epoch {self.state.epoch} ({self.folder})")

    def _is_over(self, stops: Sequence[Callback]) -> bool:
        """Say whether no more epochs are to come: all are done, a callback stops it, or the time is over."""
        if not self.state.log:
            return False
        over = self.state.epoch >= self.settings.epochs or any([stop(self.state) for stop in stops])
        return over or self._is_out_of_time()

    def _is_out_of_time(self) -> bool:
        limit = self.run.minutes
        return limit is not None and bool(self.group.first(float(self.state.seconds > 60 * limit)))

    def _epoch(self) -> None:
        state, began = self.state, time.perf_counter()
        number = state.epoch + 1
        rng = self.run.rng(f"training epoch {number}")
        whole = self.task.batches(rng)
        if not len(whole):
            raise ModelError(f"there is nothing to train '{self.name}' on", remedy="It needs people with two events.")
        if not state.threads:
            state.threads = self._quickest(self.run.threads, whole[0]) if self.run.threads > 1 else 1
            torch.set_num_threads(state.threads)
        torch.manual_seed(int(rng.integers(2**62)) + self.group.rank)
        mine = share(whole, self.group.rank, self.group.size)
        per_epoch = -(-len(mine) // self.settings.accumulate)
        self.task.module.train()
        total, weight = 0.0, 0.0
        with self.run.track(f"Epoch {number}", len(mine)) as advance:
            for start in range(0, len(mine), self.settings.accumulate):
                part = mine[start : start + self.settings.accumulate]
                loss, weighed = self._step(part, per_epoch * self.settings.epochs)
                total, weight = total + loss, weight + weighed
                advance(len(part))
        self.task.module.eval()
        state.epoch = number
        entry = {"epoch": number, "loss": total / max(weight, 1e-30), "rate": self.optimiser.param_groups[0]["lr"]}
        self._validate(entry)
        entry["seconds"] = round(time.perf_counter() - began, 3)
        state.seconds += time.perf_counter() - began
        state.log.append(entry)
        if self.folder is not None and self.group.rank == 0:
            checkpoint.save(self.folder, state, self.task.module, self.optimiser, self.identity)

    def _step(self, part: Sequence[Any], steps: int) -> tuple[float, float]:
        """Take one step on some batches; return the sum of their weighted losses over all processes, and the weight.

        Where nothing has a weight there is no step.
        """
        self.optimiser.zero_grad(set_to_none=True)
        told = torch.zeros(2, dtype=torch.float64)
        for batch in part:
            if batch is not None:
                loss, weight = self.task.loss(batch)
                (loss * weight).backward()  # type: ignore[no-untyped-call]
                told += torch.tensor([float(loss.detach()) * weight, weight], dtype=torch.float64)
        total, weight = self.group.sum(told).tolist()
        if not np.isfinite(total):
            raise ModelError(
                f"the loss of '{self.name}' is {total} in epoch {self.state.epoch + 1}",
                remedy="Take a smaller learning_rate, or set clip.",
            )
        if not weight:
            return total, weight
        self.group.sum_gradients(self.task.module)
        for each in self.task.module.parameters():
            if each.grad is not None:
                each.grad /= weight
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.task.module.parameters(), self.settings.clip)
        for entry in self.optimiser.param_groups:
            entry["lr"] = self.settings.rate(self.state.step, steps)
        self.optimiser.step()
        self.state.step += 1
        return total, weight

    def _validate(self, entry: dict[str, Any]) -> None:
        state = self.state
        with _exact():
            value = self.task.validate() if self.group.rank == 0 else None
        value = self.group.first(float("nan") if value is None else value)
        if np.isnan(value):
            return
        entry["value"] = value
        if state.best is None or value > state.best:
            state.best, state.best_epoch, state.stale = value, state.epoch, 0
            state.best_weights = {name: each.clone() for name, each in self.task.module.state_dict().items()}
        else:
            state.stale += 1

    def _quickest(self, most: int, batch: Any) -> int:
        """Return how many threads a step is quickest with: on a busy machine two may be far slower than one."""
        taken = {}
        for threads in range(1, most + 1):
            torch.set_num_threads(threads)
            times = []
            for _ in range(_TRIALS + 1):
                began = time.perf_counter()
                self.task.loss(batch)[0].backward()  # type: ignore[no-untyped-call]
                times.append(time.perf_counter() - began)
            taken[threads] = sorted(times[1:])[_TRIALS // 2]
        return int(self.group.first(float(min(taken, key=lambda threads: taken[threads]))))


def said(entry: dict[str, Any]) -> str:
    """Return what is known of an epoch in words.

    >>> said({"epoch": 3, "loss": 6.51234, "value": 0.0421})
    'loss 6.512, validation 0.0421'
    """
    value = f", validation {entry['value']:.4f}" if "value" in entry else ""
    return f"loss {entry['loss']:.3f}{value}"


@contextmanager
def _exact() -> Iterator[None]:
    """Multiply in float32 for as long as the block runs, so that a model is chosen by what it will answer."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)


@contextmanager
def _numerics(threads: int) -> Iterator[None]:
    """Give torch its threads and the quickest matrix products for as long as the block runs.

    ``medium`` lets oneDNN multiply, in bfloat16 where the processor is made for it and in float32 where not, which on
    many processors is faster than torch's other library.
    """
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    random = torch.random.get_rng_state()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)
        torch.random.set_rng_state(random)
