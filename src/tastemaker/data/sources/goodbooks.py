"""goodbooks-10k: Z. Zajac (2017), six million ratings of ten thousand books on Goodreads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.layouts import GIT_BLOB
from tastemaker.data.mirrors import Content, Layout, WebFiles, WebMirror
from tastemaker.data.sources.reading import find, need, read_table
from tastemaker.data.sources.source import HAS_TAG, UNKNOWN, Source, Tables, make_source

WANTS_TO_READ: Final = "wants_to_read"
"""Relation from a person to a book that the person put on a list."""

# Git's own names of the files at the head of the repository.
_FILES: Final = Layout(
    "official",
    {
        "ratings.csv": Content(git_blob="0d245a10acfe3c89b2e4004cdbc805b99771ac5d"),
        "books.csv": Content(
            "4d21d0e0433128657c752e3a3d0405ac0ec11675d6c70c64cb0abf4ab1acb76a",
            3_286_659,
            "d694afdf5f555b51c1128c6ff562b6e54a7f75e3",
        ),
        "book_tags.csv": Content(git_blob="f82218f199850f533568eaf22529b5df1c545412"),
        "tags.csv": Content(
            "87f316957564fa21c316a4f50afc87f07906f478f990eec027aaca00c536c449",
            722_480,
            "65b5424eeec23554e9b034933e438cd12017a985",
        ),
        "to_read.csv": Content(git_blob="bd19bb1ed6b9fb20f15c42e0af23e413aeaf1c04"),
    },
)
GOODBOOKS: Final = Asset(
    name="goodbooks-10k",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(
                    f"https://raw.githubusercontent.com/zygmuntz/goodbooks-10k/master/{name}",
                    _FILES,
                    {GIT_BLOB: str(content.git_blob)},
                    max_size=200_000_000,
                )
                for name, content in _FILES.files.items()
            )
        ),
    ),
    licence="CC BY-SA 4.0",
    terms=(
        "goodbooks-10k is licensed CC BY-SA 4.0: name the source (Zygmunt Zajac. 2017. Goodbooks-10k: a new dataset\n"
        "for book recommendations. FastML), and share what you make of it under the same licence."
    ),
    homepage="https://github.com/zygmuntz/goodbooks-10k",
    size=99_000_000,
    local=(
        Layout("books", {"ratings.csv": UNKNOWN, "books.csv": UNKNOWN}),
        Layout("catalogue", {"books.csv.gz": UNKNOWN}),
    ),
)


def parse_goodbooks(folder: Path, layout: str) -> Tables:
    """Read ``ratings.csv, books.csv`` and, if they are there, ``book_tags.csv, tags.csv, to_read.csv``.

    The rows of ratings.csv are in the order of time; there are no times. Counts and averages of ratings in books.csv
    include the ratings themselves and are passed over. Tags are relations ``has_tag`` with a column ``count``, lists
    relations ``wants_to_read``; neither is dated.

    Raises:
        DataError: A file is missing or damaged.
    """
    if find(folder, "ratings.csv") is None:
        raise DataError(
            "the folder holds the books of goodbooks-10k and not their ratings",
            where=str(folder),
            remedy=f"Put ratings.csv beside books.csv; it is at {GOODBOOKS.homepage}.",
        )
    ratings = read_table(
        need(folder, "ratings.csv"), {"user_id": pl.String, "book_id": pl.String, "rating": pl.Float32}
    )
    columns = (
        "book_id", "goodreads_book_id", "isbn", "authors", "original_publication_year", "title", "language_code",
    )  # fmt: skip
    books = read_table(need(folder, "books.csv"), dict.fromkeys(columns, pl.String), quote='"')
    items = books.select(
        "title",
        "authors",
        "isbn",
        item_id="book_id",
        year=pl.col("original_publication_year").cast(pl.Float64, strict=False).cast(pl.Int32),
        language="language_code",
    ).select("item_id", "title", "authors", "year", "language", "isbn")
    facts = [*_tags(folder, books), *_lists(folder)]
    return Tables(
        ratings.rename({"book_id": "item_id"}), items, relations=pl.concat(facts, how="diagonal") if facts else None
    )


def _tags(folder: Path, books: pl.DataFrame) -> list[pl.DataFrame]:
    given, names = find(folder, "book_tags.csv"), find(folder, "tags.csv")
    if given is None or names is None:
        return []
    tags = read_table(given, {"goodreads_book_id": pl.String, "tag_id": pl.String, "count": pl.Int64})
    words = read_table(names, {"tag_id": pl.String, "tag_name": pl.String}, quote='"')
    joined = tags.join(words, on="tag_id", maintain_order="left").join(
        books.select("goodreads_book_id", "book_id"), on="goodreads_book_id", maintain_order="left"
    )
    return [joined.select(head="book_id", relation=pl.lit(HAS_TAG), tail="tag_name", count="count")]


def _lists(folder: Path) -> list[pl.DataFrame]:
    path = find(folder, "to_read.csv")
    if path is None:
        return []
    lists = read_table(path, {"user_id": pl.String, "book_id": pl.String})
    return [lists.select(head="user_id", relation=pl.lit(WANTS_TO_READ), tail="book_id")]


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        GOODBOOKS,
        "goodbooks-10k: 5,976,479 ratings of 10,000 books by 53,424 people, in order of time",
        parse_goodbooks,
        folders=("goodbooks-10k-catalogue",),
        rows=5_976_479,
    ),
)
