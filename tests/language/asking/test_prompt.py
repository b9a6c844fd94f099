"""Prompts as files: slots and their values, what falls away, what a user may replace, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import ConfigError
from tastemaker.language.asking.checks import check_prompt, example_values, shared_share
from tastemaker.language.asking.fencing import CLOSES, GUARD, OPENS
from tastemaker.language.asking.prompt import ChatPrompt, Slot, load_prompt
from tastemaker.language.asking.styles import history_values
from tastemaker.language.generators import Script

BOOK = """
version = 2
purpose = "Whether a book suits a person."
instruction = "You sell books."
task = "Judge."
context = '''
They read:
{history}

They say: {profile}
{count} books are wanted.

Is {item} one?
'''
options = ["Yes", "No"]
max_tokens = 1
slots.history = { kind = "lines", changes = "person", characters = 20, most = 2 }
slots.profile = { changes = "person" }
slots.count = { kind = "words" }
slots.item = { changes = "item", characters = 30 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "book.toml"
    path.write_text(BOOK, encoding="utf-8")
    return path


def asked(prompt: ChatPrompt, **values: str | list[str]) -> str:
    return prompt.messages(values)[1].content


def test_values_stand_between_the_marks_of_data(file: Path) -> None:
    prompt = load_prompt(file)
    assert (prompt.name, prompt.version, prompt.options) == ("book", 2, ("Yes", "No"))
    system, user = prompt.messages(
        {"history": ["Emma", "Walden"], "profile": "I like dogs.", "count": "3", "item": "X"}
    )
    assert (system.role, system.content) == ("system", f"You sell books. {GUARD}")
    assert user.content == (
        "Judge.\n\nThey read:\n- «Emma»\n- «Walden»\n\nThey say: «I like dogs.»\n3 books are wanted.\n\nIs «X» one?"
    )


def test_a_line_without_values_falls_away_with_its_heading(file: Path) -> None:
    assert asked(load_prompt(file), item="Emma") == "Judge.\n\nIs «Emma» one?"
    assert asked(load_prompt(file), history=["<s>", " "], item="Emma") == "Judge.\n\nIs «Emma» one?"


def test_of_many_lines_the_last_ones_stay_each_cut(file: Path) -> None:
    said = asked(load_prompt(file), history=["one", "two", "a very long title that goes on"], item="X")
    assert "- «two»\n- «a very long title»" in said
    assert "one»" not in said


def test_a_slot_in_a_value_is_no_slot(file: Path) -> None:
    assert "Is «{profile} {item}» one?" in asked(load_prompt(file), item="{profile} {item}", profile="me")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=4))
def test_no_value_adds_a_line_or_leaves_its_fence(item: str, history: list[str]) -> None:
    prompt = load_prompt("rank-yes-no")
    said = asked(prompt, item=item, history=history)
    lines = said.splitlines()
    assert said.count(OPENS) == said.count(CLOSES)
    assert sum(line.startswith("- ") for line in lines) <= len(history)
    assert all(OPENS in line for line in lines if line.startswith("- "))
    assert len([line for line in lines if line and not line.startswith("- ")]) <= 3


@pytest.mark.parametrize(
    ("values", "message"),
    [({"itme": "X"}, "no slot 'itme'.*'item'"), ({"item": ["X", "Y"]}, "one line was given several")],
)
def test_values_without_a_place_are_refused(file: Path, values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_prompt(file).messages(values)


def test_parts_may_be_said_in_other_words(file: Path) -> None:
    prompt = load_prompt(file, {"task": "Urteile.", "context": "Ist {item} eines?"})
    assert prompt.messages({"item": "Emma"})[1].content == "Urteile.\n\nIst «Emma» eines?"
    assert prompt.messages({})[0].content.startswith("You sell books.")
    assert prompt.fingerprint != load_prompt(file).fingerprint
    assert prompt.with_parts({}).fingerprint == prompt.fingerprint


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"taks": "x"}, "no part 'taks'.*'task'"),
        ({"task": "About {item}"}, "the task of a prompt has a slot"),
        ({"context": "{itme}"}, "has a slot 'itme'.*'item'"),
        ({"context": "{item} for {history}"}, "stands before one that changes rarely"),
    ],
)
def test_parts_that_would_break_a_prompt_are_refused(file: Path, parts: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_prompt(file, parts)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 2", "", "lacks an entry"),
        ("version = 2", "version = 2\ncolour = 1", "one that there is not"),
        ("[", "", "cannot be read"),
        ('kind = "words"', 'kind = "word"', "cannot be 'word'.*'words'"),
        ('changes = "item"', 'changes = "items"', "cannot be 'items'.*'item'"),
        ('changes = "item"', 'change = "item"', "one that there is not"),
    ],
)
def test_damaged_files_are_refused(file: Path, old: str, new: str, message: str) -> None:
    file.write_text(BOOK.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_prompt(file)


def test_an_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'rank-yes-no'"):
        load_prompt("rank-yesno")
    with pytest.raises(ConfigError, match="no prompt"):
        load_prompt(tmp_path / "none.toml")


def test_the_fingerprint_is_of_what_decides_a_message(file: Path) -> None:
    first = load_prompt(file).fingerprint
    for old, new, same in (
        ("version = 2", "version = 3", True),
        ("Whether a book", "If a book", True),
        ("You sell", "You lend", False),
        ("most = 2", "most = 3", False),
        ('["Yes", "No"]', '["No", "Yes"]', False),
    ):
        file.write_text(BOOK.replace(old, new), encoding="utf-8")
        assert (load_prompt(file).fingerprint == first) is same


def test_our_own_words_are_not_fenced() -> None:
    assert Slot(kind="words").said("five") == "five"
    assert Slot(kind="line").said("five") == "«five»"


def test_what_two_questions_share_ends_where_they_differ(file: Path) -> None:
    prompt = load_prompt(file)
    whole = len(f"You sell books. {GUARD}\n{asked(prompt, history=['Emma'], item='Walden')}")
    values = {"history": ["Emma"], "item": "Walden"}
    assert shared_share(prompt, values) == pytest.approx((whole - len("Walden» one?")) / whole)
    assert shared_share(prompt.with_parts({"context": ""}), values) == 1.0


def test_a_check_tells_what_is_wrong(file: Path) -> None:
    assert check_prompt(load_prompt(file)).faults == ()
    file.write_text("shared = 0.99\n" + BOOK, encoding="utf-8")
    found = check_prompt(load_prompt(file), Script([], context=20))
    assert len(found.faults) == 2
    assert "99% are promised" in found.faults[0]
    assert "the model holds 20" in found.faults[1]
    assert found.tokens is not None
    assert found.most_tokens is not None
    assert found.most_tokens > found.tokens > 20


def test_examples_fill_every_slot_even_those_that_nobody_has_heard_of() -> None:
    prompt = ChatPrompt("p", 1, "", "", "", "{a}{strange}", {"a": Slot(), "strange": Slot(kind="lines")})
    values = example_values(prompt)
    assert all(prompt.slots[name].said(value) for name, value in values.items())


def test_a_history_has_three_styles() -> None:
    assert history_values(["a", "b"]) == {"history": ["a", "b"]}
    assert history_values(["a", "b"], "recent") == {"history": ["a", "b"], "latest": "b"}
    assert history_values(["a", "b"], "example") == {"history": ["a"], "then": "b"}
    assert history_values(["a"], "example") == {"history": ["a"]}
    assert history_values([], "recent") == {"history": []}
    with pytest.raises(ConfigError, match="'recent'"):
        history_values(["a"], "recnet")
