"""The server as a program: it listens, answers, stops when told to, and says why it cannot listen."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.server.conftest import connect

from tastemaker.core.errors import MissingExtraError, ServiceError
from tastemaker.core.query import Query
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.models import Popularity, SequentialRules

serve = pytest.mark.needs_extra("serve")

PROGRAM = """
import sys
import polars as pl
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.models import SequentialRules
from tastemaker.server import run_server

rows = [(f"u{user}", f"i{(user + step) % 12}") for user in range(8) for step in range(6)]
data = Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"))
run_server(Engine(SequentialRules().fit(data), data), port=0, announce=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture
def plain_engine(shop: Dataset) -> Engine:
    return Engine(Popularity().fit(shop), shop)


@serve
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_interrupted(tmp_path: Path, how: signal.Signals) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    source = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert process.stdout is not None
    watch = threading.Timer(60, process.kill)
    watch.start()
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=address, trust_env=False) as client:
            assert client.get("/ready").json()["items"] == 12
            found = client.get("/v1/recommend", params={"user": "u1", "k": 3}).json()
            assert len(found["items"]) == 3
            assert "<h1" in client.get("/").text
            headers = client.get("/health").headers
            assert "server" not in headers
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
    finally:
        watch.cancel()
        process.kill()
        process.wait()
    assert out == "ended\n"
    assert err == ""
    assert process.returncode == 0


@serve
def test_a_port_in_use_is_named_with_a_way_out(plain_engine: Engine, taken_port: int) -> None:
    from tastemaker.server import run_server

    announced: list[str] = []
    with pytest.raises(ServiceError, match=f"port {taken_port} is in use") as caught:
        run_server(plain_engine, "127.0.0.1", taken_port, announce=announced.append)
    assert "--port" in str(caught.value)
    assert announced == []


@serve
@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 70_000, "no port 70000"),
        ("127.0.0.1", -1, "no port -1"),
        ("not an address", 0, "is no address"),
    ],
)
def test_an_address_that_cannot_be_had(plain_engine: Engine, host: str, port: int, said: str) -> None:
    from tastemaker.server import run

    with pytest.raises(ServiceError, match=said) as caught:
        run._listen(host, port).close()
    assert caught.value.remedy


@serve
def test_what_the_system_refuses_is_explained() -> None:
    from tastemaker.server import run

    refused = run._refusal(PermissionError(errno.EACCES, "denied"), "127.0.0.1", 80)
    assert "may not be used" in refused.message
    assert "--port" in str(refused)
    foreign = run._refusal(OSError(errno.EADDRNOTAVAIL, "no such address"), "192.0.2.1", 80)
    assert "cannot listen: no such address" in foreign.message


@serve
@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")]
)
def test_the_address_is_one_that_a_browser_can_open(host: str, shown: str) -> None:
    from tastemaker.server import run

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert run._address(host, listener) == f"http://{shown}:{port}"


@serve
def test_requests_at_the_same_time_get_their_own_answers(shop: Dataset) -> None:
    engine = Engine(SequentialRules().fit(shop), shop)
    people = [f"u{number}" for number in range(30)]
    expected = [[item.item_id for item in engine.recommend(Query(user_id=user, k=5)).items] for user in people]
    with connect(engine) as client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda user: client.get(f"/v1/recommend?user={user}&k=5").json(), people)
        assert [[item["item_id"] for item in answer["items"]] for answer in answers] == expected


def test_without_the_extra_the_pip_line_is_given() -> None:
    program = """
import sys
sys.modules["uvicorn"] = None
from tastemaker.core.errors import MissingExtraError
try:
    import tastemaker.server
except MissingExtraError as error:
    assert isinstance(error, ImportError)
    print(error)
"""
    source = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert done.stdout == f"{MissingExtraError('the server', 'serve')}\n"
    assert "pip install 'tastemaker[serve]'" in done.stdout
