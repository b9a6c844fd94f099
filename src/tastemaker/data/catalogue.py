"""The items, the people and the facts between them, as frames with agreed column names."""

from __future__ import annotations

import html
from functools import cached_property
from typing import Any, Final

import polars as pl

from tastemaker.core.errors import DataError, UnknownItemError
from tastemaker.data.interactions import as_id_column
from tastemaker.data.titles import TitleIndex, year_in_words

PATH_SEPARATOR: Final = " > "
"""Joins the steps of a category path, from the widest to the narrowest."""


def as_categories(column: pl.Series) -> pl.Series:
    """Return categories as ``List[String]``: a list, paths as lists, JSON (either), or text split at ``|``."""
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if isinstance(column.dtype, pl.List):
        if isinstance(column.dtype.inner, pl.List):
            return column.list.eval(pl.element().cast(pl.List(pl.String)).list.join(PATH_SEPARATOR))
        return column.cast(pl.List(pl.String))
    return pl.Series(column.name, [_categories_of(value) for value in column.cast(pl.String)], dtype=pl.List(pl.String))


def _categories_of(value: str | None) -> list[str]:
    import json

    if not value:
        return []
    if not value.startswith("["):
        return [part.strip() for part in value.split("|") if part.strip()]
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        return [value]
    return [PATH_SEPARATOR.join(map(str, entry)) if isinstance(entry, list) else str(entry) for entry in parsed]


_TRUE, _FALSE = ("true", "1", "1.0", "yes", "y", "t"), ("false", "0", "0.0", "no", "n", "f")


def as_flags(column: pl.Series) -> pl.Series:
    """Return a yes-or-no column as Boolean: truth values, 0 and 1, or such words; empty text is null.

    Raises:
        DataError: A value is neither yes nor no.
    """
    if column.dtype == pl.Boolean:
        return column
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase().replace("", None)
    unknown = words.is_not_null() & ~words.is_in([*_TRUE, *_FALSE])
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise DataError(
            f"column '{column.name}' says neither yes nor no",
            where=f"row {row + 1}: '{column[row]}'",
            remedy="Write true or false.",
        )
    return words.is_in(_TRUE).rename(column.name)


def _plain(text: str) -> str:
    """Return a text without HTML entities, escaped twice or not, so that cleaning what is clean changes nothing."""
    while "&" in text and (plain := html.unescape(text)) != text:
        text = plain
    return text


class Catalogue:
    """Items: ``item_id`` and what is known of each.

    Known columns are ``title`` and ``text`` (text), ``categories`` (list of text; a path's steps are joined by
    `PATH_SEPARATOR`), ``year`` (whole number), ``price`` (number), ``brand`` (text) and ``available`` (yes or no);
    others stay as they are. A year or price that is no number is null.
    Duplicate titles are allowed and never keys.

    Args:
        frame: One row an item.

    Raises:
        DataError: ``item_id`` is missing, null or repeated.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        if "item_id" not in frame.columns:
            raise DataError("the catalogue has no column 'item_id'", where=f"columns: {', '.join(frame.columns)}")
        frame = frame.with_columns(as_id_column(frame["item_id"]))
        lacking = (frame["item_id"].fill_null("") == "").arg_true()
        if len(lacking):
            raise DataError(
                "an item has no id", where=f"row {lacking[0] + 1} of the catalogue", remedy="Give it one, or drop it."
            )
        doubled = frame.filter(pl.col("item_id").is_duplicated())
        if doubled.height:
            raise DataError(
                f"{doubled['item_id'].n_unique()} item ids occur more than once",
                where=f"for example '{doubled['item_id'][0]}'",
                remedy="Keep one row for each item.",
            )
        columns: list[pl.Series] = []
        for name in ("title", "text", "brand"):
            if name in frame.columns:
                texts = [_plain(value) if value else value for value in frame[name].cast(pl.String)]
                columns.append(pl.Series(name, texts, dtype=pl.String))
        if "categories" in frame.columns:
            columns.append(as_categories(frame["categories"]))
        if "available" in frame.columns:
            columns.append(as_flags(frame["available"]))
        for name, kind in (("year", pl.Int32), ("price", pl.Float64)):
            if name in frame.columns and not frame[name].dtype.is_integer():
                columns.append(frame[name].cast(pl.Float64, strict=False).cast(kind, strict=False))
        self.frame = frame.with_columns(columns)

    @classmethod
    def of_ids(cls, ids: list[str]) -> Catalogue:
        """Return a catalogue that knows nothing but ids."""
        return cls(pl.DataFrame({"item_id": pl.Series(ids, dtype=pl.String)}))

    def __len__(self) -> int:
        return self.frame.height

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._rows

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {item: row for row, item in enumerate(self.frame["item_id"])}

    @cached_property
    def titles(self) -> TitleIndex:
        """Look-up of items by title."""
        ids = self.frame["item_id"].to_list()
        years = self.frame["year"].to_list() if "year" in self.frame.columns else None
        return TitleIndex(ids, [self.title(item) for item in ids], years)

    def find(self, title: str) -> str:
        """Return the id of the one item that a title (or an id) means; see `TitleIndex.resolve`.

        Raises:
            UnknownItemError: Nothing fits.
            AmbiguousItemError: Several items fit.
        """
        return self.titles.resolve(title)

    def item(self, item_id: str) -> dict[str, Any]:
        """Return what is known of one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        row = self._rows.get(item_id)
        if row is None:
            raise UnknownItemError(f"there is no item '{item_id}' in the catalogue", remedy="Search for its title.")
        return self.frame.row(row, named=True)

    @cached_property
    def _titles(self) -> list[str | None]:
        if "title" not in self.frame.columns:
            return [None] * len(self)
        return self.frame["title"].to_list()

    def title(self, item_id: str) -> str:
        """Return the title of an item, or its id where it has none."""
        row = self._rows.get(item_id)
        return (self._titles[row] if row is not None else None) or item_id

    @cached_property
    def _years(self) -> dict[str, int | None]:
        if "year" not in self.frame.columns:
            return {}
        return dict(zip(self.frame["item_id"], self.frame["year"], strict=True))

    def title_and_year(self, item_id: str) -> str:
        """Return the title of an item, with its year where that is known."""
        year = self._years.get(item_id)
        return f"{self.title(item_id)} ({year_in_words(year)})" if year else self.title(item_id)


class Users:
    """People: ``user_id`` and what they let be known (attributes, text).

    Of somebody whose ``consent`` (yes or no) is no, nothing is told.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        if "user_id" not in frame.columns:
            raise DataError("the users have no column 'user_id'", where=f"columns: {', '.join(frame.columns)}")
        if "consent" in frame.columns:
            frame = frame.with_columns(as_flags(frame["consent"]))
        self.frame = frame.with_columns(as_id_column(frame["user_id"])).unique("user_id", maintain_order=True)

    def __len__(self) -> int:
        return self.frame.height

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {user: row for row, user in enumerate(self.frame["user_id"])}

    def profile(self, user_id: str) -> dict[str, Any]:
        """Return what is known of a person, by name; nothing of somebody unknown, or who did not agree to it."""
        row = self._rows.get(user_id)
        if row is None:
            return {}
        known = self.frame.row(row, named=True)
        agreed = known.pop("consent", True)
        del known["user_id"]
        return {name: value for name, value in known.items() if value is not None} if agreed is True else {}


class Relations:
    """Facts as ``head, relation, tail``, each the id of an item, a person or a thing."""

    def __init__(self, frame: pl.DataFrame) -> None:
        missing = [name for name in ("head", "relation", "tail") if name not in frame.columns]
        if missing:
            raise DataError(f"relations lack {', '.join(missing)}", where=f"columns: {', '.join(frame.columns)}")
        self.frame = frame.with_columns(pl.col("head", "relation", "tail").cast(pl.String))

    def __len__(self) -> int:
        return self.frame.height
