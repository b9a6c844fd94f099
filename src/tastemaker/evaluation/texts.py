"""Metrics of sentences that were written: how near they come to what a person wrote, and how they differ.

Texts are compared by their words in small letters and their marks (`tastemaker.language.sentences.split_words`).
Values are shares from 0 to 1; papers often print them times 100. Nearness to a reference is no truth: a sentence that
fits every item may come near to many references, which is why the shares of what is unique stand beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from tastemaker.core.errors import DataError
from tastemaker.language.sentences import ngrams, split_words

Words = Sequence[str]


def bleu(texts: Sequence[str], references: Sequence[str], longest: int = 4) -> float:
    """Return BLEU of a whole corpus with one reference a text (Papineni et al., 2002), unsmoothed.

    The geometric mean of the shares of stretches of 1 to ``longest`` words that stand in the reference, each at most as
    often as there, times ``exp(1 - r / c)`` where the texts have fewer words, ``c``, than the references, ``r``. Where
    no stretch of some length is met it is 0, as with few or short texts.

    >>> round(bleu(["the cat sat on the mat"], ["the cat sat on a mat"]), 4)
    0.5373
    """
    pairs = _pairs(texts, references)
    shares = []
    for length in range(1, longest + 1):
        met = written = 0
        for text, reference in pairs:
            counts = Counter(ngrams(text, length))
            met += (counts & Counter(ngrams(reference, length))).total()
            written += counts.total()
        shares.append(met / written if written else 0.0)
    if not all(shares):
        return 0.0
    brief = sum(len(reference) for _, reference in pairs) / sum(len(text) for text, _ in pairs)
    return math.exp(min(0.0, 1 - brief) + sum(map(math.log, shares)) / longest)


def rouge_n(texts: Sequence[str], references: Sequence[str], length: int) -> float:
    """Return ROUGE-N, the mean over texts of the F1 of their stretches of ``length`` words (Lin, 2004).

    >>> rouge_n(["good for my skin"], ["good for dry skin"], 1)
    0.75
    """

    def f1(text: Words, reference: Words) -> float:
        mine, theirs = Counter(ngrams(text, length)), Counter(ngrams(reference, length))
        return _f1((mine & theirs).total(), mine.total(), theirs.total())

    return _mean(f1, texts, references)


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return ROUGE-L, the mean over texts of the F1 of the longest common subsequence of words (Lin, 2004).

    >>> rouge_l(["good for my skin"], ["skin good for me"])
    0.5
    """

    def f1(text: Words, reference: Words) -> float:
        return _f1(_common(text, reference), len(text), len(reference))

    return _mean(f1, texts, references)


def distinct(texts: Sequence[str], length: int) -> float:
    """Return how many stretches of ``length`` words are different, of all in all texts (Li et al., 2016).

    >>> distinct(["so good", "so bad"], 1)
    0.75
    """
    every = [stretch for text in _given(texts) for stretch in ngrams(split_words(text), length)]
    return len(set(every)) / len(every) if every else 0.0


def unique_share(texts: Sequence[str]) -> float:
    """Return how many texts are different, of all of them: the unique sentence ratio (Li et al., 2020).

    >>> unique_share(["good", "Good", "bad", "good."])
    0.75
    """
    return len({tuple(split_words(text)) for text in _given(texts)}) / len(texts)


def feature_matching(texts: Sequence[str], features: Sequence[str]) -> float:
    """Return in how many texts their own feature is named (Li et al., 2020), word by word.

    >>> feature_matching(["a dry skin cream", "so good"], ["dry skin", "smell"])
    0.5
    """
    return sum(_names(split_words(text), split_words(named)) for text, named in _both(texts, features)) / len(texts)


def feature_coverage(texts: Sequence[str], features: Sequence[str]) -> float:
    """Return how many of all different features are named in any text (Li et al., 2020).

    >>> feature_coverage(["a cream for dry skin", "dry and good"], ["skin", "smell"])
    0.5
    """
    _given(texts)
    wanted = {tuple(split_words(feature)) for feature in features} - {()}
    if not wanted:
        raise DataError("there are no features to look for")
    sizes = {len(feature) for feature in wanted}
    written = {stretch for text in texts for size in sizes for stretch in ngrams(split_words(text), size)}
    return len(wanted & written) / len(wanted)


def text_metrics(
    texts: Sequence[str], references: Sequence[str], features: Sequence[str] | None = None
) -> dict[str, float]:
    """Return every metric of written texts, by name.

    Args:
        texts: What was written.
        references: What a person wrote, one a text.
        features: What each reference is about, where the data say so.

    Raises:
        DataError: There are no texts, or not one reference and feature for each.
    """
    found = {
        "bleu-4": bleu(texts, references),
        "rouge-1": rouge_n(texts, references, 1),
        "rouge-2": rouge_n(texts, references, 2),
        "rouge-l": rouge_l(texts, references),
        "distinct-1": distinct(texts, 1),
        "distinct-2": distinct(texts, 2),
        "unique": unique_share(texts),
    }
    if features is not None:
        found["feature-matching"] = feature_matching(texts, features)
        found["feature-coverage"] = feature_coverage(texts, features)
    return found


def _given(texts: Sequence[str]) -> Sequence[str]:
    if not len(texts):
        raise DataError("there is nothing to judge: no texts")
    return texts


def _both(texts: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    if len(_given(texts)) != len(others):
        raise DataError(f"{len(texts)} texts cannot be judged by {len(others)}")
    return list(zip(texts, others, strict=True))


def _pairs(texts: Sequence[str], references: Sequence[str]) -> list[tuple[Words, Words]]:
    return [(split_words(text), split_words(reference)) for text, reference in _both(texts, references)]


def _mean(value: Callable[[Words, Words], float], texts: Sequence[str], references: Sequence[str]) -> float:
    return sum(value(text, reference) for text, reference in _pairs(texts, references)) / len(texts)


def _f1(met: int, mine: int, theirs: int) -> float:
    return 2 * met / (mine + theirs) if met else 0.0


def _common(one: Words, other: Words) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, its in enumerate(other, 1):
            before, row[place] = row[place], before + 1 if word == its else max(row[place], row[place - 1])
    return row[-1]


def _names(text: Words, feature: Words) -> bool:
    return bool(feature) and tuple(feature) in ngrams(text, len(feature))
