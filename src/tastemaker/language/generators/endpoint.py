"""Replies from a server: any that answers ``POST /v1/chat/completions`` as OpenAI's does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final

from tastemaker.core.errors import ConfigError, GenerationError, PromptTooLongError, SchemaViolationError
from tastemaker.core.generator import Choice, Message, Reply, Sampling, Schema, Usage
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.background import apieces, arun, pieces, run
from tastemaker.language.generators.base import BaseGenerator
from tastemaker.language.generators.calls import Call, Result, check_deadline
from tastemaker.language.generators.choices import choice_among
from tastemaker.language.generators.connection import DONE, Connection, Refused
from tastemaker.language.generators.dialect import Dialect, Manner, is_too_long
from tastemaker.language.generators.estimates import estimated_tokens, tokens_of
from tastemaker.language.generators.labels import score_options, scores_of_pick
from tastemaker.language.generators.registry import need_at_least
from tastemaker.language.generators.replies import Pieces, Written, written
from tastemaker.language.generators.schemas import VALUE, as_object, check_schema, one_of, read_value, try_again
from tastemaker.language.services import checked_address, checked_variable, key_of

_OURS: Final = frozenset({"messages", "model", "stream", "n", "tools", "tool_choice", "response_format"})

_FIRST_TOKEN: Final = Sampling(temperature=1.0, max_tokens=1)
"""Some servers divide log-probabilities by the temperature before they tell them."""


class Endpoint(BaseGenerator):
    """The replies that a server gives.

    What fails in passing (no connection, no answer in time, "too many requests", the server's own errors) is tried
    again, after the time that the server asks for if it asks for one. What the server does not know of the API is
    left out or put in another way, and how is remembered: a schema is sent as ``json_schema``, else as ``json_object``,
    else in words. A reply is checked against its schema in any case.

    Args:
        base_url: Address of the server up to and with the version, such as ``http://127.0.0.1:8080/v1``.
        model: Name of the model there.
        key_from: Name of the environment variable that holds the key; empty where none is needed. The key itself is
            never written anywhere.
        context: How many tokens of prompt and reply the model can hold; what the server says of that is obeyed anyway.
        timeout: Seconds that one request may take; of a stream, its beginning and the time between any two pieces.
        retries: How often a request is sent again.
        concurrency: Requests at a time.
        repairs: How often a reply that does not keep its schema is asked for again.
        body: Further fields of every request, such as ``{"reasoning_effort": "low"}``; never a key or password.
    """

    name: ClassVar[str] = "endpoint"

    def __init__(
        self,
        base_url: str,
        model: str,
        key_from: str = "",
        context: int | None = None,
        timeout: float = 60.0,
        retries: int = 4,
        concurrency: int = 4,
        repairs: int = 1,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        need_at_least(1, context=context, concurrency=concurrency)
        need_at_least(0, retries=retries, repairs=repairs)
        need_at_least(0.001, timeout=timeout)
        self.base_url = checked_address(base_url)
        self.model = model
        self.key_from = checked_variable(key_from)
        self.context = context
        self.timeout = timeout
        self.retries = retries
        self.concurrency = concurrency
        self.repairs = repairs
        self.body = _checked_body(body)
        self._dialect = Dialect()
        self._connection = Connection(
            f"{self.base_url}/chat/completions", timeout=timeout, retries=retries, concurrency=concurrency
        )

    @property
    def fingerprint(self) -> str:
        """A hash of the address, the model's name and what is asked; what the server changes, it cannot see."""
        return fingerprint_of(self.name, self.base_url, self.model, self.repairs, self.body)

    @property
    def _where(self) -> str:
        return f"{self.base_url}, model {self.model}"

    def count_tokens(self, text: str) -> int:
        """Return an estimate that is sooner too high than too low: the server's own tokens are not known."""
        return estimated_tokens(text)

    def _make(self, call: Call) -> Result:
        return run(self._answer(call))

    async def _amake(self, call: Call) -> Result:
        return await arun(self._answer(call))

    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        return pieces(self._stream(call))

    def _apieces(self, call: Call) -> AsyncIterator[str | Reply]:
        return apieces(self._stream(call))

    async def _answer(self, call: Call) -> Result:
        return await (self._choose(call) if call.kind == "choose" else self._generate(call))

    def spec(self) -> dict[str, Any]:
        """Return what makes the same generator again: the name of the variable that holds the key, never the key."""
        return {
            "name": self.name,
            "base_url": self.base_url,
            "model": self.model,
            "key_from": self.key_from,
            "context": self.context,
            "timeout": self.timeout,
            "retries": self.retries,
            "concurrency": self.concurrency,
            "repairs": self.repairs,
            "body": dict(self.body),
        }

    async def _generate(self, call: Call) -> Reply:
        drawn, messages, usage = call.sampling or Sampling(), list(call.messages), Usage()
        if call.schema is None:
            said, usage = await self._write(messages, drawn, None, call.deadline)
            return Reply(said.text, None, said.finish, usage, said.model or self.model)
        check_schema(call.schema)
        schema, around = as_object(call.schema)
        for left in range(self.repairs, -1, -1):
            said, took = await self._write(messages, drawn, schema, call.deadline)
            usage += took
            try:
                value = self._value(said, schema, drawn)
            except SchemaViolationError as violation:
                if not left or said.finish != "stop":
                    raise
                again = Message("user", try_again(violation))
                messages = [*call.messages, Message("assistant", said.text), again]
            else:
                value = value[VALUE] if around else value
                return Reply(said.text, value, said.finish, usage, said.model or self.model)
        raise AssertionError("the last try returns or raises")

    def _value(self, said: Written, schema: Schema, drawn: Sampling) -> Any:
        if said.finish == "refused":
            raise SchemaViolationError("the server withheld the reply", where=self._where)
        try:
            return read_value(said.text, schema)
        except SchemaViolationError as violation:
            if said.finish != "length":
                raise
            raise SchemaViolationError(
                f"the reply was cut after {drawn.max_tokens} tokens, in the middle of its JSON",
                where=self._where,
                remedy="Raise max_tokens, or ask for less.",
            ) from violation

    async def _write(
        self, messages: Sequence[Message], drawn: Sampling, schema: Schema | None, deadline: float | None
    ) -> tuple[Written, Usage]:
        began = time.perf_counter()

        def body(manner: Manner) -> dict[str, Any]:
            return manner.body(self.model, messages, drawn, schema)

        said = written(await self._ask(body, schema, deadline), self._where)
        return said, self._took(said, messages, began)

    def _took(self, said: Written, messages: Sequence[Message], began: float) -> Usage:
        prompt, reply = tokens_of(self, messages), self.count_tokens(said.text)
        return said.usage(prompt, reply, time.perf_counter() - began)

    async def _ask(self, body: Any, schema: Schema | None, deadline: float | None) -> Any:
        """Send what ``body`` makes of a manner, in the first manner that the server understands."""
        check_deadline(deadline)
        key, manner = key_of(self.key_from, self.base_url), self._dialect.manner(schema)
        while True:
            sent = manner.trimmed(self.body | body(manner))
            try:
                answer = await self._connection.post(sent, key, deadline)
            except Refused as refusal:
                manner = self._otherwise(manner, refusal, sent)
            else:
                self._dialect.worked(manner, schema)
                return answer

    def _otherwise(self, manner: Manner, refusal: Refused, sent: Mapping[str, Any]) -> Manner:
        """Return how a request that was refused may be put; raise where that would not help."""
        if is_too_long(refusal):
            raise PromptTooLongError(
                f"the messages do not fit into what the model reads: {refusal.message}",
                where=self._where,
                remedy="Send less, or a lower max_tokens.",
            ) from refusal
        other = manner.after(refusal, sent)
        if other is None:
            raise refusal
        return other

    async def _stream(self, call: Call) -> AsyncIterator[str | Reply]:
        check_deadline(call.deadline)
        began, drawn, said = time.perf_counter(), call.sampling or Sampling(), Pieces(self._where)
        key, manner = key_of(self.key_from, self.base_url), self._dialect.manner()
        more = {"stream": True, "stream_options": {"include_usage": True}}
        while True:
            sent = manner.trimmed(self.body | manner.body(self.model, call.messages, drawn) | more)
            try:
                async with aclosing(self._connection.events(sent, key, call.deadline)) as events:
                    async for event in events:
                        if event is DONE:
                            said.end()
                        elif text := said.add(event):
                            yield text
                break
            except Refused as refusal:
                manner = self._otherwise(manner, refusal, sent)
        self._dialect.worked(manner)
        whole = said.whole()
        usage = self._took(whole, call.messages, began)
        yield Reply(whole.text, None, whole.finish, usage, whole.model or self.model)

    async def _choose(self, call: Call) -> Choice:
        found = await self._scores(call.messages, call)
        if found is None:
            return await self._pick(call)
        scores, mass, usage = found
        if call.prior is None:
            return choice_among(scores, mass, usage=usage)
        prior = await self._scores(call.prior, call)
        if prior is None:
            return await self._pick(call)
        return choice_among(scores, mass, prior[0], usage + prior[2])

    async def _scores(self, messages: Sequence[Message], call: Call) -> tuple[list[float], float, Usage] | None:
        """Return log-probabilities of the options, their mass and what that took; ``None`` where there are none."""
        began = time.perf_counter()
        if not self._dialect.manner().top:
            return None

        def body(manner: Manner) -> dict[str, Any]:
            tokens = {"logprobs": True, "top_logprobs": manner.top} if manner.top else {}
            return manner.body(self.model, messages, _FIRST_TOKEN) | tokens

        said = written(await self._ask(body, None, call.deadline), self._where)
        self._dialect.tokens(bool(said.top))
        if not said.top:
            return None
        scored = score_options(call.options, said.top)
        return None if scored is None else (*scored, self._took(said, messages, began))

    async def _pick(self, call: Call) -> Choice:
        if call.prior is not None:
            raise GenerationError(
                "the endpoint does not tell how likely these options are, so that no prior can be taken off",
                where=self._where,
                remedy="Ask without a prior; or give options that differ in their first token, such as letters, and "
                "take a server that tells top_logprobs, as those of llama.cpp and vLLM do.",
            )
        reply = await self._generate(Call.to_generate(call.messages, one_of(call.options), None, call.deadline))
        return choice_among(scores_of_pick(call.options, reply.value), float("nan"), usage=reply.usage)


def _checked_body(body: Mapping[str, Any] | None) -> dict[str, Any]:
    found = dict(body or {})
    if ours := sorted(_OURS & found.keys()):
        raise ConfigError(
            f"the field '{ours[0]}' of a request is set by the generator itself", where="the argument 'body'"
        )
    return found
