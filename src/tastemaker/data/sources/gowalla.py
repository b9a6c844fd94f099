"""Gowalla: check-ins of 2009-10 (E. Cho, S. A. Myers and J. Leskovec, 2011, KDD), and the split made for LightGCN."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.interactions import as_time
from tastemaker.data.mirrors import Content, Layout, WebFiles, WebMirror
from tastemaker.data.sources.reading import find, need, read_bytes, read_table
from tastemaker.data.sources.source import FRIEND_OF, UNKNOWN, Source, Tables, make_source

_CHECKINS, _EDGES = "loc-gowalla_totalCheckins.txt", "loc-gowalla_edges.txt"
_MD5: Final = {
    f"{_CHECKINS}.gz": "8ebd5ed2dd376d8982987c49429cb9f9",
    f"{_EDGES}.gz": "68bce8dc51609fe32bbd95e668aaf65e",
}
_SNAP: Final = Layout("official", {name: Content(md5=md5) for name, md5 in _MD5.items()})
_LICENCE: Final = "no licence stated; research use with citation"
_TERMS: Final = (
    "No licence is attached to the Gowalla check-ins. Use them for research and cite: E. Cho, S. A. Myers and\n"
    "J. Leskovec. 2011. Friendship and Mobility: User Movement in Location-Based Social Networks. KDD."
)
GOWALLA: Final = Asset(
    name="gowalla",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(f"https://snap.stanford.edu/data/{name}", _SNAP, {"md5": md5}, max_size=200_000_000)
                for name, md5 in _MD5.items()
            )
        ),
    ),
    licence=_LICENCE,
    terms=_TERMS,
    homepage="https://snap.stanford.edu/data/loc-gowalla.html",
    size=112_000_000,
    local=(
        Layout("checkins", {f"{_CHECKINS}.gz": Content(md5=_MD5[f"{_CHECKINS}.gz"])}),
        Layout("unpacked", {_CHECKINS: UNKNOWN}),
    ),
)

_SPLIT: Final = Layout("official", {"train.txt": UNKNOWN, "test.txt": UNKNOWN})
GOWALLA_LIGHTGCN: Final = Asset(
    name="gowalla-lightgcn",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(
                    f"https://raw.githubusercontent.com/kuandeng/LightGCN/master/Data/gowalla/{name}",
                    _SPLIT,
                    {},
                    max_size=100_000_000,
                )
                for name in _SPLIT.files
            )
        ),
    ),
    licence=_LICENCE,
    terms=f"{_TERMS}\nThe split: X. He et al. 2020. LightGCN: Simplifying and Powering Graph Convolution. SIGIR.",
    homepage="https://github.com/kuandeng/LightGCN",
    size=0,
    local=(Layout("parquet", {"train.parquet": UNKNOWN, "test.parquet": UNKNOWN}),),
)


def parse_gowalla(folder: Path, layout: str) -> Tables:
    """Read ``loc-gowalla_totalCheckins.txt.gz`` and, if it is there, ``loc-gowalla_edges.txt.gz``.

    A place has ``lat`` and ``lon`` of its earliest check-in. The file lists the newest check-in of a person first;
    events are in the order of time. An edge is a relation ``friend_of``; the file has both directions.

    Raises:
        DataError: A file is missing or damaged.
    """
    schema = {"user_id": pl.String, "time": pl.String, "lat": pl.Float64, "lon": pl.Float64, "item_id": pl.String}
    table = read_table(need(folder, _CHECKINS), schema, separator="\t", header=False)
    events = table.with_columns(as_time(table["time"]).alias("timestamp"))
    places = events.sort("timestamp", maintain_order=True).unique("item_id", keep="first", maintain_order=True)
    relations = None
    if edges := find(folder, _EDGES):
        pairs = read_table(edges, {"head": pl.String, "tail": pl.String}, separator="\t", header=False)
        relations = pairs.select("head", relation=pl.lit(FRIEND_OF), tail="tail")
    return Tables(
        events.select("user_id", "item_id", "timestamp"), places.select("item_id", "lat", "lon"), relations=relations
    )


def parse_gowalla_lightgcn(folder: Path, layout: str) -> Tables:
    """Read ``train.txt`` and ``test.txt``: a person a line, then the places; or the same pairs as Parquet.

    The column ``split`` of the interactions says which file a pair comes from.

    Raises:
        DataError: A file is missing or damaged.
    """
    frames = []
    for part in ("train", "test"):
        if layout == "parquet":
            pairs = pl.read_parquet(folder / f"{part}.parquet").select(pl.col("user_id", "item_id").cast(pl.String))
        else:
            pairs = _lists(need(folder, f"{part}.txt"))
        frames.append(pairs.with_columns(split=pl.lit(part)))
    return Tables(pl.concat(frames))


def _lists(path: Path) -> pl.DataFrame:
    try:
        lines = read_bytes(path).decode().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the file: {error}", where=str(path), remedy="Fetch the file anew.") from error
    for number, line in enumerate(lines, 1):
        if not all(word.isdecimal() for word in line.split()):
            raise DataError("not a list of numbers", where=f"{path}, line {number}", remedy="Fetch the file anew.")
    people = [line.split() for line in lines]
    rows = [(person[0], item) for person in people if person for item in person[1:]]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        GOWALLA,
        "Gowalla: 6,442,890 check-ins of 107,092 people with places and friendships, 2009-10",
        parse_gowalla,
        family="gowalla",
    ),
    make_source(
        GOWALLA_LIGHTGCN,
        "Gowalla as LightGCN splits it: 810,128 + 217,242 pairs, 29,858 people, 40,981 places, no times",
        parse_gowalla_lightgcn,
        rows=810_128 + 217_242,
        family="gowalla",
    ),
)
