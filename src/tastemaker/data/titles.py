"""Finding items by title: what a person types, matched exactly, by words, or by likeness."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import AmbiguousItemError, UnknownItemError

_LIKENESS: Final = 0.75
_BUCKETS: Final = 64
_BRACKETED = re.compile(r".*\[(?P<id>[^\[\]]+)\]\s*")


def normalise(title: str) -> str:
    """Return a title without case, accents and punctuation; one of nothing else keeps its punctuation.

    >>> normalise("Amélie: the  (2001) Film!")
    'amelie the 2001 film'
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", title).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain)) or " ".join(plain.split())


def year_in_words(year: int) -> str:
    """Return a year as people write it; those before our era are negative in the data.

    >>> year_in_words(1851), year_in_words(-750)
    ('1851', '750 BC')
    """
    return str(year) if year >= 0 else f"{-year} BC"


class TitleIndex:
    """Titles and their items.

    Args:
        ids: Raw item ids.
        titles: The title of each.
        years: The year of each, where known; "Heat (1995)" then finds the "Heat" of that year.
    """

    def __init__(self, ids: list[str], titles: list[str], years: Sequence[int | None] | None = None) -> None:
        self._ids = ids
        self._titles = titles
        self._years = list(years) if years is not None else [None] * len(ids)
        self._normal = [normalise(title) for title in titles]
        self._exact: dict[str, list[int]] = defaultdict(list)
        for row, (normal, year) in enumerate(zip(self._normal, self._years, strict=True)):
            self._exact[normal].append(row)
            if year is not None:
                self._exact[f"{normal} {year_in_words(year).lower()}"].append(row)
        dated = (year_in_words(year).lower() if year else "" for year in self._years)
        self._words = pl.Series(
            [f" {normal} {year}" for normal, year in zip(self._normal, dated, strict=True)], dtype=pl.String
        )
        self._known = set(ids)

    def search(self, text: str, limit: int = 10) -> list[tuple[str, str]]:
        """Return ``(item_id, title)`` of the items whose titles fit ``text``, best first.

        Exact titles come first, then titles that start with the text, then titles that hold the start of each of
        its words, shorter titles first; if none fits, those that look alike. A year counts as a word.
        """
        wanted = normalise(text)
        if not wanted or limit < 1:
            return []
        exact = set(self._exact.get(wanted, ()))
        ranked: list[tuple[int, int, int]] = []
        for row in self._holding(wanted.split()):
            normal = self._normal[row]
            tier = 0 if row in exact else 1 if normal.startswith(wanted) else 2
            ranked.append((tier, len(normal) if tier else 0, row))
        rows = [row for _, _, row in sorted(ranked)] or self._alike(wanted, limit)
        return [(self._ids[row], self._titles[row]) for row in rows[:limit]]

    def resolve(self, text: str) -> str:
        """Return the one item that ``text`` means: its exact title, its id, or the only title that fits.

        A title may carry its year, ``Heat (1995)``, or its id, ``Heat [1265]``.

        Raises:
            UnknownItemError: Nothing fits; the remedy names the nearest titles.
            AmbiguousItemError: Several titles fit; ``candidates`` holds them.
        """
        wanted = normalise(text)
        exact = self._exact.get(wanted, []) if wanted else []
        bracketed = _BRACKETED.fullmatch(text)
        if bracketed and bracketed["id"] in self._known and not any(self._titles[row] == text for row in exact):
            return bracketed["id"]
        if len(exact) == 1:
            return self._ids[exact[0]]
        if text in self._known:
            return text
        found = [(self._ids[row], self._titles[row]) for row in exact] or self.search(text)
        if not found or not (exact or len(self._holding(wanted.split()))):
            nearest = ", ".join(f"'{title}'" for _, title in found[:3])
            raise UnknownItemError(
                f"no title fits '{text}'", remedy=f"Nearest: {nearest}." if nearest else "Try fewer words."
            )
        if len(found) == 1:
            return found[0][0]
        listed = "; ".join(f"{self._dated(item, title)} [{item}]" for item, title in found[:5])
        raise AmbiguousItemError(
            f"'{text}' fits {len(found) if len(found) < 10 else '10 or more'} titles: {listed}",
            candidates=found,
            remedy="Give the full title or the id in brackets.",
        )

    @cached_property
    def _year_of(self) -> dict[str, int | None]:
        return dict(zip(self._ids, self._years, strict=True))

    def _dated(self, item: str, title: str) -> str:
        year = self._year_of[item]
        return f"{title} ({year_in_words(year)})" if year is not None else title

    def _holding(self, words: list[str]) -> list[int]:
        """Return the rows whose title or year holds the start of each word."""
        fits = pl.repeat(True, len(self._words), eager=True, dtype=pl.Boolean)
        for word in words:
            fits &= self._words.str.contains(f" {word}", literal=True)
        return fits.arg_true().to_list()

    def _alike(self, wanted: str, limit: int) -> list[int]:
        """Return the rows whose titles are spelled most like ``wanted``, best first."""
        names, counts = self._letters
        shared = np.minimum(counts, _letter_counts([wanted])).sum(axis=1, dtype=np.int64)
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
        possible = np.flatnonzero(2 * shared >= _LIKENESS * (lengths + len(wanted)))
        close = difflib.get_close_matches(wanted, [names[place] for place in possible], n=limit, cutoff=_LIKENESS)
        return [row for normal in close for row in self._exact[normal]]

    @cached_property
    def _letters(self) -> tuple[list[str], NDArray[np.uint8]]:
        """Distinct titles and their letter counts: what two share of them bounds how alike they can be."""
        names = list(dict.fromkeys(self._normal))
        return names, _letter_counts(names)


def _letter_counts(names: list[str]) -> NDArray[np.uint8]:
    """Return how often each letter occurs, letters folded into 64 places, uint8 ``[m, 64]``."""
    letters = np.frombuffer("".join(names).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owners = np.repeat(np.arange(len(names)), [len(name) for name in names])
    places = owners * _BUCKETS + letters % _BUCKETS
    counts = np.bincount(places, minlength=len(names) * _BUCKETS)
    return np.minimum(counts, 255).astype(np.uint8).reshape(len(names), _BUCKETS)
