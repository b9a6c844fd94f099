"""What retrieval by proposals finds, and how much of what a model says stands in its facts; on validation alone.

- recall@20 of the pipeline of proposals alone, on validation queries: proposals of a template, of somebody else's
  history, of the bare titles without any, and with ``--generator`` those of a model; beside popularity and counts;
- with a model also: tokens and seconds of a proposal, how many of its proposals could be searched with, the share of
  its wordings of explanations that pass the checks, and with ``--reviews`` the share of its sentences about reviews
  that the review that they name supports, beside the same sentences held against another review of the item.

``--reviews`` is a file of lines of JSON with ``asin``, ``reviewerID`` and ``reviewText``, gzipped or not. Everything is
counted on all queries: where the model says nothing that can be used, the template's proposals count as its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

import tastemaker as tm
from tastemaker.core.generator import Generator, Usage
from tastemaker.core.query import Event, Query
from tastemaker.core.run import Run
from tastemaker.data import Dataset, make_split
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation import evaluate
from tastemaker.language.asking.explaining import Explainer
from tastemaker.language.asking.faithful import faithfulness
from tastemaker.language.asking.proposing import (
    FromModel,
    OfSomebodyElse,
    Proposal,
    Proposer,
    Taste,
    directly,
    templated,
)
from tastemaker.language.asking.reviews import SUPPORT, Review, Summariser, chance_support, unsupported
from tastemaker.language.generators import ReplyCache, guarded, make_generator
from tastemaker.models import make_model
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.as_recommender import PipelineRecommender
from tastemaker.pipeline.explaining import explained
from tastemaker.pipeline.proposing import Search, proposing, taste_of
from tastemaker.pipeline.rag import request_context
from tastemaker.pipeline.shelf import Shelf
from tastemaker.retrieval import TextSearch

K: Final = 20


class Remembered:
    """Proposes what another proposer does, once for each taste, and keeps count of it."""

    def __init__(self, of: Proposer) -> None:
        self.of = of
        self.kept: dict[Taste, Proposal] = {}
        self.seconds = 0.0

    def __call__(self, taste: Taste, deadline: float | None = None) -> Proposal:
        """Propose for somebody."""
        if taste not in self.kept:
            began = time.perf_counter()
            self.kept[taste] = self.of(taste, deadline)
            self.seconds += time.perf_counter() - began
        return self.kept[taste]

    def line(self) -> str:
        """Say what it took."""
        found, count = list(self.kept.values()), max(len(self.kept), 1)
        usage = sum((one.usage for one in found), Usage())
        spoken = sum(one.by == "model" for one in found)
        return (
            f"proposals: {spoken} of {len(found)} by the model; one reads {usage.prompt_tokens / count:.0f} tokens "
            f"({usage.reused_tokens / count:.0f} known before), writes {usage.reply_tokens / count:.0f}, takes "
            f"{usage.seconds / count:.2f} s and has {sum(len(one.phrases) for one in found) / count:.1f} phrases"
        )


def tastes_of(held: HeldOut, catalogue: tm.Catalogue) -> list[Taste]:
    """Return what is known in words of whoever asks."""
    shelf = Shelf.of_catalogue(catalogue)
    return [taste_of(request_context(query, shelf)) for query in queries_of(held)]


def queries_of(held: HeldOut) -> list[Query]:
    """Return the questions one by one."""
    batch = held.queries
    items, weights = batch.dictionary[batch.codes].tolist(), batch.weights.tolist()
    events = [Event(item, weight=weight) for item, weight in zip(items, weights, strict=True)]
    spans = zip(batch.starts.tolist(), batch.ends.tolist(), strict=True)
    return [Query(history=tuple(events[start:end])) for start, end in spans]


def retrieval(train: Dataset, held: HeldOut, search: Search, generator: Generator | None, run: Run) -> None:
    """Print recall of proposals and of what stands beside them."""
    others = tastes_of(held, train.catalogue)
    proposers: dict[str, Proposer] = {
        "proposals of the template": templated,
        "proposals of the template, somebody else's": OfSomebodyElse(templated, others),
        "titles without proposals": directly,
    }
    if generator is not None:
        model = Remembered(FromModel(generator))
        proposers |= {
            "proposals of the model": model,
            "proposals of the model, somebody else's": OfSomebodyElse(model, others),
        }
    popular = make_model("popularity").fit(train, run=run)
    rows: dict[str, DenseRecommender | PipelineRecommender] = {
        "popularity": popular,
        "counts": make_model("sequential-rules").fit(train, run=run),
    }
    for name, proposer in proposers.items():
        build = proposing(search, proposer)
        rows[name] = PipelineRecommender(popular, build, catalogue=train.catalogue, k=K, name=name)
    for name, row in rows.items():
        found = evaluate(row, held, train=train, ks=(K,), run=run, name=name)
        print(f"  {name:<44} recall@{K} {found.metrics[f'recall@{K}']:.4f}", flush=True)
    if generator is not None:
        print(f"  {model.line()}", flush=True)


def explanations(train: Dataset, held: HeldOut, generator: Generator, count: int, run: Run) -> None:
    """Print the share of the model's wordings that pass the checks."""
    model = make_model("sequential-rules").fit(train, run=run)
    explainer, found = Explainer(generator), []
    for query in queries_of(held)[:count]:
        items = model.recommend(Query(history=query.history, k=1)).items()
        found += explained(model, query, items, train.catalogue, explainer)
    told = faithfulness([(one.check, len(one.facts)) for one in found])
    spoken = sum(one.by == "model" for one in found)
    faults: dict[str, int] = defaultdict(int)
    for one in found:
        for fault in one.faults:
            faults[" ".join(word for word in fault.split("'")[0].split(":")[0].split() if not word[0].isdigit())] += 1
    usage = sum((one.usage for one in found), Usage())
    print(
        f"  explanations: {spoken} of {told.texts} wordings of the model pass, citing {told.cited:.0%} of their facts; "
        f"{usage.reply_tokens / max(len(found), 1):.0f} tokens and {usage.seconds / max(len(found), 1):.2f} s each",
        flush=True,
    )
    for fault, often in sorted(faults.items(), key=lambda one: -one[1]):
        print(f"    {often:3d} {fault}")


def reviews(file: Path, generator: Generator, count: int, seed: int) -> None:
    """Print the share of the model's sentences about reviews that are supported."""
    by_item: dict[str, dict[str, Review]] = defaultdict(dict)
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            text = str(row.get("reviewText") or "")
            if len(text.split()) > 5:
                by_item[row["asin"]].setdefault(text, Review(f"{row['reviewerID']}-{len(by_item[row['asin']])}", text))
    enough = {item: list(kept.values())[:30] for item, kept in sorted(by_item.items()) if len(kept) >= 4}
    chance = chance_support(enough)
    rng = np.random.default_rng(seed)
    drawn = [sorted(enough)[place] for place in rng.permutation(len(enough))[:count]]
    print(
        f"  {len(enough)} items with 4 reviews or more; by chance another review says {chance:.2f} of a sentence (95%)"
    )
    summariser = Summariser(generator)
    kept = told = swapped = by_model = 0
    usage = Usage()
    for item in drawn:
        found = summariser(enough[item])
        usage, by_model = usage + found.usage, by_model + (found.by == "model")
        said = [one for one in found.sentences if found.by == "model"]
        kept, told = kept + len(said), told + len(said) + len(found.rejected)
        for one in said:
            others = [review for review in enough[item] if review.review_id != one.review_id]
            swapped += not unsupported(one.text, others[int(rng.integers(len(others)))])
    print(
        f"  reviews: {kept} of {told} sentences of the model are supported by the review that they name (at least "
        f"{SUPPORT:.2f} of their words); held against another review of the item, {swapped} of these {kept}; "
        f"{by_model} of {len(drawn)} items have such a sentence; {usage.seconds / max(len(drawn), 1):.1f} s an item"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", action="append", help="a data set; again for more (bookshop)")
    parser.add_argument("--encoder", default="tfidf-svd", help="what turns texts into vectors")
    parser.add_argument("--generator", help="the language model, such as llama; none if not given")
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--explanations", type=int, default=50)
    parser.add_argument("--reviews", type=Path, help="reviews of items")
    parser.add_argument("--items", type=int, default=20, help="so many items have their reviews summed up")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    run = Run(seed=told.seed)
    generator = guarded(make_generator(told.generator), cache=ReplyCache()) if told.generator else None
    with run.limited():
        for source in told.source or ["bookshop"]:
            split = make_split(tm.load_dataset(source), "global-time", run=run)
            held = split.valid.sample(told.queries, np.random.default_rng(told.seed))
            print(f"{source}: {len(held)} validation queries, texts as vectors by {told.encoder}", flush=True)
            search = TextSearch.over_catalogue(split.train.catalogue, told.encoder, run=run)
            retrieval(split.train, held, search, generator, run)
            if generator is not None and told.explanations:
                explanations(split.train, held, generator, told.explanations, run)
        if generator is not None and told.reviews is not None:
            reviews(told.reviews, generator, told.items, told.seed)


if __name__ == "__main__":
    main()
