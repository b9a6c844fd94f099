"""Steam: reviews of games up to 2018 (W.-C. Kang and J. McAuley, 2018, Self-Attentive Sequential Recommendation)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.interactions import TIME
from tastemaker.data.mirrors import Layout, WebFiles, WebMirror
from tastemaker.data.sources.reading import find, need, placeholder_free, records
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_REVIEWS, _GAMES = "steam_reviews.json", "steam_games.json"
_FILES: Final = Layout("official", {f"{_REVIEWS}.gz": UNKNOWN, f"{_GAMES}.gz": UNKNOWN})
STEAM: Final = Asset(
    name="steam",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(f"https://cseweb.ucsd.edu/~wckang/{file}", _FILES, {}, max_size=4_000_000_000)
                for file in _FILES.files
            )
        ),
    ),
    licence="no licence stated; research use with citation; do not redistribute",
    terms=(
        "No licence is attached to the Steam reviews; texts belong to their writers. Use them for research, do not\n"
        "redistribute them, and cite: W.-C. Kang and J. McAuley. 2018. Self-Attentive Sequential Recommendation. ICDM."
    ),
    homepage="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
    size=0,
    local=(
        Layout("reviews", {f"{_REVIEWS}.gz": UNKNOWN}),
        Layout("unpacked", {_REVIEWS: UNKNOWN}),
    ),
)
_FIELDS: Final = ("username", "product_id", "date", "hours")
_ITEMS: Final = pl.Schema(
    {
        "item_id": pl.String(),
        "title": pl.String(),
        "categories": pl.List(pl.String()),
        "brand": pl.String(),
        "price": pl.Float64(),
        "tags": pl.List(pl.String()),
    }
)


def parse_steam(folder: Path, layout: str) -> Tables:
    """Read ``steam_reviews.json.gz`` and, if it is there, ``steam_games.json.gz``; a line is a Python dictionary.

    A person is a ``username``, as in the paper. ``hours`` were played until the review was read, which is later than
    the event; they are context and no input of the past. Texts, scores and discounts are passed over.

    Raises:
        DataError: A file is missing, or a line of it is damaged.
    """
    path = need(folder, _REVIEWS)
    rows = []
    for number, review in enumerate(records(path, "python", wanted=_FIELDS), 1):
        try:
            rows.append((review["username"], str(review["product_id"]), review["date"], review.get("hours")))
        except KeyError as error:
            raise DataError(f"a review without {error}", where=f"{path}, record {number}") from error
    schema = {"user_id": pl.String, "item_id": pl.String, "date": pl.String, "hours": pl.Float32}
    events = pl.DataFrame(rows, schema=schema, orient="row", strict=False)
    day = pl.col("date").str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    games = find(folder, _GAMES)
    return Tables(
        events.select("user_id", "item_id", day.cast(TIME).alias("timestamp"), "hours"),
        None if games is None else _games(games),
    )


def _games(path: Path) -> pl.DataFrame:
    rows: dict[str, tuple[Any, ...]] = {}
    for game in records(path, "python"):
        if "id" in game and str(game["id"]) not in rows:
            price = game.get("price")
            rows[str(game["id"])] = (
                str(game["id"]),
                game.get("app_name") or game.get("title"),
                game.get("genres") or [],
                game.get("developer") or game.get("publisher"),
                float(price) if isinstance(price, int | float) else None,
                game.get("tags") or [],
            )
    return pl.DataFrame(list(rows.values()), schema=_ITEMS, orient="row").with_columns(placeholder_free("title"))


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        STEAM,
        "Steam: 7,793,069 reviews of games by 2,567,538 people, 2010-18",
        parse_steam,
        samples=("steam-100k-users",),
    ),
)
