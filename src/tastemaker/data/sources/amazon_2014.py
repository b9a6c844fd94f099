"""Amazon reviews, release of 2014, 5-core: R. He and J. McAuley (2016), Ups and Downs, WWW; McAuley et al. (2015)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from tastemaker.data.assets import Asset
from tastemaker.data.folder import FolderMap, TableMap
from tastemaker.data.mirrors import Layout, WebFiles, WebMirror
from tastemaker.data.sources.amazon_files import COLUMNS, LICENCE, NEVER_INPUTS, read_items, read_reviews, tidy
from tastemaker.data.sources.reading import find, need
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_SITE: Final = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"
_TERMS: Final = (
    "No licence is attached to the Amazon reviews of 2014; texts belong to their writers and to Amazon. Use them for\n"
    "research, do not redistribute them, and cite: R. He and J. McAuley. 2016. Ups and Downs: Modeling the Visual\n"
    "Evolution of Fashion Trends with One-Class Collaborative Filtering. WWW. J. McAuley, C. Targett, J. Shi and\n"
    "A. van den Hengel. 2015. Image-based Recommendations on Styles and Substitutes. SIGIR."
)
_KEYWORDS: Final = FolderMap(
    items=TableMap(columns={"item_id": "asin", "text": "idgenrec_text"}, ignore=list(NEVER_INPUTS))
)
"""The joined tables of Sports have no titles; keywords that were made from them stand in."""


def parse_amazon_2014(folder: Path, layout: str, category: str) -> Tables:
    """Read ``reviews_CATEGORY_5.json.gz`` (JSON) and, if it is there, ``meta_CATEGORY.json.gz`` (Python dictionaries).

    Raises:
        DataError: A file is missing, or a line of it is damaged.
    """
    events = read_reviews(need(folder, f"reviews_{category}_5.json"))
    meta = find(folder, f"meta_{category}.json")
    return Tables(events, None if meta is None else read_items(meta, events["item_id"], "python"))


def _source(short: str, category: str, reviews: int, others: str = "", samples: tuple[str, ...] = ()) -> Source:
    file = f"reviews_{category}_5.json"
    layout = Layout("official", {f"{file}.gz": UNKNOWN, f"meta_{category}.json.gz": UNKNOWN})
    asset = Asset(
        name=f"amazon-{short}",
        mirrors=(
            WebFiles(tuple(WebMirror(f"{_SITE}/{name}", layout, {}, max_size=8_000_000_000) for name in layout.files)),
        ),
        licence=LICENCE,
        terms=_TERMS,
        homepage="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
        size=0,
        local=(Layout("reviews", {f"{file}.gz": UNKNOWN}), Layout("unpacked", {file: UNKNOWN})),
    )
    return make_source(
        asset,
        f"Amazon 2014 {category.replace('_', ' ')}, 5-core: {reviews:,} reviews{others}",
        partial(parse_amazon_2014, category=category),
        folders=() if samples else (f"amazon2014-{short}",),
        samples=samples,
        family="amazon-2014",
        rows=reviews,
        columns=_KEYWORDS if short == "sports" else COLUMNS,
        tidy=tidy,
    )


SOURCES: Final[tuple[Source, ...]] = (
    _source("beauty", "Beauty", 198_502, ", 22,363 people, 12,101 items"),
    _source("sports", "Sports_and_Outdoors", 296_337, ", 35,598 people, 18,357 items"),
    _source("toys", "Toys_and_Games", 167_597, ", 19,412 people, 11,924 items"),
    _source(
        "clothing",
        "Clothing_Shoes_and_Jewelry",
        278_677,
        ", 39,387 people, 23,033 items",
        ("amazon2014-clothing",),
    ),
    _source("health", "Health_and_Personal_Care", 346_355, ", 38,609 people, 18,534 items", ("amazon2014-health",)),
    _source("books", "Books", 8_898_041, samples=("amazon2014-books-1m-users",)),
    _source("electronics", "Electronics", 1_689_188, samples=("amazon2014-electronics-1m-users",)),
)
