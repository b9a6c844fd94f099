"""What a server understands of the OpenAI API: tried, and remembered when something else worked."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from tastemaker.core.generator import Message, Sampling, Schema
from tastemaker.language.generators.calls import sound
from tastemaker.language.generators.connection import Refused
from tastemaker.language.generators.schemas import in_words

Form: TypeAlias = Literal["json_schema", "json_object", "instructions"]
"""How a schema is sent: the server is bound to it; it is bound to JSON and told the schema; it is only told."""

_WEAKER: Final[Mapping[Form, Form]] = {"json_schema": "json_object", "json_object": "instructions"}
_FEWER: Final = {20: 5, 5: 0}
"""How many of the likeliest tokens are asked for -> how many where that is refused."""
_UNDERSTOOD: Final = frozenset({400, 415, 422, 500, 501})
"""Status codes of a server that would have taken another request."""
_OPTIONAL: Final = ("stream_options", "seed", "top_p", "temperature", "stop")

_TOO_LONG: Final = re.compile(
    r"context.{0,3}(length|size|window)|maximum context|exceed_context|too many tokens|prompt is too long"
    r"|max_model_len|input is too long",
    re.IGNORECASE,
)
_OF_SCHEMAS: Final = re.compile(r"response_format|json_schema|json_object|schema|grammar|guided|structured", re.I)
_OF_TOKENS: Final = re.compile(r"log_?probs?", re.I)
_logger: Final = logging.getLogger("tastemaker.generators")


def is_too_long(refusal: Refused) -> bool:
    """Say whether a server refused a request because of its length."""
    return refusal.status == 413 or (refusal.status in _UNDERSTOOD and bool(_TOO_LONG.search(refusal.text)))


@dataclass(frozen=True)
class Manner:
    """How a request is put.

    Attributes:
        form: How a schema is sent.
        top: How many of the likeliest tokens are asked for; 0 where the server tells none.
        limit: The name of the limit of tokens.
        without: Fields that are not sent.
    """

    form: Form = "json_schema"
    top: int = 20
    limit: str = "max_tokens"
    without: frozenset[str] = frozenset()

    def body(
        self, model: str, messages: Sequence[Message], sampling: Sampling, schema: Schema | None = None
    ) -> dict[str, Any]:
        """Return a request as JSON values."""
        told = [{"role": message.role, "content": sound(message.content)} for message in messages]
        body: dict[str, Any] = {
            "model": model,
            "messages": told,
            self.limit: sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
        }
        if sampling.top_p < 1:
            body["top_p"] = sampling.top_p
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if schema is not None:
            if self.form == "json_schema":
                about = {"name": "reply", "schema": dict(schema), "strict": True}
                body["response_format"] = {"type": "json_schema", "json_schema": about}
            else:
                told[-1]["content"] += f"\n\n{in_words(schema)}"
            if self.form == "json_object":
                body["response_format"] = {"type": "json_object"}
        return body

    def trimmed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request without the fields that the server does not take."""
        return {name: value for name, value in body.items() if name not in self.without}

    def after(self, refusal: Refused, body: Mapping[str, Any]) -> Manner | None:
        """Return how to put a request that was refused, or ``None`` where that would not help."""
        if refusal.status not in _UNDERSTOOD:
            return None
        said = refusal.text
        schema, tokens = "response_format" in body, "top_logprobs" in body
        if "max_completion_tokens" in said and "max_tokens" in body:
            return replace(self, limit="max_completion_tokens")
        if schema and _OF_SCHEMAS.search(said):
            return replace(self, form=_WEAKER[self.form])
        if tokens and _OF_TOKENS.search(said):
            return replace(self, top=_FEWER[self.top])
        for name in _OPTIONAL:
            if name in body and re.search(rf"\b{name}\b", said):
                return replace(self, without=self.without | {name})
        if refusal.status >= 500:
            return None
        # It did not say what it will not have: what servers lack most often goes first.
        if schema:
            return replace(self, form=_WEAKER[self.form])
        if tokens:
            return replace(self, top=_FEWER[self.top])
        return replace(self, without=self.without | {"stream_options"}) if "stream_options" in body else None


class Dialect:
    """How one server is asked, as far as it has shown."""

    def __init__(self) -> None:
        self._usual = Manner()
        self._forms: dict[str, Form] = {}
        self._bound = False
        self._misses: int | None = 0
        self._lock = threading.Lock()

    def manner(self, schema: Schema | None = None) -> Manner:
        """Return how the next request is put."""
        with self._lock:
            form = self._forms.get(_name(schema), self._usual.form)
            return replace(self._usual, form=form)

    def worked(self, manner: Manner, schema: Schema | None = None) -> None:
        """Take note of how a request was put that was answered.

        A server that has been bound to a schema before refused this one alone.
        """
        with self._lock:
            usual = self._usual
            form = usual.form
            if schema is not None:
                self._bound |= manner.form == "json_schema"
                if not self._bound:
                    form = manner.form
                elif manner.form != form:
                    self._forms[_name(schema)] = manner.form
            if dropped := manner.without - usual.without:
                _logger.warning("the endpoint does not take %s: it is asked without", ", ".join(sorted(dropped)))
            self._usual = Manner(form, min(manner.top, usual.top), manner.limit, usual.without | manner.without)

    def tokens(self, told: bool) -> None:
        """Take note whether an answer told the likeliest tokens.

        A server that never did so in three answers is not asked for them any more. Those that do leave them out where
        a reply begins within a character.
        """
        with self._lock:
            if told:
                self._misses = None
            elif self._misses is not None:
                self._misses += 1
                if self._misses == _MISSES:
                    self._usual = replace(self._usual, top=0)


_MISSES: Final = 3


def _name(schema: Schema | None) -> str:
    return "" if schema is None else json.dumps(dict(schema))
