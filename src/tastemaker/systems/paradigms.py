"""The four ways to use a language model beside counting: on the same short lists, with what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tastemaker.core.errors import MissingExtraError
from tastemaker.core.run import Run
from tastemaker.language.asking.proposing import FromModel as ProposedByModel
from tastemaker.language.asking.proposing import Proposer, directly, templated
from tastemaker.language.asking.rankings import Way
from tastemaker.language.encoders import DEFAULT_ENCODER
from tastemaker.language.generators import GeneratorSpec
from tastemaker.models import DenseRecommender
from tastemaker.pipeline.asking import RankByAsking
from tastemaker.pipeline.proposing import Propose
from tastemaker.pipeline.retrievers import FromModel
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.stage import Stage
from tastemaker.retrieval import TextSearch
from tastemaker.systems.reproduction import Beats, System
from tastemaker.systems.reproduction.experiment import Budget
from tastemaker.systems.reproduction.reading import Reading
from tastemaker.systems.reproduction.study import Measure, Study, Subject
from tastemaker.systems.studies import shortlists
from tastemaker.systems.studies.shortlists import Orderer, Shortlists, Shuffled, counted, modelled, ordered, piped

DEPTH: Final = 20
QUESTIONS: Final[Mapping[Budget, int]] = {"quick": 50, "full": 1000}
RETRIEVER: Final = "fusion"
BASELINE: Final = "sequential-rules"

SOURCES: Final[Mapping[str, str]] = {"bookshop": "leave-one-out", "movielens-100k": "global-time"}
"""Data source -> how it is cut, for those that are shown by default; others are cut by time."""

MEASURES: Final = (
    Measure(shortlists.NDCG, "Where the item that the person took next stands among the candidates."),
    Measure(shortlists.FIRST, "Whether it stands first."),
    Measure(shortlists.VALID, "Whether the order has every candidate once and nothing else."),
    Measure(
        shortlists.FLIPS, "Whether another item comes first when candidates are shown in another order.", lower=True
    ),
    Measure(shortlists.MOVED, "The share of pairs that then stand the other way round.", lower=True),
)

LADDER: Final = ("popularity", "sequential-rules", "item-knn", "ease", "ials", "sasrec")

EMBEDDINGS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "embeddings": ("embedding-knn", {}),
    "embeddings-random": ("embedding-knn", {"encoder": "random"}),
    "embeddings-and-counts": ("counts-and-text", {}),
}
TOKENS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "profiles": ("profile-knn", {}),
    "profiles-shuffled": ("profile-knn", {"shuffled": True}),
}
"""Row -> a model and its settings; profiles are those that counting gives, for which no generator is needed."""

WAYS: Final[Mapping[str, tuple[Way, int]]] = {
    "asked-pointwise": ("pointwise", 1),
    "asked-listwise": ("listwise", 1),
    "asked-listwise-3": ("listwise", 3),
    "asked-written": ("written", 1),
}
"""Row -> a way of asking, and in how many orders."""


PROPOSERS: Final[Mapping[str, Proposer]] = {"template": templated, "history": directly}
"""Proposers without a model: the most frequent kinds of the history, and its titles as they are."""


def by_model(name: str, settings: Mapping[str, Any], data: Shortlists, run: Run) -> Reading:
    """Order by a model."""
    return ordered(partial(modelled, name, settings), data, run)


def by_asking(spec: GeneratorSpec | None, way: Way, orders: int, alone: bool, data: Shortlists, run: Run) -> Reading:
    """Order by what a generator says: alone, of shuffled candidates, or within five places of the retriever's order."""
    generator, ledger = counted(_needed(spec))
    weight, reach = (1.0, None) if alone else (0.5, 5)

    def stages(model: DenseRecommender, shelf: Shelf) -> tuple[Stage, ...]:
        ranks = RankByAsking(generator, way, top=DEPTH, weight=weight, reach=reach, orders=orders, needed=True)
        return (FromModel(model), Shuffled(), ranks) if alone else (FromModel(model), ranks)

    def contender(given: Shortlists, run: Run) -> Orderer:
        return piped(stages, given)

    return ordered(contender, data, run, ledger)


def by_proposals(spec: GeneratorSpec | None, proposer: str, data: Shortlists, run: Run) -> Reading:
    """Order by a search for what is proposed in general terms; what it does not find stands behind."""
    ledger, proposes = None, PROPOSERS.get(proposer)
    if proposes is None:
        generator, ledger = counted(_needed(spec))
        proposes = ProposedByModel(generator)
    search = TextSearch.over_catalogue(data.train.catalogue, DEFAULT_ENCODER, run=run)

    def stages(model: DenseRecommender, shelf: Shelf) -> tuple[Stage, ...]:
        return (Propose(search, proposes, n=DEPTH, needed=True),)

    def contender(given: Shortlists, run: Run) -> Orderer:
        found = piped(stages, given)

        def order(query: Any) -> list[str]:
            first = list(found(query))
            return [*first, *(item for item in sorted(query.candidates) if item not in first)]

        return order

    return ordered(contender, data, run, ledger)


def _needed(spec: GeneratorSpec | None) -> GeneratorSpec:
    if spec is None:
        raise MissingExtraError("asking a language model", "local")
    return spec


def rows(spec: GeneratorSpec | None) -> dict[str, Subject[Shortlists]]:
    """Return the ladder, the four paradigms and their controls."""
    found = {name: Subject(partial(by_model, name, {})) for name in LADDER}
    found |= {
        row: Subject(partial(by_model, name, settings)) for row, (name, settings) in {**EMBEDDINGS, **TOKENS}.items()
    }
    found |= {row: Subject(partial(by_asking, spec, way, orders, True)) for row, (way, orders) in WAYS.items()}
    found["asked-within-reach"] = Subject(partial(by_asking, spec, "pointwise", 1, False))
    found |= {
        f"proposed-by-{proposer}": Subject(partial(by_proposals, spec, proposer))
        for proposer in ("model", "template", "history")
    }
    return found


def study(source: str, budget: Budget, spec: GeneratorSpec | None) -> Study[Shortlists]:
    """Return the comparison on one source.

    Args:
        source: Name of a data source.
        budget: ``quick`` asks 50 questions and ranks nothing.
        spec: The generator; without one the rows that need it are not run, and say so.
    """
    count = QUESTIONS[budget]
    return Study(
        name=f"{source}-{count}",
        on=source,
        prepare=partial(shortlists.shortlists, source, SOURCES.get(source, "global-time"), count, DEPTH, RETRIEVER),
        rows=rows(spec),
        measures=MEASURES,
        units="questions",
        drawn="people",
        baseline=BASELINE,
        budget=budget,
        shows="What each way of using a language model gives on the same candidates, and what it takes.",
        expectations=[
            Beats(model="embeddings", other="embeddings-random", metric=shortlists.NDCG),
            Beats(model="embeddings-and-counts", other="sequential-rules", metric=shortlists.NDCG),
            Beats(model="profiles", other="profiles-shuffled", metric=shortlists.NDCG),
            Beats(model="asked-pointwise", other="popularity", metric=shortlists.NDCG),
            Beats(model="asked-pointwise", other="asked-written", metric=shortlists.NDCG),
            Beats(model="asked-listwise-3", other="asked-listwise", metric=shortlists.NDCG),
            Beats(model="asked-within-reach", other="sequential-rules", metric=shortlists.NDCG),
            Beats(model="proposed-by-model", other="proposed-by-template", metric=shortlists.NDCG),
            Beats(model="proposed-by-model", other="proposed-by-history", metric=shortlists.NDCG),
        ],
    )


EMBEDDED: Final = "llama"
"""The generator of the recorded cells: SmolLM2-135M-Instruct in this process."""

SYSTEM = System(
    name="paradigms",
    title="What a language model adds",
    kind="recommender",
    citation="the four paradigms of surveys of the field, such as Wu et al. (2024), A Survey on Large Language Models "
    "for Recommendation, World Wide Web",
    claim="A language model makes recommendations better: by embeddings of its words, by profiles in words, as the one "
    "that ranks, or by proposals that are grounded in a store.",
    must_move="ndcg@10 on one retriever's short lists: above counts, and above the same pipeline without the model, "
    "the intervals of the differences excluding zero",
    cells=(
        study("bookshop", "quick", EMBEDDED),
        study("movielens-100k", "quick", EMBEDDED),
        study("movielens-100k", "full", EMBEDDED),
    ),
)
