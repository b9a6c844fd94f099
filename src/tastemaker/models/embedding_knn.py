"""Items whose words are near in meaning: nearest neighbours by the vectors of an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec
from tastemaker.models.base import Scores, Settings
from tastemaker.models.dislikes import nearness, pushed_away
from tastemaker.models.history import AGE_DECAYS, MAX_HISTORY, History
from tastemaker.models.interests import Interests
from tastemaker.models.linear_solvers import products
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Integer, Space
from tastemaker.models.vector_model import VectorModel


class EmbeddingKNN(VectorModel):
    """Scores ``sum_j age_decay(age_j) * cosine(vector_j, vector_i)`` over the latest 20 events.

    With several interests, the likes of a history are put into groups of near items (see
    `tastemaker.models.interests.Interests`), and an item scores what the group that speaks most for it says, so that
    an interest in tents is not averaged with one in novels. The words of a query count as one more event. A dislike
    takes ``age_decay * (cosine - mean cosine)`` from what is nearer to it than items are on average, and leaves the
    rest alone (`tastemaker.models.dislikes`).

    No events are needed to learn, and items that nobody has touched are scored like any other.

    Args:
        encoder: A text encoder by name, or by name and arguments.
        template: How the text of an item is made (`tastemaker.language.texts.item_texts`); empty for the usual one.
        whiten: Whether the encoder's directions are made to weigh alike on the items in training.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.
        interests: At most so many groups.
    """

    name: ClassVar[str] = "embedding-knn"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "whiten": (False, True),
        "age_decay": ("1/a", *[decay for decay in AGE_DECAYS if decay != "1/a"]),
        "interests": (1, 2, 4),
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (("whiten",), ("age_decay",), ("interests",))
    space: ClassVar[Space] = {
        "whiten": Choice((False, True)),
        "age_decay": Choice(tuple(AGE_DECAYS)),
        "interests": Integer(1, 8),
    }

    def __init__(
        self,
        *,
        encoder: EncoderSpec = DEFAULT_ENCODER,
        template: str = "",
        whiten: bool | None = None,
        age_decay: str | None = None,
        interests: int | None = None,
    ) -> None:
        self.encoder = encoder
        self.template = template
        self.whiten = whiten
        self.age_decay = age_decay
        self.interests = interests

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self._run = run
        super()._fit(train, valid, run)

    def _learn(self, train: Dataset, settings: Settings) -> None:
        spec = {"name": "whitened", "of": settings["encoder"]} if settings["whiten"] else settings["encoder"]
        self._encode(train, spec, settings["template"], self._run)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Encode once for all settings that differ only in how a history is read."""
        for _, group in groupby(combinations, key=lambda settings: settings["whiten"]):
            same = list(group)
            self._learn(train, same[0])
            for settings in same:
                yield settings, partial(self._scored, decay=settings["age_decay"], interests=settings["interests"])

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._scored(queries, self.settings_["age_decay"], self.settings_["interests"])

    def _scored(self, queries: QueryBatch, decay: str, interests: int) -> Scores:
        found = self._interests(queries, decay, interests)
        scores = products(self._words(queries), self.vectors_) if queries.texts else None
        liked = found.strongest(self.vectors_)
        scores = liked if scores is None else np.add(scores, liked, out=scores)
        if (less := pushed_away(found.against, self.vectors_)) is not None:
            scores += less
        return self._settled(scores)

    def _interests(self, queries: QueryBatch, decay: str, interests: int) -> Interests:
        return Interests.of(History.of(queries, self.items_), self.vectors_, decay, MAX_HISTORY, interests)

    def _parts(self, query: Query, item: int) -> Contributions:
        batch, decay, interests = QueryBatch.of([query]), self.settings_["age_decay"], self.settings_["interests"]
        found = self._interests(batch, decay, interests)
        speaking, towards = found.speaking(self.vectors_, self.vectors_[item]), self.vectors_[item]
        amounts = speaking.data * (self.vectors_[speaking.indices] @ towards)
        disliked = found.against.indices
        near = nearness(self.vectors_[disliked], self.vectors_)[:, item]
        numbers = np.concatenate([speaking.indices, disliked])
        parts = [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(numbers, np.concatenate([amounts, found.against.data * near]), strict=True)
        ]
        if query.text:
            parts.append(Contribution("text", query.text, float(self._words(batch)[0] @ self.vectors_[item])))
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))
