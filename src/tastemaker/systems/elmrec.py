"""ELMRec without its leak: vectors of people and items from the graph of who touched what, added to what is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tastemaker.models.reranked import Reranked
from tastemaker.systems.demonstrations import graph_leak
from tastemaker.systems.p5 import BESIDE, COLUMNS, MINI, PARTS, QUICK, SMALL, writer
from tastemaker.systems.pod import POD
from tastemaker.systems.reproduction import Beats, Cell, Leak, Setting, System, Trial, settings, shipped

GRAPH: Final[Mapping[str, Any]] = {"kind": "propagated", "mode": "linear", "layers": 4, "alpha": 1.0}
"""Random features spread four steps along the graph of the training events, and trained through it."""

ELMREC: Final[Mapping[str, Any]] = {**POD, "id_vectors": {"sequential": "positional", "direct": GRAPH}}
"""POD, whose direct task reads vectors of the graph; the sequential one keeps places, as in the released code."""

WITHOUT_WORDS: Final[Mapping[str, Any]] = {**MINI, "prompts": "bare"}
"""The network of the cells; prompts in words, for which it has no use, cost twice the time and are P5's to test."""

MEASURED: Final[Mapping[str, Any]] = {**ELMREC, **WITHOUT_WORDS}
RECENCY: Final[Mapping[str, Any]] = {"name": "recency"}
SEEDS: Final = (0, 1, 2)
DIRECT_ALONE: Final[Mapping[str, Any]] = {**WITHOUT_WORDS, "asks": "direct", "tasks": {"direct": 4.0}, "patience": 10}
"""For cells of many vectors: sequential questions cost about four times as much each.

Without them validation stands still at what is popular for some epochs, before people are told apart; so more patience.
"""
FEWER_PEOPLE: Final[Mapping[str, Any]] = {**DIRECT_ALONE, "epochs": 75, "patience": 30}
"""The same where an epoch has a fifth of the steps."""

DIRECT: Final = ("hr@10", "ndcg@10", "hr@5", "ndcg@5", "hr@1")

DIFFERS: Final = (
    *SMALL[:2],
    "The graph has the training events alone, which is checked; the released one is made of a random part of all "
    "reviews, the answers of the test among them.",
    "Vectors of ids are scaled to those of the tokens, so that alpha and sigma are one number, and the row of no id is "
    "zero; in the released code it is random, trained, and added to every token that is no id.",
    "The task of explanations is left out. Questions are put by learnt vectors and bare ids, in training as in the "
    "test, and name no candidates.",
    "Of each row of the propagation the mode `linear` keeps the 32 largest entries, which hold 96 % of what it has "
    "beside the own one, by squares: a step then need not go through the whole graph.",
    *SMALL[2:],
)


def elmrec(vectors: Any = None, **given: Any) -> Trial:
    """Return ELMRec, or with the same vectors of ids in both tasks."""
    return writer(ELMREC if vectors is None else {**POD, "id_vectors": vectors}, **given)


def rows(**given: Any) -> dict[str, Trial]:
    """Return what the claim is about, for both tasks: no vectors, those of places, those of the graph."""
    kinds = {"none": "none", "places": "positional", "graph": GRAPH}
    sequential = {f"sequential-{name}": elmrec(kind, **given) for name, kind in kinds.items()}
    return {**sequential, **{f"direct-{name}": elmrec(kind, asks="direct", **given) for name, kind in kinds.items()}}


def reranked(model: str, stage: Mapping[str, Any] = RECENCY, **given: Any) -> Trial:
    """Return a model, by its name and settings, behind a reranking stage."""
    return Trial(partial(Reranked, model={"name": model, **given}, stages=(stage,)), 90)


def with_recency(name: str, model: str, **given: Any) -> dict[str, Trial]:
    """Return a model's row reranked towards the latest events, and the same with all events alike."""
    return {
        f"{name}-recency": reranked(model, **given),
        f"{name}-likeness": reranked(model, {**RECENCY, "decay": 1.0}, **given),
    }


CLAIMS: Final = [
    Beats(model="direct-graph", other="direct-places", metric="ndcg@10"),
    Beats(model="direct-graph", other="direct-none", metric="ndcg@10"),
    Beats(model="direct-graph", other="sequential-rules", metric="ndcg@10"),
    Beats(model="sequential-graph", other="sequential-places", metric="ndcg@10"),
    Beats(model="sequential-places", other="sequential-none", metric="ndcg@10"),
    Beats(model="sequential-graph", other="sequential-rules", metric="ndcg@10"),
    Beats(model="sequential-graph", other="sasrec-ids", metric="ndcg@10"),
]


def cell(name: str, setting: Setting, shows: str, seeds: tuple[int, ...] = SEEDS) -> Cell:
    """Return a cell with the three main rows of both tasks."""
    return Cell(
        name=name,
        setting=setting,
        shows=shows,
        models={**BESIDE, **rows(**WITHOUT_WORDS)},
        seeds=seeds,
        columns=DIRECT if setting.candidates != "all" else COLUMNS,
        parts=PARTS,
        expectations=CLAIMS,
        differs=DIFFERS,
    )


QUICK_CELL: Final = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That the graph's vectors are made, added and trained, in a minute.",
    models={**shipped("popularity", "sequential-rules"), **rows(**QUICK)},
    differs=DIFFERS,
)
BEAUTY: Final = cell("beauty", settings.BEAUTY, "Whether the graph helps, among all items.")
CANDIDATES: Final = cell(
    "beauty-candidates",
    settings.BEAUTY_99,
    "The same models among 99 items that the person never met, as in the paper.",
)
POPULAR: Final = cell(
    "beauty-popular-candidates", settings.BEAUTY_99_POPULAR, "The same among 99 that are drawn by popularity."
)
SPORTS: Final = cell("sports", settings.SPORTS, "The main rows on other data.", seeds=(0,))
VECTORS: Final = Cell(
    name="beauty-vectors",
    setting=settings.BEAUTY,
    shows="Which vectors of ids, frozen and trained, where the direct task is learnt alone; `svd` has the same "
    "neighbourhoods without the noise of a sketch.",
    models={
        **BESIDE,
        **{
            f"direct-{name}{'' if mode == 'frozen' else f'-{mode}'}": elmrec({**kind, "mode": mode}, **DIRECT_ALONE)
            for name, kind, modes in (
                ("per-id", {"kind": "per-id"}, ("frozen", "trained")),
                ("graph", {"kind": "propagated"}, ("frozen", "linear", "trained")),
                ("svd", {"kind": "svd"}, ("frozen", "trained")),
                ("lightgcn", {"kind": "given", "of": "lightgcn"}, ("frozen", "trained")),
                ("text", {"kind": "given", "of": "text"}, ("frozen",)),
            )
            for mode in modes
        },
    },
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="direct-graph-linear", other="direct-per-id-trained", metric="ndcg@10"),
        Beats(model="direct-svd", other="direct-graph", metric="ndcg@10"),
        Beats(model="direct-graph-linear", other="direct-lightgcn", metric="ndcg@10"),
    ],
    differs=DIFFERS,
)
FIFTH: Final = Cell(
    name="beauty-fifth",
    setting=replace(settings.BEAUTY, people=0.2),
    shows="How strong the graph's vectors are and how far they are spread, on a fifth of the people; sigma is part of "
    "alpha here.",
    models={
        **shipped("popularity", "sequential-rules"),
        "direct-none": elmrec("none", **FEWER_PEOPLE),
        **{
            f"direct-alpha-{alpha:g}": elmrec({**GRAPH, "alpha": alpha}, **FEWER_PEOPLE)
            for alpha in (0.25, 1.0, 5.0, 20.0)
        },
        **{f"direct-layers-{layers}": elmrec({**GRAPH, "layers": layers}, **FEWER_PEOPLE) for layers in (1, 2, 8)},
    },
    baseline="direct-none",
    columns=COLUMNS,
    expectations=[
        Beats(model="direct-alpha-5", other="direct-alpha-1", metric="ndcg@10"),
        Beats(model="direct-alpha-1", other="direct-layers-1", metric="ndcg@10"),
    ],
    differs=DIFFERS,
)
RERANKED: Final = Cell(
    name="beauty-reranked",
    setting=settings.BEAUTY,
    shows="What reranking towards recent behaviour adds, behind ELMRec, SASRec and counts.",
    models={
        **shipped("popularity", "sequential-rules"),
        **with_recency("sequential-rules", "sequential-rules"),
        **shipped("item-knn"),
        **with_recency("item-knn", "item-knn"),
        "sasrec-ids": BESIDE["sasrec-ids"],
        **with_recency("sasrec-ids", "sasrec", items="ids", time="none"),
        "elmrec": elmrec(**WITHOUT_WORDS),
        "elmrec-no-soft-prompts": elmrec(**WITHOUT_WORDS, soft_prompts=0),
        **with_recency("elmrec", "generative", **MEASURED),
        "elmrec-item-knn": reranked("generative", {"name": "injection", "model": "item-knn"}, **MEASURED),
        "elmrec-popularity": reranked("generative", {"name": "injection", "model": "popularity"}, **MEASURED),
    },
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="elmrec-recency", other="elmrec", metric="ndcg@10"),
        Beats(model="sasrec-ids-recency", other="sasrec-ids", metric="ndcg@10"),
        Beats(model="sequential-rules-recency", other="sequential-rules", metric="ndcg@10"),
        Beats(model="elmrec-recency", other="elmrec-likeness", metric="ndcg@10"),
    ],
    differs=DIFFERS,
)

GRAPH_LEAK: Final = Leak(
    about=graph_leak.ABOUT,
    quick=replace(settings.BEAUTY_99, source="movielens-100k"),
    full=settings.BEAUTY_99,
    contestants=partial(graph_leak.contestants, recipe={**ELMREC, "asks": "direct"}),
    says=graph_leak.says,
)

ACCOUNT: Final = (
    "The abstract claims +15.9 to +293.7 % in direct and +2.7 to +13.5 % in sequential recommendation over the best "
    "baseline. The full tables could not be obtained, so that no cell here aims at a published number. What follows "
    "was read in the released code (`WangXFng/ELMRec`) and in that of its forerunners P5 and POD.",
    "The model is POD (T5-small, prompts with ids, three tasks, three soft prompts a task) and two additions. A table "
    "of random vectors is averaged along the graph of people and items, by LightGCN's mean over 4 layers, anew at "
    "every step and trained through it, and added to the tokens that spell an id. And more beams are written than "
    "asked for, of which those that name seen items are dropped.",
    "The graph's vectors reach the direct task and the explanations. Sequential prompts have whole-word embeddings by "
    "place, as in P5: there a gain can come from the graph only through the weights that the tasks share.",
    "What is called reranking has no term for recency: the beams keep their order, and seen items are filtered.",
    "The graph is the training part of a random split of the reviews, whatever is held out for the other tasks. That "
    "part has 53.5 % of all interactions on Beauty, 53.1 % on Sports and 48.9 % on Toys, by the batches in POD's logs; "
    "about as many of the pairs of a person and a test item are to be expected among its edges (the file itself could "
    "not be obtained). The README says that this could leak. Vectors that are only spread along such a graph, and "
    "never trained, reach about the published range: see the section on the leak below, measured here.",
    "Ids are numbers by first appearance in the whole sequences, test items among them. The rule `largest number "
    "seen, plus one` alone has hr@1 .044 on Beauty, .041 on Sports and .065 on Toys. Here no id tells when its item "
    "came.",
    "A hit counts once for each beam that spells it; lists that are too short are filled with random items; only the "
    "method's own lists are filtered for seen items, the baselines' numbers being copied from an earlier paper.",
    "alpha and sigma are given for each task and data set, though a run has one alpha for all tasks; how they were "
    "chosen is not said.",
)

SYSTEM = System(
    name="elmrec",
    title="ELMRec without its leak",
    kind="recommender",
    citation="Wang et al. (2024), Enhancing High-order Interaction Awareness in LLM-based Recommender Model, EMNLP",
    claim="Whole-word embeddings that spread random features along the graph of who touched what tell a language model "
    "who is near whom, and it recommends far better, above all where only the person's id is told.",
    must_move="ndcg@10 of the direct task: above the same model with embeddings of places, and above counts, the "
    "intervals of the differences excluding zero",
    cells=(QUICK_CELL, BEAUTY, CANDIDATES, POPULAR, SPORTS, VECTORS, FIFTH, RERANKED),
    leak=GRAPH_LEAK,
    account=ACCOUNT,
)
