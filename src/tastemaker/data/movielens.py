"""MovieLens: where its files are, and how each of their layouts is read into the same frames.

The data set is described by F. M. Harper and J. A. Konstan (2015), The MovieLens Datasets: History and
Context, ACM Transactions on Interactive Intelligent Systems 5(4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.mirrors import Content, Layout, WebMirror, WheelMirror

OFFICIAL: Final = Layout(
    "official",
    {
        "u.data": Content("06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490", 1_979_173),
        "u.item": Content("553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701", 236_344),
        "u.user": Content("f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c", 22_628),
    },
)
RECBOLE: Final = Layout(
    "recbole",
    {
        "ml-100k.inter": Content("4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff", 1_979_230),
        "ml-100k.item": Content("51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532", 66_632),
        "ml-100k.user": Content("4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972", 22_697),
    },
)
ML_100K: Final = Asset(
    name="movielens-100k",
    mirrors=(
        WebMirror(
            url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            layout=OFFICIAL,
            # Of the zip file as a whole these two are published; each file in it has a SHA-256 above.
            digests={
                "sha1": "cd4dcac4241c8a4ad7badc7ca635da8a69dddb83",
                "md5": "0e33842e24a9c977be4e0107933c0723",
            },
            max_size=8_000_000,
            members={name: f"ml-100k/{name}" for name in OFFICIAL.files},
        ),
        WheelMirror(
            requirement="recbole==1.2.1",
            layout=RECBOLE,
            sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
            members={name: f"recbole/dataset_example/ml-100k/{name}" for name in RECBOLE.files},
        ),
    ),
    licence="research use only, no redistribution, no commercial use",
    terms=(
        "MovieLens 100K belongs to the GroupLens Research Project, University of Minnesota, whichever way\n"
        "it came here. It may be used for research. Without permission it may not be redistributed or used\n"
        "for any commercial or revenue-bearing purpose. No endorsement may be implied. Publications that\n"
        "use it cite: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and\n"
        "Context. ACM Transactions on Interactive Intelligent Systems 5(4), 19. doi:10.1145/2827872"
    ),
    homepage="https://grouplens.org/datasets/movielens/100k/",
    size=5_000_000,
)

# fmt: off
_GENRES: Final = (  # in the order of the columns of u.item
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)
# fmt: on
_NO_TITLE: Final = frozenset({"unknown", "unkonwn"})  # the second is how one mirror spells it
_YEAR: Final = re.compile(r"(?P<title>.*?)\s*\((?P<year>\d{4})\)(?:\s*\((?:V|TV)\))?\s*")
_ARTICLE: Final = re.compile(
    r"(?P<rest>.+), (?P<article>The|An?|L[ea]s?|Los|L'|El|Il|Lo|Gli|Das|De[rnt]|Die|Het|Een|Une?|Os?)"
)
_ITEMS: Final = pl.Schema(
    {"item_id": pl.String(), "title": pl.String(), "year": pl.Int32(), "categories": pl.List(pl.String())}
)
_EVENTS: Final = pl.Schema(
    {"user_id": pl.String(), "item_id": pl.String(), "rating": pl.Float32(), "timestamp": pl.Int64()}
)
_USERS: Final = pl.Schema(
    {
        "user_id": pl.String(),
        "age": pl.Int32(),
        "gender": pl.String(),
        "occupation": pl.String(),
        "zip": pl.String(),
    }
)


def parse_movielens_100k(folder: Path, layout: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read MovieLens 100K; every layout gives the same frames.

    Args:
        folder: Holds the layout's files.
        layout: ``"official"`` (u.data, u.item, u.user) or ``"recbole"`` (ml-100k.inter, .item, .user).

    Returns:
        Interactions ``user_id, item_id`` (text), ``rating`` (float32, 1 to 5), ``timestamp`` (UTC
        microseconds) in the file's order of rows; items ``item_id, title, year`` (int32), ``categories``
        (list of genres); users ``user_id, age`` (int32), ``gender, occupation, zip``. Titles are as
        `plain_title` writes them; an unknown title or year is null.

    Raises:
        DataError: The layout is unknown, or a file is missing or is not what its name says.
    """
    if layout == "official":
        events = _table(folder / "u.data", "\t", _EVENTS, header=False)
        users = _table(folder / "u.user", "|", _USERS, header=False)
        items = _items(_official_items(folder / "u.item"))
    elif layout == "recbole":
        events = _table(folder / "ml-100k.inter", "\t", _EVENTS, header=True)
        users = _table(folder / "ml-100k.user", "\t", _USERS, header=True)
        items = _items(_recbole_items(folder / "ml-100k.item"))
    else:
        raise DataError(f"MovieLens 100K has no layout '{layout}'", remedy="Known: official, recbole")
    seconds = pl.from_epoch("timestamp", time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return events.with_columns(seconds), items, users


def plain_title(listed: str) -> tuple[str | None, int | None]:
    """Split a title as MovieLens lists it into the title a person would type, and the year.

    An article that was put last, for sorting, goes back to the front, in each parenthesis on its own.

    >>> plain_title("Usual Suspects, The (1995)")
    ('The Usual Suspects', 1995)
    >>> plain_title("Star Maker, The (Uomo delle stelle, L') (1995)")
    ("The Star Maker (L'Uomo delle stelle)", 1995)
    >>> plain_title("Paris, Texas (1984)")
    ('Paris, Texas', 1984)
    >>> plain_title("unknown")
    (None, None)
    """
    match = _YEAR.fullmatch(listed)
    title, year = (match["title"], int(match["year"])) if match else (listed.strip(), None)
    if not title or (year is None and title.casefold() in _NO_TITLE):
        return None, None
    return re.sub(r"[^()]+", lambda part: _article_first(part[0]), title), year


def _article_first(part: str) -> str:
    match = _ARTICLE.fullmatch(part.strip())
    if match is None:
        return part
    gap = "" if match["article"].endswith("'") else " "
    return part.replace(part.strip(), match["article"] + gap + match["rest"])


def _items(rows: Iterable[tuple[str, str, list[str]]]) -> pl.DataFrame:
    """Make the frame of items from id, title as listed, and genres."""
    records = [
        (item, *plain_title(listed), [genre for genre in genres if genre != "unknown"]) for item, listed, genres in rows
    ]
    return pl.DataFrame(records, schema=_ITEMS, orient="row")


def _official_items(path: Path) -> Iterable[tuple[str, str, list[str]]]:
    for fields in _fields(path, "|", 5 + len(_GENRES), "latin-1"):
        flags = zip(_GENRES, fields[5:], strict=True)
        yield fields[0], fields[1], [genre for genre, flag in flags if flag == "1"]


def _recbole_items(path: Path) -> Iterable[tuple[str, str, list[str]]]:
    rows = iter(_fields(path, "\t", 4, "utf-8"))
    next(rows, None)  # the header
    for item, title, year, genres in rows:
        unsplit = title if title.casefold() in _NO_TITLE else f"{title} ({year})"
        yield item, unsplit, genres.split()


def _fields(path: Path, separator: str, count: int, encoding: str) -> Iterable[list[str]]:
    try:
        lines = path.read_text(encoding=encoding).rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    for number, line in enumerate(lines, 1):
        fields = line.split(separator)
        if len(fields) != count:
            raise DataError(
                f"{len(fields)} fields instead of {count}",
                where=f"{path}, line {number}",
                remedy="Fetch the file anew.",
            )
        yield fields


def _table(path: Path, separator: str, schema: pl.Schema, *, header: bool) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            path,
            separator=separator,
            has_header=False,
            skip_rows=int(header),
            schema=schema,
            quote_char=None,
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error
    if not frame.height:
        raise DataError("the file is empty", where=str(path), remedy="Fetch the file anew.")
    if frame.null_count().sum_horizontal().item():
        raise DataError("a field is missing", where=str(path), remedy="Fetch the file anew.")
    return frame


def _unreadable(path: Path, error: Exception) -> DataError:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"cannot read the file: {said}", where=str(path), remedy="Fetch the file anew.")
