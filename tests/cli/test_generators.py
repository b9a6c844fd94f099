"""`tastemaker models`: what there is, fetching, trying, measuring and serving it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.language.generators.tiny_models import CONTEXT, write_gguf

from tastemaker.language.generators import GENERATORS

Run = Callable[..., Any]
EVEN = dict.fromkeys("ABCD", 0.25)


def script(*replies: Any) -> str:
    return json.dumps({"name": "script", "replies": replies})


def test_generators_and_known_models_are_listed(run: Run) -> None:
    found = run("models", "list", "--json").json
    assert [row["name"] for row in found["generators"]] == list(GENERATORS)
    (row,) = found["models"]
    assert (row["name"], row["licence"], row["file"]) == ("smollm2-135m-instruct", "Apache-2.0", None)
    assert row["bytes"] > 90_000_000
    assert "smollm2-135m-instruct" in run("models", "list").out


def test_a_reply_is_shown_with_what_it_took(run: Run) -> None:
    done = run("models", "try", "Hello?", "-m", script("Fine\x1b[31m, thanks."))
    assert (done.code, done.out) == (0, "Fine[31m, thanks.\n")
    assert "tokens read" in done.err
    found = run("models", "try", "Hello?", "-m", script("Fine."), "--json").json
    assert (found["text"], found["finish"]) == ("Fine.", "stop")
    assert found["usage"]["reply_tokens"] >= 1


def test_lines_of_standard_input_are_a_conversation(run: Run) -> None:
    done = run("models", "try", "--system", "Be brief.", "-m", script("One.", "Two."), answer="Hello\n\nAnd now?\n")
    assert done.out.splitlines() == ["One.", "Two."]


def test_options_are_weighed(run: Run) -> None:
    words = ("models", "try", "A or B?", "--choose", "A", "--choose", "B", "-m", script({"A": 0.25, "B": 0.75}))
    options = run(*words, "--json").json["options"]
    assert [(row["option"], row["probability"]) for row in options] == [("A", 0.25), ("B", 0.75)]
    shown = run(*words).out.splitlines()
    assert shown[1].split() == ["B", "0.7500"]


def test_a_schema_may_be_asked_for(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"enum": ["yes", "no"]}')
    assert run("models", "try", "?", "--schema", file, "-m", script('"yes"'), "--json").json["value"] == "yes"
    refused = run("models", "try", "?", "--schema", file, "-m", script('"maybe"'))
    assert refused.code == 9
    assert run("models", "try", "?", "--schema", tmp_path / "none", "-m", script("x")).code == 3


def test_speeds_are_measured(run: Run) -> None:
    words = ("models", "bench", "--words", "40", "--choices", "2", "-m")
    replies = ("a", "a", "a", "one two three", EVEN, EVEN)
    found = run(*words, script(*replies), "--json").json
    assert found["prompt_tokens"] > 20
    assert min(found["prompt_tokens_per_second"], found["reply_tokens_per_second"], found["choices_per_second"]) > 0
    assert "known beginning" in run(*words, script(*replies)).out


def test_what_is_unknown_names_the_nearest(run: Run) -> None:
    done = run("models", "try", "Hello?", "-m", "lama", "--json")
    assert (done.code, done.error["type"]) == (3, "ConfigError")
    assert "llama" in done.error["remedy"]
    assert run("models", "get", "smollm").code == 3


def test_a_damaged_file_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"no model")
    for words in (("models", "try", "Hello?", "-m", path), ("models", "get", path), ("models", "serve", "-m", path)):
        done = run(*words)
        assert done.code in (6, 8)  # 8: without the extra nothing is served
        assert done.code == 8 or "m.gguf" in done.err


def test_a_file_tells_about_itself(run: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    found = run("models", "get", path, "--json").json
    assert (found["architecture"], found["context"], found["file"]) == ("llama", CONTEXT, str(path))


@pytest.mark.needs_extra("local")
def test_a_file_is_tried(run: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    for name in (str(path), f"llama:{path}"):
        found = run("models", "try", "Hello?", "-m", name, "--max-tokens", "4", "--threads", "2", "--json").json
        assert (found["model"], found["usage"]["reply_tokens"]) == ("m", 4)


@pytest.mark.needs_extra("local")
def test_a_port_in_use_is_refused(run: Run, tmp_path: Path, taken_port: int) -> None:
    done = run(
        "models",
        "serve",
        "-m",
        write_gguf(tmp_path / "m.gguf"),
        "--port",
        str(taken_port),
    )
    assert done.code == 9
    assert str(taken_port) in done.err
