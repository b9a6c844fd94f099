"""llama.cpp's own server around a tiny model: plain HTTP, and the public client of OpenAI's interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.language.generators.tiny_models import WIDTH, write_gguf

from tastemaker.core.errors import ConfigError, ServiceError
from tastemaker.language.generators.llama_server import Served, serve_gguf

pytestmark = pytest.mark.needs_extra("local")
KEY = "a-key-of-the-test"
ASKED: Any = {"temperature": 0, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def served(path: Path) -> Iterator[Served]:
    with serve_gguf(str(path), key=KEY) as found:
        yield found


def test_the_public_client_chats_and_streams(served: Served) -> None:
    from openai import OpenAI

    with OpenAI(base_url=served.base_url, api_key=KEY, max_retries=0) as client:
        reply = client.chat.completions.create(model=served.model, **ASKED)
        assert reply.usage.completion_tokens == 3
        pieces = list(client.chat.completions.create(model=served.model, stream=True, **ASKED))
        told = "".join(each.choices[0].delta.content or "" for each in pieces)
        # A last token that is a part of a character is in the reply, and in no piece.
        assert told
        assert reply.choices[0].message.content.startswith(told)
        assert [model.id for model in client.models.list()] == [served.model] == ["tiny"]


def test_without_the_key_nothing_is_answered(served: Served) -> None:
    assert httpx.post(f"{served.base_url}/chat/completions", json=ASKED).status_code == 401


def test_pages_of_other_origins_may_not_read_answers(served: Served) -> None:
    answer = httpx.get(f"{served.address}/health", headers={"Origin": "http://elsewhere.example"})
    assert answer.headers.get("access-control-allow-origin") not in ("*", "http://elsewhere.example")


def test_it_ends_with_the_block(path: Path) -> None:
    with serve_gguf(str(path), context=64) as found:
        assert httpx.get(f"{found.address}/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{found.address}/health")


def test_embeddings_have_a_model_to_themselves(path: Path, served: Served) -> None:
    refused = httpx.post(
        f"{served.base_url}/embeddings", json={"input": ["sea"]}, headers={"Authorization": f"Bearer {KEY}"}
    )
    assert refused.status_code == 501
    with serve_gguf(str(path), task="embeddings") as found:
        rows = httpx.post(f"{found.base_url}/embeddings", json={"input": ["sea", "drama"]}).json()["data"]
        assert [len(row["embedding"]) for row in rows] == [WIDTH, WIDTH]


def test_what_cannot_be_served_is_refused(path: Path, served: Served) -> None:
    with pytest.raises(ConfigError, match="scores no texts"), serve_gguf(str(path), task="rerank"):
        pass
    with pytest.raises(ConfigError, match="cannot be served"), serve_gguf(str(path), task="chess"):  # type: ignore[arg-type]
        pass
    port = int(served.address.rsplit(":", 1)[1])
    with pytest.raises(ServiceError, match=f"port {port} is in use"), serve_gguf(str(path), port=port):
        pass
