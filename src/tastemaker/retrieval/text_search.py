"""Search of a catalogue by a question in words: by the words that are in it, by what it means, or by both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import ConfigError, TastemakerError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.retrieval.asking import BY, By, Meaning, TextsFound, Words, as_directions, find_texts, why
from tastemaker.retrieval.choice import make_index
from tastemaker.retrieval.fusion import Found
from tastemaker.retrieval.lexical import LexicalIndex
from tastemaker.retrieval.port import NOTHING, Allowed, VectorIndex

__all__ = ["BY", "By", "Hit", "SearchAnswer", "TextSearch", "as_directions", "hits_of"]


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
        self._meaning = Meaning(self.encoder, self.vectors, self.reason, self.run)
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
            return cls(item_ids, texts, reason=why(error), run=run)
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
        found = self.find(text, k, by=by, allowed=self._mask(allowed))
        hits = hits_of(found, text, self._lexical, self.item_ids)
        return SearchAnswer(text, found.by, hits, found.degraded, 1000 * (time.perf_counter() - began))

    def find(self, text: str, k: int, *, by: str = "both", allowed: Allowed | None = None) -> TextsFound:
        """Return what `search` does by the places of the items in ``item_ids``.

        Args:
            text: The question.
            k: How many at most.
            by: ``words``, ``vectors`` or ``both``.
            allowed: Which items may be found, bool ``[n]``; ``None`` for all.

        Raises:
            QueryError: See `search`.
        """
        may = self._worded if allowed is None else self._worded & allowed
        return find_texts(self._lexical, self._meaning, text, k, by=by, allowed=may)

    def _mask(self, allowed: Set[str] | None) -> Allowed | None:
        if allowed is None:
            return None
        return np.fromiter((item in allowed for item in self.item_ids), bool, len(self.item_ids))


def hits_of(found: TextsFound, text: str, lexical: Words, item_ids: Sequence[str] | NDArray[Any]) -> tuple[Hit, ...]:
    """Return what was found as it is shown.

    Args:
        found: The texts.
        text: The question.
        lexical: Tells which words a text holds.
        item_ids: Raw ids by the numbers of the texts.
    """
    ranks = {source: _ranks(one) for source, one in found.lists.items()}
    return tuple(
        Hit(
            item_id=str(item_ids[number]),
            score=score,
            rank=rank,
            sources={source: places[number] for source, places in ranks.items() if number in places},
            words=lexical.matched(text, number),
        )
        for rank, (number, score) in enumerate(zip(found.numbers.tolist(), found.scores.tolist(), strict=True), start=1)
    )


def _ranks(found: Found) -> dict[int, int]:
    return {int(number): rank for rank, number in enumerate(found[0][0], start=1) if number != NOTHING}


def _encoded(spec: Any, texts: Sequence[str], run: Run) -> tuple[Encoder, NDArray[np.float32]]:
    from tastemaker.language.encoders import encode_cached, fit_encoder, make_encoder

    encoder = fit_encoder(make_encoder(spec), [text for text in texts if text], run=run)
    return encoder, as_directions(encode_cached(encoder, texts, "item", run=run))
