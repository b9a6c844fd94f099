"""OpenP5: how items are spelt decides how well a model writes them."""

from __future__ import annotations

from typing import Any, Final

from tastemaker.systems.p5 import BESIDE, COLUMNS, MINI, P5, PARTS, QUICK, SMALL, writer
from tastemaker.systems.reproduction import Beats, Cell, System, Trial, settings, shipped

INDEXERS: Final = ("random", "sequential", "collaborative", "hybrid", "categories", "semantic", "title", "item-token")
WORDLESS: Final = INDEXERS[:4] + INDEXERS[-1:]

DIFFERS: Final = (
    *SMALL[:1],
    "Sequential numbers are those of the training part alone, by its vocabulary's random order: an item that comes "
    "first in a held-out event has no number that says so.",
    "`categories` is the paper's semantic index, the path of categories; `semantic` here is residual k-means of "
    "MiniLM's vectors, which came later (TIGER).",
    *SMALL[2:],
)


def rows(names: tuple[str, ...] = INDEXERS, **given: Any) -> dict[str, Trial]:
    """Return the same model with items spelt in different ways."""
    return {name: writer({**P5, "tasks": {"sequential": 6.0}}, **{**given, "indexer": name}) for name in names}


ML_100K = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That each spelling is learnt and written, in a minute.",
    models={**shipped("popularity", "sequential-rules"), **rows(WORDLESS, **QUICK)},
    differs=DIFFERS,
)
BEAUTY = Cell(
    name="beauty",
    setting=settings.BEAUTY,
    shows="The order of spellings, once none of them tells what comes next.",
    models={**BESIDE, **rows(**MINI)},
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="collaborative", other="random", metric="ndcg@10"),
        Beats(model="hybrid", other="random", metric="ndcg@10"),
        Beats(model="categories", other="random", metric="ndcg@10"),
        Beats(model="hybrid", other="categories", metric="ndcg@10"),
        Beats(model="sequential", other="random", metric="ndcg@10"),
        Beats(model="hybrid", other="item-token", metric="ndcg@10"),
        Beats(model="hybrid", other="sequential-rules", metric="ndcg@10"),
        Beats(model="hybrid", other="sasrec-ids", metric="ndcg@10"),
    ],
    differs=DIFFERS,
)

ACCOUNT: Final = (
    "The papers claim that the spelling of items decides, and that clusters of items that meet (collaborative, by "
    "spectral clustering) and clusters with a token of each item's own (hybrid, CID+IID) are the best. On Beauty hr@10 "
    ".0701 and ndcg@10 .0400 are printed for collaborative spelling (as cited by a later paper); the logs of "
    "`LLM-RecSys-ID` have .0719 and .0414 for the hybrid, hr@10 .0610 for a token each and .0476 for random numbers.",
    "Sequential numbers were first given over whole sequences, as P5's are, and had the test items' order in them. "
    "OpenP5 repairs that by numbering the items of the training part first; numbers from before the repair are not "
    "comparable.",
)

SYSTEM = System(
    name="openp5",
    title="OpenP5: how items are spelt",
    kind="recommender",
    citation="Hua et al. (2023), How to Index Item IDs for Recommendation Foundation Models, SIGIR-AP; Xu et al. "
    "(2024), OpenP5, SIGIR",
    claim="Random numbers are the worst spelling; numbers in order, clusters of items that meet, and the last with a "
    "token of each item's own are better, in this order.",
    must_move="ndcg@10: collaborative and hybrid spelling above random numbers, the intervals of the differences "
    "excluding zero; sequential numbers no better than random ones once the order of arrival is not in them",
    cells=(ML_100K, BEAUTY),
    account=ACCOUNT,
)
