"""Amazon reviews, release of 2023, all ratings (0-core): Y. Hou et al. (2024), Bridging Language and Items."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.data.assets import Asset
from tastemaker.data.interactions import as_time
from tastemaker.data.mirrors import Content, Layout, WebMirror
from tastemaker.data.sources.amazon_files import COLUMNS, LICENCE, read_items, tidy
from tastemaker.data.sources.reading import find, need, read_table
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_SITE: Final = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/benchmark/0core/rating_only"
_TERMS: Final = (
    "No licence is attached to the Amazon reviews of 2023; they belong to their writers and to Amazon. Use them for\n"
    "research, do not redistribute them, and cite: Y. Hou, J. Li, Z. He, A. Yan, X. Chen and J. McAuley. 2024.\n"
    "Bridging Language and Items for Retrieval and Recommendation. arXiv:2403.03952."
)
# Of the compressed files, as two other open-source loaders have them: SHA-256 (omnirec) and, for some, MD5 (DataRec).
SHA256: Final = {
    "All_Beauty": "54b894e68ad965aa73cdb80d8695c1ed37679c46f38b6f97b21ab0fb585aab24",
    "Amazon_Fashion": "7d08f3ad3ec331eb95cabf5a85c8e65f82f958429a17131e6d391f54532c0310",
    "Appliances": "0096701a2521a5fc71c5cfca11e953b0eb48a94a1b6ee4be65cb680c1fd56976",
    "Arts_Crafts_and_Sewing": "05ca786b3f99269ba659d71891b55d23e37bd74ab6cec0b53214ccb656308bb3",
    "Automotive": "9dda260d1d2cb91d0f967d0b4bfa0a09fda2904432023234569e45a6a30c48d3",
    "Baby_Products": "e2a8d0498afed767ee2615db7fac549559d82490b1a73c7241b84b5e9e8c279e",
    "Beauty_and_Personal_Care": "dd89a914e8c71d811c49a7e8fbdfc251c08bffb461b9544275e94018cb17f741",
    "Books": "752e144c1d3804619711a6b21bd68a5505825064723bfcd5008ac26067abe04b",
    "CDs_and_Vinyl": "1bade4e428efcffb549b6b7cb1f62a8cde9644e19a981a210b11a4c9c1561e75",
    "Cell_Phones_and_Accessories": "1f6df616b0ae463c039f68c7082daec52d2c713b33adb57b85db3430a8e2373a",
    "Clothing_Shoes_and_Jewelry": "ee93396e811c03d077290b78e323228c58814a034e3e98d0339e5314d7f7a9a7",
    "Digital_Music": "dbd5ddd5398d0eb9cfe224c9cc60470ccfd9c55e76fc82653dd3f44f6796c2a1",
    "Electronics": "2ac3508c5d0ee55ed9fdc833629f751e0f0120b9a8cb30867c8c14b87911c170",
    "Gift_Cards": "abfd9636afc5cdc1f46082ac1f9661b7c617cbd9c8a75652ad6a567173a14807",
    "Grocery_and_Gourmet_Food": "4cb2da7f57dfe210eecf348ee16514d11460022f0ce4ed141aa66e3eb5410135",
    "Handmade_Products": "b024e3e4cb1b1f4c9cfbb44a506ea42f8b8430ee8caf0dfa69fef52b69ece408",
    "Health_and_Household": "0a8982f9915bd18ea61caf4341db95c3fe1478abee907e6a61fec838374d2dca",
    "Health_and_Personal_Care": "5516d99b9747abff99003a7e1518833c2d64b10196201b6e6e90673bee15964d",
    "Home_and_Kitchen": "9be4e2dc8b3dc513c02521644b2ae55f722b2941767e539dcfe518f6bdd4f70b",
    "Industrial_and_Scientific": "97aea590deb258f634caea04b63f038dceb5990bbc92cac87ce2a985f0f91595",
    "Kindle_Store": "ff546c451edfb403d10099912b816b11600e689a599621167d4847331fdc0a0d",
    "Magazine_Subscriptions": "4892619d97f810331c2a278176b2be616de10403be59e48efbe65c5c1e7904d2",
    "Movies_and_TV": "aa927ae5a4fc5262bfa6152ce522349f828760035242fd7e02b1dc139e867156",
    "Musical_Instruments": "042648a89f479aaa2af4664dcb49966dbaf07bd5ebab6957799f5fb4c5efa2e0",
    "Office_Products": "f91b5cfb6ed5ff52afe3e2f3ecc7918cbd8745b3241a8fc61011c3a41f23920b",
    "Patio_Lawn_and_Garden": "a1ea496e71e488c6b12823d479ed6375384b82f6794b38e66d12a5dcd20c392d",
    "Pet_Supplies": "cfc55406a1fbb507e4adfa18472e60a5de52fab3dd76f97fea25d30da1288003",
    "Software": "11687bdbedc0bfd9bf86368465dcab40f2450d1ea8eabd3c830ba8b339edd9c0",
    "Sports_and_Outdoors": "110617511c7303ca34d157b7d62fd20a02e412c3639b4c6e307a951fadf0414c",
    "Subscription_Boxes": "fb867ee253db3987ab3ceaf371da506df794b08c98cf9a99e9718d9e4e818188",
    "Tools_and_Home_Improvement": "5845ac062a2c165d540badac13f00a8cb8cdaa30deb670a9b41db19d92c6bd1d",
    "Toys_and_Games": "170fc8a18797c6091cf1b07bb3d97c13c94bfa030cf76c430bb8cac0dfb47a9f",
    "Unknown": "864c1dfa8b215a9a09fe0d17c7abc15f2da97078bc9acc7911783f2447016e10",
    "Video_Games": "30692f9806e33a7b5d8b599b73d7ca33dbfefb0abdfc1578052a101f2e64b3cd",
}
MD5: Final = {
    "Beauty_and_Personal_Care": "6b9dfce7fca70dd05e1bcf77c1953c40",
    "Sports_and_Outdoors": "75e1dfbb3b3014fab914832b734922e6",
    "Toys_and_Games": "542250672811854e9803d90b1f52cc14",
    "Books": "9d5d693dae385efa9053961675e1f14a",
    "Video_Games": "60fdc3e812de871c30d65722e9a91a0a",
    "Baby_Products": "644025598b2e4eb6dc69b55a7f23c8ae",
}

MILLIONS: Final = {  # of ratings, as the homepage counts them
    "All_Beauty": 0.7, "Amazon_Fashion": 2.5, "Appliances": 2.1, "Arts_Crafts_and_Sewing": 9, "Automotive": 20,
    "Baby_Products": 6, "Beauty_and_Personal_Care": 23.9, "Books": 29.5, "CDs_and_Vinyl": 4.8,
    "Cell_Phones_and_Accessories": 20.8, "Clothing_Shoes_and_Jewelry": 66, "Digital_Music": 0.13, "Electronics": 43.9,
    "Gift_Cards": 0.15, "Grocery_and_Gourmet_Food": 14.3, "Handmade_Products": 0.66, "Health_and_Household": 25.6,
    "Health_and_Personal_Care": 0.49, "Home_and_Kitchen": 67.4, "Industrial_and_Scientific": 5.2, "Kindle_Store":
    25.6, "Magazine_Subscriptions": 0.07, "Movies_and_TV": 17.3, "Musical_Instruments": 3, "Office_Products": 12.8,
    "Patio_Lawn_and_Garden": 16.5, "Pet_Supplies": 16.8, "Software": 4.9, "Sports_and_Outdoors": 19.6,
    "Subscription_Boxes": 0.016, "Tools_and_Home_Improvement": 27, "Toys_and_Games": 16.3, "Unknown": 63.8,
    "Video_Games": 4.6,
}  # fmt: skip
_BYTES_A_RATING: Final = 27  # of a compressed file


def parse_amazon_2023(folder: Path, layout: str, category: str) -> Tables:
    """Read ``CATEGORY.csv.gz``: ``user_id, parent_asin, rating, timestamp`` in milliseconds, with a header.

    Descriptions are no part of the download; where ``meta_CATEGORY.jsonl.gz`` lies beside it, it is read too.

    Raises:
        DataError: A file is missing or damaged.
    """
    schema = {"user_id": pl.String, "parent_asin": pl.String, "rating": pl.Float32, "timestamp": pl.Int64}
    events = read_table(need(folder, f"{category}.csv"), schema).rename({"parent_asin": "item_id"})
    meta = find(folder, f"meta_{category}.jsonl")
    items = None if meta is None else read_items(meta, events["item_id"], "json")
    return Tables(events.with_columns(as_time(events["timestamp"])), items)


def _source(category: str) -> Source:
    short = category.lower().replace("_", "-")
    file = f"{category}.csv.gz"
    digests = {"sha256": SHA256[category]} | ({"md5": MD5[category]} if category in MD5 else {})
    layout = Layout("official", {file: Content(SHA256[category])})
    asset = Asset(
        name=f"amazon-2023-{short}",
        mirrors=(WebMirror(f"{_SITE}/{file}", layout, digests, max_size=4_000_000_000),),
        licence=LICENCE,
        terms=_TERMS,
        homepage="https://amazon-reviews-2023.github.io/",
        size=int(MILLIONS[category] * 1e6 * _BYTES_A_RATING),
        local=(Layout("unpacked", {f"{category}.csv": UNKNOWN}),),
    )
    return make_source(
        asset,
        f"Amazon 2023 {category.replace('_', ' ')}: about {MILLIONS[category]:g} million ratings, without titles",
        partial(parse_amazon_2023, category=category),
        family="amazon-2023",
        columns=COLUMNS,
        tidy=tidy,
    )


SOURCES: Final[tuple[Source, ...]] = tuple(_source(category) for category in SHA256)
