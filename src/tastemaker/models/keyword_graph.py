"""Keywords as the way from a stranger to items: a graph of keywords and items, along which messages are passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue, Relations
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.encoders import (
    DEFAULT_ENCODER,
    EncoderSpec,
    encode_cached,
    fit_encoder,
    make_encoder,
    restored_encoder,
    store_encoder,
)
from tastemaker.language.keywords import LONGEST, RELATION, item_keywords, keyword, phrases, split_keywords
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.content import ContentKNN
from tastemaker.models.history import AGE_DECAYS
from tastemaker.models.item_to_item import dense, popularity
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Real, Space

WEIGHTINGS: Final = ("tf-iuf", "tf-irf")
"""What an edge weighs: how often the keyword was given to the item, times how rare it is among people or items."""

_ENCODER: Final = "encoder."


@dataclass(frozen=True)
class Heard:
    """A keyword that was asked for, as the graph knows it.

    Attributes:
        asked: What was said.
        known: Numbers of keywords of the graph.
        shares: What each of them counts; 1 for the keyword itself.
    """

    asked: str
    known: NDArray[np.int64]
    shares: NDArray[np.float32]


class KALM4Rec(ContentKNN):
    """Scores ``sum_k q_k w_ki``: keywords that are asked for pass their weight along the edges to the items.

    The retriever MPG of Kieu et al. (2024), "Keyword-driven Retrieval-Augmented Large Language Models for Cold-start
    User Recommendations", without the language model that ranks anew what was found. An edge weighs
    ``w_ki = tf_ki * log(U / u_k)`` (TF-IUF) with the ``u_k`` of ``U`` people who used the keyword, or
    ``tf_ki * log(N / n_k)`` (TF-IRF) with the ``n_k`` of ``N`` items that have it; a keyword that nobody but the
    catalogue uses has the second in either case. A keyword that the graph does not have stands for its nearest
    neighbours in the space of an encoder, each with its cosine over their number.

    With ``spread`` a second message goes from the keywords over the items that have them to the keywords of those, and
    from these to items: steps of a random walk. An item of a history asks for its own keywords, in shares of their
    weights, and ages as in `ContentKNN`.

    Keywords are those of `tastemaker.language.keywords.item_keywords`, those of the texts where there are no others. A
    query's text is read as keywords with commas; of what is longer than three words, the known keywords in it count.

    Args:
        weighting: One of `WEIGHTINGS`.
        spread: What the second message counts against the first; 0 for none.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.
        neighbours: How many known keywords stand for an unknown one; 0 passes it over.
        encoder: A text encoder by name, or by name and arguments; it is needed where there are neighbours.

    Attributes:
        keywords_: The keywords, sorted.
        vectors_: Weights of the edges, float32 ``[n, t]``.
    """

    name: ClassVar[str] = "kalm4rec"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "weighting": WEIGHTINGS,
        "spread": (0.0, 0.5),
        **ContentKNN.grid,
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (("weighting", "spread"), ("age_decay",))
    space: ClassVar[Space] = {
        "weighting": Choice(WEIGHTINGS),
        "spread": Real(0, 2),
        "age_decay": Choice(tuple(AGE_DECAYS)),
    }

    keywords_: list[str]

    def __init__(
        self,
        *,
        weighting: str | None = None,
        spread: float | None = None,
        age_decay: str | None = None,
        neighbours: int = 3,
        encoder: EncoderSpec = DEFAULT_ENCODER,
    ) -> None:
        super().__init__(age_decay=age_decay)
        self.weighting = weighting
        self.spread = spread
        self.neighbours = neighbours
        self.encoder = encoder

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        return {**super().settings(), "neighbours": self.neighbours, "encoder": self.encoder}

    # -- learning ----------------------------------------------------------------------------------------------

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        counts = self._counts(train)
        self.keywords_ = sorted(set().union(*counts))
        if not self.keywords_:
            raise DataError(
                "the catalogue has no words that could be keywords: no tags, categories, title or text",
                where=train.name,
                remedy=f"Add relations '{RELATION}' or a column keywords, or leave the model out.",
            )
        self._places = {name: place for place, name in enumerate(self.keywords_)}
        self._counted = self._matrix(counts)
        self._walked = len(counts)  # items that come later pass nothing on: what was known stays as it is
        self._rare = _rarity(self._counted, self._places, train.relations)
        self.popularity_ = popularity(train)
        self._forget_caches()
        self._encode(run)
        super()._fit(train, valid, run)

    def _counts(self, train: Dataset) -> list[dict[str, int]]:
        """Return the keywords of each item in training and how often each was given to it."""
        return item_keywords(train.catalogue, train.items.ids, train.relations)

    def _encode(self, run: Run) -> None:
        self._encoder = self._near = None
        if self.neighbours:
            self._encoder = fit_encoder(make_encoder(self.encoder), self.keywords_, run=run)
            self._near = _directions(encode_cached(self._encoder, self.keywords_, "query", run=run))

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self._weigh_edges(settings)

    def _weigh_edges(self, settings: Settings) -> None:
        weighted = self._counted.copy()
        weighted.data = weighted.data * self._rare[settings["weighting"]][weighted.indices]
        self._set_edges(weighted, float(settings["spread"]))

    def _set_edges(self, edges: sparse.csr_array, spread: float) -> None:
        self.vectors_ = edges
        self._spread = spread
        self._own = _shares(edges)
        walked = edges[: self._walked]
        self._givers, self._receivers = _shares(sparse.csr_array(walked.T)), _shares(walked)

    def _matrix(self, counts: Sequence[Mapping[str, int]]) -> sparse.csr_array:
        """Return how often each keyword of the graph was given to each item, float32 ``[m, t]``."""
        rows, columns, values = [], [], []
        for row, own in enumerate(counts):
            for name, often in sorted(own.items()):
                if name in self._places:
                    rows.append(row)
                    columns.append(self._places[name])
                    values.append(often)
        places = (np.asarray(rows, dtype=np.int32), np.asarray(columns, dtype=np.int32))
        return sparse.csr_array(
            (np.asarray(values, dtype=np.float32), places), shape=(len(counts), len(self.keywords_))
        )

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        for _, group in groupby(combinations, key=lambda settings: (settings["weighting"], settings["spread"])):
            same = list(group)
            self._weigh_edges(same[0])
            for settings in same:
                yield settings, partial(self._scored, decay=settings["age_decay"])

    # -- asking ------------------------------------------------------------------------------------------------

    def heard(self, text: str) -> list[Heard]:
        """Return what a text asks for, as keywords of the graph; what it does not understand is left out.

        Args:
            text: Keywords with commas between them, or a sentence.
        """
        found: list[Heard] = []
        for asked in split_keywords(text):
            if asked in self._places:
                found.append(Heard(asked, np.asarray([self._places[asked]]), np.ones(1, dtype=np.float32)))
                continue
            inside = self._inside(asked) if asked.count(" ") >= LONGEST else []
            if inside:
                found += [Heard(name, np.asarray([self._places[name]]), np.ones(1, np.float32)) for name in inside]
            elif (near := self._nearest(asked)) is not None:
                found.append(near)
        return found

    def _inside(self, sentence: str) -> list[str]:
        """Return the known keywords in a sentence, the longest of those that overlap."""
        left, found = f" {sentence} ", []
        for phrase in phrases(sentence):
            if phrase in self._places and f" {phrase} " in left:
                found.append(phrase)
                left = left.replace(f" {phrase} ", " , ")
        return found

    def _nearest(self, asked: str) -> Heard | None:
        if self._near is None or self._encoder is None:
            return None
        vector = _directions(self._encoder.encode([asked], "query"))[0]
        alike = self._near @ vector
        best = np.argsort(-alike, kind="stable")[: self.neighbours]
        best = best[alike[best] > 0]
        if not len(best):
            return None
        return Heard(asked, best, (alike[best] / len(best)).astype(np.float32))

    def _wanted(self, texts: Sequence[str | None]) -> sparse.csr_array:
        """Return the keywords that some texts ask for, float32 ``[q, t]``."""
        rows, columns, values = [], [], []
        for row, text in enumerate(texts):
            for one in self.heard(text) if text else ():
                rows += [row] * len(one.known)
                columns += one.known.tolist()
                values += one.shares.tolist()
        places = (np.asarray(rows, dtype=np.int32), np.asarray(columns, dtype=np.int32))
        shape = (len(texts), len(self.keywords_))
        return sparse.csr_array((np.asarray(values, dtype=np.float32), places), shape=shape)

    def _passed(self, wanted: sparse.csr_array) -> sparse.csr_array:
        """Return what is asked for with the second message, float32 ``[q, t]``."""
        if not self._spread:
            return wanted
        return sparse.csr_array(wanted + np.float32(self._spread) * ((wanted @ self._givers) @ self._receivers))

    @property
    def _wishes(self) -> sparse.csr_array:
        return self._own

    def _profile(self, queries: QueryBatch, decay: str) -> sparse.csr_array:
        profile = self._history_matrix(queries, self.items_, decay) @ self._own
        if queries.texts:
            profile = profile + self._wanted(queries.texts)
        return self._passed(sparse.csr_array(profile))

    def _understands(self, text: str) -> bool:
        return bool(self.heard(text))

    def _column(self, history: NDArray[np.int32], item: int) -> NDArray[np.float32]:
        return np.asarray((self._passed(self._own[history]) @ self.vectors_[[item]].T).toarray()).ravel()

    def _parts(self, query: Query, item: int) -> Contributions:
        found = super()._parts(replace(query, text=None), item)
        parts = list(found.parts)
        for one in self.heard(query.text) if query.text else ():
            asked = sparse.csr_array(
                (one.shares, (np.zeros(len(one.known), np.int32), one.known)), shape=(1, len(self.keywords_))
            )
            amount = float(dense(self._passed(asked) @ self.vectors_[[item]].T)[0, 0])
            read_as = ", ".join(self.keywords_[place] for place in one.known)
            said = one.asked if read_as == one.asked else f"{one.asked} (read as {read_as})"
            parts.append(Contribution("text", said, amount))
        return Contributions(found.item_id, float(sum(part.amount for part in parts)), tuple(parts))

    # -- keeping -----------------------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        tensors: storage.Tensors = {"popularity": self.popularity_, **storage.pack_sparse("counted", self._counted)}
        tensors |= {f"rare.{name}": values for name, values in self._rare.items()}
        fitted: dict[str, Any] = {"keywords": self.keywords_, "walked": self._walked}
        if self._encoder is not None and self._near is not None:
            fitted["words"], learnt = store_encoder(self._encoder)
            tensors |= {"near": self._near} | {f"{_ENCODER}{name}": part for name, part in learnt.items()}
        return fitted, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.keywords_, self._walked = list(fitted["keywords"]), int(fitted["walked"])
        self._places = {name: place for place, name in enumerate(self.keywords_)}
        self.popularity_ = tensors["popularity"]
        self._forget_caches()
        self._counted = storage.unpack_sparse("counted", tensors)
        self._rare = {name: tensors[f"rare.{name}"] for name in WEIGHTINGS}
        self._encoder = self._near = None
        if "words" in fitted:
            own = {name.removeprefix(_ENCODER): part for name, part in tensors.items() if name.startswith(_ENCODER)}
            self._encoder, self._near = restored_encoder(fitted["words"], own), tensors["near"]
        self._weigh_edges(self.settings_)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self._forget_caches()
        added = self._matrix(item_keywords(catalogue, self.items_.ids[-new:]))
        self._counted = sparse.csr_array(sparse.vstack([self._counted, added]))
        self._weigh_edges(self.settings_)


def _rarity(
    counted: sparse.csr_array, places: Mapping[str, int], relations: Relations | None
) -> dict[str, NDArray[np.float32]]:
    """Return how rare each keyword is, float32 ``[t]`` by weighting: ``log(N / n_k)`` and ``log(U / u_k)``."""
    items = np.bincount(counted.indices, minlength=len(places))
    irf = np.log(max(counted.shape[0], 2) / np.maximum(items, 1))
    iuf = irf.copy()
    if relations is not None and "user_id" in relations.frame.columns:
        given = relations.frame.filter((pl.col("relation") == RELATION) & pl.col("user_id").is_not_null())
        users = given.select(pl.col("user_id"), pl.col("tail").map_elements(keyword, return_dtype=pl.String)).unique()
        everybody = users["user_id"].n_unique()
        for name, who in users.group_by("tail").len().iter_rows():
            if name in places:
                iuf[places[name]] = np.log(max(everybody, 2) / who)
    return {"tf-irf": irf.astype(np.float32), "tf-iuf": iuf.astype(np.float32)}


def _shares(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return rows that sum to 1, or to 0 where they are empty."""
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = matrix.copy()
    scaled.data = (scaled.data / np.repeat(np.where(totals > 0, totals, 1), np.diff(scaled.indptr))).astype(np.float32)
    return scaled


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length 1, or of 0 where they are empty."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
