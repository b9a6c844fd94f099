"""How many tokens a text has, where nobody who knows can be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tastemaker.core.generator import Generator, Message

_PIECE: Final = re.compile(r"[A-Za-z]+|\s+|.", re.DOTALL)
_AROUND: Final = 8
"""Tokens that a conversation has for each message beside its words, at most."""


def estimated_tokens(text: str) -> int:
    """Return how many tokens a text has, sooner too many than too few.

    Three letters of a Latin word, a digit, a mark and a run of spaces that is more than one are a token each; of other
    scripts, each byte of UTF-8. Tokenisers with tens of thousands of words need fewer for words and marks; letters in
    no order may need more.

    >>> estimated_tokens("A quiet novel, 1999")
    10
    """
    return sum(map(_tokens, _PIECE.findall(text)))


def _tokens(piece: str) -> int:
    if piece.isspace():
        return 0 if piece == " " else len(piece)
    if piece.isascii():
        return -(-len(piece) // 3)
    return len(piece.encode("utf-8", "replace"))


def tokens_of(of: Generator, messages: Iterable[Message]) -> int:
    """Return how many tokens a conversation has at most, by the count of a generator."""
    return sum(of.count_tokens(message.content) + _AROUND for message in messages)
