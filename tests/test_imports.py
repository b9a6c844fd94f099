"""`import tastemaker` and `tastemaker --help` stay light: neither loads a heavy dependency."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "scipy", "polars", "onnxruntime", "fastapi"}

IMPORT = "import tastemaker"
HELP = """
import contextlib, io
from tastemaker.cli import main
sys.argv = ["tastemaker", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as page, contextlib.suppress(SystemExit):
    main()
assert "Usage" in page.getvalue(), page.getvalue()
"""


def modules_loaded_by(program: str) -> set[str]:
    """Run ``program`` in a process of its own and return the top-level modules that it has loaded."""
    program = f"import json, sys\n{program}\nprint(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in json.loads(result.stdout.splitlines()[-1])}


@pytest.mark.parametrize("program", [IMPORT, HELP], ids=["import tastemaker", "tastemaker --help"])
def test_nothing_heavy_is_loaded(program: str) -> None:
    loaded = modules_loaded_by(program)
    assert "tastemaker" in loaded
    assert not loaded & HEAVY
