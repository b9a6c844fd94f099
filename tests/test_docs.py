"""The pages that are generated are those that the code, the docstrings and the README give now."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_generated_pages_are_up_to_date() -> None:
    program = str(ROOT / "tools" / "generate_reference.py")
    result = subprocess.run([sys.executable, program, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_architecture_page_lists_the_floors_that_exist_in_their_order() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    order = [layer.strip("()") for layer in contracts[0]["layers"]]
    there = [floor for floor in order if (ROOT / "src" / "tastemaker" / floor / "__init__.py").exists()]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## From a log")[0]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == there
    planned = set(order) - set(there)
    assert set(re.findall(r"`(\w+)`", page.split("not built yet:")[1])) == planned
