"""Where `tastemaker train` keeps how far a training is, until its model is saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace

_MARK: Final = "training.json"
"""What `tastemaker.training.checkpoint` writes; that module needs torch, and to remove a folder does not."""


@contextmanager
def kept_beside(folder: Path, work: Workspace) -> Iterator[Workspace]:
    """Yield a workspace whose trainings keep checkpoints beside a model's folder.

    When the block ends they are removed; where it fails they stay, and the same command goes on from them.
    """
    place = Path(f"{folder}.training")
    try:
        yield replace(work, run=replace(work.run, output=place))
    except KeyboardInterrupt:
        if place.is_dir():
            work.out.note(f"The training so far is kept in {place}; the same command goes on from there.")
        raise
    _remove(place)


def _remove(place: Path) -> None:
    """Remove the checkpoints in a folder, those that were half-written too, and the folder if nothing else is there."""
    for path in place.glob("*"):
        if (path / _MARK).is_file() or (path.name.startswith(".") and path.suffix == ".tmp"):
            shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        place.rmdir()
