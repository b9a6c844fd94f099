"""Last.fm of HetRec 2011: I. Cantador, P. Brusilovsky and T. Kuflik (2011), 2nd workshop on heterogeneity, RecSys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.data.assets import Asset
from tastemaker.data.interactions import TIME
from tastemaker.data.mirrors import Layout, WebMirror
from tastemaker.data.sources.reading import find, need, placeholder_free, read_table
from tastemaker.data.sources.source import FRIEND_OF, HAS_TAG, UNKNOWN, Source, Tables, make_source

_NAMES: Final = ("user_artists.dat", "artists.dat", "tags.dat", "user_taggedartists.dat", "user_friends.dat")
_FILES: Final = Layout("official", dict.fromkeys(_NAMES, UNKNOWN))
LASTFM: Final = Asset(
    name="lastfm",
    mirrors=(
        WebMirror(
            url="https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
            layout=_FILES,
            digests={"md5": "296d61afe4e8632b173fc2dd3be20ce2"},
            max_size=10_000_000,
            members={name: name for name in _NAMES},
        ),
    ),
    licence="research use only, no commercial use",
    terms=(
        "The Last.fm data of HetRec 2011 may be used for research, not commercially. Publications cite: I. Cantador,\n"
        "P. Brusilovsky and T. Kuflik. 2011. 2nd Workshop on Information Heterogeneity and Fusion in Recommender\n"
        "Systems (HetRec 2011). RecSys. Last.fm: http://www.lastfm.com"
    ),
    homepage="https://grouplens.org/datasets/hetrec-2011/",
    size=2_600_000,
    local=(
        Layout("compressed", {f"{name}.gz": UNKNOWN for name in _NAMES}),
        Layout("listening", {"user_artists.dat": UNKNOWN}),
    ),
)
_YEARS: Final = (2002, 2011)
"""Last.fm began in 2002 and the data were collected in 2011: a tag of another year has a wrong date."""


def parse_lastfm(folder: Path, layout: str) -> Tables:
    """Read ``user_artists.dat`` and, where they are there, the artists, their tags and people's friends.

    How often somebody played an artist is the column ``plays``; there is no time. A tag is a relation ``has_tag``
    from an artist to the tag's text, with ``user_id`` and the day as ``timestamp`` beside it; a friendship is a
    relation ``friend_of`` in each of its two directions.

    Raises:
        DataError: A file is missing or damaged.
    """
    columns = {"userID": pl.String, "artistID": pl.String, "weight": pl.Int64}
    plays = read_table(need(folder, "user_artists.dat"), columns, separator="\t")
    items = None
    if artists := find(folder, "artists.dat"):
        listed = read_table(artists, {"id": pl.String, "name": pl.String}, separator="\t", encoding="utf-8, latin-1")
        items = listed.select(item_id="id", title="name").with_columns(placeholder_free("title"))
    facts = [*_tags(folder), *_friends(folder)]
    return Tables(
        plays.select(user_id="userID", item_id="artistID", plays="weight"),
        items,
        relations=pl.concat(facts, how="diagonal") if facts else None,
    )


def _tags(folder: Path) -> list[pl.DataFrame]:
    given, names = find(folder, "user_taggedartists.dat"), find(folder, "tags.dat")
    if given is None or names is None:
        return []
    schema = {
        "userID": pl.String,
        "artistID": pl.String,
        "tagID": pl.String,
        "day": pl.Int32,
        "month": pl.Int32,
        "year": pl.Int32,
    }
    tags = read_table(given, schema, separator="\t")
    words = read_table(
        names, {"tagID": pl.String, "tagValue": pl.String}, separator="\t", encoding="utf-8, latin-1"
    )  # the official file is latin-1
    day = pl.when(pl.col("year").is_between(*_YEARS)).then(
        pl.datetime("year", "month", "day", time_unit="us", time_zone="UTC").cast(TIME)
    )
    return [
        tags.join(words, on="tagID", maintain_order="left").select(
            head="artistID", relation=pl.lit(HAS_TAG), tail="tagValue", user_id="userID", timestamp=day
        )
    ]


def _friends(folder: Path) -> list[pl.DataFrame]:
    path = find(folder, "user_friends.dat")
    if path is None:
        return []
    pairs = read_table(path, {"userID": pl.String, "friendID": pl.String}, separator="\t")
    return [pairs.select(head="userID", relation=pl.lit(FRIEND_OF), tail="friendID")]


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        LASTFM,
        "Last.fm: how often 1,892 people played 17,632 artists (92,834 pairs), 186,479 tags, 25,434 friendships",
        parse_lastfm,
        folders=("lastfm-2k", "hetrec2011-lastfm-2k"),
        rows=92_834,
    ),
)
