"""Facts of items in words, and which words of a text say something: what claims are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from tastemaker.data.catalogue import PATH_SEPARATOR, Catalogue, Relations
from tastemaker.language.cleaning import plain
from tastemaker.language.keywords import item_keywords, keyword
from tastemaker.language.texts import in_words
from tastemaker.language.tfidf import words

MOST_FACTS: Final = 12
"""Facts of one item."""

_NAMED: Final = ("brand", "author")
_DECADE: Final = re.compile(r"the \d+0s")
_EMPTY: Final = frozenset(
    words(
        "a about all also an and any are as at be been but by can do for from had has have he her hers "
        "him his i if in into is it its kind kinds many me more most my no nor not of often on one only "
        "or other others our out over so some such than that the their them then there these they thing "
        "things this those to too up very was we were what when which who whom will with would you your "
        "book books film films genre genres item items movie movies person people product products "
        "somebody title titles avoid avoids dislike disliked dislikes enjoy enjoys hate hates interest "
        "interested interests like liked likes love loves prefer prefers reader readers taste viewer "
        "viewers want wants"
    )
)
"""Words that are in many texts and say of none what it is about."""


def content_words(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about, without case, accents and the plural's ending.

    >>> sorted(content_words("Likes comedies and films of the 1990s"))
    ['1990', 'comedy']
    """
    found = (word for word in words(text) if word not in _EMPTY and not (len(word) == 1 and word.isascii()))
    return frozenset(map(_singular, found))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def decade(year: int) -> str:
    """Return the ten years that a year is one of.

    >>> decade(1994)
    'the 1990s'
    """
    return f"the {year // 10 * 10}s"


def is_decade(fact: str) -> bool:
    """Say whether a fact is one of `decade`."""
    return bool(_DECADE.fullmatch(fact))


def item_facts(
    catalogue: Catalogue, item_ids: Iterable[str], relations: Relations | None = None
) -> dict[str, tuple[str, ...]]:
    """Return what is known of each item in a few words a fact, at most `MOST_FACTS`.

    They are the steps of its categories, its brand and author, its decade, and its keywords: tags and columns of
    keywords, or the words of its text that weigh most where it has neither these nor categories
    (`tastemaker.language.keywords.item_keywords`).
    """
    ids = [str(item) for item in item_ids]
    tagged = dict(zip(ids, item_keywords(catalogue, ids, relations), strict=True))
    columns = [name for name in ("categories", "year", *_NAMED) if name in catalogue.frame.columns]
    found: dict[str, tuple[str, ...]] = dict.fromkeys(ids, ())
    for row in catalogue.frame.select("item_id", *columns).iter_rows(named=True):
        if row["item_id"] in found:
            tags = tagged[row["item_id"]]
            found[row["item_id"]] = _facts(row, sorted(tags, key=lambda tag: (-tags[tag], tag)))
    return found


def _facts(row: dict[str, Any], tags: Iterable[str]) -> tuple[str, ...]:
    steps = [step for path in row.get("categories") or () for step in path.split(PATH_SEPARATOR)]
    named = [in_words(row.get(name)) for name in _NAMED]
    since = [decade(int(row["year"]))] if row.get("year") else []
    facts = {keyword(fact): plain(fact) for fact in (*steps, *named, *since) if keyword(fact)}
    for tag in tags:
        facts.setdefault(tag, tag)
    return tuple(facts.values())[:MOST_FACTS]
