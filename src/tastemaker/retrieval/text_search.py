"""Search of a catalogue by a question in words: by the words that are in it, by what it means, or by both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import ConfigError, QueryError, TastemakerError, nearest
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.retrieval.choice import make_index
from tastemaker.retrieval.fusion import Found, reciprocal_rank_fusion
from tastemaker.retrieval.lexical import LexicalIndex
from tastemaker.retrieval.port import NOTHING, Allowed, VectorIndex, checked_k

By: TypeAlias = Literal["words", "vectors", "both"]
BY: Final[tuple[str, ...]] = get_args(By)
_DEPTH: Final = 10
"""Each list that is fused holds so many times ``k``, so that what is third in both can be first in the end."""
_LEAST: Final = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found.

    Attributes:
        item_id: Raw id.
        score: BM25, the cosine, or fused reciprocal ranks, by what was asked for; it orders one answer.
        rank: Place in the answer, from 1.
        sources: What found it (``words``, ``vectors``), and at which rank.
        words: The words of the question that its text holds, without case and accents.
    """

    item_id: str
    score: float
    rank: int
    sources: Mapping[str, int]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What was found for one question.

    Attributes:
        text: The question.
        by: What was searched in the end: ``words``, ``vectors`` or ``both``.
        hits: Best first.
        degraded: Why less was searched than was asked for.
        milliseconds: How long it took.
    """

    text: str
    by: str
    hits: tuple[Hit, ...]
    degraded: tuple[str, ...] = ()
    milliseconds: float = 0.0

    def to_dict(self, title: Callable[[str], str]) -> dict[str, Any]:
        """Return the answer as JSON values, as the server and ``--json`` give it.

        Args:
            title: Gives the title of an item.
        """
        return {
            "text": self.text,
            "by": self.by,
            "items": [
                {
                    "item_id": hit.item_id,
                    "title": title(hit.item_id),
                    "score": hit.score,
                    "rank": hit.rank,
                    "sources": dict(hit.sources),
                    "words": list(hit.words),
                }
                for hit in self.hits
            ],
            "degraded": list(self.degraded),
            "took_ms": round(self.milliseconds, 3),
        }


@dataclass
class TextSearch:
    """Finds items whose texts hold the words of a question (BM25), or mean the same (an encoder), or both.

    Both lists are joined by reciprocal rank fusion. Where vectors cannot be had, words alone are searched, and the
    answer says why. Items without a word are never found.

    Args:
        item_ids: Raw ids.
        texts: The text of each.
        encoder: One that has learnt what it learns; ``None`` searches words alone.
        vectors: What the encoder makes of the texts, of length 1 or 0, as an index.
        reason: Why there is no encoder, for the answers that lack it.
        run: What the encoder is given for a question.
    """

    item_ids: Sequence[str]
    texts: Sequence[str]
    encoder: Encoder | None = None
    vectors: VectorIndex | None = None
    reason: str = "no encoder was named"
    run: Run = field(default_factory=Run)

    def __post_init__(self) -> None:
        self._lexical = LexicalIndex(self.texts)
        self._worded = np.asarray([bool(text.strip()) for text in self.texts], dtype=bool)

    @classmethod
    def over(
        cls,
        item_ids: Sequence[str],
        texts: Sequence[str],
        encoder: Any = None,
        *,
        run: Run | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> Self:
        """Return a search over some texts; those of an encoder are read from disk where they were encoded before.

        Args:
            item_ids: Raw ids.
            texts: The text of each.
            encoder: What `tastemaker.language.encoders.make_encoder` takes; ``None`` searches words alone.
            run: Threads and progress.
            notify: Is told what would make it quicker.

        Raises:
            ConfigError: There is no such encoder, or it has no such argument.
        """
        run = run or Run()
        if encoder is None:
            return cls(item_ids, texts, run=run)
        try:
            made, vectors = _encoded(encoder, texts, run)
        except ConfigError:
            raise
        except TastemakerError as error:
            return cls(item_ids, texts, reason=_why(error), run=run)
        return cls(item_ids, texts, made, make_index(vectors, run=run, notify=notify), run=run)

    @classmethod
    def over_catalogue(
        cls,
        catalogue: Catalogue,
        encoder: Any = None,
        *,
        template: str | None = None,
        run: Run | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> Self:
        """Return a search over the items of a catalogue that are available.

        Args:
            catalogue: The items.
            encoder: See `over`.
            template: How an item becomes a text: see `tastemaker.language.texts.item_texts`.
            run: Threads and progress.
            notify: Is told what would make it quicker.

        Raises:
            ConfigError: There is no such encoder, or the template is none.
        """
        from tastemaker.language.texts import item_texts

        frame = catalogue.frame
        if "available" in frame.columns:
            frame = frame.filter(frame["available"].fill_null(True))
        item_ids = frame["item_id"].to_list()
        return cls.over(item_ids, item_texts(catalogue, item_ids, template), encoder, run=run, notify=notify)

    def search(self, text: str, k: int = 10, *, by: str = "both", allowed: Set[str] | None = None) -> SearchAnswer:
        """Return the items that fit a question.

        Args:
            text: The question.
            k: How many at most.
            by: ``words``, ``vectors`` or ``both``.
            allowed: Raw ids that may be found; ``None`` for all.

        Raises:
            QueryError: The question is empty, ``k`` is less than 1, or there is no such way.
        """
        began = time.perf_counter()
        if by not in BY:
            raise QueryError(f"there is no search by '{by}'", where="by", remedy=nearest(by, BY))
        if not text.strip():
            raise QueryError("there is nothing to search for", remedy="Say in some words what is wanted.")
        depth = checked_k(k) if by != "both" else max(_DEPTH * k, _LEAST)
        may = self._mask(allowed)
        lists: dict[str, Found] = {}
        degraded: tuple[str, ...] = ()
        if by != "words":
            meant, why = self._meant(text, depth, may)
            lists |= {"vectors": meant} if meant else {}
            degraded = (f"searched by words alone: {why}",) if why else ()
        if by != "vectors" or degraded:
            lists = {"words": self._lexical.search([text], depth, may)} | lists
        searched = by if not degraded else "words"
        found = reciprocal_rank_fusion(list(lists.values()), k) if len(lists) > 1 else next(iter(lists.values()))
        hits = self._hits(text, (found[0][:, :k], found[1][:, :k]), lists)
        return SearchAnswer(text, searched, hits, degraded, 1000 * (time.perf_counter() - began))

    def _mask(self, allowed: Set[str] | None) -> Allowed:
        if allowed is None:
            return self._worded
        mask: Allowed = np.fromiter((item in allowed for item in self.item_ids), bool, len(self.item_ids))
        return self._worded & mask

    def _meant(self, text: str, depth: int, may: Allowed) -> tuple[Found | None, str]:
        """Return what is nearest to a question, or why that cannot be told."""
        if self.encoder is None or self.vectors is None:
            return None, self.reason
        try:
            asked = as_directions(self.encoder.encode([text], "query", run=self.run))
            if not asked.any():
                return None, f"to the encoder '{self.encoder.name}' the question says nothing"
            return self.vectors.search(asked, depth, may), ""
        except TastemakerError as error:
            return None, _why(error)

    def _hits(self, text: str, found: Found, lists: Mapping[str, Found]) -> tuple[Hit, ...]:
        numbers = [int(number) for number in found[0][0] if number != NOTHING]
        ranks = {source: _ranks(one) for source, one in lists.items()}
        return tuple(
            Hit(
                item_id=str(self.item_ids[number]),
                score=float(score),
                rank=rank,
                sources={source: places[number] for source, places in ranks.items() if number in places},
                words=self._lexical.matched(text, number),
            )
            for rank, (number, score) in enumerate(zip(numbers, found[1][0], strict=False), start=1)
        )


def _why(error: TastemakerError) -> str:
    """Return what was wrong without the place, which may be a folder that is nobody's business."""
    return f"{error.message}. {error.remedy}" if error.remedy else error.message


def _ranks(found: Found) -> dict[int, int]:
    return {int(number): rank for rank, number in enumerate(found[0][0], start=1) if number != NOTHING}


def _encoded(spec: Any, texts: Sequence[str], run: Run) -> tuple[Encoder, NDArray[np.float32]]:
    from tastemaker.language.encoders import encode_cached, fit_encoder, make_encoder

    encoder = fit_encoder(make_encoder(spec), [text for text in texts if text], run=run)
    return encoder, as_directions(encode_cached(encoder, texts, "item", run=run))


def as_directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors scaled to length 1, float32 ``[n, d]``, so that products are cosines; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
