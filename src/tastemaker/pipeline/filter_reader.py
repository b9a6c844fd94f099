"""Reads the text of a filter by the grammar in ``filters.lark``; imported, and lark with it, when a filter is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import ClassVar, Final

from lark import Lark, Token, UnexpectedToken
from lark.exceptions import VisitError

from tastemaker.pipeline.conditions import Condition, leaves
from tastemaker.pipeline.filter_builder import Builder, place_of
from tastemaker.pipeline.kinds import shown
from tastemaker.pipeline.places import FilterError, Place
from tastemaker.pipeline.written import KEYWORDS

MAX_CHARACTERS: Final = 2_000
MAX_CONDITIONS: Final = 100
MAX_NESTING: Final = 20
"""How many brackets may be open at once."""

_SILENT: Final = frozenset(("and", "or", "in", "has", "between", "is", "with", "within"))
"""Keywords that only say which rule it is, and are no part of what lark hands on."""

_OPERATIONS: Final = {
    "COMPARATOR": "=, !=, <, <=, >, >=",
    "_IN": "in",
    "_HAS": "has",
    "_BETWEEN": "between",
    "_WITHIN": "within",
    "CONTAINS": "contains",
    "STARTS": "starts with",
    "_IS": "is",
}
_EXPECTED: Final = {
    "NAME": "a field",
    "NOT": "'not'",
    "LPAR": "'('",
    "COMPARATOR": "<, <=, > or >=",
    "_IN": "'in'",
    "MISSING": "'missing'",
    "PRESENT": "'present'",
    "_WITH": "'with'",
    "COMMA": "','",
    "RPAR": "')'",
    "_AND": "'and'",
    "_OR": "'or'",
    "$END": "the end",
}
_VALUES: Final = 'A value is a number, "text" in quotes, true, false, now, age, or $name for what the request says.'
_HABITS: Final = {
    "==": "Write =.",
    "&&": "Write and.",
    "||": "Write or.",
    "!": "Write not.",
    "<>": "Write !=.",
    "=<": "Write <=.",
    "=>": "Write >=.",
    "like": 'Write contains "...".',
    "month": "Write days, such as 30 days.",
    "months": "Write days, such as 90 days.",
    "year": "Write days, such as 365 days.",
    "years": "Write days, such as 730 days.",
}


class _TooDeep(Exception):
    """More brackets are open than may be."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self.token = token


class _Words:
    """Tells keywords from names, and counts open brackets, between the lexer and the parser."""

    always_accept: ClassVar[tuple[str, ...]] = ("QUOTED_NAME", "UNCLOSED", "SIGN", "STRAY")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Give the tokens as the grammar knows them."""
        depth = 0
        for token in stream:
            depth += {"LPAR": 1, "RPAR": -1}.get(token.type, 0)
            if depth > MAX_NESTING:
                raise _TooDeep(token)
            word = token.lower()
            if token.type == "QUOTED_NAME":
                yield token.update(type="NAME")
            elif token.type == "NAME" and word in KEYWORDS:
                yield token.update(type=f"_{word.upper()}" if word in _SILENT else word.upper())
            else:
                yield token


@cache
def _parser() -> Lark:
    return Lark.open_from_package(
        __package__, "filters.lark", parser="lalr", lexer="basic", postlex=_Words(), maybe_placeholders=True
    )


def read(text: str, name: str) -> Condition:
    """Return what a filter says.

    Args:
        text: The filter.
        name: What an error calls it.

    Raises:
        FilterError: It cannot be read, or is larger than may be.
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(
            f"the filter has {len(text):,} characters, and {MAX_CHARACTERS:,} are the most",
            place=Place(name, text, MAX_CHARACTERS, MAX_CHARACTERS + 1),
            remedy="Make two filters of it: all that apply have to be met.",
        )
    try:
        tree = _parser().parse(text)
        condition: Condition = Builder(name, text).transform(tree)
    except UnexpectedToken as error:
        raise _refusal(error, name, text) from None
    except _TooDeep as error:
        raise FilterError(
            f"more than {MAX_NESTING} brackets are open at once", place=place_of(name, text, error.token)
        ) from None
    except VisitError as error:
        raise error.orig_exc from None
    surplus = next(islice(leaves(condition), MAX_CONDITIONS, None), None)
    if surplus is not None:
        raise FilterError(
            f"the filter has more than {MAX_CONDITIONS} conditions",
            place=surplus.place,
            remedy="Several values of one field are one condition: field in (..., ...).",
        )
    return condition


def _refusal(error: UnexpectedToken, name: str, text: str) -> FilterError:
    """Say what stands where something else should."""
    token: Token = error.token
    place = place_of(name, text, token)
    if not text.strip():
        return FilterError("the filter is empty", place=place, remedy="Write true for one that lets every item pass.")
    if token.type == "UNCLOSED":
        return FilterError(f"a quotation mark {token[0]} is opened and not closed", place=place)
    if token.type == "RPAR" and "$END" in error.accepts:
        return FilterError("a bracket is closed that was not opened", place=place)
    expected, remedy = _in_words(error.accepts or error.expected)
    remedy = _HABITS.get(str(token).lower(), remedy)
    if token.type == "$END":
        return FilterError(f"the filter ends where {expected} should follow", place=place, remedy=remedy)
    return FilterError(f"{shown(str(token))} stands where {expected} should", place=place, remedy=remedy)


def _in_words(expected: Collection[str]) -> tuple[str, str | None]:
    """Return what should stand in a place, from what the grammar expects there, and what is to be said about it."""
    if "NUMBER" in expected:
        return "a value" if "LPAR" not in expected else "a value or '('", _VALUES
    # After a name it could also be said to end, which makes sense of true and false alone.
    if "_HAS" in expected:
        return "an operation", f"Write {_either(_OPERATIONS, expected)}."
    return _either(_EXPECTED, expected), None


def _either(words: Mapping[str, str], expected: Collection[str]) -> str:
    names = [said for terminal, said in words.items() if terminal in expected]
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
