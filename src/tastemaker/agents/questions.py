"""Which question is worth a turn: the one whose answer would narrow what is left most, if it is left at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tastemaker.agents.slots import Slot
from tastemaker.agents.state import State
from tastemaker.pipeline.columns import Mask
from tastemaker.pipeline.shelf import Shelf

ENOUGH: Final = 30
"""With fewer items left nothing is asked: a look at them says more."""
MOST_RUNNING: Final = 2
"""So many questions may follow each other without an answer."""
MOST_CHOICES: Final = 5
LEAST_BITS: Final = 0.8
"""What an answer has to say at least; a yes or no of equal chance says one bit."""
_LOOKED_AT: Final = 2000
_MOST_VALUES: Final = 60
"""A respect with more values than that, such as authors, is one that people name by themselves or not at all."""


@dataclass(frozen=True)
class Question:
    """A question about one slot.

    Attributes:
        slot: Name of the slot.
        choices: Values that are offered, those of most items first.
        bits: How much an answer would say on average, in bits.
    """

    slot: str
    choices: tuple[str, ...]
    bits: float


def question_for(state: State, slots: Mapping[str, Slot], shelf: Shelf, left: Mask, seed: int = 0) -> Question | None:
    """Return the question that is worth most, ``None`` where none is worth a turn.

    The worth is the entropy of a slot's values among the items that are left, each item with an equal share for each
    of its values, times the share of items that have any: of what the shop does not know it cannot ask.

    Args:
        state: What is known of the person's wishes, and what was asked.
        slots: What there is to be asked about.
        shelf: The items.
        left: Which of them are left, bool ``[n]``.
        seed: Decides which are looked at where many are left.
    """
    numbers = np.flatnonzero(left)
    unanswered = [asked for asked in state.asked[-MOST_RUNNING:] if asked.answer == "open"]
    if len(numbers) < ENOUGH or len(unanswered) >= MOST_RUNNING:
        return None
    if len(numbers) > _LOOKED_AT:
        numbers = np.random.default_rng(seed).choice(numbers, _LOOKED_AT, replace=False)
    done = state.refused_slots | {asked.slot for asked in state.asked}
    open_slots = [
        slot
        for slot in slots.values()
        if slot.name not in done and slot.kind in ("text", "texts") and len(slot.values) <= _MOST_VALUES
    ]
    found = [_question(slot, shelf, numbers.tolist()) for slot in open_slots]
    best = max(found, key=lambda each: each.bits, default=None)
    return best if best is not None and best.bits >= LEAST_BITS and len(best.choices) > 1 else None


def _question(slot: Slot, shelf: Shelf, numbers: list[int]) -> Question:
    shares: dict[str, float] = defaultdict(float)
    for number in numbers:
        value = shelf.value(number, slot.name)
        values = (value,) if isinstance(value, str) else value or ()
        for each in values:
            shares[each] += 1 / len(values)
    total = sum(shares.values())
    if not total:
        return Question(slot.name, (), 0.0)
    entropy = -sum(share / total * math.log2(share / total) for share in shares.values())
    choices = tuple(name for name, _ in sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_CHOICES])
    return Question(slot.name, choices, entropy * total / len(numbers))
