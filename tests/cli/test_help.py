"""What `--help` and `--version` say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tastemaker import __version__
from tastemaker.cli.output import EXIT_CODES
from tastemaker.core import errors

Run = Callable[..., Any]

COMMANDS = (
    "demo",
    "init",
    "doctor",
    "compare",
    "evaluate",
    "train",
    "recommend",
    "similar",
    "search",
    "explain",
    "serve",
    "import",
    "probe",
    "data list",
    "data show",
    "data get",
    "config show",
    "encoders list",
    "encoders try",
    "encoders cache",
    "encoders clear",
    "keys create",
    "store backup",
    "store erase",
    "jobs run",
    "registry promote",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.code == 0
    assert f"tastemaker {command}" in done.out


def test_help_lists_every_command_and_every_exit_code(run: Run) -> None:
    done = run("--help")
    assert all(command.split()[0] in done.out for command in COMMANDS)
    assert all(f"{code}  " in done.out and when in done.out for code, when in EXIT_CODES.items())


def test_every_exit_code_of_an_error_is_documented() -> None:
    found = vars(errors).values()
    codes = {kind.exit_code for kind in found if isinstance(kind, type) and issubclass(kind, errors.TastemakerError)}
    assert codes <= EXIT_CODES.keys()


def test_help_says_that_a_history_takes_several_values(run: Run) -> None:
    said = " ".join(run("recommend", "--help").out.replace("│", " ").split())
    assert "one flag with several values, or the flag again for each" in said


def test_version(run: Run) -> None:
    assert run("--version").out == f"tastemaker {__version__}\n"


def test_no_command_shows_the_help(run: Run) -> None:
    done = run()
    assert "Usage" in done.out + done.err
    assert done.code == 2


def test_a_wrong_option_is_a_usage_error(run: Run) -> None:
    done = run("recommend", "--histori", "Heat")
    assert done.code == 2
    assert done.err.startswith("error: No such option: --histori")
    assert done.err.endswith("See: tastemaker recommend --help\n")


def test_a_usage_error_is_json_where_json_is_asked_for(run: Run) -> None:
    done = run("train", "--seed", "x", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["type"] == "UsageError"
    assert "--seed" in done.error["message"]


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    done = run("recomend")
    assert done.code == 2
    assert "recomend" in done.err
