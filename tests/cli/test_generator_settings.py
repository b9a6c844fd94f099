"""The section ``[generator]``: which language model a command works with, and what is kept about its calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tastemaker.cli.output import Output
from tastemaker.cli.workspace import Workspace
from tastemaker.core.errors import BudgetExceededError, ConfigError
from tastemaker.core.generator import Message
from tastemaker.language.generators import Recorder, Script

ASK = [Message("user", "How are you?")]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings that another one is not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop"


def workspace(shop: Path, text: str) -> Workspace:
    file = shop / "tastemaker.toml"
    file.write_text(text, encoding="utf-8")
    return Workspace.open(Output(), file)


def test_a_generator_is_made_with_what_is_kept_about_its_calls(shop: Path) -> None:
    recording = shop / "calls.jsonl"
    Recorder(Script(["Fine."]), recording).generate(ASK)
    opened = workspace(
        shop,
        f"""
        [generator]
        name = "script"
        arguments = {{ file = "{recording}" }}
        trace = "trace.jsonl"
        prices = {{ prompt = 1.0 }}

        [generator.budget]
        tokens_per_day = 600
        """,
    )
    first, again = opened.generator().generate(ASK), opened.generator().generate(ASK)
    assert (first.text, first.cached, again.cached) == ("Fine.", False, True)
    assert first.usage.cost == pytest.approx(3e-6)
    assert len((shop / "trace.jsonl").read_text().splitlines()) == 2
    with pytest.raises(BudgetExceededError, match="today"):
        opened.generator().generate([Message("user", "word " * 200)])


def test_arguments_of_an_endpoint_are_keys(shop: Path) -> None:
    opened = workspace(
        shop,
        """
        [generator]
        name = "endpoint"
        base_url = "http://127.0.0.1:9/v1"
        model = "m"
        retries = 1
        arguments = { repairs = 2 }
        """,
    )
    spec = opened.generator().spec()
    assert (spec["base_url"], spec["model"], spec["retries"], spec["repairs"]) == ("http://127.0.0.1:9/v1", "m", 1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no language model is named"),
        ("[generator]\nname = 'endpiont'\n", "Did you mean 'endpoint'"),
        ("[generator]\nname = 'script'\nbase_url = 'http://host'\n", "has no argument 'base_url'"),
        (
            "[generator]\nname = 'script'\narguments = { replies = [] }\nbudget = { cost_per_run = 1.0 }\n",
            "needs prices",
        ),
    ],
)
def test_what_makes_no_generator_is_refused(shop: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        workspace(shop, text).generator()
