"""Items and people in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.data.catalogue import Catalogue
from tastemaker.language import texts
from tastemaker.language.cleaning import cleaned, shortened
from tastemaker.language.texts import check_person_template, in_words, item_texts, person_text, unknown_left_out


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(
        pl.DataFrame(
            {
                "item_id": ["lamp", "cup", "nothing"],
                "title": ["A lamp", "Cup &amp; saucer", None],
                "brand": ["Acme", None, None],
                "categories": [["Home > Light > Lamps", "Home > Gifts"], ["Kitchen"], []],
                "text": ["For <b>reading</b>.<br/>\n\nWarm.", "", None],
                "price": [19.5, 3.0, None],
                "colours": [["red", "blue"], None, []],
                "available": [True, False, True],
            }
        )
    )


def test_items_in_words(catalogue: Catalogue) -> None:
    assert item_texts(catalogue, ["cup", "lamp", "nothing", "unknown", "lamp"]) == [
        "Cup & saucer. Kitchen.",
        "A lamp. Acme. Home, Light, Lamps, Gifts. For reading . Warm.".replace(" .", "."),
        "",
        "",
        "A lamp. Acme. Home, Light, Lamps, Gifts. For reading. Warm.",
    ]


def test_a_template_may_name_any_column(catalogue: Catalogue) -> None:
    asked = item_texts(catalogue, ["lamp", "cup"], "{title}, {colours}[, {price} euros]. Made by {brand}.")
    assert asked == ["A lamp, red, blue, 19.5 euros. Made by Acme.", "Cup & saucer, 3 euros."]


@pytest.mark.parametrize(("field", "nearest"), [("titles", "title"), ("colour", "colours"), ("item_id", "title")])
def test_unknown_fields_are_refused(catalogue: Catalogue, field: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"no field '{field}'.*{nearest}"):
        item_texts(catalogue, ["lamp"], f"{{{field}}}")


def test_usual_fields_may_be_named_where_a_catalogue_lacks_them() -> None:
    bare = Catalogue(pl.DataFrame({"item_id": ["a"], "title": ["A lamp"]}))
    assert item_texts(bare, ["a"]) == ["A lamp."]
    assert item_texts(Catalogue.of_ids(["a"]), ["a"]) == [""]


def test_texts_are_short() -> None:
    long = Catalogue(pl.DataFrame({"item_id": ["a"], "title": ["x" * 100_000], "text": ["word " * 20_000]}))
    (said,) = item_texts(long, ["a"])
    assert len(said) <= texts.MAX_TEXT
    assert said.endswith("word")


def test_a_person_in_words() -> None:
    profile = {"age": 34, "place": "Riga", "membership": "gold", "likes": ["the sea", "trains"], "reads_at": "night"}
    assert person_text(profile) == ("Age 34. From Riga. Member: gold. Likes the sea, trains. reads at: night.")


def test_dislikes_are_said_only_by_a_template_that_names_them() -> None:
    profile = {"likes": "the sea", "dislikes": ["horror"]}
    assert person_text(profile) == "Likes the sea."
    assert person_text(profile, "Likes {likes}. Not {dislikes}.") == "Likes the sea. Not horror."


def test_a_history_is_said_latest_first() -> None:
    titles = [f"Book {number}" for number in range(30)]
    said = person_text({"age": 34}, history=titles)
    assert said.startswith("Age 34. Before: Book 29; Book 28;")
    assert "Book 20" in said
    assert "Book 19" not in said


@pytest.mark.parametrize("template", [None, "{age}. {Email}. {rest}. {history}"])
def test_what_is_left_out_is_in_no_text(template: str | None) -> None:
    profile = {"age": 34, "Email": "a@b.example", "place": "Riga"}
    said = person_text(profile, template, leave_out=("AGE", "email", "history"), history=["Emma"])
    assert "Riga" in said
    assert not any(secret in said for secret in ("34", "a@b", "Emma"))


@pytest.mark.parametrize(
    "profile", [{}, {"age": None}, {"likes": []}, {"text": "  "}, {"user_id": "7", "consent": True}]
)
def test_nothing_known_is_nothing_said(profile: dict[str, Any]) -> None:
    assert person_text(profile) == ""


def test_a_person_without_a_named_attribute_is_no_error_but_a_wrong_template_is() -> None:
    assert person_text({"age": 34}, "Age {age}. Shoes {shoes}.") == "Age 34."
    check_person_template("Age {age}. Shoes {shoes}. {rest}", ["user_id", "shoes"])
    check_person_template(None)
    with pytest.raises(ConfigError, match=r"no field 'shoos'.*Did you mean 'shoes'"):
        check_person_template("{shoos}", ["user_id", "shoes"])
    with pytest.raises(ConfigError, match="no field 'user_id'"):
        check_person_template("{user_id}", ["user_id"])


def test_a_misspelt_attribute_to_leave_out_is_noticed() -> None:
    assert unknown_left_out(["Age", "history", "shoes"], ["user_id", "shoes"]) == []
    (said,) = unknown_left_out(["plase"], ["user_id"])
    assert "Did you mean 'place'?" in said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (2.0, "2"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (False, "no"),
        (date(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1, 12, tzinfo=UTC), "2024-05-01T12:00:00+00:00"),
        ({"b": 1, "a": None}, "b: 1"),
        ({"y", "x"}, "x, y"),
        ("a\x00 \n b", "a b"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("静かな海", "静かな海"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_values_in_words(value: Any, expected: str) -> None:
    assert in_words(value) == expected


def test_words_are_cut_between_words() -> None:
    assert shortened("a quiet book about the sea", 12) == "a quiet book"
    assert shortened("a quiet book about the sea", 11) == "a quiet"
    assert shortened("x" * 50, 10) == "x" * 10
    assert shortened("a " + "x" * 50, 10) == "a " + "x" * 8
    assert cleaned("\t\x7f") == ""
