"""Whether the order within histories is one of ids: whole histories sorted by id, and ties broken by id."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.probes.chance import normal_range, normal_tail
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.numbers import Numbering

SORTED: Final = "sorted histories"
TIES: Final = "tie order"
_LONG: Final = 5
_FEWEST: Final = 10


def sorted_histories(numbering: Numbering, dataset: Dataset, *, level: float = FALSE_ALARMS) -> Finding:
    """Count the people whose items stand in the order of their ids, rising or falling.

    Statistic: the share of people with three events or more whose history is sorted, in whichever direction is more
    frequent. A history of ``m`` events in random order is sorted with chance ``prod(repeats!) / m!`` (1 / m! if no
    item repeats). The number of sorted histories then has a Poisson-binomial law, whose upper tail the Poisson law
    bounds (Hoeffding 1956). More than chance is suspicious. It is a leak if the order is that of ids for the
    majority of people with five events or more (exact binomial test against one half): the last event of such a
    history is its highest id, not what came last.

    Args:
        numbering: The order of the ids.
        dataset: All events.
        level: False alarm rate; each direction gets half.
    """
    sequences = dataset.sequences
    lengths = np.diff(sequences.indptr)
    rank = numbering.rank[sequences.codes]
    same = np.repeat(np.arange(len(lengths)), lengths)
    steps, owner = np.diff(rank), same[1:]
    inside = owner == same[:-1]
    breaks = [np.bincount(owner[inside & against], minlength=len(lengths)) for against in (steps < 0, steps > 0)]
    varied = np.bincount(owner[inside & (steps != 0)], minlength=len(lengths)) > 0
    people = (lengths >= 3) & varied
    if not people.any():
        return not_run(SORTED, numbering.name, "nobody has three events or more")
    chance = np.exp(_log_chance(sequences.codes, sequences.indptr))[people]
    counts = [int((broken[people] == 0).sum()) for broken in breaks]
    count, direction = max(counts), int(np.argmax(counts))
    p_value = min(1.0, 2 * float(scipy.stats.poisson.sf(count - 1, chance.sum())))
    long = people & (lengths >= _LONG)
    ordered = int((breaks[direction][long] == 0).sum())
    alarm = p_value < level
    leak = alarm and bool(long.any()) and float(scipy.stats.binom.sf(ordered - 1, int(long.sum()), 0.5)) < level
    total = int(people.sum())
    message = (
        f"{count:,} of {total:,} histories of three events or more are sorted by id "
        f"({'rising' if direction == 0 else 'falling'}); chance gives {chance.sum():,.1f}."
    )
    if leak:
        message += (
            f" Of those with {_LONG} events or more, {ordered / int(long.sum()):.0%} are: this is no order of time."
        )
    remedy = "Order the events by time, from a file that has times; leave-one-out on these means nothing."
    if alarm and not leak:
        remedy = "See the probe 'tie order': ties may be broken by id."
    return Finding(
        SORTED,
        numbering.name,
        "leak" if leak else "suspicious" if alarm else "clean",
        count / total,
        float(chance.sum()) / total,
        (0.0, float(scipy.stats.poisson.isf(level / 2, chance.sum())) / total),
        p_value,
        level,
        message,
        remedy if alarm else "",
    )


def _log_chance(codes: NDArray[np.int32], indptr: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of the chance that a history is sorted, float64 ``[u]``."""
    lengths = np.diff(indptr)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((codes, owner))
    new = np.r_[True, (np.diff(owner[order]) != 0) | (np.diff(codes[order]) != 0)]
    starts = np.flatnonzero(new)
    repeats = np.diff(np.append(starts, len(codes)))
    factorial = np.cumsum(np.log(np.maximum(np.arange(int(lengths.max(initial=0)) + 1), 1)))
    repeated = np.bincount(owner[order][starts], weights=factorial[repeats], minlength=len(lengths))
    return np.asarray(repeated - factorial[lengths])


def tie_order(numbering: Numbering, dataset: Dataset, held: HeldOut, *, level: float = FALSE_ALARMS) -> Finding:
    """Ask whether events of the same time stand in the order of their ids.

    Statistic: the share of steps between neighbouring events of the same person and time in which the id rises;
    without times, of all steps of a history. In random order a run of ``m`` different items rises in
    ``(m - 1) / 2`` steps on average with variance ``(m + 1) / 12`` (Eulerian numbers: Graham, Knuth and Patashnik,
    section 6.2), and runs are independent, so the sum is normal. Another share than one half is suspicious, and
    without times it may be that newer items have higher ids. It is a leak if it shows in the answers as well: of
    the held-out events that are tied with the event before, another share than one half rises (exact binomial
    test), so that the answer can be told in part from its id.

    Args:
        numbering: The order of the ids.
        dataset: All events.
        held: Queries and their answers.
        level: False alarm rate; each of the two tests gets half.
    """
    sequences = dataset.sequences
    timed = dataset.interactions.has_times
    owner, rank = sequences.user_of_event(), numbering.rank[sequences.codes]
    joined = (owner[1:] == owner[:-1]) & (rank[1:] != rank[:-1])
    anywhere = float((rank[1:] > rank[:-1])[joined].mean()) if joined.any() else 0.5
    if timed:
        known = sequences.timestamps != NO_TIME
        joined &= known[1:] & (sequences.timestamps[1:] == sequences.timestamps[:-1])
    steps = int(joined.sum())
    if steps < _FEWEST:
        return not_run(TIES, numbering.name, f"only {steps} steps between events of the same time")
    rises = int((rank[1:] > rank[:-1])[joined].sum())
    deviation = np.sqrt(_variance(joined)) / steps
    share = rises / steps
    p_value = normal_tail((share - 0.5) / deviation)
    risen, tied = _answers(numbering, held, timed)
    answers_p = float(scipy.stats.binomtest(risen, tied, 0.5).pvalue) if tied else 1.0
    alarm = p_value < level / 2
    leak = alarm and answers_p < level / 2
    where = f"between events of the same time ({anywhere:.3f} of all)" if timed else "of any kind (there are no times)"
    message = f"the id rises in {share:.3f} of {steps:,} steps {where}"
    message += f", and in {risen / tied:.3f} of {tied:,} steps to an answer." if tied else "."
    if alarm and not leak:
        message += " The answers do not show it."
    return Finding(
        TIES,
        numbering.name,
        "leak" if leak else "suspicious" if alarm else "clean",
        share,
        0.5,
        normal_range(0.5, float(deviation), level / 2),
        p_value,
        level / 2,
        message,
        "Shuffle events of the same time, or keep models from the ids and from texts that go with them."
        if alarm
        else "",
    )


def _variance(joined: NDArray[np.bool_]) -> float:
    """Return the variance of the number of rises: ``(m + 1) / 12`` for each run of ``m - 1`` joined steps."""
    bounds = np.flatnonzero(np.diff(np.r_[False, joined, False].astype(np.int8)))
    run_steps = bounds[1::2] - bounds[::2]
    return float((run_steps + 2).sum() / 12)


def _answers(numbering: Numbering, held: HeldOut, timed: bool) -> tuple[int, int]:
    """Count the answers that come right after an event of their history, at its time: those that rise, and all."""
    queries = held.queries
    before = queries.ends - 1
    usable = queries.lengths() > 0
    if timed:
        usable &= (queries.now != NO_TIME) & (queries.timestamps[before] == queries.now)
    rows = usable[held.query]
    answer = numbering.rank[held.targets[rows]]
    last = numbering.rank[queries.codes[before[held.query[rows]]]]
    return int((answer > last).sum()), int(rows.sum())
