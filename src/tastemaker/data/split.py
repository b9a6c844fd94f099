"""Cutting a data set into what is learnt from, what is selected on and what is tested on, by a protocol's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.by_time import global_time, global_time_folds
from tastemaker.data.splits.checks import count
from tastemaker.data.splits.cold import cold_item, cold_user
from tastemaker.data.splits.given import given_frames, given_split
from tastemaker.data.splits.keywords import keyword_user
from tastemaker.data.splits.last import leave_last_n, leave_one_out, user_k_fold, user_ratio
from tastemaker.data.splits.parts import Folds, Split
from tastemaker.data.splits.rules import Knobs, Rules
from tastemaker.data.splits.sampled import random_ratio

__all__ = [
    "PROTOCOLS",
    "Folds",
    "Knobs",
    "Rules",
    "Split",
    "cold_item",
    "cold_user",
    "given_frames",
    "given_split",
    "global_time",
    "global_time_folds",
    "keyword_user",
    "knobs_of",
    "leave_last_n",
    "leave_one_out",
    "make_split",
    "make_splits",
    "random_ratio",
    "user_k_fold",
    "user_ratio",
]

PROTOCOLS: Final[Mapping[str, Callable[..., Split | Folds]]] = {
    "global-time": global_time_folds,
    "leave-one-out": leave_one_out,
    "leave-last-n": leave_last_n,
    "user-ratio": user_ratio,
    "random-ratio": random_ratio,
    "cold-item": cold_item,
    "cold-user": cold_user,
    "keyword-user": keyword_user,
    "user-k-fold": user_k_fold,
    "given": given_split,
}

_RULES: Final = tuple(field.name for field in fields(Rules))
_NO_KNOBS: Final = ("dataset", "rules", "run")


def knobs_of(protocol: str) -> tuple[str, ...]:
    """Return the names of a protocol's knobs, its own before those that every protocol has.

    Raises:
        DataError: There is no such protocol.

    >>> knobs_of("leave-one-out")[:3]
    ('min_events', 'ties', 'tie_unit')
    """
    if protocol not in PROTOCOLS:
        raise DataError(f"there is no protocol '{protocol}'", remedy=nearest(protocol, PROTOCOLS))
    own = inspect.signature(PROTOCOLS[protocol]).parameters
    return (*(name for name in own if name not in _NO_KNOBS), *_RULES)


def make_splits(dataset: Dataset, protocol: str, *, run: Run | None = None, **knobs: Any) -> Folds:
    """Split by the protocol's name: one split, or one for each fold, made one after the other.

    Args:
        dataset: The whole data set.
        protocol: One of `PROTOCOLS`.
        run: Gives the seed.
        knobs: Those of the protocol, and those of `Rules`.

    Raises:
        DataError: There is no such protocol, it has no such knob, or it cannot be done with these data.
    """
    known = knobs_of(protocol)
    if unknown := [name for name in knobs if name not in known]:
        raise DataError(f"{protocol} has no knob '{unknown[0]}'", remedy=nearest(unknown[0], known))
    rules = Rules(**{name: value for name, value in knobs.items() if name in _RULES})
    own = {name: value for name, value in knobs.items() if name not in _RULES}
    made = PROTOCOLS[protocol](dataset, rules=rules, run=run, **own)
    return Folds(lambda _: made, 1) if isinstance(made, Split) else made


def make_split(
    dataset: Dataset, protocol: str, *, run: Run | None = None, fold: int | None = None, **knobs: Any
) -> Split:
    """Split by the protocol's name.

    Args:
        dataset: The whole data set.
        protocol: One of `PROTOCOLS`.
        run: Gives the seed.
        fold: Which fold, from 0, where the knobs ask for several.
        knobs: Those of the protocol, and those of `Rules`.

    Raises:
        DataError: There is no such protocol, it has no such knob, it cannot be done with these data, or there are
            several folds and ``fold`` names none of them.
    """
    made = make_splits(dataset, protocol, run=run, **knobs)
    if fold is None:
        if len(made) > 1:
            raise DataError(
                f"{protocol} gives {len(made)} folds here",
                where="fold",
                remedy=f"Name one with fold=0 to {len(made) - 1}, or take them all with make_splits.",
            )
        fold = 0
    count("fold", fold)
    if fold >= len(made):
        raise DataError(f"there is no fold {fold} of {len(made)}", where="fold", remedy="The first is fold 0.")
    return made[fold]
