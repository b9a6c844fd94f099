"""The contract that every recommender keeps, from popularity to a language model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contributions, Recommendations
from tastemaker.core.run import Run

ScoreKind: TypeAlias = Literal["relevance", "rating", "probability"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a recommender can do.

    Attributes:
        dense: It can score its whole vocabulary at once (`Recommender.score`).
        cold_items: It can score items that nobody has touched.
        incremental: `Recommender.extend` takes interactions, not only items.
        reads: What it looks at: any of ``user``, ``history``, ``last`` (the latest event alone), ``text``,
            ``context``, ``candidates``.
        comparable_scores: Scores compare across queries.
        score_kind: What a score is: ``relevance`` only puts items in order; a ``rating`` is what the person would give
            the item if they had it, which says nothing of whether they want it, so that no ranking is reported of it;
            a ``probability`` is how likely a shown item is liked or clicked. Models of the last two `predict`.
    """

    dense: bool = True
    cold_items: bool = False
    incremental: bool = False
    reads: frozenset[str] = frozenset({"history"})
    comparable_scores: bool = False
    score_kind: ScoreKind = "relevance"


@runtime_checkable
class Recommender(Protocol):
    """Learns from a data set and recommends items to people it may never have seen.

    Constructors take keyword hyper-parameters and do no work; fitted state ends in ``_``. ``train`` and
    ``valid`` are a `tastemaker.data.Dataset` and the `tastemaker.data.HeldOut` queries to select on.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this recommender can do."""
        ...

    @property
    def name(self) -> str:
        """The name under which it is listed and saved, such as ``sequential-rules``."""
        ...

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Raw ids of the vocabulary, object ``[n]``; columns of `score` are in this order."""
        ...

    def fit(self, train: Any, valid: Any = None, *, run: Run | None = None) -> Self:
        """Learn from ``train``; choose whatever is chosen on ``valid``. Returns itself."""
        ...

    def recommend(
        self,
        queries: Query | Sequence[Query] | QueryBatch | None = None,
        *,
        user: Any = None,
        history: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        text: str | None = None,
        k: int = 10,
        allowed: Iterable[Any] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """Answer queries, or the one query that the keywords describe."""
        ...

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        """Score the whole vocabulary, float32 ``[q, n]``; nothing is masked. Raises `NotDenseError`."""
        ...

    def score_candidates(self, queries: QueryBatch, candidates: Sequence[Any]) -> NDArray[np.float32]:
        """Score the same candidates for every query, float32 ``[q, c]``; unknown ids score ``-inf``."""
        ...

    def extend(self, items: Any = None, interactions: Any = None) -> Self:
        """Take in new items or interactions without a new fit; known items keep their numbers."""
        ...

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the score of ``item_id`` comes from."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the fitted model as a folder, whole or not at all."""
        ...

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; needs no training data."""
        ...


@runtime_checkable
class Predictor(Recommender, Protocol):
    """A recommender that says what comes of a known event: the rating that is given, or whether there is a click.

    Its ``valid`` is a `tastemaker.data.LabelledEvents`; of held-out queries without answers nothing can be chosen.
    """

    def predict(self, held: Any, context: Any = None) -> NDArray[np.float64]:
        """Predict the answer to each target of ``held``, float64 ``[t]``.

        Args:
            held: Who is asked after which history, and the items, a `tastemaker.data.HeldOut`.
            context: What else is known of the moment, a Polars frame with one row for each target.
        """
        ...
