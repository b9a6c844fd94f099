"""Titles that a model wrote, found in the catalogue: the one item that is meant, several that may be, or none.

What is no title of the catalogue is said to be none: a title that merely looks like another is not taken for it.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.titles import normalise
from tastemaker.language.asking.trigrams import Trigrams
from tastemaker.language.cleaning import plain

How: TypeAlias = Literal["title", "alias", "spelling", "meaning"]

LIKENESS: Final = 0.82
"""The least share of letters that two spellings of a title have in common (`difflib.SequenceMatcher.ratio`)."""
MEANING: Final = 0.8
"""The least cosine between the vectors of two names of the same item."""
MARGIN: Final = 0.05
"""How much nearer the nearest is than the next, for it to be meant."""

_LONGEST: Final = 200
_SHOWN: Final = 3
_LOOKED_AT: Final = 20
_YEAR: Final = re.compile(r"\(\s*(\d{4})\s*\)")
_BARE_YEAR: Final = re.compile(r"(.*\w),?\s+(\d{4})")
_BRACKETED: Final = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_MARKUP: Final = re.compile(r"^\s*(?:[-*•]|\(?\d{1,3}[.)])\s+|[*_`\"“”«»]+")
_ARTICLES: Final = "the|a|an|le|la|les|un|une|il|lo|el|los|las|der|die|das"
_LEADING: Final = re.compile(rf"^(?:{_ARTICLES}) (?=.)|^l'(?=.)")
_TRAILING: Final = re.compile(rf",\s*(?:{_ARTICLES}|l')$")
_ROMAN: Final = {
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
}  # fmt: skip


@dataclass(frozen=True)
class Exact:
    """A title means this one item.

    Attributes:
        item_id: The item.
        title: As the catalogue has it.
        how: By its title, by another form of it, by one that is spelt nearly so, or by what the words mean.
    """

    item_id: str
    title: str
    how: How


@dataclass(frozen=True)
class Ambiguous:
    """A title may mean any of these, ``(item_id, title)``."""

    candidates: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NotInCatalogue:
    """A title is none of the catalogue; the nearest are these, ``(item_id, title)``."""

    nearest: tuple[tuple[str, str], ...] = ()


Grounded: TypeAlias = Exact | Ambiguous | NotInCatalogue


@dataclass(frozen=True)
class GroundedList:
    """What came of a list of titles.

    Attributes:
        each: What each means, in the order of the list.
        items: The items that are meant, each at its first place.
        counts: How many titles are ``exact``, ``ambiguous``, ``not in catalogue``, and ``repeated`` for an item that
            was named before.
    """

    each: tuple[Grounded, ...]
    items: tuple[str, ...]
    counts: Mapping[str, int]


class Grounder:
    """Finds what titles mean: by the title itself, by another form of it, by its spelling, at last by its meaning.

    Other forms are without case, accents, marks, a year in brackets, an article in front or behind a comma, and what
    else stands in brackets, which may be a name of its own. A year that is said has to be that of the item, or next to
    it. Titles whose numbers differ are never the same, however alike they are: "Rocky II" is not "Rocky III".

    Args:
        ids: Raw ids of the items.
        titles: The title of each.
        years: The year of each, where known.
        aliases: Raw id -> other names of it.
        encoder: Says how near titles are in meaning; without one meaning is left out. The titles are encoded when that
            is needed first: float32 ``[n, d]``.
    """

    def __init__(
        self,
        ids: Sequence[str],
        titles: Sequence[str],
        years: Sequence[int | None] | None = None,
        *,
        aliases: Mapping[str, Iterable[str]] | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self._ids, self._titles, self._encoder = list(ids), list(titles), encoder
        self._years: list[int | None] = [None] * len(self._ids) if years is None else list(years)
        self._whole: dict[str, list[int]] = defaultdict(list)
        self._first: dict[str, list[int]] = defaultdict(list)
        self._others: dict[str, list[int]] = defaultdict(list)
        for row, (item, title) in enumerate(zip(self._ids, self._titles, strict=True)):
            first, *others = _forms(title)
            if not first:
                continue
            named = [form for alias in (aliases or {}).get(item, ()) for form in _forms(alias)]
            self._whole[plain(title)].append(row)
            self._first[first].append(row)
            for form in dict.fromkeys((*others, *named)):
                if form != first:
                    self._others[form].append(row)
            self._years[row] = _year_of(title) if self._years[row] is None else self._years[row]

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue, *, encoder: Encoder | None = None) -> Grounder:
        """Return a grounder over the titles and years of a catalogue."""
        ids = catalogue.frame["item_id"].to_list()
        years = catalogue.frame["year"].to_list() if "year" in catalogue.frame.columns else None
        whole = None if years is None else [None if year is None else int(year) for year in years]
        return cls(ids, [catalogue.title(item) for item in ids], whole, encoder=encoder)

    def ground(self, text: str) -> Grounded:
        """Return what a title means.

        Args:
            text: As somebody wrote it, with list marks, quotes or a year or without.
        """
        written = plain(text[: 4 * _LONGEST])
        said = " ".join(_MARKUP.sub(" ", written).split())[:_LONGEST]
        whole = self._whole.get(written) or self._whole.get(said) or []
        if len(whole) == 1:
            return self._exact(whole[0], "title")
        found = self._known(whole, _forms(said), _year_of(said))
        dated = _BARE_YEAR.fullmatch(said)
        if found is None and dated is not None:
            found = self._known([], _forms(dated[1]), int(dated[2]))
        if found is not None:
            return found
        form, year = _forms(said)[0], _year_of(said)
        return self._spelt(form, year) or self._meant(said, year) or self._nowhere(form)

    def ground_all(self, texts: Iterable[str]) -> GroundedList:
        """Return what each title of a list means, and the items that are meant."""
        each = tuple(self.ground(text) for text in texts)
        counts, items = Counter[str](), dict[str, None]()
        for found in each:
            if isinstance(found, Exact):
                counts["repeated" if found.item_id in items else "exact"] += 1
                items[found.item_id] = None
            else:
                counts["ambiguous" if isinstance(found, Ambiguous) else "not in catalogue"] += 1
        return GroundedList(each, tuple(items), dict(counts))

    # -- the steps ---------------------------------------------------------------------------------------------

    def _known(self, whole: list[int], forms: Sequence[str], year: int | None) -> Grounded | None:
        """Return what one of some forms means, a form of a whole title before other names; ``None`` for nothing."""
        listed = [whole, *(rows[form] for form in forms for rows in (self._first, self._others) if form in rows)]
        for rows in listed:
            if found := self._dated(rows, year):
                return self._one_of(found, "alias")
        return None

    def _exact(self, row: int, how: How) -> Exact:
        return Exact(self._ids[row], self._titles[row], how)

    def _one_of(self, rows: Sequence[int], how: How) -> Grounded:
        return self._exact(rows[0], how) if len(rows) == 1 else Ambiguous(self._listed(rows))

    def _listed(self, rows: Iterable[int]) -> tuple[tuple[str, str], ...]:
        return tuple((self._ids[row], self._titles[row]) for row in rows)

    def _dated(self, rows: Sequence[int], year: int | None) -> list[int]:
        """Return the rows of a year, or else those next to it; all of them where no year is said."""
        if year is None:
            return list(rows)
        off = {row: 0 if (its := self._years[row]) is None else abs(its - year) for row in rows}
        nearest = min(off.values(), default=0)
        return [row for row in rows if off[row] == nearest] if nearest <= 1 else []

    @cached_property
    def _names(self) -> list[str]:
        """Every form of every title, as `_trigrams` numbers them."""
        return list(dict.fromkeys((*self._first, *self._others)))

    def _rows(self, name: str) -> list[int]:
        return [*self._first.get(name, ()), *self._others.get(name, ())]

    @cached_property
    def _trigrams(self) -> Trigrams:
        return Trigrams(self._names)

    def _spelt(self, form: str, year: int | None) -> Grounded | None:
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(form)
        best: dict[int, float] = {}
        for place in self._trigrams.nearest(form, _LOOKED_AT):
            name = self._names[place]
            if _numbers(name) != _numbers(form):
                continue
            matcher.set_seq1(name)
            alike = matcher.ratio() if matcher.real_quick_ratio() >= LIKENESS - MARGIN else 0.0
            for row in self._dated(self._rows(name), year):
                best[row] = max(alike, best.get(row, 0.0))
        return self._clearly(best, LIKENESS, "spelling")

    def _clearly(self, best: Mapping[int, float], least: float, how: How) -> Grounded | None:
        """Return the row that is near enough and nearer than the next by `MARGIN`; those that are not told apart."""
        ranked = sorted(best, key=lambda row: (-best[row], row))
        if not ranked or best[ranked[0]] < least:
            return None
        return self._one_of([row for row in ranked if best[row] > best[ranked[0]] - MARGIN][:_LOOKED_AT], how)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        """Of each title, of unit length."""
        assert self._encoder is not None
        return _unit(self._encoder.encode(self._titles, kind="item"))

    def _meant(self, said: str, year: int | None) -> Grounded | None:
        if self._encoder is None or not self._titles:
            return None
        near = self._vectors @ _unit(self._encoder.encode([said], kind="query"))[0]
        first = np.argsort(-near, kind="stable")[:_LOOKED_AT].tolist()
        named = _numbers(" ".join(_forms(said)[:1]))
        rows = [row for row in self._dated(first, year) if _numbers(_forms(self._titles[row])[0]) == named]
        return self._clearly({row: float(near[row]) for row in rows}, MEANING, "meaning")

    def _nowhere(self, form: str) -> NotInCatalogue:
        names = [self._names[place] for place in self._trigrams.nearest(form, _SHOWN)]
        rows = dict.fromkeys(row for name in names for row in self._rows(name))
        return NotInCatalogue(self._listed(list(rows)[:_SHOWN]))


def _year_of(title: str) -> int | None:
    found = _YEAR.search(title)
    return int(found[1]) if found else None


def _forms(title: str) -> list[str]:
    """Return the forms of a title, the whole one first: without year and brackets, and what stood in these.

    >>> _forms("Postino, Il (The Postman) (1994)")
    ['postino', 'postman']
    """
    dated = _YEAR.sub(" ", title) if _YEAR.sub(" ", title).strip() else title
    inside = [part for found in _BRACKETED.finditer(dated) for part in found.groups() if part]
    outside = _BRACKETED.sub(" ", dated)
    forms = [form for form in dict.fromkeys(map(_form, (outside, *inside))) if form]
    return forms or [normalise(title)]


def _form(name: str) -> str:
    lower = " ".join(name.casefold().replace("&", " and ").split()).strip(" .,;:!?")
    return normalise(_LEADING.sub("", _TRAILING.sub("", lower)))


def _numbers(form: str) -> Counter[int]:
    """Return the numbers in a normalised title, in figures or, behind its first word, as the Romans wrote them.

    >>> _numbers("rocky iii") == _numbers("rocky 3"), _numbers("i robot")
    (True, Counter())
    """
    first, *others = form.split() or [""]
    said = [first] if first.isdecimal() else []
    said += [str(_ROMAN.get(word, word)) for word in others]
    return Counter(int(word) for word in said if word.isdecimal())


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
