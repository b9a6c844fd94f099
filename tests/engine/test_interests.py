"""How events are weighed: by kind, by their own weight, by a rating; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.core.query import Event
from tastemaker.engine.interests import WEIGHTS, Interests


@pytest.mark.parametrize(("kind", "said"), WEIGHTS.items())
def test_a_kind_says_what_is_configured(kind: str, said: float) -> None:
    assert Interests().amount(kind) == said
    assert Interests(weights={kind: 0.25}).amount(kind) == (-0.25 if kind in ("dislike", "hide") else 0.25)


def test_an_unknown_kind_says_what_a_plain_interaction_does() -> None:
    assert Interests().amount("interaction") == Interests().amount("waved at") == 1.0
    assert Interests(other=0.1).amount("waved at") == 0.1


@pytest.mark.parametrize(
    ("named", "kind"), [("purchase", "buy"), ("Add_To_Cart", "cart"), ("thumbs_down", "dislike"), ("hidden", "hide")]
)
def test_other_names_of_a_kind_are_those_of_an_import(named: str, kind: str) -> None:
    assert Interests().kind(named) == kind


def test_a_name_that_is_configured_itself_is_no_other_name() -> None:
    assert Interests().kind("click") == "click"
    assert Interests(weights={"view": 0.3}).kind("click") == "view"


def test_a_stored_weight_stands_instead_of_the_kind() -> None:
    interests = Interests()
    assert interests.amount("view", 2.0) == 2.0
    assert interests.amount("dislike", 0.5) == interests.amount("dislike", -0.5) == -0.5
    assert interests.amount("interaction", -1.0) == -1.0
    assert interests.amount("impression", 3.0) == 0.0


@pytest.mark.parametrize(("rating", "said"), [(5, 1.0), (4, 0.5), (3, 0.0), (2, -0.5), (1, -1.0), (9, 1.0), (-9, -1.0)])
def test_a_rating_says_how_far_it_is_from_the_middle_of_the_scale(rating: float, said: float) -> None:
    assert Interests().amount("rating", rating=rating) == said
    assert Interests().amount("view", 0.5, rating=rating) == 0.5 * said


def test_a_rating_does_not_speak_for_what_is_disliked() -> None:
    assert Interests().amount("dislike", rating=5.0) == -1.0
    assert Interests().amount("interaction", -1.0, rating=5.0) == -1.0


@pytest.mark.parametrize(
    ("event", "stated"),
    [
        (Event("a", "view"), None),
        (Event("a", "view", weight=2.0), 0.6),
        (Event("a", "dislike"), None),
        (Event("a", "dislike", weight=0.5), -0.5),
        (Event("a", weight=-1.0), -1.0),
    ],
)
def test_the_weight_of_a_request_s_event_multiplies_its_kind(event: Event, stated: float | None) -> None:
    assert Interests().stated(event) == stated


def test_the_fingerprint_tells_settings_apart() -> None:
    assert Interests().fingerprint() == Interests(weights=dict(sorted(WEIGHTS.items()))).fingerprint()
    others = [Interests(beta=0.1), Interests(weights={"view": 1.0}), Interests(half_life=1.0)]
    assert len({each.fingerprint() for each in (Interests(), *others)}) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_life": 0.0},
        {"half_life": float("nan")},
        {"session_half_life": -1.0},
        {"session_share": 1.5},
        {"centroids": 0},
        {"threshold": 0.0},
        {"beta": 1.0},
        {"rating_span": 0.0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Interests(**wrong)


def test_a_weight_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="'view' weighs nan"):
        Interests(weights={"view": float("nan")})
