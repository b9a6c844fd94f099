"""The knobs that every protocol has: which events there are, in which order, and which questions are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.kcore import k_core
from tastemaker.data.splits.checks import choice, count, flag
from tastemaker.data.splits.ties import UNITS, shuffle_ties

Knobs = Mapping[str, str | int | float | bool | None]

TIES: Final = {"file": "file order", "shuffle": "shuffled"}
"""Policies for equal times, and what a report says of them."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for every protocol.

    Attributes:
        ties: Order of a user's events of equal time: as in the ``file``, or ``shuffle``, by the run's seed.
        tie_unit: What counts as equal when they are shuffled: the ``time``, or the ``day`` in UTC.
        core_users: Events that a user needs for the k-core, which is taken first; 0 for none.
        core_items: Events that an item needs for the k-core; 0 for none.
        drop_cold_users: Ask nothing of users without an event in the training part.
        drop_cold_items: Ask for no item without an event in the training part.
        drop_seen: Ask for no item that the user has met before.
        min_history: Events that a user needs before the first question of a part.
        train_on_valid: Learn from the validation part too, which is then empty: for a last fit whose choices are
            made already.

    Raises:
        DataError: A value is out of place.
    """

    ties: str = "file"
    tie_unit: str = "time"
    core_users: int = 0
    core_items: int = 0
    drop_cold_users: bool = False
    drop_cold_items: bool = False
    drop_seen: bool = True
    min_history: int = 0
    train_on_valid: bool = False

    def __post_init__(self) -> None:
        choice("ties", self.ties, TIES)
        choice("tie_unit", self.tie_unit, UNITS)
        for knob in fields(self):
            value = getattr(self, knob.name)
            if isinstance(knob.default, bool):
                flag(knob.name, value)
            elif isinstance(knob.default, int):
                count(knob.name, value)

    def prepared(self, dataset: Dataset, run: Run) -> tuple[Dataset, Knobs]:
        """Return the events that are cut, in their order, and these rules as knobs of a split."""
        knobs: dict[str, str | int | bool] = {**asdict(self), "ties": TIES[self.ties]}
        if self.core_users > 1 or self.core_items > 1:
            core = k_core(dataset, self.core_users, self.core_items)
            dataset, knobs["core_dropped_events"] = core.dataset, core.dropped_events
        if self.ties == "shuffle":
            dataset, knobs["seed"] = shuffle_ties(dataset, run.rng("ties"), self.tie_unit), run.seed
        return dataset, knobs
