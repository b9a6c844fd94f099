"""Codes out of paths of words, such as categories, titles or clusters, with a last token that tells items apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from tastemaker.blocks.codes import PADDING, Codes, counting_word

Path = Sequence[str]

_READABLE: Final = str.maketrans("<>", "()")


def path_codes(paths: Sequence[Path], own: Sequence[str] | None = None) -> Codes:
    """Return codes of the words of each item's path and a last token.

    The last token counts, by item number, the items of the same path from 0, or is the item's own. It occurs nowhere
    else in a code, so that codes are distinct and none is the beginning of another.

    Args:
        paths: Words of each item; the same word is the same token wherever it stands. May be empty.
        own: Names of the items' own tokens, distinct; without them the last token counts.
    """
    stems = [tuple(word.translate(_READABLE) for word in path) for path in paths]
    words = sorted({word for stem in stems for word in stem})
    if own is None:
        return _coded(stems, words)
    tokens = {word: number for number, word in enumerate(words)}
    rows = [[*(tokens[word] for word in stem), len(words) + item] for item, stem in enumerate(stems)]
    return Codes(_table(rows), len(words) + len(own), None, (*words, *own))


def extended_path_codes(codes: Codes, paths: Sequence[Path]) -> Codes:
    """Return counted codes of more items: those of ``codes``, which stay as they are, and then those of ``paths``.

    New words and counting tokens come behind the vocabulary.
    """
    old = [tuple(codes.words[token] for token in row[row != PADDING][:-1]) for row in codes.tokens]
    new = [tuple(word.translate(_READABLE) for word in path) for path in paths]
    words = list(codes.words)
    words.extend(sorted({word for stem in new for word in stem} - set(words)))
    return _coded([*old, *new], words)


def _coded(stems: list[tuple[str, ...]], words: list[str]) -> Codes:
    """Return the codes of stems and a counting token; tokens that ``words`` lacks come behind them."""
    sizes = Counter(stems)
    counting = [counting_word(number) for number in range(max(sizes.values(), default=0))]
    known = set(words)
    names = (*words, *(word for word in counting if word not in known))
    tokens = {word: number for number, word in enumerate(names)}
    met: Counter[tuple[str, ...]] = Counter()
    rows = []
    for stem in stems:
        rows.append([*(tokens[word] for word in stem), tokens[counting[met[stem]]]])
        met[stem] += 1
    counted = sum(size for size in sizes.values() if size > 1)
    return Codes(_table(rows), len(names), None, names, counted)


def _table(rows: list[list[int]]) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    lengths = np.asarray([len(row) for row in rows], dtype=np.int64)
    table = np.full((len(rows), int(lengths.max(initial=1))), PADDING, dtype=np.int32)
    table[np.arange(table.shape[1]) < lengths[:, None]] = [token for row in rows for token in row]
    return table
