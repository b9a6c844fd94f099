"""A data set as a folder: `interactions`, `items`, `users`, `relations` and `dataset.toml` with a column map."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tastemaker.core.errors import ConfigError, DataError, nearest
from tastemaker.core.files import atomic_folder, refusals_of
from tastemaker.data.catalogue import Catalogue, Relations, Users
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions

Table = Literal["interactions", "items", "users", "relations"]
Columns = Mapping[str, tuple[str, ...]]

_SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")

_USERS: Final = ("user", "userid", "uid", "customer_id", "customer", "reviewer_id", "reviewerid", "visitor_id")
_ITEMS: Final = (
    "item",
    "itemid",
    "iid",
    "asin",
    "parent_asin",
    "product_id",
    "sku",
    "movie_id",
    "movieid",
    "book_id",
)
SYNONYMS: Final[Mapping[Table, Columns]] = {
    "interactions": {
        "user_id": _USERS,
        "item_id": _ITEMS,
        "timestamp": ("time", "ts", "datetime", "date", "created_at", "event_time", "unixreviewtime"),
        "position": ("pos",),
        "event": ("event_type", "action"),
        "weight": (),
    },
    "items": {
        "item_id": _ITEMS,
        "title": ("name", "product_title"),
        "text": ("description", "abstract", "overview", "plot"),
        "categories": ("category", "genres", "genre"),
        "brand": (),
        "year": (),
        "price": (),
        "available": (),
    },
    "users": {"user_id": _USERS},
    "relations": {"head": (), "relation": (), "tail": ()},
}
"""Our columns of each table, and the names under which others keep them; case does not matter."""


class TableMap(BaseModel):
    """How one table of the folder is read: ``[interactions]`` and the like in dataset.toml."""

    model_config = ConfigDict(extra="forbid")
    columns: dict[str, str] = Field(default_factory=dict, description="our name = the file's name")
    ignore: list[str] = Field(default_factory=list, description="columns of the file that are not loaded")


class FolderMap(BaseModel):
    """The content of dataset.toml."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    licence: str | None = None
    interactions: TableMap = Field(default_factory=TableMap)
    items: TableMap = Field(default_factory=TableMap)
    users: TableMap = Field(default_factory=TableMap)
    relations: TableMap = Field(default_factory=TableMap)


def read_map(path: Path) -> FolderMap:
    """Read a dataset.toml.

    Raises:
        ConfigError: It is not TOML, or has an unknown key.
    """
    try:
        return FolderMap.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"cannot read TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = FolderMap.model_fields if len(first["loc"]) == 1 else TableMap.model_fields
        advice = nearest(str(first["loc"][-1]), known) if first["type"] == "extra_forbidden" else None
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{problem} '{key}'", where=str(path), remedy=advice) from error


def _find(folder: Path, table: str) -> Path | None:
    for suffix in _SUFFIXES:
        path = folder / f"{table}{suffix}"
        if path.exists():
            return path
    return None


def _read(path: Path) -> pl.DataFrame:
    if path.stat().st_size == 0:
        raise DataError("the file is empty", where=str(path), remedy="Export it again.")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read the file as {'Parquet' if path.suffix == '.parquet' else 'CSV'}; it is damaged, cut "
            f"off, or something else: {str(error).splitlines()[0]}",
            where=str(path),
            remedy="Export it again, or check that the copy was whole.",
        ) from error


def _mapped(frame: pl.DataFrame, table: Table, layout: TableMap, needed: tuple[str, ...], path: Path) -> pl.DataFrame:
    """Give the columns of a file our names: first those of the map, then those that can only mean one thing."""
    frame = frame.drop(layout.ignore, strict=False)
    absent = [theirs for theirs in layout.columns.values() if theirs not in frame.columns]
    if absent:
        raise DataError(
            f"there is no column '{absent[0]}', which the column map names",
            where=f"{path}; columns: {', '.join(frame.columns)}",
            remedy=nearest(absent[0], frame.columns),
        )
    chosen = dict(layout.columns)
    for ours, others in SYNONYMS[table].items():
        if ours in chosen or ours in frame.columns:
            continue
        free = [name for name in frame.columns if name not in chosen.values()]
        found = [name for name in free if name.lower() == ours] or [
            name for other in others for name in free if name.lower() == other
        ]
        if len(found) > 1 and ours in needed:
            raise DataError(
                f"several columns could be '{ours}': {', '.join(found)}",
                where=str(path),
                remedy=f'Say which it is in dataset.toml: [{table}] columns = {{{ours} = "{found[0]}"}}.',
            )
        if found:
            chosen[ours] = found[0]
    missing = [name for name in needed if name not in chosen and name not in frame.columns]
    if missing:
        raise DataError(
            f"no column '{missing[0]}', and none that looks like it",
            where=f"{path}; columns: {', '.join(frame.columns)}",
            remedy=f'Say which it is in dataset.toml: [{table}] columns = {{{missing[0]} = "..."}}.',
        )
    kept = [name for name in frame.columns if name not in chosen and name not in chosen.values()]
    return frame.select(*(pl.col(theirs).alias(ours) for ours, theirs in chosen.items()), *kept)


def read_folder(folder: Path, default: FolderMap | None = None) -> Dataset:
    """Read a data set from a folder.

    The folder holds ``interactions.parquet`` (or ``.csv``, ``.csv.gz``) and optionally ``items``, ``users`` and
    ``relations`` likewise. ``dataset.toml`` maps columns; without it, names that everybody uses are recognised.

    Args:
        folder: Where the files are.
        default: The map to use where the folder has no ``dataset.toml``.

    Raises:
        DataError: The folder or a file is missing or damaged, or a needed column cannot be found.
        ConfigError: ``dataset.toml`` is wrong.
    """
    if not folder.is_dir():
        raise DataError("there is no such folder", where=str(folder), remedy="Check the path given as --data.")
    events_path = _find(folder, "interactions")
    if events_path is None:
        present = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            "the folder has no interactions.parquet (nor .csv, .csv.gz)",
            where=f"{folder} holds {present}",
            remedy="Put the event log there under that name.",
        )
    toml = folder / "dataset.toml"
    layout = read_map(toml) if toml.exists() else default or FolderMap()
    events = _mapped(_read(events_path), "interactions", layout.interactions, ("user_id", "item_id"), events_path)
    tables: dict[Table, pl.DataFrame] = {}
    others: tuple[tuple[Table, TableMap, tuple[str, ...]], ...] = (
        ("items", layout.items, ("item_id",)),
        ("users", layout.users, ("user_id",)),
        ("relations", layout.relations, ("head", "relation", "tail")),
    )
    for table, table_map, needed in others:
        path = _find(folder, table)
        if path is not None:
            tables[table] = _mapped(_read(path), table, table_map, needed, path)
    return Dataset.of(
        Interactions.from_frame(events),
        Catalogue(tables["items"]) if "items" in tables else None,
        users=Users(tables["users"]) if "users" in tables else None,
        relations=Relations(tables["relations"]) if "relations" in tables else None,
        name=layout.name or folder.name,
    )


def write_folder(dataset: Dataset, folder: Path) -> None:
    """Write a data set in the layout that `read_folder` reads, whole or not at all.

    Raises:
        StorageError: The folder cannot be written, or holds something that is no data set; it stays as it is.
    """
    import json

    refusals = refusals_of(pl.exceptions.PolarsError)
    with atomic_folder(folder, replaces="interactions.parquet") as temporary, refusals:
        events = dataset.interactions.frame.sort("order").drop("order")
        events.write_parquet(temporary / "interactions.parquet")
        dataset.catalogue.frame.write_parquet(temporary / "items.parquet")
        if dataset.users is not None:
            dataset.users.frame.write_parquet(temporary / "users.parquet")
        if dataset.relations is not None:
            dataset.relations.frame.write_parquet(temporary / "relations.parquet")
        name = json.dumps(dataset.name, ensure_ascii=False)
        (temporary / "dataset.toml").write_text(f"name = {name}\n", encoding="utf-8")
