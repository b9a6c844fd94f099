"""The programs that a user would copy run as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"search_and_ask.py", "your_own_log.py"}


@pytest.mark.slow
def test_your_own_log() -> None:
    said = run("your_own_log.py")
    assert "sequential-rules: 0." in said
    first = next(line for line in said.splitlines() if line.startswith("1. "))
    assert any(name in first for name in ("Hose", "Gloves", "Seeds"))
    assert first.endswith(("because of spade", "because of rake"))


@pytest.mark.slow
def test_search_and_ask() -> None:
    said = run("search_and_ask.py", "stories of pirates and treasure", "--encoder", "tfidf-svd")
    assert "Treasure Island" in said
    assert "Moby-Dick" not in said.split("The same as a recommendation")[1].splitlines()[1]
