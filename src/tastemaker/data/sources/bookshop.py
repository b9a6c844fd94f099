"""The bookshop, a sample data set of our own in the package itself; what is in it: `tastemaker.data.bookshop`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.run import Run
from tastemaker.data.assets import Asset, show_terms
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import TIME
from tastemaker.data.sources.source import Notify, Source, Tables

SYNTHETIC: Final = (
    "The readers of the bookshop are made up by a stated process, events and all: what is measured on them shows that "
    "something works, and never which method is better (synthetic: not for ranking methods)."
)
BOOKSHOP: Final = Asset(
    name="bookshop",
    mirrors=(),
    licence="Apache-2.0, like Tastemaker; synthetic readers, not for ranking methods",
    terms=(
        "The bookshop comes with Tastemaker, under the same licence (Apache-2.0). The books are real and in the\n"
        "public domain; what is said of them, and their prices, was written for this shop. The readers are synthetic:\n"
        "none of them exists. It is for showing and testing what words do, never for ranking methods."
    ),
    homepage="https://www.apache.org/licenses/LICENSE-2.0",
    size=0,
)

_EVENTS: Final = pl.Schema(
    {
        "user_id": pl.String(),
        "item_id": pl.String(),
        "timestamp": TIME,
        "event": pl.String(),
        "weight": pl.Float32(),
        "rating": pl.Float32(),
        "reason": pl.String(),
        "basket": pl.String(),
    }
)
_USERS: Final = pl.Schema(
    dict.fromkeys(("user_id", "text", "age", "place", "membership", "likes", "dislikes"), pl.String())
)


def bookshop_tables() -> Tables:
    """Return the tables of the bookshop.

    Beside what every data set has, an event knows its ``rating`` (1 to 5), the ``reason`` of a dislike in words, and
    the ``basket`` of a purchase.
    """
    from tastemaker.data.bookshop import make_shop, read_authors, read_books
    from tastemaker.data.bookshop.books import catalogue_frame, relations_frame

    books = read_books()
    shop = make_shop(books)
    people = [{name: getattr(reader, name) for name in _USERS} for reader in shop.readers]
    return Tables(
        pl.DataFrame([asdict(deed) for deed in shop.deeds], schema=_EVENTS),
        catalogue_frame(books),
        pl.DataFrame(people, schema=_USERS),
        relations_frame(books, read_authors()),
        variant="synthetic",
    )


def _load(data: Path | None, run: Run, notify: Notify, *, accept_unknown: bool = False) -> Dataset:
    show_terms(BOOKSHOP, notify)
    return bookshop_tables().dataset(BOOKSHOP.name)


SOURCES: Final[tuple[Source, ...]] = (
    Source(
        name=BOOKSHOP.name,
        title="Bookshop: public-domain books in our own words, 600 made-up readers; synthetic, for showing",
        licence=BOOKSHOP.licence,
        homepage=BOOKSHOP.homepage,
        size=0,
        folders=(BOOKSHOP.name,),
        load=_load,
        asset=BOOKSHOP,
        confirmed="part of the package",
        packaged=Path(__file__).parents[1] / BOOKSHOP.name,
        synthetic=SYNTHETIC,
    ),
)
