"""Prompts tried on frozen questions: how often they are right, what that takes, and whether one is better."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError, DataError, ServiceError
from tastemaker.core.generator import Usage
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.frozen_questions import FrozenQuestions, Question
from tastemaker.evaluation.prompt_trials import TRIED, Trial, difference, try_prompt, verdict, way_of
from tastemaker.language.asking.prompt import load_prompt
from tastemaker.language.generators import Script
from tastemaker.language.generators.calls import Call

TITLES = ["Emma", "Walden", "Dracula"]


def frozen(count: int = 12) -> FrozenQuestions:
    rng = np.random.default_rng(3)
    questions = []
    for number in range(count):
        titles = rng.permutation(TITLES).tolist()
        questions.append(Question((f"Book {number}", "Persuasion"), tuple(titles), titles.index("Emma"), (1, 1, 1)))
    return FrozenQuestions(tuple(questions), {})


def likes(*titles: str) -> Callable[[Call], dict[str, float]]:
    """Return who says yes to some titles, or names the letter of the one of them that stands first."""

    def answer(call: Call) -> dict[str, float]:
        said = call.messages[-1].content
        if call.options == ("Yes", "No"):
            asked = said.rsplit("Would this person", 1)[1]
            share = 0.9 if any(title in asked for title in titles) else 0.2
            return {"Yes": share, "No": 1 - share}
        lines = dict(re.findall(r"^([A-Z])\. «(.*?)»$", said, re.MULTILINE))
        liked = [letter for letter in call.options if lines[letter] in titles]
        first = liked[0] if liked and "least likely" not in said else None
        worst = next((letter for letter in call.options if lines[letter] not in titles), call.options[0])
        chosen = worst if "least likely" in said else first
        return {letter: 0.9 if letter == chosen else 0.1 / len(call.options) for letter in call.options}

    return answer


@pytest.mark.parametrize("name", [name for name in TRIED if name != "rank-list"])
def test_who_knows_the_answer_is_always_right(name: str) -> None:
    trial = try_prompt(load_prompt(name), Script(answer=likes("Emma")), frozen(), way_of(name))
    assert trial.accuracy == Interval(1.0, 1.0, 1.0)
    assert (trial.answered, trial.flaws) == (12, ())
    assert trial.calls > 0
    assert trial.usage.prompt_tokens > 0
    assert trial.to_json()["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_written_list_is_tried_too() -> None:
    def answer(call: Call) -> dict[str, list[str]]:
        lines = re.findall(r"^([A-Z])\. «(.*?)»$", call.messages[-1].content, re.MULTILINE)
        return {"ranking": [letter for letter, _ in sorted(lines, key=lambda line: line[1] != "Emma")]}

    trial = try_prompt(load_prompt("rank-list"), Script(answer=answer), frozen(), way_of("rank-list"))
    assert trial.accuracy.value == 1.0


def test_of_equals_the_first_comes_first_and_places_were_drawn() -> None:
    asked = frozen()
    trial = try_prompt(load_prompt("rank-yes-no"), Script(answer=likes()), asked, "pointwise")
    assert trial.hits.tolist() == [float(question.answer == 0) for question in asked.questions]


def test_histories_are_told_in_the_style_that_is_asked_for() -> None:
    for style, said in (
        ("sequential", "- «Persuasion»"),
        ("recent", "latest is «Persuasion»"),
        ("example", "«Book 0»"),
    ):
        script = Script(answer=likes("Emma"))
        try_prompt(load_prompt("rank-yes-no"), script, frozen(1), "pointwise", style=style)
        assert said in script.calls[0].messages[-1].content
    with pytest.raises(ConfigError, match="'recent'"):
        try_prompt(load_prompt("rank-yes-no"), script, frozen(1), "pointwise", style="recnt")


def test_a_question_without_an_answer_counts_as_wrong_and_is_told() -> None:
    def fails(call: Call) -> Exception:
        return ServiceError("no connection")

    trial = try_prompt(load_prompt("rank-yes-no"), Script(answer=fails), frozen(), "pointwise")
    assert (trial.accuracy.value, trial.answered) == (0.0, 0)
    assert trial.calls == 3
    assert trial.flaws
    assert trial.to_json()["mass"] is None


def trial_of(hits: list[float], questions: str = "q") -> Trial:
    return Trial(questions, np.asarray(hits), len(hits), 0, Usage(), 0.0, float("nan"), ())


def test_a_difference_is_judged_within_people() -> None:
    one, other = trial_of([0, 1] * 50), trial_of([1, 1] * 50)
    found = difference(one, other)
    assert found.value == 0.5
    assert 0.35 < found.low < 0.5 < found.high < 0.65
    assert verdict(found) == "the second is better"
    assert verdict(difference(other, one)) == "the first is better"
    assert verdict(found, answered=False).startswith("not decidable: some")


def test_what_cannot_be_told_is_said_so() -> None:
    same = difference(trial_of([0, 1, 1]), trial_of([0, 1, 1]))
    assert "the same ones" in verdict(same)
    assert "not decidable" in verdict(difference(trial_of([0, 1, 1, 0]), trial_of([1, 0, 1, 0])))
    with pytest.raises(DataError, match="not asked the same"):
        difference(trial_of([1.0]), trial_of([1.0], "other"))


def test_prompts_that_rank_nothing_are_not_tried() -> None:
    assert [way_of(name) for name in TRIED] == ["pointwise", "listwise", "pairwise", "elimination", "written"]
    with pytest.raises(ConfigError, match="ranks nothing"):
        way_of("rate-digit")
