"""Orders of one retriever's short lists: where each puts what the person took next, and how steady it is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.generator import Generator, Usage
from tastemaker.core.query import Event, Query
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, make_split
from tastemaker.language.generators import GeneratorSpec, make_generator
from tastemaker.language.generators.keeping import Metered
from tastemaker.language.generators.ledger import Ledger
from tastemaker.models import DenseRecommender, make_model
from tastemaker.pipeline.as_recommender import Build, PipelineRecommender
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context
from tastemaker.systems.reproduction.bench import Bench, dataset_of, words_hash
from tastemaker.systems.reproduction.reading import Ground, Reading

NDCG: Final = "ndcg@10"
FIRST: Final = "hr@1"
VALID: Final = "valid"
FLIPS: Final = "flips"
MOVED: Final = "moved"

K: Final = 10
_AGAIN: Final = 200
"""So many questions are put a second time, with the candidates in another order."""


@dataclass(frozen=True)
class Shortlists:
    """Questions with a few candidates each.

    Attributes:
        train: What may be learnt from.
        valid: What choices may be made on.
        queries: Who asks, with the history before the moment; one for each answer.
        answers: What the person took next.
        candidates: What the retriever named, best first.
        retriever: The fitted retriever.
    """

    train: Dataset
    valid: HeldOut
    queries: Sequence[Query]
    answers: Sequence[str]
    candidates: Sequence[tuple[str, ...]]
    retriever: DenseRecommender

    @property
    def recall(self) -> float:
        """The share of questions whose answer is among the candidates: no order can find more."""
        return float(np.mean([answer in among for answer, among in zip(self.answers, self.candidates, strict=True)]))


Orderer: TypeAlias = Callable[[Query], Sequence[str]]
"""Puts the candidates of a query in order, best first."""

Contender: TypeAlias = Callable[[Shortlists, Run], Orderer]
"""Learns what it needs and returns what orders."""


def shortlists(
    source: str, protocol: str, count: int, depth: int, retriever: str, bench: Bench, run: Run
) -> Ground[Shortlists]:
    """Return questions drawn from the test part, each with the first ``depth`` items that a retriever names.

    Args:
        source: Name of a data source.
        protocol: Name of a split.
        count: How many questions, at most.
        depth: Candidates of each.
        retriever: Name of a model; what it leaves open is chosen on validation.
        bench: Where data lie.
        run: Its seed draws the questions.
    """
    dataset = dataset_of(source, bench, run)
    split = make_split(dataset, protocol, run=run)
    model = make_model(retriever).fit(split.train, split.valid, run=run)
    held = split.test
    drawn = run.rng("questions").permutation(len(held.targets))[:count]
    queries = [_query(held, target) for target in drawn.tolist()]
    people = held.users[held.query[drawn]]
    found = model.recommend([replace(query, k=depth) for query in queries])
    lists: list[list[str]] = [[] for _ in queries]
    for query, item in zip(found.query.tolist(), found.item_id.tolist(), strict=True):
        lists[query].append(item)
    kept = Shortlists(
        split.train,
        split.valid,
        queries,
        [str(held.queries.dictionary[target]) for target in held.targets[drawn]],
        [tuple(each) for each in lists],
        model,
    )
    notes = [
        f"The candidates are the first {depth} of {retriever}, which have the answer in {kept.recall:.1%} of the "
        "questions: no row can find more.".replace("%", " %")
    ]
    return Ground(
        holds=kept,
        units=len(queries),
        clusters=np.unique(people, return_inverse=True)[1].astype(np.int64),
        digest=hashlib.sha256(f"{split.hash} {words_hash(dataset)} {kept.candidates}".encode()).hexdigest(),
        data={dataset.name: dataset.fingerprint},
        counts={
            "questions": len(queries),
            "people": len(np.unique(people)),
            "items": len(split.train.items),
            "events to learn from": len(split.train.interactions),
        },
        cut=f"{split.protocol}, split {split.hash}",
        notes=notes,
    )


def _query(held: HeldOut, target: int) -> Query:
    """Return the question of one answer as a query."""
    batch = held.queries[np.array([held.query[target]])]
    _, positions = batch.flatten()
    events = tuple(
        Event(str(batch.dictionary[code]), weight=float(weight))
        for code, weight in zip(batch.codes[positions].tolist(), batch.weights[positions].tolist(), strict=True)
    )
    return Query(user_id=batch.user_ids[0], history=events)


def modelled(name: str, settings: Mapping[str, object], data: Shortlists, run: Run) -> Orderer:
    """Fit a model and order by what it gives the candidates."""
    return by_recommender(make_model(name, {name: settings}).fit(data.train, data.valid, run=run))


def by_recommender(model: Recommender) -> Orderer:
    """Order the candidates as a fitted recommender does when it may name nothing else."""
    return lambda query: [str(item) for item in model.recommend(replace(query, exclude_seen=False)).item_id]


def piped(build: Build, data: Shortlists) -> Orderer:
    """Order the candidates by stages behind the retriever."""
    pipeline = PipelineRecommender(data.retriever, build, catalogue=data.train.catalogue)
    return by_recommender(pipeline)


class Shuffled:
    """Puts candidates in an order drawn by the seed of the request: what stands first then says nothing."""

    name, needed = "shuffled", True

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Return the candidates in another order, with scores that say it."""
        drawn = slate.take(context.rng.permutation(len(slate)))
        return replace(drawn, scores=np.arange(len(slate), 0, -1, dtype=np.float32))


def counted(spec: GeneratorSpec) -> tuple[Generator, Ledger]:
    """Return a generator that counts what it takes.

    Raises:
        ConfigError: There is no such generator.
        MissingExtraError: It needs what is not installed.
    """
    ledger = Ledger()
    return Metered(make_generator(spec), ledger=ledger), ledger


def ordered(contender: Contender, data: Shortlists, run: Run, ledger: Ledger | None = None) -> Reading:
    """Let a contender order all short lists, and some of them a second time with the candidates shuffled anew.

    An order that names what is no candidate, or the same twice, or leaves candidates out, is not valid; what it does
    not name counts as last.
    """
    orderer = contender(data, run)
    spent = Usage() if ledger is None else ledger.usage
    began = time.perf_counter()
    orders = []
    with run.track("ordering", len(data.queries)) as advance:
        for query, among in zip(data.queries, data.candidates, strict=True):
            orders.append(list(orderer(_asking(query, among, run.seed))))
            advance(1)
    seconds = time.perf_counter() - began
    used = Usage() if ledger is None else ledger.usage
    values = {
        NDCG: np.array([_gain(order, answer) for order, answer in zip(orders, data.answers, strict=True)]),
        FIRST: np.array([float(order[:1] == [answer]) for order, answer in zip(orders, data.answers, strict=True)]),
        VALID: np.array(
            [float(sorted(order) == sorted(among)) for order, among in zip(orders, data.candidates, strict=True)]
        ),
    }
    values |= _steadiness(orderer, orders, data, run)
    count = max(len(orders), 1)
    tokens = {
        "tokens read a question": (used.prompt_tokens - spent.prompt_tokens) / count,
        "tokens written a question": (used.reply_tokens - spent.reply_tokens) / count,
    }
    return Reading(
        values=values,
        numbers={} if ledger is None else tokens,
        costs={"seconds a recommendation": seconds / count},
        example=_example(orders[0], data),
    )


def _asking(query: Query, among: Sequence[str], seed: int) -> Query:
    return replace(query, candidates=frozenset(among), k=max(len(among), 1), seed=seed)


def _gain(order: Sequence[str], answer: str) -> float:
    """Return NDCG at `K` of one answer; of what is named twice the first place counts."""
    place = order.index(answer) + 1 if answer in order[:K] else 0
    return float(1 / np.log2(place + 1)) if place else 0.0


def _steadiness(
    orderer: Orderer, orders: Sequence[Sequence[str]], data: Shortlists, run: Run
) -> dict[str, NDArray[np.float64]]:
    """Return whether another first item comes of another order of the candidates, and how far apart both orders are.

    The distance is the share of pairs that stand the other way round (Kendall's).
    """
    flips, moved = np.full((2, len(orders)), np.nan)
    for place in range(min(_AGAIN, len(orders))):
        again = list(orderer(_asking(data.queries[place], data.candidates[place], run.seed + 1)))
        flips[place] = float(again[:1] != list(orders[place][:1]))
        moved[place] = _distance(orders[place], again)
    return {FLIPS: flips, MOVED: moved}


def _distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the share of the pairs that both have which stand the other way round.

    >>> _distance("abc", "acb"), _distance("ab", "ab")
    (0.3333333333333333, 0.0)
    """
    places = {item: place for place, item in enumerate(other)}
    there = np.array([places[item] for item in dict.fromkeys(one) if item in places])
    pairs = np.triu(there[:, None] > there[None, :], 1).sum()
    total = len(there) * (len(there) - 1) / 2
    return float(pairs / total) if total else 0.0


def _example(order: Sequence[str], data: Shortlists) -> str:
    """Return one order of items in titles; of the person nothing is told."""
    titles = [data.train.catalogue.title(item) for item in order[:3]]
    return "first in one list: " + "; ".join(titles)
