"""`tastemaker ask`, and a sentence under `tastemaker explain`: from the catalogue, with or without a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.cli import ask as command
from tastemaker.core.generator import Generator
from tastemaker.language.generators import Script

Run = Callable[..., Any]


def with_script(monkeypatch: pytest.MonkeyPatch, *replies: Any) -> Script:
    """Let every command ask a script."""
    script = Script(replies=list(replies))

    def chosen(work: Any, named: str | None) -> Generator | None:
        return script

    monkeypatch.setattr(command, "chosen_generator", chosen)
    return script


def test_without_a_model_templates_answer_and_it_is_said(run: Run) -> None:
    done = run("ask", "star wars", "--by", "words", "-k", "2")
    assert done.code == 0
    assert "Star Wars (1993)" in done.out.splitlines()[1]
    assert "no language model is named" in done.err
    assert "refine:" in done.err


def test_a_history_is_asked_for_and_filters_are_kept(run: Run) -> None:
    words = ("ask", "--history", "Toy Story", "Fargo", "--by", "words", "--filter", "year > 2000", "--json")
    done = run(*words)
    assert done.code == 0
    assert len(done.json["items"]) == 5
    assert all(int(item["title"][-5:-1]) > 2000 for item in done.json["items"])
    assert done.json["proposal"]["by"] == "template"
    assert "Toy Story (1990)" in done.json["items"][0]["reason"]


def test_somebody_in_the_data_is_not_shown_what_they_have(run: Run, dataset: Any) -> None:
    done = run("ask", "film", "--user", "7", "--by", "words", "-k", "10", "--json")
    assert not {item["item_id"] for item in done.json["items"]} & set(dataset.history("7"))


def test_a_model_proposes_and_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"reasons": [{"item": "1", "why": "Star Trek (1994) is in Space, like Star Wars (1993)."}]}
    script = with_script(monkeypatch, {"phrases": ["star trek"]}, said)
    done = run("ask", "--history", "Star Wars", "--by", "words", "-k", "1", "--explain")
    assert done.code == 0
    assert len(script.calls) == 2
    assert "Searched for, by the model: star trek" in done.out
    assert "fact: " in done.out
    assert "tokens read" in done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ask",), 2),
        (("ask", "sea", "--by", "smell"), 2),
        (("ask", "sea", "--timeout", "0"), 2),
        (("ask", "sea", "-k", "0"), 7),
        (("ask", "sea", "--user", "nobody"), 7),
        (("ask", "sea", "--history", "No Such Film"), 7),
        (("ask", "sea", "--by", "words", "--filter", "colour = 3"), 7),
        (("ask", "sea", "--generator", "no-such-generator"), 3),
    ],
)
def test_what_is_wrong_is_told(run: Run, words: tuple[str, ...], code: int) -> None:
    done = run(*words)
    assert (done.code, done.out) == (code, "")


def test_a_recorded_model_is_named_on_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    done = run("ask", "star wars", "--by", "words", "--generator", f"script:{tmp_path / 'empty.jsonl'}", "--json")
    assert done.code == 0
    assert done.json["items"]
    assert any("this call was not recorded" in why for why in done.json["degraded"])


def test_an_explanation_in_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("explain", "Star Trek", "--history", "Star Wars", "--generator", "none")
    assert plain.code == 0
    assert plain.out.splitlines()[-1].count("Star Wars (1993)") == 1
    assert "Star Trek (1994)" in plain.out.splitlines()[-1]
    without = run("explain", "Star Trek", "--history", "Star Wars")
    assert plain.out.startswith(without.out.rstrip("\n"))
    with_script(monkeypatch, "Star Trek is like The Godfather.")
    told = run("explain", "Star Trek", "--history", "Star Wars", "--generator", "script", "--json")
    said = told.json["said"]
    assert (said["by"], said["rejected"]) == ("template", "Star Trek is like The Godfather.")
    assert any("Godfather" in fault for fault in said["faults"])
    assert json.loads(
        run("explain", "Star Trek", "--history", "Star Wars", "--json").out
    ).keys() == told.json.keys() - {"said"}
