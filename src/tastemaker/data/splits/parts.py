"""What a split is, and how it is made once every event has its part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.splits.facts import learnable
from tastemaker.data.splits.questions import TEST, TRAIN, VALID, Form, ask, none_of
from tastemaker.data.splits.rules import Knobs, Rules

HISTORY: Final = {
    "before": "all events before",
    "warm": "all events before whose items are in training",
    "train": "the user's events in training, whatever their time",
}
_AT_TEST: Final = {**HISTORY, "train": "the user's events in training and validation, whatever their time"}


@dataclass(frozen=True)
class Split:
    """A data set in three parts.

    Attributes:
        protocol: Name of the rule, such as ``leave-one-out``.
        knobs: Every choice that decides the numbers.
        train: What models learn from; facts that people stated are cut like the events, see `learnable`.
        valid: What choices are made on; without questions where the split has no such part.
        test: What is reported on, once.
        hash: sha256 of data, protocol, knobs and the rows of each part; 12 hexadecimal digits.
    """

    protocol: str
    knobs: Knobs
    train: Dataset
    valid: HeldOut
    test: HeldOut
    hash: str


@dataclass(frozen=True)
class Folds(Sequence[Split]):
    """Several splits of the same data, each made when it is asked for, so that only one has to be held at a time.

    Attributes:
        make: Makes the split of one fold.
        size: How many folds there are.
    """

    make: Callable[[int], Split]
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, fold: int) -> Split: ...

    @overload
    def __getitem__(self, fold: slice) -> Folds: ...

    def __getitem__(self, fold: int | slice) -> Split | Folds:
        """Make the split of one fold, from 0; a slice makes none yet."""
        chosen = range(self.size)[fold]
        if isinstance(chosen, range):
            return Folds(lambda place: self.make(chosen[place]), len(chosen))
        return self.make(chosen)


def cut(
    protocol: str,
    dataset: Dataset,
    part: NDArray[np.int8],
    form: Form,
    rules: Rules,
    knobs: Knobs,
    run: Run,
    remedy: str = "Use more data, larger shares, or another protocol.",
) -> Split:
    """Make a split of events that each have a part.

    Args:
        protocol: Name of the rule.
        dataset: The events, as `Rules.prepared` returns them.
        part: One of `NONE`, `TRAIN`, `VALID`, `TEST` for each event, int8 ``[e]``.
        form: How events become questions.
        rules: What holds for every protocol.
        knobs: What decided the parts, those of ``rules`` included.
        run: Gives the seed of draws.
        remedy: What can be done where a part is empty.

    Raises:
        DataError: A part is empty, or there is one item only.
    """
    if rules.train_on_valid:
        part = np.where(part == VALID, np.int8(TRAIN), part)
    valid = ask(dataset, part, VALID, form, rules, run.rng("valid"))
    test = ask(dataset, part, TEST, form, rules, run.rng("test"))
    for name, which, held in (("validation", VALID, valid), ("test", TEST, test)):
        if not len(held) and not (which == VALID and rules.train_on_valid):
            raise DataError(f"the {name} part of {protocol} is empty{_reason(held)}", where=dataset.name, remedy=remedy)
    train = part == TRAIN
    if not train.any():
        raise DataError(f"the training part of {protocol} is empty", where=dataset.name, remedy=remedy)
    if len(dataset.items) < 2:
        raise DataError("there is one item only, so there is nothing to choose between", where=dataset.name)
    said: Knobs = {"history_at_valid": HISTORY[form.history], "history_at_test": _AT_TEST[form.history], **knobs}
    return Split(
        protocol,
        said,
        replace(dataset.where(train), relations=learnable(dataset, part)),
        none_of(valid) if rules.train_on_valid else valid,
        test,
        split_hash(dataset, protocol, said, (dataset.sequences.rows[train], valid.rows, test.rows)),
    )


def saying(split: Split, valid: Sequence[str | None], test: Sequence[str | None], **knobs: Any) -> Split:
    """Return a split whose questions are asked in words; its hash covers them.

    Args:
        split: The split.
        valid: What each question of the validation part says; ``None`` where it says nothing.
        test: The same of the test part.
        knobs: What decided the words, where the knobs do not say it yet.
    """
    digest = hashlib.sha256(json.dumps([split.hash, list(valid), list(test)]).encode())
    return replace(
        split,
        valid=replace(split.valid, queries=split.valid.queries.saying(valid)),
        test=replace(split.test, queries=split.test.queries.saying(test)),
        knobs={**split.knobs, **knobs},
        hash=digest.hexdigest()[:12],
    )


def _reason(held: HeldOut) -> str:
    lost = [f"{number:,} {what}" for what, number in held.dropped.items()]
    return f": its events are left out ({', '.join(lost)})" if lost else ""


def split_hash(dataset: Dataset, protocol: str, knobs: Knobs, parts: tuple[NDArray[np.int64], ...]) -> str:
    """Return what two splits share exactly if data, protocol, knobs and the rows of each part are the same."""
    digest = hashlib.sha256(json.dumps([dataset.fingerprint, protocol, dict(knobs)], sort_keys=True).encode())
    for rows in parts:
        marks = np.zeros(int(rows.max(initial=-1)) + 1, dtype=bool)
        marks[rows] = True
        digest.update(len(rows).to_bytes(8, "little") + np.packbits(marks).tobytes())
    return digest.hexdigest()[:12]
