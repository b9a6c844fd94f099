"""The six ways to call a generator, written once: each becomes a `Call`, and what comes of that is the subclass's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import cast

from tastemaker.core.generator import Choice, Message, Reply, Sampling, Schema
from tastemaker.language.generators.calls import Call, Result


class BaseGenerator(ABC):
    """A `tastemaker.core.generator.Generator` that is handed each call as one value, checked."""

    @abstractmethod
    def _make(self, call: Call) -> Result:
        """Return the `Reply` or the `Choice` that a call asks for."""

    @abstractmethod
    async def _amake(self, call: Call) -> Result:
        """As `_make`, without holding up an event loop."""

    @abstractmethod
    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        """Yield the pieces of a reply as they are written, and the whole at the end."""

    @abstractmethod
    def _apieces(self, call: Call) -> AsyncIterator[str | Reply]:
        """As `_pieces`, without holding up an event loop."""

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        sampling: Sampling | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """See `Generator.generate`."""
        return cast(Reply, self._make(Call.to_generate(messages, schema, sampling, deadline)))

    def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, deadline: float | None = None
    ) -> Iterator[str | Reply]:
        """See `Generator.stream`; who closes the iterator stops what writes."""
        return self._pieces(Call.to_generate(messages, None, sampling, deadline))

    def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        prior: Sequence[Message] | None = None,
        by_length: bool = False,
        deadline: float | None = None,
    ) -> Choice:
        """See `Generator.choose`."""
        return cast(Choice, self._make(Call.to_choose(messages, options, prior, by_length, deadline)))

    async def agenerate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        sampling: Sampling | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """As `generate`, without holding up an event loop; who cancels the task stops what writes."""
        return cast(Reply, await self._amake(Call.to_generate(messages, schema, sampling, deadline)))

    def astream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, deadline: float | None = None
    ) -> AsyncIterator[str | Reply]:
        """As `stream`, without holding up an event loop."""
        return self._apieces(Call.to_generate(messages, None, sampling, deadline))

    async def achoose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        prior: Sequence[Message] | None = None,
        by_length: bool = False,
        deadline: float | None = None,
    ) -> Choice:
        """As `choose`, without holding up an event loop."""
        return cast(Choice, await self._amake(Call.to_choose(messages, options, prior, by_length, deadline)))
