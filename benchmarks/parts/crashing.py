"""What a client knows of its events, and what a log must hold after a crash; no server and no store lives here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

HIDE: Final = "hide"


class Sent(NamedTuple):
    """An event as it was sent."""

    event_id: str
    user_id: str
    item_id: str
    event: str

    def body(self) -> dict[str, str]:
        """Return it as the interface takes it."""
        return self._asdict()


class Row(NamedTuple):
    """An event as it lies in the log."""

    offset: int
    event_id: str
    user_id: str
    item_id: str
    event: str


@dataclass
class Journal:
    """What one client sent, and what it was told was kept.

    Attributes:
        sent: Events by name.
        acknowledged: Their places in the log, as answers said.
        told: How many events answers acknowledged, repetitions included.
    """

    sent: dict[str, Sent] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    told: int = 0

    def waiting(self) -> list[Sent]:
        """Return what was sent, and may be in the log or not."""
        return [each for name, each in self.sent.items() if name not in self.acknowledged]

    def hidden(self) -> dict[str, set[str]]:
        """Return which items each person is known to have hidden."""
        found: dict[str, set[str]] = {}
        for name in self.acknowledged:
            each = self.sent[name]
            if each.event == HIDE:
                found.setdefault(each.user_id, set()).add(each.item_id)
        return found

    def seen(self) -> dict[str, set[str]]:
        """Return which items each person is known to have touched."""
        found: dict[str, set[str]] = {}
        for name in self.acknowledged:
            each = self.sent[name]
            found.setdefault(each.user_id, set()).add(each.item_id)
        return found

    def join(self, other: Journal) -> list[str]:
        """Take over what another client knows; return what is wrong if one name was given two places."""
        wrong = [
            f"{name} was acknowledged at {self.acknowledged[name]}, then at {offset}"
            for name, offset in other.acknowledged.items()
            if self.acknowledged.get(name, offset) != offset
        ]
        self.sent |= other.sent
        self.acknowledged |= other.acknowledged
        self.told += other.told
        return wrong

    def write(self, file: Path, round_: int, since: Journal) -> None:
        """Append what one round brought."""
        line = {"round": round_, "sent": list(since.sent.values()), "acknowledged": since.acknowledged}
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")

    @classmethod
    def read(cls, file: Path) -> tuple[Journal, int]:
        """Return what earlier rounds brought, and how many there were; a line that was cut off is none."""
        journal, rounds = cls(), 0
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            try:
                told: Mapping[str, Any] = json.loads(line)
            except ValueError:
                break
            sent = {each[0]: Sent(*each) for each in told["sent"]}
            journal.join(cls(sent, dict(told["acknowledged"]), len(told["acknowledged"])))
            rounds += 1
        return journal, rounds


@dataclass
class Found:
    """What a log was found to have done wrong, a sentence each.

    Attributes:
        lost: Acknowledged and not there.
        doubled: There more than once.
        changed: There with other content, or at another place than was said.
        strange: There without having been sent.
        moved: Places that do not grow, or rows that were there before and are not as they were.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Return every sentence."""
        return [*self.lost, *self.doubled, *self.changed, *self.strange, *self.moved]


def check_log(log: Sequence[Row], journal: Journal, known: Iterable[str], before: Sequence[Row]) -> Found:
    """Compare a log with what a client knows.

    Args:
        log: All of it, in its order.
        journal: What the client knows.
        known: Names of events that others brought, which may be there.
        before: The log as it was found last time.
    """
    found = Found()
    times = Counter(row.event_id for row in log)
    found.doubled = [f"{name} is in the log {count} times" for name, count in times.items() if count > 1]
    found.lost = [
        f"{name} was acknowledged at {offset} and is not in the log"
        for name, offset in journal.acknowledged.items()
        if not times[name]
    ]
    others = frozenset(known)
    for row in log:
        sent = journal.sent.get(row.event_id)
        if sent is None:
            if row.event_id not in others:
                found.strange.append(f"{row.event_id} is in the log at {row.offset} and was never sent")
        elif tuple(sent) != row[1:]:
            found.changed.append(f"{row.event_id} was sent as {tuple(sent)} and is in the log as {row[1:]}")
        elif journal.acknowledged.get(row.event_id, row.offset) != row.offset:
            told = journal.acknowledged[row.event_id]
            found.changed.append(f"{row.event_id} was acknowledged at {told} and is in the log at {row.offset}")
    found.moved = _moved(log, before)
    return found


def _moved(log: Sequence[Row], before: Sequence[Row]) -> list[str]:
    falls = [
        f"{later.offset} comes after {earlier.offset}"
        for earlier, later in pairwise(log)
        if later.offset <= earlier.offset
    ]
    other = [
        f"{old} was in the log, and {new} is there now"
        for old, new in zip(before, [*log[: len(before)], *[None] * (len(before) - len(log))], strict=True)
        if old != new
    ]
    return [*falls, *other]
