"""Titles of a shop as people name them in a sentence: found by their words, or by spelling where a cue names one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Self

import numpy as np

from tastemaker.agents.phrases import Phrases
from tastemaker.agents.tokens import words_of
from tastemaker.language.asking.grounding import Exact, Grounder
from tastemaker.pipeline.shelf import Shelf

_YEAR: Final = re.compile(r"\(\s*(?:1[89]|20)\d\d\s*\)")
_BRACKETED: Final = re.compile(r"\(([^()]*)\)")
_SWAPPED: Final = re.compile(r"^(.*), (\w{1,4}['\u2019]?)$")
_SUBTITLE: Final = re.compile(r"\s*:\s+|\s+[-\u2013\u2014]\s+")
_ARTICLES: Final = frozenset(
    (
        "the",
        "a",
        "an",
        "le",
        "la",
        "les",
        "un",
        "une",
        "il",
        "lo",
        "el",
        "los",
        "las",
        "der",
        "die",
        "das",
        "ein",
        "eine",
    )
)
_ALIASES: Final = ("original_title", "alternative_title", "aliases")


class Titles:
    """The titles of items, and other names of them.

    Args:
        ids: Raw ids of the items.
        titles: The title of each.
        years: The year of each, where known; of two items of one title a year tells which.
        aliases: Raw id -> other names of it.
    """

    def __init__(
        self,
        ids: Sequence[str],
        titles: Sequence[str],
        years: Sequence[int | None] | None = None,
        aliases: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._ids, self._titles, self._aliases = list(ids), list(titles), dict(aliases or {})
        self._years = [None] * len(self._ids) if years is None else list(years)
        self._year_of = dict(zip(self._ids, self._years, strict=True))
        self._title_of = dict(zip(self._ids, self._titles, strict=True))
        self.phrases: Phrases[str] = Phrases()
        short: Phrases[str] = Phrases()
        for item, title in zip(self._ids, self._titles, strict=True):
            for name in (title, *self._aliases.get(item, ())):
                for place, form in enumerate(_forms(name)):
                    (self.phrases if place == 0 or form[1] else short).add(form[0], item)
        # What stands before a colon names an item only where no other is called so.
        for before in short:
            if before not in self.phrases and len(short.get(before)) == 1:
                self.phrases.add(before.split(), short.get(before)[0])
        self.words = frozenset(word for form in self.phrases for word in form.split())

    @classmethod
    def of_shelf(cls, shelf: Shelf) -> Self:
        """Return the titles of the items on a shelf that are not withdrawn."""
        numbers = np.flatnonzero(shelf.present).tolist()
        fields = shelf.fields()
        ids = [str(shelf.ids[number]) for number in numbers]
        years = [shelf.year(number) if "year" in fields else None for number in numbers]
        others = {
            item: list(_texts(shelf.value(number, name) for name in _ALIASES if name in fields))
            for item, number in zip(ids, numbers, strict=True)
        }
        return cls(ids, [shelf.title(number) for number in numbers], years, others)

    def title(self, item: str) -> str:
        """Return the title of an item, or its id."""
        return self._title_of.get(item, item)

    def of_year(self, items: Sequence[str], year: int) -> tuple[str, ...]:
        """Return which items are of a year."""
        return tuple(item for item in items if self._year_of.get(item) == year)

    def spelt(self, text: str) -> str | None:
        """Return the item whose title is spelt nearly as a text, and no other's; ``None`` where there is none."""
        found = self._grounder.ground(text)
        return found.item_id if isinstance(found, Exact) else None

    @cached_property
    def _grounder(self) -> Grounder:
        return Grounder(self._ids, self._titles, self._years, aliases=self._aliases)


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from value


def _forms(title: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the words of each form of a title, the whole one first, and whether it is all of a name."""
    dated = _YEAR.sub(" ", title).strip() or title
    outside = _BRACKETED.sub(" ", dated).strip() or dated
    for name in (outside, *(inside for inside in _BRACKETED.findall(dated) if inside.strip())):
        swapped = _SWAPPED.match(name)
        if swapped is not None and swapped[2].lower().strip("'\u2019") in _ARTICLES:
            name = f"{swapped[2]} {swapped[1]}"
        words = words_of(name)
        if not words:
            continue
        yield words, True
        if words[0] in _ARTICLES and len(words) > 1:
            yield words[1:], True
        before = words_of(_SUBTITLE.split(name, maxsplit=1)[0])
        if before and before != words:
            yield before, False
