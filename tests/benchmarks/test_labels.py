"""The labels and sayings for the dialogue reader are complete and keep to their own rules."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

LABELS = Path(__file__).resolve().parents[2] / "benchmarks" / "labels"
SLOTS = {
    "genre",
    "like",
    "person",
    "year",
    "runtime",
    "keyword",
    "audience",
    "occasion",
    "rating",
    "quantity",
    "seen",
    "service",
}
VOICES = ("terse", "chatty", "formal", "simple", "story")


def turns() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELS / "seeker_turns.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def sayings() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((LABELS / "tau_rec_sayings.json").read_text(encoding="utf-8"))
    return loaded


def test_every_turn_is_named_once_at_most_two_of_a_dialogue_and_none_with_its_text() -> None:
    keys = [(turn["dataset"], turn["dialogue"], turn["turn"]) for turn in turns()]
    assert len(set(keys)) == 200
    assert max(Counter(key[:2] for key in keys).values()) == 2
    assert all(set(turn) == {"dataset", "dialogue", "turn", "sha256", "wish", "slots"} for turn in turns())
    assert all(re.fullmatch(r"[0-9a-f]{64}", turn["sha256"]) for turn in turns())


def test_three_in_five_turns_express_a_wish_that_stands_in_them() -> None:
    for turn in turns():
        assert turn["wish"] == any(slot["slot"] != "seen" and slot["value"] != "@it" for slot in turn["slots"])
    wishes = Counter(turn["dataset"].split("-")[0] for turn in turns() if turn["wish"])
    assert wishes == {"redial": 60, "inspired": 60}


def test_every_slot_has_a_known_kind_a_sign_and_a_stretch_of_text() -> None:
    for slot in (slot for turn in turns() for slot in turn["slots"]):
        assert slot["slot"] in SLOTS
        assert slot["polarity"] in {"+", "-"}
        assert 0 <= slot["evidence"][0] < slot["evidence"][1]
        assert slot["value"] != "@it" or slot["context"] is True


@pytest.mark.parametrize("voice", VOICES)
def test_a_voice_has_three_sentences_for_each_act_and_attribute_and_slots_where_they_belong(
    sayings: dict[str, Any], voice: str
) -> None:
    acts, known = sayings["sets"][voice]["acts"], set(sayings["attributes"])
    assert set(acts) == set(sayings["acts"])
    assert all(set(acts[act]) >= known for act in ("volunteer", "answer", "reject", "correct"))
    for act, attribute, sentences in ((act, name, said) for act, by in acts.items() for name, said in by.items()):
        assert len(set(sentences)) == len(sentences) >= 3
        valued = attribute in known and act != "indifferent"
        assert all(sentence.count("{value}") == valued for sentence in sentences), (act, attribute)
        assert act == "correct" or not any("{old}" in sentence for sentence in sentences)


@pytest.mark.parametrize("voice", VOICES)
def test_no_wording_stands_for_two_values(sayings: dict[str, Any], voice: str) -> None:
    for kind, values in sayings["sets"][voice]["values"].items():
        wordings = Counter(wording.lower() for said in values.values() for wording in said)
        assert max(wordings.values()) == 1, kind
