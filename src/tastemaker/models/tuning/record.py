"""What a search over the settings of a model has tried and found, and its JSON form."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import StorageError
from tastemaker.evaluation.comparison import plain
from tastemaker.models.base import Settings
from tastemaker.models.space import Choice, Parameter, Space, from_json

FORMAT: Final = 1
RESULT: Final = "tuning.json"
NDCG: Final = "ndcg@10"
LOWER_IS_BETTER: Final = ("rmse", "log_loss")

_EDGE: Final = 0.03


@dataclass(frozen=True)
class Trial:
    """One combination of settings that was tried.

    Attributes:
        number: From 1; the first are the model's defaults.
        settings: Every argument of the constructor.
        value: What the model comes to on validation; ``None`` if the trial failed or was given up.
        seconds: To fit the model and to ask it all validation queries.
        reason: Why it failed or was given up.
        curve: What a model that trains in epochs came to after each, on the validation queries that it stops by.
    """

    number: int
    settings: Settings
    value: float | None
    seconds: float
    reason: str = ""
    curve: Sequence[float] = ()

    @property
    def given_up(self) -> bool:
        """Whether its training was ended because it had fallen behind."""
        return self.value is None and len(self.curve) > 0

    @property
    def fate(self) -> str:
        """What became of it, in a word or two."""
        return "given up" if self.given_up else "failed" if self.value is None else "finished"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        shared = {"number": self.number, "settings": plain(self.settings), "value": self.value}
        curve = {"curve": list(self.curve)} if self.curve else {}
        return {**shared, "seconds": round(self.seconds, 4), "reason": self.reason, **curve}


@dataclass(frozen=True)
class Tuning:
    """A search: what it was about, what it has tried, and why it ended.

    Attributes:
        model: Name of the model.
        dataset: Name of the data set.
        fingerprint: sha256 of its content.
        protocol: Name of the split's rule.
        split_hash: Hash of the split; see `tastemaker.data.Split`.
        knobs: The choices of the split.
        seed: Decides what is tried, how models start, and the order among equal scores.
        space: What might be tried.
        metric: What the values are: ``ndcg@10``, or ``rmse`` or ``log_loss`` of predictions.
        trials: What was tried.
        budget: ``trials`` and ``seconds`` that were granted; no ``seconds`` without a limit.
        ended: Why no more was tried; empty while there is more to do.
        counts: Sizes of what was learnt from and selected on.
        environment: Versions and platform.
    """

    model: str
    dataset: str
    fingerprint: str
    protocol: str
    split_hash: str
    knobs: Mapping[str, Any]
    seed: int
    space: Space
    metric: str = NDCG
    trials: Sequence[Trial] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    ended: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> list[Trial]:
        """The trials that came to a value."""
        return [trial for trial in self.trials if trial.value is not None]

    @property
    def lower(self) -> bool:
        """Whether the lowest value is the best."""
        return self.metric in LOWER_IS_BETTER

    @property
    def best(self) -> Trial | None:
        """The trial with the best value, of equals the first; ``None`` if none has one."""
        return min(self.done, key=self.rank, default=None)

    def rank(self, trial: Trial) -> tuple[bool, float]:
        """Return what trials are sorted by, the best first and those without a value last."""
        value = trial.value or 0.0
        return trial.value is None, value if self.lower else -value

    @property
    def settings(self) -> Settings:
        """The best settings; empty if every trial failed."""
        return {} if self.best is None else dict(self.best.settings)

    @property
    def seconds(self) -> float:
        """What all trials took together."""
        return math.fsum(trial.seconds for trial in self.trials)

    def at_edge(self) -> list[str]:
        """Return the hyper-parameters whose best value lies in the outermost 3 % of what could be tried."""
        return [
            name
            for name, parameter in self.space.items()
            if name in self.settings and _at_edge(parameter, self.settings[name])
        ]

    def toml(self) -> str:
        """Return the best settings as a table of `tastemaker.toml`."""
        tried = f"# chosen by {self.metric} on validation in {len(self.trials)} trials"
        lines = [f"{tried}: {self.dataset}, {self.protocol}, split {self.split_hash}", f"[models.{self.model}]"]
        chosen = {name: plain(value) for name, value in self.settings.items() if value is not None}
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in chosen.items()]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        best = self.best
        return {
            "format": FORMAT,
            "model": self.model,
            "metric": self.metric,
            "best": None if best is None else best.to_json(),
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "protocol": self.protocol,
            "split_hash": self.split_hash,
            "knobs": plain(self.knobs),
            "seed": self.seed,
            "space": {name: parameter.to_json() for name, parameter in self.space.items()},
            "trials": [trial.to_json() for trial in self.trials],
            "budget": dict(self.budget),
            "ended": self.ended,
            "counts": dict(self.counts),
            "environment": dict(self.environment),
        }


def _at_edge(parameter: Parameter, value: Any) -> bool:
    if isinstance(parameter, Choice) or value not in parameter:
        return False
    low, high, at = parameter.low, parameter.high, value
    if parameter.log:
        low, high, at = math.log(low), math.log(high), math.log(value)
    return not _EDGE <= (at - low) / (high - low) <= 1 - _EDGE


def read_tuning(folder: str | Path) -> Tuning:
    """Read the result of a search from its folder.

    Raises:
        StorageError: There is none, or the file is damaged or of another format.
    """
    path = Path(folder) / RESULT
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError(f"its format is {stored['format']}, and this version reads {FORMAT}")
        known = {name: stored[name] for name in Tuning.__dataclass_fields__ if name not in ("space", "trials")}
        space = {name: from_json(about) for name, about in stored["space"].items()}
        return Tuning(**known, space=space, trials=tuple(Trial(**trial) for trial in stored["trials"]))
    except FileNotFoundError as error:
        raise StorageError(
            "there is no result of a search", where=str(folder), remedy="Make one with: tastemaker tune --out FOLDER"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"the result of a search cannot be read: {error}",
            where=str(path),
            remedy="The command that made it writes it again from the trials beside it.",
        ) from error
