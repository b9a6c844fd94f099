"""MIND small: news and clicks of six weeks of 2019 (F. Wu et al., 2020, MIND: A Large-scale Dataset, ACL)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.interactions import TIME
from tastemaker.data.mirrors import Layout, WebFiles, WebMirror
from tastemaker.data.sources.reading import need, placeholder_free, read_table
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_SITE: Final = "https://recodatasets.z20.web.core.windows.net/newsrec"
_PARTS: Final = {  # folder, MD5 of its zip file, and what its impressions are for
    "MINDsmall_train": ("bd6ae77fa15949653f39829e946d327c", "train"),
    "MINDsmall_dev": ("1c9e798fe440c1999547211cd5245e3e", "valid"),
}
_FILES: Final = Layout(
    "official", {f"{part}/{name}": UNKNOWN for part in _PARTS for name in ("behaviors.tsv", "news.tsv")}
)
MIND: Final = Asset(
    name="mind",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(
                    url=f"{_SITE}/{part}.zip",
                    layout=_FILES,
                    digests={"md5": md5},
                    max_size=100_000_000,
                    members={f"{part}/{name}": name for name in ("behaviors.tsv", "news.tsv")},
                )
                for part, (md5, _) in _PARTS.items()
            )
        ),
    ),
    licence="Microsoft Research licence: research use only, no redistribution",
    terms=(
        "MIND is under the Microsoft Research License Terms (https://github.com/msnews/MIND): research use, no\n"
        "commercial use, no redistribution. Publications cite: F. Wu et al. 2020. MIND: A Large-scale Dataset for\n"
        "News Recommendation. ACL."
    ),
    homepage="https://msnews.github.io/",
    size=84_000_000,
)
_BEHAVIOURS: Final = ("impression_id", "user_id", "time", "history", "impressions")
_NEWS: Final = ("item_id", "category", "subcategory", "title", "text", "url", "title_entities", "text_entities")


def parse_mind(folder: Path, layout: str) -> Tables:
    """Read ``behaviors.tsv`` and ``news.tsv`` of both parts.

    A clicked item of an impression is an event ``click`` at the impression's time (taken as UTC), with
    ``impression_id``; what was shown and not clicked is not loaded. The history beside a person's first impression
    comes before it, as events ``history`` without a time. ``split`` is ``train`` or ``valid``.

    Raises:
        DataError: A file is missing or damaged.
    """
    behaviours = pl.concat(
        _behaviours(folder / part / "behaviors.tsv").with_columns(split=pl.lit(purpose))
        for part, (_, purpose) in _PARTS.items()
    )
    first = behaviours.unique("user_id", keep="first", maintain_order=True).drop_nulls("history")
    history = (
        first.select("user_id", "split", item_id=pl.col("history").str.split(" "))
        .explode("item_id", empty_as_null=False)
        .filter(pl.col("item_id") != "")
        .with_columns(event=pl.lit("history"))
    )
    clicks = (
        behaviours.select(
            "user_id", "timestamp", "split", "impression_id", item_id=pl.col("impressions").str.split(" ")
        )
        .explode("item_id", empty_as_null=False)
        .filter(pl.col("item_id").str.ends_with("-1"))
        .with_columns(pl.col("item_id").str.strip_suffix("-1"), event=pl.lit("click"))
    )
    columns = ("user_id", "item_id", "timestamp", "event", "split", "impression_id")
    return Tables(pl.concat([history, clicks], how="diagonal").select(columns), _news(folder))


def _behaviours(path: Path) -> pl.DataFrame:
    table = read_table(
        need(path.parent, path.name), dict.fromkeys(_BEHAVIOURS, pl.String), separator="\t", header=False
    )
    times = table["time"].str.to_datetime("%m/%d/%Y %I:%M:%S %p", time_unit="us", time_zone="UTC", strict=False)
    if times.null_count():
        row = times.is_null().arg_true()[0]
        raise DataError(
            f"'{table['time'][row]}' is no time", where=f"{path}, line {row + 1}", remedy="Fetch the file anew."
        )
    return table.with_columns(times.cast(TIME).alias("timestamp"))


def _news(folder: Path) -> pl.DataFrame:
    parts = [
        read_table(need(folder / part, "news.tsv"), dict.fromkeys(_NEWS, pl.String), separator="\t", header=False)
        for part in _PARTS
    ]
    news = pl.concat(parts).unique("item_id", keep="first", maintain_order=True)
    return news.select("item_id", "title", _category("category", "subcategory"), "text", "url").with_columns(
        placeholder_free("title")
    )


def _category(wide: str, narrow: str) -> pl.Expr:
    return pl.concat_list(pl.concat_str(wide, narrow, separator=PATH_SEPARATOR)).alias("categories")


def tidy(items: pl.DataFrame) -> pl.DataFrame:
    """Make one column of the two that a rewritten copy keeps categories in."""
    if {"cate", "sub_cate"} <= set(items.columns):
        return items.with_columns(_category("cate", "sub_cate")).drop("cate", "sub_cate")
    return items


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        MIND,
        "MIND small: 94,057 people's clicks on 65,238 news with titles and abstracts, 2019",
        parse_mind,
        folders=("MINDsmall",),
        samples=("mind-reclm",),
        tidy=tidy,
    ),
)
