"""Templates: which clauses stay, and what a wrong template is told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastemaker.core.errors import ConfigError
from tastemaker.language.templates import Template

BOOK = {"title": "Emma", "author": "Jane Austen", "year": "1815", "text": "A young woman makes matches."}


@pytest.mark.parametrize(
    ("template", "given", "expected"),
    [
        ("{title}. {author}. {text}", BOOK, "Emma. Jane Austen. A young woman makes matches."),
        ("{title}. {brand}. {text}", BOOK, "Emma. A young woman makes matches."),
        ("{title}. Published {year}. {text}", {"title": "Emma"}, "Emma."),
        ("{title}[ by {author}]. {text}", {"title": "Emma"}, "Emma."),
        ("{title}[ by {author}]. {text}", BOOK, "Emma by Jane Austen. A young woman makes matches."),
        ("{title} ({year})", {"title": "Emma"}, "Emma"),
        ("{title} ({year})", BOOK, "Emma (1815)"),
        ('{title} "{series}"', {"title": "Emma"}, "Emma"),
        ("Aged {age}[, from {place}].", {"age": "34"}, "Aged 34."),
        ("Aged {age}[, from {place}].", {"age": "34", "place": "Riga"}, "Aged 34, from Riga."),
        ("Aged {age}, from {place}.", {}, ""),
        ("[{title}[ ({year})]]", BOOK, "Emma (1815)"),
        ("[{title}[ ({year})]]", {"year": "1815"}, "(1815)"),
        ("{title}. {text}", {"title": "Wait...", "text": "Why?"}, "Wait... Why?"),
        ("{title}. {text}.", {"title": "Who?", "text": "Me!"}, "Who? Me!"),
        ("{title}; {year}; {text}", {"title": "Emma", "text": "A story."}, "Emma; A story."),
        ("{title}\n{author}\n{text}", {"title": "Emma", "text": "A story."}, "Emma A story."),
        ("{{{title}}}", BOOK, "{Emma}"),
        ("{title}; {year}; {text}", {"title": "Emma"}, "Emma"),
        ("Always this. {title}.", BOOK, "Always this. Emma."),
        ("Always this. {title}.", {}, ""),
        ("Always this.", {}, "Always this."),
        ("", BOOK, ""),
        ("{ title }", BOOK, "Emma"),
        ("{title}.", {"title": "!!!"}, "!!!"),
        ("{title}. {year}.", {"title": "{year}", "year": "1"}, "{year}. 1."),
    ],
)
def test_what_has_no_value_falls_away(template: str, given: dict[str, str], expected: str) -> None:
    assert Template.of(template).filled(given) == expected


@pytest.mark.parametrize("template", ["{title", "title}", "{}", "{title.upper}", "{a b}", "[{title}", "{title}]", "]["])
def test_what_does_not_fit_together_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="has no counterpart") as caught:
        Template.of(template, "text.item")
    assert caught.value.where == "text.item"
    assert template in caught.value.message


def test_an_unknown_field_is_told_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match=r"no field 'titel' \(text\.item\)\. Did you mean 'title'"):
        Template.of("{titel}[ by {author}]").need_known(["title", "author"], "text.item")


def test_fields_are_named_once_those_in_brackets_as_well() -> None:
    assert Template.of("{a} {b}[ {c}[ {a}]]. {d}").fields == ("a", "b", "c", "d")


@example("; ;", {})
@given(st.text(alphabet="ab{}[]().,; \n", max_size=30), st.dictionaries(st.sampled_from("ab"), st.text(max_size=9)))
def test_any_text_is_filled_or_refused(template: str, values: dict[str, str]) -> None:
    try:
        said = Template.of(template).filled(values)
    except ConfigError:
        return
    assert said == said.strip()
    assert "  " not in said
