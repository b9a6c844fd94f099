"""YooChoose: sessions of clicks and purchases, from the RecSys Challenge 2015 (D. Ben-Shimon et al.)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.folder import FolderMap, TableMap
from tastemaker.data.interactions import TIME
from tastemaker.data.mirrors import Layout
from tastemaker.data.sources.reading import find, read_table
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_CLICKS, _BUYS = "yoochoose-clicks.dat", "yoochoose-buys.dat"
ARCHIVE: Final = "https://s3-eu-west-1.amazonaws.com/yc-rdata/yoochoose-data.7z"
YOOCHOOSE: Final = Asset(
    name="yoochoose",
    mirrors=(),
    licence="CC BY-NC-ND 4.0",
    terms=(
        "YooChoose's sessions are licensed CC BY-NC-ND 4.0: name the source (RecSys Challenge 2015, YOOCHOOSE GmbH),\n"
        "no commercial use, no changed copies."
    ),
    homepage="https://recsys.acm.org/recsys15/challenge/",
    size=0,
    local=(
        Layout("official", {_CLICKS: UNKNOWN, _BUYS: UNKNOWN}),
        Layout("clicks", {_CLICKS: UNKNOWN}),
        Layout("buys", {_BUYS: UNKNOWN}),
    ),
)


def parse_yoochoose(folder: Path, layout: str) -> Tables:
    """Read ``yoochoose-clicks.dat`` and ``yoochoose-buys.dat``, both or either; a session is a ``user_id``.

    The two files lie in a 7-Zip archive, which Python cannot open: unpack it first.

    Raises:
        DataError: A file is damaged.
    """
    frames = []
    for name, event, extra in (
        (_CLICKS, "view", {"category": pl.String}),
        (_BUYS, "buy", {"price": pl.Float64, "quantity": pl.Int64}),
    ):
        if path := find(folder, name):
            columns = {"user_id": pl.String, "time": pl.String, "item_id": pl.String, **extra}
            table = read_table(path, columns, header=False)
            times = table["time"].str.to_datetime(time_unit="us", time_zone="UTC", strict=False).cast(TIME)
            if times.null_count():
                row = times.is_null().arg_true()[0]
                raise DataError(
                    f"'{table['time'][row]}' is no time", where=f"{path}, line {row + 1}", remedy="Unpack it anew."
                )
            frames.append(
                table.select("user_id", "item_id", times.alias("timestamp"), *extra, event=pl.lit(event)).select(
                    "user_id", "item_id", "timestamp", "event", *extra
                )
            )
    return Tables(pl.concat(frames, how="diagonal"))


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        YOOCHOOSE,
        "YooChoose: 33,003,944 clicks and 1,150,753 purchases in 9,249,729 sessions, 2014",
        parse_yoochoose,
        samples=("yoochoose-clicks-100k-sessions", "yoochoose-buys"),
        columns=FolderMap(
            interactions=TableMap(columns={"timestamp": "timestamp_ms"}, ignore=["timestamp"]),
        ),
    ),
)
