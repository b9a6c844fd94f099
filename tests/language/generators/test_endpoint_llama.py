"""The endpoint's client against a real server, that of llama.cpp, around a tiny model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.language.generators.tiny_models import write_gguf

from tastemaker.core.errors import PromptTooLongError, ServiceError
from tastemaker.core.generator import Message, Reply, Sampling
from tastemaker.language.generators import object_of, one_of
from tastemaker.language.generators.endpoint import Endpoint
from tastemaker.language.generators.llama import Llama
from tastemaker.language.generators.llama_server import Served, serve_gguf

pytestmark = pytest.mark.needs_extra("local")
KEY = "a-key-of-the-test"
ASK = [Message("user", "hello")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def served(path: Path) -> Iterator[Served]:
    with serve_gguf(str(path), key=KEY) as found:
        yield found


@pytest.fixture
def endpoint(served: Served, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("OWN_KEY", KEY)
    return Endpoint(served.base_url, served.model, key_from="OWN_KEY", retries=0)


def test_it_writes_the_same_whole_and_in_pieces(endpoint: Endpoint) -> None:
    short = Sampling(max_tokens=6)
    reply = endpoint.generate(ASK, sampling=short)
    assert (reply.finish, reply.usage.reply_tokens, reply.model) == ("length", 6, "tiny")
    assert reply.usage.prompt_tokens > 0
    *pieces, whole = endpoint.stream(ASK, sampling=short)
    assert isinstance(whole, Reply)
    assert "".join(str(piece) for piece in pieces) == whole.text == reply.text
    assert whole.usage.prompt_tokens == reply.usage.prompt_tokens
    assert asyncio.run(endpoint.agenerate(ASK, sampling=short)).text == reply.text


def test_the_server_is_bound_to_a_schema(endpoint: Endpoint) -> None:
    genres = one_of(["drama", "sea"])
    assert endpoint.generate(ASK, schema=object_of(genre=genres)).value["genre"] in ("drama", "sea")
    assert endpoint.generate(ASK, schema=genres).value in ("drama", "sea")


def test_it_chooses_as_the_same_model_in_this_process_does(endpoint: Endpoint, path: Path) -> None:
    # The server tells no tokens where a reply begins within a character, as many do of a model with random weights.
    asked = [[Message("user", letter)] for letter in "bcdhjklmnop"]
    there = [endpoint.choose(ask, ["ye", "dr"]) for ask in asked]
    told = [place for place, choice in enumerate(there) if not np.isnan(choice.mass)]
    assert told
    inside = Llama(str(path))
    for place in told:
        here = inside.choose(asked[place], ["ye", "dr"])
        np.testing.assert_allclose(there[place].log_probabilities, here.log_probabilities, atol=1e-3)
        assert there[place].mass == pytest.approx(here.mass, abs=1e-3)


def test_its_refusals_are_understood(endpoint: Endpoint, served: Served) -> None:
    with pytest.raises(PromptTooLongError):
        endpoint.generate([Message("user", "dramasea " * 2000)])
    with pytest.raises(ServiceError, match=r"401.*key_from"):
        Endpoint(served.base_url, served.model).generate(ASK)
