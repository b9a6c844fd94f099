"""The made-up readers: a stated process, and the profiles and events that it draws. Nobody here exists.

The formulas are in ``docs/bookshop.md``; the names of the constants below are those of its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.bookshop.books import Book, companions
from tastemaker.data.bookshop.strangers import STRANGERS
from tastemaker.data.bookshop.tastes import NUISANCES, TASTES, Taste, phrase, reason_against

SEED: Final = 1843
READERS: Final = 600
START: Final = datetime(2023, 1, 1, tzinfo=UTC)
DAYS: Final = 730

POPULARITY: Final = 0.5
SEASON: Final = 1.2
PEAKS: Final = {"spring": 105, "summer": 201, "autumn": 298, "winter": 362}
SEEN_ON_THE_COVER: Final = 0.1
VISITS: Final = {"guest": 4.0, "member": 8.0, "student": 6.0}
LOOKS: Final = 1.5
BUYS: Final = 0.7
ONE_MORE: Final = 0.45
GOES_WITH: Final = 0.6
BASKET: Final = 4
SPEAKS: Final = 0.5
SPEAKS_AGAINST: Final = 0.9
RATING: Final = (3.3, 0.6, 0.7)

VIEW_WEIGHT: Final = 0.2
EVENT_WEIGHTS: Final = {"view": VIEW_WEIGHT, "buy": 1.0, "like": 1.0, "rate": 0.2, "dislike": -1.0}

AGES: Final = ("under 18", "18-29", "30-44", "45-64", "65 and over")
PLACES: Final = (
    "Aberdeen", "Bergen", "Bristol", "Cork", "Ghent", "Graz", "Halifax", "Leeds", "Lyon", "Porto", "Turku", "Zagreb",
)  # fmt: skip

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reader:
    """Somebody who does not exist.

    Attributes:
        user_id: ``r001`` and so on.
        text: A sentence in their own words, of strangers only; they have nothing else, and no events.
        age: One of `AGES`; it says nothing about taste, and nor does the place.
        place: A town.
        membership: A key of `VISITS`.
        likes: What they say they like, in words.
        dislikes: What they say they do not want, in words; ``None`` where nothing.
        wants: Tags and how much they add; never shown to a model.
        avoids: Tags and how much they take away; never shown to a model.
    """

    user_id: str
    text: str | None = None
    age: str | None = None
    place: str | None = None
    membership: str | None = None
    likes: str | None = None
    dislikes: str | None = None
    wants: Mapping[str, float] = field(default_factory=dict)
    avoids: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Deed:
    """One event of the log: its fields are the log's columns."""

    user_id: str
    item_id: str
    timestamp: datetime
    event: str
    weight: float
    rating: float | None = None
    reason: str | None = None
    basket: str | None = None


@dataclass(frozen=True)
class Shop:
    """What the process drew.

    Attributes:
        readers: In the order of their ids.
        deeds: The events, in the order of time.
        process: What they were drawn from.
    """

    readers: Sequence[Reader]
    deeds: Sequence[Deed]
    process: Process


class Process:
    """How likely a reader is to pick a book on a day.

    Args:
        books: The books.
        rng: Draws how much a book is picked by anybody; says nothing about the real book.
    """

    def __init__(self, books: Sequence[Book], rng: np.random.Generator) -> None:
        self.books = books
        self.place = {book.item_id: number for number, book in enumerate(books)}
        self.popularity: Values = rng.normal(0.0, POPULARITY, len(books))
        self.companions = {
            self.place[one]: np.asarray([self.place[other] for other in others])
            for one, others in companions(books).items()
        }
        self.available = np.asarray([book.available for book in books])
        self._seasonal = np.asarray([book.season is not None for book in books])
        self._peaks = np.asarray([PEAKS[book.season] if book.season else 0 for book in books])

    @cached_property
    def _with_tag(self) -> dict[str, Values]:
        tags = {tag for book in self.books for tag in book.tags}
        return {tag: np.asarray([tag in book.tags for book in self.books], dtype=np.float64) for tag in tags}

    def has(self, tag: str) -> Values:
        """Return 1 for the books that a tag fits and 0 for the others, float64 ``[b]``."""
        return self._with_tag.get(tag, np.zeros(len(self.books)))

    def liking(self, reader: Reader, *, avoided: float = 1.0) -> Values:
        """Return how much a reader likes each book, float64 ``[b]``: equation 1, with dislikes times ``avoided``."""
        total = np.zeros(len(self.books))
        for tag, strength in reader.wants.items():
            total += strength * self.has(tag)
        for tag, strength in reader.avoids.items():
            total -= avoided * strength * self.has(tag)
        return total

    @cached_property
    def _shared(self) -> Values:
        """Which share of the books of one taste another fits too, float64 ``[other, one]``."""
        fits = np.stack([self.has(taste.tag) for taste in TASTES])
        return np.asarray(fits @ fits.T / np.maximum(fits.sum(axis=1), 1))

    def dislikable(self, wanted: Sequence[Taste]) -> list[Taste]:
        """Return what a reader can be against: what they would meet in books they want, in fewer than half of each."""
        shares = self._shared[:, [TASTES.index(taste) for taste in wanted]]
        met = (shares > 0).any(axis=1) & (shares < 0.5).all(axis=1)
        return [taste for taste, may in zip(TASTES, np.asarray(met).tolist(), strict=True) if may and taste.against]

    def season(self, day: int) -> Values:
        """Return what the time of the year adds to each book on a day since `START`, float64 ``[b]``: equation 2."""
        angle = 2 * np.pi * (day + 1 - self._peaks) / 365.25
        return np.where(self._seasonal, SEASON * np.cos(angle), 0.0)

    def chances(self, reader: Reader, day: int) -> Values:
        """Return how likely a reader picks each book on a day, float64 ``[b]``, summing to 1: equation 3."""
        drawn_to = self.liking(reader, avoided=SEEN_ON_THE_COVER) + self.popularity + self.season(day)
        odds = np.exp(drawn_to - drawn_to.max())
        return np.asarray(odds / odds.sum())


def make_shop(books: Sequence[Book], seed: int = SEED) -> Shop:
    """Draw the readers and what they did; the same seed gives the same shop.

    Args:
        books: The books.
        seed: Decides everything.
    """
    of_books, of_people, of_deeds = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3))
    process = Process(books, of_books)
    readers = _readers(process, of_people)
    deeds = [deed for reader in readers if reader.membership for deed in _Life(process, reader, of_deeds).deeds()]
    deeds.sort(key=lambda deed: (deed.timestamp, deed.user_id))
    return Shop(readers, deeds, process)


def _readers(process: Process, rng: np.random.Generator) -> list[Reader]:
    """Draw the profiles; those who are known by a sentence alone are anywhere among them."""
    unknown = dict(zip(rng.choice(READERS, len(STRANGERS), replace=False).tolist(), STRANGERS, strict=True))
    readers = []
    for number in range(READERS):
        name = f"r{number + 1:03}"
        if number in unknown:
            known = unknown[number]
            wants, avoids = dict.fromkeys(known.wants, 2.0), dict.fromkeys(known.avoids, 3.0)
            readers.append(Reader(name, known.text, wants=wants, avoids=avoids))
        else:
            readers.append(_reader(name, process, rng))
    return readers


def _reader(name: str, process: Process, rng: np.random.Generator) -> Reader:
    wanted = [TASTES[place] for place in rng.choice(len(TASTES), rng.integers(2, 5), replace=False)]
    against = process.dislikable(wanted)
    avoided = [against[place] for place in rng.permutation(len(against))[: rng.integers(0, 3)]]
    wants = {taste.tag: float(rng.uniform(1.0, 2.5)) for taste in wanted}
    avoids = {taste.tag: float(rng.uniform(2.0, 4.0)) for taste in avoided}
    wanted.sort(key=lambda taste: -wants[taste.tag])
    likes = [phrase(taste.words, rng) for taste in wanted[:2]]
    dislikes = [phrase(taste.against, rng) for taste in avoided]
    return Reader(
        user_id=name,
        age=str(rng.choice(AGES)),
        place=str(rng.choice(PLACES)),
        membership=str(rng.choice(list(VISITS))),
        likes="; ".join(likes),
        dislikes="; ".join(dislikes) or None,
        wants=wants,
        avoids=avoids,
    )


class _Life:
    """Draws the two years of one reader."""

    def __init__(self, process: Process, reader: Reader, rng: np.random.Generator) -> None:
        self._process, self._reader, self._rng = process, reader, rng
        self._liking = process.liking(reader)
        self._owned = np.zeros(len(process.books), dtype=bool)
        self._deeds: list[Deed] = []

    def deeds(self) -> list[Deed]:
        rng = self._rng
        visits = 1 + int(rng.poisson(VISITS[self._reader.membership or "guest"]))
        for number, day in enumerate(np.sort(rng.integers(0, DAYS, visits)).tolist()):
            moment = START + timedelta(days=day, hours=int(rng.integers(9, 19)), minutes=int(rng.integers(60)))
            chances = self._process.chances(self._reader, day)
            for step in range(max(int(rng.poisson(LOOKS)), int(number == 0))):
                self._note(self._draw(chances), moment + timedelta(minutes=step), "view")
            if rng.random() < BUYS:
                self._buy(chances, moment + timedelta(minutes=20), f"{self._reader.user_id}-{number + 1}")
        return self._deeds

    def _buy(self, chances: Values, moment: datetime, basket: str) -> None:
        """Fill a basket, and draw what becomes of each book of it."""
        rng, book = self._rng, self._pick(chances)
        for place in range(1, BASKET + 1):
            self._owned[book] = True
            self._note(book, moment, "buy", basket=basket)
            self._judge(book, moment + timedelta(days=int(rng.integers(5, 41))))
            if place == BASKET or rng.random() >= ONE_MORE:
                break
            others = self._process.companions.get(book, np.empty(0, dtype=np.int64))
            others = others[~self._owned[others] & self._process.available[others]] if len(others) else others
            together = len(others) > 0 and rng.random() < GOES_WITH
            book = int(rng.choice(others)) if together else self._pick(chances)

    def _pick(self, chances: Values) -> int:
        return self._draw(np.where(self._owned | ~self._process.available, 0.0, chances))

    def _draw(self, odds: Values) -> int:
        total = np.cumsum(odds)
        return int(np.searchsorted(total, self._rng.random() * total[-1], side="right"))

    def _judge(self, book: int, moment: datetime) -> None:
        level, slope, noise = RATING
        rating = float(np.clip(np.rint(level + slope * self._liking[book] + self._rng.normal(0, noise)), 1, 5))
        speaks = self._rng.random() < (SPEAKS if rating > 2 else SPEAKS_AGAINST)
        if not speaks or moment >= START + timedelta(days=DAYS):
            return
        if rating >= 4:
            self._note(book, moment, "like", rating=rating)
        elif rating == 3:
            self._note(book, moment, "rate", rating=rating)
        else:
            self._note(book, moment, "dislike", rating=rating, reason=self._reason(book))

    def _reason(self, book: int) -> str:
        """Say why not: for something the reader avoids, else for a trait that bothers many, else for no reason."""
        tags = self._process.books[book].tags
        avoided = [taste for tag in self._reader.avoids if tag in tags and (taste := reason_against(tag))]
        bothers = [] if avoided else [trait for trait in NUISANCES if trait.tag in tags]
        known = avoided or bothers or [NUISANCES[-1]]
        return phrase(known[int(self._rng.integers(len(known)))].reasons, self._rng)

    def _note(
        self,
        book: int,
        moment: datetime,
        event: str,
        *,
        rating: float | None = None,
        reason: str | None = None,
        basket: str | None = None,
    ) -> None:
        item = self._process.books[book].item_id
        deed = Deed(self._reader.user_id, item, moment, event, EVENT_WEIGHTS[event], rating, reason, basket)
        self._deeds.append(deed)
