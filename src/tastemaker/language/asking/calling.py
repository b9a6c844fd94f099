"""Asking a generator many small questions: within a time, past what fails, with what it took and what went wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import (
    BudgetExceededError,
    DeadlineExceededError,
    PromptTooLongError,
    SchemaViolationError,
    ServiceError,
    TastemakerError,
)
from tastemaker.core.generator import Choice, Generator, Message, Sampling, Schema, Usage

T = TypeVar("T")

_NEVER: Final = -100.0
"""The log-probability of what a generator says never comes."""

_PATIENCE: Final = 3
"""After so many failures on end nothing more is asked."""

_FLAWS: Final[Sequence[tuple[type[ServiceError], str]]] = (
    (DeadlineExceededError, "out of time"),
    (BudgetExceededError, "the budget is spent"),
    (PromptTooLongError, "a question is longer than the model reads"),
    (SchemaViolationError, "what the model wrote is no such answer"),
    (ServiceError, "the model gave no useful answer"),
)
_FINAL: Final = (DeadlineExceededError, BudgetExceededError)
_NO_NUMBERS: Final = "the model gave probabilities that are none"


class Ask(NamedTuple):
    """A question with a few answers to choose among."""

    messages: Sequence[Message]
    options: Sequence[str]


class Caller:
    """Asks one generator on behalf of one request.

    Nothing that a generator does is an error here: a question without an answer has ``None``, and `flaws` says why.
    When the time or the budget is over, the model cannot be had, or three questions on end have failed, nothing more
    is asked.

    Args:
        generator: What is asked.
        deadline: A moment of `time.monotonic` by which all answers are wanted.
        abreast: Questions that may be under way at the same time; more than 1 pays where the model is elsewhere.

    Attributes:
        usage: What all answers took; of those from a cache nothing.
        calls: How many questions were put.
    """

    def __init__(self, generator: Generator, deadline: float | None = None, *, abreast: int = 1) -> None:
        self.generator, self.deadline, self.abreast = generator, deadline, abreast
        self.usage, self.calls = Usage(), 0
        self._flaws: Counter[str] = Counter()
        self._masses: list[float] = []
        self._stopped = False
        self._failed = 0
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether nothing more is asked."""
        return self._stopped or (self.deadline is not None and time.monotonic() >= self.deadline)

    @property
    def flaws(self) -> tuple[str, ...]:
        """What went wrong, in words, each with how often where that was more than once."""
        return tuple(what if often == 1 else f"{what} ({often} times)" for what, often in self._flaws.items())

    @property
    def mass(self) -> float:
        """The share of probability that the options had, on average; NaN where no answer told."""
        return float(np.mean(self._masses)) if self._masses else float("nan")

    def chosen(self, asks: Sequence[Ask]) -> list[NDArray[np.float64] | None]:
        """Return the log-probabilities of the options of each question, float64 ``[o]``, all finite."""
        return self._all([partial(self._choose, ask) for ask in asks])

    def written(self, messages: Sequence[Message], schema: Schema, max_tokens: int) -> Any:
        """Return the JSON value that the model wrote; ``None`` where it wrote none that keeps the schema."""
        return self._all([lambda: self._write(messages, schema, max_tokens)])[0]

    def _all(self, asks: Sequence[Callable[[], T | None]]) -> list[T | None]:
        if self.abreast > 1 and len(asks) > 1:
            with ThreadPoolExecutor(min(self.abreast, len(asks))) as pool:
                return list(pool.map(self._tried, asks))
        return [self._tried(ask) for ask in asks]

    def _tried(self, ask: Callable[[], T | None]) -> T | None:
        if self.over:
            with self._lock:
                if not self._stopped:
                    self._stop(_FLAWS[0][1])
            return None
        with self._lock:
            self.calls += 1
        try:
            found = ask()
        except ServiceError as error:
            what = next(said for kind, said in _FLAWS if isinstance(error, kind))
            self._fail(what, for_good=isinstance(error, _FINAL))
            return None
        except Exception as error:  # a generator may be anybody's: whatever it raises, a ranking does not fail with it
            self._fail(
                error.message if isinstance(error, TastemakerError) else f"it failed with {type(error).__name__}"
            )
            return None
        if found is None:
            self._fail(_NO_NUMBERS)
        else:
            self._failed = 0
        return found

    def _fail(self, what: str, *, for_good: bool = False) -> None:
        with self._lock:
            self._failed += 1
            if for_good:
                self._stop(what)
                return
            self._flaws[what] += 1
            self._stopped = self._stopped or self._failed >= _PATIENCE

    def _stop(self, what: str) -> None:
        self._stopped = True
        self._flaws[what] = 1

    def _choose(self, ask: Ask) -> NDArray[np.float64] | None:
        choice = self.generator.choose(ask.messages, ask.options, deadline=self.deadline)
        self._take(choice.usage, choice.cached)
        return self._read(choice, len(ask.options))

    def _read(self, choice: Choice, count: int) -> NDArray[np.float64] | None:
        """Return the log-probabilities; ``None`` where they are no such numbers, whatever made them."""
        said = np.asarray(choice.log_probabilities, dtype=np.float64)
        if said.shape != (count,) or np.isnan(said).any() or not np.isfinite(said.max()):
            return None
        if not np.isnan(choice.mass):
            self._masses.append(float(choice.mass))
        return np.maximum(said, _NEVER)

    def _write(self, messages: Sequence[Message], schema: Schema, max_tokens: int) -> Any:
        reply = self.generator.generate(
            messages, schema=schema, sampling=Sampling(max_tokens=max_tokens), deadline=self.deadline
        )
        self._take(reply.usage, reply.cached)
        return reply.value

    def _take(self, usage: Usage, cached: bool) -> None:
        if not cached:
            with self._lock:
                self.usage += usage
