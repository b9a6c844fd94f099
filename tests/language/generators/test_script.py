"""Scripts: lists, functions and recordings, told by what is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import (
    ConfigError,
    DataError,
    DeadlineExceededError,
    GenerationError,
    PromptTooLongError,
    SchemaViolationError,
    ServiceError,
)
from tastemaker.core.generator import Choice, Generator, Message, Reply, Sampling
from tastemaker.language.generators import Recorder, Script, make_generator, one_of
from tastemaker.language.generators.calls import Call

ASK = [Message("user", "How are you?")]


def ask(text: str) -> list[Message]:
    return [Message("system", "Be brief."), Message("user", text)]


def test_a_list_is_said_one_after_another() -> None:
    script = Script(["Fine.", {"genre": "drama"}, ServiceError("down"), Reply("Cut", finish="length")])
    assert isinstance(script, Generator)
    assert script.generate(ASK).text == "Fine."
    assert script.generate(ASK, schema={"type": "object"}).value == {"genre": "drama"}
    with pytest.raises(ServiceError, match="down"):
        script.generate(ASK)
    assert asyncio.run(script.agenerate(ASK)).finish == "length"
    with pytest.raises(GenerationError, match="has 4 replies, and was asked for one more"):
        script.generate(ASK)
    assert [call.messages for call in script.calls] == [tuple(ASK)] * 5


def test_a_function_answers_a_call() -> None:
    def answer(call: Call) -> str:
        return call.options[-1] if call.options else call.messages[-1].content[::-1]

    script = Script(answer=answer)
    assert script.generate([Message("user", "abc")]).text == "cba"
    assert script.choose(ASK, ["A", "B"]).log_probabilities.argmax() == 1
    with pytest.raises(ConfigError, match="cannot be written down"):
        script.spec()


def test_a_choice_is_an_option_or_a_share_for_each() -> None:
    script = Script(["B", {"A": 3, "B": 1}, "C", {"A": 1}])
    assert np.exp(script.choose(ASK, ["A", "B"]).log_probabilities)[1] > 0.99
    np.testing.assert_allclose(np.exp(script.choose(ASK, ["A", "B"]).log_probabilities), [0.75, 0.25])
    for _ in range(2):
        with pytest.raises(GenerationError, match="where one of A, B was asked for"):
            script.choose(ASK, ["A", "B"])


def test_pieces_make_up_the_reply() -> None:
    async def collect() -> list[Any]:
        return [piece async for piece in Script(["I am  fine.\n"]).astream(ASK)]

    heard: list[list[Any]] = [list(Script(["I am  fine.\n"]).stream(ASK)), asyncio.run(collect())]
    for *pieces, whole in heard:
        assert len(pieces) == 3
        assert "".join(pieces) == whole.text == "I am  fine.\n"
        assert (whole.usage.prompt_tokens, whole.usage.reply_tokens) == (3, 3)


def test_what_a_script_says_is_checked() -> None:
    with pytest.raises(SchemaViolationError, match="not one of"):
        Script(['"horror"']).generate(ASK, schema=one_of(["drama", "comedy"]))
    with pytest.raises(PromptTooLongError, match="3 words, and the script reads 2"):
        Script(["Fine."], context=2).generate(ASK)
    with pytest.raises(DeadlineExceededError):
        Script(["Fine."]).generate(ASK, deadline=0.0)


def test_a_script_comes_from_its_spec() -> None:
    script = make_generator({"name": "script", "replies": ["Fine.", {"a": 1}]})
    again = make_generator(script.spec())
    assert again.fingerprint == script.fingerprint != Script(["Bad."]).fingerprint
    with pytest.raises(ConfigError, match="cannot be written down"):
        Script([Reply("x")]).spec()
    for wrong in ({}, {"replies": [], "file": "x"}):
        with pytest.raises(ConfigError, match="either replies, or a file, or a function"):
            make_generator({"name": "script", **wrong})


def test_what_was_recorded_is_said_again(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    of = Script(["Fine.", "drama", "Streamed.", {"A": 3, "B": 1}])
    recorder = Recorder(of, file)
    assert (recorder.name, recorder.fingerprint, recorder.spec()) == (of.name, of.fingerprint, of.spec())
    first = recorder.generate(ask("one"))
    recorder.choose(ask("two"), ["drama", "comedy"])
    *_, streamed = asyncio.run(_collect(recorder.astream(ask("three"))))
    shares = recorder.choose(ask("four"), ["A", "B"], prior=ASK)

    replay = make_generator(f"script:{file}")
    assert replay.generate(ask("one"), deadline=1e12) == first
    *_, again = replay.stream(ask("three"))
    assert again == streamed == replay.generate(ask("three"), sampling=Sampling())
    np.testing.assert_array_equal(
        replay.choose(ask("four"), ["A", "B"], prior=ASK).log_probabilities, shares.log_probabilities
    )
    assert make_generator(replay.spec()).fingerprint == replay.fingerprint


async def _collect(source: Any) -> list[Any]:
    return [piece async for piece in source]


def test_equal_calls_have_their_replies_in_order_and_then_the_last(tmp_path: Path) -> None:
    recorder = Recorder(Script(["one", "two"]), tmp_path / "calls.jsonl")
    for _ in range(2):
        recorder.generate(ASK, sampling=Sampling(temperature=1.0))
    replay = Script(file=str(tmp_path / "calls.jsonl"))
    said = [replay.generate(ASK, sampling=Sampling(temperature=1.0)).text for _ in range(3)]
    assert said == ["one", "two", "two"]


def test_an_unknown_call_is_an_error_that_shows_the_nearest(tmp_path: Path) -> None:
    recorder = Recorder(Script(["Fine.", "Well."]), tmp_path / "calls.jsonl")
    recorder.generate(ask("How are you?\nToday, I mean."))
    recorder.generate(ask("Something else entirely"))
    replay = Script(file=str(tmp_path / "calls.jsonl"))
    with pytest.raises(GenerationError, match="was not recorded") as caught:
        replay.generate(ask("How are you?\nTomorrow, I mean."))
    assert "-Today, I mean." in str(caught.value)
    assert "+Tomorrow, I mean." in str(caught.value)
    assert "entirely" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(seed=1)},
        {"schema": {"type": "object"}},
    ],
)
def test_any_difference_makes_another_call(tmp_path: Path, change: dict[str, Any]) -> None:
    Recorder(Script(["{}"]), tmp_path / "calls.jsonl").generate(ASK)
    with pytest.raises(GenerationError, match="not recorded"):
        Script(file=str(tmp_path / "calls.jsonl")).generate(ASK, **change)


def test_errors_are_not_recorded(tmp_path: Path) -> None:
    recorder = Recorder(Script([ServiceError("down"), "Fine."]), tmp_path / "calls.jsonl")
    with pytest.raises(ServiceError):
        recorder.generate(ASK)
    recorder.generate(ASK)
    assert Script(file=str(tmp_path / "calls.jsonl")).generate(ASK).text == "Fine."


def test_a_damaged_recording_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    Recorder(Script(["Fine."]), file).generate(ASK)
    file.write_text(file.read_text() + json.dumps({"key": "x"}) + "\n")
    with pytest.raises(DataError, match=r"calls\.jsonl:2"):
        Script(file=str(file)).generate(ASK)
    with pytest.raises(DataError, match="cannot be read"):
        Script(file=str(tmp_path / "none")).generate(ASK)


def test_replies_and_choices_may_be_given_whole() -> None:
    choice = Choice(np.log([0.5, 0.5]), 0.1)
    assert Script([choice]).choose(ASK, ["A", "B"]) is choice
    with pytest.raises(GenerationError, match="where words were asked for"):
        Script([choice]).generate(ASK)
