"""Vectors from a server: what goes right, and every fault that such servers have."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from tests.language.encoders.conftest import Serve
from tests.language.encoders.embeddings import DIM, embeddings, expected
from tests.language.model_server import Asked, Said

from tastemaker.core.errors import ConfigError, ServiceError
from tastemaker.language.encoders import encode_cached, make_encoder, restored_encoder, store_encoder
from tastemaker.language.encoders.endpoint import Endpoint
from tastemaker.testing import check_encoder

TEXTS = ["the sea", "a garden", "songs"]


def faulty(*faults: Said | None, last: Said | None = None) -> Callable[[Asked, int], Said]:
    """Answer the first requests with faults, ``None`` standing for the right thing, and all others with ``last``."""

    def answer(asked: Asked, before: int) -> Said:
        said = faults[before] if before < len(faults) else last
        return said or Said(embeddings(asked.texts))

    return answer


def changed(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Asked, int], Said]:
    """Answer with what `change` made of the rows of the right answer."""

    def answer(asked: Asked, before: int) -> Said:
        right = embeddings(asked.texts)
        change(right["data"])
        return Said(right)

    return answer


# -- what goes right ----------------------------------------------------------------------------------------------


def test_keeps_the_contract(serve: Serve) -> None:
    check_encoder(Endpoint(serve().address, "m"))


def test_vectors_have_length_1_and_the_order_of_the_texts(serve: Serve) -> None:
    server = serve()
    encoder = Endpoint(server.address, "m", batch=2)
    many = [f"text {number}" for number in range(9)]
    np.testing.assert_allclose(encoder.encode(many), expected(many), atol=1e-6)
    assert encoder.dim == DIM
    assert all(len(asked.texts) <= 2 and asked.body["model"] == "m" for asked in server.asked)
    assert server.asked[0].path == "/v1/embeddings"


def test_only_so_many_requests_run_at_a_time(serve: Serve) -> None:
    free = threading.Event()

    def answer(asked: Asked, before: int) -> Said:
        if before == 2:
            free.set()
        return Said(embeddings(asked.texts), after=free)

    server = serve(answer)
    Endpoint(server.address, "m", batch=1, parallel=3).encode([f"text {number}" for number in range(12)])
    assert server.most_at_once == 3


def test_rows_out_of_order_are_put_in_order(serve: Serve) -> None:
    server = serve(changed(lambda rows: rows.reverse()))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)


def test_rows_without_an_index_stand_in_order(serve: Serve) -> None:
    server = serve(changed(lambda rows: [row.pop("index") for row in rows]))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)


def test_the_dimension_is_asked_for_once(serve: Serve) -> None:
    server = serve()
    encoder = Endpoint(server.address, "m")
    assert (encoder.dim, encoder.dim) == (DIM, DIM)
    assert len(server.asked) == 1


def test_prefixes_stand_before_texts_of_their_kind(serve: Serve) -> None:
    server = serve()
    encoder = Endpoint(server.address, "m", prefixes={"query": "query: "})
    encoder.encode(["the sea"], "query")
    encoder.encode(["the sea"], "item")
    assert [asked.texts for asked in server.asked] == [["query: the sea"], ["the sea"]]


def test_prefixes_of_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'query'"):
        Endpoint("http://127.0.0.1:9/v1", "m", prefixes={"qurey": ""})


def test_empty_texts_are_not_sent_and_long_ones_cut(serve: Serve) -> None:
    server = serve()
    encoder = Endpoint(server.address, "m", max_chars=10)
    found = encoder.encode(["", " \n", "x" * 100_000, "sea\x00\ud800"])
    assert server.asked[0].texts == ["x" * 10, "sea \N{REPLACEMENT CHARACTER}"]
    assert not found[:2].any()
    assert encoder.truncated == 1


def test_nothing_is_sent_for_no_texts(serve: Serve) -> None:
    server = serve()
    assert Endpoint(server.address, "m", dim=DIM).encode([]).shape == (0, DIM)
    assert Endpoint(server.address, "m", dim=DIM).encode(["", ""]).shape == (2, DIM)
    assert server.asked == []


# -- faults that pass -----------------------------------------------------------------------------------------------


def test_too_many_requests_waits_as_long_as_it_is_told(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(Said({}, 429, {"Retry-After": "7"})))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)
    assert waits == [7.0]


def test_too_many_requests_until_a_date(serve: Serve, waits: list[float]) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server = serve(faulty(Said({}, 429, {"Retry-After": then})))
    Endpoint(server.address, "m").encode(TEXTS)
    assert len(waits) == 1
    assert 10 < waits[0] <= 30


def test_too_long_a_wait_is_an_error(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(last=Said({}, 429, {"Retry-After": "3600"})))
    with pytest.raises(ServiceError, match="wants 3600 s"):
        Endpoint(server.address, "m").encode(TEXTS)
    assert (waits, len(server.asked)) == ([], 1)


@pytest.mark.parametrize("header", ["soon", "-5", "", "nan"])
def test_a_senseless_wait_is_no_obstacle(serve: Serve, waits: list[float], header: str) -> None:
    server = serve(faulty(Said({}, 429, {"Retry-After": header})))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)
    assert len(server.asked) == 2


def test_an_error_of_the_server_that_passes(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(Said({}, 500), Said(b"<html>bad gateway</html>", 502)))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)
    assert waits == [0.5, 1.0]


def test_an_error_of_the_server_that_stays(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(last=Said({"error": {"message": "out of memory"}}, 500)))
    with pytest.raises(ServiceError, match=r"answered 500: .*out of memory.*, 3 times"):
        Endpoint(server.address, "m", retries=2).encode(TEXTS)
    assert waits == [0.5, 1.0]
    assert len(server.asked) == 3


def test_a_cut_connection_is_tried_again(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(Said(embeddings(TEXTS), cut=True)))
    np.testing.assert_allclose(Endpoint(server.address, "m").encode(TEXTS), expected(TEXTS), atol=1e-6)
    assert waits == [0.5]


def test_a_connection_that_is_always_cut_is_an_error(serve: Serve, waits: list[float]) -> None:
    server = serve(faulty(last=Said(embeddings(TEXTS), cut=True)))
    with pytest.raises(ServiceError, match="connection to the endpoint broke"):
        Endpoint(server.address, "m", retries=1).encode(TEXTS)


def test_a_slow_server_is_an_error(serve: Serve, waits: list[float]) -> None:
    done = threading.Event()
    server = serve(lambda asked, _: Said(embeddings(asked.texts), after=done))
    try:
        with pytest.raises(ServiceError, match=r"did not answer within 0\.1 s, 2 times"):
            Endpoint(server.address, "m", timeout=0.1, retries=1).encode(TEXTS)
    finally:
        done.set()


def test_a_server_that_is_down_is_an_error(waits: list[float]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    with pytest.raises(ServiceError, match="cannot be reached") as caught:
        Endpoint(address, "m", retries=2).encode(TEXTS)
    assert waits == [0.5, 1.0]
    assert caught.value.remedy is not None
    assert "Is the server running" in caught.value.remedy


# -- faults that stay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "key_from"), (403, "key_from"), (404, "address"), (413, "batch"), (400, "max_chars")]
)
def test_a_refusal_is_not_repeated(serve: Serve, waits: list[float], status: int, remedy: str) -> None:
    server = serve(faulty(last=Said({"error": "no"}, status)))
    with pytest.raises(ServiceError, match=str(status)) as caught:
        Endpoint(server.address, "m").encode(TEXTS)
    assert len(server.asked) == 1
    assert remedy in str(caught.value.remedy)


def test_a_redirection_is_not_followed(serve: Serve) -> None:
    other = serve()
    server = serve(faulty(last=Said({}, 307, {"Location": f"{other.address}/embeddings"})))
    with pytest.raises(ServiceError, match="307"):
        Endpoint(server.address, "m").encode(TEXTS)
    assert other.asked == []


def test_a_page_instead_of_json_is_an_error(serve: Serve) -> None:
    server = serve(faulty(last=Said(b"<!doctype html><p>Welcome")))
    with pytest.raises(ServiceError, match=r"no JSON \(text/html\)"):
        Endpoint(server.address, "m").encode(TEXTS)
    assert len(server.asked) == 1


def _nan(rows: list[dict[str, Any]]) -> None:
    rows[1]["embedding"][0] = float("nan")


def _infinite(rows: list[dict[str, Any]]) -> None:
    rows[1]["embedding"][0] = float("inf")


def _null(rows: list[dict[str, Any]]) -> None:
    rows[1]["embedding"][0] = None


def _short(rows: list[dict[str, Any]]) -> None:
    rows[1]["embedding"].pop()


def _all_short(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["embedding"].pop()


def _empty(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["embedding"] = []


def _twice(rows: list[dict[str, Any]]) -> None:
    rows[1]["index"] = 0


def _words(rows: list[dict[str, Any]]) -> None:
    rows[0]["embedding"] = "AACAPw=="


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_nan, "NaN"),
        (_infinite, "NaN or infinite"),
        (_null, "NaN"),
        (_short, "no vectors as"),
        (_all_short, f"length {DIM - 1} where {DIM}"),
        (_empty, "vectors that are none"),
        (_twice, "no vectors as"),
        (_words, "no vectors as"),
        (lambda rows: rows.pop(), "2 vectors for 3 texts"),
        (lambda rows: rows.append({**rows[0], "index": 3}), "4 vectors for 3 texts"),
        (lambda rows: rows.clear(), "0 vectors for 3 texts"),
    ],
)
def test_an_answer_that_cannot_be_right_is_an_error(
    serve: Serve, change: Callable[[list[dict[str, Any]]], object], message: str
) -> None:
    server = serve(changed(change))
    with pytest.raises(ServiceError, match=message):
        Endpoint(server.address, "m", dim=DIM).encode(TEXTS)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": [1]}, {"data": [{"index": 0}]}, "no", 3, None])
def test_json_that_is_no_answer_is_an_error(serve: Serve, body: Any) -> None:
    server = serve(faulty(last=Said(body)))
    with pytest.raises(ServiceError, match="no vectors as"):
        Endpoint(server.address, "m").encode(["one"])


def test_vectors_that_change_their_length_are_an_error(serve: Serve) -> None:
    def answer(asked: Asked, before: int) -> Said:
        right = embeddings(asked.texts)
        if before:
            _all_short(right["data"])
        return Said(right)

    encoder = Endpoint(serve(answer).address, "m")
    encoder.encode(TEXTS)
    with pytest.raises(ServiceError, match=f"length {DIM - 1}"):
        encoder.encode(TEXTS)


def test_what_was_encoded_before_a_fault_is_kept(
    serve: Serve, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.language.encoders.cache.BATCH", 4)
    many = [f"text {number}" for number in range(10)]
    server = serve(faulty(None, None, Said({}, 401)))
    encoder = Endpoint(server.address, "m", batch=4, dim=DIM)
    with pytest.raises(ServiceError):
        encode_cached(encoder, many)
    np.testing.assert_allclose(encode_cached(encoder, many), expected(many), atol=1e-3)
    assert sum(len(asked.texts) for asked in server.asked) == len(many) + 2


# -- keys -----------------------------------------------------------------------------------------------------------


def test_the_key_comes_from_the_environment_and_is_written_nowhere(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_KEY", "sk-secret")
    server = serve(faulty(None, last=Said({"error": "wrong key sk-secret"}, 401)))
    encoder = Endpoint(server.address, "m", key_from="OWN_KEY")
    encoder.encode(TEXTS)
    assert server.asked[0].headers["Authorization"] == "Bearer sk-secret"
    stored, tensors = store_encoder(encoder)
    assert "sk-secret" not in json.dumps(stored)
    assert tensors == {}
    assert restored_encoder(stored, {}).spec() == encoder.spec()
    with pytest.raises(ServiceError, match=r"wrong key \[key\]") as caught:
        encoder.encode(TEXTS)
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in repr(vars(encoder))


def test_no_key_is_sent_where_none_is_named(serve: Serve) -> None:
    server = serve()
    Endpoint(server.address, "m").encode(TEXTS)
    assert "Authorization" not in server.asked[0].headers


def test_a_key_that_is_not_set_is_named(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OWN_KEY", raising=False)
    with pytest.raises(ConfigError, match="OWN_KEY is not set"):
        Endpoint(serve().address, "m", key_from="OWN_KEY").encode(TEXTS)


@pytest.mark.parametrize("address", ["", "localhost:8080", "ftp://host/v1", "http://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        make_encoder({"name": "endpoint", "base_url": address, "model": "m"})


@pytest.mark.parametrize("address", ["http://me:secret@host/v1", "http://host/v1?key=secret", "http://host/v1#secret"])
def test_an_address_with_a_secret_is_refused_without_telling_it(address: str) -> None:
    with pytest.raises(ConfigError, match="no password") as caught:
        Endpoint(address, "m")
    assert "secret" not in str(caught.value)
