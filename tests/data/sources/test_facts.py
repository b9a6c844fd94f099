"""Every source states its terms, size, addresses and digests, and the page about data says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tastemaker.data import SOURCES
from tastemaker.data.mirrors import WheelMirror
from tastemaker.data.sources import Source, amazon_2018, amazon_2023

PAGE = Path(__file__).resolve().parents[3] / "docs" / "data.md"
WANTED = {
    "movielens-100k", "movielens-1m", "movielens-latest-small", "movielens-20m", "movielens-32m",
    "amazon-beauty", "amazon-sports", "amazon-toys", "amazon-clothing", "goodbooks-10k", "retailrocket", "yoochoose",
    "steam", "lastfm", "gowalla", "gowalla-lightgcn", "mind", "open-bandit",
    "bookshop", "amazon-2018-all-beauty", "amazon-2018-video-games", "amazon-2023-all-beauty", "amazon-2023-books",
}  # fmt: skip
DIGEST = {"md5": 32, "sha1": 40, "git-blob": 40, "sha256": 64}

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))


def digests(source: Source) -> list[tuple[str, str]]:
    """Return the digests of everything that is downloaded or unpacked, as pairs of kind and digest."""
    assert source.asset is not None
    found: list[tuple[str, str]] = []
    for mirror in source.asset.mirrors:
        if isinstance(mirror, WheelMirror):
            found.append(("sha256", mirror.sha256))
        else:
            for part in mirror.parts:
                found += part.digests.items()
        for content in mirror.layout.files.values():
            found += content.digests.items()
    return found


def test_all_that_was_promised_is_there() -> None:
    assert set(SOURCES) >= WANTED
    assert len(amazon_2018.SOURCES) == 29
    assert len(amazon_2023.SOURCES) == 34


@each_source
def test_a_source_states_its_facts(source: Source) -> None:
    asset = source.asset
    assert asset is not None
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", source.name)
    assert SOURCES[source.name] is source
    assert asset.name == source.name == source.folders[0]
    assert len(source.title) > 20
    assert len(source.licence) > 5
    assert len(asset.terms) > 60
    assert source.homepage.startswith("https://")
    assert set(source.samples) <= set(source.folders)
    assert all(address.startswith(("https://", "pip download ")) for address in source.addresses)
    for kind, digest in digests(source):
        assert re.fullmatch(rf"[0-9a-f]{{{DIGEST[kind]}}}", digest)


@each_source
def test_what_is_downloaded_without_asking_has_a_size_and_a_digest(source: Source) -> None:
    if source.access == "download":
        assert source.size > 0
        assert digests(source)
    else:
        assert source.size == 0
    assert (source.access in ("by hand", "packaged")) == (not source.addresses)
    if source.access == "by hand":
        assert source.asset is not None
        assert source.asset.local


def test_only_wheels_were_ever_confirmed() -> None:
    confirmed = {source.name for source in SOURCES.values() if source.confirmed and source.packaged is None}
    assert confirmed == {"movielens-100k", "open-bandit", "open-bandit-men", "open-bandit-women"}
    for name in confirmed:
        asset = SOURCES[name].asset
        assert asset is not None
        assert any(isinstance(mirror, WheelMirror) for mirror in asset.mirrors)


@each_source
def test_the_page_says_the_same(source: Source) -> None:
    page = PAGE.read_text(encoding="utf-8")
    row = next((line for line in page.splitlines() if line.startswith(f"| `{source.name}` |")), None)
    assert row is not None, f"docs/data.md has no row for {source.name}"
    for _, digest in digests(source):
        assert digest in page
    if source.family in ("amazon-2018", "amazon-2023"):
        return
    assert source.licence in row
    assert ("not yet" in row) != bool(source.confirmed)
    for address in source.addresses:
        assert address in page
