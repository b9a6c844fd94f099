"""Proposals are phrases to search with: short, distinct, general, and there whatever the model does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.language.asking.hostile import HOSTILE

from tastemaker.core.errors import DeadlineExceededError, GenerationError
from tastemaker.core.generator import Reply
from tastemaker.language.asking.proposing import (
    MOST,
    FromModel,
    OfSomebodyElse,
    Taste,
    common_kinds,
    directly,
    templated,
)
from tastemaker.language.generators import Script

TASTE = Taste(
    liked=("Alien (1979)", "Fargo (1996)", "Heat (1995)"),
    kinds=(("Horror", "Space"), ("Comedy", "Crime"), ("Action", "Crime", "Thriller")),
    disliked=("Clueless (1995)",),
    unwanted=(("Comedy",),),
    request="something dark",
)


def test_a_template_proposes_the_pairs_that_are_frequent_and_recent() -> None:
    taste = Taste(("A", "B", "C"), (("Horror", "Space"), ("Crime", "Drama"), ("Crime", "Drama")))
    assert templated(taste).phrases == ("Crime Drama", "Horror Space")
    assert templated(taste).by == "template"
    newer = Taste(("B", "A"), (("Crime", "Drama"), ("Horror", "Space")))
    assert templated(newer).phrases == ("Horror Space", "Crime Drama")


def test_what_was_turned_down_is_not_proposed() -> None:
    taste = Taste(("A", "B"), (("Comedy",), ("Horror",)), ("C",), (("Comedy",),))
    assert templated(taste).phrases == ("Horror",)
    assert common_kinds(taste) == ["Horror"]


def test_of_nothing_nothing_is_proposed() -> None:
    assert templated(Taste()).phrases == ()
    assert directly(Taste()).phrases == ()
    assert FromModel(Script(replies=[]))(Taste()).phrases == ()


def test_titles_stand_as_they_are_without_the_idea() -> None:
    assert directly(TASTE).phrases == ("Heat (1995); Fargo (1996); Alien (1979)",)


def test_a_model_is_told_what_is_known_and_its_phrases_are_taken() -> None:
    script = Script(replies=[{"phrases": ["a slow heist", "snow and murder", "A slow heist."]}])
    found = FromModel(script)(TASTE)
    assert (found.phrases, found.by, found.degraded) == (("a slow heist", "snow and murder"), "model", ())
    assert found.usage.prompt_tokens > 0
    asked = script.calls[0].messages[1].content
    assert all(word in asked for word in ("«Fargo (1996)»", "«Clueless (1995)»", "«something dark»", "Crime"))


def test_titles_of_the_history_are_no_proposals() -> None:
    script = Script(replies=[{"phrases": ["Heat", "fargo (1996)", "HEAT (1995)", "a slow heist"]}])
    assert FromModel(script)(TASTE).phrases == ("a slow heist",)


def test_a_word_that_is_said_again_is_said_once() -> None:
    script = Script(replies=[{"phrases": ["Comedy, Comedy, comedy and Comedy crime"]}])
    assert FromModel(script)(TASTE).phrases == ("Comedy, and crime",)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"phrases": ["Heat"]}, "the language model proposed nothing to search with"),
        ({"phrases": ["...", "!"]}, "the language model proposed nothing to search with"),
        ("no JSON at all", None),
        ({"titles": ["Heat"]}, None),
        (DeadlineExceededError("the time has passed"), "the time has passed"),
        (OSError("no"), "the language model failed with OSError"),
    ],
)
def test_a_model_that_fails_leaves_the_template(reply: Any, why: str | None) -> None:
    found = FromModel(Script(replies=[reply]))(TASTE)
    assert (found.phrases, found.by) == (templated(TASTE).phrases, "template")
    assert len(found.degraded) == 1
    assert why is None or found.degraded == (why,)


def test_without_a_model_the_proposal_says_so() -> None:
    found = FromModel(None)(TASTE)
    assert found.by == "template"
    assert "no language model" in found.degraded[0]


def test_a_late_request_asks_nothing() -> None:
    script = Script(replies=[])
    assert FromModel(script)(TASTE, time.monotonic() - 1).by == "template"
    assert script.calls == []


def test_it_can_be_awaited() -> None:
    script = Script(replies=[{"phrases": ["a slow heist"]}])
    assert asyncio.run(FromModel(script).apropose(TASTE)).phrases == ("a slow heist",)


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE])
def test_orders_in_titles_do_not_reach_the_model_nor_those_of_a_model_the_search(text: str) -> None:
    script = Script(replies=[{"phrases": [text, "a slow heist"]}])
    found = FromModel(script)(Taste((text,), ((),), request=text))
    assert text not in script.calls[0].messages[1].content
    assert text not in found.phrases


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["phrases", "x"]), inner),
        max_leaves=8,
    )
)
def test_any_reply_gives_phrases_that_can_be_searched_with(value: Any) -> None:
    found = FromModel(Script(answer=lambda call: Reply("", value={"phrases": value})))(TASTE)
    assert 1 <= len(found.phrases) <= MOST
    assert all(any(letter.isalnum() for letter in phrase) and len(phrase) <= 80 for phrase in found.phrases)
    assert len({phrase.casefold() for phrase in found.phrases}) == len(found.phrases)


def test_somebody_else_is_somebody_else_and_always_the_same() -> None:
    others = [TASTE, Taste(("B",), (("Horror",),)), Taste(("C",), (("Space",),))]
    control = OfSomebodyElse(templated, others)
    assert control(TASTE).phrases in (("Horror",), ("Space",))
    assert control(TASTE) == control(TASTE)
    assert control(TASTE).by == "somebody else"
    assert OfSomebodyElse(templated, [TASTE])(TASTE).phrases == ()


def test_a_model_of_one_language_may_be_asked_in_another() -> None:
    script = Script(replies=[{"phrases": ["ein stiller Roman", "\u4e00\u672c\u5b89\u9759\u7684\u5c0f\u8bf4"]}])
    assert len(FromModel(script)(TASTE).phrases) == 2


def test_a_generation_error_is_no_error() -> None:
    assert FromModel(Script(replies=[GenerationError("nothing came")]))(TASTE).degraded == ("nothing came",)
