"""What generators inside this process share, shown by one whose model is a clock that the test holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError, DeadlineExceededError, SchemaViolationError
from tastemaker.core.generator import Finish, Message, Reply, Sampling, Usage
from tastemaker.language.generators.calls import Call
from tastemaker.language.generators.in_process import Ask, InProcess, Weighed, mass_of, tokens_after

HELLO = [Message("user", "hello")]
SCHEMA = {"enum": ["yes", "no"]}


class Slow(InProcess):
    """Writes the words that it was given, and after each waits until it may go on or nobody waits any more."""

    def __init__(self, words: Sequence[str], finish: Finish = "stop", go: bool = True) -> None:
        self.words, self.finish = words, finish
        self.go, self.stopped, self.begun = threading.Event(), threading.Event(), threading.Event()
        if go:
            self.go.set()
        self.under_way, self.most, self.calls = 0, 0, 0
        self.pool = ThreadPoolExecutor(1)

    def _queue(self) -> Executor:
        return self.pool

    def _write(self, ask: Ask, call: Call) -> Reply:
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.begun.set()
        try:
            for word in self.words:
                ask.wrote(word)
                while not self.go.wait(0.005):
                    if ask.over:
                        self.stopped.set()
                        ask.check()
            return Reply("".join(self.words), None, self.finish, Usage(3, 1, len(self.words)), "slow")
        finally:
            self.under_way -= 1

    def _weigh(self, ask: Ask, messages: Sequence[Message], options: Sequence[str]) -> Weighed:
        asked = len(messages[-1].content)
        totals = np.array([-float(asked + place) for place in range(len(options))])
        return Weighed(totals, np.arange(1, len(options) + 1), 0.25, Usage(5, 2, 1))


def soon(seconds: float = 0.05) -> float:
    return time.monotonic() + seconds


class TestCalls:
    def test_a_reply_has_its_text_its_usage_and_the_time(self) -> None:
        reply = Slow(["a ", "b"]).generate(HELLO)
        assert (reply.text, reply.usage.prompt_tokens, reply.usage.reply_tokens) == ("a b", 3, 2)
        assert reply.usage.seconds > 0

    def test_a_stream_is_the_pieces_and_then_the_reply(self) -> None:
        *pieces, reply = Slow(["a ", "b"]).stream(HELLO)
        assert pieces == ["a ", "b"]
        assert isinstance(reply, Reply)
        assert reply.text == "a b"

    def test_the_twins_say_the_same(self) -> None:
        slow = Slow(["a ", "b"])

        async def all_of_it() -> None:
            assert (await slow.agenerate(HELLO)).text == "a b"
            *pieces, reply = [piece async for piece in slow.astream(HELLO)]
            assert pieces == ["a ", "b"]
            assert isinstance(reply, Reply)
            choice = await slow.achoose(HELLO, ["x", "y"])
            np.testing.assert_allclose(choice.log_probabilities, slow.choose(HELLO, ["x", "y"]).log_probabilities)

        asyncio.run(all_of_it())

    def test_calls_wait_for_each_other(self) -> None:
        slow = Slow(["a"])

        async def several() -> None:
            await asyncio.gather(*(slow.agenerate(HELLO) for _ in range(8)))

        asyncio.run(several())
        assert (slow.calls, slow.most) == (8, 1)

    def test_no_message_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="no message"):
            Slow(["a"]).generate([])


class TestSchemas:
    def test_the_value_is_read(self) -> None:
        assert Slow(['"yes"']).generate(HELLO, schema=SCHEMA).value == "yes"

    def test_what_does_not_keep_it_is_an_error(self) -> None:
        with pytest.raises(SchemaViolationError):
            Slow(['"maybe"']).generate(HELLO, schema=SCHEMA)

    def test_what_was_cut_off_says_so(self) -> None:
        with pytest.raises(SchemaViolationError, match="cut off after 1 tokens"):
            Slow(['"ye'], finish="length").generate(HELLO, schema=SCHEMA)

    def test_what_is_no_schema_is_an_error_before_anything_is_written(self) -> None:
        slow = Slow(["a"])
        with pytest.raises(ConfigError):
            slow.generate(HELLO, schema={"type": "nonsense"})
        assert slow.calls == 0


class TestDeadlines:
    def test_one_that_has_passed_makes_no_call(self) -> None:
        slow = Slow(["a"])
        with pytest.raises(DeadlineExceededError):
            slow.generate(HELLO, deadline=time.monotonic())
        assert slow.calls == 0

    def test_one_that_passes_ends_the_wait_and_the_model(self) -> None:
        slow = Slow(["a"], go=False)
        with pytest.raises(DeadlineExceededError):
            slow.generate(HELLO, deadline=soon())
        assert slow.stopped.wait(5)

    def test_a_stream_ends_with_the_error(self) -> None:
        slow = Slow(["a"], go=False)
        stream = slow.stream(HELLO, deadline=soon())
        assert next(stream) == "a"
        with pytest.raises(DeadlineExceededError):
            next(stream)
        assert slow.stopped.wait(5)

    def test_the_twins_end_too(self) -> None:
        slow = Slow(["a"], go=False)

        async def late() -> None:
            with pytest.raises(DeadlineExceededError):
                await slow.agenerate(HELLO, deadline=soon())
            with pytest.raises(DeadlineExceededError):
                async for _ in slow.astream(HELLO, deadline=soon()):
                    pass

        asyncio.run(late())
        assert slow.stopped.wait(5)

    def test_a_call_that_waited_too_long_in_the_queue_is_not_begun(self) -> None:
        slow = Slow(["a"], go=False)
        first = threading.Thread(target=slow.generate, args=(HELLO,))
        first.start()
        assert slow.begun.wait(5)
        with pytest.raises(DeadlineExceededError):
            slow.generate(HELLO, deadline=soon())
        slow.go.set()
        first.join()
        assert slow.calls == 1


class TestLeaving:
    def test_closing_a_stream_stops_the_model(self) -> None:
        slow = Slow(["a", "b"], go=False)
        stream = slow.stream(HELLO)
        assert next(stream) == "a"
        assert isinstance(stream, Generator)
        stream.close()
        assert slow.stopped.wait(5)

    def test_cancelling_a_task_stops_the_model(self) -> None:
        slow = Slow(["a"], go=False)

        async def cancelled() -> None:
            task = asyncio.create_task(slow.agenerate(HELLO))
            while not slow.begun.is_set():
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancelled())
        assert slow.stopped.wait(5)

    def test_leaving_an_async_stream_stops_the_model(self) -> None:
        slow = Slow(["a", "b"], go=False)

        async def left() -> None:
            stream = slow.astream(HELLO)
            assert isinstance(stream, AsyncGenerator)
            async with aclosing(stream) as pieces:
                async for _ in pieces:
                    break

        asyncio.run(left())
        assert slow.stopped.wait(5)


class TestChoices:
    def test_they_sum_to_one_and_keep_their_mass(self) -> None:
        choice = Slow([]).choose(HELLO, ["x", "y", "z"])
        assert np.exp(choice.log_probabilities).sum() == pytest.approx(1)
        assert choice.mass == 0.25
        assert choice.usage.prompt_tokens == 5

    def test_a_prior_is_taken_off(self) -> None:
        choice = Slow([]).choose(HELLO, ["x", "y"], prior=[Message("user", "")])
        np.testing.assert_allclose(np.exp(choice.log_probabilities), 0.5)
        assert choice.usage.prompt_tokens == 10

    def test_by_length_divides_by_the_number_of_tokens(self) -> None:
        plain = Slow([]).choose([Message("user", "")], ["x", "y"]).log_probabilities
        divided = Slow([]).choose([Message("user", "")], ["x", "y"], by_length=True).log_probabilities
        assert plain[0] - plain[1] == pytest.approx(1)
        assert divided[0] - divided[1] == pytest.approx(0.5)


def test_mass_counts_what_options_share_once() -> None:
    totals = np.log([0.4, 0.1, 0.3])
    assert mass_of(totals, [[1], [1, 2], [3]]) == pytest.approx(0.7)
    assert mass_of(totals, [[1], [2], [3]]) == pytest.approx(0.8)
    assert mass_of(np.log([0.9, 0.9]), [[1], [2]]) == 1.0


def test_tokens_of_an_option_leave_those_of_the_prompt_alone() -> None:
    def joining(text: str) -> list[int]:
        """One token a letter, but for ``ab``."""
        return [0 if each == "*" else ord(each) for each in text.replace("ab", "*")]

    assert tokens_after(joining, "x", "yz", alone=joining) == [ord("y"), ord("z")]
    assert tokens_after(joining, "xa", "bz", alone=joining) == [ord("b"), ord("z")]


def test_sampling_reaches_the_model() -> None:
    asked: list[Sampling | None] = []

    class Noting(Slow):
        def _write(self, ask: Ask, call: Call) -> Reply:
            asked.append(call.sampling)
            return super()._write(ask, call)

    Noting(["a"]).generate(HELLO, sampling=Sampling(seed=7))
    assert asked == [Sampling(seed=7)]
