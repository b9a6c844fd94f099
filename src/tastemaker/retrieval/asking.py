"""Asking a question of texts in two ways, by their words and by what they mean, and joining what each finds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import QueryError, TastemakerError, nearest
from tastemaker.core.run import Run
from tastemaker.retrieval.fusion import Found, reciprocal_rank_fusion
from tastemaker.retrieval.port import NOTHING, Allowed, Numbers, Scores, checked_k

By: TypeAlias = Literal["words", "vectors", "both"]
BY: Final[tuple[str, ...]] = get_args(By)

_DEPTH: Final = 10
"""Each list that is fused holds so many times ``k``, so that what is third in both can be first in the end."""
_LEAST: Final = 100
_REMEMBERED: Final = 256


class Words(Protocol):
    """What finds texts by their words: `LexicalIndex`, and `LiveLexicalIndex` where they change."""

    def search(self, queries: Sequence[str], k: int, allowed: Allowed | None = None) -> Found:
        """Return the best ``k`` texts for each question."""
        ...

    def matched(self, query: str, number: int) -> tuple[str, ...]:
        """Return the words of a question that a text holds."""
        ...


class Vectors(Protocol):
    """What finds texts by vectors: a `VectorIndex`, or whatever else numbers them alike."""

    def search(self, queries: NDArray[np.float32], k: int, allowed: Allowed | None = None) -> Found:
        """Return the best ``k`` vectors for each query."""
        ...


@dataclass
class Meaning:
    """What lies near a question in the space of an encoder, or why that cannot be told.

    Vectors of the latest questions are kept, so that who encodes one ahead (`prepare`) need not wait for it later.

    Args:
        encoder: One that has learnt what it learns; ``None`` where there is none.
        vectors: What it makes of the texts, of length 1 or 0.
        reason: Why there is no encoder, for the answers that lack it.
        run: What the encoder is given for a question.
    """

    encoder: Encoder | None = None
    vectors: Vectors | None = None
    reason: str = "no encoder was named"
    run: Run = field(default_factory=Run)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def prepare(self, text: str) -> None:
        """Encode a question ahead; what is wrong is said when it is asked."""
        try:
            self._encoded(text)
        except TastemakerError:
            return

    def _encoded(self, text: str) -> NDArray[np.float32]:
        """Return a question as a direction, float32 ``[1, d]``."""
        assert self.encoder is not None
        with self._lock:
            known = self._asked.get(text)
        if known is None:
            known = as_directions(self.encoder.encode([text], "query", run=self.run))
            with self._lock:
                self._asked[text] = known
                while len(self._asked) > _REMEMBERED:
                    self._asked.popitem(last=False)
        return known

    def search(self, text: str, k: int, allowed: Allowed | None) -> tuple[Found | None, str]:
        """Return what is nearest to a question, or why that cannot be told."""
        if self.encoder is None or self.vectors is None:
            return None, self.reason
        try:
            asked = self._encoded(text)
            if not asked.any():
                return None, f"to the encoder '{self.encoder.name}' the question says nothing"
            return self.vectors.search(asked, k, allowed), ""
        except TastemakerError as error:
            return None, why(error)


@dataclass(frozen=True, slots=True)
class TextsFound:
    """Texts that fit a question, by their numbers.

    Attributes:
        numbers: Best first, int32 ``[m]``.
        scores: BM25, cosines or fused reciprocal ranks, float32 ``[m]``.
        by: What was searched in the end.
        lists: What each way found, by its name.
        degraded: Why less was searched than was asked for.
    """

    numbers: Numbers
    scores: Scores
    by: str
    lists: Mapping[str, Found]
    degraded: tuple[str, ...] = ()


def find_texts(
    words: Words, meaning: Meaning, text: str, k: int, *, by: str = "both", allowed: Allowed | None = None
) -> TextsFound:
    """Return the texts that fit a question; where vectors cannot be had, words alone are searched.

    Args:
        words: What finds by words.
        meaning: What finds by meaning.
        text: The question.
        k: How many at most.
        by: ``words``, ``vectors`` or ``both``, joined by reciprocal rank fusion.
        allowed: Which texts may be found, bool ``[n]``; ``None`` for all.

    Raises:
        QueryError: The question is empty, ``k`` is less than 1, or there is no such way.
    """
    if by not in BY:
        raise QueryError(f"there is no search by '{by}'", where="by", remedy=nearest(by, BY))
    if not text.strip():
        raise QueryError("there is nothing to search for", remedy="Say in some words what is wanted.")
    depth = checked_k(k)
    if by == "both":
        depth = max(_DEPTH * k, _LEAST)
    lists: dict[str, Found] = {}
    degraded: tuple[str, ...] = ()
    if by != "words":
        meant, missing = meaning.search(text, depth, allowed)
        lists |= {"vectors": meant} if meant else {}
        degraded = (f"searched by words alone: {missing}",) if missing else ()
    if by != "vectors" or degraded:
        lists = {"words": words.search([text], depth, allowed)} | lists
    numbers, scores = reciprocal_rank_fusion(list(lists.values()), k) if len(lists) > 1 else next(iter(lists.values()))
    there = numbers[0][:k] != NOTHING
    return TextsFound(numbers[0][:k][there], scores[0][:k][there], by if not degraded else "words", lists, degraded)


def why(error: TastemakerError) -> str:
    """Return what was wrong without the place, which may be a folder that is nobody's business."""
    return f"{error.message}. {error.remedy}" if error.remedy else error.message


def as_directions(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return vectors scaled to length 1, float32 ``[n, d]``, so that products are cosines; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
