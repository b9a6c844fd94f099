"""What all suites check with, and texts that have broken models; the rules stand with what they are about."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

ODD: Final = {
    "an empty text": "",
    "a text of spaces": " \t ",
    "a text of 100 kB": "the quiet sea " * 7_200,
    "one word of 100 kB": "x" * 100_000,
    "control characters": "the\x00quiet\x07\x1b[31msea\r\n\x85",
    "half surrogates": "the sea \ud800 and \udfff",
    "Japanese": "静かな海の小説",
    "Arabic": "رواية هادئة عن البحر",
    "Hindi": "समुद्र के बारे में",
    "signs beyond the basic plane": "🌊📚 𐍃𐌰𐌹𐍅𐍃",
    "joined marks": "s" + "\u0301" * 50 + "ea",
    "a replacement field": "{title} %s {{0}}",
}
"""Texts that have broken models."""


def require(holds: object, rule: str) -> None:
    """Raise `AssertionError` with a rule that does not hold."""
    if not holds:
        raise AssertionError(rule)


def refused(call: Callable[[], object], error: type[Exception], rule: str) -> None:
    """Raise `AssertionError` if a call does not end with an error of a kind; another error comes through as it is."""
    try:
        call()
    except error:
        return
    raise AssertionError(rule)


def through_json(value: Any, what: str) -> Any:
    """Return a value that was written as JSON and read again; `AssertionError` if JSON cannot hold it."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} holds JSON values only: {error}") from error


def check_fingerprint(fingerprint: str, program: str, asked: Any) -> None:
    """Check that a fingerprint is hexadecimal, and that a program prints the same in another process.

    Args:
        fingerprint: The one.
        program: Reads ``asked`` as JSON from its standard input, and prints the other.
        asked: JSON values.
    """
    require(len(fingerprint) >= 16 and not set(fingerprint) - set("0123456789abcdef"), "a fingerprint is hexadecimal")
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    require(done.returncode == 0, f"another process makes the same from its spec: {done.stderr}")
    require(done.stdout.strip() == fingerprint, "the fingerprint is the same in another process")
