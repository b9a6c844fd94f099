"""Whether a model reads what it should not: the future beside a history, raw ids, held-out rows."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data.heldout import HeldOut
from tastemaker.data.provenance import Provenance
from tastemaker.data.split import Split
from tastemaker.evaluation.probes.chance import normal_range, normal_tail
from tastemaker.evaluation.probes.counterfactual import without_the_future
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.gains import gains, lists_of

NAMES: Final = "id permutation"
FUTURE: Final = "history only"
PROVENANCE: Final = "provenance overlap"


def history_only(
    model: Recommender, held: HeldOut, *, k: int = 10, level: float = FALSE_ALARMS, run: Run | None = None
) -> Finding:
    """Ask once with the batch as the split made it, and once with one that holds nothing beyond the histories.

    A batch shares its columns of events among queries, so events after ``ends`` lie beside the history for a model
    that does not look where it reads. Statistic: the share of lists that differ. It is a leak if the mean gain
    differs as well (normal test over answers), else suspicious.
    """
    run = run or Run()
    lists, again = lists_of(model, held, k, run), lists_of(model, held, k, run)
    if (lists != again).any():
        return not_run(FUTURE, model.name, "asked twice, the model answers differently")
    blind = lists_of(model, without_the_future(held), k, run)
    differ = float((lists != blind).any(axis=1).mean())
    targets, query = held.targets.astype(np.int64), held.query.astype(np.int64)
    change = gains(blind, targets, query) - gains(lists, targets, query)
    deviation = float(change.std(ddof=1)) / np.sqrt(len(change)) if len(change) > 1 else 0.0
    p_value = normal_tail(float(change.mean()) / deviation) if deviation > 0 else 1.0
    leak = differ > 0 and p_value < level
    message = f"{differ:.1%} of the lists change when the batch holds nothing but the histories"
    return Finding(
        FUTURE,
        model.name,
        "leak" if leak else "suspicious" if differ else "clean",
        differ,
        0.0,
        (0.0, 0.0),
        p_value,
        level,
        f"{message}, and the score by {change.mean():+.4f}." if differ else f"{message}.",
        "Read the events between starts and ends of a batch, and no others." if differ else "",
    )


def names_exchanged(
    name: str, as_they_are: NDArray[np.float64], exchanged: NDArray[np.float64], *, level: float = FALSE_ALARMS
) -> Finding:
    """Compare the gains under the true ids with those under permuted ids; a model that reads names only stays.

    Statistic: the difference of the mean gains. It must stand out from the noise of the answers (paired normal test
    over the answers) and from that of the seed (Welch's t over the means of each seed, with two degrees of freedom
    for two seeds); the larger p-value counts. A score that falls is a leak, one that rises is suspicious.

    Args:
        name: The model.
        as_they_are: Gains under the true ids, float64 ``[repeats, t]``.
        exchanged: Gains under permuted ids, float64 ``[repeats, t]``.
        level: False alarm rate.
    """
    repeats, count = as_they_are.shape
    change = exchanged.mean(axis=0) - as_they_are.mean(axis=0)
    value = float(change.mean())
    answers = float(change.std(ddof=1)) / np.sqrt(count) if count > 1 else 0.0
    by_seed = [part.mean(axis=1).var(ddof=1) for part in (as_they_are, exchanged)]
    seeds = float(np.sqrt(sum(by_seed) / repeats))
    p_answers = normal_tail(value / answers) if answers > 0 else 1.0
    p_seeds = float(2 * scipy.stats.t.sf(abs(value) / seeds, 2 * (repeats - 1))) if seeds > 0 else 0.0
    p_value = max(p_answers, p_seeds)
    alarm = p_value < level
    message = (
        f"{as_they_are.mean():.4f} with the ids as they are, {exchanged.mean():.4f} with ids exchanged and items "
        f"numbered anew; another seed alone changes it by about {seeds:.4f}."
    )
    if alarm:
        message += " It reads ids or their order."
    return Finding(
        NAMES,
        name,
        "clean" if not alarm else "leak" if value < 0 else "suspicious",
        value,
        0.0,
        normal_range(0.0, max(answers, seeds), level),
        p_value,
        level,
        message,
        "Let it tell items by their events and texts; ids are names." if alarm else "",
    )


def provenance_overlap(model: Recommender, split: Split) -> Finding:
    """Compare what a fitted model says it has seen with what is held out; exact, no statistic.

    A leak: held-out rows, or with a split by time a last event at the first held-out moment or after it. Suspicious:
    no provenance, other data of the same name, or more people than the training part has.
    """
    seen = getattr(model, "provenance_", None)
    if not isinstance(seen, Provenance):
        return Finding(
            PROVENANCE,
            model.name,
            "suspicious",
            message="the model does not say what it was fitted on.",
            remedy="Set provenance_ = train.provenance() in fit.",
        )
    rows = np.unique(np.concatenate([split.valid.rows, split.test.rows]))
    overlap = seen.overlap(split.test.fingerprint, rows)
    cut = _cut(split)
    late = cut is not None and seen.last_event is not None and seen.last_event >= cut
    people = len(split.train.sequences.user_ids)
    other = seen.fingerprint != split.train.fingerprint
    notes = [
        (overlap > 0, f"{overlap:,} of {len(rows):,} held-out rows were seen"),
        (late, "the last event it has seen is not before the held-out part"),
        (seen.users > people, f"it has seen {seen.users:,} people, and training has {people:,}"),
        (other, f"it was fitted on other data ('{seen.dataset}') than '{split.train.name}'"),
        (split.train.name in seen.others, "another version of these data had a part in it"),
    ]
    said = [note for holds, note in notes if holds]
    return Finding(
        PROVENANCE,
        model.name,
        "leak" if overlap or late else "suspicious" if said else "clean",
        overlap / len(rows),
        0.0,
        (0.0, 0.0),
        message=("; ".join(said) or f"none of {len(rows):,} held-out rows was seen") + ".",
        remedy="Fit it on the training part of this split." if said else "",
    )


def _cut(split: Split) -> int | None:
    """Return the first held-out moment if all of training lies before it, else ``None``."""
    held = np.concatenate([split.valid.queries.now, split.test.queries.now])
    last = split.train.provenance().last_event
    if last is None or (held == NO_TIME).any():
        return None
    return int(held.min()) if last < held.min() else None
