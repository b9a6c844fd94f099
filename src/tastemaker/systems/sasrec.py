"""SASRec: the transformer over histories that most papers compare with, at its true strength."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tastemaker.models.sasrec import SASRec
from tastemaker.systems.reproduction import AtLeast, Beats, Cell, Published, Setting, System, Trial, settings, shipped

SEEDS: Final = (0, 1, 2)
COLUMNS: Final = ("ndcg@10", "hr@10", "ndcg@5", "hr@5")
PARTS: Final = ("popularity", "history", "day")
COUNTS: Final = shipped("popularity", "sequential-rules")
PAPER: Final[Mapping[str, Any]] = {"items": "ids", "time": "none"}
"""What the published model reads: no words, no times."""

SMALL: Final[Mapping[str, Any]] = {**PAPER, "dimensions": 32, "max_length": 50, "epochs": 8}

TARGET: Final = "the target set before the first run"
SAMPLED: Final = "SASRec with a sampled softmax on the same files and protocol (eSASRec, 2025, RecSys)"
FULL: Final = "SASRec with the full softmax, leave-one-out (Klenitskiy and Vasilev, 2023, RecSys)"


def sasrec(minutes: float = 90, **given: Any) -> Trial:
    """Return a trial of SASRec with some settings of its own."""
    return Trial(partial(SASRec, **given), minutes)


def on(name: str, setting: Setting, shows: str, least: str, published: str, source: str) -> Cell:
    """Return a cell with three seeds; what is asked, and what was published, as ``"HR@10 NDCG@10"``."""
    metrics = ("hr@10", "ndcg@10")
    return Cell(
        name=name,
        setting=setting,
        shows=shows,
        models={**COUNTS, "sasrec": sasrec(), "sasrec-ids": sasrec(**PAPER)},
        seeds=SEEDS,
        columns=COLUMNS,
        parts=PARTS,
        expectations=[
            *(
                AtLeast(model="sasrec-ids", metric=metric, value=float(value), source=TARGET)
                for metric, value in zip(metrics, least.split(), strict=True)
            ),
            *(
                Published(
                    model="sasrec-ids", metric=metric, value=float(value), tolerance=0.05, relative=True, source=source
                )
                for metric, value in zip(metrics, published.split(), strict=True)
            ),
            Beats(model="sasrec-ids", other="sequential-rules", metric="ndcg@10"),
            Beats(model="sasrec", other="sasrec-ids", metric="ndcg@10"),
        ],
    )


QUICK = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That training, choosing the epoch and answering run, in a minute; eight epochs are too few to rank by.",
    models={**COUNTS, "sasrec": sasrec(**SMALL), "sasrec-bce": sasrec(**SMALL, loss="bce", negatives=1)},
)
BEAUTY = on(
    "beauty",
    settings.BEAUTY,
    "What the model is worth where most papers quote .0605 and .0318 for it.",
    ".082 .045",
    ".0921 .0531",
    SAMPLED,
)
SPORTS = on(
    "sports", settings.SPORTS, "The same with keywords for words and no times.", ".050 .028", ".0569 .0314", SAMPLED
)
ML_1M = on("ml-1m", settings.ML_1M_LAST, "Long histories: films rated in sittings.", ".29 .165", ".3152 .1821", FULL)
CHOICES = Cell(
    name="beauty-choices",
    setting=settings.BEAUTY,
    shows="Which choice matters: the loss, the blocks, what an item's vector is made of, and time.",
    models={
        **COUNTS,
        "sasrec-ids": sasrec(**PAPER),
        "sampled": sasrec(**PAPER, loss="sampled"),
        "gbce": sasrec(**PAPER, loss="gbce", negatives=256),
        "bce": sasrec(**PAPER, loss="bce", negatives=1),
        "ligr": sasrec(**PAPER, layout="ligr"),
        "gaps": sasrec(items="ids", time="gaps"),
        "text": sasrec(items="text", time="none"),
        "both": sasrec(items="both", time="none"),
        "sasrec": sasrec(),
    },
    baseline="sasrec-ids",
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="sasrec-ids", other="bce", metric="ndcg@10"),
        Beats(model="sasrec-ids", other="sampled", metric="ndcg@10"),
        Beats(model="ligr", other="sasrec-ids", metric="ndcg@10"),
        Beats(model="gaps", other="sasrec-ids", metric="ndcg@10"),
        Beats(model="both", other="sasrec-ids", metric="ndcg@10"),
    ],
)

SYSTEM = System(
    name="sasrec",
    title="SASRec: a transformer over histories, and the loss that it lacked",
    kind="recommender",
    citation="Kang and McAuley (2018), Self-Attentive Sequential Recommendation, ICDM; the losses of Klenitskiy and "
    "Vasilev (2023), Petrov and Macdonald (2023), and the blocks of Borisyuk et al. (2025)",
    claim="With a softmax over all items, or many sampled ones, in place of one negative and BCE, the plain model is "
    "half as good again as the figures that papers quote for it.",
    must_move="ndcg@10: above the same model with one negative and BCE, the interval of the difference excluding zero",
    cells=(QUICK, BEAUTY, SPORTS, ML_1M, CHOICES),
)
