"""`tastemaker prompts`: listing, showing, checking and comparing what models are asked; `[prompts.NAME]`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.cli.output import Output
from tastemaker.cli.settings import load_settings
from tastemaker.cli.workspace import Workspace
from tastemaker.core.errors import ConfigError
from tastemaker.evaluation.frozen_questions import FrozenQuestions, Question
from tastemaker.language.asking.prompt import load_prompt, prompt_names

Run = Callable[..., Any]

OURS = """
version = 7
purpose = "Ours."
instruction = "Du kennst Leser."
task = "Urteile."
context = '''
Zuletzt gelesen:
{history}

Passt {item}?
'''
options = ["Ja", "Nein"]
max_tokens = 1
slots.history = { kind = "lines", changes = "person" }
slots.item = { changes = "item" }
"""


def settings(shop: Path, text: str) -> Workspace:
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    return Workspace.open(Output(), shop / "tastemaker.toml")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = tuple(Question(("Heat",), ("Fargo", "Brazil"), number % 2, (3, 3)) for number in range(4))
    FrozenQuestions(rows, {"dataset": "films"}).save(tmp_path / "questions.jsonl")
    return tmp_path / "questions.jsonl"


def replies(*shares: float, options: tuple[str, str] = ("Yes", "No")) -> list[dict[str, float]]:
    """Return replies with these probabilities of the first of two options."""
    return [dict(zip(options, (share, 1 - share), strict=True)) for share in shares]


def script(said: list[dict[str, float]]) -> str:
    return json.dumps({"name": "script", "replies": said})


def test_all_prompts_are_listed(run: Run, shop: Path) -> None:
    settings(shop, "[prompts.rank-pair]\ntask = 'Judge by the season.'\n")
    rows = {row["name"]: row for row in run("prompts", "list", "--json").json["prompts"]}
    assert sorted(rows) == prompt_names()
    assert rows["rank-pair"]["changed"] == ["task"]
    assert rows["rank-pair"]["hash"] != load_prompt("rank-pair").fingerprint
    assert rows["rank-yes-no"]["changed"] == []
    assert rows["rank-yes-no"]["hash"] == load_prompt("rank-yes-no").fingerprint
    assert "rank-yes-no" in run("prompts", "list").out


def test_a_prompt_is_shown_with_example_values_or_ones_own(run: Run, shop: Path) -> None:
    done = run("prompts", "show", "rank-yes-no")
    assert done.code == 0
    assert "--- system" in done.out
    assert "«Persuasion" in done.out
    assert "one of: Yes, No" in done.out
    (shop / "values.json").write_text('{"item": "Heat", "history": ["Fargo", "Brazil"]}')
    found = run("prompts", "show", "rank-yes-no", "--values", "values.json", "--json").json
    assert [message["role"] for message in found["messages"]] == ["system", "user"]
    assert "- «Brazil»\n\nWould this person choose «Heat» next?" in found["messages"][1]["content"]


def test_the_settings_words_are_shown_unless_the_shipped_ones_are_wanted(run: Run, shop: Path) -> None:
    settings(shop, "[prompts.rank-yes-no]\ninstruction = 'You sell films.'\n")
    assert "You sell films." in run("prompts", "show", "rank-yes-no").out
    assert "You sell films." not in run("prompts", "show", "rank-yes-no", "--shipped").out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "object of texts"),
        ('{"item": 1}', "object of texts"),
        ('{"itme": "x"}', "no slot 'itme'"),
    ],
)
def test_values_that_are_none_are_refused(run: Run, shop: Path, text: str, message: str) -> None:
    (shop / "values.json").write_text(text)
    done = run("prompts", "show", "rank-yes-no", "--values", "values.json")
    assert done.code == 3
    assert message in done.err


def test_prompts_are_checked_without_a_model(run: Run) -> None:
    done = run("prompts", "test", "--json")
    assert done.code == 0
    found = done.json
    assert [row["name"] for row in found["prompts"]] == prompt_names()
    assert all(row["faults"] == [] and row["shared"] >= row["promised"] for row in found["prompts"])
    assert (found["model"], found["questions"]) == (None, None)
    assert "No language model is named" in run("prompts", "test", "rank-yes-no").err


def test_a_prompt_that_does_not_fit_is_a_fault(run: Run) -> None:
    done = run("prompts", "test", "rate-digit", "-m", '{"name": "script", "replies": [], "context": 30}', "--json")
    assert done.code == 3
    assert "the model holds 30" in done.json["prompts"][0]["faults"][0]


def test_accuracy_is_measured_on_frozen_questions(run: Run, questions: Path) -> None:
    # The answers stand first, second, first, second; the first three questions are answered rightly.
    model = script(replies(0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.9, 0.1))
    found = run("prompts", "test", "rank-yes-no", "-m", model, "--set", questions, "--json").json
    trial = found["prompts"][0]["trial"]
    assert trial["accuracy"]["value"] == 0.75
    assert (trial["questions"], trial["answered"], trial["calls"]) == (4, 4, 8)
    assert (found["questions"]["chance"], found["questions"]["popularity"]) == (0.5, 0.5)
    shown = run("prompts", "test", "rank-yes-no", "-m", model, "--set", questions).out
    assert "0.750" in shown
    assert "a guess is right in 0.500" in " ".join(shown.split())


def test_questions_are_made_of_the_data_and_kept(run: Run, shop: Path) -> None:
    first = run("prompts", "test", "rank-yes-no", "--save", "q.jsonl", "--limit", "7", "--json").json["questions"]
    assert (first["count"], first["about"]["dataset"]) == (7, "shop")
    assert FrozenQuestions.load(shop / "q.jsonl").hash == first["hash"]
    again = run("prompts", "test", "rank-pair", "--save", "q.jsonl", "--limit", "7", "--json").json["questions"]
    assert again["hash"] == first["hash"]


def test_two_variants_are_compared_on_the_same_questions(run: Run, shop: Path, questions: Path) -> None:
    (shop / "ours.toml").write_text(OURS)
    right, wrong = (0.9, 0.1, 0.1, 0.9) * 2, (0.1, 0.9, 0.9, 0.1) * 2
    model = script(replies(*wrong) + replies(*right, options=("Ja", "Nein")))
    words = ("prompts", "diff", "rank-yes-no", "ours.toml", "--set", questions, "-m", model)
    found = run(*words, "--json").json
    assert [row["accuracy"]["value"] for row in found["variants"]] == [0.0, 1.0]
    assert found["difference"]["value"] == 1.0
    assert found["verdict"] == "the second is better"
    assert all(row["prompt_tokens"] > 0 and row["seconds"] >= 0 for row in found["variants"])
    assert "Difference +1.000" in run(*words).out


def test_a_comparison_that_tells_nothing_says_so(run: Run, shop: Path, questions: Path) -> None:
    settings(shop, "[prompts.rank-yes-no]\ntask = 'Judge.'\n")
    even = script(replies(*(0.5,) * 16))
    for other in ("settings", "rank-yes-no@recent", "settings@example"):
        found = run("prompts", "diff", "rank-yes-no", other, "--set", questions, "-m", even, "--json").json
        assert found["verdict"].startswith("not decidable")
        assert [row["variant"] for row in found["variants"]] == ["rank-yes-no", other]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rank-yesno", "settings"), "'rank-yes-no'"),
        (("rank-yes-no", "rank-yes-no@recnt"), "'recent'"),
        (("rate-digit", "settings"), "ranks nothing"),
        (("rank-yes-no", "none.toml"), "no prompt"),
    ],
)
def test_what_cannot_be_compared_is_refused(run: Run, questions: Path, words: tuple[str, str], message: str) -> None:
    done = run("prompts", "diff", *words, "--set", questions, "-m", script(replies(0.5)))
    assert done.code == 3
    assert message in done.err


def test_a_comparison_needs_a_model_and_questions_that_are_some(run: Run, shop: Path) -> None:
    assert "no language model is named" in run("prompts", "diff", "rank-yes-no", "settings").err
    (shop / "q.jsonl").write_text("{}\n")
    assert run("prompts", "diff", "rank-yes-no", "settings", "--set", "q.jsonl", "-m", script(replies(0.5))).code == 4


def test_parts_of_a_prompt_are_said_in_the_words_of_the_settings(shop: Path) -> None:
    work = settings(shop, '[prompts.rank-yes-no]\ninstruction = "Du."\ncontext = "Passt {item}?"\n')
    system, user = work.prompt("rank-yes-no").messages({"item": "Heat"})
    assert system.content.startswith("Du. ")
    assert user.content.endswith("\n\nPasst «Heat»?")
    assert work.prompt("rank-pair").fingerprint == load_prompt("rank-pair").fingerprint


def test_a_file_stands_in_a_prompts_place(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "ours.toml").write_text(OURS)
    work = settings(shop, '[prompts.rank-yes-no]\nfile = "ours.toml"\ntask = "Urteile streng."\n')
    monkeypatch.chdir("/")
    prompt = work.prompt("rank-yes-no")
    assert (prompt.name, prompt.version, prompt.options) == ("rank-yes-no", 7, ("Ja", "Nein"))
    # What the file leaves out may be filled all the same.
    said = prompt.messages({"item": "Heat", "profile": "I like dogs.", "history": ["Fargo"]})[1].content
    assert said == "Urteile streng.\n\nZuletzt gelesen:\n- «Fargo»\n\nPasst «Heat»?"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["Ja", "Nein"]', '["Ja", "Nein", "Vielleicht"]', "3 options"),
        ("slots.item =", "slots.kind = {}\nslots.item =", "nobody fills the slot 'kind'"),
    ],
)
def test_a_file_that_nobody_could_fill_is_refused(shop: Path, old: str, new: str, message: str) -> None:
    (shop / "ours.toml").write_text(OURS.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        settings(shop, '[prompts.rank-yes-no]\nfile = "ours.toml"\n').prompt("rank-yes-no")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[prompts.rank-yesno]\ntask = 'x'\n", "unknown prompt 'prompts.rank-yesno'.*:7.*'rank-yes-no'"),
        ("[prompts.rank-yes-no]\ntaks = 'x'\n", "unknown key 'prompts.rank-yes-no.taks'.*:8.*'task'"),
        ("[prompts.rank-yes-no]\ntask = 3\n", "'prompts.rank-yes-no.task' is 3, but should be text"),
        ("[prompts]\nrank-yes-no = 3\n", "'prompts.rank-yes-no' is not a section"),
        ("[prompts.rank-yes-no]\ntask = 'About {item}'\n", "has a slot.*rank-yes-no"),
        ("[prompts.rank-yes-no]\ncontext = '{itme}'\n", "slot 'itme'.*'item'"),
    ],
)
def test_words_that_cannot_stand_are_refused_when_the_settings_are_read(shop: Path, text: str, message: str) -> None:
    with (shop / "tastemaker.toml").open("a") as file:
        file.write("\n" + text)
    with pytest.raises(ConfigError, match=message):
        load_settings()
