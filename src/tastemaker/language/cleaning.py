"""Texts as programs can take them: no half characters, no control characters, no marks of web pages, not endless."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HALF: Final = re.compile(r"[\ud800-\udfff]")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")


def cleaned(text: str) -> str:
    r"""Return a text with a space for each run of control characters, line ends too, and no halves of characters.

    >>> cleaned("a\x00\nb \ud800")
    'a b \ufffd'
    """
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub(" ", text)).strip()


def plain(text: str) -> str:
    """Return a text without tags of web pages, on one line, with single spaces.

    >>> plain("A <b>quiet</b>  book<br/>of 2 < 3 pages")
    'A quiet book of 2 < 3 pages'
    """
    if "<" in text:
        text = _TAG.sub(" ", text)
    # Printable texts, which are most, hold neither control characters nor halves.
    return " ".join((text if text.isprintable() else cleaned(text)).split())


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, cut between two words where it has some.

    >>> shortened("a quiet book", 9)
    'a quiet'
    """
    if len(text) <= most:
        return text
    kept = text[: most + 1]
    place = kept.rfind(" ")
    return kept[: place if place > most // 2 else most].rstrip()
