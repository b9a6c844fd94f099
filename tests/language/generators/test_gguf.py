"""GGUF files: what their headers say, where they come from, and what is wrong with damaged ones."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.language.generators.tiny_models import CONTEXT, MARKS, TEMPLATE, write_gguf

from tastemaker.core.errors import AssetError, ChecksumError, ConfigError, ModelFormatError
from tastemaker.language.generators import gguf_models
from tastemaker.language.generators.gguf import read_gguf_header
from tastemaker.language.generators.gguf_models import KNOWN, at_hand, fetched_from_hub, hub_name, locate


class TestHeader:
    def test_it_is_what_was_written(self, tmp_path: Path) -> None:
        header = read_gguf_header(write_gguf(tmp_path / "m.gguf", facts={"llama.pooling_type": 1}))
        assert (header.name, header.architecture, header.context) == ("Tiny", "llama", CONTEXT)
        assert (header.template, header.licence, header.pooling) == (TEMPLATE, "none", 1)
        assert set(header.marks) == set(MARKS)

    def test_what_a_file_does_not_say_is_empty(self, tmp_path: Path) -> None:
        header = read_gguf_header(write_gguf(tmp_path / "m.gguf", template=""))
        assert (header.template, header.pooling) == ("", None)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello, this is no model"])
    def test_what_is_no_gguf_file_says_so(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "m.gguf"
        path.write_bytes(content)
        with pytest.raises(ModelFormatError, match=r"no GGUF file.*m\.gguf"):
            read_gguf_header(path)

    def test_a_file_cut_anywhere_in_its_header_or_before_its_last_array_says_so(self, tmp_path: Path) -> None:
        whole = write_gguf(tmp_path / "m.gguf").read_bytes()
        path = tmp_path / "cut.gguf"
        for length in range(4, len(whole) - 5000, 997):
            path.write_bytes(whole[:length])
            with pytest.raises(ModelFormatError, match=r"cut off.*cut\.gguf.*Fetch the file again"):
                read_gguf_header(path)

    def test_noise_after_the_first_letters_is_an_error_of_ours(self, tmp_path: Path) -> None:
        path = tmp_path / "m.gguf"
        for byte in (b"\xff", b"\x01", b"\x7f"):
            path.write_bytes(b"GGUF\x03\0\0\0" + byte * 4000)
            with pytest.raises(ModelFormatError):
                read_gguf_header(path)

    def test_a_missing_file_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(AssetError, match="cannot be read"):
            read_gguf_header(tmp_path / "none.gguf")


class TestLocating:
    def test_a_path_is_itself(self, tmp_path: Path) -> None:
        path = write_gguf(tmp_path / "tiny.Q8.gguf")
        found = locate(str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        assert (found.label, found.path) == ("tiny.Q8", path)

    def test_other_bytes_than_named_are_an_error_with_the_path(self, tmp_path: Path) -> None:
        path = write_gguf(tmp_path / "m.gguf")
        with pytest.raises(ChecksumError, match=r"wrong checksum.*m\.gguf.*correct the sha256"):
            locate(str(path), sha256="0" * 64)

    def test_a_missing_path_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(AssetError, match="no such model file"):
            locate(str(tmp_path / "none.gguf"))

    def test_an_unknown_name_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match="smollm2-135m-instruct"):
            locate("smollm2-135m")

    def test_without_a_network_a_known_name_says_what_to_do(self) -> None:
        (name,) = KNOWN
        with pytest.raises(AssetError, match="not in the cache"):
            locate(name, offline=True)
        assert at_hand(KNOWN[name]) is None


class TestHubNames:
    def test_a_revision_may_be_named(self) -> None:
        name = hub_name("hf:own-er/a.model@abc123/sub/file.gguf")
        assert (name.repository, name.revision, name.file) == ("own-er/a.model", "abc123", "sub/file.gguf")
        assert str(name) == "hf:own-er/a.model@abc123/sub/file.gguf"

    @pytest.mark.parametrize(
        "text", ["hf:owner/file.gguf", "hf:owner/repo/file.bin", "hf:a/b/../c.gguf", "hf:/b/c.gguf", "hf:"]
    )
    def test_what_is_none_is_an_error(self, text: str) -> None:
        with pytest.raises(ConfigError, match="names no file on the hub"):
            hub_name(text)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub on loopback that serves a tiny model."""
    folder = tmp_path / "hub"
    file = folder / "owner" / "repo" / "resolve" / "main" / "tiny.gguf"
    file.parent.mkdir(parents=True)
    write_gguf(file)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(gguf_models, "HUB", f"http://127.0.0.1:{server.server_port}")
    yield file
    server.shutdown()
    thread.join()
    server.server_close()


class TestHub:
    NAME = "hf:owner/repo/tiny.gguf"

    def test_what_nothing_verifies_is_not_fetched_unasked(self, hub: Path) -> None:
        with pytest.raises(AssetError, match=r"tastemaker models get hf:owner/repo/tiny\.gguf --accept-unknown"):
            locate(self.NAME)

    def test_a_file_is_fetched_once_and_listed(self, hub: Path) -> None:
        found = locate(self.NAME, accept_unknown=True, notify=lambda _: None)
        assert found.label == "tiny"
        assert found.path.read_bytes() == hub.read_bytes()
        assert fetched_from_hub() == {self.NAME: found.path}
        hub.unlink()
        assert locate(self.NAME, notify=lambda _: None).path == found.path

    def test_a_digest_is_leave_enough_and_checked(self, hub: Path) -> None:
        digest = hashlib.sha256(hub.read_bytes()).hexdigest()
        with pytest.raises(AssetError, match="wrong checksum"):
            locate(self.NAME, sha256="0" * 64, notify=lambda _: None)
        assert locate(self.NAME, sha256=digest, notify=lambda _: None).path.is_file()
