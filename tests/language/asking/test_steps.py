"""A procedure that asks is written once, and runs with and without an event loop, whatever the generator does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from tastemaker.core.errors import AssetError, DeadlineExceededError, GenerationError
from tastemaker.core.generator import Generator, Message, Usage
from tastemaker.language.asking.steps import NO_MODEL, Steps, arun_steps, run_steps, said
from tastemaker.language.generators import Script

Run = Callable[[Steps[Any], Generator | None], Any]


def arun(steps: Steps[Any], generator: Generator | None) -> Any:
    return asyncio.run(arun_steps(steps, generator))


both = pytest.mark.parametrize("run", [run_steps, arun])


def talk(*questions: str, deadline: float | None = None) -> Steps[list[str]]:
    heard = []
    for question in questions:
        try:
            reply = yield from said([Message("user", question)], 5, deadline=deadline)
        except GenerationError as error:
            heard.append(f"failed: {error.message}")
        else:
            heard.append(reply.text)
    return heard


@both
def test_each_call_is_answered_in_turn(run: Run) -> None:
    script = Script(replies=["one", "two"])
    assert run(talk("a", "b"), script) == ["one", "two"]
    assert [call.messages[0].content for call in script.calls] == ["a", "b"]
    assert [call.sampling.max_tokens for call in script.calls if call.sampling] == [5, 5]


@both
def test_without_a_generator_every_call_fails_and_the_procedure_goes_on(run: Run) -> None:
    assert run(talk("a", "b"), None) == [f"failed: {NO_MODEL}"] * 2


@both
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DeadlineExceededError("too late"), "too late"),
        (AssetError("the weights are not here", where="/somewhere"), "the weights are not here"),
        (RuntimeError("segments"), "the language model failed with RuntimeError"),
        (ValueError("a secret"), "the language model failed with ValueError"),
    ],
)
def test_whatever_a_generator_raises_the_procedure_hears_of_it(run: Run, error: Exception, message: str) -> None:
    assert run(talk("a", "b"), Script(replies=[error, "two"])) == [f"failed: {message}", "two"]


@both
def test_after_the_deadline_nothing_is_asked(run: Run) -> None:
    script = Script(replies=["one"])
    assert run(talk("a", deadline=time.monotonic() - 1), script) == [
        "failed: the language model was not asked: out of time"
    ]
    assert script.calls == []


@both
def test_what_is_no_reply_is_a_failure(run: Run) -> None:
    class Odd(Script):
        def _make(self, call: Any) -> Any:
            return Usage()

        async def _amake(self, call: Any) -> Any:
            return None

    assert run(talk("a"), Odd(replies=[])) == ["failed: the language model gave no reply"]


@both
def test_a_fault_of_the_procedure_itself_is_raised(run: Run) -> None:
    def broken() -> Steps[str]:
        yield from said([Message("user", "a")], 5)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(broken(), Script(replies=["one"]))
