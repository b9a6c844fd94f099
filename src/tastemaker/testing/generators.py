"""What everything that writes must do; run it on your own with `check_generator`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any, Final, get_args

import numpy as np

from tastemaker.core.errors import (
    ConfigError,
    DeadlineExceededError,
    GenerationError,
    PromptTooLongError,
    SchemaViolationError,
)
from tastemaker.core.generator import Choice, Finish, Generator, Message, Reply, Sampling, Usage
from tastemaker.language.generators import make_generator, object_of, one_of
from tastemaker.language.generators.schemas import faults
from tastemaker.testing.rules import ODD, check_fingerprint, refused, require, through_json

ASK: Final = (
    Message("system", "You sort books. Answer in one word."),
    Message("user", "A whale, a captain, a long voyage: sea or city?"),
)
OPTIONS: Final = ("sea", "city", "a small town")
SHORT: Final = Sampling(max_tokens=8)

Rule = Callable[[Generator], None]

_SCHEMA: Final = object_of(genre=one_of(["sea", "city"]))
_CLOSE: Final = 0.1
"""A prompt whose beginning is known is read in other portions, which moves log-probabilities by some hundredths."""


def check_generator(generator: Generator) -> None:
    """Check that a generator keeps the contract, by some forty calls of eight tokens at most.

    It has to be one that `tastemaker.language.generators.make_generator` makes from its spec, so it is either shipped
    or declared as an entry point in the group ``tastemaker.generators``; and it has to say the same again at
    temperature 0. What it says is not judged: one that cannot keep a schema may say so by `SchemaViolationError`.

    Args:
        generator: The generator.

    Raises:
        AssertionError: It does not; the message names the rule.
    """
    for rule in RULES:
        rule(generator)


def _generated(of: Generator, messages: Sequence[Message], **told: Any) -> Reply:
    return of.generate(messages, sampling=SHORT, **told)


def _streamed(of: Generator, messages: Sequence[Message], **told: Any) -> Reply:
    return _whole(list(of.stream(messages, sampling=SHORT, **told)))


def _agenerated(of: Generator, messages: Sequence[Message], **told: Any) -> Reply:
    return asyncio.run(of.agenerate(messages, sampling=SHORT, **told))


def _astreamed(of: Generator, messages: Sequence[Message], **told: Any) -> Reply:
    async def collect() -> list[str | Reply]:
        return [piece async for piece in of.astream(messages, sampling=SHORT, **told)]

    return _whole(asyncio.run(collect()))


def _chosen(of: Generator, messages: Sequence[Message], options: Sequence[str] = OPTIONS, **told: Any) -> Choice:
    return of.choose(messages, options, **told)


def _achosen(of: Generator, messages: Sequence[Message], options: Sequence[str] = OPTIONS, **told: Any) -> Choice:
    return asyncio.run(of.achoose(messages, options, **told))


_WRITING: Final[Mapping[str, Callable[..., Reply]]] = {
    "generate": _generated,
    "agenerate": _agenerated,
    "stream": _streamed,
    "astream": _astreamed,
}
_CHOOSING: Final[Mapping[str, Callable[..., Choice]]] = {"choose": _chosen, "achoose": _achosen}
_WAYS: Final[Mapping[str, Callable[..., object]]] = {**_WRITING, **_CHOOSING}


def _whole(heard: Sequence[str | Reply]) -> Reply:
    """Return the reply at the end of a stream, whose pieces make up its text."""
    *pieces, whole = heard or [""]
    if not isinstance(whole, Reply):
        raise AssertionError("a stream ends with the whole reply")
    require(all(isinstance(piece, str) for piece in pieces), "the pieces of a stream are texts")
    require("".join(map(str, pieces)) == whole.text, "the pieces of a stream make up the text of its reply")
    return whole


def _check_usage(usage: Usage) -> None:
    took = (usage.prompt_tokens, usage.reused_tokens, usage.reply_tokens, usage.seconds, usage.cost)
    require(all(np.isfinite(each) and each >= 0 for each in took), "what a call took is told in numbers from 0 on")


def _check_reply(reply: Reply) -> None:
    require(isinstance(reply, Reply) and isinstance(reply.text, str), "a reply is a Reply, and its text is one")
    require(reply.finish in get_args(Finish), f"a reply ends with {', '.join(get_args(Finish))}")
    _check_usage(reply.usage)


def _check_choice(choice: Choice, options: Sequence[str] = OPTIONS) -> None:
    told = choice.log_probabilities
    require(told.shape == (len(options),) and told.dtype == np.float64, "log-probabilities are float64 [options]")
    require(np.isfinite(told).all(), "log-probabilities are finite")
    require(abs(np.exp(told).sum() - 1) < 1e-6, "the probabilities of the options sum to 1")
    require(np.isnan(choice.mass) or 0 <= choice.mass <= 1, "the mass is from 0 to 1, or NaN")
    _check_usage(choice.usage)


def keeps_the_protocol(generator: Generator) -> None:
    """Every member is there; tokens are counted, and more text has no fewer."""
    require(isinstance(generator, Generator), "every member of the Generator protocol exists")
    require(isinstance(generator.name, str) and generator.name, "it has a name")
    require(generator.context is None or generator.context >= 1, "the context is at least 1, or None")
    counts = [generator.count_tokens(text) for text in ("", "sea", "the quiet sea " * 20)]
    require(all(isinstance(count, int) for count in counts), "tokens are counted in whole numbers")
    require(0 <= counts[0] <= counts[1] < counts[2], "a longer text has more tokens")


def writes_in_every_way(generator: Generator) -> None:
    """All four ways to have a reply give the same one, in one event loop after another."""
    replies = {way: write(generator, ASK) for way, write in _WRITING.items()}
    for way, reply in replies.items():
        _check_reply(reply)
        require(reply.value is None, "without a schema there is no value")
        require(reply.text == replies["generate"].text, f"{way} gives the reply of generate")


def keeps_schemas(generator: Generator) -> None:
    """A value keeps its schema, or the call is a SchemaViolationError."""
    for way in ("generate", "agenerate"):
        with suppress(SchemaViolationError):
            reply = _WRITING[way](generator, ASK, schema=_SCHEMA)
            _check_reply(reply)
            require(not faults(reply.value, _SCHEMA), f"the value that {way} gives keeps the schema")


def chooses_among_options(generator: Generator) -> None:
    """Log-probabilities are those of the options alone; a prior may be refused, where it cannot be taken off."""
    choices = {way: choose(generator, ASK) for way, choose in _CHOOSING.items()}
    for choice in (*choices.values(), generator.choose(ASK, OPTIONS, by_length=True)):
        _check_choice(choice)
    apart = np.abs(choices["choose"].log_probabilities - choices["achoose"].log_probabilities)
    require(apart.max() < _CLOSE, "achoose gives the choice of choose")
    with suppress(GenerationError):
        _check_choice(generator.choose(ASK, OPTIONS[:2], prior=[ASK[0], Message("user", "Sea or city?")]), OPTIONS[:2])


def lets_listeners_leave(generator: Generator) -> None:
    """Who stops listening leaves a generator that answers others."""
    source: Any = generator.stream(ASK, sampling=SHORT)
    if hasattr(source, "close"):
        with closing(source):
            next(source)
    _check_reply(_generated(generator, ASK))


def answers_in_every_thread(generator: Generator) -> None:
    """Several threads may call at the same time."""
    with ThreadPoolExecutor(4) as pool:
        for reply in pool.map(partial(_generated, generator), [ASK] * 4):
            _check_reply(reply)


def refuses_nonsense(generator: Generator) -> None:
    """No message, and options that are none to choose among, are a ConfigError in every way to call."""
    for way, call in _WAYS.items():
        refused(partial(call, generator, []), ConfigError, f"{way} without a message is a ConfigError")
    for options in ([], ["sea"], ["sea", "sea"], ["sea", " "]):
        for way, choose in _CHOOSING.items():
            call = partial(choose, generator, ASK, options)
            refused(call, ConfigError, f"{way} among {options} is a ConfigError")


def keeps_deadlines(generator: Generator) -> None:
    """A deadline that has passed ends every way to call; one that is far off is no obstacle."""
    for way, call in _WAYS.items():
        late = partial(call, generator, ASK, deadline=time.monotonic() - 1)
        refused(late, DeadlineExceededError, f"{way} after its deadline is a DeadlineExceededError")
    _check_reply(_generated(generator, ASK, deadline=time.monotonic() + 3600))


def refuses_what_is_too_long(generator: Generator) -> None:
    """What does not fit into a known context is a PromptTooLongError."""
    if generator.context is None:
        return
    ask = [Message("user", "the quiet sea " * generator.context)]
    for way, call in _WAYS.items():
        refused(partial(call, generator, ask), PromptTooLongError, f"{way} of too much is a PromptTooLongError")


def takes_odd_texts(generator: Generator) -> None:
    """No text breaks it, in a message or as an option."""
    for what, text in ODD.items():
        if len(text) > 1000:
            continue
        ask, options = [Message("user", text)], ["sea", text if text.strip() else "city"]
        try:
            reply, choice = _generated(generator, ask), generator.choose(ask, options)
        except Exception as error:  # of a generator that anybody may have written
            raise AssertionError(f"it replies to {what}: {type(error).__name__}: {error}") from error
        _check_reply(reply)
        _check_choice(choice, options)


def comes_back(generator: Generator) -> None:
    """From its spec comes a generator with the same fingerprint, which says the same."""
    spec = through_json(generator.spec(), "spec")
    require(spec.get("name") == generator.name, "the spec has the name")
    again = make_generator(spec)
    require(again.fingerprint == generator.fingerprint, "one made from its spec has the same fingerprint")
    require(again.spec() == generator.spec(), "one made from its spec has the same spec")
    require(_generated(again, ASK).text == _generated(generator, ASK).text, "one made from its spec says the same")


_PROGRAM: Final = """
import json, sys
from tastemaker.language.generators import make_generator
print(make_generator(json.load(sys.stdin)).fingerprint)
"""


def is_known_by_its_fingerprint(generator: Generator) -> None:
    """The fingerprint is hexadecimal, stays when it is asked, and is the same in another process."""
    fingerprint = generator.fingerprint
    _generated(generator, ASK)
    require(generator.fingerprint == fingerprint, "a call does not change the fingerprint")
    check_fingerprint(fingerprint, _PROGRAM, generator.spec())


RULES: Final[Sequence[Rule]] = (
    keeps_the_protocol,
    writes_in_every_way,
    keeps_schemas,
    chooses_among_options,
    lets_listeners_leave,
    answers_in_every_thread,
    refuses_nonsense,
    keeps_deadlines,
    refuses_what_is_too_long,
    takes_odd_texts,
    comes_back,
    is_known_by_its_fingerprint,
)
"""Every rule of the contract, in the order in which they are checked."""
