"""The language of filters: what it says, row by row and over columns, and how it refuses what it cannot read."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import QueryError
from tastemaker.pipeline.conditions import (
    Always,
    Among,
    And,
    Between,
    Comparison,
    Condition,
    Distance,
    Has,
    Known,
    Leaf,
    Not,
    Or,
    Within,
    Wording,
    all_of,
    any_of,
    opposite,
)
from tastemaker.pipeline.filters import Filter, FilterError, Moment, conjunction, parse
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.written import Named

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "filters.md"
DAY: Final = 86_400_000_000
NOW: Final = to_microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
BERLIN, PARIS, SYDNEY = (52.52, 13.405), (48.857, 2.352), (-33.869, 151.209)
MOMENT: Final = Moment(
    NOW,
    {"age": 14, "budget": 20, "city": "Paris", "likes": ["red", "blue"], "green": True, "since": "2026-02-01"},
    BERLIN,
)

ROWS: Final[dict[str, dict[str, Any]]] = {
    "full": {
        "title": "The Sea, the SEA",
        "categories": ["Books > Crime > Nordic", "Gifts"],
        "brand": "Straße & Co",
        "year": 1978,
        "price": 19.9,
        "lat": PARIS[0],
        "lon": PARIS[1],
        "min_age": 12,
        "stock": 3,
        "available": True,
        "added": NOW - 3 * DAY,
        "organic": True,
        "colours": ["red", "green"],
        "city": "Paris",
        "released": date(2026, 2, 1),
        "screen size": 6.1,
    },
    "other": {
        "title": "Quiet island",
        "categories": ["Books > Poetry"],
        "brand": "anvil",
        "year": 2024,
        "price": 5,
        "lat": SYDNEY[0],
        "lon": SYDNEY[1],
        "min_age": 18,
        "stock": 0,
        "available": False,
        "added": NOW + DAY,
        "organic": False,
        "colours": ["blue"],
        "city": "Sydney",
        "released": "2026-02-02",
        "screen size": 5,
    },
    "empty": {"added": NOW - 30 * DAY},
}


def shop() -> Shelf:
    shelf = Shelf()
    shelf.put(ROWS)
    return shelf


def fitting(where: str, moment: Moment = MOMENT) -> set[str]:
    shelf = shop()
    return set(shelf.ids[shelf.mask(where, moment)].tolist())


BOTH = {"full", "other"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("true", {"full", "other", "empty"}),
        ("false", set()),
        ("price = 19.9", {"full"}),
        ("price != 19.9", {"other"}),
        ("price < 19.9", {"other"}),
        ("price <= 19.9", BOTH),
        ("price > 5", {"full"}),
        ("price >= 5", BOTH),
        ("price in (5, 6)", {"other"}),
        ("price not in (5, 6)", {"full", "empty"}),
        ("price between 5 and 19.9", BOTH),
        ("price not between 5 and 6", {"full", "empty"}),
        ("price is missing", {"empty"}),
        ("price is present", BOTH),
        ("price is not missing", BOTH),
        ("price is not present", {"empty"}),
        ("not price < 10", {"full", "empty"}),
        ("not not price < 10", {"other"}),
        ("`screen size` > 6", {"full"}),
        ('brand = "anvil"', {"other"}),
        ('brand != "anvil"', {"full"}),
        ('brand in ("anvil", "bodkin")', {"other"}),
        ('brand contains "ANV"', {"other"}),
        ('brand contains "strasse"', {"full"}),
        ('brand starts with "an"', {"other"}),
        ('brand starts with "vil"', set()),
        ('brand not contains "anv"', {"full", "empty"}),
        ('title contains "the sea"', {"full"}),
        ('title starts with "QUIET"', {"other"}),
        ('title contains ""', BOTH),
        ('title = "Quiet island"', {"other"}),
        ('title in ("", "Quiet island")', {"other"}),
        ("title is missing", {"empty"}),
        ('category = "Crime"', {"full"}),
        ('categories has "Books"', BOTH),
        ('categories has "Books > Crime"', {"full"}),
        ('categories has "Crime > Nordic"', set()),
        ('categories has "Nordic"', {"full"}),
        ('category != "Crime"', {"other"}),
        ('category in ("Gifts", "Poetry")', BOTH),
        ('categories has ("Gifts", "Poetry")', BOTH),
        ('categories has any ("Gifts", "Poetry")', BOTH),
        ('categories has all ("Gifts", "Books")', {"full"}),
        ('categories not has "Gifts"', {"other", "empty"}),
        ('categories contains "poet"', {"other"}),
        ("categories is missing", {"empty"}),
        ('colours has "red"', {"full"}),
        ("colours has $likes", BOTH),
        ("colours has any ($likes)", BOTH),
        ("colours has all ($likes)", set()),
        ("organic = true", {"full"}),
        ("organic = FALSE", {"other"}),
        ("organic != true", {"other"}),
        ("organic in (true, false)", BOTH),
        ("organic = $green", {"full"}),
        ("available = true", {"full", "empty"}),
        ("added within 7 days", {"full"}),
        ("added within 71 hours", set()),
        ("timestamp within 72 hours", {"full"}),
        ("added not within 4 weeks", {"other", "empty"}),
        ("added > now", {"other"}),
        ('released = "2026-02-01"', {"full"}),
        ('released > "2026-02-01T12:00:00+01:00"', {"other"}),
        ("released >= $since", BOTH),
        ("released < now", BOTH),
        ("min_age <= age", {"full"}),
        ("price < $budget", BOTH),
        ("city = $city", {"full"}),
        ('city in ($city, "Sydney")', BOTH),
        ("distance(here) < 900 km", {"full"}),
        ("distance(here) > 900 km", {"other"}),
        ("distance(48.857, 2.352) <= 0 m", {"full"}),
        ("distance(48.857, 2.352) < 0 m", set()),
        ("distance(-33.869, 151.209) >= 1 miles", {"full"}),
        ("price < 10 or price > 10 and stock > 0", BOTH),
        ("(price < 10 or price > 10) and stock > 0", {"full"}),
        ("not (price < 10 or stock = 3)", {"empty"}),
        ("price < 10 OR NOT price IS PRESENT", {"other", "empty"}),
    ],
)
def test_a_filter_lets_these_pass(where: str, expected: set[str]) -> None:
    assert fitting(where) == expected
    assert fitting(str(parse(where))) == expected


def test_words_of_the_language_may_be_part_of_names() -> None:
    shelf = Shelf()
    shelf.put({"a": {"android": 1, "notes": "x", "orange": True, "all": 5, "now": 2, "`": 1}})
    for where in ("android = 1", 'notes contains "X"', "orange=true", "`all` = 5", "now = 2", "```` = 1"):
        assert shelf.mask(where, MOMENT).tolist() == [True]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (r'"a\"b\\c\'d\n\t\r\u00e9"', "a\"b\\c'd\n\t\ré"),
        (r"'it\'s'", "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        ('"two\nlines"', "two\nlines"),
        ('""', ""),
    ],
)
def test_quoted_text_has_escapes(where: str, text: str) -> None:
    assert parse(f"brand = {where}") == Filter(Comparison("brand", "=", text))


def test_a_distance_is_that_of_the_haversine() -> None:
    # A degree along a meridian is a 360th of the circumference; Berlin to Paris by an independent formula.
    shelf = Shelf()
    shelf.put({"north": {"lat": 1, "lon": 0}, "paris": {"lat": PARIS[0], "lon": PARIS[1]}, "half": {"lat": 1}})
    degree = 2 * math.pi * 6371.0088 / 360
    for where, expected in (
        (f"distance(0, 0) < {degree * (1 - 1e-9)!r} km", []),
        (f"distance(0, 0) < {degree * (1 + 1e-9)!r} km", ["north"]),
        (f"distance(here) < {great_circle(BERLIN, PARIS) * (1 - 1e-9)!r} km", []),
        (f"distance(here) < {great_circle(BERLIN, PARIS) * (1 + 1e-9)!r} km", ["paris"]),
        ("distance(0, 0) >= 0 km", ["north", "paris"]),
    ):
        assert shelf.ids[shelf.mask(where, MOMENT)].tolist() == expected


@pytest.mark.parametrize("sign", ["<", ">"])
def test_the_other_side_of_the_date_line_is_near(sign: str) -> None:
    shelf = Shelf()
    shelf.put({"fiji": {"lat": -17.0, "lon": 179.9}})
    assert shelf.mask(f"distance(-17, -179.9) {sign} 30 km", MOMENT).tolist() == [sign == "<"]


# -- what the request gives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "context", "said"),
    [
        ("price < $budget", {}, "'budget'"),
        ("price < $budget", {"buget": 5}, "Did you mean 'buget'"),
        ("price < $budget", {"budget": None}, "'budget'"),
        ("price < $budget", {"budget": "much"}, r"'price' holds a number, and \$budget of the request is 'much'"),
        ("price < $budget", {"budget": [1, 2]}, "must be a number"),
        ("price < $budget", {"budget": {"up to": 5}}, "of the kind dict"),
        ("brand in ($brands)", {"brands": ["a", 5]}, r"\$brands of the request is 5"),
        ("min_age <= age", {}, "'age'"),
        ("min_age <= age", {"age": True}, "must be a number"),
        ("title contains $words", {"words": 5}, "must be text"),
        ("distance(here) < 5 km", {}, "'here'"),
        # What is asked for in vain is told even where no item says anything in the field.
        ("stock < $budget", {}, "'budget'"),
    ],
)
def test_what_the_request_does_not_give_is_told_by_name(where: str, context: dict[str, Any], said: str) -> None:
    shelf = Shelf()
    shelf.put({"a": {"price": 1, "brand": "x", "title": "t", "min_age": 3, "lat": 1, "lon": 1}})
    with pytest.raises(QueryError, match=said) as refused:
        shelf.mask(where, Moment(NOW, context))
    assert not isinstance(refused.value, FilterError)


def test_a_filter_says_what_it_is_about_and_what_it_reads() -> None:
    where = parse(
        'price < $budget and not (category = "x" or distance(here) < 1 km) and min_age <= age and added within 1 day'
    )
    assert where.fields() == {"price", "category", "lat", "lon", "min_age", "added"}
    assert where.reads == ("$budget", "age", "here", "now")
    assert parse("true").fields() == frozenset()


# -- joining ---------------------------------------------------------------------------------------------------------


def test_what_fits_a_conjunction_fits_each_of_its_filters() -> None:
    wanted = ["price < 10 or stock = 3", "not organic = true", "year > 1900 and year < 2030"]
    joined = conjunction(map(parse, wanted), "all of it")
    assert joined.name == "all of it"
    assert fitting(str(joined)) == set.intersection(*map(fitting, wanted))
    assert parse(str(joined)) == joined
    assert conjunction([parse("price < 10")]) == parse("price < 10")
    assert str(conjunction([])) == "true"


def test_filters_that_say_the_same_are_equal_whatever_they_are_called() -> None:
    one, other = parse(" price<20.0 ", "cheap"), parse("PRICE < 20".lower(), "budget")
    assert one == other
    assert hash(one) == hash(other)
    assert (one.name, other.name) == ("cheap", "budget")
    assert parse("price < 21") != one


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "marked", "said"),
    [
        ("price <", "", "ends where a value should follow"),
        ("price < and", "and", "'and' stands where a value should"),
        ("price 20", "20", "'20' stands where an operation should"),
        ("price == 20", "==", "Write =."),
        ("price < 5 && year > 3", "&&", "Write and."),
        ("price < 5 || year > 3", "||", "Write or."),
        ("! price < 5", "!", "Write not."),
        ("price <> 5", "<>", "Write !=."),
        ("brand = Crime", "Crime", 'Write "Crime" for text, or $Crime'),
        ("brand = `Crime`", "`Crime`", 'Write "Crime" for text.'),
        ("brand = null", "null", "Write is missing"),
        ('brand like "x"', "like", "Write contains"),
        ('brand = "Crime', '"Crime', "is opened and not closed"),
        ("brand = 'it's'", "s", "'s' stands where"),
        (r'brand = "a\q"', r'"a\q"', r"\q stands for nothing"),
        (r'brand = "\ud83d"', r'"\ud83d"', "stands for nothing"),
        ("(price < 5", "", "ends where ')'"),
        ("price < 5)", ")", "a bracket is closed that was not opened"),
        ("(price < 5 year > 3", "year", "'year' stands where ')', 'and' or 'or' should"),
        ("price < 5 year > 3", "year", "'year' stands where 'and', 'or' or the end should"),
        ("brand is acme", "acme", "'acme' stands where 'not', 'missing' or 'present' should"),
        ("brand in 5", "5", "'5' stands where '(' should"),
        ("brand starts 'x'", "'x'", "stands where 'with' should"),
        ("price not = 5", "=", "Write in, has, between, within, contains or starts with"),
        ("organic and price < 2", "organic", "nothing is asked of 'organic'"),
        ("added within 3 months", "months", "Write days"),
        ("added within 7", "7", "is no length of time"),
        ("added within 99999999999 weeks", "99999999999 weeks", "10,000 years"),
        ("added < 7 days", "7 days", "Write within 7 days."),
        ("price < 5 km", "5 km", "is a length"),
        ("price < 1e999", "1e999", "too large"),
        ("distance(here) < 5", "5", "Write a number and km, m or miles"),
        ("distance(here) = 5 km", "=", "is compared with <"),
        ("distance(52) < 5 km", "52", "from a latitude and a longitude"),
        ("distance(91, 0) < 5 km", "91", "no such point"),
        ("distance(here) < 1e9 km", "1e9 km", "nothing on earth"),
        ("size(here) < 5 km", "size", "is nothing that can be computed"),
        ("price # 5", "#", "'#' stands where"),
        ("", "", "the filter is empty"),
        (" \n", " ", "the filter is empty"),
        ("price <\n  5 and\nyear >", "", "line 3, column 7"),
        ("price <\n  and", "and", "line 2, column 3"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(where: str, marked: str, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(where, "the shelf of new things")
    assert said in str(refused.value)
    assert "the shelf of new things, line" in str(refused.value)
    assert refused.value.position == (where.index(marked) if marked else len(where.rstrip()))
    line, carets = str(refused.value).splitlines()[-2:]
    assert line[carets.index("^") : carets.rindex("^") + 1] == marked
    assert set(carets) <= {" ", "^"}


@pytest.mark.parametrize(
    ("where", "marked", "said"),
    [
        ("year > 3 and prise < 20", "prise", "Did you mean 'price'"),
        ('text contains "x"', "text", "not kept for filters"),
        ("year > 3 and not price = 'x'", "price = 'x'", 'cannot be compared with "x"'),
        ("brand = 5", "brand = 5", "Put it in quotes"),
        ("organic = 1", "organic = 1", "holds true or false"),
        ("brand < 'x'", "brand < 'x'", "of which '<' cannot be asked"),
        ("categories < 'x'", "categories < 'x'", "What can be asked: !=, =, contains"),
        ("brand has 'x'", "brand has 'x'", "Write =, in"),
        ("price within 7 days", "price within 7 days", "Write between"),
        ("price contains '5'", "price contains '5'", "'contains' cannot be asked"),
        ("released > 'soon'", "released > 'soon'", 'cannot be compared with "soon"'),
        ("price in (5, true)", "price in (5, true", "cannot be compared with true"),
    ],
)
def test_what_a_field_does_not_hold_is_refused_where_it_is_asked(where: str, marked: str, said: str) -> None:
    for asked in (lambda: parse(where).check(shop().fields()), lambda: fitting(where)):
        with pytest.raises(FilterError) as refused:
            asked()
        assert said in str(refused.value)
        assert refused.value.position == where.index(marked)
        line, carets = str(refused.value).splitlines()[-2:]
        assert line[carets.index("^") : carets.rindex("^") + 1] == marked


def test_of_a_long_line_what_surrounds_the_error_is_shown() -> None:
    with pytest.raises(FilterError) as refused:
        parse(f"{' or '.join(['price = 1'] * 60)} or price ~ 5 {'or price = 2' * 20}")
    line, carets = str(refused.value).splitlines()[-2:]
    assert line[carets.index("^")] == "~"
    assert len(line) < 120


def test_what_cannot_be_printed_is_not_printed() -> None:
    with pytest.raises(FilterError) as refused:
        parse("brand = \x1b[31m\x00")
    assert all(letter.isprintable() or letter == "\n" for letter in str(refused.value))


def test_an_unknown_field_is_missing_everywhere_where_that_is_asked_for() -> None:
    shelf = shop()
    for where, expected in (("prise < 5", 0), ("not prise < 5", 3), ("prise is missing", 3), ('prise has "x"', 0)):
        assert parse(where).mask(shelf, MOMENT, strict=False).sum() == expected
        parse(where).check(shelf.fields(), strict=False)


def test_a_condition_made_without_text_is_refused_without_a_place() -> None:
    with pytest.raises(FilterError, match="no item has a field 'prise'") as refused:
        Filter(Comparison("prise", "<", 5.0)).mask(shop(), MOMENT)
    assert refused.value.position is None


def test_only_text_is_read() -> None:
    with pytest.raises(FilterError, match="of the kind int"):
        parse(5)  # type: ignore[arg-type]


def test_a_filter_has_limits() -> None:
    long = "price = 1 or " * 99 + "price = 1"
    assert parse(long) == parse(str(parse(long)))
    with pytest.raises(FilterError, match="more than 100 conditions") as refused:
        parse(f"{long} or year = 2")
    assert refused.value.position == len(long) + len(" or ")
    assert parse("price in (" + "1, " * 600 + "1)").fields() == {"price"}
    assert parse("(" * 20 + "price = 1" + ")" * 20) == parse("price = 1")
    with pytest.raises(FilterError, match="20 brackets") as refused:
        parse("(" * 21 + "price = 1" + ")" * 21)
    assert refused.value.position == 20
    assert parse("price = 1" + " " * 1991)
    with pytest.raises(FilterError, match="2,001 characters"):
        parse("price = 1" + " " * 1992)


def read_or_refused(text: str) -> Filter | None:
    """Return what a text says, ``None`` where it was refused with a place within it; no other error is caught."""
    try:
        return parse(text)
    except FilterError as refused:
        place = refused.place
    assert place is not None
    assert 0 <= place.start <= len(text)
    return None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000,
        "not " * 500,
        "not " * 498 + "a = 1",
        "(not " * 20 + "a = 1 or b = 2 and c = 3" + ")" * 20,
        "a = " + "9" * 1996,
        "a within " + "9" * 1980 + " days",
        "distance(here) < " + "0." + "0" * 1970 + "1 km",
        '"' * 2000,
        '"' + "\\" * 1998,
        "`" * 2000,
        "a = '" + "\\'" * 990,
        "$" * 2000,
        "a in (" + "1," * 990,
    ],
)
def test_hard_texts_are_read_or_refused(text: str) -> None:
    read = read_or_refused(text)
    assert read is None or parse(str(read)) == read


def test_lark_is_loaded_when_a_filter_is_read_and_not_before() -> None:
    program = (
        "import sys; from tastemaker.pipeline.filters import parse;"
        "before = 'lark' in sys.modules; parse('price < 5'); print(before, 'lark' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]


# -- properties ------------------------------------------------------------------------------------------------------

PRICES = (0.0, 5.0, 19.9, -3.0)
TEXTS = ("Paris", "paris", "Straße", "STRASSE", 'say "hi"', "a\\b", "")
PATHS = ("A", "A > B", "A > B > C", "B", "D", "D > B")
POINTS = (BERLIN, PARIS, SYDNEY, (0.0, 0.0), (-90.0, 0.0), (0.0, 180.0))
CONTEXT: Final[dict[str, Any]] = {
    "age": 5,
    "x": 5,
    "word": "paris",
    "flag": True,
    "some": ["A", "D"],
    "when": NOW - DAY,
}

signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
numbers = st.sampled_from([*PRICES, Named("$x"), Named("age")])
texts = st.sampled_from([*TEXTS, "par", "ss", Named("$word")])
times = st.sampled_from([float(NOW), "2026-02-01", Named("now"), Named("$when")])


def leaf_conditions() -> st.SearchStrategy[Condition]:
    price, tags = st.just("price"), st.just("tags")
    category = st.sampled_from(["category", "categories", "tags"])
    paths = st.lists(st.sampled_from([*PATHS, Named("$some")]), min_size=1, max_size=3).map(tuple)
    one_path, flags = st.sampled_from(PATHS), st.sampled_from([True, False, Named("$flag")])
    how = st.sampled_from(["contains", "starts with"])
    return st.one_of(
        st.builds(Comparison, st.sampled_from(["price", "odd name"]), signs, numbers),
        st.builds(Among, price, st.lists(numbers, min_size=1, max_size=3).map(tuple)),
        st.builds(Between, price, numbers, numbers),
        st.builds(Comparison, st.sampled_from(["city", "title"]), st.sampled_from(["=", "!="]), texts),
        st.builds(Among, st.sampled_from(["city", "title"]), st.lists(texts, min_size=1, max_size=3).map(tuple)),
        st.builds(Wording, st.sampled_from(["city", "title"]), how, texts),
        st.builds(Wording, tags, how, one_path),
        st.builds(Has, category, paths, st.booleans()),
        st.builds(Comparison, category, st.sampled_from(["=", "!="]), one_path),
        st.builds(Among, category, paths),
        st.builds(Comparison, st.sampled_from(["flag", "available"]), st.sampled_from(["=", "!="]), flags),
        st.builds(Among, st.just("flag"), st.lists(flags, min_size=1, max_size=3).map(tuple)),
        st.builds(Comparison, st.sampled_from(["added", "timestamp", "released"]), signs, times),
        st.builds(Within, st.sampled_from(["added", "released"]), st.sampled_from([0, 1, 1_500_000, DAY, 30 * DAY])),
        st.builds(
            Known,
            st.sampled_from(["price", "city", "title", "tags", "category", "flag", "added", "released", "stock"]),
            st.booleans(),
        ),
        st.builds(
            Distance,
            st.just("distance"),
            st.sampled_from([*POINTS, None]),
            st.sampled_from(["<", "<=", ">", ">="]),
            st.sampled_from([0.0, 0.25, 500.0, 900.0, 16_100.5, 20_100.0]),
        ),
        st.builds(Always, st.booleans()),
    )


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    two = st.lists(parts, min_size=2, max_size=3)
    return st.one_of(two.map(all_of), two.map(any_of), parts.map(opposite))


conditions = st.recursive(leaf_conditions(), joined, max_leaves=8)
rows = st.fixed_dictionaries(
    {"added": st.sampled_from([NOW, NOW - DAY, NOW + 1, NOW - 2 * DAY])},
    optional={
        "price": st.sampled_from(PRICES),
        "odd name": st.sampled_from(PRICES),
        "city": st.sampled_from(TEXTS),
        "title": st.sampled_from(TEXTS),
        "tags": st.lists(st.sampled_from(PATHS), max_size=3),
        "categories": st.lists(st.sampled_from(PATHS), max_size=3),
        "flag": st.booleans(),
        "available": st.booleans(),
        "released": st.sampled_from([datetime(2026, 2, 1), datetime(2026, 2, 28, 12), datetime(2027, 1, 1)]),
        "lat": st.sampled_from([point[0] for point in POINTS]),
        "lon": st.sampled_from([point[1] for point in POINTS]),
    },
)
# Gives every field its kind, whatever the other rows say.
WHOLE: Final = {
    **{"price": 1, "odd name": 1, "city": "x", "title": "y", "tags": ["z"], "categories": ["z"], "flag": False},
    **{"released": datetime(1999, 1, 1), "lat": 1, "lon": 1, "added": NOW - 99 * DAY},
}


@settings(max_examples=50)
@given(condition=conditions)
def test_what_is_written_is_read_as_the_same(condition: Condition) -> None:
    assert parse(str(Filter(condition))) == Filter(condition)
    assert str(parse(str(condition))) == str(condition)


@settings(max_examples=50)
@given(field=st.text(min_size=1, max_size=8), value=st.one_of(st.text(max_size=12), st.floats(-1e300, 1e300)))
def test_any_name_and_any_value_can_be_written(field: str, value: str | float) -> None:
    where = Filter(Comparison(field, "=", value))
    assert parse(str(where)) == where


@settings(max_examples=50)
@given(microseconds=st.integers(0, 10**17), kilometres=st.floats(0, 1e5))
def test_any_length_of_time_or_way_can_be_written(microseconds: int, kilometres: float) -> None:
    where = Filter(all_of([Within("added", microseconds), Distance("distance", None, "<", kilometres)]))
    assert parse(str(where)) == where


PIECES: Final = (
    *(
        "price",
        "brand",
        "`odd name`",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        ",",
        "has",
        "any",
        "all",
        "between",
        "within",
    ),
    *("is", "missing", "present", "contains", "starts", "with", "=", "!=", "<", ">=", "5", "-1.5e3", '"x"', "'y'", '"'),
    *("true", "now", "age", "$x", "7 days", "5 km", "distance", "here", "==", "&&", "`", "\\", "#", "\n", "52.5", "$"),
)


@settings(max_examples=50)
@given(text=st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    read = read_or_refused(text)
    assert read is None or parse(str(read)) == read


@settings(max_examples=50)
@given(condition=conditions, given_rows=st.lists(rows, max_size=6))
def test_columns_give_what_looking_at_row_after_row_gives(
    condition: Condition, given_rows: list[dict[str, Any]]
) -> None:
    shelf, moment = Shelf(), Moment(NOW, CONTEXT, BERLIN)
    all_rows = [WHOLE, *given_rows]
    shelf.put({str(number): row for number, row in enumerate(all_rows)})
    expected = [holds(condition, row, moment) for row in all_rows]
    assert Filter(condition).mask(shelf, moment).tolist() == expected
    assert shelf.mask(str(condition), moment).tolist() == expected


# -- a second implementation, one row at a time ----------------------------------------------------------------------


def great_circle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return kilometres by the angle between two vectors, which is not how masks find it."""

    def vector(point: tuple[float, float]) -> np.ndarray[Any, Any]:
        lat, lon = map(math.radians, point)
        return np.asarray([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])

    a, b = vector(one), vector(other)
    return 6371.0088 * math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


def microseconds(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return to_microseconds(value) if isinstance(value, datetime) else value


def counting_as(path: str) -> set[str]:
    steps = path.split(" > ")
    return {*steps, *(" > ".join(steps[: end + 1]) for end in range(len(steps)))}


def holds(condition: Condition, row: Mapping[str, Any], moment: Moment) -> bool:
    match condition:
        case Always():
            return condition.holds
        case Not():
            return not holds(condition.condition, row, moment)
        case And():
            return all(holds(part, row, moment) for part in condition.conditions)
        case Or():
            return any(holds(part, row, moment) for part in condition.conditions)
        case Distance():
            return _near(condition, row, moment)
    return _leaf_holds(condition, row, moment)


def _near(condition: Distance, row: Mapping[str, Any], moment: Moment) -> bool:
    point = condition.point or moment.here
    if row.get("lat") is None or row.get("lon") is None or point is None:
        return False
    return _compared(great_circle((row["lat"], row["lon"]), point), condition.sign, condition.kilometres)


def _compared(value: Any, sign: str, other: Any) -> bool:
    outcomes = {"=": value == other, "!=": value != other}
    if sign not in outcomes:
        outcomes = {"<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}
    return bool(outcomes[sign])


def _asked(value: Any, moment: Moment) -> Any:
    if not isinstance(value, Named):
        return value
    return moment.now if value.name == "now" else moment.context[value.name.lstrip("$")]


def _leaf_holds(leaf: Leaf, row: Mapping[str, Any], moment: Moment) -> bool:
    name = {"category": "categories", "timestamp": "added"}.get(leaf.field, leaf.field)
    value = row.get(name, True if name == "available" else None)
    missing = value is None or value == "" or value == []
    if isinstance(leaf, Known):
        return missing == leaf.missing
    if missing:
        return False
    given = [_asked(each, moment) for each in leaf.values]
    choices = [each for one in given for each in (one if isinstance(one, list) else [one])]
    if isinstance(value, list):
        return _list_holds(leaf, value, choices, paths=name == "categories")
    if name in ("added", "released"):
        value, choices = microseconds(value), [microseconds(each) for each in choices]
    match leaf:
        case Comparison():
            return _compared(value, leaf.sign, choices[0])
        case Among():
            return value in choices
        case Between():
            return bool(choices[0] <= value <= choices[1])
        case Within():
            return bool(moment.now - leaf.microseconds <= value <= moment.now)
        case Wording():
            return _worded(value, leaf.how, choices[0])
    raise AssertionError(leaf)


def _worded(value: str, how: str, sought: str) -> bool:
    at = value.casefold().find(sought.casefold())
    return at == 0 if how == "starts with" else at >= 0


def _list_holds(leaf: Leaf, values: list[str], choices: list[str], paths: bool) -> bool:
    meant = {word for value in values for word in (counting_as(value) if paths else {value})}
    match leaf:
        case Comparison():
            return (choices[0] in meant) == (leaf.sign == "=")
        case Among():
            return bool(meant & set(choices))
        case Has():
            return set(choices) <= meant if leaf.every else bool(meant & set(choices))
        case Wording():
            return any(_worded(value, leaf.how, choices[0]) for value in values)
    raise AssertionError(leaf)


# -- the page --------------------------------------------------------------------------------------------------------


def test_every_example_of_the_page_can_be_read() -> None:
    language = PAGE.read_text(encoding="utf-8").split("## Fields")[0]
    cells = [line.split("|")[1] for line in language.splitlines() if line.startswith("| `")]
    examples = [re.sub(r"^``? ?| ?``?$", "", cell.strip()) for cell in cells]
    assert len(examples) > 25
    for example in examples:
        where = parse(example)
        assert parse(str(where)) == where


def test_errors_look_as_the_page_shows_them() -> None:
    blocks = re.findall(r"```text\n(.+?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        with pytest.raises(FilterError) as refused:
            parse(block.splitlines()[1].strip(), "crime shelf").check(Shelf().fields())
        assert str(refused.value) == block


def test_the_fields_of_the_page_are_those_of_every_shelf() -> None:
    fields = PAGE.read_text(encoding="utf-8").split("## Fields")[1].split("## What is missing")[0]
    rows = [line.split("|")[1] for line in fields.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*Shelf().fields(), "timestamp"}
