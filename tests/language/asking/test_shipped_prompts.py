"""The prompts that are shipped: their words as they were written down, and what holds for all of them."""

from __future__ import annotations

import pytest
from tests.language.asking.golden import FOLDER, spoken, versions
from tests.language.asking.hostile import HOSTILE

from tastemaker.language.asking.checks import check_prompt, example_values
from tastemaker.language.asking.fencing import GUARD
from tastemaker.language.asking.prompt import load_prompt, prompt_names, slots_in
from tastemaker.language.asking.styles import history_values

RANKING = [name for name in prompt_names() if name.startswith("rank-")]


@pytest.mark.parametrize("name", prompt_names())
def test_other_words_have_another_version(name: str) -> None:
    prompt = load_prompt(name)
    remedy = "raise the version, then: python -m tests.language.asking.golden"
    assert (prompt.version, prompt.fingerprint) == versions().get(name), remedy


@pytest.mark.parametrize("name", prompt_names())
def test_the_messages_are_those_that_were_written_down(name: str) -> None:
    assert spoken(load_prompt(name)) == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_nothing_is_written_down_that_is_gone() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.txt")) == sorted(versions()) == prompt_names()


@pytest.mark.parametrize("name", prompt_names())
def test_a_prompt_keeps_what_all_promise(name: str) -> None:
    prompt = load_prompt(name)
    assert check_prompt(prompt).faults == ()
    assert set(slots_in(prompt)) == set(prompt.slots)
    assert prompt.purpose.endswith(".")
    assert prompt.version >= 1
    assert len(set(prompt.options)) == len(prompt.options) != 1


@pytest.mark.parametrize("name", prompt_names())
def test_a_prompt_fits_a_small_model(name: str) -> None:
    # A token of English has about four characters; SmolLM2 reads 2,048 in its first training.
    prompt = load_prompt(name)
    assert len(prompt.instruction) + len(prompt.task) < 700
    assert check_prompt(prompt).characters < 4 * 600


@pytest.mark.parametrize("name", prompt_names())
def test_no_slot_lets_an_order_in(name: str) -> None:
    prompt = load_prompt(name)
    for text, _ in HOSTILE:
        values = {each: (text,) if slot.kind == "lines" else text for each, slot in prompt.slots.items()}
        system, user = prompt.messages(values)
        assert system == prompt.messages({})[0]
        assert text not in user.content
    if any(slot.kind != "words" for slot in prompt.slots.values()):
        assert system.content.endswith(GUARD)


@pytest.mark.parametrize("name", RANKING)
def test_a_history_is_told_in_three_ways(name: str) -> None:
    prompt = load_prompt(name)
    titles = ["Emma", "Persuasion", "Walden"]
    rest = {slot: value for slot, value in example_values(prompt).items() if len(slot) == 1 or slot == "item"}
    said = {
        style: prompt.messages({**rest, **history_values(titles, style)})[1].content
        for style in ("sequential", "recent", "example")
    }
    assert "latest is" not in said["sequential"]
    assert "Note that the latest is «Walden»." in said["recent"]
    assert "After these the right answer was «Walden»" in said["example"]
    assert all("- «Emma»\n- «Persuasion»" in each for each in said.values())
    assert "- «Walden»" not in said["example"]


@pytest.mark.parametrize("name", RANKING)
def test_a_person_of_whom_nothing_is_known_is_not_spoken_of(name: str) -> None:
    said = load_prompt(name).messages({"item": "Emma"} if name == "rank-yes-no" else {"a": "Emma", "b": "Walden"})
    assert "latest" not in said[1].content
    assert "Emma" in said[1].content
