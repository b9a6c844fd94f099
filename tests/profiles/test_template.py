"""The control counts: what stands out among likes and among dislikes, with the events that show it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.profiles.small import library

from tastemaker.core.errors import ConfigError
from tastemaker.profiles.gate import Said, gated
from tastemaker.profiles.profiler import numbered
from tastemaker.profiles.seen import Shown
from tastemaker.profiles.template import MOST_DISLIKES, MOST_LIKES, Template

SHOWN = Shown(library())
TEMPLATE = Template(SHOWN.facts)


def test_likes_and_dislikes_are_counted_apart() -> None:
    profile = TEMPLATE.profile(SHOWN.person("ann"))
    assert profile.text().startswith("Likes Sea Stories")
    assert set(profile.said("dislikes")) == {"Horror", "the 2000s"}
    assert "Horror" in profile.unwanted()
    assert "Horror" not in profile.wanted()
    cited = {claim.what: claim.events for claim in profile.claims}
    assert cited["Sea Stories"] == ("b2", "b1")
    assert cited["Horror"] == ("b4", "b3")


def test_the_heaviest_fact_is_the_one_of_the_formula() -> None:
    facts = {"a": ("sea", "snow"), "b": ("sea",), "c": ("soup",), "d": ("soup",)}
    found = Template(facts).claims([("a", 1), ("b", 1), ("c", 1)])
    weights = {"sea": 2 * math.log((2 + 2 * 0.5) / 5 / 0.5), "snow": math.log((1 + 2 * 0.25) / 5 / 0.25)}
    # Soup has less than its share.
    assert [claim.what for claim in found] == sorted(weights, key=lambda fact: -weights[fact])


def test_nobody_dislikes_what_they_are_as_fond_of() -> None:
    facts = {"a": ("sea",), "b": ("sea",), "c": ("soup",)}
    claims = Template(facts).claims([("a", 1), ("b", -1)])
    assert [(claim.kind, claim.what) for claim in claims] == [("likes", "sea")]


def test_items_and_strangers_have_nothing_to_count() -> None:
    assert TEMPLATE.profile(SHOWN.person("nobody")).text() == ""
    with pytest.raises(ConfigError, match="counts what people did"):
        TEMPLATE.profile(SHOWN.item("b1"))


def test_other_facts_give_another_key() -> None:
    seen = SHOWN.person("ann")
    assert TEMPLATE.key(seen) == Template(SHOWN.facts).key(seen)
    assert TEMPLATE.key(seen) != Template({"b1": ("Sea Stories",)}).key(seen)
    assert TEMPLATE.key(seen) != TEMPLATE.key(SHOWN.person("bob"))


@given(
    st.lists(st.tuples(st.sampled_from(["b1", "b2", "b3", "b4", "b5", "b9"]), st.sampled_from([-1, 0, 1])), max_size=9)
)
def test_every_claim_passes_the_gate(events: list[tuple[str, int]]) -> None:
    claims = TEMPLATE.claims(events)
    lines = numbered(SHOWN._line(item, tone) for item, tone in events if tone)
    places = {(line.item_id, line.tone): number for number, line in lines.items()}
    tones = {"likes": 1, "dislikes": -1}
    said = [Said(each.kind, each.what, [places[item, tones[each.kind]] for item in each.events]) for each in claims]
    assert not gated(said, lines).dropped
    assert sum(claim.kind == "likes" for claim in claims) <= MOST_LIKES
    assert sum(claim.kind == "dislikes" for claim in claims) <= MOST_DISLIKES
