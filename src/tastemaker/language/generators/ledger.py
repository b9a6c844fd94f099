"""What calls took: summed in a run and by day, priced, and held to limits before a call is made."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Final

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.errors import BudgetExceededError, StorageError
from tastemaker.core.generator import Usage
from tastemaker.data.assets import cache_folder

_logger: Final = logging.getLogger("tastemaker.generators")
_MILLION: Final = 1_000_000
_TABLE: Final = "CREATE TABLE IF NOT EXISTS spent (day TEXT PRIMARY KEY, tokens INTEGER NOT NULL, cost REAL NOT NULL)"
_ADD: Final = (
    "INSERT INTO spent VALUES (?, ?, ?) "
    "ON CONFLICT (day) DO UPDATE SET tokens = tokens + excluded.tokens, cost = cost + excluded.cost"
)


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, in any one currency.

    Attributes:
        prompt: That are read.
        reused: That a prefix cache had; as ``prompt`` where nothing is said.
        reply: That are written.
    """

    prompt: float = 0.0
    reused: float | None = None
    reply: float = 0.0

    def cost(self, usage: Usage) -> float:
        """Return what a call cost.

        >>> Prices(prompt=1.0, reused=0.1, reply=2.0).cost(Usage(1_000_000, 500_000, 1_000_000))
        2.55
        """
        reused = min(usage.reused_tokens, usage.prompt_tokens)
        dear = (usage.prompt_tokens - reused) * self.prompt + usage.reply_tokens * self.reply
        return (dear + reused * (self.prompt if self.reused is None else self.reused)) / _MILLION


@dataclass(frozen=True)
class Budget:
    """Limits; ``None`` stands for none. A day is one of UTC.

    Attributes:
        tokens_per_run: Tokens that are read and written from the making of the ledger on.
        tokens_per_day: The same in a day, of all that share its file.
        cost_per_run: Money, by the prices.
        cost_per_day: The same in a day.
    """

    tokens_per_run: int | None = None
    tokens_per_day: int | None = None
    cost_per_run: float | None = None
    cost_per_day: float | None = None

    @property
    def of_money(self) -> bool:
        """Whether there is a limit of money."""
        return self.cost_per_run is not None or self.cost_per_day is not None

    @property
    def of_days(self) -> bool:
        """Whether there is a limit for a day."""
        return self.tokens_per_day is not None or self.cost_per_day is not None


@dataclass(frozen=True)
class Spent:
    """Tokens and money."""

    tokens: int = 0
    cost: float = 0.0

    @classmethod
    def by(cls, usage: Usage) -> Spent:
        """Return what a call took."""
        return cls(usage.prompt_tokens + usage.reply_tokens, usage.cost)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.tokens - other.tokens, self.cost - other.cost)


def days_file() -> Path:
    """Return where what was spent by day is kept if nothing else is said."""
    return cache_folder() / "replies" / "spent.sqlite"


class Ledger:
    """Sums what calls took; one for several generators lets them share a budget.

    Args:
        days: A file that keeps sums by day, for every process that names it; ``None`` keeps none, and has no limits
            of a day.
        clock: What day it is.
    """

    def __init__(self, days: Path | None = None, *, clock: Clock = system_clock) -> None:
        self.days = days
        self._clock = clock
        self._lock = threading.Lock()
        self._held = Spent()
        self._usage = Usage()
        self._calls = 0

    @property
    def usage(self) -> Usage:
        """What all calls took that were made; what came from a cache took nothing."""
        with self._lock:
            return self._usage

    @property
    def calls(self) -> int:
        """How many calls were made."""
        with self._lock:
            return self._calls

    def add(self, usage: Usage) -> None:
        """Add a call that was made."""
        with self._lock:
            self._usage += usage
            self._calls += 1

    def today(self) -> Spent:
        """Return what was spent today, with what is held for calls that are on their way; nothing where no file is.

        Raises:
            StorageError: The file cannot be read.
        """
        with self._opened() as connection:
            return self._of_today(connection)

    def hold(self, most: Spent, budget: Budget) -> str:
        """Hold back what a call may take at most, and return the day for `settle`.

        Raises:
            BudgetExceededError: That would pass a limit; nothing is held.
            StorageError: The file of days cannot be written.
        """
        day = self._day()
        with self._lock:
            run = Spent.by(self._usage) + self._held + most
            _check(run, budget.tokens_per_run, budget.cost_per_run, "this run", most)
            if budget.of_days:
                with self._opened() as connection:
                    _check(self._of_today(connection) + most, budget.tokens_per_day, budget.cost_per_day, "today", most)
                    connection.execute(_ADD, (day, most.tokens, most.cost))
            self._held += most
        return day

    def settle(self, day: str, held: Spent, usage: Usage | None, budget: Budget) -> None:
        """Put what a call really took in the place of what was held for it.

        Args:
            day: As `hold` returned it.
            held: As `hold` was told.
            usage: What it took; ``None`` where it ended without saying: then all that was held counts as spent.
            budget: As `hold` was told.
        """
        with self._lock:
            if usage is not None:
                self._held -= held
        if usage is not None and budget.of_days:
            back = Spent.by(usage) - held
            try:
                with self._opened() as connection:
                    connection.execute(_ADD, (day, back.tokens, back.cost))
            except StorageError as error:
                _logger.warning("what was held for a call counts as spent: %s", error)

    def _day(self) -> str:
        return self._clock().astimezone(UTC).date().isoformat()

    def _of_today(self, connection: sqlite3.Connection) -> Spent:
        row = connection.execute("SELECT tokens, cost FROM spent WHERE day = ?", (self._day(),)).fetchone()
        return Spent(*row) if row else Spent()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file of days for one transaction, alone among all processes."""
        try:
            if self.days is not None:
                self.days.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.days or ":memory:", timeout=10, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_TABLE)
                try:
                    yield connection
                finally:
                    connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"what was spent today cannot be kept: {error}",
                where=str(self.days),
                remedy="Free some space, or take the limits of a day out of the budget.",
            ) from error


def _check(with_it: Spent, tokens: int | None, cost: float | None, time: str, most: Spent) -> None:
    if tokens is not None and with_it.tokens > tokens:
        raise BudgetExceededError(
            f"the budget of {time} is {tokens} tokens, {with_it.tokens - most.tokens} are spent or on their way, "
            f"and this call may take {most.tokens}",
            remedy=_REMEDY,
        )
    if cost is not None and with_it.cost > cost:
        raise BudgetExceededError(
            f"the budget of {time} costs {cost:g} at most, {(with_it - most).cost:.4g} is spent or on its way, "
            f"and this call may cost {most.cost:.4g}",
            remedy=_REMEDY,
        )


_REMEDY: Final = "Raise the limit under [generator.budget], or lower max_tokens; the call was not made."


def priced(usage: Usage, prices: Prices | None) -> Usage:
    """Return a usage with its cost, where prices are known."""
    return usage if prices is None else replace(usage, cost=prices.cost(usage))
