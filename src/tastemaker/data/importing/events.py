"""Kinds of event: what shops call them, and how much one counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

EVENT_WEIGHTS: Final[Mapping[str, float]] = {
    "view": 0.3,
    "cart": 0.6,
    "buy": 1.0,
    "like": 1.0,
    "dislike": -1.0,
    "hide": -1.0,
}
"""How much an event counts where nothing else is said; a negative one speaks against the item."""

ALIASES: Final[Mapping[str, str]] = {
    "click": "view",
    "detail": "view",
    "pageview": "view",
    "page_view": "view",
    "product_view": "view",
    "viewed": "view",
    "add_to_cart": "cart",
    "addtocart": "cart",
    "add-to-cart": "cart",
    "basket": "cart",
    "add_to_basket": "cart",
    "bought": "buy",
    "order": "buy",
    "purchase": "buy",
    "purchased": "buy",
    "transaction": "buy",
    "favorite": "like",
    "favourite": "like",
    "liked": "like",
    "thumbs_up": "like",
    "disliked": "dislike",
    "thumbs_down": "dislike",
    "hidden": "hide",
    "not_interested": "hide",
}
"""Other names of the kinds in `EVENT_WEIGHTS`; whatever else a log holds keeps its name."""

UNNAMED: Final = "interaction"
_MOST: Final = 100


def known_kinds() -> frozenset[str]:
    """Return every name that is recognised, in lower case."""
    return frozenset((*EVENT_WEIGHTS, *ALIASES))


def read_events(column: pl.Series, weights: Mapping[str, float]) -> tuple[pl.Series, pl.Series, dict[str, int]]:
    """Return the kinds under our names, their weights, and how often each unknown kind occurs.

    Args:
        column: Text; null and empty are "just an interaction".
        weights: What the user said of a kind, under its name in the file or under ours, in lower case.
    """
    kinds: dict[str | None, str] = {}
    amounts: dict[str | None, float] = {}
    unknown: set[str] = set()
    for raw in column.unique().to_list():
        name = (raw or "").strip()
        plain = name.lower()
        ours = ALIASES.get(plain, plain if plain in EVENT_WEIGHTS else name or UNNAMED)
        kinds[raw] = ours
        amounts[raw] = weights.get(plain, weights.get(ours.lower(), EVENT_WEIGHTS.get(ours, 1.0)))
        if name and ours not in EVENT_WEIGHTS and not {plain, ours.lower()} & weights.keys():
            unknown.add(raw)
    event = column.replace_strict(kinds, return_dtype=pl.String)
    weight = column.replace_strict(amounts, return_dtype=pl.Float32)
    return event, weight, _counts(column, unknown)


def _counts(column: pl.Series, unknown: set[str]) -> dict[str, int]:
    if not unknown:
        return {}
    found = column.filter(column.is_in(list(unknown))).str.strip_chars().value_counts(sort=True, name="n").rows()
    found.sort(key=lambda row: (-row[1], row[0]))
    counts = {str(kind): int(count) for kind, count in found[:_MOST]}
    if len(found) > _MOST:
        counts["(others)"] = sum(int(count) for _, count in found[_MOST:])
    return counts
