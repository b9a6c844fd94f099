"""What is kept about calls and kept from them: replies, budgets, traces, deadlines; in every way to call."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import multiprocessing
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import (
    BudgetExceededError,
    ConfigError,
    DeadlineExceededError,
    GenerationError,
    PromptTooLongError,
    SchemaViolationError,
    ServiceError,
    StorageError,
)
from tastemaker.core.generator import Choice, Generator, Message, Reply, Sampling, Usage
from tastemaker.core.tenant import Tenant
from tastemaker.language.generators import (
    Budget,
    Cached,
    Ledger,
    Metered,
    Prices,
    ReplyCache,
    Script,
    Trace,
    Traced,
    WithDefaults,
    guarded,
)
from tastemaker.language.generators.calls import Call

ASK = [Message("user", "How are you?")]
SHORT = Sampling(max_tokens=10)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def streamed(of: Generator, **told: Any) -> Reply:
    *pieces, whole = of.stream(ASK, **told)
    assert isinstance(whole, Reply)
    assert "".join(str(piece) for piece in pieces) == whole.text
    return whole


def astreamed(of: Generator, **told: Any) -> Reply:
    async def collect() -> list[str | Reply]:
        return [piece async for piece in of.astream(ASK, **told)]

    *pieces, whole = asyncio.run(collect())
    assert isinstance(whole, Reply)
    assert "".join(str(piece) for piece in pieces) == whole.text
    return whole


Way = Callable[..., Reply]
WAYS: dict[str, Way] = {
    "generate": lambda of, **told: of.generate(ASK, **told),
    "agenerate": lambda of, **told: asyncio.run(of.agenerate(ASK, **told)),
    "stream": streamed,
    "astream": astreamed,
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def numbered() -> Script:
    """Say another number each time."""
    said = iter(range(1000))
    return Script(answer=lambda call: call.options[0] if call.options else f"number {next(said)}")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    found = ReplyCache(tmp_path / "replies.sqlite")
    yield found
    found.close()


# -- what all of them have in common -------------------------------------------------------------------------------


def test_what_stands_around_a_generator_is_one(cache: ReplyCache) -> None:
    of = Script(["Fine."], context=7)
    found = guarded(of, cache=cache, trace=Trace())
    assert isinstance(found, Generator)
    assert (found.name, found.fingerprint, found.context, found.spec()) == (of.name, of.fingerprint, 7, of.spec())
    assert found.count_tokens("a b") == 2


@each_way
def test_errors_come_through_as_they_are(cache: ReplyCache, way: Way) -> None:
    error = ServiceError("down")
    with pytest.raises(ServiceError) as caught:
        way(guarded(Script([error]), cache=cache, trace=Trace(), ledger=Ledger()))
    assert caught.value is error


def test_a_stream_without_an_end_is_an_error() -> None:
    class Endless(Script):
        def stream(self, *args: Any, **told: Any) -> Iterator[str | Reply]:
            yield "I"

    with pytest.raises(GenerationError, match="ended without the whole reply"):
        list(WithDefaults(Endless([])).stream(ASK))


# -- replies from disk ---------------------------------------------------------------------------------------------


@each_way
def test_an_equal_call_is_answered_from_disk_in_every_way(cache: ReplyCache, way: Way) -> None:
    found = Cached(numbered(), cache)
    first = way(found)
    assert (first.text, first.cached) == ("number 0", False)
    for other in WAYS.values():
        again = other(found)
        assert (again.text, again.cached, again.usage) == ("number 0", True, first.usage)
    assert len(cache) == 1


def test_values_and_choices_come_back_as_they_were(cache: ReplyCache) -> None:
    of = Script([{"a": [1, None, "é"]}, {"A": 3, "B": 1}, Choice(np.log([0.5, 0.5]), math.nan)])
    found = Cached(of, cache)
    for _ in range(2):
        assert found.generate(ASK, schema={"type": "object"}).value == {"a": [1, None, "é"]}
        choice = found.choose(ASK, ["A", "B"])
        np.testing.assert_allclose(choice.log_probabilities, np.log([0.75, 0.25]))
        assert choice.mass == 1.0
        assert math.isnan(asyncio.run(found.achoose(ASK, ["C", "D"])).mass)
    assert choice.cached
    assert len(of.calls) == 3


DIFFERENT: dict[str, Callable[[Generator], object]] = {
    "messages": lambda of: of.generate([Message("user", "How are you")]),
    "role": lambda of: of.generate([Message("system", "How are you?")]),
    "negation": lambda of: of.generate([Message("user", "How are you not?")]),
    "temperature": lambda of: of.generate(ASK, sampling=Sampling(temperature=0.1)),
    "seed": lambda of: of.generate(ASK, sampling=Sampling(seed=1)),
    "stop": lambda of: of.generate(ASK, sampling=Sampling(stop=("x",))),
    "max_tokens": lambda of: of.generate(ASK, sampling=Sampling(max_tokens=1)),
    "options": lambda of: of.choose(ASK, ["A", "B"]),
    "order of options": lambda of: of.choose(ASK, ["B", "A"]),
    "prior": lambda of: of.choose(ASK, ["A", "B"], prior=ASK),
    "length": lambda of: of.choose(ASK, ["A", "B"], by_length=True),
}


def test_any_difference_is_asked_anew(cache: ReplyCache) -> None:
    of = numbered()
    found = Cached(of, cache)
    found.generate(ASK)
    for number, call in enumerate(DIFFERENT.values(), 2):
        call(found)
        assert len(of.calls) == len(cache) == number
    for call in DIFFERENT.values():
        call(found)
    assert len(of.calls) == len(cache)


def test_the_order_of_properties_of_a_schema_counts(cache: ReplyCache) -> None:
    of = Script(answer=lambda call: "{}")
    found = Cached(of, cache)
    for order in (["a", "b"], ["b", "a"]):
        found.generate(ASK, schema={"type": "object", "properties": {name: {"type": "string"} for name in order}})
    assert len(of.calls) == 2


def test_tenants_and_generators_have_nothing_in_common(cache: ReplyCache) -> None:
    one, other = Script(["one", "two"]), Script(["three"])
    assert Cached(one, cache).generate(ASK).text == "one"
    assert Cached(one, cache, tenant=Tenant("shop")).generate(ASK).text == "two"
    assert Cached(other, cache).generate(ASK).text == "three"


def test_what_was_withheld_or_failed_is_not_kept(cache: ReplyCache) -> None:
    found = Cached(Script([Reply("no", finish="refused"), ServiceError("down"), "Fine."]), cache)
    assert found.generate(ASK).finish == "refused"
    with pytest.raises(ServiceError):
        found.generate(ASK)
    assert found.generate(ASK).text == "Fine."


def test_replies_outlive_the_process_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "replies.sqlite"
    Cached(Script(["Fine."]), ReplyCache(file)).generate(ASK)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"How are you" not in file.read_bytes()
    assert Cached(Script(["Fine."]), ReplyCache(file)).generate(ASK).cached


def _fill(file: Path, start: int) -> None:
    found = Cached(Script(answer=lambda call: call.messages[0].content), ReplyCache(file))
    for number in range(start, start + 50):
        found.generate([Message("user", f"call {number}")])


def test_processes_and_threads_write_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "replies.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(file, start)) for start in (0, 25)]
    for worker in workers:
        worker.start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_fill, [file] * 2, [50, 75]))
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(ReplyCache(file)) == 125


@pytest.mark.parametrize("content", [b"this is no database at all, and long enough to be sure", b"SQLite format 3\0xx"])
def test_a_damaged_file_is_no_obstacle(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    file = tmp_path / "replies.sqlite"
    file.write_bytes(content)
    assert Cached(Script(["Fine."]), ReplyCache(file)).generate(ASK).text == "Fine."
    assert "passed over" in caplog.text
    assert file.read_bytes() == content


def test_a_damaged_reply_is_asked_anew(cache: ReplyCache, caplog: pytest.LogCaptureFixture) -> None:
    found = Cached(Script(["one", "two"]), cache)
    found.generate(ASK)
    cache.close()
    with sqlite3.connect(cache.file) as connection:
        connection.execute("UPDATE replies SET value = '{}'")
    connection.close()
    assert found.generate(ASK).text == "two"


def test_replies_are_forgotten_by_tenant_generator_and_age(tmp_path: Path) -> None:
    now = [NOON]
    cache = ReplyCache(tmp_path / "replies.sqlite", clock=lambda: now[0])
    of = Script(["one", "two", "three"])
    Cached(of, cache).generate(ASK)
    Cached(of, cache, tenant=Tenant("shop")).generate(ASK)
    now[0] = NOON + timedelta(days=2)
    Cached(of, cache, tenant=Tenant("club")).generate(ASK)
    assert cache.forget(older_than=timedelta(days=1), tenant="shop") == 1
    assert cache.forget(generator="x") == 0
    assert cache.forget(older_than=timedelta(days=1)) == 1
    assert cache.forget() == 1
    cache.close()


# -- budgets -------------------------------------------------------------------------------------------------------


@each_way
def test_calls_are_priced_and_summed(way: Way) -> None:
    usage = Usage(1000, 400, 100)
    found = Metered(Script([Reply("Fine.", usage=usage)] * 2), prices=Prices(1.0, 0.5, 10.0))
    for _ in range(2):
        assert way(found).usage.cost == pytest.approx((600 + 200 + 1000) / 1e6)
    assert found.ledger.calls == 2
    assert found.ledger.usage.prompt_tokens == 2000
    assert found.ledger.usage.cost == pytest.approx(0.0036)


@each_way
def test_a_call_that_might_pass_a_limit_is_not_made(way: Way) -> None:
    of = Script([Reply("Fine.", usage=Usage(5, 0, 5))] * 9)
    found = Metered(of, budget=Budget(tokens_per_run=40))
    # The prompt counts as 3 words and 8 for what stands around it, the reply as 10.
    way(found, sampling=SHORT)
    way(found, sampling=SHORT)
    with pytest.raises(BudgetExceededError, match=r"of this run is 40 tokens, 20 are spent.*may take 21"):
        way(found, sampling=SHORT)
    assert len(of.calls) == 2


def test_choices_have_a_price_and_a_limit() -> None:
    of = Script(["A"] * 3)
    found = Metered(of, budget=Budget(tokens_per_run=30))
    found.choose(ASK, ["A", "B"])
    with pytest.raises(BudgetExceededError):
        found.choose(ASK, ["A", "B"], prior=ASK * 2)


def test_money_is_limited_too() -> None:
    of = Script([Reply("Fine.", usage=Usage(10, 0, 10))] * 9)
    found = Metered(of, prices=Prices(prompt=1e6, reply=1e6), budget=Budget(cost_per_run=40.0))
    found.generate(ASK, sampling=SHORT)
    with pytest.raises(BudgetExceededError, match=r"costs 40 at most, 20 is spent.*may cost 21"):
        found.generate(ASK, sampling=SHORT)


def test_a_budget_of_money_needs_prices_and_one_of_days_a_file() -> None:
    with pytest.raises(ConfigError, match="needs prices"):
        Metered(Script([]), budget=Budget(cost_per_run=1.0))
    with pytest.raises(ConfigError, match="ledger that keeps them"):
        Metered(Script([]), budget=Budget(tokens_per_day=1))


def test_a_day_is_shared_by_all_and_ends_at_midnight(tmp_path: Path) -> None:
    now = [NOON]

    def one() -> Metered:
        of = Script([Reply("Fine.", usage=Usage(5, 0, 5))])
        ledger = Ledger(tmp_path / "spent.sqlite", clock=lambda: now[0])
        return Metered(of, budget=Budget(tokens_per_day=40), ledger=ledger)

    one().generate(ASK, sampling=SHORT)
    one().generate(ASK, sampling=SHORT)
    with pytest.raises(BudgetExceededError, match="of today is 40 tokens, 20 are spent"):
        one().generate(ASK, sampling=SHORT)
    assert one().ledger.today().tokens == 20
    now[0] = NOON + timedelta(days=1)
    one().generate(ASK, sampling=SHORT)
    assert one().ledger.today().tokens == 10


def test_calls_on_their_way_count(tmp_path: Path) -> None:
    budget = Budget(tokens_per_run=25, tokens_per_day=1000)
    ledger = Ledger(tmp_path / "spent.sqlite")
    refused: list[Exception] = []

    def answer(call: Call) -> Reply:
        try:
            Metered(Script(["Fine."]), budget=budget, ledger=ledger).generate(ASK, sampling=SHORT)
        except BudgetExceededError as error:
            refused.append(error)
        return Reply("Fine.", usage=Usage(1, 0, 1))

    Metered(Script(answer=answer), budget=budget, ledger=ledger).generate(ASK, sampling=SHORT)
    assert len(refused) == 1
    assert ledger.usage.prompt_tokens == 1


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (ServiceError("down"), 0),
        (PromptTooLongError("too long"), 0),
        (DeadlineExceededError("late"), 21),
        (SchemaViolationError("no JSON"), 21),
    ],
)
def test_what_failed_after_it_was_asked_counts_as_spent(tmp_path: Path, error: Exception, left: int) -> None:
    ledger = Ledger(tmp_path / "spent.sqlite")
    found = Metered(Script([error, "Fine."]), budget=Budget(tokens_per_run=41, tokens_per_day=1000), ledger=ledger)
    with pytest.raises(type(error)):
        found.generate(ASK, sampling=SHORT)
    assert ledger.today().tokens == left
    if left:
        with pytest.raises(BudgetExceededError):
            found.generate(ASK, sampling=SHORT)
    else:
        found.generate(ASK, sampling=SHORT)


def test_a_stream_that_nobody_heard_out_counts_as_spent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "spent.sqlite")
    stream = Metered(Script(["I am fine."]), budget=Budget(tokens_per_day=1000), ledger=ledger).stream(
        ASK, sampling=SHORT
    )
    assert next(iter(stream)) == "I "
    stream.close()  # type: ignore[attr-defined]
    assert ledger.today().tokens == 21


def test_without_a_file_a_limit_of_days_stops_all(tmp_path: Path) -> None:
    (tmp_path / "spent").mkdir()
    of = Script(["Fine."])
    found = Metered(of, budget=Budget(tokens_per_day=1000), ledger=Ledger(tmp_path / "spent"))
    with pytest.raises(StorageError, match="spent today cannot be kept"):
        found.generate(ASK)
    assert of.calls == []


def test_what_comes_from_the_cache_costs_nothing(cache: ReplyCache) -> None:
    ledger = Ledger()
    found = guarded(numbered(), cache=cache, prices=Prices(1.0), ledger=ledger, budget=Budget(tokens_per_run=30))
    first = found.generate(ASK, sampling=SHORT)
    again = found.generate(ASK, sampling=SHORT)
    assert again.usage == first.usage
    assert ledger.calls == 1
    assert Metered(Cached(numbered(), cache), ledger=ledger).generate(ASK, sampling=SHORT).cached
    assert ledger.calls == 1


# -- defaults and deadlines ----------------------------------------------------------------------------------------


@each_way
def test_calls_that_say_nothing_have_the_defaults(way: Way) -> None:
    of = Script(["Fine."] * 2)
    found = WithDefaults(of, SHORT, 60.0)
    way(found)
    way(found, sampling=Sampling(max_tokens=3), deadline=1e12)
    first, second = of.calls
    assert first.sampling == SHORT
    assert first.deadline is not None
    assert time.monotonic() < first.deadline < time.monotonic() + 61
    assert second.sampling == Sampling(max_tokens=3)
    assert second.deadline == 1e12


def test_defaults_are_part_of_what_is_cached(cache: ReplyCache) -> None:
    of = numbered()
    guarded(of, cache=cache).generate(ASK)
    assert not guarded(of, cache=cache, sampling=SHORT).generate(ASK).cached
    assert guarded(of, cache=cache, sampling=SHORT).generate(ASK).cached
    assert guarded(of, cache=cache, seconds=5.0).choose(ASK, ["A", "B"]).cached is False


# -- traces --------------------------------------------------------------------------------------------------------


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@each_way
def test_every_call_leaves_a_line_without_what_was_said(tmp_path: Path, way: Way) -> None:
    file = tmp_path / "calls.jsonl"
    of = Script([Reply("Secretly fine.", usage=Usage(5, 2, 3), model="m-1"), ServiceError("secretly down")])
    found = Traced(of, Trace(file), clock=lambda: NOON)
    way(found)
    with pytest.raises(ServiceError):
        way(found)
    first, second = lines(file)
    assert first["time"] == "2026-05-01T12:00:00.000+00:00"
    assert (first["kind"], first["generator"], first["model"], first["finish"]) == ("generate", "script", "m-1", "stop")
    assert (first["prompt_tokens"], first["reused_tokens"], first["reply_tokens"]) == (5, 2, 3)
    assert first["cached"] is False
    assert first["seconds"] >= 0
    assert second["error"] == "ServiceError"
    assert first["prompt"] == second["prompt"]
    assert "ecretly" not in file.read_text()
    assert "How are you" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_words_are_written_where_that_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    found = Traced(Script(["Fine.", ServiceError("down"), "A"]), Trace(file, texts=True))
    found.generate(ASK)
    with pytest.raises(ServiceError):
        found.generate(ASK)
    found.choose(ASK, ["A", "B"])
    first, second, third = lines(file)
    assert first["messages"] == [{"role": "user", "content": "How are you?"}]
    assert (first["text"], second["message"], third["options"]) == ("Fine.", "down", ["A", "B"])


def test_without_a_file_lines_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tastemaker.generators"):
        Traced(Script(["Fine."])).generate(ASK)
    assert json.loads(caplog.messages[0])["prompt_tokens"] == 3
    assert "How are you" not in caplog.text


def test_a_stream_that_nobody_heard_out_is_traced(tmp_path: Path) -> None:
    stream = Traced(Script(["I am fine."]), Trace(tmp_path / "calls.jsonl")).stream(ASK)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert lines(tmp_path / "calls.jsonl")[0]["error"] == "abandoned"


def test_a_trace_that_cannot_be_written_is_no_obstacle(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Traced(Script(["Fine."]), Trace(tmp_path)).generate(ASK).text == "Fine."
    assert "could not write" in caplog.text


def test_a_cancelled_call_is_traced(tmp_path: Path) -> None:
    started = asyncio.Event()

    class Slow(Script):
        async def agenerate(self, *args: Any, **told: Any) -> Reply:
            started.set()
            await asyncio.sleep(60)
            raise AssertionError

    async def cancel() -> None:
        task = asyncio.create_task(Traced(Slow([]), Trace(tmp_path / "calls.jsonl")).agenerate(ASK))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert lines(tmp_path / "calls.jsonl")[0]["error"] == "abandoned"
