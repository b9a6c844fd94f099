"""One call of a generator as data: what is asked, the hash that tells it from others, and making it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from tastemaker.core.errors import ConfigError, DeadlineExceededError
from tastemaker.core.generator import Choice, Generator, Message, Reply, Sampling, Schema, Usage
from tastemaker.language.encoders.identity import fingerprint_of

Result: TypeAlias = Reply | Choice


@dataclass(frozen=True)
class Call:
    """What one of the methods of a `Generator` was told.

    Attributes:
        kind: Whether words are wanted, or how likely each option is.
        messages: The conversation.
        schema: Of ``generate``.
        sampling: Of ``generate`` and ``stream``.
        options: Of ``choose``.
        prior: Of ``choose``.
        by_length: Of ``choose``.
        deadline: A moment of `time.monotonic`.
    """

    kind: Literal["generate", "choose"]
    messages: tuple[Message, ...]
    schema: Schema | None = None
    sampling: Sampling | None = None
    options: tuple[str, ...] = ()
    prior: tuple[Message, ...] | None = None
    by_length: bool = False
    deadline: float | None = None

    @classmethod
    def to_generate(
        cls,
        messages: Sequence[Message],
        schema: Schema | None = None,
        sampling: Sampling | None = None,
        deadline: float | None = None,
    ) -> Call:
        """Return a call of ``generate``, or of ``stream``, which asks for the same.

        Raises:
            ConfigError: There is no message.
        """
        return cls("generate", _checked(messages), schema, sampling, deadline=deadline)

    @classmethod
    def to_choose(
        cls,
        messages: Sequence[Message],
        options: Sequence[str],
        prior: Sequence[Message] | None = None,
        by_length: bool = False,
        deadline: float | None = None,
    ) -> Call:
        """Return a call of ``choose``.

        Raises:
            ConfigError: There is no message, or the options are none to choose among.
        """
        check_options(options)
        asked = None if prior is None else _checked(prior)
        return cls(
            "choose", _checked(messages), options=tuple(options), prior=asked, by_length=by_length, deadline=deadline
        )

    def facts(self) -> dict[str, Any]:
        """Return all that decides the result, as JSON values; the deadline is no part of it."""
        told: dict[str, Any] = {"kind": self.kind, "messages": _plain(self.messages)}
        if self.kind == "choose":
            prior = None if self.prior is None else _plain(self.prior)
            return told | {"options": list(self.options), "prior": prior, "by_length": self.by_length}
        drawn = self.sampling or Sampling()
        return told | {
            "schema": None if self.schema is None else dict(self.schema),
            "sampling": {
                "temperature": drawn.temperature,
                "top_p": drawn.top_p,
                "max_tokens": drawn.max_tokens,
                "stop": list(drawn.stop),
                "seed": drawn.seed,
            },
        }

    @property
    def key(self) -> str:
        """A hash of `facts`; equal calls have the same, whoever is asked. Properties of a schema are told in order."""
        return fingerprint_of(_ordered(self.facts()))

    def before(self, deadline: float) -> Call:
        """Return the same call with a deadline."""
        return replace(self, deadline=deadline)

    def make(self, of: Generator) -> Result:
        """Ask a generator."""
        if self.kind == "choose":
            return of.choose(self.messages, self.options, **self._of_choose())
        return of.generate(self.messages, schema=self.schema, sampling=self.sampling, deadline=self.deadline)

    async def amake(self, of: Generator) -> Result:
        """Ask a generator without holding up an event loop."""
        if self.kind == "choose":
            return await of.achoose(self.messages, self.options, **self._of_choose())
        return await of.agenerate(self.messages, schema=self.schema, sampling=self.sampling, deadline=self.deadline)

    def _of_choose(self) -> dict[str, Any]:
        return {"prior": self.prior, "by_length": self.by_length, "deadline": self.deadline}


def _checked(messages: Sequence[Message]) -> tuple[Message, ...]:
    if not messages:
        raise ConfigError("there is no message to reply to", remedy="Give one at least, the question last.")
    return tuple(messages)


def check_options(options: Sequence[str]) -> None:
    """Check that options may be chosen among: two at least, no two alike, none empty.

    Raises:
        ConfigError: They may not.
    """
    if len(options) < 2 or len(set(options)) != len(options) or not all(option.strip() for option in options):
        raise ConfigError(
            "what may be chosen has to be two options at least, no two alike, none empty", where=repr(list(options))
        )


def check_deadline(deadline: float | None) -> None:
    """Raise `DeadlineExceededError` where a moment of `time.monotonic` has passed."""
    if deadline is not None and time.monotonic() >= deadline:
        raise DeadlineExceededError("the time for the reply has passed", remedy="Grant more time, or ask for less.")


def sound(text: str) -> str:
    """Return a text that UTF-8 can hold: a question mark stands for half a surrogate."""
    return text.encode("utf-8", "replace").decode()


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _ordered(value: Any) -> Any:
    """Return JSON values in which the order of keys counts: a model writes properties in the order of the schema."""
    if isinstance(value, Mapping):
        return [[name, _ordered(inner)] for name, inner in value.items()]
    return [_ordered(inner) for inner in value] if isinstance(value, list | tuple) else value


def pieces_of(reply: Reply) -> Iterator[str | Reply]:
    """Yield a reply that is there already as a stream does: its text, if there is any, and itself."""
    if reply.text:
        yield reply.text
    yield reply


def plain_result(result: Result) -> dict[str, Any]:
    """Return a result as JSON values."""
    usage = asdict(result.usage)
    if isinstance(result, Choice):
        mass = None if math.isnan(result.mass) else result.mass
        return {"log_probabilities": result.log_probabilities.tolist(), "mass": mass, "usage": usage}
    told = {"text": result.text, "value": result.value, "finish": result.finish, "model": result.model}
    return told | {"usage": usage}


def read_result(value: Mapping[str, Any], *, cached: bool = False) -> Result:
    """Read what `plain_result` wrote."""
    usage = Usage(**value["usage"])
    if "log_probabilities" in value:
        scores = np.asarray(value["log_probabilities"], dtype=np.float64)
        return Choice(scores, math.nan if value["mass"] is None else float(value["mass"]), usage, cached)
    return Reply(value["text"], value["value"], value["finish"], usage, value["model"], cached)
