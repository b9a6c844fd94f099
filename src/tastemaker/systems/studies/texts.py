"""Texts about items beside what people wrote of them: nearness, sameness, and whether the words are the item's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation.texts import bleu, distinct, rouge_l, rouge_n, unique_share
from tastemaker.language.sentences import split_words

ROUGE_1: Final = "rouge-1"
ROUGE_L: Final = "rouge-l"
GROUNDED: Final = "grounded"

COMMON: Final = 0.01
"""Share of the texts of training from which on a word is common, and says nothing of an item."""


def nearness(texts: Sequence[str], references: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return how near each text is to its reference, float64 ``[t]``, by ROUGE-1 and ROUGE-L."""
    pairs = list(zip(texts, references, strict=True))
    return {
        ROUGE_1: np.array([rouge_n([text], [reference], 1) for text, reference in pairs]),
        ROUGE_L: np.array([rouge_l([text], [reference]) for text, reference in pairs]),
    }


def sameness(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return what is known of all texts together: BLEU-4, and how much of them is different."""
    return {
        "bleu-4": bleu(texts, references),
        "distinct-1": distinct(texts, 1),
        "distinct-2": distinct(texts, 2),
        "unique": unique_share(texts),
        "words": float(np.mean([len(split_words(text)) for text in texts])),
    }


def common_words(texts: Sequence[str]) -> frozenset[str]:
    """Return the words that `COMMON` of some texts have, or more."""
    counts = Counter(word for text in texts for word in set(split_words(text)))
    return frozenset(word for word, count in counts.items() if count >= COMMON * len(texts))


def grounded(texts: Sequence[str], about: Sequence[str], common: frozenset[str]) -> NDArray[np.float64]:
    """Return of each text which share of its rarer words stand in what is said of its item, float64 ``[t]``.

    A text without a rarer word says nothing of its item in particular, and has 0.

    Args:
        texts: What was written.
        about: What is said of the item of each: title, categories, description.
        common: Words that do not count.

    >>> grounded(["a dry cream", "a nice smell", "a"], ["Dry skin cream"] * 3, frozenset("a")).tolist()
    [1.0, 0.0, 0.0]
    """
    return np.array(
        [_share(_rarer(text, common), set(split_words(own))) for text, own in zip(texts, about, strict=True)]
    )


def _rarer(text: str, common: frozenset[str]) -> set[str]:
    return {word for word in split_words(text) if word.isalpha() and word not in common}


def _share(words: set[str], known: set[str]) -> float:
    return len(words & known) / len(words) if words else 0.0


def most_frequent(texts: Iterable[str]) -> str:
    """Return the text that occurs most often, word by word; of equals the first in the alphabet.

    >>> most_frequent(["Good.", "so so", "good."])
    'Good.'
    """
    written: dict[tuple[str, ...], list[str]] = {}
    for text in texts:
        written.setdefault(tuple(split_words(text)), []).append(text)
    return min(min(written.items(), key=lambda each: (-len(each[1]), each[0]))[1])


def to_others(items: Sequence[str], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return whose text each place gets so that it is of another item, as far as that can be, int64 ``[t]``.

    Texts are put in order by their items, drawn within these, and moved on by as many as the most frequent item has.
    """
    order = np.lexsort((rng.random(len(items)), np.asarray(items, dtype=str)))
    most = max(Counter(items).values())
    taken = np.empty(len(items), dtype=np.int64)
    taken[order] = np.roll(order, most)
    return taken
