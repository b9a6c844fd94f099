"""Assets: named data that is fetched once, verified before it is opened, and kept in a cache.

How a mirror gives its files is in `tastemaker.data.mirrors`; what the files mean, in each source's module.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tastemaker.core.errors import AssetError, ChecksumError, StorageError
from tastemaker.core.files import atomic_file
from tastemaker.core.run import Progress, SilentProgress
from tastemaker.data.layouts import Content, Layout, Mirror, WheelMirror
from tastemaker.data.locks import locked
from tastemaker.data.mirrors import check_content, check_digests, obtain, recorded_content, unpack, unverifiable
from tastemaker.data.wheels import find_wheel

Notify = Callable[[str], None]
_logger = logging.getLogger("tastemaker.assets")


@dataclass(frozen=True)
class Asset:
    """Something to fetch.

    Attributes:
        name: Names the folder in the cache.
        mirrors: Where to get it, tried in this order; none where only a person can get it.
        licence: Its short name or one line.
        terms: What the user must know; shown before the first use.
        homepage: Where a person reads about it.
        size: About how many bytes travel; 0 where that is not known.
        local: Layouts in which a folder of the user's may hold it, beside those of the mirrors.
    """

    name: str
    mirrors: tuple[Mirror, ...]
    licence: str
    terms: str
    homepage: str
    size: int
    local: tuple[Layout, ...] = ()

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts of the mirrors, each once, in the mirrors' order."""
        return tuple({mirror.layout.name: mirror.layout for mirror in self.mirrors}.values())


@dataclass(frozen=True)
class FetchedAsset:
    """Verified files at hand.

    Attributes:
        folder: Holds the files of the layout.
        layout: The layout's name.
        mirror: Where the files came from this time: an address, a pip command, ``"cache"`` or a folder.
    """

    folder: Path
    layout: str
    mirror: str


def log(message: str) -> None:
    """Tell the user through ``logging``, which writes to standard error unless it is set up otherwise."""
    _logger.warning("%s", message)


def cache_folder() -> Path:
    """Return where assets are kept: ``TASTEMAKER_CACHE``, else ``tastemaker`` in the user's cache folder."""
    if own := os.environ.get("TASTEMAKER_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tastemaker"


def fetch(
    asset: Asset,
    *,
    data: Path | None = None,
    cache: Path | None = None,
    offline: bool = False,
    accept_unknown: bool = False,
    notify: Notify = log,
    progress: Progress | None = None,
) -> FetchedAsset:
    """Make an asset's files available, from the nearest place that has them whole.

    The order is: the folder ``data``; the folder named by ``TASTEMAKER_DATA``; the cache; the mirrors. A
    folder may hold the files of any layout, itself or in a subfolder named as the asset or as in the
    archive, or a web mirror's archive. A ``data`` folder that lacks the asset is an error, since it was
    asked for; one named by the environment is only passed over, with a word about it.

    Args:
        asset: What to fetch.
        data: A folder of the user's that holds it.
        cache: Replaces `cache_folder`.
        offline: Use no network. ``TASTEMAKER_OFFLINE=1`` says the same.
        accept_unknown: Where no checksum of a download is known, take what comes and record its SHA-256; later
            downloads must have the same. ``TASTEMAKER_ACCEPT_UNKNOWN=1`` says the same.
        notify: Receives what a person should read: terms, damage that was found, mirrors that failed.
        progress: Told the bytes of a download.

    Returns:
        The folder, whose files have the declared digests, and the layout to read it by. Of files of the user's
        whose digests are not known, only the names are checked.

    Raises:
        AssetError: No mirror could give it; the message says why for each, and what to do.
        ChecksumError: Every copy that was found has other bytes than it should.
        StorageError: The cache cannot be written, for example because the disk is full.
    """
    home = (cache or cache_folder()) / "assets" / asset.name
    found = _from_user(asset, data, home, notify) or _from_cache(asset, home, notify)
    if found is None and (offline or _environment_says("TASTEMAKER_OFFLINE")):
        raise AssetError(
            f"{asset.name} is not in the cache, and the network may not be used",
            where=str(home),
            remedy=f"Allow the network once (no --offline, no TASTEMAKER_OFFLINE). {_by_hand(asset)}",
        )
    accept_unknown = accept_unknown or _environment_says("TASTEMAKER_ACCEPT_UNKNOWN")
    if found is None:
        _need_verifiable(asset, home, accept_unknown)
    _show_terms(asset, home, notify)
    if found is not None:
        return found
    with locked(home / ".lock", asset.name, notify):
        # Another process may have brought it while this one waited.
        return _from_cache(asset, home, notify) or _from_mirrors(asset, home, notify, progress, accept_unknown)


def show_terms(asset: Asset, notify: Notify = log) -> None:
    """Tell the terms of an asset that needs no fetching, once for each wording, as `fetch` does."""
    _show_terms(asset, cache_folder() / "assets" / asset.name, notify)


def _environment_says(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on")


def _need_verifiable(asset: Asset, home: Path, accept_unknown: bool) -> None:
    """Refuse where nothing may be fetched: no mirror, or only such whose files nobody could verify."""
    if asset.mirrors and (accept_unknown or not all(unverifiable(mirror, home) for mirror in asset.mirrors)):
        return
    by_hand = f"'{asset.name}' has to be put in place by hand"
    if not asset.mirrors:
        raise AssetError(by_hand, remedy=_by_hand(asset))
    raise AssetError(
        f"{by_hand}, or fetched unverified: no checksum of its files is known",
        where=str(asset.mirrors[0]),
        remedy=f"To take it as it comes: tastemaker data get {asset.name} --accept-unknown, or "
        "TASTEMAKER_ACCEPT_UNKNOWN=1, or accept_unknown=True in Python; its SHA-256 is recorded then, and a later "
        f"download must have the same. {_by_hand(asset)}",
    )


def _from_mirrors(
    asset: Asset, home: Path, notify: Notify, progress: Progress | None, accept_unknown: bool
) -> FetchedAsset:
    failures: list[tuple[Mirror, AssetError]] = []
    size = f"about {asset.size / 1e6:.1f} MB" if asset.size else "of unknown size"
    for mirror in asset.mirrors:
        notify(f"Fetching {asset.name} ({size}): {mirror}")
        for part in unverifiable(mirror, home) if accept_unknown else ():
            notify(f"No checksum is known of {part.url}: it is taken as it comes, and its SHA-256 recorded")
        try:
            folder = obtain(mirror, home, progress or SilentProgress(), accept_unknown=accept_unknown)
        except AssetError as error:
            notify(f"That failed: {error.message}")
            failures.append((mirror, error))
        else:
            return FetchedAsset(folder, mirror.layout.name, str(mirror))
    kind = ChecksumError if all(isinstance(error, ChecksumError) for _, error in failures) else AssetError
    tried = "".join(f"\n  {number}. {mirror}: {error.message}" for number, (mirror, error) in enumerate(failures, 1))
    raise kind(
        f"could not fetch {asset.name} from any of its mirrors:{tried}\n",
        where=f"cache: {home}",
        remedy=f"Check the network and try again; a partial download is continued. {_by_hand(asset)}",
    )


def _from_cache(asset: Asset, home: Path, notify: Notify) -> FetchedAsset | None:
    for layout in asset.layouts:
        folder = home / layout.name
        if not folder.is_dir():
            continue
        try:
            _check_folder(recorded_content(layout, folder), folder)
        except AssetError as error:
            notify(f"The cached copy of {asset.name} is damaged and not used: {error}")
        else:
            return FetchedAsset(folder, layout.name, "cache")
    return None


def _from_user(asset: Asset, data: Path | None, home: Path, notify: Notify) -> FetchedAsset | None:
    if data is not None:
        return _from_folder(asset, data.expanduser(), home)
    named = os.environ.get("TASTEMAKER_DATA")
    if not named:
        return None
    try:
        return _from_folder(asset, Path(named).expanduser(), home)
    except AssetError as error:
        notify(f"TASTEMAKER_DATA is passed over: {error.message} ({error.where})")
        return None


def _from_folder(asset: Asset, folder: Path, home: Path) -> FetchedAsset:
    if not folder.is_dir():
        raise AssetError("no such folder", where=str(folder), remedy=_by_hand(asset))
    remedy = f"Replace the file, or leave the folder out to fetch {asset.name} anew."
    for layout, candidate in _candidates(asset, folder):
        if all((candidate / name).is_file() for name in layout.files):
            return _checked(layout, candidate, remedy)
    for mirror in asset.mirrors:
        if archives := _archives(mirror, folder):
            for archive, digests in archives.items():
                try:
                    check_digests(archive, digests)
                except ChecksumError as error:
                    raise ChecksumError(error.message, where=str(archive), remedy=remedy) from error
            found = ", ".join(str(archive) for archive in archives)
            return FetchedAsset(unpack(mirror, list(archives), home), mirror.layout.name, found)
    for layout, candidate in _candidates(asset, folder):
        if any((candidate / name).exists() for name in layout.files):
            return _checked(layout, candidate, remedy)
    raise AssetError(f"{asset.name} is not in this folder", where=str(folder), remedy=_by_hand(asset))


def _candidates(asset: Asset, folder: Path) -> Iterator[tuple[Layout, Path]]:
    """Name the layouts to look for, each with the places where its files may lie in a folder of the user's."""
    members = [(mirror.layout, mirror.members.values()) for mirror in asset.mirrors]
    within = {str(PurePosixPath(member).parent) for _, names in members for member in names}
    for layout in (*(layout for layout, _ in members), *asset.local):
        for name in (".", asset.name, *sorted(within)):
            yield layout, folder / name


def _archives(mirror: Mirror, folder: Path) -> dict[Path, Mapping[str, str]]:
    """Return the downloads of a mirror that lie in a folder, with their digests; nothing unless all are there."""
    if isinstance(mirror, WheelMirror):
        wheel = find_wheel(mirror.requirement, folder)
        return {} if wheel is None else {wheel: {"sha256": mirror.sha256}}
    archives = {folder / part.archive: part.digests for part in mirror.parts}
    return archives if all(archive.is_file() for archive in archives) else {}


def _checked(layout: Layout, folder: Path, remedy: str) -> FetchedAsset:
    try:
        _check_folder(layout, folder)
    except AssetError as error:
        raise type(error)(error.message, where=str(folder / (error.where or "")), remedy=remedy) from error
    return FetchedAsset(folder, layout.name, str(folder))


def _check_folder(layout: Layout, folder: Path) -> None:
    for name, content in layout.files.items():
        path = folder / name
        state = path.stat() if path.is_file() else None
        _verified(path, content, (state.st_size, state.st_mtime_ns) if state else None)


@lru_cache(maxsize=1024)
def _verified(path: Path, content: Content, state: tuple[int, int] | None) -> None:
    """Check a file once in a process, and again when its size or time of change (``state``) is another."""
    check_content(path, content)


def _show_terms(asset: Asset, home: Path, notify: Notify) -> None:
    """Show the terms once for each wording, as far as the cache can remember."""
    shown = home / "terms-shown.txt"
    if shown.is_file() and shown.read_text(encoding="utf-8") == asset.terms:
        return
    notify(f"{asset.name}, licence: {asset.licence}\n{asset.terms}\n{asset.homepage}")
    try:
        with atomic_file(shown) as temporary:
            temporary.write_text(asset.terms, encoding="utf-8")
    except StorageError as error:
        _logger.info("the terms will be shown again: %s", error)


def _by_hand(asset: Asset) -> str:
    layouts = {layout.name: layout for layout in (*asset.layouts, *asset.local)}.values()
    files = " or ".join(" + ".join(layout.files) for layout in layouts)
    web = [mirror for mirror in asset.mirrors if not isinstance(mirror, WheelMirror)]
    source = str(web[0]) if web else f"it from {asset.homepage}"
    return (
        f"By hand: get {source}, put it or its files ({files}) into a folder DIR, "
        "and say --data DIR or TASTEMAKER_DATA=DIR."
    )
