"""KALM4Rec: strangers of whom nothing is known but a few keywords, and the graph that leads from these to items."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
from scipy import sparse

from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, Dataset, HeldOut
from tastemaker.language.keywords import item_keywords, split_keywords
from tastemaker.models import ContentBM25, EmbeddingKNN, KALM4Rec
from tastemaker.models.base import Scores, Settings
from tastemaker.models.item_to_item import dense
from tastemaker.systems.reproduction import Beats, Cell, Setting, System, Trial, shipped

MINILM: Final[dict[str, Any]] = {"name": "minilm", "backend": "numpy"}
"""Not whatever backend is the quickest here: numbers are to be the same everywhere."""

_REPEATS: Final = 5
"""A keyword that was given more often than this counts no more: BM25 levels off there anyway."""

_SAID: Final = 20
"""Keywords of an item that an encoder reads, those given most often; there is no room for more."""


def described_by_keywords(train: Dataset, repeats: int = 1, most: int | None = None) -> Dataset:
    """Return training data of whose items nothing is known but their keywords, those given most often first.

    Args:
        train: What may be learnt from.
        repeats: A keyword is written as often as it was given, and so often at most.
        most: How many keywords an item has at most; ``None`` for all.
    """
    texts = []
    for own in item_keywords(train.catalogue, train.items.ids, train.relations):
        ordered = sorted(own, key=lambda name: (-own[name], name))[:most]
        texts.append(", ".join(name for name in ordered for _ in range(min(own[name], repeats))))
    frame = pl.DataFrame({"item_id": train.items.ids.tolist(), "text": texts})
    return replace(train, catalogue=Catalogue(frame))


class KeywordBM25(ContentBM25):
    """BM25 over keywords: what `ContentBM25` makes of items that are described by nothing else."""

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Learn from the keywords of the items in ``train``."""
        return super().fit(described_by_keywords(train, _REPEATS), valid, run=run)


class KeywordEmbedding(EmbeddingKNN):
    """Vectors of keywords: what `EmbeddingKNN` makes of items that are described by nothing else."""

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Learn from the keywords of the items in ``train``, each once."""
        return super().fit(described_by_keywords(train, most=_SAID), valid, run=run)


class KeywordJaccard(KALM4Rec):
    """Scores the keywords that item and request share over those that either has (the rival of Kieu et al., 2024)."""

    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"age_decay": ("1/a",)}
    steps: ClassVar[tuple[tuple[str, ...], ...]] = ()

    def __init__(self) -> None:
        super().__init__(weighting="tf-irf", spread=0.0, age_decay="1/a", neighbours=0)

    def settings(self) -> Settings:
        """Return nothing that anybody could choose."""
        return {"weighting": self.weighting, "spread": self.spread, "age_decay": self.age_decay}

    def _scored(self, queries: QueryBatch, decay: str) -> Scores:
        texts = queries.texts or (None,) * len(queries)
        has = sparse.csr_array(self._counted > 0, dtype=np.float32)
        shared = dense(self._wanted(texts) @ has.T)
        asked = np.asarray([len(split_keywords(text or "")) for text in texts], dtype=np.float32)
        either = asked[:, None] + np.diff(has.indptr)[None, :] - shared
        return np.asarray(shared / np.maximum(either, 1) + self._prior, dtype=np.float32)


class ShuffledKeywords(KALM4Rec):
    """The same graph with the keywords of each item given to another: a control that knows nothing of any item."""

    def _counts(self, train: Dataset) -> list[dict[str, int]]:
        counts = super()._counts(train)
        having = [place for place, own in enumerate(counts) if own]
        drawn = np.random.default_rng(0).permutation(having)
        shuffled = list(counts)
        for place, other in zip(having, drawn.tolist(), strict=True):
            shuffled[place] = counts[other]
        return shuffled


ROWS: Final = {
    **shipped("popularity", "sequential-rules"),
    "keyword-jaccard": Trial(KeywordJaccard),
    "keyword-bm25": Trial(KeywordBM25),
    "keyword-minilm": Trial(partial(KeywordEmbedding, encoder=MINILM)),
    "kalm4rec": Trial(partial(KALM4Rec, encoder=MINILM)),
    "kalm4rec-one-message": Trial(partial(KALM4Rec, weighting="tf-iuf", spread=0.0, encoder=MINILM)),
    "kalm4rec-no-neighbours": Trial(partial(KALM4Rec, neighbours=0)),
    "kalm4rec-random-neighbours": Trial(partial(KALM4Rec, encoder="random")),
    "kalm4rec-shuffled-keywords": Trial(partial(ShuffledKeywords, encoder=MINILM)),
}
"""A row for each rival, and for each part of the claim one without it."""

CLAIM: Final = "the claim: keywords find what popularity cannot"
GRAPH: Final = "the claim: message passing is better than comparing sets of keywords"
CONTROL: Final = "a control that must lose if keywords say something of items"
NEIGHBOURS: Final = "a control that must lose if neighbours in meaning stand for unknown keywords"
EXPECTED: Final = (
    Beats(model="kalm4rec", other="popularity", metric="recall@20", source=CLAIM),
    Beats(model="kalm4rec", other="keyword-jaccard", metric="recall@20", source=GRAPH),
    Beats(model="kalm4rec", other="keyword-bm25", metric="recall@20", source=GRAPH),
    Beats(model="kalm4rec", other="kalm4rec-shuffled-keywords", metric="recall@20", source=CONTROL),
    Beats(model="kalm4rec", other="kalm4rec-no-neighbours", metric="recall@20", source=NEIGHBOURS),
    Beats(model="kalm4rec", other="kalm4rec-random-neighbours", metric="recall@20", source=NEIGHBOURS),
)
DIFFERS: Final = (
    "People of the paper wrote reviews, from which it takes noun phrases; people here gave tags. The paper gives a "
    "stranger all keywords of their reviews; here each says as many as the cell's name tells, or all that they gave.",
    "The paper's code replaces every keyword of a stranger by its nearest neighbour; here only those that are not "
    "in the graph have neighbours, three of them. `kalm4rec-one-message` has the code's edges and its one message; "
    "`kalm4rec` chooses edges and a second message on validation.",
    "Its MVAE and MF, which chose their best epoch on the test, are not rivals here, and the language model that ranks "
    "20 candidates anew is no part of this.",
    "No sequence network has a row: a stranger has no event that one could read.",
)


def keywords(name: str, source: str, number: int, valid: float) -> Cell:
    """Return the cell in which each stranger says ``number`` keywords."""
    return Cell(
        name=name,
        setting=Setting(
            source=source, protocol="keyword-user", knobs={"keywords": number, "valid": valid}, ks=(20, 10)
        ),
        shows=f"What strangers get who say up to {number} keyword{'s' if number > 1 else ''}, and nothing else.",
        models=ROWS,
        columns=("recall@20", "hr@20", "recall@10"),
        parts=("popularity",),
        expectations=EXPECTED,
        differs=DIFFERS,
    )


QUICK: Final = Cell(
    name="latest-small-quick",
    setting=Setting(source="movielens-latest-small", protocol="keyword-user", knobs={"valid": 0.2}, ks=(20,)),
    shows="That the graph runs, without an encoder, in seconds.",
    models={
        name: ROWS[name] for name in ("popularity", "sequential-rules", "keyword-jaccard", "kalm4rec-no-neighbours")
    },
    columns=("recall@20", "hr@20"),
    budget="quick",
)
CELLS: Final = tuple(
    keywords(f"{short}-{number}", source, number, 0.2)
    for short, source in (("latest-small", "movielens-latest-small"), ("lastfm", "lastfm"))
    for number in (1, 3, 5)
)

SYSTEM = System(
    name="kalm4rec",
    title="KALM4Rec: a few keywords of somebody unknown",
    kind="recommender",
    citation='Kieu, Nguyen, Nguyen and Le (2024), "Keyword-driven Retrieval-Augmented Large Language Models for '
    'Cold-start User Recommendations", arXiv:2405.19612; the retriever MPG',
    claim="Of people with no event, a few keywords say enough: messages along a graph of keywords and items find more "
    "of what such people turn to than popularity and than comparing sets of keywords, and keywords that the graph does "
    "not have are understood by their neighbours in an encoder's space.",
    must_move="recall@20 of people with no event, against popularity, against Jaccard and BM25 over the same keywords, "
    "and against each control",
    cells=(QUICK, *CELLS),
)
