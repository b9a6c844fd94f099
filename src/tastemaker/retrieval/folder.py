"""An index as a folder: what it is as JSON, its arrays as files that can stay on disk. Never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError

FORMAT: Final = 1
ABOUT: Final = "index.json"
VECTORS: Final = "vectors.npy"

_REMEDY: Final = "Build the index again, or copy the whole folder."


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array in numpy's format."""
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)


def write_about(folder: Path, kind: str, facts: dict[str, Any]) -> None:
    """Write, after all other files, what the index is and how large each file must be."""
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    text = json.dumps({"format": FORMAT, "kind": kind, **facts, "files": files}, indent=2)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def read_about(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """Read what an index is, and check that the folder is whole.

    Args:
        folder: The folder.
        kind: The kind that is wanted, if only one will do.

    Raises:
        DataError: A file is missing or cut off, the format is another, or the kind is.
    """
    path = Path(folder) / ABOUT
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, found, files = about["format"], about["kind"], dict(about["files"])
    except FileNotFoundError as error:
        raise DataError(f"this is no folder of an index: it has no {ABOUT}", where=str(folder)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{ABOUT} cannot be read", where=str(path), remedy=_REMEDY) from error
    if version != FORMAT:
        raise DataError(f"the index is of format {version}, and {FORMAT} is known", where=str(path), remedy=_REMEDY)
    if kind is not None and found != kind:
        raise DataError(f"the index is of the kind '{found}', not '{kind}'", where=str(path))
    for name, size in files.items():
        file = path.parent / Path(name).name
        if not file.is_file() or file.stat().st_size != size:
            raise DataError(f"{file.name} is missing or not as it was written", where=str(folder), remedy=_REMEDY)
    return about


def number(about: dict[str, Any], name: str, folder: Path) -> float:
    """Return a number that an index says of itself.

    Raises:
        DataError: It does not.
    """
    value = about.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{ABOUT} does not say '{name}'", where=str(folder), remedy=_REMEDY)
    return value


def read_json(folder: Path, name: str) -> Any:
    """Read a JSON document.

    Raises:
        DataError: It cannot be read.
    """
    path = Path(folder) / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read", where=str(path), remedy=_REMEDY) from error


def read_array(folder: Path, name: str) -> NDArray[Any]:
    """Read an array without loading it: its pages come from disk when they are used.

    Raises:
        DataError: It cannot be read.
    """
    path = Path(folder) / name
    try:
        mapped = np.load(path, mmap_mode="r" if path.stat().st_size else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{name} cannot be read", where=str(path), remedy=_REMEDY) from error
    return np.asarray(mapped)


def read_vectors(folder: Path, about: dict[str, Any]) -> NDArray[np.float32]:
    """Read the vectors of an index, float32 ``[n, d]``.

    Raises:
        DataError: They are not as many or as long as the index says.
    """
    vectors = read_array(folder, VECTORS)
    if vectors.dtype != np.float32 or vectors.shape != (about.get("vectors"), about.get("dim")):
        raise DataError(f"{VECTORS} does not hold what {ABOUT} says", where=str(folder), remedy=_REMEDY)
    return vectors
