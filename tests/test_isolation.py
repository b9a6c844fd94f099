"""The promises of conftest: no network but loopback, and a home that is the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


def test_no_name_outside_this_machine_is_looked_up() -> None:
    with pytest.raises(OSError, match="no network but loopback"):
        socket.getaddrinfo("example.org", 443)


def test_no_address_outside_this_machine_is_connected_to() -> None:
    with socket.socket() as connection, pytest.raises(OSError, match="no network but loopback"):
        connection.connect(("192.0.2.1", 80))


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_home_and_caches_are_temporary() -> None:
    temporary = Path(tempfile.gettempdir()).resolve()
    for name in ("HOME", "XDG_CACHE_HOME", "TASTEMAKER_CACHE"):
        assert Path(os.environ[name]).resolve().is_relative_to(temporary)
    assert not list(Path(os.environ["HOME"]).iterdir())


def test_a_program_started_by_a_test_reaches_no_network() -> None:
    program = "import httpx; httpx.get('https://example.org')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "ConnectError" in result.stderr
