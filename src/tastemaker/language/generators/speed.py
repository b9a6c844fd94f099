"""How fast a generator is on this machine: reading, writing, the first token, prefixes that are known, choices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Message, Reply, Sampling
from tastemaker.core.run import Run

_WORDS = "a quiet novel about the sea and the people who live by it, told by a lighthouse keeper; "
_LETTERS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Speed:
    """What was measured, by the clock: whatever else runs on the machine counts in.

    Attributes:
        prompt_tokens: Of the prompt that was read.
        prompt_tokens_per_second: Reading one that is new.
        first_token_seconds: From a short question to the first piece of its reply.
        reply_tokens_per_second: Writing, after the first piece.
        known_prefix_tokens: Tokens of the second prompt that were known from the first; 0 without a prefix cache, or
            where the generator does not say.
        known_prefix_gain: How many times as fast the second prompt was answered as the first.
        choices_per_second: `choose` among four letters, a short question each behind the same long prefix.
    """

    prompt_tokens: int
    prompt_tokens_per_second: float
    first_token_seconds: float
    reply_tokens_per_second: float
    known_prefix_tokens: int
    known_prefix_gain: float
    choices_per_second: float

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure_speed(
    of: Generator, *, words: int = 600, tokens: int = 64, choices: int = 8, run: Run | None = None
) -> Speed:
    """Measure a generator.

    Args:
        of: The generator; keep no cache of replies before it.
        words: About how many tokens the long prompt has.
        tokens: At most so many are written.
        choices: How many choices are made.
        run: Is told how far it is.

    Raises:
        GenerationError: It wrote nothing.
    """
    run = run or Run()
    one = Sampling(max_tokens=1)
    with run.track(f"Measuring {of.name}", total=4 + choices) as done:
        of.generate([Message("user", "Hello")], sampling=one)
        done(1)
        prefix = _WORDS * max(words // of.count_tokens(_WORDS), 1)
        fresh, reply = _timed(of, _asked(prefix, "Who tells it?"), one)
        done(1)
        known, again = _timed(of, _asked(prefix, "Where does it play?"), one)
        done(1)
        first, rate = _written(of, tokens)
        done(1)
        began = time.perf_counter()
        for number in range(choices):
            of.choose(
                _asked(prefix, f"Is a book of {number + 100} pages: A long, B short, C a poem, D a play?"), _LETTERS
            )
            done(1)
        chosen = time.perf_counter() - began
    read = reply.usage.prompt_tokens - reply.usage.reused_tokens
    return Speed(
        reply.usage.prompt_tokens,
        read / fresh,
        first,
        rate,
        again.usage.reused_tokens,
        fresh / known,
        choices / chosen,
    )


def _asked(prefix: str, question: str) -> list[Message]:
    return [Message("user", f"{prefix}\n\n{question}")]


def _timed(of: Generator, messages: Sequence[Message], sampling: Sampling) -> tuple[float, Reply]:
    began = time.perf_counter()
    reply = of.generate(messages, sampling=sampling)
    return max(time.perf_counter() - began, 1e-9), reply


def _written(of: Generator, tokens: int) -> tuple[float, float]:
    """Return the seconds to the first piece of a reply, and tokens a second after it."""
    began = time.perf_counter()
    first, reply = None, None
    asked = [Message("user", "Tell me a long story about a lighthouse.")]
    for piece in of.stream(asked, sampling=Sampling(temperature=0.7, max_tokens=tokens)):
        first = first or time.perf_counter()
        if isinstance(piece, Reply):
            reply = piece
    if first is None or reply is None or not reply.text:
        raise GenerationError(f"{of.name} wrote nothing, so that its speed cannot be told")
    wrote = max(time.perf_counter() - first, 1e-9)
    return first - began, max(reply.usage.reply_tokens - 1, 0) / wrote
