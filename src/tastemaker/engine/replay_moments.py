"""Moments of a log at which somebody could have been asked: what came, what was known just before, and yesterday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut

_MICROSECONDS_PER_MINUTE = 60_000_000


@dataclass(frozen=True)
class Moments:
    """``t`` moments, person after person, in time order.

    Attributes:
        held: One question each: all events of the person at earlier times, and the item that came.
        yesterday: Ends of the histories up to the last midnight (UTC) before, int64 ``[t]``.
        minutes: Since the person's last event, float64 ``[t]``, above 0.
        dropped: Events that ask nothing, by reason.
    """

    held: HeldOut
    yesterday: NDArray[np.int64]
    minutes: NDArray[np.float64]
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.held)


def moments_of(
    dataset: Dataset, since: int, until: int | None = None, *, per_user: int | None = None, run: Run | None = None
) -> Moments:
    """Find the moments of a window.

    A history holds what has an earlier time: of what came at the very same time nobody could know. Items that were met
    before ask nothing, nor do dislikes, nor does somebody's first event, before which there is nothing to be late with.

    Args:
        dataset: The whole log.
        since: Where the window begins, microseconds since the epoch.
        until: Where it ends; ``None`` at the last event.
        per_user: So many for each person at most, drawn at random; ``None`` for all.
        run: Gives the seed of the draw.

    Raises:
        DataError: There are no times, or nothing to ask in the window.
    """
    sequences = dataset.sequences
    if (sequences.timestamps == NO_TIME).any():
        raise DataError("a replay needs the time of every event", where=dataset.name, remedy="Name the time column.")
    rng = (run or Run()).rng("replay")
    found: list[tuple[NDArray[np.int64], ...]] = []
    dropped = {"disliked": 0, "first events": 0, "items met before": 0, "not drawn": 0}
    for person, (start, end) in enumerate(
        zip(sequences.indptr[:-1].tolist(), sequences.indptr[1:].tolist(), strict=True)
    ):
        times = sequences.timestamps[start:end]
        first, last = np.searchsorted(times, [since, np.iinfo(np.int64).max if until is None else until])
        if first == last:
            continue
        places = np.arange(first, last)
        before = np.searchsorted(times, times[places], side="left")
        liked, known = sequences.weights[start + places] > 0, before > 0
        fresh = _first_met(sequences.codes[start:end])[places]
        dropped["disliked"] += int((~liked).sum())
        dropped["first events"] += int((liked & ~known).sum())
        dropped["items met before"] += int((liked & known & ~fresh).sum())
        kept = np.flatnonzero(liked & known & fresh)
        if per_user is not None and len(kept) > per_user:
            dropped["not drawn"] += len(kept) - per_user
            kept = np.sort(rng.choice(kept, per_user, replace=False))
        midnights = times[places] // MICROSECONDS_PER_DAY * MICROSECONDS_PER_DAY
        yesterday = np.searchsorted(times, midnights, side="left")
        found.append((np.full(len(kept), person), start + places[kept], start + before[kept], start + yesterday[kept]))
    if not sum(len(each[0]) for each in found):
        raise DataError("nothing can be asked in this window", where=dataset.name, remedy="Let it begin earlier.")
    user, places, before, yesterday = (np.concatenate(column) for column in zip(*found, strict=True))
    at = sequences.timestamps[places]
    return Moments(
        held=HeldOut(
            QueryBatch(
                dictionary=dataset.items.ids,
                codes=sequences.codes,
                weights=sequences.weights,
                timestamps=sequences.timestamps,
                starts=sequences.indptr[user],
                ends=before,
                user_ids=sequences.user_ids[user],
                now=at,
                ratings=sequences.ratings,
            ),
            targets=sequences.codes[places],
            query=np.arange(len(places), dtype=np.int32),
            users=np.unique(user, return_inverse=True)[1].astype(np.int32),
            rows=sequences.rows[places],
            fingerprint=dataset.fingerprint,
        ),
        yesterday=yesterday,
        minutes=(at - sequences.timestamps[before - 1]) / _MICROSECONDS_PER_MINUTE,
        dropped={reason: count for reason, count in dropped.items() if count},
    )


def _first_met(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark the events that are the first with their item, bool ``[e]``."""
    first = np.zeros(len(codes), dtype=bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return first
