"""Kills the server at random moments under load, starts it again on the same store, and counts what was lost.

A child process is the real server over HTTP with a small shop and a counting model. Several connections send events
(views, likes, hides; one by one and in small batches) and ask for recommendations, until SIGKILL ends it at a random
moment after it was ready, in every eighth round while it starts. It is started again on the same store, and then

- every event that was acknowledged is in the log exactly once, as it was sent, at the place that was told;
- no event is there twice, and none that nobody sent; places grow, and what was there before is as it was;
- what was sent and not acknowledged is sent again under its name, as a client would, and counts once;
- nobody is shown an item whose hiding was acknowledged, in no scenario, also if they want to see what they know;
  nor, if they do not, an item that they touched;
- the server wrote nothing to standard error, which it does not do unless something went wrong.

In the end it is stopped by SIGTERM; the last list that it showed, and the state of who came last, have to be in the
store then.

The log is read from the file itself, by SQLite and none of our code. Exit code 1 says that one of these failed. What
a loss of power would do beyond that, a killed process cannot show: ``--trace`` prints, by strace, that the file is
flushed to the disk before an event is acknowledged.

``--folder DIR`` keeps store and journal there; the same command goes on after the last whole round.
"""

from __future__ import annotations

import argparse
import random
import secrets
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.parts.crash_client import Client, recommended, send
from benchmarks.parts.crashing import Found, Journal, Row, Sent, check_log
from benchmarks.parts.processes import Caller, NotStarted, Served, load_average
from benchmarks.parts.traced import trace_one_event

from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.engine.intake import take_in
from tastemaker.models import SequentialRules
from tastemaker.store import open_store
from tastemaker.testing import small_shop

PEOPLE, ITEMS, EVENTS = 60, 400, 12
CONNECTIONS: Final = 4
LONGEST_LOAD: Final = 0.8
WHILE_STARTING: Final = 8
SCENARIOS: Final = ("home", "popular", "latest")
LOOKED_AT: Final = 10
"""People of each round whose recommendations are looked at after it; in the end those of everybody are."""

STOPPED: Final = (0, -signal.SIGTERM)
"""Exit codes of who was asked to stop and did."""

_SERVED: Final = "SELECT count(*) FROM served WHERE recommendation_id = ?"
_STATE: Final = "SELECT place FROM states WHERE user_id = ?"
_LOG: Final = "SELECT place, event_id, user_id, item_id, event FROM events ORDER BY place"


@dataclass
class Counts:
    """What is printed in the end."""

    rounds: int = 0
    killed_starting: int = 0
    again: int = 0
    answers: int = 0
    hidden_shown: int = 0
    seen_shown: int = 0
    refused: int = 0
    unclean: int = 0
    forgotten: int = 0
    found: Found = field(default_factory=Found)
    starts: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Chaos:
    """A store, its server, and what the clients know.

    Args:
        folder: Where the store and the journal are.
        seed: Of everything that is drawn.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.store, self.model = folder / "store", folder / "model"
        self.database = self.store / Tenant().name / "store.sqlite"
        self.file, self.errors = folder / "journal.jsonl", folder / "errors.txt"
        self.seed, self.counts = seed, Counts()
        dataset = small_shop(PEOPLE, ITEMS, EVENTS)
        self.items = dataset.items.ids.tolist()
        self.people = [str(user) for user in dataset.sequences.user_ids]
        if not self.model.exists():
            self.model.mkdir(parents=True)
            rules = SequentialRules(window=10, gap_decay="1/log10(d+1.7)", reverse=0.25, age_decay="1/a")
            rules.fit(dataset).save(self.model)
            with closing(open_store(self.store)) as store:
                take_in(dataset, store.for_tenant(Tenant()), Run())
        self.journal, self.counts.rounds = Journal.read(self.file)
        self.log = self.read_log()
        # What the shop began with, and what a round that was cut off here left behind.
        self.known = frozenset(row.event_id for row in self.log if row.event_id not in self.journal.sent)

    def read_log(self) -> list[Row]:
        """Return the log, by SQLite alone."""
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
            return [Row(*row) for row in connection.execute(_LOG)]

    def start(self) -> Served:
        """Start the server and wait until it is ready."""
        with self.errors.open("wb") as errors:
            server = Served("shop", self.model, self.store, errors=errors)
        try:
            server.wait_until_ready(patience=120)
        except NotStarted as error:
            server.kill()
            self.note("unclean", [f"the server did not start: {error}: {self._errors()}"])
            raise
        self.counts.starts.append(server.seconds)
        return server

    def _errors(self) -> str:
        return self.errors.read_text(encoding="utf-8", errors="replace").strip()

    def note(self, what: str, wrong: Sequence[str]) -> None:
        """Count what is wrong, and print the first of it."""
        if not wrong:
            return
        if isinstance(getattr(self.counts, what, None), int):
            setattr(self.counts, what, getattr(self.counts, what) + len(wrong))
        self.counts.wrong += wrong
        for sentence in wrong[:3]:
            print(f"  round {self.counts.rounds}, seed {self.seed}: {what}: {sentence}", flush=True)

    def load(self, server: Served, seconds: float) -> Journal:
        """Let clients work until the server is killed; return what they know."""
        rng = random.Random(f"{self.seed} {self.counts.rounds}")
        hidden = self.journal.hidden()
        clients = [
            Client(
                server.address,
                random.Random(rng.random()),
                people := self.people[number::CONNECTIONS],
                self.items,
                f"{self.counts.rounds}-{number}-{secrets.token_hex(4)}",
                {person: set(hidden.get(person, ())) for person in people},
            )
            for number in range(CONNECTIONS)
        ]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        server.kill()
        for thread in threads:
            thread.join()
        brought = Journal()
        for client in clients:
            brought.join(client.journal)
            self.counts.answers += client.answers
            self.note("hidden_shown", client.shown)
            self.note("refused", client.refused)
        return brought

    def kill_while_starting(self, rng: random.Random) -> None:
        """Start the server and kill it on the way."""
        with self.errors.open("wb") as errors, Served("shop", self.model, self.store, errors=errors) as server:
            time.sleep(rng.uniform(0, median(self.counts.starts)))
            server.kill()
        self.counts.killed_starting += 1

    def round(self, server: Served) -> Served:
        """Load, kill, start again, check; return the server that runs then."""
        rng = random.Random(f"{self.seed} {self.counts.rounds} moment")
        brought = self.load(server, rng.uniform(0, LONGEST_LOAD))
        with server:
            self.note("unclean", [text] if (text := self._errors()) else [])
        if self.counts.rounds % WHILE_STARTING == WHILE_STARTING - 1:
            self.kill_while_starting(rng)
        server = self.start()
        try:
            self.check(brought, server)
        except BaseException:
            server.kill()
            raise
        return server

    def check(self, brought: Journal, server: Served) -> None:
        """Check the log and what people are shown, and send again what was not acknowledged."""
        self.note("changed", self.journal.join(brought))
        self.compare()
        with closing(Caller(server.address)) as caller:
            people = sorted(brought.seen())
            random.Random(f"{self.seed} {self.counts.rounds} people").shuffle(people)
            self.shown(caller, people[:LOOKED_AT])
            again = brought.waiting()
            for each in again:
                send(caller, [each], brought)
            self.counts.again += len(again)
            self.note("refused", [f"{each.event_id} when it was sent again" for each in brought.waiting()])
        self.note("changed", self.journal.join(Journal(acknowledged=brought.acknowledged)))
        self.compare()
        self.journal.write(self.file, self.counts.rounds, brought)
        self.counts.rounds += 1

    def compare(self) -> None:
        """Compare the log with what is known."""
        log = self.read_log()
        found = check_log(log, self.journal, self.known, self.log)
        for what, wrong in vars(found).items():
            getattr(self.counts.found, what).extend(wrong)
            self.note(what, wrong)
        self.log = log

    def shown(self, caller: Caller, people: Sequence[str]) -> None:
        """Look at what is recommended to some people, of whom something is known."""
        hidden, seen = self.journal.hidden(), self.journal.seen()
        for person in people:
            mine = hidden.get(person, set())
            for scenario in SCENARIOS:
                both = mine & recommended(caller, person, again=True, scenario=scenario)
                both |= mine & recommended(caller, person, again=True, scenario=scenario, among=mine)
                self.note("hidden_shown", [f"{person} was shown {item} in '{scenario}', hidden" for item in both])
            both = seen[person] & recommended(caller, person, again=False)
            both |= seen[person] & recommended(caller, person, again=False, among=seen[person])
            self.note("seen_shown", [f"{person} was shown {item}, which they had touched" for item in both])
            self.counts.answers += 2 * len(SCENARIOS) + 2

    def end(self, server: Served) -> None:
        """Stop the server as an operator would, and look at the log once more."""
        with server:
            with closing(Caller(server.address)) as caller:
                self.shown(caller, sorted(self.journal.seen()))
                last = Sent(f"last-{secrets.token_hex(8)}", self.people[0], self.items[0], "view")
                self.journal.sent[last.event_id] = last
                send(caller, [last], self.journal)
                _, answer = caller.ask("POST", "/v1/recommend", {"user_id": last.user_id})
            code = server.stop()
        self.note("unclean", [f"exit code {code} at the end: {self._errors()}"] if code not in STOPPED else [])
        self.compare()
        with closing(sqlite3.connect(self.database)) as connection:
            said = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            (lists,) = connection.execute(_SERVED, (answer["recommendation_id"],)).fetchone()
            state = connection.execute(_STATE, (last.user_id,)).fetchone()
        self.note("unclean", [] if said == ["ok"] else said)
        self.note("forgotten", [] if lists else ["after SIGTERM the last list that was shown is not in the store"])
        known = state is not None and state[0] == self.journal.acknowledged[last.event_id]
        self.note("forgotten", [] if known else ["after SIGTERM the state of who came last is not in the store"])

    def report(self, seconds: float) -> int:
        """Print the counts; return the exit code."""
        counts, found = self.counts, self.counts.found
        starts = sorted(counts.starts)
        lines = (
            f"{counts.rounds} rounds, {len(self.log):,} events in the log, {seconds:.0f} s; {load_average()}",
            f"  acknowledged {len(self.journal.acknowledged):,}, of which sent again after a crash {counts.again:,}",
            f"  lost {len(found.lost)}, doubled {len(found.doubled)}, changed {len(found.changed)}, never sent "
            f"{len(found.strange)}, moved {len(found.moved)} (aim: 0)",
            f"  hidden shown {counts.hidden_shown}, seen shown {counts.seen_shown} in {counts.answers:,} answers "
            "(aim: 0)",
            f"  requests refused {counts.refused}, unclean starts and ends {counts.unclean}, forgotten at an orderly "
            f"end {counts.forgotten} (aim: 0)",
            f"  killed while starting {counts.killed_starting} times",
            f"  start-up {median(starts):.2f} s, the longest {starts[-1]:.2f} s",
        )
        print("\n".join(lines))
        print("nothing is wrong" if not counts.wrong else f"MISSED: {len(counts.wrong)} things are wrong")
        return 1 if counts.wrong else 0


def chaos(folder: Path, rounds: int, seed: int) -> int:
    """Run rounds; return the exit code."""
    began = time.perf_counter()
    run = Chaos(folder, seed)
    if run.counts.rounds:
        print(f"going on after {run.counts.rounds} rounds")
    try:
        server = run.start()
        while run.counts.rounds < rounds:
            server = run.round(server)
            if run.counts.rounds % 20 == 0:
                print(f"  {run.counts.rounds} rounds, {len(run.journal.acknowledged):,} acknowledged", flush=True)
        run.end(server)
    except NotStarted:
        return 1
    return run.report(time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="how often to kill it")
    parser.add_argument("--seed", type=int, default=0, help="of moments, people and items")
    parser.add_argument("--folder", type=Path, help="where to keep store and journal, to go on later")
    parser.add_argument("--trace", action="store_true", help="print what one event does to the disk, by strace")
    asked = parser.parse_args()
    try:
        import tastemaker.server  # noqa: F401
    except ImportError:
        print("not run: the extra 'serve' is not installed")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = (asked.folder or Path(name)).resolve()
        if asked.trace:
            begun = Chaos(folder, asked.seed)
            return trace_one_event(begun.model, begun.store, begun.people[0], begun.items[0])
        return chaos(folder, asked.rounds, asked.seed)


if __name__ == "__main__":
    raise SystemExit(main())
