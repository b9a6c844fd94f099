"""Profiles on disk: a file to which each is added when it is there, so that work that was cut off goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tastemaker.core.errors import DataError
from tastemaker.data.provenance import Provenance
from tastemaker.language.generators.keeping import append_line
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.seen import About

FORMAT: Final = 1


class Profiles:
    """The profiles of a file, one JSON object a line; of several with one key the last counts.

    A line is written whole and at once, and is there when `add` returns. Half a line, such as a power cut leaves, is
    passed over and counted. Only the owner may read the file: it tells what people like.

    Args:
        path: The file; it need not be there yet. Without one the profiles live in memory.

    Raises:
        DataError: A line is no profile, or one of a later format; or the file cannot be read.

    Attributes:
        damaged: Lines that are no JSON.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.damaged = 0
        self._by_key: dict[str, Profile] = {}
        self._of_kind: dict[tuple[About, str, str], Profile] = {}
        self._latest: dict[tuple[About, str], Profile] = {}
        self._whole = True
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise DataError(f"the profiles cannot be read: {error.strerror or error}", where=str(path)) from error
        self._whole = not text or text.endswith("\n")
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except ValueError:
                self.damaged += 1
                continue
            if not isinstance(value, dict) or value.get("format") != FORMAT:
                raise DataError(
                    "a line is no profile that this version reads",
                    where=f"{path}, line {number}",
                    remedy="Name another file, or make the profiles again.",
                )
            self._take(Profile.from_json(value["profile"]))

    def _take(self, profile: Profile) -> None:
        self._by_key[profile.key] = profile
        self._of_kind[profile.of, profile.about, profile.kind] = profile
        self._latest[profile.of, profile.about] = profile

    def add(self, profile: Profile) -> None:
        """Keep a profile.

        Raises:
            StorageError: It cannot be written.
        """
        if self.path is not None:
            line = json.dumps({"format": FORMAT, "profile": profile.to_json()}, ensure_ascii=True)
            append_line(self.path, line if self._whole else f"\n{line}")
            self._whole = True
        self._take(profile)

    def get(self, key: str) -> Profile | None:
        """Return the profile that an equal call made before."""
        return self._by_key.get(key)

    def latest(self, about: str, of: About = "person", kind: str | None = None) -> Profile | None:
        """Return what was last said of a person or an item, by any way of making profiles or by one."""
        if kind is not None:
            return self._of_kind.get((of, about, kind))
        return self._latest.get((of, about))

    def all(self, of: About = "person", kind: str | None = None) -> dict[str, Profile]:
        """Return the last profile of each person, or item, by raw id."""
        if kind is None:
            return {raw: one for (each, raw), one in self._latest.items() if each == of}
        return {raw: one for (each, raw, made), one in self._of_kind.items() if (each, made) == (of, kind)}

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._of_kind.values())

    def __len__(self) -> int:
        return len(self._of_kind)


def provenance_of(profiles: Iterable[Profile]) -> Provenance | None:
    """Return which rows some profiles have seen, all together; ``None`` where there is none.

    Raises:
        DataError: They are of several data sets, or of several versions of one.
    """
    known = list(profiles)
    cuts = [profile.cut for profile in known]
    if not cuts:
        return None
    if len({(cut.dataset, cut.fingerprint) for cut in cuts}) > 1:
        raise DataError(
            "the profiles are of several data sets, or of several versions of one",
            where=", ".join(sorted({cut.dataset for cut in cuts})),
            remedy="Keep those of each in a file of its own.",
        )
    rows = np.unique(np.asarray([row for cut in cuts for row in cut.rows], dtype=np.int64))
    times = [cut.last_event for cut in cuts if cut.last_event is not None]
    people = sum(profile.of == "person" for profile in known)
    return Provenance(cuts[0].dataset, cuts[0].fingerprint, rows, people, max(times, default=None))
