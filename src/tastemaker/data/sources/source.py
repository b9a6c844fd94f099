"""What a source is, and the way that all of them load: find the files or fetch them, parse, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.assets import Asset, fetch
from tastemaker.data.catalogue import Catalogue, Relations, Users
from tastemaker.data.dataset import Dataset
from tastemaker.data.folder import FolderMap, read_folder
from tastemaker.data.interactions import Interactions
from tastemaker.data.mirrors import Content, WheelMirror

Notify = Callable[[str], None]
Access = Literal["packaged", "download", "opt-in", "by hand"]

UNKNOWN: Final = Content()
"""A file of which no digest is known."""
HAS_TAG: Final = "has_tag"
"""Relation from an item to the text of a tag."""
FRIEND_OF: Final = "friend_of"
"""Relation from a person to a person."""


class Loader(Protocol):
    """Builds a data set from the folder ``data``, or from a download where there is none."""

    def __call__(self, data: Path | None, run: Run, notify: Notify, *, accept_unknown: bool = False) -> Dataset:
        """Load the data set."""
        ...


@dataclass(frozen=True)
class Source:
    """A data set that has a name.

    Attributes:
        name: What the user types.
        title: What it is, in one line.
        licence: The terms, in one line.
        homepage: Official page.
        size: About how much is downloaded without asking, in bytes; 0 where nothing is (see `access`).
        folders: Names under which a folder of local data sets may hold it.
        load: Builds the data set.
        family: Groups sources that differ by category or size only.
        samples: Those of ``folders`` that hold a part or a rewritten copy; it loads under the folder's own name.
        asset: Files, addresses and digests.
        confirmed: Which of the addresses a real download has confirmed; empty where none has.
        packaged: Its folder in the package, if it comes with Tastemaker and needs no fetching.
        synthetic: Where people and events are made up: what every report on it must say. The name of the data set then
            ends in ``-synthetic``.
    """

    name: str
    title: str
    licence: str
    homepage: str
    size: int
    folders: tuple[str, ...]
    load: Loader
    family: str = ""
    samples: tuple[str, ...] = ()
    asset: Asset | None = None
    confirmed: str = ""
    packaged: Path | None = None
    synthetic: str = ""

    @property
    def access(self) -> Access:
        """Whether it is here already, downloaded, downloaded only if the user accepts an unknown checksum, or never."""
        if self.packaged is not None:
            return "packaged"
        if self.asset is None or not self.asset.mirrors:
            return "by hand"
        for mirror in self.asset.mirrors:
            if isinstance(mirror, WheelMirror) or all(
                part.digests or all(part.layout.files[name].digests for name in part.yields) for part in mirror.parts
            ):
                return "download"
        return "opt-in"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its files are: web addresses and pip commands."""
        found: list[str] = []
        for mirror in self.asset.mirrors if self.asset else ():
            found += [str(mirror)] if isinstance(mirror, WheelMirror) else [part.url for part in mirror.parts]
        return tuple(found)

    @property
    def digests(self) -> dict[str, dict[str, str]]:
        """The known checksums: name of a download, or of a file taken from one -> kind -> hexadecimal digest."""
        found: dict[str, dict[str, str]] = {}
        for mirror in self.asset.mirrors if self.asset else ():
            if isinstance(mirror, WheelMirror):
                found[str(mirror.requirement)] = {"sha256": mirror.sha256}
            else:
                found |= {part.archive: dict(part.digests) for part in mirror.parts if part.digests}
            found |= {name: dict(known.digests) for name, known in mirror.layout.files.items() if known.digests}
        return found


@dataclass(frozen=True)
class Tables:
    """What a parser makes of a source's files.

    Attributes:
        interactions: The events, in the order of the file.
        items: The items, where the files describe them.
        users: The people, where the files describe them.
        relations: Facts, with their kind in ``relation``.
        variant: Ends the name of the data set where the files hold a rewritten copy of the source, or people who are
            made up.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    relations: pl.DataFrame | None = None
    variant: str = ""

    def dataset(self, name: str) -> Dataset:
        """Put the tables together."""
        return Dataset.of(
            Interactions.from_frame(self.interactions),
            None if self.items is None else Catalogue(self.items),
            users=None if self.users is None else Users(self.users),
            relations=None if self.relations is None else Relations(self.relations),
            name=f"{name}-{self.variant}" if self.variant else name,
        )


def make_source(
    asset: Asset,
    title: str,
    parse: Callable[[Path, str], Tables],
    *,
    folders: Sequence[str] = (),
    samples: Sequence[str] = (),
    family: str = "",
    confirmed: str = "",
    rows: int | None = None,
    columns: FolderMap | None = None,
    tidy: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> Source:
    """Make a source of an asset and a parser.

    Args:
        asset: Its name, terms and files.
        title: What it is, in one line.
        parse: Reads the files of a layout: folder and layout's name -> tables.
        folders: Further names of folders that hold it.
        samples: Names of folders that hold a part of it, or a rewritten copy.
        family: See `Source`.
        confirmed: See `Source`.
        rows: How many events it has, where that is published: files of which no digest is known must have as many.
        columns: How a folder in Tastemaker's own layout is read where it has no dataset.toml.
        tidy: Applied to the items of such a folder.
    """
    known = tuple(dict.fromkeys((asset.name, *folders, *samples)))

    def load(data: Path | None, run: Run, notify: Notify, *, accept_unknown: bool = False) -> Dataset:
        name = asset.name
        if data is not None and data.resolve().name in samples:
            name = data.resolve().name
            notify(f"{data} holds a part or a rewritten copy of {asset.name}: it is called '{name}' in reports")
        if data is not None and any(data.glob("interactions.*")):
            own = _own_layout(data, name, columns or FolderMap(), tidy)
            if data.resolve().name not in known and len(own.interactions) != rows:
                raise DataError(
                    f"{asset.name} is not in this folder ({data})",
                    where=f"{len(own.interactions):,} events in Tastemaker's own layout",
                    remedy=f"If the folder is a data set of your own, it is the source itself: --source {data}",
                )
            return own
        fetched = fetch(asset, data=data, accept_unknown=accept_unknown, notify=notify, progress=run.progress)
        tables = parse(fetched.folder, fetched.layout)
        if rows is not None and name == asset.name and not tables.variant and tables.interactions.height != rows:
            raise DataError(
                f"these files hold {tables.interactions.height:,} events, and {asset.name} has {rows:,}",
                where=str(fetched.folder),
                remedy="Check that they are of this data set, and whole.",
            )
        return tables.dataset(name)

    return Source(
        name=asset.name,
        title=title,
        licence=asset.licence,
        homepage=asset.homepage,
        size=asset.size,
        folders=known,
        load=load,
        family=family,
        samples=tuple(samples),
        asset=asset,
        confirmed=confirmed,
    )


def _own_layout(
    folder: Path, name: str, columns: FolderMap, tidy: Callable[[pl.DataFrame], pl.DataFrame] | None
) -> Dataset:
    dataset = read_folder(folder, columns.model_copy(update={"name": name}))
    if tidy is None:
        return dataset
    return Dataset.of(
        dataset.interactions,
        Catalogue(tidy(dataset.catalogue.frame)),
        users=dataset.users,
        relations=dataset.relations,
        name=dataset.name,
    )
