"""Amazon reviews, release of 2018, 5-core: J. Ni, J. Li and J. McAuley (2019), Justifying Recommendations, EMNLP."""

from __future__ import annotations

import ast
import html
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.data.assets import Asset
from tastemaker.data.mirrors import Layout, WebFiles, WebMirror
from tastemaker.data.sources.amazon_files import COLUMNS, LICENCE, read_items, read_reviews, tidy
from tastemaker.data.sources.reading import find, need
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_SITE: Final = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2"
_TERMS: Final = (
    "No licence is attached to the Amazon reviews of 2018; texts belong to their writers and to Amazon. Use them for\n"
    "research, do not redistribute them, and cite: J. Ni, J. Li and J. McAuley. 2019. Justifying Recommendations\n"
    "using Distantly-Labeled Reviews and Fine-Grained Aspects. EMNLP."
)
CATEGORIES: Final = (
    "AMAZON_FASHION", "All_Beauty", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Books", "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories", "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards",
    "Grocery_and_Gourmet_Food", "Home_and_Kitchen", "Industrial_and_Scientific", "Kindle_Store", "Luxury_Beauty",
    "Magazine_Subscriptions", "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden",
    "Pet_Supplies", "Prime_Pantry", "Software", "Sports_and_Outdoors", "Tools_and_Home_Improvement",
    "Toys_and_Games", "Video_Games",
)  # fmt: skip
_FOLDERS: Final = {"All_Beauty": ("amazon2018-all-beauty-5core",)}
_SAMPLES: Final = {
    "Electronics": ("amazon2018-electronics-1m-users",),
    "Industrial_and_Scientific": ("amazon2018-industrial",),
    "Office_Products": ("amazon2018-office",),
    "Video_Games": ("amazon2018-games",),
}
_PARTIAL: Final = Layout("partial", {"interactions_partial.parquet": UNKNOWN, "items.parquet": UNKNOWN})


def parse_amazon_2018(folder: Path, layout: str, category: str) -> Tables:
    """Read ``CATEGORY_5.json.gz`` and, if it is there, ``meta_CATEGORY.json.gz``; both are JSON.

    The layout ``"partial"`` is a rewritten copy of which a part is public: histories without times, and a column
    ``split`` that tells which rows its authors validate and test on.

    Raises:
        DataError: A file is missing, or a line of it is damaged.
    """
    if layout == "partial":
        return _parse_partial(folder)
    events = read_reviews(need(folder, f"{category}_5.json"))
    meta = find(folder, f"meta_{category}.json")
    return Tables(events, None if meta is None else read_items(meta, events["item_id"], "json"))


def _parse_partial(folder: Path) -> Tables:
    events = pl.read_parquet(folder / "interactions_partial.parquet")
    items = tidy(pl.read_parquet(folder / "items.parquet"))
    texts = [_joined(value) for value in items["description"]]
    return Tables(
        events.select("user_id", "item_id", position="pos", split=pl.col("part").replace("history", "train")),
        items.drop("description").with_columns(pl.Series("text", texts, dtype=pl.String)),
    )


def _joined(value: str | None) -> str | None:
    """Return the paragraphs of a description, written as a Python list; where that was cut, the text as it is."""
    if not value:
        return None
    try:
        paragraphs = [str(part) for part in ast.literal_eval(value)]
    except (ValueError, SyntaxError, TypeError):
        paragraphs = [value.strip("[]'\" ")]
    return html.unescape(" ".join(" ".join(part.split()) for part in paragraphs)) or None


def _source(category: str) -> Source:
    short = category.lower().replace("_", "-")
    reviews, meta = f"{category}_5.json", f"meta_{category}.json"
    layout = Layout("official", {f"{reviews}.gz": UNKNOWN, f"{meta}.gz": UNKNOWN})
    places = {f"{reviews}.gz": "categoryFilesSmall", f"{meta}.gz": "metaFiles2"}
    samples = _SAMPLES.get(category, ())
    asset = Asset(
        name=f"amazon-2018-{short}",
        mirrors=(
            WebFiles(
                tuple(
                    WebMirror(f"{_SITE}/{place}/{file}", layout, {}, max_size=16_000_000_000)
                    for file, place in places.items()
                )
            ),
        ),
        licence=LICENCE,
        terms=_TERMS,
        homepage="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon_v2/",
        size=0,
        local=(
            Layout("reviews", {f"{reviews}.gz": UNKNOWN}),
            Layout("unpacked", {reviews: UNKNOWN}),
            *((_PARTIAL,) if samples else ()),
        ),
    )
    return make_source(
        asset,
        f"Amazon 2018 {category.replace('_', ' ')}, 5-core, with titles",
        partial(parse_amazon_2018, category=category),
        folders=_FOLDERS.get(category, ()),
        samples=samples,
        family="amazon-2018",
        columns=COLUMNS,
        tidy=tidy,
    )


SOURCES: Final[tuple[Source, ...]] = tuple(_source(category) for category in CATEGORIES)
