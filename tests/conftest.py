"""What holds for every test: no network but loopback, a home of its own, extras asked for by name."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# The modules by which an extra is known to be installed.
EXTRAS = {
    "serve": ("fastapi", "jinja2", "prometheus_client", "uvicorn"),
    "torch": ("torch",),
    "local": ("xllamacpp",),
    "transformers": ("transformers",),
    "postgres": ("pgvector", "psycopg"),
    "ray": ("ray",),
    "tune": ("optuna",),
    "boost": ("lightgbm",),
    "ann": ("usearch",),
    "onnx": ("onnxruntime",),
    "zstd": ("backports",),
    "docs": ("mkdocstrings", "zensical"),
}
# Extras that must be there: a test that needs one of them fails where it would otherwise be skipped.
REQUIRED = {name for name in os.environ.get("TASTEMAKER_REQUIRE_EXTRAS", "").split(",") if name}

# A shared machine stalls now and then: a slow example is no failure.
hypothesis.settings.register_profile("tastemaker", deadline=None)
hypothesis.settings.load_profile("tastemaker")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse unknown extras, and with required ones let a doctest module that does not import fail."""
    if unknown := REQUIRED - EXTRAS.keys():
        raise pytest.UsageError(f"TASTEMAKER_REQUIRE_EXTRAS names unknown extras: {', '.join(sorted(unknown))}")
    if REQUIRED:
        config.option.doctest_ignore_import_errors = False


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test marked ``needs_extra("serve")`` whose extra is not installed."""
    for marker in item.iter_markers("needs_extra"):
        for extra in marker.args:
            missing = [module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None]
            if missing and extra in REQUIRED:
                pytest.fail(f"the extra '{extra}' is required here and lacks: {', '.join(missing)}", pytrace=False)
            if missing:
                pytest.skip(f"needs the extra '{extra}' (make test EXTRAS={extra})")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Let a whole module that skips itself (``importorskip``) fail where extras are required."""
    report = yield
    if REQUIRED and report.outcome == "skipped":
        report.outcome = "failed"
    return report


class NetworkBlocked(OSError):
    """A test reached for the network."""


def _is_local(host: Any) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _require_local(host: Any) -> None:
    if not _is_local(host):
        raise NetworkBlocked(f"tests use no network but loopback: {host!r} (mark it with pytest.mark.network?)")


def _block_network(patch: pytest.MonkeyPatch) -> None:
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def local_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            _require_local(address[0])
        connect(self, address)

    def local_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != socket.AF_UNIX:
            _require_local(address[0])
        return connect_ex(self, address)

    def local_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        _require_local(host)
        return resolve(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", local_connect)
    patch.setattr(socket.socket, "connect_ex", local_connect_ex)
    patch.setattr(socket, "getaddrinfo", local_resolve)
    # Programs that a test starts: a proxy where nobody listens.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        patch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        patch.setenv(name, "127.0.0.1,localhost,::1")


def _set_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    patch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    patch.setenv("TASTEMAKER_CACHE", str(home / ".cache" / "tastemaker"))


class _NoTorch:
    """Finds no torch."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "torch":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch be missing, whether it is installed or not."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])


@pytest.fixture(scope="session", autouse=True)
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give fixtures of a wider scope than a test a home that is nobody's."""
    with pytest.MonkeyPatch.context() as patch:
        _set_home(patch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture(autouse=True)
def _isolation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test an empty home, and no network unless it is marked ``network``."""
    with pytest.MonkeyPatch.context() as patch:
        _set_home(patch, tmp_path_factory.mktemp("home"))
        if request.node.get_closest_marker("network") is None:
            _block_network(patch)
        yield
