"""The metrics that reports know, by name: what each computes and who else computes it so.

Several libraries give one name to different numbers. Here a name stands for one convention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation import metrics
from tastemaker.evaluation.targets import Ranks

Measure = Callable[[Ranks, int, NDArray[np.integer[Any]]], NDArray[np.float64]]


@dataclass(frozen=True)
class Convention:
    """One way to compute a metric.

    Attributes:
        formula: What it computes, in words and symbols.
        others: Who else computes it so by default, or under which option.
        measure: Takes ranks, ``k`` and the lengths of the lists, and returns one value a query; ``None`` for metrics
            of lists.
    """

    formula: str
    others: str
    measure: Measure | None = None


RANKS: Final[Mapping[str, Convention]] = {
    "hr": Convention("1 if a target is among the first k", "everybody", lambda r, k, n: metrics.hit_rate(r, k)),
    "recall": Convention(
        "hits / relevant",
        "trec_eval, RecTools, RePlay, RecBole, Microsoft recommenders, ranx",
        lambda r, k, n: metrics.recall(r, k),
    ),
    "recall_capped": Convention(
        "hits / min(k, relevant)",
        "LensKit where lists are cut, the Mult-VAE protocol, RecTools as Precision(r_precision=True)",
        lambda r, k, n: metrics.recall_capped(r, k),
    ),
    "precision": Convention(
        "hits / k",
        "trec_eval, RecTools, RePlay, RecBole, Microsoft recommenders, LightFM",
        lambda r, k, n: metrics.precision(r, k),
    ),
    "precision_of_list": Convention("hits / min(k, length of the list)", "LensKit", metrics.precision_of_list),
    "r_precision": Convention(
        "hits among the first |relevant| / relevant", "trec_eval", lambda r, k, n: metrics.r_precision(r)
    ),
    "mrr": Convention("1 / rank of the first hit, 0 beyond k", "everybody", lambda r, k, n: metrics.mrr(r, k)),
    "map": Convention(
        "sum of precisions at hits / min(k, relevant)",
        "RePlay, RecBole, implicit, Transformers4Rec",
        lambda r, k, n: metrics.average_precision(r, k),
    ),
    "map_over_relevant": Convention(
        "sum of precisions at hits / relevant",
        "trec_eval, RecTools, ranx",
        lambda r, k, n: metrics.average_precision(r, k, "relevant"),
    ),
    "map_over_k": Convention(
        "sum of precisions at hits / k",
        "RecTools with divide_by_k",
        lambda r, k, n: metrics.average_precision(r, k, "k"),
    ),
    "map_over_list": Convention(
        "sum of precisions at hits / min(relevant, length of the list)",
        "LensKit",
        lambda r, k, n: metrics.average_precision(r, k, "list", n),
    ),
    "ndcg": Convention(
        "1 / log2(rank + 1), ideal over min(k, relevant)",
        "trec_eval, RePlay, RecBole, implicit, ranx, Microsoft recommenders, RecTools with divide_by_achievable",
        lambda r, k, n: metrics.ndcg(r, k),
    ),
    "ndcg_over_k": Convention(
        "1 / log2(rank + 1), ideal over k always", "RecTools by default", lambda r, k, n: metrics.ndcg(r, k, "k")
    ),
    "ndcg_clipped": Convention(
        "1 / log2(max(rank, 2)), ideal over min(k, relevant)",
        "LensKit by default",
        lambda r, k, n: metrics.ndcg(r, k, discount="clipped"),
    ),
}
"""Metrics of the ranks of targets: one value a query, averaged within people and then over them."""

LISTS: Final[Mapping[str, Convention]] = {
    "coverage": Convention(
        "share of the catalogue in at least one list", "RePlay, RecBole, RecTools (CatalogCoverage)"
    ),
    "popularity_lift": Convention(
        "group average popularity of lists over that of histories, minus 1", "Abdollahpouri et al. 2020"
    ),
    "novelty": Convention(
        "mean of -log2(share of people who met the item), within lists", "RecTools (MeanInvUserFreq), Zhou et al. 2010"
    ),
    "gini": Convention("Gini index of how often each item of the catalogue is shown", "RecBole, LensKit"),
    "entropy": Convention(
        "- sum of p ln p over items, p the share of places",
        "RecBole times the number of items shown, Elliot times ln 2",
    ),
    "personalisation": Convention("mean over pairs of lists of 1 - shared items / k", "Zhou et al. 2010"),
    "diversity_categories": Convention("mean Jaccard distance of categories within lists", "Ziegler et al. 2005"),
    "diversity_text": Convention("mean cosine distance of TF-IDF texts within lists", "Ziegler et al. 2005"),
    "serendipity": Convention(
        "hits that are not among the k most popular unseen items, / k",
        "Ge, Delgado-Battenfeld and Jannach 2010, with popularity as the primitive model",
    ),
}
"""Metrics of what is shown, whether it is right or not; serendipity asks for both."""

EVIDENCE: Final[Mapping[str, Convention]] = {
    "recency_bias": Convention(
        "share of the evidence that lies on the latest 3 items of a history / that share if all counted alike",
        "nobody; evidence is what `Recommender.explain` gives, for 100 queries",
    ),
    "evidence_age": Convention(
        "mean age of the evidence: 0 the latest item of a history, 1 the oldest, 0.5 if all counted alike",
        "nobody; evidence is what `Recommender.explain` gives, for 100 queries",
    ),
}
"""Where in the histories the evidence for the lists lies: one value a model, if the model explains itself by items."""

METRICS: Final[Mapping[str, Convention]] = {**RANKS, **LISTS, **EVIDENCE}
"""All of them."""

USUAL: Final = ("hr", "recall", "ndcg", "mrr", "coverage", "popularity_lift", "novelty", "gini", "personalisation")
"""What every report holds."""

SETS: Final = ("precision", "map")
"""What is added where queries have several targets."""
