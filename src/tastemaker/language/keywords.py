"""Keywords: what people or the catalogue call an item in a word or two, or what its text does where nobody did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import polars as pl

from tastemaker.data.catalogue import PATH_SEPARATOR, Catalogue, Relations
from tastemaker.language.tfidf import Tfidf, words

RELATION: Final = "has_tag"
"""The relation from an item to one of its keywords."""

COLUMNS: Final = ("keywords", "tags")
"""Columns of a catalogue that hold keywords: lists, or text with commas."""

LONGEST: Final = 3
"""Words of the longest keyword that is looked for within a sentence."""

PER_ITEM: Final = 10
"""How many keywords are taken out of a text."""

_FIELDS: Final = ("title", "text", "brand")
_SEPARATORS: Final = str.maketrans(dict.fromkeys(";|\n\t", ","))


def keyword(text: str) -> str:
    """Return a keyword as it is compared: its words without case, accents and punctuation.

    >>> keyword("  Film-Noir!")
    'film noir'
    """
    return " ".join(words(text))


def split_keywords(text: str) -> list[str]:
    """Return the keywords of a text with commas, each once, in their order.

    >>> split_keywords("Sea stories; quiet, sea  stories")
    ['sea stories', 'quiet']
    """
    return list(dict.fromkeys(found for part in text.translate(_SEPARATORS).split(",") if (found := keyword(part))))


def phrases(text: str, longest: int = LONGEST) -> list[str]:
    """Return every run of up to ``longest`` words of a text, the longest first.

    >>> phrases("quiet sea", 2)
    ['quiet sea', 'quiet', 'sea']
    """
    found = words(text)
    runs = [found[start : start + size] for size in range(longest, 0, -1) for start in range(len(found) - size + 1)]
    return [" ".join(run) for run in runs]


def item_keywords(
    catalogue: Catalogue, item_ids: Iterable[str], relations: Relations | None = None
) -> list[dict[str, int]]:
    """Return the keywords of each item, and how often each was given to it.

    They are the tags that people gave (relation ``has_tag``, once for each row, or as often as a column ``count``
    says), the columns `COLUMNS` and the steps of the categories. An item that has none of these gets the `PER_ITEM`
    terms of its title, text and brand that weigh most: words and pairs of words by TF-IDF over the catalogue. Events
    are not read.

    Args:
        catalogue: What is known of the items.
        item_ids: The items, in the order of the answer.
        relations: Facts that may be learnt from.
    """
    ids = [str(item) for item in item_ids]
    found: dict[str, Counter[str]] = {item: Counter() for item in ids}
    for item, tag, often in _tags(relations):
        if item in found and (name := keyword(tag)):
            found[item][name] += often
    columns = [name for name in (*COLUMNS, "categories", *_FIELDS) if name in catalogue.frame.columns]
    lacking: dict[str, list[str]] = {}
    for row in catalogue.frame.select("item_id", *columns).iter_rows(named=True):
        own = found.get(row["item_id"])
        if own is not None:
            own.update(_listed(row))
            if not own:
                lacking[row["item_id"]] = _terms(row)
    if lacking:
        for item, extracted in zip(lacking, _heaviest(list(lacking.values())), strict=True):
            found[item].update(extracted)
    return [dict(found[item]) for item in ids]


def _tags(relations: Relations | None) -> Iterable[tuple[str, str, int]]:
    if relations is None:
        return
    tags = relations.frame.filter(pl.col("relation") == RELATION)
    often = tags["count"] if "count" in tags.columns else pl.Series([1] * tags.height)
    counts = often.cast(pl.Int64, strict=False).fill_null(1).clip(1)
    yield from zip(tags["head"].to_list(), tags["tail"].to_list(), counts.to_list(), strict=True)


def _listed(row: Mapping[str, Any]) -> list[str]:
    """Return the keywords that a row of the catalogue names itself."""
    named: list[str] = []
    for column in COLUMNS:
        value = row.get(column)
        named += split_keywords(", ".join(map(str, value)) if isinstance(value, list) else str(value or ""))
    for path in row.get("categories") or []:
        named += [step for part in path.split(PATH_SEPARATOR) if (step := keyword(part))]
    return list(dict.fromkeys(named))


def _terms(row: Mapping[str, Any]) -> list[str]:
    """Return words and pairs of words of the texts of a row."""
    found: list[str] = []
    for field in _FIELDS:
        run = words(row.get(field) or "")
        found += [word for word in run if len(word) > 2]
        found += [f"{one} {other}" for one, other in pairwise(run)]
    return found


def _heaviest(texts: Sequence[list[str]]) -> list[list[str]]:
    """Return the terms of each text that weigh most; of pairs of words only those that two texts have."""
    weights = Tfidf.of(texts, min_texts=1)
    idf = dict(zip(weights.terms, weights.idf.tolist(), strict=True))
    alone = max(idf.values(), default=0.0)
    chosen = []
    for text in texts:
        counts = Counter(term for term in text if " " not in term or idf[term] < alone)
        ordered = sorted(counts, key=lambda term: (-counts[term] * idf[term], term))
        chosen.append(ordered[:PER_ITEM])
    return chosen
