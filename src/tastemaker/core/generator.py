"""The contract of everything that writes: a model in this process, one behind an address, and a script for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Role: TypeAlias = Literal["system", "user", "assistant"]

Finish: TypeAlias = Literal["stop", "length", "refused"]
"""Why a reply ended: by itself or at a stop word, at the limit of tokens, or because the server withheld the rest."""

Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema: objects with named properties, enumerations, bounded lists, numbers, texts."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side of a conversation said."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn, and when to stop.

    Attributes:
        temperature: 0 takes the likeliest token.
        top_p: Only tokens of this share of the probability, the likeliest first.
        max_tokens: A reply ends after so many.
        stop: A reply ends before any of these.
        seed: Of what is drawn.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call took.

    Attributes:
        prompt_tokens: Tokens that were read.
        reused_tokens: How many of these a prefix cache had already.
        reply_tokens: Tokens that were written.
        seconds: From the call to its end.
        cost: Money by the prices of the settings; 0 where none are known.
    """

    prompt_tokens: int = 0
    reused_tokens: int = 0
    reply_tokens: int = 0
    seconds: float = 0.0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.reused_tokens + other.reused_tokens,
            self.reply_tokens + other.reply_tokens,
            self.seconds + other.seconds,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What was written.

    Attributes:
        text: All of it.
        value: The JSON value, where a schema was asked for; it keeps the schema.
        finish: Why it ended.
        usage: What it took; of a reply from the cache, what it took when it was made.
        model: What wrote it, as the one that wrote it says.
        cached: Whether it was kept from an equal call before.
    """

    text: str
    value: Any = None
    finish: Finish = "stop"
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """How likely each option is as the next thing that is written.

    Attributes:
        log_probabilities: Over the options alone, float64 ``[o]``: their exponentials sum to 1.
        mass: The share of all probability that the options had together, before that, in 0 to 1; small where the model
            would rather have said something else. NaN where the generator cannot tell.
        usage: What it took.
        cached: Whether it was kept from an equal call before.
    """

    log_probabilities: NDArray[np.float64]
    mass: float
    usage: Usage = field(default_factory=Usage)
    cached: bool = False


@runtime_checkable
class Generator(Protocol):
    """Writes replies to messages, and says how likely given answers are.

    The same call gives the same reply at temperature 0, as far as the machine or server below repeats its sums. Every
    call has a twin with ``a`` before its name that does the same without holding up an event loop.

    Raises, in any call:
        DeadlineExceededError: The deadline came first; nothing is kept of the reply.
        BudgetExceededError: A limit of tokens or money would be passed; the call was not made.
        PromptTooLongError: The messages do not fit into what the model reads.
        SchemaViolationError: What was written does not keep the schema, also after the tries that the settings allow.
        ServiceError: There is no useful answer.
    """

    @property
    def name(self) -> str:
        """The name under which it is made and listed, such as ``llama``."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hexadecimal hash of all that decides a reply beside the call; part of every key of the cache."""
        ...

    @property
    def context(self) -> int | None:
        """How many tokens of prompt and reply it can hold; ``None`` where that is not known."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, exactly or as an upper estimate."""
        ...

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        sampling: Sampling | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Return the reply to some messages.

        Args:
            messages: The conversation so far, the question last.
            schema: What the reply has to be, as JSON; decoding is bound to it where the generator can do that, and
                the reply is checked against it in any case.
            sampling: How it is drawn; greedily if not given.
            deadline: A moment of `time.monotonic` by which the reply is wanted.
        """
        ...

    def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, deadline: float | None = None
    ) -> Iterator[str | Reply]:
        """Yield the pieces of a reply as they are written, and the whole `Reply` at the end."""
        ...

    def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        prior: Sequence[Message] | None = None,
        by_length: bool = False,
        deadline: float | None = None,
    ) -> Choice:
        """Return how likely each option is as the beginning of the reply.

        Args:
            messages: The conversation so far, the question last.
            options: What the reply may be; two at least, no two alike, none empty.
            prior: The same question without what it is about: its log-probabilities are taken off, so that what is
                left is what the content says (contextual calibration; Zhao et al., 2021).
            by_length: Whether the log-probability of an option of several tokens is divided by their number instead
                of summed.
            deadline: As above.
        """
        ...

    async def agenerate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        sampling: Sampling | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """As `generate`."""
        ...

    def astream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, deadline: float | None = None
    ) -> AsyncIterator[str | Reply]:
        """As `stream`."""
        ...

    async def achoose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        prior: Sequence[Message] | None = None,
        by_length: bool = False,
        deadline: float | None = None,
    ) -> Choice:
        """As `choose`."""
        ...

    def spec(self) -> dict[str, Any]:
        """Return what makes the same generator again, as JSON values, ``name`` among them; never a key or password."""
        ...
