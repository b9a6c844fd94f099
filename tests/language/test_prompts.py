"""Prompts are read from files, each with the places that its task needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.language.prompts import TASKS, Prompt, Slot, load_prompts, vocabulary_of


def test_words_marks_and_slots_are_told_apart() -> None:
    prompt = Prompt.parsed("After {history}, what's next for {User}?")
    assert prompt.parts == ("after", Slot("history"), ",", "what's", "next", "for", Slot("user"), "?")
    assert prompt.slots == ("history", "user")
    assert prompt.words == ("after", ",", "what's", "next", "for", "?")


@pytest.mark.parametrize(
    ("text", "message"),
    [("for {usr}", "place for 'usr'.*user"), ("for {user", "brace"), ("for user}", "brace"), ("{}", "place for ''")],
)
def test_a_wrong_slot_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Prompt.parsed(text)
    assert "usr" not in text or "user" in str(caught.value)


@pytest.mark.parametrize("name", ["p5", "bare"])
def test_the_last_of_the_shipped_prompts_is_bare(name: str) -> None:
    for task, prompts in load_prompts(name, TASKS).items():
        assert prompts[-1].words == (), task
        assert "candidates" not in prompts[-1].slots


def test_a_folder_of_ones_own_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "sequential.txt").write_text("# two\nnext after {history}\n\n{history}\n", encoding="utf-8")
    prompts = load_prompts(tmp_path, ["sequential"])
    assert [prompt.words for prompt in prompts["sequential"]] == [("next", "after"), ()]
    assert vocabulary_of(prompts) == ("after", "next")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prompts 'p6'"):
        load_prompts("p6", ["direct"])
    with pytest.raises(ConfigError, match="no task 'drect'"):
        load_prompts("p5", ["drect"])
    with pytest.raises(ConfigError, match="none for the task 'direct'"):
        load_prompts(tmp_path, ["direct"])
    (tmp_path / "direct.txt").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has no prompt"):
        load_prompts(tmp_path, ["direct"])
    (tmp_path / "direct.txt").write_text("what now?\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no place for 'user'"):
        load_prompts(tmp_path, ["direct"])


@pytest.mark.parametrize("name", ["p5", "bare"])
def test_the_text_of_a_prompt_is_read_back(name: str) -> None:
    for prompts in load_prompts(name, TASKS).values():
        assert [Prompt.parsed(prompt.text) for prompt in prompts] == list(prompts)


@pytest.mark.parametrize(
    ("task", "lines", "message"),
    [
        ("sequential", "{history} of {candidates}", "has a place for 'candidates'"),
        ("direct", "{user} {item}", "has a place for 'item'"),
        ("rating", "{user} {item} after {history}", "has a place for 'history'"),
        ("direct", "{user}\n{user} {candidates}", "names candidates, of which a question has none"),
    ],
)
def test_a_place_that_nothing_fills_is_an_error(tmp_path: Path, task: str, lines: str, message: str) -> None:
    (tmp_path / f"{task}.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_prompts(tmp_path, [task])
