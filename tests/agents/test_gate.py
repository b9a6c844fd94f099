"""What a model says is wanted passes where the person's words bear it out, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.agents.film_shop import film_shop

from tastemaker.agents.gate import (
    NO_EVIDENCE,
    NO_FIELD,
    NO_NUMBER,
    NO_QUOTE,
    NO_VALUE,
    OTHER_ROLE,
    OUT_OF_RANGE,
    Gate,
    Proposal,
)
from tastemaker.agents.polarity import set_polarity
from tastemaker.agents.reader import Reader
from tastemaker.agents.state import State
from tastemaker.agents.wishes import Sign, Wish


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.of_shelf(film_shop())


def judged(reader: Reader, text: str, quote: str, slot: str, sign: Sign, value: str | float, **own: Any) -> Wish | str:
    turn = reader.turn(text, State())
    set_polarity(turn)
    return Gate(reader.heard, **own).judge(turn, Proposal(quote, slot, sign, value))


SAID = "a scary film, no cartoons, under two hours, from before 1990"


@pytest.mark.parametrize(
    ("quote", "slot", "sign", "value"),
    [
        ("scary film", "genres", "is", "Horror"),
        ("SCARY", "genres", "is", "horror"),
        ("no cartoons", "genres", "is not", "Animation"),
        ("cartoons", "genres", "is not", "Animation"),
        ("under two hours", "runtime", "at most", 120.0),
        ("before 1990", "year", "at most", 1989.0),
    ],
)
def test_what_was_said_passes(reader: Reader, quote: str, slot: str, sign: Sign, value: str | float) -> None:
    found = judged(reader, SAID, quote, slot, sign, value)
    assert isinstance(found, Wish)
    assert (found.slot, found.sign, found.source) == (slot, sign, "model")
    assert found.words in SAID


@pytest.mark.parametrize(
    ("quote", "slot", "sign", "value", "why"),
    [
        # Words that nobody said, such as those of the example in the prompt.
        ("nothing in plaid", "genres", "is not", "Animation", NO_QUOTE),
        ("", "genres", "is", "Horror", NO_QUOTE),
        ("!!", "genres", "is", "Horror", NO_QUOTE),
        ("film scary", "genres", "is", "Horror", NO_QUOTE),
        # What the shop has not.
        ("scary", "mood", "is", "Horror", NO_FIELD),
        ("scary", "genres", "is", "Scary", NO_VALUE),
        ("under two hours", "runtime", "is", 120.0, NO_VALUE),
        ("under two hours", "runtime", "at most", "two hours", NO_VALUE),
        # What the words do not say.
        ("scary", "genres", "is", "Comedy", NO_EVIDENCE),
        ("a scary film", "director", "is", "Alfred Hitchcock", NO_EVIDENCE),
        # Roles the wrong way round.
        ("scary", "genres", "is not", "Horror", OTHER_ROLE),
        ("no cartoons", "genres", "is", "Animation", OTHER_ROLE),
        ("under two hours", "runtime", "at least", 120.0, OTHER_ROLE),
        ("before 1990", "year", "at least", 1990.0, OTHER_ROLE),
        # Numbers of other things.
        ("under two hours", "runtime", "at most", 100.0, NO_NUMBER),
        ("under two hours", "runtime", "at most", 2.0, NO_NUMBER),
        ("before 1990", "runtime", "at most", 1990.0, OUT_OF_RANGE),
        ("under two hours", "year", "at most", 120.0, NO_NUMBER),
    ],
)
def test_what_was_not_said_does_not(
    reader: Reader, quote: str, slot: str, sign: Sign, value: str | float, why: str
) -> None:
    assert judged(reader, SAID, quote, slot, sign, value) == why


class Angles:
    """Encodes each text as the direction that it is given."""

    name, dim, normalised, fingerprint, truncated = "angles", 2, True, "0", 0

    def encode(self, texts: Sequence[str], kind: str = "item", *, run: Any = None) -> np.ndarray:
        angles = {"explosions everywhere": 0.1, "Action": 0.2, "War": 1.5}
        return np.array([[np.cos(angles.get(text, 3.0)), np.sin(angles.get(text, 3.0))] for text in texts], np.float32)

    def spec(self) -> dict[str, Any]:
        return {"name": self.name}


def test_nearness_in_meaning_is_evidence_and_never_a_must(reader: Reader) -> None:
    text = "I want bangs everywhere"
    assert judged(reader, text, "bangs everywhere", "genres", "is", "Action") == NO_EVIDENCE

    class Bangs(Angles):
        def encode(self, texts: Sequence[str], kind: str = "item", *, run: Any = None) -> np.ndarray:
            return super().encode([text.replace("bangs", "explosions") for text in texts], kind, run=run)

    found = judged(reader, text, "bangs everywhere", "genres", "is", "Action", encoder=Bangs())
    assert isinstance(found, Wish)
    assert not found.hard
    assert judged(reader, text, "bangs everywhere", "genres", "is", "War", encoder=Bangs()) == NO_EVIDENCE


def test_a_flag_is_wanted_or_not(reader: Reader) -> None:
    found = judged(reader, "without subtitles", "without subtitles", "subtitles", "is not", "yes")
    assert isinstance(found, Wish)
    assert (found.sign, found.value) == ("is not", True)
