"""A shop's day against the engine in process: a million events with requests among them, and what may never happen.

A made-up shop (100,000 items, SASRec with random weights, a store on disk) lives through 24 hours of a clock of its
own, busier in the evening than at night. People view, click, buy, like and hide; in between, somebody asks in one of
three scenarios, now and then by a filter. At noon

- the item that was shown most is deleted, and the next one is said to be unavailable: neither may be in any answer
  from the next request on;
- somebody who was about all morning is erased, and does not come again: nothing in the store, and no byte of any file
  of it, names them afterwards, nor does it at the end of the day.

What somebody hid is never shown to them either; that is checked in every answer. Memory has to be flat. Everybody is
asked for once before the day, so that all states are held; after ``--warm-up`` hours the resident size, sampled every
quarter of an hour, may not grow by more than a twentieth (or 20 MB) until the end. What the erasure at noon takes once
is printed apart. Latencies are those of the engine, by hour.

Exit code 1 says that one of these failed. ``--quick`` takes a hundredth of the events and a tenth of the items.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.parts.day import HOURS, MIDNIGHT, NOON, Day, DayClock, files_with, growth, resident_mb
from benchmarks.parts.load import quantile
from benchmarks.parts.measuring import verdict
from benchmarks.parts.processes import load_average
from benchmarks.parts.shop import CATEGORIES, Shop

from tastemaker.core.clock import to_microseconds
from tastemaker.core.query import Query
from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.engine import Engine
from tastemaker.models import load_model
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, Receipt, TenantStore

QUARTERS: Final = 4
BUSY: Final = tuple(1.0 + 0.9 * float(np.sin((hour - 9) * np.pi / 12)) for hour in range(HOURS))
"""How much of the day falls into each hour: most at three in the afternoon, least at three at night."""

KINDS: Final = {"view": 60, "click": 20, "cart": 8, "buy": 5, "like": 5, "hide": 2}
FORGOTTEN: Final = "somebody-who-wants-to-be-forgotten"
MOST_GROWTH, LEAST_MB = 0.05, 20.0
WAITING, FILTERED, SHOWN = 8, 0.2, 20


@dataclass(frozen=True)
class Sizes:
    """How much happens.

    Attributes:
        events: Of the day.
        each: Events for each request.
        batch: Events that are handed in together.
        scenarios: Placements that ask.
        warm_up: Hours after which everybody has been there.
    """

    events: int
    each: int
    batch: int
    scenarios: Sequence[str]
    warm_up: float


class ShopDay:
    """One day.

    Args:
        shop: The shop.
        engine: What serves it.
        clock: Its clock.
        sizes: How much happens.
        folder: Where the store is.
    """

    def __init__(self, shop: Shop, engine: Engine, clock: DayClock, sizes: Sizes, folder: Path) -> None:
        assert engine.store is not None
        self.shop, self.engine, self.clock, self.sizes, self.folder = shop, engine, clock, sizes, folder
        self.store: TenantStore = engine.store
        self.rng = random.Random(shop.seed)
        self.day = Day()
        self.tastes = [[shop.ids[item] for item in shop.tastes(number).tolist()] for number in range(shop.people)]
        self.first: dict[str, str] = {}
        self.waiting: deque[tuple[Future[list[Receipt]], list[NewEvent]]] = deque()

    def live(self) -> Day:
        """Live through the day."""
        for number in range(self.shop.people):
            self.engine.recommend(Query(user_id=self.shop.person(number), k=SHOWN), reasons=False, dry_run=True)
        sampled = -1
        for hour, number, moment in self.batches():
            self.clock.now = moment
            if hour >= NOON and not self.day.withdrawn:
                self.noon()
            self.happen(number)
            for _ in range(max(1, number // self.sizes.each)):
                self.ask(hour)
            quarter = int((moment - MIDNIGHT) / timedelta(hours=1 / QUARTERS))
            if quarter > sampled:
                sampled = quarter
                self.day.memory.append((quarter / QUARTERS, resident_mb()))
        self.drain(0)
        self.midnight()
        return self.day

    def batches(self) -> Iterator[tuple[int, int, datetime]]:
        """Yield the hour, the number of events and the moment of each batch."""
        for hour, share in enumerate(BUSY):
            left = round(self.sizes.events * share / sum(BUSY))
            count = max(1, -(-left // self.sizes.batch))
            for place in range(count):
                size = min(self.sizes.batch, left)
                left -= size
                yield hour, size, MIDNIGHT + timedelta(hours=hour + place / count)

    # -- what happens --------------------------------------------------------------------------------------------

    def happen(self, number: int) -> None:
        """Hand in events; some batches may be on their way to the disk at a time."""
        events = [self.event() for _ in range(number)]
        self.waiting.append((self.engine.submit(events), [event for event in events if event.event == "hide"]))
        self.drain(WAITING)
        self.day.events += number

    def event(self) -> NewEvent:
        """Return what somebody does."""
        number = self.rng.randrange(self.shop.people)
        person = self.somebody(number, 1 / 500)
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        item = self.rng.choice(self.tastes[number])
        return NewEvent(
            event_id=f"today-{self.rng.getrandbits(96):024x}",
            user_id=person,
            # Mostly people hide what they have just been shown, and would be shown again.
            item_id=self.first.get(person, item) if kind == "hide" else item,
            event=kind,
            timestamp=to_microseconds(self.clock.now),
            session_id=f"visit of {person}",
        )

    def somebody(self, number: int, share: float) -> str:
        """Return a person by number; in the morning, now and then, the one who will be erased."""
        morning = not self.day.withdrawn
        return FORGOTTEN if morning and self.rng.random() < share else self.shop.person(number)

    def drain(self, most: int) -> None:
        """Wait until no more than so many batches are on their way."""
        while len(self.waiting) > most:
            done, hides = self.waiting.popleft()
            done.result()
            for event in hides:
                self.day.hidden.setdefault(event.user_id, set()).add(event.item_id)

    # -- who asks ------------------------------------------------------------------------------------------------

    def ask(self, hour: int) -> None:
        """Ask for somebody, and look at what they are shown."""
        person = self.somebody(self.rng.randrange(self.shop.people), 1 / 100)
        aisle = f'category = "aisle-{self.rng.randrange(CATEGORIES)}"' if self.rng.random() < FILTERED else None
        query = Query(
            user_id=person,
            k=SHOWN,
            scenario=self.rng.choice(self.sizes.scenarios),
            filters=aisle,
            # Half of them want to see again what they know: then nothing but their word keeps out what they hid.
            exclude_seen=self.rng.random() < 0.5,
        )
        began = time.perf_counter()
        answer = self.engine.recommend(query, reasons=False)
        self.day.latencies[hour].append(1000 * (time.perf_counter() - began))
        shown = [item.item_id for item in answer.items]
        self.day.answers += 1
        self.day.degraded += bool(answer.degraded)
        if shown:
            self.first[person] = shown[0]
        if not self.day.withdrawn:
            self.day.shown.update(shown)
        where = f"{query.scenario}, {self.clock.now:%H:%M}"
        gone, hidden = self.day.withdrawn & {*shown}, self.day.hidden.get(person, set()) & {*shown}
        self.day.wrong += [f"'{item}' was shown ({where}), withdrawn at noon" for item in gone]
        self.day.wrong += [f"'{item}' was shown to '{person}' ({where}), who hid it" for item in hidden]
        if len(set(shown)) < len(shown):
            self.day.wrong.append(f"an item was twice in one answer ({where})")

    # -- noon and midnight ---------------------------------------------------------------------------------------

    def noon(self) -> None:
        """Withdraw two items and erase somebody."""
        before_noon = resident_mb()
        first, second = (item for item, _ in self.day.shown.most_common(2))
        self.engine.delete_items([first])
        self.engine.patch_item(second, {"available": False})
        self.day.withdrawn = {first, second}
        for item in (first, second):
            print(f"  12:00 '{item}' is withdrawn; it was shown {self.day.shown[item]:,} times this morning")
        self.drain(0)
        self.engine.flush()
        before = [*self.store.holds(FORGOTTEN), *files_with(self.folder, FORGOTTEN)]
        if not before:
            self.day.wrong.append("nothing was known of the person who was to be erased: there was nothing to test")
        began = time.perf_counter()
        receipt = self.engine.erase(FORGOTTEN)
        print(
            f"  12:00 erased somebody who was named in {', '.join(before)}: removed "
            f"{', '.join(f'{count} {what}' for what, count in receipt['removed'].items() if count)} in "
            f"{time.perf_counter() - began:.1f} s",
            flush=True,
        )
        self.traces("right after it")
        self.day.noon_mb = resident_mb() - before_noon

    def midnight(self) -> None:
        """End the day."""
        self.engine.flush()
        self.traces("at the end of the day")

    def traces(self, when: str) -> None:
        """Look for the person who was erased."""
        left = [*self.store.holds(FORGOTTEN), *files_with(self.folder, FORGOTTEN)]
        self.day.wrong += [f"the person who was erased is named in {place} {when}" for place in left]
        print(f"  traces of the person who was erased, {when}: {len(left)} ({verdict(not left, 'aim: 0')})", flush=True)


def report(day: Day, sizes: Sizes, seconds: float) -> int:
    """Print what came of a day; return the exit code."""
    print("  hour  requests   p50 ms   p99 ms   memory MB")
    for hour, latencies in enumerate(day.latencies):
        memory = next((mb for at, mb in day.memory if at >= hour), float("nan"))
        middle, late = quantile(latencies, 0.5), quantile(latencies, 0.99)
        print(f"  {hour:4}{len(latencies):10,}{middle:9.2f}{late:9.2f}{memory:12,.0f}")
    slope, grown, share = growth(day.memory, sizes.warm_up, day.noon_mb)
    # Where it cannot be measured, nothing is said against it.
    flat = not (share > MOST_GROWTH and grown > LEAST_MB)
    if not flat:
        day.wrong.append(f"memory grew by {grown:,.0f} MB after the first {sizes.warm_up:g} hours")
    good = verdict(flat, f"aim: {MOST_GROWTH:.0%}, or {LEAST_MB:g} MB where that is more")
    print(
        f"  memory after the first {sizes.warm_up:g} hours: {slope:+.2f} MB an hour, in the end {grown:+,.0f} MB "
        f"({share:+.1%}; {good}), without what noon took once, {day.noon_mb:+,.0f} MB\n"
        f"  {day.events:,} events and {day.answers:,} answers in {seconds:.0f} s, degraded "
        f"{day.degraded / day.answers:.1%}; {load_average()}"
    )
    for sentence in day.wrong[:10]:
        print(f"  {sentence}")
    print("nothing is wrong" if not day.wrong else f"MISSED: {len(day.wrong)} things are wrong")
    return 1 if day.wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the events, a tenth of items and people")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the day")
    parser.add_argument("--items", type=int, default=100_000, help="in the catalogue")
    parser.add_argument("--people", type=int, default=4_000, help="who come")
    parser.add_argument("--stored", type=int, default=200, help="events of each from before")
    parser.add_argument("--each", type=int, default=20, help="events for each request")
    parser.add_argument("--batch", type=int, default=50, help="events that are handed in together")
    parser.add_argument("--scenarios", nargs="+", default=["home", "session", "popular"], help="who asks")
    parser.add_argument("--warm-up", type=float, default=6.0, help="hours after which memory has to be flat")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--folder", type=Path, help="where to write: on the disk that is asked about")
    asked = parser.parse_args()
    if asked.quick:
        asked.events, asked.items, asked.people = asked.events // 100, asked.items // 10, asked.people // 40
    sizes = Sizes(asked.events, asked.each, asked.batch, asked.scenarios, asked.warm_up)
    shop, clock = Shop(asked.items, asked.people, asked.stored, seed=asked.seed), DayClock()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name, Run().limited():
        folder = Path(name)
        shop.save_model(folder / "model")
        with closing(open_store(folder / "store", clock=clock)) as store:
            began = time.perf_counter()
            tenant = store.for_tenant(Tenant())
            shop.fill(tenant)
            engine = Engine(load_model(folder / "model"), store=tenant, clock=clock)
            engine.warm()
            print(
                f"{asked.items:,} items, {asked.people:,} people with {asked.stored} events each (made in "
                f"{time.perf_counter() - began:.0f} s); {load_average()}",
                flush=True,
            )
            began = time.perf_counter()
            day = ShopDay(shop, engine, clock, sizes, folder / "store").live()
            return report(day, sizes, time.perf_counter() - began)


if __name__ == "__main__":
    raise SystemExit(main())
