"""P5: recommendation as language processing, on numbers that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tastemaker.models import Generative
from tastemaker.models.sasrec import SASRec
from tastemaker.systems.reproduction import Beats, Cell, Setting, System, Trial, settings, shipped
from tastemaker.systems.studies import p5, xrec

P5: Final[Mapping[str, Any]] = {
    "indexer": "random",
    "prompts": "p5",
    "tasks": {"sequential": 4.0, "direct": 2.0},
    "id_vectors": "positional",
}
"""Two tasks in many words, ids in two pieces each, whole-word embeddings; each person asks six times an epoch."""

MINI: Final[Mapping[str, Any]] = {
    "indexer": "item-token",
    "dimensions": 64,
    "hidden": 128,
    "blocks": 1,
    "dropout": 0.2,
    "learning_rate": 3e-3,
    "batch_tokens": 8192,
    "epochs": 25,
    "patience": 5,
}
"""A network for cells of many trainings, of a size and rate chosen on validation; each item is a token of its own.

Numbers in two pieces are what a network that starts from nothing hardly learns: see the cell of `openp5`.
"""

QUICK: Final[Mapping[str, Any]] = {"dimensions": 64, "hidden": 64, "blocks": 1, "epochs": 4, "batch_tokens": 2048}
"""A size for cells that take minutes."""

COUNTS: Final = shipped("popularity", "sequential-rules", "counts-and-text")
BESIDE: Final = {**COUNTS, "sasrec-ids": Trial(partial(SASRec, items="ids", time="none"), 90)}
"""What every table of a model that writes has beside it: counts, counts and words, and SASRec at its true strength."""

COLUMNS: Final = ("hr@10", "ndcg@10", "hr@5", "ndcg@5")
PARTS: Final = ("popularity", "history")

SMALL: Final = (
    "The paper fine-tunes T5-small and T5-base, of 60 and 220 million weights, which have read the web. Here the "
    "network has the same shape, 64 dimensions and one block on each side, and has read nothing but the log.",
    "The paper spells items by numbers in the order in which the file names them, held-out ones too, so that the "
    "highest number of a history and one more is often the answer. Here numbers are drawn at random and read as two "
    "pieces each; where nothing else is said an item is one token, which a network that starts from nothing can learn.",
    "Items are written along a trie and nothing else can be written; what was seen is left out, for every row.",
)


def writer(recipe: Mapping[str, Any], minutes: float = 90, **given: Any) -> Trial:
    """Return a trial of a recipe with some settings of its own."""
    return Trial(partial(Generative, **{**recipe, **given}), minutes)


def rows(**given: Any) -> dict[str, Trial]:
    """Return what P5 is made of, each part left out in turn, for both tasks."""
    return {
        "p5": writer(P5, **given),
        "p5-numbers": writer(P5, **{**given, "indexer": "random"}),
        "p5-no-whole-words": writer(P5, id_vectors="none", **given),
        "p5-bare": writer(P5, prompts="bare", **given),
        "p5-legal": writer(P5, over="legal", **given),
        "p5-sequential-alone": writer(P5, tasks={"sequential": 6.0}, **given),
        "p5-direct": writer(P5, asks="direct", **given),
        "p5-direct-no-whole-words": writer(P5, asks="direct", id_vectors="none", **given),
    }


CLAIMS: Final = [
    Beats(model="p5", other="sequential-rules", metric="ndcg@10"),
    Beats(model="p5", other="sasrec-ids", metric="ndcg@10"),
    Beats(model="p5", other="p5-numbers", metric="ndcg@10"),
    Beats(model="p5", other="p5-no-whole-words", metric="ndcg@10"),
    Beats(model="p5", other="p5-bare", metric="ndcg@10"),
    Beats(model="p5", other="p5-sequential-alone", metric="ndcg@10"),
    Beats(model="p5-direct", other="popularity", metric="ndcg@10"),
    Beats(model="p5-legal", other="p5", metric="ndcg@10", source="MSL (Wang et al., 2025), of its loss"),
]


def cell(name: str, setting: Setting, shows: str) -> Cell:
    """Return a cell with the whole table."""
    return Cell(
        name=name,
        setting=setting,
        shows=shows,
        models={**BESIDE, **rows(**MINI)},
        columns=COLUMNS,
        parts=PARTS,
        expectations=CLAIMS,
        differs=SMALL,
    )


ML_100K = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That prompts are learnt from and answered, in a minute; four epochs are too few to rank by.",
    models={**shipped("popularity", "sequential-rules"), **rows(**QUICK)},
    differs=SMALL,
)
BEAUTY = cell(
    "beauty", settings.BEAUTY, "What each part of P5 is worth where most papers quote .0664 and .0429 for it."
)

ACCOUNT: Final = (
    "The paper claims that one model, learnt from prompts of five families of tasks, matches or beats models made for "
    "each. For sequential recommendation on Beauty hr@10 .0664 and ndcg@10 .0429 are published.",
    "The ids behind these numbers are given in the order in which the sequences first name the items, held-out ones "
    "included: the next item is often the next number, and a model that reads digits can learn that. With corrected "
    "ids the paper of TIGER prints .0254 and .0136 (as cited), and the logs of `LLM-RecSys-ID` have hr@10 .0476 for "
    "random ids. Here no id tells when its item came, so that no cell aims at .0664.",
)

SYSTEM = System(
    name="p5",
    title="P5: recommendation as language processing",
    kind="recommender",
    citation="Geng et al. (2022), Recommendation as Language Processing, RecSys",
    claim="One language model that learns several tasks from prompts recommends better than models made for each, and "
    "whole-word embeddings tell it which pieces are one id.",
    must_move="ndcg@10: above SASRec, and with whole-word embeddings above the same model without them, the intervals "
    "of the differences excluding zero",
    cells=(ML_100K, BEAUTY, *p5.STUDIES, *xrec.STUDIES),
    account=ACCOUNT,
)
