"""A fitted model as a folder: configuration, tensors, vocabulary and a card; never pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse

from tastemaker.core.errors import ModelFormatError
from tastemaker.core.files import refusals_of
from tastemaker.data.provenance import Provenance
from tastemaker.data.vocabulary import Vocabulary

FORMAT: Final = 1
Tensors = dict[str, NDArray[Any]]
_CONFIG, _TENSORS, _VOCABULARY, _CARD = (
    "config.json",
    "tensors.safetensors",
    "vocabulary.parquet",
    "README.md",
)
_ALWAYS: Final = {_TENSORS, _VOCABULARY}


_DAMAGED: Final = (
    SafetensorError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    KeyError,
    TypeError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class Stored:
    """What a model folder holds.

    Attributes:
        model: Name of the model.
        settings: Arguments of its constructor.
        fitted: Fitted state that is not a tensor; JSON values.
        tensors: Fitted arrays.
        items: The vocabulary.
        provenance: What it was fitted on.
        texts: Fitted state in the text format of another library, by the names of its files.
    """

    model: str
    settings: Mapping[str, Any]
    fitted: Mapping[str, Any]
    tensors: Tensors
    items: Vocabulary
    provenance: Provenance
    texts: Mapping[str, str] = field(default_factory=dict)


def pack_sparse(name: str, matrix: sparse.csr_array) -> Tensors:
    """Return a sparse matrix as tensors whose names start with ``name``."""
    return {
        f"{name}.data": matrix.data,
        f"{name}.indices": matrix.indices.astype(np.int32),
        f"{name}.indptr": matrix.indptr.astype(np.int64),
        f"{name}.shape": np.asarray(matrix.shape, dtype=np.int64),
    }


def unpack_sparse(name: str, tensors: Tensors) -> sparse.csr_array:
    """Read what `pack_sparse` wrote."""
    data, indices, indptr = (tensors[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    if len(data) <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)  # scipy widens all indices to the widest, anew for each product
    return sparse.csr_array((data, indices, indptr), shape=tuple(tensors[f"{name}.shape"].tolist()))


def write(folder: Path, stored: Stored) -> None:
    """Write a model into an existing empty folder; `tastemaker.core.files.atomic_folder` makes it whole."""
    from tastemaker import __version__

    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in stored.tensors.items()}
    tensors["provenance.rows"] = stored.provenance.packed_rows()
    with refusals_of(SafetensorError, pl.exceptions.PolarsError):
        save_file(tensors, folder / _TENSORS)
        stored.items.to_frame().write_parquet(folder / _VOCABULARY)
    for name, text in stored.texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    files = {name: _identity(folder / name) for name in (_TENSORS, _VOCABULARY, *stored.texts)}
    config = {
        "format": FORMAT,
        "model": stored.model,
        "tastemaker": __version__,
        "settings": dict(stored.settings),
        "fitted": dict(stored.fitted),
        "vocabulary": {"items": len(stored.items), "seed": stored.items.seed},
        "provenance": {
            "dataset": stored.provenance.dataset,
            "fingerprint": stored.provenance.fingerprint,
            "events": len(stored.provenance.rows),
            "users": stored.provenance.users,
            "last_event": stored.provenance.last_event,
            "others": list(stored.provenance.others),
        },
        "files": files,
    }
    (folder / _CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / _CARD).write_text(_card(stored), encoding="utf-8")


def _identity(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _card(stored: Stored) -> str:
    seen = stored.provenance
    chosen = stored.fitted.get("settings", stored.settings)
    settings = "\n".join(f"- `{name}`: {value}" for name, value in chosen.items()) or "- none"
    return (
        f"# {stored.model}\n\nFitted by Tastemaker on {len(seen.rows):,} events of {seen.users:,} people in "
        f"`{seen.dataset}` (fingerprint {seen.fingerprint[:12]}); knows {len(stored.items):,} items.\n\n"
        f"## Settings\n\n{settings}\n"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` and check that the folder is whole and of this format.

    Raises:
        ModelFormatError: A file is missing or cut off, or the format is another.
    """
    remedy = "Train the model again, or copy the whole folder."
    if not folder.is_dir():
        raise ModelFormatError("there is no such model folder", where=str(folder), remedy="Train a model first.")
    path = folder / _CONFIG
    if not path.exists():
        raise ModelFormatError(f"the model folder has no {_CONFIG}", where=str(folder), remedy=remedy)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        version = config["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelFormatError(f"{_CONFIG} is damaged: {error}", where=str(path), remedy=remedy) from error
    if version != FORMAT:
        raise ModelFormatError(
            f"the model has format version {version}, and this Tastemaker reads version {FORMAT}",
            where=str(folder),
            remedy="Train it again with this version, or install the version that wrote it.",
        )
    try:
        sizes = {name: int(identity["bytes"]) for name, identity in config["files"].items()}
        absent = {"model", "settings", "fitted", "vocabulary", "provenance"} - config.keys()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFormatError(f"{_CONFIG} is damaged: {error}", where=str(path), remedy=remedy) from error
    if absent:
        raise ModelFormatError(f"{_CONFIG} lacks {', '.join(sorted(absent))}", where=str(path), remedy=remedy)
    for name, expected in sizes.items():
        file = folder / name
        size = file.stat().st_size if file.exists() else None
        if size != expected:
            found = "is missing" if size is None else f"has {size} bytes instead of {expected}"
            raise ModelFormatError(f"the model folder is incomplete: {name} {found}", where=str(folder), remedy=remedy)
    return dict(config)


def damaged_files(folder: Path) -> list[str]:
    """Return the files of a model folder, nested models included, whose bytes are not those that were written."""
    wrong = []
    for path in sorted(folder.rglob(_CONFIG)):
        for name, identity in read_config(path.parent)["files"].items():
            if _identity(path.parent / name) != identity:
                wrong.append(str((path.parent / name).relative_to(folder)))
    return wrong


def read(folder: Path) -> Stored:
    """Read what `write` wrote.

    Raises:
        ModelFormatError: The folder is missing, incomplete, damaged or of another format.
    """
    config = read_config(folder)
    try:
        tensors = load_file(folder / _TENSORS)
        vocabulary = pl.read_parquet(folder / _VOCABULARY)
        others = [Path(name).name for name in config["files"] if name not in _ALWAYS]
        texts = {name: (folder / name).read_text(encoding="utf-8") for name in others}
        seen = config["provenance"]
        return Stored(
            config["model"],
            config["settings"],
            config["fitted"],
            tensors,
            Vocabulary.from_frame(vocabulary, config["vocabulary"]["seed"]),
            Provenance(
                seen["dataset"],
                seen["fingerprint"],
                Provenance.unpack_rows(tensors.pop("provenance.rows")),
                seen["users"],
                seen["last_event"],
                tuple(seen["others"]),
            ),
            texts,
        )
    except _DAMAGED as error:
        raise ModelFormatError(
            f"the model folder is damaged: {error}", where=str(folder), remedy="Train the model again."
        ) from error
