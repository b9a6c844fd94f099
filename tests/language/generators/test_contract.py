"""Every generator that is shipped keeps the contract, on tiny models and on loopback; broken ones are found out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.language.generators.chats import events, reply, tokens
from tests.language.generators.conftest import Serve
from tests.language.generators.tiny_models import write_folder, write_gguf
from tests.language.model_server import Asked, Said

from tastemaker.core.generator import Choice, Finish, Reply
from tastemaker.language.generators import Recorder, Script, Trace, guarded, make_generator
from tastemaker.language.generators.calls import Call, Result
from tastemaker.testing import check_generator
from tastemaker.testing.generators import RULES, comes_back, is_known_by_its_fingerprint

CONTEXT = 200


def answer(call: Call) -> Any:
    if call.kind == "choose":
        return call.options[0]
    return {"genre": "sea"} if call.schema else f"The sea, {len(call.messages[-1].content)} times."


def test_a_script_keeps_the_contract_and_so_does_what_stands_around_one(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    recorder = Recorder(guarded(Script(answer=answer, context=CONTEXT), trace=Trace(tmp_path / "trace.jsonl")), file)
    for rule in RULES:
        if rule not in (comes_back, is_known_by_its_fingerprint):
            rule(recorder)
    check_generator(make_generator({"name": "script", "file": str(file), "context": CONTEXT}))


def served(asked: Asked, before: int) -> Said:
    """Answer as servers do, in the form that is asked for."""
    if len(asked.last.split()) > CONTEXT:
        return Said({"error": {"message": "maximum context length", "code": "context_length_exceeded"}}, 400)
    if "response_format" in asked.body:
        return Said(reply('{"genre": "sea"}'))
    if asked.body.get("logprobs"):
        return Said(tokens(sea=-0.1, city=-2.5))
    words = f"The sea, {len(asked.last)} times."
    return Said(events(*words.partition("sea")) if asked.body.get("stream") else reply(words))


def test_an_endpoint_keeps_the_contract(serve: Serve) -> None:
    address = serve(by=served).address
    check_generator(make_generator({"name": "endpoint", "base_url": address, "model": "m", "context": CONTEXT}))


@pytest.mark.needs_extra("local")
def test_a_model_of_a_gguf_file_keeps_the_contract(tmp_path: Path) -> None:
    check_generator(make_generator(f"llama:{write_gguf(tmp_path / 'tiny.gguf')}"))


@pytest.mark.needs_extra("torch", "transformers")
def test_a_model_of_a_folder_keeps_the_contract(tmp_path: Path) -> None:
    check_generator(make_generator(f"torch:{write_folder(tmp_path / 'tiny')}"))


class Broken(Script):
    """A script with one fault."""

    def __init__(self, fault: str) -> None:
        super().__init__(answer=answer, context=CONTEXT)
        self.fault = fault

    def spec(self) -> dict[str, Any]:
        return {"name": self.name, "replies": ["Fine."] * 9}

    def count_tokens(self, text: str) -> int:
        return 1 if self.fault == "careless" else super().count_tokens(text)

    def _make(self, call: Call) -> Result:
        if self.fault == "late":
            call = replace(call, deadline=None)
        found = super()._make(call)
        if isinstance(found, Choice):
            return replace(found, log_probabilities=found.log_probabilities - (self.fault == "unsure"))
        if self.fault == "loose" and call.schema is not None:
            return replace(found, value={"genre": "horror"})
        if self.fault == "fails" and "\ud800" in call.messages[-1].content:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")
        drawn = f"{found.text} {len(self.calls)}" if self.fault == "moody" else found.text
        return replace(found, text=drawn, finish=cast(Finish, "eos" if self.fault == "foreign" else found.finish))

    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        for piece in super()._pieces(call):
            if self.fault == "endless" and isinstance(piece, Reply):
                return
            yield piece.strip() if self.fault == "stripped" and isinstance(piece, str) else piece


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("careless", "more tokens"),
        ("moody", "gives the reply of generate"),
        ("endless", "ends with the whole reply"),
        ("stripped", "make up the text"),
        ("foreign", "ends with stop, length, refused"),
        ("loose", "generate gives keeps the schema"),
        ("unsure", "sum to 1"),
        ("late", "generate after its deadline"),
        ("fails", "half surrogates"),
        ("forgetful", "made from its spec has the same fingerprint"),
    ],
)
def test_a_broken_generator_is_found_out(fault: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_generator(Broken(fault))
