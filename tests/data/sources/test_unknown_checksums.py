"""Digests of every kind are checked, and what no digest verifies is only taken by somebody who asks for it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import AssetError, ChecksumError
from tastemaker.data.assets import Asset, FetchedAsset, fetch
from tastemaker.data.layouts import GIT_BLOB
from tastemaker.data.mirrors import Content, Layout, Mirror, WebFiles, WebMirror, check_digests, file_digest

HELLO = b"hello\n"
EVENTS, NAMES = b"1,2\n" * 1000, gzip.compress(b"one\n", mtime=0)
UNKNOWN = Content()


def make(*mirrors: Mirror, local: tuple[Layout, ...] = ()) -> Asset:
    return Asset("things", mirrors, "a licence", "Be kind.", "https://example.org", 0, local)


@pytest.fixture
def get(tmp_path: Path) -> Any:
    said: list[str] = []

    def get(asset: Asset, **options: Any) -> FetchedAsset:
        return fetch(asset, cache=tmp_path / "cache", notify=said.append, **options)

    get.said = said  # type: ignore[attr-defined]
    return get


def two_files(site: Any, **known: Content) -> WebFiles:
    site.pages |= {"events.csv": EVENTS, "names.gz": NAMES}
    layout = Layout("plain", {"events.csv": known.get("events", UNKNOWN), "names.gz": known.get("names", UNKNOWN)})
    return WebFiles(tuple(WebMirror(site.url(name), layout, {}, 10_000) for name in layout.files))


# Digests. The values are what md5sum, sha1sum, sha256sum and `git hash-object` print of a file with the line "hello".


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("md5", "b1946ac92492d2347c6235b4d2611184"),
        ("sha1", "f572d396fae9206628714fb2ce00f72e94f2258f"),
        ("sha256", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
        (GIT_BLOB, "ce013625030ba8dba906f756967f9e9ca394464a"),
    ],
)
def test_every_kind_of_digest(tmp_path: Path, kind: str, digest: str) -> None:
    path = tmp_path / "hello.txt"
    path.write_bytes(HELLO)
    assert file_digest(path, kind) == digest
    check_digests(path, {kind: digest})
    path.write_bytes(b"hallo\n")
    with pytest.raises(ChecksumError, match=f"wrong checksum: {kind} is .*, not {digest}"):
        check_digests(path, {kind: digest})


def test_all_digests_of_a_file_must_match(tmp_path: Path) -> None:
    path = tmp_path / "hello.txt"
    path.write_bytes(HELLO)
    with pytest.raises(ChecksumError, match="sha256"):
        check_digests(path, {"md5": hashlib.md5(HELLO).hexdigest(), "sha256": "0" * 64})


# Several files on the web.


def test_several_files_make_up_one_layout(site: Any, get: Any) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(EVENTS) + EVENTS).hexdigest()
    known = {"events": Content(git_blob=blob), "names": Content(hashlib.sha256(NAMES).hexdigest(), len(NAMES))}
    fetched = get(make(two_files(site, **known)))
    assert (fetched.folder / "events.csv").read_bytes() == EVENTS
    assert (fetched.folder / "names.gz").read_bytes() == NAMES
    assert get(make(two_files(site, **known))).mirror == "cache"
    assert site.asked == ["events.csv", "names.gz"]


def test_where_one_file_is_missing_none_is_kept(site: Any, get: Any, tmp_path: Path) -> None:
    mirror = two_files(site)
    del site.pages["names.gz"]
    with pytest.raises(AssetError, match="404"):
        get(make(mirror), accept_unknown=True)
    assert not (tmp_path / "cache" / "assets" / "things" / "plain").exists()
    site.pages["names.gz"] = NAMES
    assert get(make(mirror), accept_unknown=True).layout == "plain"


def test_a_file_deeper_in_the_archive_than_expected_is_found(site: Any, get: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("on-top/events.csv", EVENTS)
    site.pages["all.zip"] = buffer.getvalue()
    layout = Layout("zipped", {"part/events.csv": UNKNOWN})
    digests = {"md5": hashlib.md5(buffer.getvalue()).hexdigest()}
    mirror = WebMirror(site.url("all.zip"), layout, digests, 10_000, {"part/events.csv": "events.csv"})
    assert (get(make(mirror)).folder / "part" / "events.csv").read_bytes() == EVENTS


# Files whose content is not known, in the cache.


def test_a_cached_file_of_unknown_content_is_checked_against_what_came(site: Any, get: Any) -> None:
    mirror = two_files(site)
    folder = get(make(mirror), accept_unknown=True).folder
    assert get(make(mirror)).mirror == "cache"
    (folder / "events.csv").write_bytes(EVENTS[:-4])
    get(make(mirror))
    assert (folder / "events.csv").read_bytes() == EVENTS
    assert any("damaged and not used: wrong checksum" in line for line in get.said)


def test_a_cached_file_without_a_record_is_not_used(site: Any, get: Any) -> None:
    mirror = two_files(site)
    folder = get(make(mirror), accept_unknown=True).folder
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(AssetError, match="the network may not be used"):
        get(make(mirror), offline=True)


# What nobody can verify.


def test_without_any_checksum_nothing_is_fetched(site: Any, get: Any) -> None:
    with pytest.raises(
        AssetError, match=r"'things' has to be put in place by hand.*no checksum.*accept_unknown=True.*--data DIR"
    ):
        get(make(two_files(site)))
    assert not site.asked
    assert not get.said


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_an_unknown_checksum_is_accepted_on_demand_and_recorded(
    site: Any, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("TASTEMAKER_ACCEPT_UNKNOWN", "1")
    get(make(two_files(site)), accept_unknown=by == "argument")
    record = json.loads((tmp_path / "cache" / "assets" / "things" / "trusted.json").read_text())
    assert record == {
        site.url("events.csv"): hashlib.sha256(EVENTS).hexdigest(),
        site.url("names.gz"): hashlib.sha256(NAMES).hexdigest(),
    }
    assert sum("No checksum is known of" in line for line in get.said) == 2


def test_a_recorded_checksum_verifies_the_next_download(site: Any, get: Any) -> None:
    mirror = two_files(site)
    folder = get(make(mirror), accept_unknown=True).folder
    (folder / "events.csv").unlink()
    assert get(make(mirror)).mirror == str(mirror)
    (folder / "events.csv").unlink()
    site.pages["events.csv"] = EVENTS.replace(b"1", b"7")
    with pytest.raises(ChecksumError, match=r"wrong checksum: sha256"):
        get(make(mirror))
    with pytest.raises(ChecksumError, match=r"wrong checksum: sha256"):
        get(make(mirror), accept_unknown=True)


def test_an_archive_without_a_digest_is_verified_by_its_files(site: Any, get: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner/events.csv", EVENTS)
    site.pages["all.zip"] = buffer.getvalue()
    layout = Layout("zipped", {"events.csv": Content(hashlib.sha256(EVENTS).hexdigest(), len(EVENTS))})
    mirror = WebMirror(site.url("all.zip"), layout, {}, 10_000, {"events.csv": "inner/events.csv"})
    assert (get(make(mirror)).folder / "events.csv").read_bytes() == EVENTS
    wrong = Layout("zipped-2", {"events.csv": Content("0" * 64, len(EVENTS))})
    mirror = WebMirror(site.url("all.zip"), wrong, {}, 10_000, {"events.csv": "inner/events.csv"})
    with pytest.raises(ChecksumError, match=r"wrong checksum: sha256"):
        get(make(mirror))


def test_an_archive_may_not_unpack_without_end(site: Any, get: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.csv", bytes(1_000_000))
    site.pages["all.zip"] = buffer.getvalue()
    layout = Layout("zipped", {"events.csv": UNKNOWN})
    mirror = WebMirror(site.url("all.zip"), layout, {}, 2_000, {"events.csv": "events.csv"})
    with pytest.raises(ChecksumError, match="unpacks to more than 80,000 bytes"):
        get(make(mirror), accept_unknown=True)


# The user's own folder.


def test_a_folder_may_have_a_layout_that_no_mirror_has(get: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"anything")
    fetched = get(make(local=(Layout("rewritten", {"rows.parquet": UNKNOWN}),)), data=tmp_path)
    assert (fetched.layout, fetched.folder) == ("rewritten", tmp_path)


def test_a_whole_layout_is_preferred_to_half_of_another(site: Any, get: Any, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes(EVENTS)
    (tmp_path / "rows.parquet").write_bytes(b"anything")
    local = Layout("rewritten", {"rows.parquet": UNKNOWN})
    assert get(make(two_files(site), local=(local,)), data=tmp_path).layout == "rewritten"


def test_what_only_a_person_can_get_is_said_to_be_so(get: Any) -> None:
    with pytest.raises(AssetError, match=r"'things' has to be put in place by hand\. By hand: get it from https://ex"):
        get(make(local=(Layout("official", {"events.csv": UNKNOWN}),)))
