"""POD: prompts distilled into learnt vectors, so that a question needs no words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tastemaker.systems.p5 import BESIDE, COLUMNS, MINI, P5, PARTS, QUICK, SMALL, writer
from tastemaker.systems.reproduction import Beats, Cell, System, Trial, settings, shipped

POD: Final[Mapping[str, Any]] = {**P5, "soft_prompts": 3}
"""P5 with three learnt vectors before every prompt of a task; a question is asked by those and the bare ids."""

DIFFERS: Final = (
    *SMALL,
    "There is no teacher in the paper either: what it calls distillation is that words and vectors are learnt "
    "together, and the vectors alone asked with.",
    "The task of explanations is left out.",
)


def rows(**given: Any) -> dict[str, Trial]:
    """Return POD, and what it is without its vectors, without words, and without both."""
    return {
        "pod": writer(POD, **given),
        "p5": writer(P5, **given),
        "pod-bare": writer(POD, prompts="bare", **given),
        "p5-bare": writer(P5, prompts="bare", **given),
        "pod-direct": writer(POD, asks="direct", **given),
        "p5-direct": writer(P5, asks="direct", **given),
    }


ML_100K = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That learnt vectors are put before prompts, in a minute.",
    models={**shipped("popularity", "sequential-rules"), **rows(**QUICK)},
    differs=DIFFERS,
)
BEAUTY = Cell(
    name="beauty",
    setting=settings.BEAUTY,
    shows="What learnt vectors add, with words to be distilled and without.",
    models={**BESIDE, **rows(**MINI)},
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="pod", other="p5", metric="ndcg@10"),
        Beats(model="pod", other="pod-bare", metric="ndcg@10"),
        Beats(model="pod-direct", other="p5-direct", metric="ndcg@10"),
        Beats(model="pod", other="sequential-rules", metric="ndcg@10"),
        Beats(model="pod", other="sasrec-ids", metric="ndcg@10"),
    ],
    differs=DIFFERS,
)

ACCOUNT: Final = (
    "The paper claims that learnt vectors before the ids, into which the words of prompts are distilled, recommend "
    "better than P5. For sequential recommendation on Beauty hr@10 .0696 and ndcg@10 .0471 are published.",
    "In the released code (`lileipisces/POD`) the distillation has no teacher and no KL term: batches are prompts in "
    "words with the vectors before them, and questions have the vectors and the bare ids.",
    "The ids are P5's, in order of first appearance. The code's own logs have hr@1 .0235 and hr@10 .0688 on Beauty: a "
    "third of the hits are in the first place, where about a fifth is usual, as it would be with a model that has "
    "learnt which number comes next.",
)

SYSTEM = System(
    name="pod",
    title="POD: prompt distillation",
    kind="recommender",
    citation="Li et al. (2023), Prompt Distillation for Efficient LLM-based Recommendation, CIKM",
    claim="A few learnt vectors before the ids take over what prompts in words say, and recommend better than P5.",
    must_move="ndcg@10: above P5 with the same network, the interval of the difference excluding zero",
    cells=(ML_100K, BEAUTY),
    account=ACCOUNT,
)
