"""RetailRocket: views, carts and purchases of a shop in 2015, put on Kaggle by Retail Rocket."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.interactions import as_time
from tastemaker.data.mirrors import Layout
from tastemaker.data.sources.reading import read_table
from tastemaker.data.sources.source import UNKNOWN, Source, Tables, make_source

_CLEANED: Final = "Retailrocket_Ecommerce.zip"
_ARCHIVES: Final = ("archive.zip", "ecommerce-dataset.zip")
_EVENTS: Final = {"view": "view", "addtocart": "cart", "transaction": "buy"}
_CLEANED_FILES: Final = {
    "view_ecommerce.dat": "view",
    "add_to_cart_ecommerce.dat": "cart",
    "purchase_ecommerce.dat": "buy",
}
RETAILROCKET: Final = Asset(
    name="retailrocket",
    mirrors=(),
    licence="CC BY-NC-SA 4.0",
    terms="RetailRocket's log is licensed CC BY-NC-SA 4.0: name the source, no commercial use, share alike.",
    homepage="https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset",
    size=0,
    local=(
        Layout("official", {"events.csv": UNKNOWN}),
        *(Layout(f"zip-{name}", {name: UNKNOWN}) for name in _ARCHIVES),
        Layout("cleaned", {_CLEANED: UNKNOWN}),
    ),
)


def parse_retailrocket(folder: Path, layout: str) -> Tables:
    """Read ``events.csv`` and, if they are there, ``category_tree.csv`` and ``item_properties_part*.csv``.

    The files lie in the folder or in Kaggle's zip file. Events are ``view, cart, buy``. All values of the items are
    hashed; of their properties the category is taken, the first that is stated of an item, with the categories
    above it. The layout ``"cleaned"`` is a copy without times in which every person has ten views or more.

    Raises:
        DataError: A file is missing or damaged.
    """
    if layout == "cleaned":
        return Tables(_cleaned(folder / _CLEANED), variant="cleaned")
    given = {name: source for name, source in _files(folder)}
    if "events.csv" not in given:
        raise DataError("the zip file has no events.csv", where=str(folder), remedy="Get the archive from Kaggle anew.")
    schema = {
        "timestamp": pl.Int64,
        "visitorid": pl.String,
        "event": pl.String,
        "itemid": pl.String,
        "transactionid": pl.String,
    }
    events = read_table(given["events.csv"], schema, where=f"{folder}, events.csv")
    return Tables(
        events.select(
            as_time(events["timestamp"]),
            pl.col("event").replace(_EVENTS),
            user_id="visitorid",
            item_id="itemid",
            transaction_id="transactionid",
        ).select("user_id", "item_id", "timestamp", "event", "transaction_id"),
        _categories(given, events["itemid"]),
    )


def _files(folder: Path) -> Iterator[tuple[str, Path | bytes]]:
    """Yield the CSV files at hand by name."""
    if (folder / "events.csv").is_file():
        yield from ((path.name, path) for path in folder.glob("*.csv"))
        return
    archive = next(folder / name for name in _ARCHIVES if (folder / name).is_file())
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.namelist():
                if member.endswith(".csv"):
                    yield member.rsplit("/", 1)[-1], opened.read(member)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise DataError(f"unusable zip file: {error}", where=str(archive)) from error


def _categories(given: dict[str, Path | bytes], items: pl.Series) -> pl.DataFrame | None:
    parts = [source for name, source in sorted(given.items()) if name.startswith("item_properties")]
    if not parts:
        return None
    schema = {"timestamp": pl.Int64, "itemid": pl.String, "property": pl.String, "value": pl.String}
    stated = [
        read_table(part, schema, where="item_properties").filter(pl.col("property") == "categoryid").drop("property")
        for part in parts
    ]
    first = pl.concat(stated).sort("timestamp", maintain_order=True).unique("itemid", keep="first", maintain_order=True)
    above: dict[str, str] = {}
    if tree := given.get("category_tree.csv"):
        table = read_table(tree, {"categoryid": pl.String, "parentid": pl.String}, where="category_tree.csv")
        above = dict(table.drop_nulls().iter_rows())
    rows = [(item, [_path(category, above)]) for item, category in first.select("itemid", "value").iter_rows()]
    known = pl.DataFrame(rows, schema={"item_id": pl.String, "categories": pl.List(pl.String)}, orient="row")
    everything = items.unique(maintain_order=True).alias("item_id").to_frame()
    return everything.join(known, on="item_id", how="left", maintain_order="left")


def _path(category: str, above: dict[str, str]) -> str:
    path = [category]
    while (parent := above.get(path[0])) and parent not in path:
        path.insert(0, parent)
    return PATH_SEPARATOR.join(path)


def _cleaned(archive: Path) -> pl.DataFrame:
    schema = {"visitorid": pl.String, "itemid": pl.String}
    frames = []
    try:
        with zipfile.ZipFile(archive) as opened:
            for name, event in _CLEANED_FILES.items():
                member = next(entry for entry in opened.namelist() if entry.endswith(name))
                table = read_table(opened.read(member), schema, separator="\t", where=f"{archive}, {name}")
                frames.append(table.select(user_id="visitorid", item_id="itemid", event=pl.lit(event)))
    except (zipfile.BadZipFile, OSError, EOFError, StopIteration) as error:
        raise DataError(f"unusable zip file: {error or 'a file is missing in it'}", where=str(archive)) from error
    return pl.concat(frames)


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        RETAILROCKET,
        "RetailRocket: 2,756,101 views, carts and purchases of 1,407,580 visitors, 2015",
        parse_retailrocket,
        rows=2_756_101,
    ),
)
