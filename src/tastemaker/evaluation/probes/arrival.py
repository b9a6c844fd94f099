"""Whether numbers of items follow the order in which the items first appear in the log, held-out events included."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.evaluation.probes.chance import more_than, normal_range, normal_tail
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.numbers import Numbering

ARRIVAL: Final = "arrival order"
FILE, TIME = "rows", "time"

SIDES_WITH_THE_LOG: Final = 0.75
"""Share of cases; shops that number what they list stay below 0.6 in the data sets of docs/probes.md."""

_NEVER: Final = np.iinfo(np.int64).max
_FEWEST: Final = 10


def arrival_order(
    numbering: Numbering, dataset: Dataset, train: Dataset, *, by: str = FILE, level: float = FALSE_ALARMS
) -> Finding:
    """Compare the order of the numbers with the order in which items first appear.

    Statistic: Spearman's rho between number and place of the first event, held-out events included; where the two
    have nothing to do with one another, ``rho * sqrt(n - 1)`` is standard normal. A shop that numbers its goods when
    it lists them correlates too, and rightly so: that is suspicious only. It is a leak if the numbers know the
    held-out events: of neighbouring numbers ``i, i + 1`` whose items come in one order in the whole log and in the
    other in the training part, more than `SIDES_WITH_THE_LOG` follow the whole log (exact binomial test). Numbers
    given on arrival always do; numbers given before the events side with neither, or a little with the whole log,
    whose first event is the nearer one to the day of listing.

    Args:
        numbering: The order that is looked at.
        dataset: All events.
        train: The training part.
        by: `FILE` goes through the log row by row, `TIME` by the clock.
        level: False alarm rate; each of the two tests gets half.
    """
    subject = f"{numbering.name}, by {by}"
    if by == TIME and not dataset.interactions.has_times:
        return not_run(ARRIVAL, subject, "the events have no times")
    key = _keys(dataset, by)
    everything = _first(dataset, key, len(numbering.rank))
    learnt = _first(train, key, len(numbering.rank))
    seen = everything < _NEVER
    n = int(seen.sum())
    if n < _FEWEST:
        return not_run(ARRIVAL, subject, f"only {n} items have events")
    rho = float(scipy.stats.spearmanr(numbering.rank[seen], everything[seen]).statistic)
    p_value = normal_tail(rho * np.sqrt(n - 1))
    with_all, against = _sides(numbering.rank, everything, learnt)
    alarm = p_value < level / 2
    leak = alarm and more_than(SIDES_WITH_THE_LOG, with_all, with_all + against) < level / 2
    message = f"rank correlation {rho:+.3f} between the numbers and the first events of {n:,} items."
    if leak:
        message += (
            f" Where the whole log and the training part disagree about two neighbours, the numbers side with the "
            f"whole log in {with_all:,} of {with_all + against:,} cases: they were given after the held-out events."
        )
    elif alarm:
        message += " Numbers given when an item is listed do that; they tell a model that reads them which are new."
    remedy = "Number the items anew at random, or read ids as names only." if alarm else ""
    deviation = 1 / float(np.sqrt(n - 1))
    return Finding(
        ARRIVAL,
        subject,
        "leak" if leak else "suspicious" if alarm else "clean",
        rho,
        0.0,
        normal_range(0.0, deviation, level / 2),
        p_value,
        level / 2,
        message,
        remedy,
    )


def _keys(dataset: Dataset, by: str) -> NDArray[np.int64]:
    """Return the place of each event in the chosen order by its row in the file, int64."""
    sequences = dataset.sequences
    keys = np.full(int(sequences.rows.max()) + 1, _NEVER, dtype=np.int64)
    if by == FILE:
        keys[sequences.rows] = sequences.rows
        return keys
    known = np.flatnonzero(sequences.timestamps != NO_TIME)
    order = known[np.lexsort((sequences.rows[known], sequences.timestamps[known]))]
    keys[sequences.rows[order]] = np.arange(len(order))
    return keys


def _first(events: Dataset, key: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    first = np.full(n, _NEVER, dtype=np.int64)
    np.minimum.at(first, events.sequences.codes, key[events.sequences.rows])
    return first


def _sides(rank: NDArray[np.int64], everything: NDArray[np.int64], learnt: NDArray[np.int64]) -> tuple[int, int]:
    """Count the neighbours on which whole log and training part disagree: numbers with the former, with the latter.

    Neighbours that share no item are taken (the first with the second, the third with the fourth), so that the
    cases are independent.
    """
    known = np.flatnonzero(learnt < _NEVER)
    order = known[np.argsort(rank[known])]
    pairs = order[: len(order) // 2 * 2].reshape(-1, 2)
    ascends = everything[pairs[:, 1]] > everything[pairs[:, 0]]
    ascends_in_training = learnt[pairs[:, 1]] > learnt[pairs[:, 0]]
    disagree = ascends != ascends_in_training
    return int(ascends[disagree].sum()), int((~ascends)[disagree].sum())
