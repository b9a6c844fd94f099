"""Rules that guess the answer from numbers alone: one more than the highest, or than the last, of the history."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.probes.chance import Exchange, counts_above, counts_tail, more_than
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.numbers import Numbering

NEXT: Final = "next-id rule"
LAST: Final = "last-plus-one"
_REPLICATES: Final = 200
_NOBODY: Final = -1
_EITHER: Final = 0.5

_REMEDY: Final = (
    "Show models no such numbers: use the raw ids as names only, or numbers permuted by a seed as the vocabulary's are."
)


def next_id(
    numbering: Numbering,
    train: Dataset,
    held: HeldOut,
    *,
    level: float = FALSE_ALARMS,
    rng: np.random.Generator | None = None,
) -> list[Finding]:
    """Guess each answer as the item numbered ``max(history) + 1``, and as ``last + 1``.

    Statistic: the share of answers that the rule names (hit rate at 1). Chance: the same share with the items'
    labels exchanged at random (200 draws), its tail by `counts_tail`. More than chance is suspicious. It is a leak
    if the rule also hits more answers than its mirror image (``min - 1``, ``last - 1``), which items with similar
    numbers explain as well, and more than the most popular item that is new to the person; both by an exact sign
    test.

    Args:
        numbering: The order that is looked at.
        train: What the popular items are counted in.
        held: Queries and their answers.
        level: False alarm rate of each of the two tests.
        rng: Draws the exchanges.
    """
    rng = rng or np.random.default_rng(0)
    asked = held.queries.lengths() > 0
    if not numbering.is_number or not asked.any():
        reason = "no history to guess from" if numbering.is_number else "the ids are no numbers"
        return [not_run(probe, numbering.name, reason) for probe in (NEXT, LAST)]
    highest, lowest, last = _landmarks(numbering.rank, held, asked)
    item_at = np.append(np.argsort(numbering.rank), _NOBODY)
    n = len(numbering.rank)

    exchange = Exchange.of(held)

    def at(places: NDArray[np.int64]) -> NDArray[np.int64]:
        named = item_at[np.where(asked & (places >= 0) & (places < n), places, n)][held.query]
        return np.where(exchange.free(named), named, _NOBODY)

    rules = {NEXT: (at(highest + 1), at(lowest - 1)), LAST: (at(last + 1), at(last - 1))}
    chance: dict[str, list[float]] = {probe: [] for probe in rules}
    weight = 1 / exchange.freedom_of_queries()
    for drawn in exchange.draws(rng, _REPLICATES):
        for probe, (named, _) in rules.items():
            chance[probe].append(float(weight[named == drawn].sum()))
    popular = most_popular_new(train, held, exchange)[held.query]
    return [
        _judged(probe, numbering.name, exchange.targets, named, mirror, popular, np.asarray(chance[probe]), level)
        for probe, (named, mirror) in rules.items()
    ]


def _judged(
    probe: str,
    subject: str,
    targets: NDArray[np.int64],
    named: NDArray[np.int64],
    mirror: NDArray[np.int64],
    popular: NDArray[np.int64],
    chance: NDArray[np.float64],
    level: float,
) -> Finding:
    hits, total = int((named == targets).sum()), len(targets)
    mirrored, counted = int((mirror == targets).sum()), int((popular == targets).sum())
    p_value = counts_tail(hits, chance)
    alarm = p_value < level
    leak = alarm and all(more_than(_EITHER, hits, hits + other) < level for other in (mirrored, counted))
    rule = "one more than the highest number of the history" if probe == NEXT else "one more than the last number"
    message = (
        f"'{rule}' hits {hits:,} of {total:,} answers ({hits / total:.4f}); chance gives {chance.mean() / total:.4f}, "
        f"the mirrored rule {mirrored / total:.4f}, the most popular new item {counted / total:.4f}."
    )
    if alarm and not leak:
        message += " The numbers tell something about which items go together."
    return Finding(
        probe,
        subject,
        "leak" if leak else "suspicious" if alarm else "clean",
        hits / total,
        float(chance.mean()) / total,
        (0.0, counts_above(chance, level) / total),
        p_value,
        level,
        message,
        _REMEDY if alarm else "",
    )


def _landmarks(
    rank: NDArray[np.int64], held: HeldOut, asked: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the highest, the lowest and the last number of each history, int64 ``[q]``; 0 where it is empty."""
    queries = held.queries
    indptr, positions = queries.flatten()
    numbers = rank[queries.codes[positions]]
    highest, lowest, last = (np.zeros(len(held), dtype=np.int64) for _ in range(3))
    starts = indptr[:-1][asked]
    highest[asked] = np.maximum.reduceat(numbers, starts)
    lowest[asked] = np.minimum.reduceat(numbers, starts)
    last[asked] = numbers[indptr[1:][asked] - 1]
    return highest, lowest, last


def most_popular_new(train: Dataset, held: HeldOut, exchange: Exchange) -> NDArray[np.int64]:
    """Return for each query the item with the most training events that its person has not met, int64 ``[q]``."""
    counts = np.bincount(train.sequences.codes, minlength=exchange.items)
    order = np.argsort(-counts, kind="stable")
    best = np.full(len(held), _NOBODY, dtype=np.int64)
    left = np.arange(len(held), dtype=np.int64)
    for item in order:
        if not len(left):
            break
        met = np.isin(left * exchange.items + item, exchange.met, assume_unique=True)
        best[left[~met]] = item
        left = left[met]
    return best
