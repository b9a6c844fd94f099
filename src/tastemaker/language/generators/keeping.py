"""What is kept about calls and kept from them: defaults, deadlines, prices, budgets, traces."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.errors import ConfigError, GenerationError, PromptTooLongError, StorageError
from tastemaker.core.generator import Generator, Message, Reply, Sampling, Usage
from tastemaker.core.tenant import Tenant
from tastemaker.language.generators.cache import Cached, ReplyCache
from tastemaker.language.generators.calls import Call, Result
from tastemaker.language.generators.estimates import tokens_of
from tastemaker.language.generators.ledger import Budget, Ledger, Prices, Spent, priced
from tastemaker.language.generators.wrapper import Around, Wrapper

_logger: Final = logging.getLogger("tastemaker.generators")


class WithDefaults(Wrapper):
    """Calls that say nothing of their sampling or deadline have these.

    Args:
        of: The generator.
        sampling: How replies are drawn.
        seconds: The time that a call has; ``None`` for any.
    """

    def __init__(self, of: Generator, sampling: Sampling | None = None, seconds: float | None = None) -> None:
        super().__init__(of)
        self.sampling = sampling
        self.seconds = seconds

    def around(self, call: Call) -> Around:
        """See `Wrapper.around`."""
        if call.kind == "generate" and call.sampling is None:
            call = replace(call, sampling=self.sampling)
        if call.deadline is None and self.seconds is not None:
            call = call.before(time.monotonic() + self.seconds)
        return (yield call)


class Metered(Wrapper):
    """Calls are priced, summed in a ledger, and not made where they might pass a limit.

    A call may take its prompt and ``max_tokens`` of reply (in ``choose``, the longest option for each option); this is
    held until it is known what it took. Of a call that ended without saying, such as one that was cut by its deadline,
    all of that counts as spent. The budget of a call that is repaired may be passed by the repair.

    Args:
        of: The generator.
        prices: Of tokens.
        budget: The limits.
        ledger: Where calls are summed; one of its own if not given.

    Raises:
        ConfigError: The budget limits money and there are no prices, or days and the ledger keeps none.
    """

    def __init__(
        self,
        of: Generator,
        *,
        prices: Prices | None = None,
        budget: Budget | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(of)
        self.prices = prices
        self.budget = budget or Budget()
        self.ledger = ledger or Ledger()
        if self.budget.of_money and prices is None:
            raise ConfigError(
                "a budget of money needs prices",
                where="[generator.budget]",
                remedy="Write what a million tokens cost under [generator.prices], or limit tokens instead.",
            )
        if self.budget.of_days and self.ledger.days is None:
            raise ConfigError("a budget of days needs a ledger that keeps them", remedy="Make it with Ledger(FILE).")

    def around(self, call: Call) -> Around:
        """See `Wrapper.around`."""
        most = Spent.by(priced(self._most(call), self.prices))
        day = self.ledger.hold(most, self.budget)
        took: Usage | None = None
        try:
            result = yield call
            took = Usage() if result.cached else priced(result.usage, self.prices)
            if not result.cached:
                self.ledger.add(took)
        except Exception as error:  # of any generator, and raised again: what never reached a model cost nothing
            if not isinstance(error, GenerationError) or isinstance(error, PromptTooLongError):
                took = Usage()
            raise
        finally:
            self.ledger.settle(day, most, took, self.budget)
        return result if result.cached else replace(result, usage=took)

    def _most(self, call: Call) -> Usage:
        prompt = tokens_of(self.of, call.messages) + tokens_of(self.of, call.prior or ())
        if call.kind == "generate":
            return Usage(prompt, 0, (call.sampling or Sampling()).max_tokens)
        options = [self.of.count_tokens(option) for option in call.options]
        return Usage(prompt, 0, sum(options) * (1 if call.prior is None else 2))


@dataclass(frozen=True)
class Trace:
    """What is written of calls, and where.

    Attributes:
        file: A file that gets a line of JSON for each call; without one they go to the logger
            ``tastemaker.generators``, at the level ``INFO``.
        texts: Whether messages, replies and the words of errors are written, too: what people said of themselves.
    """

    file: Path | None = None
    texts: bool = False


class Traced(Wrapper):
    """Every call is written down: a hash of what was asked, what it took, and how it ended.

    A line has a time, the kind of call, the generator, a hash of the messages, tokens, seconds, cost, how it ended or
    the error's class, and whether it came from a cache.

    Args:
        of: The generator.
        trace: What is written, and where.
        clock: What time it is.
    """

    def __init__(self, of: Generator, trace: Trace | None = None, *, clock: Clock = system_clock) -> None:
        super().__init__(of)
        self.trace = trace or Trace()
        self._clock = clock

    def around(self, call: Call) -> Around:
        """See `Wrapper.around`."""
        began = time.perf_counter()
        line = {"time": self._clock().isoformat(timespec="milliseconds"), "kind": call.kind, "generator": self.name}
        line |= {"prompt": prompt_hash(call.messages)} | (call.facts() if self.trace.texts else {})
        try:
            result = yield call
        except GeneratorExit:
            self._write(line | {"seconds": _since(began), "error": "abandoned"})
            raise
        except Exception as error:  # of any generator, and raised again: each is traced
            told = {"message": str(error)} if self.trace.texts else {}
            self._write(line | {"seconds": _since(began), "error": type(error).__name__} | told)
            raise
        self._write(line | {"seconds": _since(began)} | self._told(result))
        return result

    def _told(self, result: Result) -> dict[str, Any]:
        usage = result.usage
        told: dict[str, Any] = {
            "prompt_tokens": usage.prompt_tokens,
            "reused_tokens": usage.reused_tokens,
            "reply_tokens": usage.reply_tokens,
            "cost": usage.cost,
            "cached": result.cached,
        }
        if not isinstance(result, Reply):
            return told | {"mass": result.mass if result.mass == result.mass else None}
        return (
            told
            | {"model": result.model, "finish": result.finish}
            | ({"text": result.text} if self.trace.texts else {})
        )

    def _write(self, line: Mapping[str, Any]) -> None:
        written = json.dumps(line, ensure_ascii=not self.trace.texts)
        if self.trace.file is None:
            _logger.info("%s", written)
            return
        try:
            append_line(self.trace.file, written)
        except StorageError as error:
            _logger.warning("%s", error)


def guarded(
    of: Generator,
    *,
    sampling: Sampling | None = None,
    seconds: float | None = None,
    trace: Trace | None = None,
    cache: ReplyCache | None = None,
    tenant: Tenant | None = None,
    prices: Prices | None = None,
    budget: Budget | None = None,
    ledger: Ledger | None = None,
) -> Generator:
    """Return a generator with all that is kept about its calls, in the order in which that makes sense.

    Defaults come first, since they are part of what is cached; a reply from the cache is traced and costs nothing.

    Args:
        of: The generator.
        sampling: As in `WithDefaults`.
        seconds: As in `WithDefaults`.
        trace: As in `Traced`; none is written if it is not given.
        cache: Where replies are kept; none if not given.
        tenant: Whose calls these are.
        prices: As in `Metered`.
        budget: As in `Metered`.
        ledger: As in `Metered`.
    """
    found: Generator = Metered(of, prices=prices, budget=budget, ledger=ledger)
    if cache is not None:
        found = Cached(found, cache, tenant=tenant)
    if trace is not None:
        found = Traced(found, trace)
    return WithDefaults(found, sampling, seconds)


def prompt_hash(messages: tuple[Message, ...]) -> str:
    """Return a hash of messages, 16 hexadecimal digits, which tells equal ones without telling what they say."""
    told = json.dumps([[message.role, message.content] for message in messages])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 6)


_writing: Final = threading.Lock()


def append_line(file: Path, line: str) -> None:
    """Append a line to a file that nobody else may read; lines of several processes do not mix.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        with _writing:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, f"{line}\n".encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
    except OSError as error:
        raise StorageError(
            f"could not write: {error.strerror or error}", where=str(file), remedy="Free some space, or name another."
        ) from error
