"""What the server holds under load, beside bare scoring and bare HTTP in the same run, and beside its aims.

A made-up shop (10,000 and 100,000 items, vectors of 64) is served by the real server in a process of its own, from a
store on disk, and driven by a generator in another one, over kept connections on loopback:

- ``POST /v1/recommend`` at a constant rate, for people with stored histories, by SASRec in NumPy (random weights of the
  usual size: what it recommends makes no sense, what it costs does), with the filter ``price < $budget and category =
  "..."``, another budget each time, reasons off; latencies count from the moment at which a request was due;
- the same request alone, one after the other, beside bare scoring (the network's forward pass, the products with all
  items and the best of them, in process) and bare HTTP (uvicorn with an application that returns the same bytes). By
  then everybody has asked before, and the model remembers the state after their history; a request with an event of
  the visit, which nobody has asked with before, makes it read the history anew;
- durable events, one a request and 100 a request, and whether the next request goes by them;
- the time from the start of the process to ready, and the first requests after that.

``--million`` adds a shop of 1,000,000 items for its memory. ``--quick`` takes a tenth of everything: rates, items,
seconds; aims are then those of the full size, and say little. Processor time is the server's, by the system's count.
Both processes share the machine with whatever else runs there: the load average is printed, and the generator's own
lateness beside each run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.parts.load import Generator, Outcome, Plan, quantile, request
from benchmarks.parts.measuring import verdict
from benchmarks.parts.processes import Caller, Served, load_average
from benchmarks.parts.shop import CATEGORIES, LONGEST, PRICES, Shop, scoring

from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.models import load_model
from tastemaker.models.sasrec import SASRec
from tastemaker.store import open_store

K: Final = 10
DIMENSIONS: Final = 64
FULL: Final = b'"degraded":[]'
LEAST_SINGLES, LEAST_BATCHED, BATCH = 1_000.0, 20_000.0, 100
MOST_RATIO, MOST_MILLION_MB = 3.0, 2_000.0
QUICK: Final = 10
ROUNDS, ALONE, WRITES_READ = 5, 200, 200
RANDOM = random.Random(0)


@dataclass(frozen=True)
class Case:
    """One size of shop, the rate that it is asked at, how slow its 99th answer of 100 and its start may be."""

    items: int
    rate: float
    most_p99_ms: float | None = None
    most_ready_s: float | None = None

    def tenth(self) -> Case:
        """Return a tenth of it."""
        return replace(self, items=self.items // QUICK, rate=self.rate / QUICK)


CASES: Final = (Case(10_000, 500, 15), Case(100_000, 300, 20, most_ready_s=3))
MILLION: Final = Case(1_000_000, 10)


@dataclass(frozen=True)
class Bench:
    """One shop that is being served, and what drives it."""

    case: Case
    shop: Shop
    server: Served
    generator: Generator
    seconds: float
    folder: Path

    def recommend(self, count: int, *, news: bool = False) -> list[bytes]:
        """Return requests for recommendations of random people."""
        return [request("POST", "/v1/recommend", asked(self.shop, news=news)) for _ in range(count)]

    def drive(self, requests: Sequence[bytes], **more: Any) -> Outcome:
        """Send requests to the server."""
        return self.generator.drive(Plan(self.server.address, requests, **more))


def asked(shop: Shop, person: int | None = None, *, news: bool = False) -> dict[str, Any]:
    """Return the body of a request; with ``news`` it tells of an event, too."""
    told = {"session": [{"item_id": shop.ids[RANDOM.randrange(shop.items)]}]} if news else {}
    return {
        **told,
        "user_id": shop.person(RANDOM.randrange(shop.people) if person is None else person),
        "k": K,
        "filters": f'price < $budget and category = "aisle-{RANDOM.randrange(CATEGORIES)}"',
        "context": {"budget": round(RANDOM.uniform(PRICES[1] / 4, PRICES[1]), 2)},
        "reasons": False,
    }


def event(shop: Shop, name: str) -> dict[str, Any]:
    """Return an event of a random person."""
    person = RANDOM.randrange(shop.people)
    item = RANDOM.randrange(shop.items)
    return {"event_id": name, "user_id": shop.person(person), "item_id": shop.ids[item], "event": "view"}


def said(outcome: Outcome) -> str:
    """Return what went wrong, in words."""
    errors = ", ".join(f"{count} x {why}" for why, count in sorted(outcome.errors.items()))
    return f"errors {outcome.failed}{f' ({errors}): MISSED' if errors else ''}"


def within(value: float, most: float | None, unit: str) -> str:
    """Return the verdict on a value that has an aim, or nothing."""
    return "" if most is None else f" ({verdict(value <= most, f'aim: {most:g} {unit}')})"


def spent(server: Served, work: Callable[[], Outcome]) -> tuple[Outcome, float]:
    """Return what came of some work, and the seconds of the server's processor."""
    before = server.cpu_seconds()
    outcome = work()
    return outcome, server.cpu_seconds() - before


def ready(bench: Bench) -> None:
    """Print how long the start took, and what the first requests cost."""
    server, seconds = bench.server, bench.server.seconds
    now, peak = server.memory_mb()
    aim = within(seconds, bench.case.most_ready_s, "s")
    print(f"  ready after {seconds:.1f} s{aim}; memory {now:,.0f} MB, at its peak {peak:,.0f} MB")
    caller = Caller(server.address, 120)
    first = []
    for _ in range(3):
        began = time.perf_counter()
        status, _ = caller.ask("POST", "/v1/recommend", asked(bench.shop))
        first.append(1000 * (time.perf_counter() - began))
        assert status == 200, status
    caller.close()
    print(f"  the first three requests {', '.join(f'{each:.0f}' for each in first)} ms")


def recommend(bench: Bench) -> Outcome:
    """Print what a constant rate of recommendations does."""
    case = bench.case
    people = [request("POST", "/v1/recommend", asked(bench.shop, person)) for person in range(bench.shop.people)]
    met = bench.drive(people, connections=1)
    print(f"  everybody once, one after the other: {met.percentiles()}, {said(met)}")
    busy = load_average()
    requests = bench.recommend(int(case.rate * bench.seconds))
    outcome, cpu = spent(
        bench.server,
        lambda: bench.drive(requests, rate=case.rate, connections=min(32, max(1, int(case.rate))), mark=FULL),
    )
    now, peak = bench.server.memory_mb()
    p99 = within(quantile(outcome.latencies, 0.99), case.most_p99_ms, "ms for p99")
    print(
        f"  recommend at {case.rate:,.0f}/s for {bench.seconds:.0f} s: {outcome.percentiles()}{p99}\n"
        f"    {outcome.rate:,.0f} good answers/s, {said(outcome)}, degraded "
        f"{outcome.unmarked / max(len(requests) - outcome.failed, 1):.1%}\n"
        f"    the generator was late by {quantile(outcome.late, 0.5):.2f} ms (p50), {quantile(outcome.late, 0.99):.1f} "
        f"(p99); server: {1000 * cpu / len(requests):.2f} ms of a core a request, {cpu / outcome.seconds:.0%} of a "
        f"core, memory {now:,.0f} MB (peak {peak:,.0f}); {busy}"
    )
    return outcome


def beside(bench: Bench, body: bytes) -> None:
    """Print one request after the other beside bare scoring and bare HTTP, in turns."""
    kept = bench.folder / "answer.json"
    kept.write_bytes(body)
    model = load_model(bench.folder / "model")
    assert isinstance(model, SASRec)
    work = scoring(model, bench.shop, K)
    times: dict[str, list[float]] = {"request": [], "with news": [], "bare scoring": [], "bare HTTP": []}
    cpu = dict.fromkeys(times, 0.0)
    with Served("bare", kept).wait_until_ready() as bare, Run().limited():
        most = bench.generator.drive(Plan(bare.address, bench.recommend(20 * ALONE)))
        print(f"  bare HTTP with 32 connections: {most.rate:,.0f} answers/s, {said(most)}")
        for _ in range(ROUNDS):
            plain, telling = bench.recommend(ALONE), bench.recommend(ALONE, news=True)
            for name, server, requests in (
                ("request", bench.server, plain),
                ("with news", bench.server, telling),
                ("bare HTTP", bare, plain),
            ):
                plan = Plan(server.address, requests, connections=1)
                outcome, used = spent(server, lambda: bench.generator.drive(plan))  # noqa: B023 (called at once)
                times[name].append(median(outcome.latencies))
                cpu[name] += 1000 * used / (ALONE * ROUNDS)
            alone, began = [], time.thread_time()
            for _ in range(ALONE):
                started = time.perf_counter()
                work()
                alone.append(1000 * (time.perf_counter() - started))
            times["bare scoring"].append(median(alone))
            cpu["bare scoring"] += 1000 * (time.thread_time() - began) / (ALONE * ROUNDS)
    wall = {name: median(each) for name, each in times.items()}
    print(f"  one after the other, medians of {ROUNDS} rounds of {ALONE}; of a core, means")
    for name in wall:
        print(f"    {name:13}{wall[name]:7.2f} ms{cpu[name]:8.2f} ms of a core")
    for what, each in (("time", wall), ("processor", cpu)):
        bare_work = each["bare scoring"] + each["bare HTTP"]
        ratio, told = (each[name] / bare_work for name in ("request", "with news"))
        good = verdict(ratio <= MOST_RATIO, f"aim: {MOST_RATIO:g}")
        print(f"    {what}: {ratio:.2f} of bare scoring and HTTP ({good}), with news {told:.2f}")


def events(bench: Bench) -> None:
    """Print how many durable events are taken in, alone and 100 at once."""
    shop, server, seconds = bench.shop, bench.server, bench.seconds
    scale = bench.case.rate / CASES[0].rate
    count = int(LEAST_SINGLES * seconds * scale)
    singles = [request("POST", "/v1/events", event(shop, f"single-{number}")) for number in range(2 * count)]
    fast, cpu = spent(server, lambda: bench.drive(singles[:count], mark=b'"accepted":1'))
    print(
        f"  events one by one, 32 callers: {fast.rate:,.0f}/s "
        f"({verdict(fast.rate >= LEAST_SINGLES, f'aim: {LEAST_SINGLES:,.0f}')}), {fast.percentiles()}, {said(fast)}, "
        f"not taken {fast.unmarked}; {1000 * cpu / count:.2f} ms of a core each; {load_average()}"
    )
    paced = bench.drive(singles[count:], rate=LEAST_SINGLES * scale, mark=b'"accepted":1')
    print(f"    at {LEAST_SINGLES * scale:,.0f}/s: {paced.percentiles()}, {said(paced)}, not taken {paced.unmarked}")
    batches = []
    for number in range(int(LEAST_BATCHED / BATCH * seconds * scale)):
        many = [event(shop, f"batch-{number}-{place}") for place in range(BATCH)]
        batches.append(request("POST", "/v1/events", {"events": many}))
    taken, cpu = spent(server, lambda: bench.drive(batches, connections=4, mark=f'"accepted":{BATCH},'.encode()))
    rate = BATCH * taken.rate
    good = verdict(rate >= LEAST_BATCHED, f"aim: {LEAST_BATCHED:,.0f}")
    print(
        f"  events {BATCH} at once, 4 callers: {rate:,.0f}/s ({good}), {taken.percentiles()}, {said(taken)}, "
        f"not taken {taken.unmarked}; {1e6 * cpu / len(batches) / BATCH:.0f} us of a core each"
    )


def read_own_writes(bench: Bench) -> None:
    """Print whether an item is gone from the very next answer once it was bought or hidden."""
    writer, reader = Caller(bench.server.address), Caller(bench.server.address)
    shown = 0
    for number in range(WRITES_READ):
        person = bench.shop.person(RANDOM.randrange(bench.shop.people))
        kind = ("buy", "hide")[number % 2]
        # What was hidden is not shown to those either who want to see again what they know.
        question = {"user_id": person, "k": K, "reasons": False, "exclude_seen": kind != "hide"}
        _, before = reader.ask("POST", "/v1/recommend", question)
        item = before["items"][0]["item_id"]
        status, _ = writer.ask("POST", "/v1/events", {"user_id": person, "item_id": item, "event": kind})
        assert status == 200, status
        _, after = reader.ask("POST", "/v1/recommend", question)
        shown += item in {one["item_id"] for one in after["items"]}
    for caller in (writer, reader):
        caller.close()
    print(
        f"  {WRITES_READ} times the first item of a list was bought or hidden, and the list asked for again: still "
        f"there {shown} times ({verdict(not shown, 'aim: 0')})"
    )


def serve(case: Case, asked_for: argparse.Namespace, generator: Generator, folder: Path) -> None:
    """Print all that is measured of one size of shop."""
    shop = Shop(case.items, asked_for.people, min(asked_for.events, LONGEST))
    began = time.perf_counter()
    store = open_store(folder / "store")
    shop.fill(store.for_tenant(Tenant()))
    store.close()
    shop.save_model(folder / "model", dimensions=DIMENSIONS, blocks=asked_for.blocks)
    print(
        f"{case.items:,} items x {DIMENSIONS}, {shop.people:,} people with {shop.events} events each "
        f"(made in {time.perf_counter() - began:.0f} s)",
        flush=True,
    )
    with Served("shop", folder / "model", folder / "store").wait_until_ready() as server:
        bench = Bench(case, shop, server, generator, asked_for.seconds, folder)
        ready(bench)
        outcome = recommend(bench)
        if case != MILLION:
            beside(bench, outcome.sample)
            read_own_writes(bench)
        if case.items == min(each.items for each in sizes(asked_for)):
            events(bench)
        now, peak = server.memory_mb()
        aim = within(peak, MOST_MILLION_MB if case == MILLION else None, "MB")
        print(
            f"  at the end memory {now:,.0f} MB, at its peak {peak:,.0f} MB{aim}; torch in the server: "
            f"{'no' if server.has_torch() is False else 'YES: MISSED'}",
            flush=True,
        )


def sizes(asked_for: argparse.Namespace) -> list[Case]:
    """Return the shops that were asked for."""
    found = [case.tenth() if asked_for.quick else case for case in CASES]
    return [*found, MILLION] if asked_for.million else found


def ceiling(generator: Generator, folder: Path) -> None:
    """Print how many answers a second the generator itself can take."""
    kept = folder / "reply.json"
    kept.write_bytes(json.dumps({"items": ["item"] * 150}).encode())
    body = {"user_id": "person-000001", "k": K, "filters": 'price < $budget and category = "aisle-1"'}
    with Served("reply", kept).wait_until_ready(path=None) as server:
        outcome = generator.drive(Plan(server.address, [request("POST", "/v1/recommend", body)] * 20_000))
    print(
        f"generator: {outcome.rate:,.0f} answers/s from a socket that only replies, 32 connections, {said(outcome)}; "
        f"{load_average()}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the items, rates and seconds")
    parser.add_argument("--million", action="store_true", help="also a shop of 1,000,000 items, for its memory")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each rate is held")
    parser.add_argument("--people", type=int, default=2_000, help="people with a stored history")
    parser.add_argument("--events", type=int, default=LONGEST, help="stored events of each")
    parser.add_argument("--blocks", type=int, default=2, help="blocks of the network; 1 where histories are short")
    parser.add_argument("--folder", type=Path, help="where to write: on the disk that is asked about")
    asked_for = parser.parse_args()
    if asked_for.quick:
        asked_for.seconds, asked_for.people = asked_for.seconds / QUICK, asked_for.people // QUICK
    try:
        import tastemaker.server  # noqa: F401
    except ImportError:
        print("not run: the extra 'serve' is not installed")
        return
    print(f"{load_average()}: what else runs here makes latencies longer, ratios less", flush=True)
    with Generator() as generator, tempfile.TemporaryDirectory(dir=asked_for.folder) as name:
        ceiling(generator, Path(name))
        for case in sizes(asked_for):
            with tempfile.TemporaryDirectory(dir=name) as of_case:
                serve(case, asked_for, generator, Path(of_case))
    print(load_average())


if __name__ == "__main__":
    main()
