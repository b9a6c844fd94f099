"""Replies from a server: what goes right, and every fault that such servers have."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.language.generators.chats import events, reply, tokens
from tests.language.generators.conftest import Serve
from tests.language.model_server import Asked, Said, Stream

from tastemaker.core.errors import (
    ConfigError,
    DeadlineExceededError,
    GenerationError,
    PromptTooLongError,
    SchemaViolationError,
    ServiceError,
)
from tastemaker.core.generator import Generator, Message, Reply, Sampling
from tastemaker.language.generators import make_generator, object_of, one_of
from tastemaker.language.generators.endpoint import Endpoint

ASK = [Message("system", "Be brief."), Message("user", "How are you?")]
GENRE = object_of(genre=one_of(["drama", "comedy"]))
REFUSES = {"error": {"message": "response_format is not supported", "type": "invalid_request_error"}}


def error(text: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": text, **more}}


# -- what goes right ----------------------------------------------------------------------------------------------


def test_a_reply_has_its_text_what_it_took_and_who_wrote_it(serve: Serve) -> None:
    server = serve(reply("Fine."))
    said = Endpoint(server.address, "m").generate(ASK, sampling=Sampling(0.5, 0.9, 7, ("\n",), 3))
    assert (said.text, said.finish, said.model, said.cached, said.value) == ("Fine.", "stop", "m-1", False, None)
    assert (said.usage.prompt_tokens, said.usage.reused_tokens, said.usage.reply_tokens) == (10, 4, 3)
    assert said.usage.seconds > 0
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you?"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "seed": 3,
        "top_p": 0.9,
        "stop": ["\n"],
    }


def test_it_keeps_the_contract_of_generators(serve: Serve) -> None:
    made = make_generator({"name": "endpoint", "base_url": "http://127.0.0.1:9/v1", "model": "m", "retries": 2})
    assert isinstance(made, Generator)
    again = make_generator(json.loads(json.dumps(made.spec())))
    assert (again.spec(), again.fingerprint) == (made.spec(), made.fingerprint)
    other = make_generator(made.spec() | {"model": "n"})
    assert other.fingerprint != made.fingerprint


def test_connections_are_used_again_from_any_thread_and_loop(serve: Serve) -> None:
    server = serve(reply("Fine."))
    endpoint = Endpoint(server.address, "m")
    endpoint.generate(ASK)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(endpoint.generate, ASK).result()
    for _ in range(2):
        assert asyncio.run(endpoint.agenerate(ASK)).text == "Fine."
    assert (len(server.asked), server.connections) == (4, 1)


def test_only_so_many_requests_run_at_a_time(serve: Serve) -> None:
    free = threading.Event()

    def answer(asked: Asked, before: int) -> Said:
        if before == 2:
            free.set()
        return Said(reply("Fine."), after=free)

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m", concurrency=3)

    async def many() -> list[Reply]:
        return await asyncio.gather(*(endpoint.agenerate(ASK) for _ in range(12)))

    assert len(asyncio.run(many())) == 12
    assert server.most_at_once == 3


def test_an_async_call_does_not_hold_up_the_loop(serve: Serve) -> None:
    free = threading.Event()
    endpoint = Endpoint(serve(Said(reply("Fine."), after=free)).address, "m")

    async def both() -> str:
        asked = asyncio.create_task(endpoint.agenerate(ASK))
        await asyncio.sleep(0)
        free.set()
        return (await asked).text

    assert asyncio.run(both()) == "Fine."


def test_what_is_asked_beside_the_api_is_part_of_the_fingerprint(serve: Serve) -> None:
    server = serve(reply("Fine."))
    thoughtful = Endpoint(server.address, "m", body={"reasoning_effort": "high"})
    thoughtful.generate(ASK)
    assert server.asked[0].body["reasoning_effort"] == "high"
    assert thoughtful.fingerprint != Endpoint(server.address, "m").fingerprint
    with pytest.raises(ConfigError, match="'messages' of a request"):
        Endpoint(server.address, "m", body={"messages": []})


def test_half_surrogates_are_sent_as_something_else(serve: Serve) -> None:
    server = serve(reply("Fine."))
    Endpoint(server.address, "m").generate([Message("user", "the \ud800 sea")])
    assert server.asked[0].last == "the ? sea"


def test_what_is_no_usage_is_estimated(serve: Serve) -> None:
    server = serve(reply("I am fine, thank you.", usage=None))
    usage = Endpoint(server.address, "m").generate(ASK).usage
    assert usage.prompt_tokens >= 5
    assert usage.reply_tokens >= 6


@pytest.mark.parametrize(("finish", "expected"), [("length", "length"), ("content_filter", "refused"), ("eos", "stop")])
def test_why_a_reply_ended(serve: Serve, finish: str, expected: str) -> None:
    assert Endpoint(serve(reply("Fi", finish)).address, "m").generate(ASK).finish == expected


def test_a_refusal_in_words_is_told(serve: Serve) -> None:
    server = serve(reply(None, message={"refusal": "I cannot."}))
    said = Endpoint(server.address, "m").generate(ASK)
    assert (said.text, said.finish) == ("I cannot.", "refused")


# -- faults that pass ----------------------------------------------------------------------------------------------


def test_too_many_requests_waits_as_long_as_it_is_told(serve: Serve, waits: list[float]) -> None:
    server = serve(Said({}, 429, {"Retry-After": "7"}), reply("Fine."))
    assert Endpoint(server.address, "m").generate(ASK).text == "Fine."
    assert waits == [7.0]


def test_waits_double_where_nothing_is_said(serve: Serve, waits: list[float]) -> None:
    server = serve(Said({}, 429), Said(b"<html>", 502), Said({}, 500), reply("Fine."))
    assert Endpoint(server.address, "m").generate(ASK).text == "Fine."
    assert waits == [0.5, 1.0, 2.0]


def test_too_long_a_wait_is_an_error(serve: Serve, waits: list[float]) -> None:
    server = serve(Said({}, 429, {"Retry-After": "3600"}))
    with pytest.raises(ServiceError, match="wants 3600 s"):
        Endpoint(server.address, "m").generate(ASK)
    assert (waits, len(server.asked)) == ([], 1)


def test_an_error_of_the_server_that_stays(serve: Serve, waits: list[float]) -> None:
    server = serve(Said(error("out of memory"), 500))
    with pytest.raises(ServiceError, match=r"answered 500: .*out of memory.*, 3 times"):
        Endpoint(server.address, "m", retries=2).generate(ASK)
    assert waits == [0.5, 1.0]


def test_a_cut_answer_is_asked_again(serve: Serve, waits: list[float]) -> None:
    server = serve(Said(reply("Fine."), cut=True), reply("Fine."))
    assert Endpoint(server.address, "m").generate(ASK).text == "Fine."


def test_a_server_that_is_down_is_an_error(waits: list[float]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    with pytest.raises(ServiceError, match=r"cannot be reached.*2 times.*Is the server running"):
        Endpoint(address, "m", retries=1).generate(ASK)


def test_a_slow_server_is_an_error(serve: Serve, waits: list[float]) -> None:
    done = threading.Event()
    try:
        with pytest.raises(ServiceError, match=r"did not answer within 0\.1 s, 2 times"):
            Endpoint(serve(Said(reply("Fine."), after=done)).address, "m", timeout=0.1, retries=1).generate(ASK)
    finally:
        done.set()


# -- deadlines -----------------------------------------------------------------------------------------------------


def _all_ways(endpoint: Endpoint, deadline: float) -> dict[str, Callable[[], object]]:
    async def streamed() -> list[str | Reply]:
        return [piece async for piece in endpoint.astream(ASK, deadline=deadline)]

    return {
        "generate": lambda: endpoint.generate(ASK, deadline=deadline),
        "stream": lambda: list(endpoint.stream(ASK, deadline=deadline)),
        "choose": lambda: endpoint.choose(ASK, ["A", "B"], deadline=deadline),
        "agenerate": lambda: asyncio.run(endpoint.agenerate(ASK, deadline=deadline)),
        "astream": lambda: asyncio.run(streamed()),
        "achoose": lambda: asyncio.run(endpoint.achoose(ASK, ["A", "B"], deadline=deadline)),
    }


WAYS = ["generate", "stream", "choose", "agenerate", "astream", "achoose"]


@pytest.mark.parametrize("way", WAYS)
def test_a_deadline_cuts_a_slow_answer(serve: Serve, way: str) -> None:
    done = threading.Event()
    endpoint = Endpoint(serve(Said(reply("Fine."), after=done)).address, "m")
    try:
        with pytest.raises(DeadlineExceededError, match="not there in time"):
            _all_ways(endpoint, time.monotonic() + 0.1)[way]()
    finally:
        done.set()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_asked_after_the_deadline(serve: Serve, way: str) -> None:
    server = serve(reply("Fine."))
    with pytest.raises(DeadlineExceededError):
        _all_ways(Endpoint(server.address, "m"), time.monotonic() - 1)[way]()
    assert server.asked == []


def test_a_deadline_cuts_an_answer_that_drips(serve: Serve) -> None:
    stop = threading.Event()

    def drip() -> Any:
        while not stop.wait(0.01):
            yield b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": null}]}\n\n'

    endpoint = Endpoint(serve(Said(Stream(drip()))).address, "m")
    try:
        with pytest.raises(DeadlineExceededError):
            list(endpoint.stream(ASK, deadline=time.monotonic() + 0.2))
    finally:
        stop.set()


def test_no_wait_goes_beyond_the_deadline(serve: Serve, waits: list[float]) -> None:
    server = serve(Said({}, 429, {"Retry-After": "50"}))
    with pytest.raises(DeadlineExceededError, match=r"answered 429.*no time to ask again"):
        Endpoint(server.address, "m").generate(ASK, deadline=time.monotonic() + 10)
    assert waits == []


# -- faults that stay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "key_from"), (403, "key_from"), (404, "address"), (400, "model's name")]
)
def test_a_refusal_is_not_repeated(serve: Serve, waits: list[float], status: int, remedy: str) -> None:
    server = serve(Said(error("no"), status))
    with pytest.raises(ServiceError, match=str(status)) as caught:
        Endpoint(server.address, "m").generate(ASK)
    assert len(server.asked) == 1
    assert remedy in str(caught.value.remedy)


def test_a_redirection_is_not_followed(serve: Serve) -> None:
    other = serve(reply("Fine."))
    server = serve(Said({}, 307, {"Location": f"{other.address}/chat/completions"}))
    with pytest.raises(ServiceError, match="307"):
        Endpoint(server.address, "m").generate(ASK)
    assert other.asked == []


def test_a_page_instead_of_json_is_an_error(serve: Serve) -> None:
    server = serve(Said(b"<!doctype html><p>Welcome"))
    with pytest.raises(ServiceError, match=r"no JSON \(text/html\)"):
        Endpoint(server.address, "m").generate(ASK)
    with pytest.raises(ServiceError, match=r"no JSON \(text/html\)"):
        list(Endpoint(server.address, "m").stream(ASK))


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        "Fine.",
        {"choices": None},
        {"choices": "x"},
        {"choices": [3]},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": [{"message": "Fine."}]},
    ],
)
def test_other_json_is_an_error(serve: Serve, answer: Any) -> None:
    with pytest.raises(GenerationError, match="holds no reply"):
        Endpoint(serve(answer).address, "m").generate(ASK)


def test_no_choices_are_an_error(serve: Serve) -> None:
    with pytest.raises(GenerationError, match="list of choices is empty"):
        Endpoint(serve({"choices": []}).address, "m").generate(ASK)


def test_no_words_are_an_error(serve: Serve) -> None:
    with pytest.raises(GenerationError, match="without a word"):
        Endpoint(serve(reply(None)).address, "m").generate(ASK)


def test_an_error_with_status_200_is_an_error(serve: Serve) -> None:
    with pytest.raises(GenerationError, match="gave up: out of memory"):
        Endpoint(serve(error("out of memory")).address, "m").generate(ASK)


def test_a_tool_that_was_not_offered_is_an_error(serve: Serve) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "rm", "arguments": "{}"}}
    server = serve(reply(None, "tool_calls", message={"tool_calls": [call]}))
    with pytest.raises(GenerationError, match="asked for a tool, and none was offered"):
        Endpoint(server.address, "m").generate(ASK)


@pytest.mark.parametrize(
    "said",
    [
        Said(error("This model's maximum context length is 8192 tokens.", code="context_length_exceeded"), 400),
        Said(error("the request exceeds the available context size", type="exceed_context_size_error"), 400),
        Said(error("too large"), 413),
    ],
)
def test_a_prompt_that_does_not_fit_is_told(serve: Serve, waits: list[float], said: Said) -> None:
    server = serve(said)
    with pytest.raises(PromptTooLongError, match="do not fit"):
        Endpoint(server.address, "m").generate(ASK, schema=GENRE)
    assert len(server.asked) == 1


# -- schemas -------------------------------------------------------------------------------------------------------


def test_a_schema_is_sent_and_its_value_read(serve: Serve) -> None:
    server = serve(reply('{"genre": "drama"}'))
    said = Endpoint(server.address, "m").generate(ASK, schema=GENRE)
    assert said.value == {"genre": "drama"}
    form = server.asked[0].body["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "reply", "schema": GENRE, "strict": True}}


def test_what_is_no_object_is_asked_for_within_one(serve: Serve) -> None:
    server = serve(reply('{"value": "comedy"}'))
    said = Endpoint(server.address, "m").generate(ASK, schema=one_of(["drama", "comedy"]))
    assert said.value == "comedy"
    assert server.asked[0].body["response_format"]["json_schema"]["schema"]["required"] == ["value"]


def _form(asked: Asked) -> Any:
    return asked.body.get("response_format", {}).get("type")


def test_a_server_without_schemas_is_told_in_words_and_that_is_remembered(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        return Said(REFUSES, 400) if _form(asked) == "json_schema" else Said(reply('{"genre": "drama"}'))

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m")
    for _ in range(2):
        assert endpoint.generate(ASK, schema=GENRE).value == {"genre": "drama"}
    assert [_form(asked) for asked in server.asked] == ["json_schema", "json_object", "json_object"]
    assert '"enum":["drama","comedy"]' in server.asked[-1].last


@pytest.mark.parametrize("refusal", [REFUSES, error("bad request")])
def test_a_server_without_any_form_is_only_told_in_words(serve: Serve, refusal: Any) -> None:
    def answer(asked: Asked, before: int) -> Said:
        return Said(refusal, 400) if _form(asked) else Said(reply('```json\n{"genre": "drama"}\n```'))

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m")
    for _ in range(2):
        assert endpoint.generate(ASK, schema=GENRE).value == {"genre": "drama"}
    assert [_form(asked) for asked in server.asked] == ["json_schema", "json_object", None, None]


def test_one_schema_that_is_refused_is_no_reason_to_send_none(serve: Serve) -> None:
    odd = object_of(title={"type": "string", "pattern": "^x"})

    def answer(asked: Asked, before: int) -> Said:
        if _form(asked) == "json_schema" and "pattern" in json.dumps(asked.body):
            return Said(error("schema: pattern is not supported"), 400)
        return Said(reply('{"title": "x"}' if "pattern" in json.dumps(asked.body) else '{"genre": "drama"}'))

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m")
    for schema in (GENRE, odd, odd, GENRE):
        endpoint.generate(ASK, schema=schema)
    forms = [_form(asked) for asked in server.asked]
    assert forms == ["json_schema", "json_schema", "json_object", "json_object", "json_schema"]


def test_another_fault_is_no_reason_to_forget_schemas(serve: Serve) -> None:
    server = serve(Said(error("unknown model"), 404), reply('{"genre": "drama"}'))
    endpoint = Endpoint(server.address, "m")
    with pytest.raises(ServiceError, match="unknown model"):
        endpoint.generate(ASK, schema=GENRE)
    endpoint.generate(ASK, schema=GENRE)
    assert [_form(asked) for asked in server.asked] == ["json_schema", "json_schema"]


def test_an_ignored_schema_is_asked_for_again_with_what_was_wrong(serve: Serve) -> None:
    server = serve(reply("I like dramas."), reply('{"genre": "horror"}'), reply('{"genre": "drama"}'))
    said = Endpoint(server.address, "m", repairs=2).generate(ASK, schema=GENRE)
    assert said.value == {"genre": "drama"}
    assert (said.usage.prompt_tokens, said.usage.reply_tokens) == (30, 9)
    roles = [[message["role"] for message in asked.body["messages"]] for asked in server.asked]
    assert roles[1] == roles[2] == ["system", "user", "assistant", "user"]
    assert "no JSON" in server.asked[1].last
    assert '"horror" is not one of "drama" or "comedy"' in server.asked[2].last


def test_a_schema_that_is_never_kept_is_an_error(serve: Serve) -> None:
    server = serve(reply('{"genre": "horror"}'))
    with pytest.raises(SchemaViolationError, match="does not keep the schema"):
        Endpoint(server.address, "m", repairs=1).generate(ASK, schema=GENRE)
    assert len(server.asked) == 2


def test_a_value_that_was_cut_is_not_asked_for_again(serve: Serve) -> None:
    server = serve(reply('{"genre": "dra', "length"))
    with pytest.raises(SchemaViolationError, match=r"cut after 512 tokens.*Raise max_tokens"):
        Endpoint(server.address, "m").generate(ASK, schema=GENRE)
    assert len(server.asked) == 1


def test_a_value_that_was_withheld_is_an_error(serve: Serve) -> None:
    server = serve(reply("", "content_filter"))
    with pytest.raises(SchemaViolationError, match="withheld"):
        Endpoint(server.address, "m").generate(ASK, schema=GENRE)


def test_what_is_no_schema_is_not_sent(serve: Serve) -> None:
    server = serve(reply("{}"))
    with pytest.raises(ConfigError, match="no JSON schema"):
        Endpoint(server.address, "m").generate(ASK, schema={"type": "objekt"})
    assert server.asked == []


# -- what servers do not know of the API ---------------------------------------------------------------------------


def test_another_name_of_the_limit_is_learnt(serve: Serve) -> None:
    refusal = error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    server = serve(Said(refusal, 400), reply("Fine."))
    endpoint = Endpoint(server.address, "m")
    endpoint.generate(ASK)
    endpoint.generate(ASK)
    assert ["max_completion_tokens" in asked.body for asked in server.asked] == [False, True, True]
    assert "max_tokens" not in server.asked[2].body


def test_a_field_that_is_not_taken_is_left_out_with_a_warning(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(Said(error("Unknown field: seed"), 422), reply("Fine."))
    endpoint = Endpoint(server.address, "m")
    with caplog.at_level(logging.WARNING):
        endpoint.generate(ASK)
        endpoint.generate(ASK)
    assert ["seed" in asked.body for asked in server.asked] == [True, False, False]
    assert caplog.messages == ["the endpoint does not take seed: it is asked without"]


# -- streams -------------------------------------------------------------------------------------------------------


async def _collect(source: Any) -> list[str | Reply]:
    return [piece async for piece in source]


def streamed(endpoint: Endpoint, way: str) -> list[str | Reply]:
    return list(endpoint.stream(ASK)) if way == "sync" else asyncio.run(_collect(endpoint.astream(ASK)))


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_stream_brings_pieces_and_then_the_whole(serve: Serve, way: str) -> None:
    server = serve(events("I am", " fine", "."))
    *pieces, whole = streamed(Endpoint(server.address, "m"), way)
    assert pieces == ["I am", " fine", "."]
    assert isinstance(whole, Reply)
    assert (whole.text, whole.finish, whole.model) == ("I am fine.", "stop", "m-1")
    assert (whole.usage.prompt_tokens, whole.usage.reply_tokens) == (10, 3)
    assert server.asked[0].body["stream"] is True
    assert server.asked[0].body["stream_options"] == {"include_usage": True}


def test_pieces_come_before_the_end(serve: Serve) -> None:
    go_on = threading.Event()
    all_of_it = [*events("I am", " fine", ".").chunks]
    chunks = [b"".join(all_of_it[:3]), *all_of_it[3:]]
    stream = Endpoint(serve(Said(Stream(chunks), between=go_on)).address, "m").stream(ASK)
    assert next(stream) == "I am"
    go_on.set()
    assert next(stream) == " fine"


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    "said",
    [
        Said(events("I am", finish=None, done=False, usage=False), cut=True),
        Said(events("I am", finish=None, done=False, usage=False)),
    ],
)
def test_a_stream_that_breaks_off_is_an_error(serve: Serve, way: str, said: Said) -> None:
    with pytest.raises(GenerationError, match="in the middle of a reply"):
        streamed(Endpoint(serve(said).address, "m"), way)


def test_a_stream_that_falls_silent_is_an_error(serve: Serve) -> None:
    never = threading.Event()
    endpoint = Endpoint(serve(Said(events("I am"), between=never)).address, "m", timeout=0.1)
    try:
        with pytest.raises(GenerationError, match=r"wrote nothing for 0\.1 s"):
            list(endpoint.stream(ASK))
    finally:
        never.set()


def test_an_end_without_the_mark_is_an_end(serve: Serve) -> None:
    whole = list(Endpoint(serve(events("Fine.", done=False, usage=False)).address, "m").stream(ASK))[-1]
    assert isinstance(whole, Reply)
    assert whole.text == "Fine."
    assert whole.usage.reply_tokens > 0


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (b"data: {nonsense\n\n", "no JSON"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "gave up: out of memory"),
        (b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}\n\n', "asked for a tool"),
        (b'data: {"choices": [{"delta": {"content": 3}}]}\n\n', "holds no reply"),
        (b"data: 3\n\n", "holds no reply"),
    ],
)
def test_events_that_cannot_be_right_are_errors(serve: Serve, chunk: bytes, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        list(Endpoint(serve(Stream([chunk])).address, "m").stream(ASK))


def test_a_server_that_knows_no_streams_answers_at_once(serve: Serve) -> None:
    *pieces, whole = Endpoint(serve(reply("Fine.")).address, "m").stream(ASK)
    assert pieces == ["Fine."]
    assert isinstance(whole, Reply)
    assert whole.usage.prompt_tokens == 10


def test_a_stream_is_asked_for_again_before_it_begins(serve: Serve, waits: list[float]) -> None:
    server = serve(Said({}, 503), Said(error("stream_options: unknown"), 400), events("Fine."))
    assert next(Endpoint(server.address, "m").stream(ASK)) == "Fine."
    assert "stream_options" not in server.asked[2].body


def test_who_stops_listening_stops_the_stream(serve: Serve) -> None:
    def endless() -> Any:
        while True:
            yield b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": null}]}\n\n'

    server = serve(Said(Stream(endless())))
    stream = Endpoint(server.address, "m").stream(ASK)
    assert next(stream) == "x"
    stream.close()  # type: ignore[attr-defined]
    assert server.gone.wait(10)


# -- choices -------------------------------------------------------------------------------------------------------


def test_options_are_read_from_the_first_token(serve: Serve) -> None:
    server = serve(tokens(A=math.log(0.5), B=math.log(0.25), **{" A": math.log(0.1), "The": math.log(0.1)}))
    choice = Endpoint(server.address, "m").choose(ASK, ["A", "B"])
    np.testing.assert_allclose(np.exp(choice.log_probabilities), [0.6 / 0.85, 0.25 / 0.85])
    assert choice.mass == pytest.approx(0.85)
    assert choice.usage.prompt_tokens == 10
    body = server.asked[0].body
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)


def test_a_mark_behind_an_option_counts_and_a_longer_word_does_not(serve: Serve) -> None:
    server = serve(tokens(**{"A)": math.log(0.5), "Apple": math.log(0.3), "B": math.log(0.1)}))
    choice = Endpoint(server.address, "m").choose(ASK, ["A", "B"])
    assert choice.mass == pytest.approx(0.6)


def test_an_option_that_is_not_told_has_at_most_the_least_that_is(serve: Serve) -> None:
    server = serve(tokens(A=math.log(0.9), X=math.log(0.05)))
    choice = Endpoint(server.address, "m").choose(ASK, ["A", "B"])
    np.testing.assert_allclose(np.exp(choice.log_probabilities), [0.9 / 0.95, 0.05 / 0.95])
    assert choice.mass == pytest.approx(0.9)


def test_the_beginning_of_a_longer_option_counts_and_the_mass_is_not_known(serve: Serve) -> None:
    server = serve(tokens(dr=math.log(0.6), com=math.log(0.3)))
    choice = Endpoint(server.address, "m").choose(ASK, ["drama", "comedy"])
    np.testing.assert_allclose(np.exp(choice.log_probabilities), [2 / 3, 1 / 3])
    assert math.isnan(choice.mass)


def test_a_prior_is_taken_off(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        return Said(
            tokens(A=math.log(0.8), B=math.log(0.2))
            if asked.last == "N/A"
            else tokens(A=math.log(0.5), B=math.log(0.5))
        )

    server = serve(by=answer)
    choice = Endpoint(server.address, "m").choose(ASK, ["A", "B"], prior=[Message("user", "N/A")])
    np.testing.assert_allclose(np.exp(choice.log_probabilities), [0.2, 0.8])
    assert choice.mass == pytest.approx(1.0)
    assert choice.usage.prompt_tokens == 20


@pytest.mark.parametrize(
    "unable",
    [
        Said(error("logprobs is not supported"), 400),
        Said(reply("A", "length")),
        Said(reply("A", "length", logprobs={"content": []})),
        Said(reply("A", "length", logprobs={"content": [{"top_logprobs": [{"token": "A", "logprob": 3.0}]}]})),
    ],
)
def test_without_tokens_the_model_picks_and_the_mass_is_not_known(serve: Serve, unable: Said) -> None:
    def answer(asked: Asked, before: int) -> Said:
        if "logprobs" in asked.body:
            return unable
        return Said(reply('{"value": "B"}') if "response_format" in asked.body else reply("A", "length"))

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m")
    for _ in range(4):
        choice = endpoint.choose(ASK, ["A", "B"])
        np.testing.assert_allclose(np.exp(choice.log_probabilities), [1 / 3, 2 / 3])
        assert math.isnan(choice.mass)
    assert ["logprobs" in asked.body for asked in server.asked[-2:]] == [False, False]


def test_a_server_that_told_tokens_once_is_asked_again(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        if "logprobs" in asked.body:
            return Said(tokens(A=-0.1, B=-3.0) if before % 5 == 0 else reply("\ufffd", "length"))
        return Said(reply('{"value": "B"}'))

    server = serve(by=answer)
    endpoint = Endpoint(server.address, "m")
    for _ in range(5):
        endpoint.choose(ASK, ["A", "B"])
    assert sum("logprobs" in asked.body for asked in server.asked) == 5


def test_fewer_tokens_are_asked_for_where_so_many_are_refused(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        if asked.body.get("top_logprobs", 0) > 5:
            return Said(error("top_logprobs must be at most 5"), 400)
        return Said(tokens(A=math.log(0.5), B=math.log(0.5)))

    server = serve(by=answer)
    assert Endpoint(server.address, "m").choose(ASK, ["A", "B"]).mass == pytest.approx(1.0)


def test_options_that_begin_alike_are_picked_from(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        return Said(tokens(**{"1": math.log(0.9)}) if "logprobs" in asked.body else reply('{"value": "10"}'))

    choice = Endpoint(serve(by=answer).address, "m").choose(ASK, ["1", "10"])
    assert choice.log_probabilities[1] > choice.log_probabilities[0]
    assert math.isnan(choice.mass)


def test_no_prior_is_taken_off_a_pick(serve: Serve) -> None:
    with pytest.raises(GenerationError, match=r"no prior can be taken off.*without a prior"):
        Endpoint(serve(reply("A")).address, "m").choose(ASK, ["A", "B"], prior=ASK)


@pytest.mark.parametrize("options", [[], ["A"], ["A", "A"], ["A", " "]])
def test_what_is_no_choice_is_refused(options: list[str]) -> None:
    with pytest.raises(ConfigError, match="two options at least"):
        Endpoint("http://127.0.0.1:9/v1", "m").choose(ASK, options)


def test_no_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="no message"):
        Endpoint("http://127.0.0.1:9/v1", "m").generate([])


# -- keys ----------------------------------------------------------------------------------------------------------


def test_the_key_comes_from_the_environment_and_is_written_nowhere(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OWN_KEY", "sk-secret")
    server = serve(reply("Fine."), Said(error("wrong key sk-secret"), 401))
    endpoint = Endpoint(server.address, "m", key_from="OWN_KEY")
    with caplog.at_level(logging.DEBUG):
        endpoint.generate(ASK)
        assert server.asked[0].headers["Authorization"] == "Bearer sk-secret"
        with pytest.raises(ServiceError, match=r"wrong key \[key\]") as caught:
            endpoint.generate(ASK)
    told = [
        str(caught.value),
        repr(vars(caught.value)),
        repr(endpoint),
        repr(vars(endpoint)),
        json.dumps(endpoint.spec()),
    ]
    assert not any("sk-secret" in text for text in [*told, caplog.text])


def test_no_key_is_sent_where_none_is_named(serve: Serve) -> None:
    server = serve(reply("Fine."))
    Endpoint(server.address, "m").generate(ASK)
    assert "Authorization" not in server.asked[0].headers


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OWN_KEY", raising=False)
    with pytest.raises(ConfigError, match="OWN_KEY is not set"):
        Endpoint("http://127.0.0.1:9/v1", "m", key_from="OWN_KEY").generate(ASK)


def test_a_key_in_the_place_of_its_variable_is_refused_without_telling_it() -> None:
    with pytest.raises(ConfigError, match="no name of an environment variable") as caught:
        Endpoint("http://127.0.0.1:9/v1", "m", key_from="sk-secret")
    assert "sk-secret" not in str(caught.value)


def test_estimates_of_tokens_do_not_depend_on_the_server() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m")
    assert endpoint.count_tokens("") == 0
    assert endpoint.count_tokens("a quiet sea") == 4
    assert endpoint.count_tokens("静かな海") == 12
