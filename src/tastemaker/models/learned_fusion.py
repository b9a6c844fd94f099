"""A fusion whose first items a ranker puts in another order, by more than what their scores say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ModelError, ModelFormatError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Advance, Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender, Scores, Settings
from tastemaker.models.fusion import Fusion
from tastemaker.models.item_facts import ItemFacts, Values
from tastemaker.models.ranker_choice import PLAIN, Choice, Sample, learn
from tastemaker.models.rankers import BOOSTED, LINEAR, RANKERS, Ranker, installed, lightgbm, unpacked
from tastemaker.models.ranking_features import Asked, Feature, Features, Shortlist, describe, features_of

_MOST_QUERIES: Final = 10_000
_MOST_VALUES: Final = 40_000_000
_SCORES_AT_ONCE: Final = 2_000_000

Mask = NDArray[np.bool_]


class _Answer(NamedTuple):
    """What came of some queries.

    Attributes:
        fused: Scores of the fusion, float32 ``[q, n]``.
        scores: Scores in the new order, float32 ``[q, n]``.
        shortlist: The first items.
        features: What describes them, float32 ``[m, f]``.
        unit: What a point of the ranker is worth, float64 ``[q]``.
    """

    fused: Scores
    scores: Scores
    shortlist: Shortlist
    features: Features
    unit: Values


class LearnedFusion(Fusion):
    """Ranks the first items of a `Fusion` anew by features of query and item; what comes after them stays as it is.

    The first items are the ``depth`` with the highest fused scores among those that may be recommended: allowed, and
    not in the history. They are put in order by ``strength * log(fused score) + correction``. The correction is learnt
    (`tastemaker.models.rankers`) from what `tastemaker.models.ranking_features` says of them: the scores and ranks of
    each source, popularity and recency before the day of the question, age, and how far price, brand and categories
    are those of the latest item.

    The first of them then scores what the first scored before, the last what the last did, and the others lie between
    in proportion; the scores of all other items stay, except that items of the history keep their places among the
    first ones. Whoever has no known history gets the order of the fusion.

    The ranker is learnt from the first items of at most 10,000 validation queries with a history, drawn by people;
    fewer where there are many features, so that they take 160 MB at most (see `tastemaker.models.ranker_choice.learn`).

    Args:
        sources: The recommenders, by name, those without weight included: the ranker looks at the scores of all.
        weights: As in `Fusion`.
        normalise: As in `Fusion`.
        ranker: ``plain`` (none), ``linear``, or ``boosted``, which needs the extra ``boost``; ``None`` chooses on
            validation among those that are installed. Without validation queries it is plain.
        depth: How many items are ranked anew.

    Attributes:
        ranker_: The ranker in use; ``None`` for the plain order.
        values_: Name of a ranker -> NDCG@10 of people whom it was not learnt from; empty where nothing was compared.
    """

    name: ClassVar[str] = "learned-fusion"

    ranker_: Ranker | None
    values_: dict[str, float]
    _facts: ItemFacts | None

    def __init__(
        self,
        sources: Mapping[str, DenseRecommender],
        *,
        weights: Mapping[str, float] | None = None,
        normalise: bool | None = None,
        ranker: str | None = None,
        depth: int = 200,
    ) -> None:
        super().__init__(sources, weights=weights, normalise=normalise)
        self.ranker = ranker
        self.depth = depth
        self._kept: Choice | None = None
        self._known_answer: tuple[Query, _Answer] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the sources can do together; a ranker reads the moment of the question, too."""
        capabilities = super().capabilities
        if getattr(self, "ranker_", None) is None:
            return capabilities
        return replace(capabilities, reads=capabilities.reads | {"history", "context"})

    def _heard(self) -> list[str]:
        """Return the names of the sources that matter: a ranker looks at those without weight, too."""
        return super()._heard() if getattr(self, "ranker_", None) is None else list(self.sources)

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        return {**super().settings(), "ranker": self.ranker, "depth": self.depth}

    def with_choices_fixed(self, sources: Mapping[str, DenseRecommender]) -> Self:
        """Return an unfitted fusion of other models under the same names, with what was chosen and learnt here fixed.

        Fitted without validation queries it takes over the ranker.
        """
        kind = self.settings_["ranker"]
        copy = type(self)(sources, weights=self.weights_, normalise=self.normalise_, ranker=kind, depth=self.depth)
        copy._kept = Choice(self.ranker_, self.values_)
        return copy

    # -- learning ----------------------------------------------------------------------------------------------

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit the fusion (see `Fusion.fit`), then learn a ranker on ``valid``.

        Raises:
            DataError: No source could be fitted.
            MissingExtraError: Boosted trees were asked for, and LightGBM is not installed.
            ModelError: The weights name no source, there is no such ranker, or one that was taken over lacks a source.
        """
        run = run or Run()
        kinds = self._kinds()
        self._known_answer = None
        super().fit(train, valid, run=run)
        try:
            choice, facts = self._learnt(train, valid, kinds, run)
        except BaseException:
            del self.items_  # half a fit is none
            raise
        self.ranker_, self.values_ = choice.ranker, choice.values
        self._facts = None if choice.ranker is None else facts
        self.settings_tried_ += 0 if choice is self._kept else len(choice.values)
        self.settings_ |= {"ranker": self._kind, "depth": self.depth, "values": choice.values}
        return self

    @property
    def _kind(self) -> str:
        return PLAIN if self.ranker_ is None else self.ranker_.kind

    def _kinds(self) -> tuple[str, ...]:
        """Return the rankers to choose from."""
        if self.ranker is None:
            return (PLAIN, LINEAR, BOOSTED) if installed() else (PLAIN, LINEAR)
        if self.ranker not in (PLAIN, *RANKERS):
            raise ModelError(f"there is no ranker '{self.ranker}'", remedy=nearest(self.ranker, (PLAIN, *RANKERS)))
        if self.ranker == BOOSTED:
            lightgbm()
        return (self.ranker,)

    def _learnt(
        self, train: Dataset, valid: HeldOut | None, kinds: tuple[str, ...], run: Run
    ) -> tuple[Choice, ItemFacts | None]:
        if valid is None or not len(valid):
            if self._kept is not None and self._kept.ranker is not None and self.left_out_:
                raise ModelError(
                    f"the ranker looks at sources that cannot be fitted here: {', '.join(self.left_out_)}",
                    remedy="Learn it anew, with validation queries.",
                )
            return self._kept or Choice(None, {}), ItemFacts.of(train)
        told = valid[np.flatnonzero(valid.queries.lengths() > 0)]
        if kinds == (PLAIN,) or not len(told):
            return Choice(None, {}), None
        facts, features = ItemFacts.of(train), features_of(list(self.sources))
        most = min(_MOST_QUERIES, _MOST_VALUES // (self.depth * len(features)))
        held = told.sample(most, run.rng("ranker queries"))
        columns = self.items_.index(held.queries.dictionary)
        with run.track("Listing what to rank", len(held)) as advance:
            sample = Sample.of(held, columns, self._described(held.queries, facts, advance))
        return self._chosen(kinds, sample, features, run), facts

    def _chosen(self, kinds: tuple[str, ...], sample: Sample, features: Sequence[Feature], run: Run) -> Choice:
        """Learn rankers of some kinds, and return the best."""
        return learn(kinds, sample, features, run)

    def _described(
        self, queries: QueryBatch, facts: ItemFacts, advance: Advance
    ) -> Iterator[tuple[Shortlist, Features]]:
        size = max(1, _SCORES_AT_ONCE // len(self.items_))
        for start in range(0, len(queries), size):
            block = queries[slice(start, min(start + size, len(queries)))]
            shortlist, asked, _ = self._shortlist(block, np.zeros((len(block), len(self.items_)), bool), facts)
            yield shortlist, describe(shortlist, asked, facts)
            advance(len(block))

    # -- answering ---------------------------------------------------------------------------------------------

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        if self.ranker_ is None:
            return super().score(queries)
        return self._answer(queries, np.zeros((len(queries), len(self.items_)), dtype=bool)).scores

    def _open_scores(self, queries: QueryBatch, out: Mask) -> Scores:
        if self.ranker_ is None:
            return super()._open_scores(queries, out)
        scores = self._answer(queries, out).scores
        scores[out] = -np.inf
        return scores

    def _answer(self, queries: QueryBatch, out: Mask) -> _Answer:
        """Rank the first items that are not ``out``, bool ``[q, n]``."""
        assert self.ranker_ is not None
        assert self._facts is not None
        shortlist, asked, fused = self._shortlist(queries, out, self._facts)
        features = describe(shortlist, asked, self._facts)
        found = self.ranker_.strength * shortlist.log_fused + self.ranker_.correction(features)
        raised, unit = _on_the_old_scale(found, shortlist)
        scores = fused.copy()
        scores[shortlist.query, shortlist.items] = raised
        for query, (start, end) in enumerate(pairwise(shortlist.starts)):
            if start < end:
                own = asked.history.items[asked.history.query == query]
                among = own[fused[query, own] > shortlist.fused[end - 1]]
                scores[query, among] = _between(fused[query, among], shortlist.fused[start:end], raised[start:end])
        return _Answer(fused, scores, shortlist, features, unit)

    def _shortlist(self, queries: QueryBatch, out: Mask, facts: ItemFacts) -> tuple[Shortlist, Asked, Scores]:
        """Return the first items of each query that has a history, what the features need of it, and all scores."""
        found = {name: source.score(queries) for name, source in self.sources.items()}
        fused = self._sum(len(queries), found.items())
        asked = Asked.of(queries, self.items_, facts)
        barred = out.copy()
        barred[asked.history.query, asked.history.items] = True
        barred[asked.last < 0] = True
        return Shortlist.of(fused, list(found.values()), barred, self.depth), asked, fused

    def _parts(self, query: Query, item: int) -> Contributions:
        fusion = super()._parts(query, item)
        if self.ranker_ is None:
            return fusion
        answer = self._answer_of(query)
        score, shortlist = float(answer.scores[0, item]), answer.shortlist
        place = np.flatnonzero(shortlist.items == item)
        if not len(place):
            moved = score - float(answer.fused[0, item])
            if not moved:
                return fusion
            kept = Contribution("feature", f"place among the first {self.depth}", moved)
            return Contributions(fusion.item_id, fusion.score + moved, (*fusion.parts, kept))
        unit = float(answer.unit[0])
        worth = unit * self.ranker_.strength * float(shortlist.log_fused[place[0]])
        share = worth / fusion.score if worth and fusion.score else 0.0
        parts = [Contribution(part.kind, part.name, share * part.amount, part.source) for part in fusion.parts]
        amounts = unit * self.ranker_.contributions(answer.features[place[:1]])[:-1]
        for feature, amount in zip(features_of(list(self.sources)), amounts.tolist(), strict=True):
            if amount:
                parts.append(Contribution(feature.kind, feature.key, amount, feature.source))
        rest = score - sum(part.amount for part in parts)
        parts.append(Contribution("feature", f"among the first {self.depth}", rest))
        return Contributions(fusion.item_id, score, tuple(parts), additive=self.ranker_.kind == LINEAR)

    def _answer_of(self, query: Query) -> _Answer:
        """Return the answer to one query; kept for the next item of the same query."""
        known = self._known_answer
        if known is not None and known[0] is query:
            return known[1]
        out = np.zeros((1, len(self.items_)), dtype=bool)
        if query.candidates is not None:
            out |= ~self._mask(query.candidates)
        answer = self._answer(QueryBatch.of([query]), out)
        self._known_answer = (query, answer)
        return answer

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self._known_answer = None
        super()._grow(catalogue, new)
        if self._facts is not None:
            self._facts = self._facts.grown(catalogue, self.items_.ids[-new:])

    def _absorb(self, dataset: Dataset) -> None:
        self._known_answer = None
        super()._absorb(dataset)
        if self._facts is not None:
            self._facts = self._facts.with_events(dataset, self.items_.index(dataset.items.ids))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        fitted |= {"values": self.values_, "ranker": None}
        if self.ranker_ is not None and self._facts is not None:
            packed, own, _ = self.ranker_.pack()
            facts, others = self._facts.pack()
            names = [feature.key for feature in features_of(list(self.sources))]
            fitted |= {"ranker": packed, "facts": facts, "features": names}
            tensors |= own | others
        return fitted, tensors

    def _texts(self) -> dict[str, str]:
        return {} if self.ranker_ is None else self.ranker_.pack()[2]

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        super()._read(folder, stored)
        self.values_, self.ranker_, self._facts = dict(stored.fitted["values"]), None, None
        if stored.fitted["ranker"] is None:
            return
        if stored.fitted["features"] != [feature.key for feature in features_of(list(self.sources))]:
            raise ModelFormatError(
                "the ranker was learnt from other features than this Tastemaker knows",
                where=str(folder),
                remedy="Train it again with this version, or install the version that wrote it.",
            )
        self.ranker_ = unpacked(stored.fitted["ranker"], stored.tensors, stored.texts)
        self._facts = ItemFacts.unpack(stored.fitted["facts"], stored.tensors)


def _on_the_old_scale(found: Values, shortlist: Shortlist) -> tuple[Values, Values]:
    """Return new scores of a shortlist, float64 ``[m]``, and what a point of them was worth, float64 ``[q]``.

    The best and the worst of each query score what the best and the worst fused score were; where those are the same
    the worst does, and a point is a point.
    """
    some = np.diff(shortlist.starts) > 0
    begins, ends = shortlist.starts[:-1][some], shortlist.starts[1:][some]
    low, high, worst, best = np.zeros((4, len(some)))
    if some.any():
        low[some], high[some] = np.minimum.reduceat(found, begins), np.maximum.reduceat(found, begins)
        worst[some], best[some] = shortlist.fused[ends - 1], shortlist.fused[begins]
    wide = (high > low) & (best > worst)
    unit = np.where(wide, (best - worst) / np.where(wide, high - low, 1), 1)
    query = shortlist.query
    return worst[query] + unit[query] * (found - low[query]), unit


def _between(scores: Scores, fused: Scores, raised: Values) -> Values:
    """Return what items with some fused scores get that keep their places among those of a shortlist.

    Above the best of the shortlist their scores stand.
    """
    among = np.interp(scores, fused[::-1], np.sort(raised))
    return np.where(scores > fused[0], np.maximum(scores, raised.max()), among)
