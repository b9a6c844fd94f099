"""What live states of people are worth: the last part of a log replayed in time order, with intervals.

Before every event of the last tenth of the log (``--share``) each side is asked for ten items, with what the person did
up to that moment (``live``) or up to the midnight before it (``yesterday``), and the table says how often what came was
among them, by how long ago the person's last event was. Compared are

- vectors of people in the space of iALS's items (fitted on what lies before the window), live and of yesterday; ranked
  by products with the items' vectors as they are, and by cosines;
- one interest against three, with and without the session's share, with low ratings as dislikes;
- the session policy's mixture of personal and popular places, and what its chance costs;
- fitted models with both histories: sequential rules, and iALS itself.

Run ``python benchmarks/live.py --data DIR`` for MovieLens-100K; ``--source NAME`` takes another of `tastemaker data
list`. ``--speed`` prints what one person costs instead, by the thread's own time, on generated events.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import from_microseconds
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data import Dataset, load_dataset
from tastemaker.engine.interests import Interests
from tastemaker.engine.people_state import Following, LivePerson
from tastemaker.engine.policy import Policy
from tastemaker.engine.replay import Arm, ByInterests, ByModel, ByPolicy, replay_events
from tastemaker.models import IALS, SequentialRules
from tastemaker.store.ports import NewEvent, StoredEvent

ITEMS, DIM, EVENTS, HISTORY = 5_000, 64, 1_000, 200
MOST_PERSON_US, MOST_EVENT_US, MOST_REBUILD_MS = 50.0, 50.0, 50.0


def with_times(dataset: Dataset) -> Dataset:
    """Return the data set without the events whose time is unknown: of them nobody can say who came before whom."""
    known = dataset.sequences.timestamps != NO_TIME
    if known.all():
        return dataset
    print(f"{dataset.name}: {(~known).sum():,} of {len(known):,} events have no time and are left out", flush=True)
    return dataset.where(known)


def since_of(dataset: Dataset, share: float) -> int:
    """Return when the last ``share`` of the events begins, at a midnight (UTC)."""
    times = np.sort(dataset.sequences.timestamps)
    day = 86_400_000_000
    return int(times[int(len(times) * (1 - share))] // day * day)


def experiment(dataset: Dataset, share: float, per_user: int | None, dimensions: int, run: Run) -> None:
    since = since_of(dataset, share)
    train = dataset.where(dataset.sequences.timestamps < since)
    print(
        f"{dataset.name}: fitting on {len(train.interactions):,} events before {from_microseconds(since):%Y-%m-%d}",
        flush=True,
    )
    settings = {"convention": "rendle", "alpha": 10.0, "unobserved_weight": 0.1, "regularisation": 0.003}
    ials = IALS(dimensions=dimensions, frequency_power=1.0, sweeps=16, age_decay="uniform", **settings)  # type: ignore[arg-type]
    ials.fit(train, run=run)
    rules = SequentialRules(window=10, gap_decay="1/log10(d+1.7)", reverse=0.25, age_decay="1/a").fit(train, run=run)
    factors = ials.item_factors_[ials.items_.index(dataset.items.ids)]
    ratings = dataset.sequences.ratings
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    directions = np.divide(factors, lengths, out=np.zeros_like(factors), where=lengths > 0)
    # What came counts whatever it was rated, so that a rating says no more here than that somebody watched.
    several = Interests(rating_middle=0.0, rating_span=float(np.nanmax(ratings)) if ratings is not None else 1.0)
    one = replace(several, centroids=1)
    arms: list[Arm] = [
        ByInterests("1 interest, yesterday", factors, one, live=False),
        ByInterests("1 interest, live", factors, one),
        ByInterests("  without session", factors, replace(one, session_share=0.0)),
        ByInterests("  ranked by cosines", directions, one),
        ByInterests("  low ratings against", factors, replace(Interests(), centroids=1)),
        ByInterests("3 interests, yesterday", factors, several, live=False),
        ByInterests("3 interests, live", factors, several),
        ByPolicy("  session policy", factors, several, Policy.default()),
        ByModel("iALS, yesterday", ials, live=False),
        ByModel("iALS, live", ials),
        ByModel("rules, yesterday", rules, live=False),
        ByModel("rules, live", rules),
    ]
    against = {
        "1 interest, live": "1 interest, yesterday",
        "  without session": "1 interest, live",
        "  ranked by cosines": "1 interest, live",
        "  low ratings against": "1 interest, live",
        "3 interests, live": "1 interest, live",
        "  session policy": "3 interests, live",
        "iALS, live": "iALS, yesterday",
        "rules, live": "rules, yesterday",
    }
    print(replay_events(dataset, arms, since=since, against=against, per_user=per_user, run=run).text())


class Generated:
    """Vectors around some centres."""

    name, fingerprint, dim = "generated", "1", DIM

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        vectors = rng.standard_normal((ITEMS, DIM)) + 2 * rng.standard_normal((20, DIM))[rng.integers(20, size=ITEMS)]
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.numbers = {f"i{number}": number for number in range(ITEMS)}

    def vector(self, item_id: str) -> NDArray[np.float32]:
        """Return the vector of an item."""
        found: NDArray[np.float32] = self.vectors[self.numbers[item_id]]
        return found


class Numbered:
    """A shelf that numbers items and does nothing else."""

    arrivals = 1

    def __init__(self, numbers: dict[str, int]) -> None:
        self._numbers = numbers

    def numbers(self, ids: Sequence[str]) -> NDArray[np.int32]:
        """Return the numbers of items."""
        return np.asarray([self._numbers[item] for item in ids], dtype=np.int32)


def quantiles(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median and the 95th percentile of microseconds of this thread."""
    spent = []
    for _ in range(rounds):
        started = time.thread_time_ns()
        work()
        spent.append((time.thread_time_ns() - started) / 1_000)
    middle, late = np.quantile(spent, [0.5, 0.95])
    return float(middle), float(late)


def verdict(value: float, aim: float) -> str:
    return f"aim: {aim:g}" if value <= aim else f"aim: {aim:g}: MISSED"


def speed() -> None:
    """Print what one person costs."""
    space = Generated()
    rng, kinds = np.random.default_rng(1), ["view"] * 6 + ["click", "buy", "like", "dislike"]
    moments = 10**15 + 10**8 * np.arange(4 * EVENTS)
    log = [
        StoredEvent(
            place + 1,
            at,
            NewEvent(event_id=str(place), user_id="u", item_id=f"i{item}", event=kinds[kind], timestamp=at),
        )
        for place, (at, item, kind) in enumerate(
            zip(
                moments.tolist(),
                rng.integers(ITEMS, size=len(moments)),
                rng.integers(10, size=len(moments)),
                strict=True,
            )
        )
    ]
    following = Following(spaces=(space,), history=HISTORY)
    shelf = Numbered(space.numbers)

    def rebuilt() -> LivePerson:
        live = LivePerson("u", following)
        for stored in log[:EVENTS]:
            live.take(stored)
        return live

    live, now = rebuilt(), int(moments[-1])
    rest = iter(log[EVENTS:])
    middle, late = quantiles(lambda: live.take(next(rest)), EVENTS)
    print(f"{DIM} dimensions, {following.interests.centroids} interests, {HISTORY} events of history; median, 95 %")
    print(f"  an event taken in    {middle:8.1f} {late:8.1f} us ({verdict(middle, MOST_EVENT_US)})")
    middle, late = quantiles(lambda: live.person(shelf, now), EVENTS)
    print(f"  the person           {middle:8.1f} {late:8.1f} us ({verdict(middle, MOST_PERSON_US)})")
    middle, late = (spent / 1e3 for spent in quantiles(rebuilt, 20))
    print(f"  {EVENTS:,} events anew    {middle:8.1f} {late:8.1f} ms ({verdict(middle, MOST_REBUILD_MS)})")
    middle, late = quantiles(live.to_bytes, 200)
    print(f"  as bytes             {middle:8.1f} {late:8.1f} us, {len(live.to_bytes()):,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="movielens-100k", help="which data")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where its files lie, instead of a download")
    parser.add_argument("--share", type=float, default=0.1, help="share of the events that are replayed")
    parser.add_argument("--per-user", type=int, help="moments for each person at most")
    parser.add_argument("--dimensions", type=int, default=64, help="of the vectors")
    parser.add_argument("--threads", type=int, default=1, help="threads of the products")
    parser.add_argument("--speed", action="store_true", help="print what one person costs instead")
    asked = parser.parse_args()
    if asked.speed:
        speed()
        return
    run = Run(threads=asked.threads)
    with run.limited():
        dataset = with_times(load_dataset(asked.source, asked.data))
        started = time.process_time()
        experiment(dataset, asked.share, asked.per_user, asked.dimensions, run)
        print(f"{time.process_time() - started:.0f} s of the processor")


if __name__ == "__main__":
    main()
