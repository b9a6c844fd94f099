"""Summaries of reviews: sentences of theirs, or a model's that the review it names supports."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.language.asking.hostile import HOSTILE

from tastemaker.core.errors import DeadlineExceededError
from tastemaker.core.generator import Reply
from tastemaker.language.asking.reviews import (
    READ,
    SENTENCES,
    Review,
    Summariser,
    chance_support,
    extract,
    key_words,
    support,
    unsupported,
)
from tastemaker.language.generators import Script

REVIEWS = (
    Review("a", "The lather is rich and the scent is of roses. It arrived on a Tuesday in the rain."),
    Review("b", "Rich lather, and a scent of roses that stays! My sister bought two bottles for her holiday."),
    Review("c", "I do not like the scent at all. The bottle leaks."),
    Review("d", "The bottle leaks in my bag, and the lather is thin."),
)
PLACES = {review.review_id: str(number) for number, review in enumerate(REVIEWS, 1)}


def told(*sentences: tuple[str, str]) -> dict[str, Any]:
    return {"sentences": [{"review": review, "sentence": sentence} for review, sentence in sentences]}


def shown(script: Script) -> dict[str, str]:
    """Return the number under which the model was shown each review."""
    lines = script.calls[0].messages[1].content.splitlines()
    numbered = [line.strip("- «»") for line in lines if line.startswith("- «")]
    return {
        review.review_id: line.partition(":")[0] for review in REVIEWS for line in numbered if review.text[:20] in line
    }


def test_the_words_that_most_reviews_have_are_its_keywords() -> None:
    assert set(key_words(REVIEWS)[:3]) == {"lather", "scent", "bottle"}
    assert set(key_words(REVIEWS)) == {"lather", "scent", "bottle", "roses", "rich", "leaks"}


def test_sentences_of_what_many_say_are_taken_out() -> None:
    found = extract(REVIEWS)
    assert 1 <= len(found) <= SENTENCES
    assert all(
        sentence.text in {review.review_id: review.text for review in REVIEWS}[sentence.review_id] for sentence in found
    )
    assert not any("Tuesday" in sentence.text for sentence in found[:2])
    assert extract(()) == ()


def test_a_sentence_is_shown_where_the_review_that_it_names_says_it() -> None:
    script = Script(answer=lambda call: told(("1", "The lather is rich."), ("2", "The bottle leaks.")))
    first = Summariser(script)
    first(REVIEWS)
    places = shown(script)
    script = Script(replies=[told((places["a"], "The lather is rich."), (places["a"], "The bottle leaks."))])
    found = Summariser(script)(REVIEWS)
    assert found.by == "model"
    assert [(one.text, one.review_id, one.support) for one in found.sentences] == [("The lather is rich.", "a", 1.0)]
    assert [text for text, _ in found.rejected] == ["The bottle leaks."]


@pytest.mark.parametrize(
    ("sentence", "review", "why"),
    [
        ("The lather is rich.", "a", ""),
        ("It smells of roses and has a rich lather.", "a", ""),
        ("The lather is rich.", "c", "the review says 0% of it"),
        ("The lather is rich, and it is the best.", "a", "claims 'best'"),
        ("The scent of roses stays for 3 days.", "b", "number '3'"),
        ("The lather is rich, the scent of roses, says Anna.", "a", "names 'Anna'"),
        ("The lather is not rich.", "a", "denies something"),
        ("I like the scent.", "b", ""),
    ],
)
def test_support_is_of_words_names_numbers_and_denials(sentence: str, review: str, why: str) -> None:
    cited = next(each for each in REVIEWS if each.review_id == review)
    found = unsupported(sentence, cited)
    assert (why in found) if why else (found == "")


def test_a_wrong_review_says_less_of_a_sentence_than_its_own() -> None:
    chance = chance_support({"soap": REVIEWS})
    assert 0 < chance < 1
    assert chance_support({"soap": REVIEWS}, wrong=1.0) <= chance
    assert chance_support({}) == 0
    assert support("The lather is rich", REVIEWS[0].text) == 1.0


@pytest.mark.parametrize(
    "reply",
    [
        "nothing",
        told(("9", "The lather is rich.")),
        told(("1", "It cures baldness within 5 days.")),
        {"sentences": []},
        DeadlineExceededError("the time has passed"),
        TypeError(),
    ],
)
def test_else_the_reviews_speak_for_themselves(reply: Any) -> None:
    found = Summariser(Script(replies=[reply]))(REVIEWS)
    assert (found.by, found.sentences) == ("extract", extract(REVIEWS))


def test_without_a_model_the_reviews_speak_for_themselves_and_it_is_said() -> None:
    found = Summariser()(REVIEWS)
    assert found.by == "extract"
    assert "no language model" in found.degraded[0]


def test_without_reviews_nothing_is_asked() -> None:
    script = Script(replies=[])
    assert Summariser(script)(()).sentences == ()
    assert script.calls == []


def test_of_many_reviews_a_few_are_read() -> None:
    script = Script(replies=[{"sentences": []}] * 2)
    Summariser(script)([Review(str(number), f"The lather is rich, says voice {number}.") for number in range(40)])
    assert script.calls[0].messages[1].content.count("lather is rich") == READ


def test_it_can_be_awaited() -> None:
    assert asyncio.run(Summariser().asummarise(REVIEWS)).by == "extract"


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE])
def test_orders_in_reviews_do_not_reach_the_model(text: str) -> None:
    script = Script(replies=[{"sentences": []}])
    Summariser(script)([*REVIEWS, Review("e", text), Review("f", f"The lather is rich. {text}")])
    assert text not in script.calls[0].messages[1].content


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["1", "2", "7"]), st.text()), max_size=4))
def test_whatever_is_shown_is_supported(sentences: list[tuple[str, str]]) -> None:
    found = Summariser(Script(answer=lambda call: Reply("", told(*sentences))))(REVIEWS)
    texts = {review.review_id: review for review in REVIEWS}
    assert all(not unsupported(one.text, texts[one.review_id]) for one in found.sentences if found.by == "model")
