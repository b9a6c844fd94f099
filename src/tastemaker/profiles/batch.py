"""Many profiles, one after the other or side by side: what is there is kept, and what is kept is not made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tastemaker.core.errors import (
    DeadlineExceededError,
    PromptTooLongError,
    SchemaViolationError,
    ServiceError,
)
from tastemaker.core.generator import Usage
from tastemaker.core.run import Advance, Run
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.profiler import Profiler
from tastemaker.profiles.seen import Seen
from tastemaker.profiles.store import Profiles

_ITS_OWN: Final = (DeadlineExceededError, PromptTooLongError, SchemaViolationError)
"""What may go wrong with one profile and not with the next."""


@dataclass
class Made:
    """What became of a batch.

    Attributes:
        made: Profiles that were made.
        known: Profiles that were there already.
        failed: Who has none because the generator gave no reply that can be used, and why.
        stopped: Why no more were made; empty where all were tried.
        claims: Claims of the new profiles that passed the gate.
        dropped: Those that did not, by reason.
        usage: What a generator took for the new profiles.
    """

    made: int = 0
    known: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    claims: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)

    @property
    def kept_share(self) -> float:
        """The share of what was claimed that passed the gate; 1 where nothing was claimed."""
        claimed = self.claims + self.dropped.total()
        return self.claims / claimed if claimed else 1.0

    def take(self, profile: Profile) -> None:
        """Count a new profile."""
        self.made += 1
        self.claims += len(profile.claims)
        self.dropped.update(profile.dropped)
        self.usage += profile.usage


def make_profiles(
    profiler: Profiler,
    about: Sequence[str],
    see: Callable[[str], Seen],
    store: Profiles,
    *,
    abreast: int = 1,
    run: Run | None = None,
) -> Made:
    """Make the profiles that a store lacks, and add each to it as soon as it is there.

    A person of whom a reply cannot be used is passed over, and tried again next time. When the budget is spent or
    nobody answers no more calls are made; those under way are waited for and kept.

    Args:
        profiler: What makes them.
        about: Raw ids of people or items; of each an empty profile is made where nothing is known.
        see: What is shown of one.
        store: Where they are kept.
        abreast: How many are made at the same time (`tastemaker.profiles.profiler.abreast`).
        run: Progress.

    Raises:
        StorageError: A profile cannot be written.
    """
    run, done = run or Run(), Made()
    with run.track(f"Profiles, {profiler.kind}", len(about)) as advance, ThreadPoolExecutor(abreast) as pool:
        wanted = _missing(profiler, about, see, store, done, advance)
        under_way: dict[Future[Profile], str] = {}
        try:
            while True:
                for seen in islice(wanted, 0 if done.stopped else abreast - len(under_way)):
                    before = store.latest(seen.about, seen.of, profiler.kind)
                    under_way[pool.submit(profiler.profile, seen, before)] = seen.about
                if not under_way:
                    return done
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    _settle(future, under_way.pop(future), store, done)
                    advance(1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _missing(
    profiler: Profiler,
    about: Sequence[str],
    see: Callable[[str], Seen],
    store: Profiles,
    done: Made,
    advance: Advance,
) -> Iterator[Seen]:
    """Yield what is shown of those who have no such profile yet."""
    for each in dict.fromkeys(about):
        seen = see(each)
        if store.get(profiler.key(seen)) is None:
            yield seen
        else:
            done.known += 1
            advance(1)


def _settle(future: Future[Profile], about: str, store: Profiles, done: Made) -> None:
    try:
        profile = future.result()
    except _ITS_OWN as error:
        done.failed[about] = error.message
    except ServiceError as error:
        done.failed[about] = done.stopped = error.message
    else:
        store.add(profile)
        done.take(profile)
