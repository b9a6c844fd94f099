"""Resumable HTTP downloads. What the bytes must be is checked by the caller, before anything opens them."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import httpx

from tastemaker.core.errors import AssetError, ChecksumError, StorageError
from tastemaker.core.run import Progress, SilentProgress

ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


class _Transient(Exception):
    """A failure that another attempt may cure."""


def download(url: str, part: Path, *, max_size: int, progress: Progress | None = None) -> None:
    """Bring all that ``url`` serves into ``part``, going on from what ``part`` already holds.

    An interrupt or a lost connection leaves ``part`` with the bytes that came, and the server's mark of this
    version beside it, so that the next call asks for the rest only. Nothing is verified here.

    Args:
        url: An ``http`` or ``https`` address; redirects are followed.
        part: Where the bytes go.
        max_size: The most bytes to accept.
        progress: Told the bytes as they come.

    Raises:
        AssetError: The address cannot be reached, refuses, or serves a web page.
        ChecksumError: There are more than ``max_size`` bytes; what came is thrown away.
        StorageError: The bytes could not be written; what came is kept.
    """
    reason: Exception | None = None
    with _client(url) as client:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
            try:
                return _transfer(client, url, part, max_size, progress or SilentProgress())
            except _Transient as error:
                reason = error
            except ChecksumError:
                discard(part)
                raise
            except httpx.TransportError as error:
                if not _worth_retrying(error):
                    raise AssetError(_said(error), where=url) from error
                reason = error
            except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
                raise AssetError(_said(error), where=url) from error
    raise AssetError(f"{_said(reason)}; gave up after {ATTEMPTS} attempts", where=url) from reason


def discard(part: Path) -> None:
    """Forget a partial download and the mark of its version."""
    for path in (part, _mark(part)):
        with suppress(FileNotFoundError):
            path.unlink()


def _client(url: str) -> httpx.Client:
    try:
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": "tastemaker", "Accept-Encoding": "identity"},
        )
    except (ImportError, ValueError) as error:  # a proxy setting that httpx cannot use
        raise AssetError(f"unusable proxy settings: {error}", where=url) from error


def _worth_retrying(error: httpx.TransportError) -> bool:
    """Hold back where waiting does not help: no such host, no answer, a wrong certificate or address."""
    if isinstance(error, httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.ProxyError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror | ssl.SSLError):
            return False
        cause = cause.__cause__ or cause.__context__
    return True


def _said(error: Exception | None) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no answer within {CONNECT_SECONDS:g} seconds"
    if isinstance(error, httpx.ConnectError):
        return f"cannot connect: {error}"
    return str(error) or type(error).__name__


def _transfer(client: httpx.Client, url: str, part: Path, max_size: int, progress: Progress) -> None:
    held = part.stat().st_size if part.exists() else 0
    with client.stream("GET", url, headers=_range_headers(part, held)) as response:
        start = _start(response, part, held)
        if start is None:
            return
        length = response.headers.get("content-length", "")
        total = start + int(length) if length.isdecimal() else None
        if total is not None and total > max_size:
            raise _too_long(total, max_size, url)
        try:
            _receive(response, part, start, total, max_size, progress)
        except OSError as error:
            raise StorageError(
                f"could not keep the download: {error.strerror or error}",
                where=str(part),
                remedy="Free some space, or set TASTEMAKER_CACHE to another folder. What came is kept; "
                "the next run goes on from there.",
            ) from error


def _receive(
    response: httpx.Response, part: Path, start: int, total: int | None, max_size: int, progress: Progress
) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    advance = progress.start(part.stem, total)
    try:
        with part.open("ab" if start else "wb") as file:
            if not start:
                _mark(part).write_text(_version(response), encoding="utf-8")
            advance(start)
            done = start
            for block in response.iter_raw():
                done += len(block)
                if done > max_size:
                    raise _too_long(done, max_size, str(response.url))
                _write(file, block)
                advance(len(block))
    finally:
        progress.finish(advance)


def _write(file: IO[bytes], block: bytes) -> None:
    file.write(block)


def _mark(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _version(response: httpx.Response) -> str:
    """Return what a later ``If-Range`` names: a strong entity tag, a date, or nothing (RFC 9110, 13.1.5)."""
    tag = str(response.headers.get("etag", ""))
    return tag if tag.startswith('"') else str(response.headers.get("last-modified", ""))


def _range_headers(part: Path, held: int) -> dict[str, str]:
    if not held:
        return {}
    headers = {"Range": f"bytes={held}-"}
    if _mark(part).exists() and (version := _mark(part).read_text(encoding="utf-8")):
        headers["If-Range"] = version
    return headers


def _start(response: httpx.Response, part: Path, held: int) -> int | None:
    """Return the offset at which the body starts, or None where everything is held already."""
    status, answer = response.status_code, f"{response.status_code} {response.reason_phrase}".rstrip()
    offered = response.headers.get("content-range", "")
    if status == 206 and offered.startswith(f"bytes {held}-"):
        return held
    if status == 416 and offered == f"bytes */{held}":
        return None
    if status in (206, 416):
        discard(part)
        raise _Transient("the server has other bytes than the partial download")
    if status in (408, 429) or status >= 500:
        raise _Transient(f"the server answered {answer}")
    if status != 200:
        raise AssetError(f"the server answered {answer}", where=str(response.url))
    if response.headers.get("content-type", "").startswith("text/html"):
        raise AssetError(
            "the server answered with a web page instead of the file (a sign-in page or a proxy?)",
            where=str(response.url),
        )
    return 0


def _too_long(size: int, max_size: int, url: str) -> ChecksumError:
    return ChecksumError(f"the server sends {size:,} bytes or more, not at most {max_size:,}", where=url)
