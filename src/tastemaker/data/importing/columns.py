"""Which column of a file is which of ours: by its name, then by its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from tastemaker.core.errors import DataError, nearest
from tastemaker.data.folder import SYNONYMS
from tastemaker.data.folder import Table as FolderTable
from tastemaker.data.importing.events import known_kinds
from tastemaker.data.importing.times import Unit, read_times, unit_of

Table = Literal["events", "items", "users", "relations"]

KNOWN: Final[Mapping[Table, tuple[str, ...]]] = {
    "events": ("user_id", "item_id", "timestamp", "event", "weight", "rating", "position"),
    "items": ("item_id", "title", "text", "categories", "brand", "price", "year"),
    "users": ("user_id", "text"),
    "relations": ("head", "relation", "tail"),
}
NEEDED: Final[Mapping[Table, tuple[str, ...]]] = {
    "events": ("user_id", "item_id"),
    "items": ("item_id",),
    "users": ("user_id",),
    "relations": ("head", "relation", "tail"),
}
_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "user_id": ("client_id", "account_id", "session_id", "member_id", "person_id", "visitor"),
    "item_id": ("article_id", "content_id", "track_id", "business_id", "product", "movie", "book", "article"),
    "timestamp": (
        "event_timestamp",
        "unix_timestamp",
        "occurred_at",
        "timestamp_ms",
        "unix_time",
        "date_time",
        "event_date",
        "purchase_date",
        "order_date",
        "review_date",
        "when",
    ),
    "event": ("event_name", "behavior", "behaviour", "interaction_type"),
    "rating": ("stars", "score", "overall", "user_rating"),
    "title": ("book_title", "movie_title", "item_title", "item_name", "product_name", "track_name", "headline"),
    "text": ("summary", "synopsis"),
    "categories": ("category_name", "listed_in"),
    "brand": ("manufacturer",),
    "year": ("release_year", "publication_year", "year_of_publication", "original_publication_year"),
    "head": ("subject", "source", "head_id", "from"),
    "relation": ("predicate", "rel", "edge", "type"),
    "tail": ("object", "target", "tail_id", "to"),
}
_FOLDER_TABLE: Final[Mapping[Table, FolderTable]] = {
    "events": "interactions",
    "items": "items",
    "users": "users",
    "relations": "relations",
}
_OWN_ID: Final[Mapping[Table, str]] = {"items": "item_id", "users": "user_id"}
_ENOUGH: Final = 0.9
_MOST_KINDS: Final = 0.6
_SEPARATORS: Final = (",", ";")


@dataclass(frozen=True, slots=True)
class Match:
    """One column that was recognised.

    Attributes:
        ours: Our name.
        theirs: The file's name.
        why: What it was recognised by.
        examples: Some of its values.
    """

    ours: str
    theirs: str
    why: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guess:
    """What the columns of one file were taken for.

    Attributes:
        label: The file.
        table: What it was read as.
        matches: Columns that were recognised.
        others: Columns that come along under their own names.
        unit: What its times count, where they are numbers.
        separator: What stands between an item's categories, where it is not ``|``.
        kind: What kind all events are, as the user says.
    """

    label: str
    table: Table
    matches: tuple[Match, ...]
    others: tuple[str, ...]
    unit: Unit | None = None
    separator: str | None = None
    kind: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Our name -> the file's name."""
        return {match.ours: match.theirs for match in self.matches}


def guess_columns(
    sample: pl.DataFrame,
    table: Table,
    label: str,
    given: Mapping[str, str] | None = None,
    ignore: frozenset[str] = frozenset(),
    kind: str | None = None,
) -> Guess:
    """Recognise columns.

    Args:
        sample: The first rows.
        table: What the file holds.
        label: How messages call the file.
        given: Our name -> the file's name, as the user says; never overruled.
        ignore: Columns that stay behind.
        kind: What kind all events are; no column of kinds is then looked for.

    Raises:
        DataError: A given column is not there, or a needed one cannot be found.
    """
    found: dict[str, tuple[str, str]] = {}
    kind = kind if table == "events" else None
    for ours, theirs in (given or {}).items():
        _need_known(ours, theirs, table, sample, label)
        found[ours] = (theirs, "given")
    free = [name for name in sample.columns if name not in ignore and name not in {t for t, _ in found.values()}]
    _by_name(table, free, found, passed_over=() if kind is None else ("event",))
    if table == "events":
        _by_values(sample, free, found, kinds=kind is None)
    _by_ending(table, free, found)
    for ours in NEEDED[table]:
        if ours not in found:
            raise DataError(
                f"no column looks like '{ours}'",
                where=f"{label}; columns: {', '.join(sample.columns)}",
                remedy=f"Say which it is: --column {'' if table == 'events' else table + '.'}{ours}=NAME.",
            )
    unit = None
    if "timestamp" in found and not (times := sample[found["timestamp"][0]]).dtype.is_temporal():
        unit = unit_of(times.cast(pl.String))
    if kind is not None and "event" in free:
        free.remove("event")
    matches = tuple(
        Match(ours, found[ours][0], found[ours][1], _examples(sample[found[ours][0]]))
        for ours in KNOWN[table]
        if ours in found
    )
    separator = separator_of(sample[found["categories"][0]]) if "categories" in found else None
    return Guess(label, table, matches, tuple(free), unit, separator, kind)


def _need_known(ours: str, theirs: str, table: Table, sample: pl.DataFrame, label: str) -> None:
    if ours not in KNOWN[table]:
        raise DataError(
            f"'{ours}' is no column that is looked for in {table}", where=label, remedy=nearest(ours, KNOWN[table])
        )
    if theirs not in sample.columns:
        raise DataError(
            f"there is no column '{theirs}', which was given for '{ours}'",
            where=f"{label}; columns: {', '.join(sample.columns)}",
            remedy=nearest(theirs, sample.columns),
        )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _by_name(
    table: Table, free: list[str], found: dict[str, tuple[str, str]], passed_over: tuple[str, ...] = ()
) -> None:
    """Match columns by their names, exact ones first; what is matched leaves ``free``."""
    plain = {_plain(name): name for name in reversed(free)}
    for exact in (True, False):
        for ours in (name for name in KNOWN[table] if name not in found and name not in passed_over):
            names = (ours,) if exact else _other_names(table, ours)
            theirs = next((plain[_plain(name)] for name in names if plain.get(_plain(name)) in free), None)
            if theirs is not None:
                found[ours] = (theirs, "its name")
                free.remove(theirs)


def _other_names(table: Table, ours: str) -> tuple[str, ...]:
    return (*SYNONYMS[_FOLDER_TABLE[table]].get(ours, ()), *_MORE.get(ours, ()), *_own(table, ours))


def _own(table: Table, ours: str) -> tuple[str, ...]:
    return ("id",) if _OWN_ID.get(table) == ours else ()


def _by_ending(table: Table, free: list[str], found: dict[str, tuple[str, str]]) -> None:
    """Match the ids of items and people where one column alone is called an id of some sort."""
    ours = _OWN_ID.get(table)
    called = [name for name in free if _plain(name).removesuffix("s").endswith("id")]
    if ours is not None and ours not in found and len(called) == 1:
        found[ours] = (called[0], "its name")
        free.remove(called[0])


def _by_values(sample: pl.DataFrame, free: list[str], found: dict[str, tuple[str, str]], *, kinds: bool) -> None:
    """Match what the names do not tell: times by their size, kinds of event by their words, then two ids."""
    for ours, fits in (("timestamp", _is_time), *((("event", _is_kind),) if kinds else ())):
        if ours not in found:
            theirs = next((name for name in free if fits(sample[name])), None)
            if theirs is not None:
                found[ours] = (theirs, "its values")
                free.remove(theirs)
    missing = [ours for ours in NEEDED["events"] if ours not in found]
    candidates = [name for name in free if _is_id(sample[name])]
    if missing and len(candidates) >= len(missing):
        for ours, theirs in zip(missing, candidates, strict=False):
            found[ours] = (theirs, "its values and its place" if len(missing) == 2 else "its values")
            free.remove(theirs)


def separator_of(column: pl.Series) -> str | None:
    """Say what stands between several categories in one text; ``None`` where ``|`` does, or nothing.

    A comma may also belong to a name. It parts names where few of them make up many texts.

    >>> separator_of(pl.Series(["Drama, War", "War, Drama", "Drama", "War", "Drama, Comedy", "Comedy, War"]))
    ','
    >>> separator_of(pl.Series(["Clothing, Shoes & Jewellery", "Arts, Crafts & Sewing", "Books"]))
    """
    if column.dtype != pl.String:
        return None
    texts = column.drop_nulls().unique()
    if (texts.str.contains("|", literal=True) | texts.str.starts_with("[")).any():
        return None
    for mark in _SEPARATORS:
        names = texts.str.split(mark).explode(empty_as_null=False).str.strip_chars().n_unique()
        if 2 * names <= len(texts):
            return mark
    return None


def _is_time(column: pl.Series) -> bool:
    if column.dtype in (pl.Date, pl.Datetime):
        return True
    if column.dtype.is_numeric() or column.dtype == pl.String:
        text = column.cast(pl.String).drop_nulls()
        times, _, _ = read_times(text, unit_of(text))
        recent = int(times.dt.year().is_between(1990, 2100).sum())
        whole = text.cast(pl.Float64, strict=False)
        small = int((whole.abs() < 3e8).sum())  # numbers that are rather ids or counts
        return len(text) > 0 and recent - small >= _ENOUGH * len(text)
    return False


def _is_kind(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    words = column.drop_nulls().str.strip_chars().str.to_lowercase()
    return len(words) > 0 and words.is_in(list(known_kinds())).sum() >= _MOST_KINDS * len(words)


def _is_id(column: pl.Series) -> bool:
    """Say whether values look like ids: filled, short, without fractions, and not all the same."""
    if column.dtype.is_float() or column.dtype.is_nested() or column.dtype.is_temporal():
        return False
    text = column.cast(pl.String, strict=False)
    short = (text.str.len_chars() <= 64).sum() >= _ENOUGH * len(text)
    fraction = text.str.contains(r"^-?\d+\.\d+$").sum() > 0
    return len(text) > 0 and short and not fraction and (text.n_unique() > 2 or len(text) <= 2)


def _examples(column: pl.Series) -> tuple[str, ...]:
    values = column.drop_nulls().unique(maintain_order=True).head(3).to_list()
    return tuple(str(value)[:40] for value in values)
