"""Codes: the tokens that stand for each item in generated text, what they may look like and how often they collide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, ModelFormatError

PADDING: Final = -1
"""Stands behind the last token of a code that is shorter than others."""


@dataclass(frozen=True)
class Collisions:
    """How well codes tell items apart.

    Attributes:
        items: How many items there are.
        distinct: How many different codes.
        shared: Items whose code is another item's as well.
        largest: Items of the code that most of them share; 1 where all are distinct.
        counted: Items that only a last, counting token tells apart from another.
        used: Different tokens at each place of the codes.
        perplexity: Exponential of the entropy (natural logarithm) of the tokens at each place: as many equally
            frequent tokens would be as hard to guess.
    """

    items: int
    distinct: int
    shared: int
    largest: int
    counted: int
    used: tuple[int, ...]
    perplexity: tuple[float, ...]

    @property
    def distinct_share(self) -> float:
        """Different codes, divided by items."""
        return self.distinct / self.items if self.items else 1.0


@dataclass(frozen=True, eq=False)
class Codes:
    """What stands for each item in generated text: one or more tokens, none of which is the text of a language.

    Two items may share a code (see `collisions` and `resolved`), but no code is the beginning of a longer one: what
    has been generated either is an item or goes on.

    Attributes:
        tokens: Tokens of each item by its number, int32 ``[n, m]``; `PADDING` behind the last of a shorter code.
        vocabulary: How many tokens there are.
        levels: First token number of each level, where each place of a code has tokens of its own.
        words: Names of the tokens, for reading; none, or one a token.
        counted: Items that only a last, counting token tells apart from another.

    Raises:
        DataError: A code is empty, has a gap, holds a token that does not exist, or is the beginning of another.
    """

    tokens: NDArray[np.int32]
    vocabulary: int
    levels: tuple[int, ...] | None = None
    words: tuple[str, ...] = ()
    counted: int = 0

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.tokens.dtype != np.int32:
            shape = f"{self.tokens.dtype} {list(self.tokens.shape)}"
            raise DataError("codes are no table of tokens", where=shape, remedy="Give int32 [items, places].")
        if self.words and len(self.words) != self.vocabulary:
            raise DataError(f"{len(self.words)} names are given for {self.vocabulary} tokens", where="words")
        self._check_tokens()
        self._check_prefixes()

    def _check_tokens(self) -> None:
        given = self.tokens != PADDING
        wrong = (given & ((self.tokens < 0) | (self.tokens >= self.vocabulary))).any(axis=1)
        gaps = (given[:, 1:] & ~given[:, :-1]).any(axis=1)
        empty = ~given.any(axis=1)
        for bad, message in (
            (wrong, f"a token is none of 0 to {self.vocabulary - 1}"),
            (gaps, "a code has padding between its tokens"),
            (empty, "an item has no token"),
        ):
            if bad.any():
                raise DataError(message, where=f"item {bad.argmax()}")

    def _check_prefixes(self) -> None:
        order, same = self.order, self.agreement
        places = np.minimum(same, max(self.tokens.shape[1] - 1, 0))
        ends = (same < self.tokens.shape[1]) & (self.tokens[order[:-1], places] == PADDING)
        if ends.any():
            row = int(ends.argmax())
            shorter, longer = int(order[row]), int(order[row + 1])
            raise DataError(
                "the code of an item is the beginning of another's",
                where=f"item {shorter}: {self.text(shorter)}; item {longer}: {self.text(longer)}",
                remedy="End each code with a token that occurs nowhere else, or give all the same length.",
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def lengths(self) -> NDArray[np.int64]:
        """Return how many tokens each item has, int64 ``[n]``."""
        return np.asarray(np.count_nonzero(self.tokens != PADDING, axis=1), dtype=np.int64)

    def text(self, item: int) -> str:
        """Return the code of one item for reading, its tokens with spaces between them."""
        own = [int(token) for token in self.tokens[item] if token != PADDING]
        return " ".join(self.words[token] if self.words else str(token) for token in own)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Items sorted by their code, token after token; equal codes by number. int64 ``[n]``."""
        if not self.tokens.size:
            return np.arange(len(self.tokens))
        order: NDArray[np.int64] = np.lexsort(self.tokens.T[::-1])
        return order

    @cached_property
    def agreement(self) -> NDArray[np.int64]:
        """Places at which neighbours in `order` agree before they first differ, int64 ``[n - 1]``."""
        return agreement(self.tokens[self.order])

    @cached_property
    def _groups(self) -> NDArray[np.int64]:
        """For each place in `order` where its group of equal codes begins, int64 ``[distinct]``."""
        return np.flatnonzero(np.append(True, self.agreement < self.tokens.shape[1])[: len(self)])

    def collisions(self) -> Collisions:
        """Return how many items share their code, and how evenly tokens are used."""
        sizes = np.diff(np.append(self._groups, len(self)))
        counts = [np.bincount(column[column != PADDING]) for column in self.tokens.T]
        return Collisions(
            items=len(self),
            distinct=len(sizes),
            shared=int(sizes[sizes > 1].sum()),
            largest=int(sizes.max(initial=0)),
            counted=self.counted,
            used=tuple(int(np.count_nonzero(count)) for count in counts),
            perplexity=tuple(_perplexity(count[count > 0]) for count in counts),
        )

    def resolved(self, *, everywhere: bool = True) -> Codes:
        """Return codes that are distinct: one more token counts, by item number, the items of a code from 0.

        Args:
            everywhere: Give the token to every item (Rajput et al., 2023), so that equal lengths stay equal and a
                code never changes when later items share it; otherwise to those alone that share their code.
        """
        sizes = np.diff(np.append(self._groups, len(self)))
        counter = np.empty(len(self), dtype=np.int32)
        counter[self.order] = np.arange(len(self)) - np.repeat(self._groups, sizes)
        shared = np.empty(len(self), dtype=bool)
        shared[self.order] = np.repeat(sizes > 1, sizes)
        told = np.full(len(self), True) if everywhere else shared
        if not told.any():
            return self
        tokens = np.pad(self.tokens, ((0, 0), (0, 1)), constant_values=PADDING)
        tokens[told, self.lengths()[told]] = self.vocabulary + counter[told]
        added = int(counter.max()) + 1
        return Codes(
            tokens,
            self.vocabulary + added,
            None if self.levels is None else (*self.levels, self.vocabulary),
            (*self.words, *map(counting_word, range(added))) if self.words else (),
            int(shared.sum()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all but the tokens, for a file of JSON."""
        return {
            "vocabulary": self.vocabulary,
            "levels": None if self.levels is None else list(self.levels),
            "words": list(self.words),
            "counted": self.counted,
        }

    def to_tensors(self) -> dict[str, NDArray[np.int32]]:
        """Return the tokens, by name, for a file of arrays."""
        return {"tokens": self.tokens}

    @classmethod
    def from_saved(cls, described: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Codes:
        """Read what `to_json` and `to_tensors` gave.

        Raises:
            ModelFormatError: A part is missing.
            DataError: They are no codes.
        """
        try:
            levels = described["levels"]
            return cls(
                tensors["tokens"],
                int(described["vocabulary"]),
                None if levels is None else tuple(levels),
                tuple(described["words"]),
                int(described["counted"]),
            )
        except KeyError as error:
            raise ModelFormatError(f"saved codes lack {error}", remedy="Fit the model again.") from error


def counting_word(number: int) -> str:
    """Return the name of the token that counts ``number``.

    >>> counting_word(3)
    '<3>'
    """
    return f"<{number}>"


def agreement(rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return at how many places, from the first, each row ``[n, m]`` agrees with the one above, int64 ``[n - 1]``."""
    found = np.full(max(len(rows) - 1, 0), rows.shape[1])
    for place in reversed(range(rows.shape[1])):
        found[rows[1:, place] != rows[:-1, place]] = place
    return found


def _perplexity(counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
