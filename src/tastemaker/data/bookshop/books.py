"""The books as they lie on the shelves, and the frames and facts that follow from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

import polars as pl

ANONYMOUS: Final = "Anonymous"
"""Stands for the author of a book whose author nobody knows; it is no fact about the book."""


@dataclass(frozen=True)
class Author:
    """Who wrote a book.

    Attributes:
        name: As on the title page.
        country: Where they are at home, by today's name.
        born: Year of birth, negative before our era; ``None`` where unknown.
        died: Year of death.
    """

    name: str
    country: str
    born: int | None
    died: int | None


@dataclass(frozen=True)
class Book:
    """A book.

    Attributes:
        item_id: Made of the title's words.
        title: In English, or as it is known in English.
        author: Name, or `ANONYMOUS`.
        year: When it was first published or, before printing, written down; negative before our era; ``None`` where
            nobody knows within a century or two.
        circa: Whether ``year`` is a scholar's guess.
        language: In which it was written.
        form: Novel, poems, memoir and so on.
        length: ``short`` (an evening or two), ``medium`` or ``long`` (weeks).
        categories: Shelves, as paths.
        subjects: What it is about.
        places: Where it plays, or of what country it tells.
        period: When it plays, or was thought.
        moods: How it feels.
        keywords: Further words that a reader may remember it by.
        price: In an imaginary currency.
        available: Whether it can be bought now.
        text: What it is, in our words; one book has none.
        season: When people like to read it, if that matters.
        series: Its name and the book's place in it.
        original_title: In its own language.
        translator: Of this edition, where it matters.
        goes_with: Ids of books that are often bought together with it.
    """

    item_id: str
    title: str
    author: str
    year: int | None
    circa: bool
    language: str
    form: str
    length: str
    categories: tuple[str, ...]
    subjects: tuple[str, ...]
    places: tuple[str, ...]
    period: str
    moods: tuple[str, ...]
    keywords: tuple[str, ...]
    price: float
    available: bool
    text: str | None
    season: str | None
    series: tuple[str, int] | None
    original_title: str | None
    translator: str | None
    goes_with: tuple[str, ...]

    @cached_property
    def tags(self) -> frozenset[str]:
        """What tastes can be for or against, such as ``mood:quiet``, ``about:dogs``, ``shelf:Fiction > Comedy``."""
        found = {f"form:{self.form}", f"length:{self.length}", f"language:{self.language}", f"author:{self.author}"}
        found |= {f"shelf:{path}" for path in self.categories}
        found |= {f"about:{subject}" for subject in self.subjects}
        return frozenset(found | {f"mood:{mood}" for mood in self.moods})


@lru_cache(maxsize=1)
def read_books() -> tuple[Book, ...]:
    """Return all books, in the order of their ids."""
    shelves = (entry for entry in files(__package__).joinpath("shelves").iterdir() if entry.name.endswith(".jsonl"))
    rows = (json.loads(line) for shelf in shelves for line in shelf.read_text(encoding="utf-8").splitlines())
    return tuple(sorted((_book(row) for row in rows), key=lambda book: book.item_id))


def _book(row: Mapping[str, Any]) -> Book:
    series = row.get("series")
    return Book(
        item_id=row["id"],
        title=row["title"],
        author=row["author"],
        year=row["year"],
        circa=row.get("circa", False),
        language=row["language"],
        form=row["form"],
        length=row["length"],
        categories=tuple(row["categories"]),
        subjects=tuple(row["subjects"]),
        places=tuple(row["places"]),
        period=row["period"],
        moods=tuple(row["moods"]),
        keywords=tuple(row["keywords"]),
        price=row["price"],
        available=row.get("available", True),
        text=row.get("text"),
        season=row.get("season"),
        series=None if series is None else (series[0], series[1]),
        original_title=row.get("original_title"),
        translator=row.get("translator"),
        goes_with=tuple(row.get("goes_with", ())),
    )


@lru_cache(maxsize=1)
def read_authors() -> dict[str, Author]:
    """Return what is known of the authors, by name."""
    text = files(__package__).joinpath("authors.jsonl").read_text(encoding="utf-8")
    authors = (json.loads(line) for line in text.splitlines())
    return {row["name"]: Author(row["name"], row["country"], row["born"], row["died"]) for row in authors}


def companions(books: Sequence[Book]) -> dict[str, tuple[str, ...]]:
    """Return which books go with which, both ways: id -> ids in alphabetical order; those without any are left out."""
    found: dict[str, set[str]] = {}
    for book in books:
        for other in book.goes_with:
            found.setdefault(book.item_id, set()).add(other)
            found.setdefault(other, set()).add(book.item_id)
    return {book: tuple(sorted(others)) for book, others in sorted(found.items())}


def catalogue_frame(books: Sequence[Book]) -> pl.DataFrame:
    """Return the books as the frame of a `Catalogue`."""
    rows = [
        {
            "item_id": book.item_id,
            "title": book.title,
            "author": book.author,
            "year": book.year,
            "text": book.text,
            "categories": list(book.categories),
            "price": book.price,
            "available": book.available,
            "keywords": list(book.keywords),
            "subjects": list(book.subjects),
            "places": list(book.places),
            "period": book.period,
            "form": book.form,
            "moods": list(book.moods),
            "length": book.length,
            "language": book.language,
            "season": book.season,
            "series": book.series and book.series[0],
            "series_number": book.series and book.series[1],
            "original_title": book.original_title,
            "translator": book.translator,
            "year_is_approximate": book.circa,
        }
        for book in books
    ]
    return pl.DataFrame(rows, schema_overrides={"year": pl.Int32, "series_number": pl.Int32}, infer_schema_length=None)


def relations_frame(books: Sequence[Book], authors: Mapping[str, Author]) -> pl.DataFrame:
    """Return the facts as ``head, relation, tail``, sorted and each once."""
    facts = {fact for book in books for fact in _facts(book)}
    facts |= {(one, "goes_with", other) for one, others in companions(books).items() for other in others}
    written = {book.author for book in books}
    facts |= {(name, "at_home_in", author.country) for name, author in authors.items() if name in written}
    return pl.DataFrame(sorted(facts), schema=["head", "relation", "tail"], orient="row")


def _facts(book: Book) -> Iterator[tuple[str, str, str]]:
    said = {
        "about": book.subjects,
        "set_in": book.places,
        "set_during": (book.period,),
        "feels": book.moods,
        "has_form": (book.form,),
        "written_in": (book.language,),
        "written_by": () if book.author == ANONYMOUS else (book.author,),
        "translated_by": () if book.translator is None else (book.translator,),
        "part_of": () if book.series is None else (book.series[0],),
    }
    for relation, tails in said.items():
        for tail in tails:
            yield book.item_id, relation, tail
