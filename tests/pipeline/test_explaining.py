"""What a model says of a score becomes sentences about real items."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pipeline.test_proposing import CATALOGUE

from tastemaker.core.query import Event, Query
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.language.asking.explaining import Explainer
from tastemaker.language.asking.faithful import checked, faithfulness
from tastemaker.language.asking.grounds import Ground
from tastemaker.language.generators import Script
from tastemaker.models import make_model
from tastemaker.pipeline.explaining import about, explained, grounds_in, told_of
from tastemaker.testing.worlds import small_shop

DATA = small_shop()


def because(*parts: tuple[Any, str, float], score: float = 1.0) -> Contributions:
    return Contributions("lord", score, tuple(Contribution(kind, name, amount) for kind, name, amount in parts))


@pytest.mark.parametrize(
    ("contributions", "query", "ground"),
    [
        (because(("item", "moby", 0.7), ("item", "emma", -0.2)), Query(), Ground("history", ("Moby-Dick",))),
        (because(("item", "moby", 1.0)), Query(items=("moby",)), Ground("similar", ("Moby-Dick",))),
        (because(("text", "sea", 1.0)), Query(text="sea"), Ground("meaning")),
        (because(("text", "age 30", 1.0)), Query(), Ground("profile")),
        (because(("feature", "mean", 1.0)), Query(), Ground("expected")),
        (because(("popularity", "", 1.0)), Query(), Ground("popular")),
        (because(*(("item", f"x{n}", 0.05) for n in range(19))), Query(), Ground("whole")),
        (because(), Query(), Ground("popular")),
    ],
)
def test_the_strongest_ground_is_what_the_score_came_from(
    contributions: Contributions, query: Query, ground: Ground
) -> None:
    assert grounds_in(contributions, query, CATALOGUE.title)[0] == ground


def test_what_was_turned_down_is_told_and_what_is_known() -> None:
    query = Query(history=(Event("moby"), Event("emma", "dislike")), text="sea")
    told = told_of(because(("item", "moby", 1.0)), query, CATALOGUE)
    assert (told.item, told.disliked, told.request) == ("Lord Jim (1900)", ("Emma (1815)",), "sea")
    assert "A sailor leaves his ship at sea." in told.about
    assert about(CATALOGUE, "nowhere") == ""


@pytest.mark.parametrize("name", ["sequential-rules", "popularity", "item-knn", "content-knn"])
def test_recommendations_of_any_model_are_explained(name: str) -> None:
    model = make_model(name).fit(DATA)
    query = Query(history=tuple(map(Event, DATA.history("u003")[:5])), k=5)
    items = model.recommend(query).items()
    found = explained(model, query, [*items, "nowhere"], DATA.catalogue, Explainer())
    assert len(found) == len(items) + 1
    assert all(one.by == "template" and checked(one.text, one.facts).passed for one in found)
    assert faithfulness([(one.check, len(one.facts)) for one in found]).passed == 1.0


def test_a_model_that_invents_is_not_shown() -> None:
    model = make_model("sequential-rules").fit(DATA)
    query = Query(history=tuple(map(Event, DATA.history("u003")[:5])), k=3)
    invents = Explainer(Script(answer=lambda call: "The Godfather is the best of 1972."))
    found = explained(model, query, model.recommend(query).items(), DATA.catalogue, invents)
    assert faithfulness([(one.check, len(one.facts)) for one in found]).passed == 0.0
    assert all("Godfather" not in one.text for one in found)
