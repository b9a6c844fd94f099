"""What somebody says of their taste decides about an item only where a statement and a fact of the item meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DeadlineExceededError, ServiceError
from tastemaker.language.generators import Script
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.stated import NO_VERDICT, judge, statements_in

PROFILE = ["Likes quiet dramas, but avoids thrillers and war films.", "Loves French comedies; not a fan of musicals"]
THRILLER = {"title": "Heat", "categories": ["Crime", "Thriller", "Drama"], "year": 1995}


def test_clauses_are_likings_or_dislikes() -> None:
    assert [(each.words, each.tone) for each in statements_in(PROFILE)] == [
        ("Likes quiet dramas,", 1),
        ("avoids thrillers and war films", -1),
        ("Loves French comedies", 1),
        ("not a fan of musicals", -1),
    ]
    assert [each.tone for each in statements_in("Horror\nno gore\nfilms of the 1990s")] == [1, -1, -1]
    assert statements_in("I like it. And so on.") == []


@pytest.mark.parametrize(
    ("item", "tone", "cited", "shared"),
    [
        (THRILLER, -1, "avoids thrillers and war films", ("thriller",)),
        ({"title": "Glory", "categories": ["War", "Drama"]}, -1, "avoids thrillers and war films", ("war",)),
        ({"title": "Emma", "categories": ["Drama"]}, 1, "Likes quiet dramas,", ("drama",)),
        ({"title": "Hair", "categories": ["Musical"]}, -1, "not a fan of musicals", ("musical",)),
        ({"title": "Taxi", "categories": ["France > Comedies"]}, 1, "Loves French comedies", ("comedy",)),
    ],
)
def test_the_conflicting_statement_is_cited(item: Any, tone: int, cited: str, shared: tuple[str, ...]) -> None:
    found = judge(statements_in(PROFILE), item)
    assert found.statement is not None
    assert (found.tone, found.statement.words, found.shared, found.by) == (tone, cited, shared, "fields")


def test_a_verdict_is_told_against_the_rating() -> None:
    found = judge(statements_in(PROFILE), THRILLER)
    assert found.sentence(4.5) == 'Rated 4.5, but the person says: "avoids thrillers and war films" (thriller).'
    assert found.sentence() == 'The person says: "avoids thrillers and war films" (thriller).'
    assert NO_VERDICT.sentence(4.5) == "Nothing that the person says speaks of it."


def test_who_avoids_violent_thrillers_does_not_avoid_every_thriller() -> None:
    assert judge(statements_in("avoids violent thrillers"), THRILLER) == NO_VERDICT


def test_a_decade_is_a_fact() -> None:
    assert judge(statements_in("hates films of the 1990s"), THRILLER).tone == -1


def test_a_title_is_no_fact() -> None:
    assert judge(statements_in("avoids heat"), THRILLER) == NO_VERDICT


def test_a_generator_is_asked_where_the_fields_say_nothing() -> None:
    item = {"title": "Quiet", "categories": ["Mystery"], "text": "A violent chase ends in a thriller of snow."}
    said = statements_in(["avoids violent thrillers", "loves baking"])
    script = Script(["A"])
    found = judge(said, item, script)
    assert (found.tone, found.by, found.shared) == (-1, "generator", ("thriller", "violent"))
    assert found.statement == said[0]
    assert script.calls[0].options == ("A", "B", "C")
    assert "A: avoids violent thrillers" in script.calls[0].messages[-1].content


@pytest.mark.parametrize(
    "reply",
    ["B", "C", {"A": 0.4, "B": 0.3, "C": 0.3}, ServiceError("gone"), DeadlineExceededError("late")],
    ids=["shares no word", "none of these", "unsure", "gone", "late"],
)
def test_a_generator_without_evidence_decides_nothing(reply: Any) -> None:
    item = {"title": "Quiet", "categories": ["Mystery"], "text": "A violent chase."}
    assert judge(statements_in(["avoids violent thrillers", "loves baking"]), item, Script([reply])) == NO_VERDICT


def test_without_statements_nothing_is_asked() -> None:
    assert judge([], THRILLER, Script([])) == NO_VERDICT


@given(st.lists(st.text(max_size=40), max_size=5), st.lists(st.text(max_size=15), max_size=4), st.text(max_size=30))
def test_every_verdict_cites_a_statement_that_was_made_and_a_fact_that_there_is(
    lines: list[str], categories: list[str], text: str
) -> None:
    said = statements_in(lines)
    item = {"title": "x", "categories": categories, "text": text}
    for generator in (None, Script(answer=lambda call: call.options[0])):
        found = judge(said, item, generator)
        if found.tone:
            assert found.statement in said
            assert found.tone == found.statement.tone
            assert found.shared
            assert set(found.shared) <= content_words(" ".join([*categories, text, "x"]))
