"""`tastemaker serve`: what it answers is what `recommend` prints, and Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Run = Callable[..., Any]


@pytest.mark.slow
@pytest.mark.needs_extra("serve")
def test_the_server_gives_the_same_list_as_the_command(run: Run, shop: Path) -> None:
    command = [sys.executable, "-m", "tastemaker", "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            assert said.startswith("Serving at http://127.0.0.1:"), said
            url = said.split()[2]
            answer = httpx.get(f"{url}/v1/recommend", params={"user": "42", "k": 5}, trust_env=False, timeout=30).json()
        finally:
            server.send_signal(signal.SIGINT)
            code = server.wait(timeout=30)
    assert code == 0
    printed = run("recommend", "--user", "42", "--k", "5", "--json").json
    assert [item["item_id"] for item in answer["items"]] == [item["item_id"] for item in printed["items"]]
    assert answer.keys() == printed.keys()
