"""The list of sources, and loading by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tastemaker.core.errors import AssetError, DataError, nearest
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.folder import read_folder
from tastemaker.data.sources import (
    amazon_2014,
    amazon_2018,
    amazon_2023,
    bookshop,
    goodbooks,
    gowalla,
    lastfm,
    mind,
    movielens,
    open_bandit,
    retailrocket,
    steam,
    yoochoose,
)
from tastemaker.data.sources.source import Notify, Source

SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for family in (
        bookshop,
        movielens,
        amazon_2014,
        goodbooks,
        steam,
        lastfm,
        retailrocket,
        yoochoose,
        gowalla,
        mind,
        open_bandit,
        amazon_2018,
        amazon_2023,
    )
    for source in family.SOURCES
}


def caution_about(dataset: str) -> str:
    """Return what every report on a data set of this name must say; empty unless it is synthetic."""
    return next((source.synthetic for source in SOURCES.values() if dataset == f"{source.name}-synthetic"), "")


def local_folder(source: Source, data: Path | None) -> Path | None:
    """Return the folder that the user gave for ``source``: ``--data``, or a match in ``TASTEMAKER_DATA``."""
    if data is None:
        root = os.environ.get("TASTEMAKER_DATA")
        if not root:
            return None
        return next((Path(root) / name for name in source.folders if (Path(root) / name).is_dir()), None)
    inner = next((data / name for name in source.folders if (data / name).is_dir()), None)
    return inner or data


def load_dataset(
    name: str,
    data: Path | None = None,
    *,
    accept_unknown: bool = False,
    run: Run | None = None,
    notify: Notify = lambda text: None,
) -> Dataset:
    """Load a data set by the name of its source, or by the path of a folder in Tastemaker's layout.

    Args:
        name: A key of `SOURCES`, or a path.
        data: A local folder to take the files from instead of downloading them.
        accept_unknown: Download also what no known checksum verifies, and record its SHA-256 for the next time;
            ``TASTEMAKER_ACCEPT_UNKNOWN=1`` says the same.
        run: Shows progress.
        notify: Is told the terms of use, once for each data set.

    Raises:
        DataError: There is no such source or folder, or its files are damaged.
        AssetError: The download failed, or could not be verified.
    """
    run = run or Run()
    source = SOURCES.get(name)
    if source is None:
        if Path(name).is_dir() or os.sep in name:
            return read_folder(Path(name))
        raise DataError(f"there is no data source '{name}', and no folder of that name", remedy=nearest(name, SOURCES))
    folder = local_folder(source, data)
    if folder is not None and not folder.is_dir():
        raise DataError("there is no such folder", where=str(folder), remedy="Check the path given as --data.")
    try:
        return source.load(folder, run, notify, accept_unknown=accept_unknown)
    except (AssetError, DataError) as error:
        if folder is None or folder.resolve().name in source.folders:
            raise
        others = [other.name for other in SOURCES.values() if folder.resolve().name in other.folders]
        if not others:
            raise
        raise DataError(
            f"{name} is not in this folder",
            where=str(folder),
            remedy=f"By its name it holds another data set: --source {' or '.join(others)}",
        ) from error
