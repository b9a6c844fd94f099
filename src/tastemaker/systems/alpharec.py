"""AlphaRec: whether language representations alone carry collaborative filtering, and as far as another catalogue."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tastemaker.models import AlphaRec, EmbeddingKNN
from tastemaker.systems.reproduction import AtLeast, Beats, Cell, Setting, System, Trial, settings, shipped

COUNTS: Final = ("popularity", "sequential-rules", "item-knn", "ease", "content-knn")
COLUMNS: Final = ("recall@20", "ndcg@20", "hr@10", "ndcg@10")
FEW: Final = "events: 0-4"
PARTS: Final = ("popularity", "events")
MINILM: Final[dict[str, Any]] = {"name": "minilm", "backend": "numpy"}
"""By name, since what is taken otherwise follows what is installed."""

SHUFFLED: Final[dict[str, Any]] = {"name": "shuffled", "of": MINILM}
ELSEWHERE: Final = ("amazon-sports", "amazon-clothing")

PAPER: Final[dict[str, Any]] = {"encoder": MINILM, "age_decay": "uniform"}
"""The paper's histories have no order; its other settings are the defaults."""

TWO_LAYERS: Final[dict[str, Any]] = {"hidden": 192, "batch_size": 16_384, "learning_rate": 4e-3}
SLOWLY: Final[dict[str, Any]] = {"learning_rate": 5e-4, "patience": 20}
"""The paper's steps."""


def alpharec(minutes: float = 60.0, elsewhere: tuple[str, ...] = (), **chosen: Any) -> Trial:
    """Return a row of AlphaRec as in the paper, but for what is chosen otherwise."""
    return Trial(partial(AlphaRec, **{**PAPER, **chosen}), minutes, elsewhere)


def knn(encoder: Any = MINILM, whiten: bool | None = None) -> Trial:
    """Return a row of nearest neighbours by an encoder's vectors."""
    return Trial(partial(EmbeddingKNN, encoder=encoder, whiten=whiten))


ROWS: Final = {
    **shipped(*COUNTS),
    "embedding-knn": knn(),
    "alpharec": alpharec(),
    "alpharec-random": alpharec(encoder="random"),
    "alpharec-shuffled": alpharec(encoder=SHUFFLED),
    "alpharec-tfidf-svd": alpharec(encoder="tfidf-svd"),
    "alpharec-no-graph": alpharec(layers=0),
    "alpharec-two-layers": alpharec(**TWO_LAYERS),
    "alpharec-ageing": alpharec(age_decay=None),
}

CONTROLS: Final = [
    Beats(model="alpharec", other="alpharec-random", metric="recall@20"),
    Beats(model="alpharec", other="alpharec-shuffled", metric="recall@20"),
    Beats(model="alpharec", other="alpharec-random", metric="recall@20", part=FEW),
    Beats(model="alpharec", other="alpharec-shuffled", metric="recall@20", part=FEW),
]
AFTERWARDS: Final = "asked after the first look at the cell beauty; the row itself was planned before"
ABLATIONS: Final = [
    Beats(model="alpharec", other="alpharec-no-graph", metric="recall@20"),
    Beats(model="alpharec", other="alpharec-tfidf-svd", metric="recall@20"),
    Beats(model="alpharec", other="embedding-knn", metric="recall@20"),
    Beats(model="alpharec-ageing", other="alpharec", metric="recall@20", source=AFTERWARDS),
    Beats(model="alpharec-ageing", other="sequential-rules", metric="recall@20", source=AFTERWARDS),
]
LADDER: Final = [
    Beats(model="alpharec", other="item-knn", metric="recall@20"),
    Beats(model="alpharec", other="ease", metric="recall@20"),
    Beats(model="alpharec", other="ease", metric="recall@20", part=FEW),
]

OWN: Final = (
    "The paper draws each person's test events at random and compares with networks on graphs. Here the last event is "
    "the test, all items are ranked, and the rows beside it are counts and neighbours.",
    "The paper's encoders are language models of billions of weights; MiniLM has 22 million.",
    "Negatives are drawn once for a batch and not for each pair; training stops on NDCG@10 of the validation part.",
    "Steps are of .002, and training stops after 5 epochs without a gain; the paper has .0005 and 20, which the row "
    "`alpharec-slowly` of the cell beauty has.",
    "`alpharec-two-layers` takes batches of 16,384 and steps of .004, for each of its steps maps every item.",
    "`alpharec-ageing` is not in the paper: it lets histories age, as neighbours do here. Where AlphaRec is behind "
    "neighbours and that row is not, what it lacks is the order of the history.",
)

QUICK = Cell(
    name="ml-100k",
    setting=settings.ML_100K_TIME,
    budget="quick",
    shows="That everything runs, in a few minutes.",
    models=ROWS,
    columns=("ndcg@10", "hr@10"),
)


def cell(name: str, setting: Setting, shows: str, **more: Trial) -> Cell:
    """Return a cell with the whole table, and more rows."""
    return Cell(
        name=name,
        setting=setting,
        shows=shows,
        models={**ROWS, **more},
        columns=COLUMNS,
        parts=PARTS,
        expectations=[*CONTROLS, *ABLATIONS, *LADDER],
        differs=OWN,
    )


BEAUTY = cell(
    "beauty",
    settings.BEAUTY_20,
    "How far words and the graph come without a vector for any item's id.",
    **{"alpharec-slowly": alpharec(**SLOWLY)},
)
CLOTHING = cell("clothing", settings.CLOTHING_20, "The same where people seldom come back to what others bought.")
ML_1M = cell("ml-1m", settings.ML_1M_20, "The same for films, of which the text says the title and the genres.")

ZERO_SHOT = Cell(
    name="zero-shot",
    setting=settings.BEAUTY_20,
    shows="A map learnt on Sports and Clothing, taken to Beauty with the words and the graph that are there.",
    models={
        **shipped("popularity", "sequential-rules"),
        "embedding-knn": ROWS["embedding-knn"],
        "alpharec": ROWS["alpharec"],
        "zero-shot": alpharec(elsewhere=ELSEWHERE),
        "zero-shot-no-graph": alpharec(elsewhere=ELSEWHERE, layers=0),
        "zero-shot-random": alpharec(elsewhere=ELSEWHERE, encoder="random"),
    },
    columns=COLUMNS,
    parts=PARTS,
    expectations=[
        Beats(model="zero-shot", other="popularity", metric="recall@20"),
        AtLeast(
            model="zero-shot",
            metric="recall@20",
            value=0.0400,
            source="twice what popularity has on this test",
        ),
        Beats(model="zero-shot", other="zero-shot-random", metric="recall@20"),
        Beats(model="zero-shot", other="embedding-knn", metric="recall@20"),
    ],
    differs=(
        *OWN[:3],
        "Negatives for both catalogues are drawn from both together.",
        "As in the paper, the graph of Beauty's training events is used; nothing is learnt from them.",
    ),
)

COLD_ROWS: Final = {
    **shipped("popularity", "sequential-rules", "content-knn", "content-bm25"),
    "minilm": knn(whiten=False),
    "minilm-whitened": knn(whiten=True),
    "tfidf-svd": knn("tfidf-svd", whiten=False),
    "random": knn("random", whiten=False),
    "shuffled": knn(SHUFFLED, whiten=False),
}
COLD = Cell(
    name="beauty-cold",
    setting=settings.BEAUTY_COLD,
    shows="Items that nobody has touched, ranked jointly with all others: which words find them.",
    models=COLD_ROWS,
    columns=("hr@10", "ndcg@10", "hr@5", "ndcg@5"),
    expectations=[
        Beats(model="minilm", other="random", metric="hr@10"),
        Beats(model="minilm", other="shuffled", metric="hr@10"),
        Beats(model="minilm", other="content-knn", metric="hr@10"),
        Beats(model="minilm", other="tfidf-svd", metric="hr@10"),
    ],
)
COLD_ALONE = Cell(
    name="beauty-cold-alone",
    setting=settings.BEAUTY_COLD_ALONE,
    shows="The same items ranked among themselves.",
    models=COLD_ROWS,
    columns=COLD.columns,
    expectations=[
        AtLeast(model="minilm", metric="hr@10", value=0.1, source="the target set before the first run"),
        *COLD.expectations,
    ],
)

SYSTEM = System(
    name="alpharec",
    title="AlphaRec: language representations for collaborative filtering",
    kind="recommender",
    citation="Sheng et al. (2025), Language Representations Can be What Recommenders Need, ICLR",
    claim="A linear map of frozen text vectors, averaged over the graph of who touched what, recommends as well as "
    "vectors learnt for each item do, because the language holds preferences; and the map serves another catalogue.",
    must_move="recall@20: above the same model on random vectors and on shuffled texts, the interval of the "
    "difference excluding zero, over all answers and over those with fewer than five training events; zero-shot, at "
    "least twice that of popularity",
    cells=(QUICK, BEAUTY, CLOTHING, ML_1M, ZERO_SHOT, COLD, COLD_ALONE),
)
