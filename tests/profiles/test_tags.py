"""Categories come from the catalogue's own list, keywords from the item's own words."""

from __future__ import annotations

import pytest
from tests.profiles.small import library

from tastemaker.core.errors import ConfigError
from tastemaker.language.generators import Script
from tastemaker.language.keywords import item_keywords
from tastemaker.profiles import gate, tags
from tastemaker.profiles.seen import Shown
from tastemaker.profiles.tags import Tags, tags_as_relations, usual_categories

SHOWN = Shown(library())
CATEGORIES = usual_categories(library().catalogue)


def test_categories_are_those_of_the_catalogue_the_commonest_first() -> None:
    assert CATEGORIES == ["Sea Stories", "Horror", "Cooking"]
    assert usual_categories(library().catalogue, 1) == ["Sea Stories"]
    assert usual_categories(type(library().catalogue).of_ids(["a"])) == []


def test_tags_are_asked_for_by_a_list_and_kept_where_the_text_says_them() -> None:
    words = ["Sailors", "sailors", "Small boat", "pirates", "", "two sailors on a small boat"]
    script = Script([{"categories": ["Sea Stories"], "keywords": words}])
    profile = Tags(script, CATEGORIES).profile(SHOWN.item("b2", companions=0))
    assert profile.said("category") == ["Sea Stories"]
    assert profile.said("keyword") == ["sailors", "small boat"]
    assert profile.dropped == {gate.TWICE: 1, gate.UNSHOWN: 1, gate.SILENT: 1, tags.LONG: 1}
    assert {claim.events for claim in profile.claims} == {("b2",)}
    told = script.calls[0].messages[-1].content
    assert "Two sailors on a small boat" in told
    assert "Sea Stories, Horror, Cooking" in told
    schema = script.calls[0].schema
    assert schema is not None
    assert schema["properties"]["categories"]["items"] == {"enum": CATEGORIES}


def test_without_categories_only_keywords_are_asked_for() -> None:
    script = Script([{"keywords": ["ghost"]}])
    assert Tags(script).profile(SHOWN.item("b3")).said("keyword") == ["ghost"]
    with pytest.raises(ConfigError, match="one category"):
        Tags(script, ["Cooking"])
    with pytest.raises(ConfigError, match="people have no tags"):
        Tags(script).profile(SHOWN.person("ann"))


def test_keywords_become_facts_that_models_of_keywords_read() -> None:
    profile = Tags(Script([{"keywords": ["ghost", "attic"]}])).profile(SHOWN.item("b3"))
    facts = tags_as_relations([profile])
    assert facts.frame.rows() == [("b3", "has_tag", "ghost"), ("b3", "has_tag", "attic")]
    (known,) = item_keywords(library().catalogue, ["b3"], facts)
    assert {"ghost", "attic"} <= set(known)
