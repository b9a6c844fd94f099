"""Prompts of a batch as arrays: tokens, the id that each spells a piece of, and which id of the prompt that is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.codes import PADDING, Codes
from tastemaker.language.prompts import Prompt, Slot
from tastemaker.training.batches import roomy

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """Items, or tokens, for each row of a batch.

    Attributes:
        items: Numbers in the vocabulary, or tokens, row after row, int64 ``[m]``.
        indptr: Those of row ``i`` are ``items[indptr[i]:indptr[i + 1]]``, int64 ``[b + 1]``.
    """

    items: Ints
    indptr: Ints

    @classmethod
    def of_table(cls, table: Ints) -> Lists:
        """Return the rows of a table, int64 ``[b, c]``, without negative entries."""
        kept = table >= 0
        return cls(table[kept], np.append(0, np.cumsum(kept.sum(axis=1))))

    def latest(self, most: int) -> Lists:
        """Return the last items of each row, at most so many."""
        lengths = np.minimum(self.lengths(), most)
        return self._cut(self.indptr[1:] - lengths, lengths)

    def first(self, most: int) -> Lists:
        """Return the first items of each row, at most so many."""
        return self._cut(self.indptr[:-1], np.minimum(self.lengths(), most))

    def taken(self, rows: Ints) -> Lists:
        """Return some of the rows, in the order of ``rows``, int64 ``[r]``."""
        return self._cut(self.indptr[rows], self.lengths()[rows])

    def _cut(self, starts: Ints, lengths: Ints) -> Lists:
        indptr = np.append(0, np.cumsum(lengths))
        return Lists(self.items[np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])], indptr)

    def lengths(self) -> Ints:
        """Return how many items each row has, int64 ``[b]``."""
        return np.diff(self.indptr)

    def table(self, fill: int) -> Ints:
        """Return the rows as a table, filled up on the right, int64 ``[b, t]``."""
        lengths = self.lengths()
        inside = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
        found = np.full(inside.shape, fill, dtype=np.int64)
        found[inside] = self.items
        return found


@dataclass(frozen=True)
class Alphabet:
    """Numbers of all tokens: those of items first, then those of people, the words, and three marks.

    Attributes:
        items: Codes of the items; their tokens keep their numbers.
        people: Codes of the people.
        words: Words of prompts and answers.
    """

    items: Codes
    people: Codes
    words: tuple[str, ...] = ()
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = self.items.vocabulary + self.people.vocabulary
        object.__setattr__(self, "_places", {word: first + place for place, word in enumerate(self.words)})

    @property
    def start(self) -> int:
        """What an answer begins with."""
        return self.items.vocabulary + self.people.vocabulary + len(self.words)

    @property
    def end(self) -> int:
        """What closes a prompt, and an answer in words."""
        return self.start + 1

    @property
    def unknown(self) -> int:
        """What stands for a word that is not known."""
        return self.start + 2

    def __len__(self) -> int:
        return self.start + 3

    def of_words(self, words: tuple[str, ...]) -> Ints:
        """Return the tokens of words, int64 ``[w]``."""
        return np.asarray([self._places.get(word, self.unknown) for word in words], dtype=np.int64)

    def word(self, token: int) -> str:
        """Return the word of a token; nothing for a token that is no word."""
        place = token - self.items.vocabulary - self.people.vocabulary
        return self.words[place] if 0 <= place < len(self.words) else ""


@dataclass(frozen=True)
class Prompted:
    """The prompts of a batch, filled up on the right.

    Attributes:
        tokens: int64 ``[b, l]``.
        ids: Row in `tastemaker.blocks.id_graph.IdGraph` of the id that a token spells a piece of, 0 where none, int64
            ``[b, l]``.
        phrases: Which id of the prompt that is, from 1, 0 where none, int64 ``[b, l]``.
        mask: True where there is a token, bool ``[b, l]``.
    """

    tokens: Ints
    ids: Ints
    phrases: Ints
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class _Piece:
    """What one part of a prompt puts into each row: of ``m`` tokens the row, the token, the id and the phrase."""

    rows: Ints
    tokens: Ints
    ids: Ints
    phrases: Ints


class Prompter:
    """Writes prompts for the people and items of one training.

    Args:
        alphabet: Numbers of all tokens.
    """

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self._people_first = alphabet.items.vocabulary

    def write(
        self,
        prompt: Prompt,
        people: Ints,
        *,
        texts: Lists | None = None,
        **lists: Lists,
    ) -> Prompted:
        """Return the prompts of a batch.

        Args:
            prompt: What they look like.
            people: Places of people in the graph, -1 for strangers, int64 ``[b]``: they are passed over.
            texts: Tokens of the slot ``text``, none where it is not given.
            **lists: Items of the slots ``history``, ``candidates`` and ``item``; those without a code are passed over.
        """
        count = len(people)
        pieces: list[_Piece] = []
        phrases = np.zeros(count, dtype=np.int64)
        for part in prompt.parts:
            if not isinstance(part, Slot):
                pieces.append(self._constant(count, self.alphabet.of_words((part,))))
            elif part.name == "user":
                pieces.append(self._people(people, phrases))
                phrases = phrases + (people >= 0)
            elif part.name == "text":
                pieces.append(_plain(texts, count))
            else:
                given = self._coded(lists[part.name])
                pieces.append(self._items(given, phrases))
                phrases = phrases + given.lengths()
        pieces.append(self._constant(count, np.array([self.alphabet.end])))
        return _joined(pieces, count)

    def _constant(self, count: int, tokens: Ints) -> _Piece:
        rows = np.repeat(np.arange(count), len(tokens))
        nothing = np.zeros(len(rows), dtype=np.int64)
        return _Piece(rows, np.tile(tokens, count), nothing, nothing)

    def _coded(self, lists: Lists) -> Lists:
        coded = lists.items < len(self.alphabet.items)
        if coded.all():
            return lists
        return Lists(lists.items[coded], np.append(0, np.cumsum(coded))[lists.indptr])

    def _people(self, people: Ints, phrases: Ints) -> _Piece:
        known = np.flatnonzero(people >= 0)
        rows, tokens, owners = _spelt(self.alphabet.people, people[known])
        return _Piece(known[rows], self._people_first + tokens, 1 + people[known][owners], phrases[known][owners] + 1)

    def _items(self, lists: Lists, phrases: Ints) -> _Piece:
        row_of_item = np.repeat(np.arange(len(lists.indptr) - 1), lists.lengths())
        numbers = phrases[row_of_item] + np.arange(len(lists.items)) - lists.indptr[row_of_item] + 1
        rows, tokens, owners = _spelt(self.alphabet.items, lists.items)
        ids = 1 + len(self.alphabet.people) + lists.items[owners]
        return _Piece(row_of_item[rows], tokens, ids, numbers[owners])


def _spelt(codes: Codes, numbers: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the tokens of some codes one after the other, and twice which of ``numbers`` each belongs to."""
    tokens = codes.tokens[numbers].astype(np.int64)
    there = tokens != PADDING
    owners = np.repeat(np.arange(len(numbers)), there.sum(axis=1))
    return owners, tokens[there], owners


def _plain(texts: Lists | None, count: int) -> _Piece:
    if texts is None:
        texts = Lists(np.empty(0, dtype=np.int64), np.zeros(count + 1, dtype=np.int64))
    nothing = np.zeros(len(texts.items), dtype=np.int64)
    return _Piece(np.repeat(np.arange(count), texts.lengths()), texts.items, nothing, nothing)


def _joined(pieces: list[_Piece], count: int) -> Prompted:
    lengths = np.zeros(count, dtype=np.int64)
    places = []
    for piece in pieces:
        sizes = np.bincount(piece.rows, minlength=count)
        within = np.arange(len(piece.rows)) - (np.cumsum(sizes) - sizes)[piece.rows]
        places.append(lengths[piece.rows] + within)
        lengths = lengths + sizes
    width = roomy(int(lengths.max(initial=1)))
    tables = np.zeros((3, count, width), dtype=np.int64)
    for piece, place in zip(pieces, places, strict=True):
        for table, values in zip(tables, (piece.tokens, piece.ids, piece.phrases), strict=True):
            table[piece.rows, place] = values
    return Prompted(tables[0], tables[1], tables[2], np.arange(width) < lengths[:, None])
