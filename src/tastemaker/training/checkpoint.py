"""The state of a training between two epochs as a folder: it goes on from there with the very same numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from tastemaker.core.errors import ModelFormatError
from tastemaker.core.files import atomic_folder

_STATE, _TENSORS = "training.json", "training.safetensors"
FORMAT: Final = 1


@dataclass
class State:
    """How far a training is.

    Attributes:
        epoch: Epochs that are done.
        step: Steps that are done.
        seconds: What they took.
        threads: Threads of every step, chosen before the first; 0 before that.
        best: The best value of the validation metric; ``None`` before the first.
        best_epoch: The epoch after which it was reached.
        stale: Validations since then.
        log: What is known of each epoch: its number, loss, learning rate, seconds and, where it was validated, value.
        best_weights: Weights of that epoch.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    threads: int = 0
    best: float | None = None
    best_epoch: int = 0
    stale: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)


def save(folder: Path, state: State, module: nn.Module, optimiser: Optimizer, identity: str) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        folder: Where; an older checkpoint there is replaced.
        state: How far the training is.
        module: What is trained.
        optimiser: With its moments.
        identity: What must be the same for the training to go on: settings, data, seed.
    """
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_weights.items()}
    moments = optimiser.state_dict()["state"]
    tensors |= {f"optimiser.{number}.{name}": value for number, each in moments.items() for name, value in each.items()}
    told = {name: value for name, value in vars(state).items() if name != "best_weights"}
    with atomic_folder(folder, replaces=_STATE) as temporary:
        save_file({name: value.contiguous().clone() for name, value in tensors.items()}, temporary / _TENSORS)
        text = json.dumps({"format": FORMAT, "identity": identity, **told}, indent=1)
        (temporary / _STATE).write_text(text + "\n", encoding="utf-8")
        lines = "".join(json.dumps(entry) + "\n" for entry in state.log)
        (temporary / "log.jsonl").write_text(lines, encoding="utf-8")


def load(folder: Path, module: nn.Module, optimiser: Optimizer, identity: str) -> State | None:
    """Read a checkpoint into a module and its optimiser.

    Returns:
        How far the training is; ``None`` where there is no checkpoint, or one of another training.

    Raises:
        ModelFormatError: The checkpoint is damaged.
    """
    if not (folder / _STATE).is_file():
        return None
    try:
        told = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT or told.pop("identity") != identity:
            return None
        tensors = load_file(folder / _TENSORS)
        module.load_state_dict(_under("module.", tensors))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimiser.", tensors).items():
            number, _, part = name.partition(".")
            moments.setdefault(int(number), {})[part] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        return State(**told, best_weights=_under("best.", tensors))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelFormatError(
            f"the checkpoint is damaged: {error}", where=str(folder), remedy="Delete it, and train from the beginning."
        ) from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
