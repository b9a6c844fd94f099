"""The part of `tastemaker demo` that shows what words do: on the bookshop, and on top of the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tastemaker.cli.output import Output
from tastemaker.core.query import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.recommender import Recommender
    from tastemaker.data.split import Split
    from tastemaker.engine import Answer

SHOP: Final = "bookshop"
WANTED: Final = "quiet novels about the sea"
STRANGER: Final = "My grandfather sailed on a whaler"
ASKED: Final = "stories of the sea"
DISLIKED: Final = "Moby-Dick; or, The Whale"
SIMILAR: Final = "Dracula"
_FALLBACK: Final = "tfidf-svd"
_SHOWN: Final = 5


def show_words(work: Workspace) -> None:
    """Search the bookshop, recommend to somebody known by a sentence, respect a dislike, and find similar books."""
    import polars as pl

    from tastemaker.data import load_dataset
    from tastemaker.engine import Engine
    from tastemaker.models import EmbeddingKNN

    out, run = work.out, work.run
    shop = load_dataset(SHOP, run=run, notify=lambda text: None)
    catalogue, encoder = shop.catalogue, _encoder(work)
    out.print(f"{shop.name}: {len(catalogue):,} real books in our own words; its readers are made up.")
    search = work.text_search(catalogue, encoder)
    found = {by: search.search(WANTED, _SHOWN, by=by).hits for by in ("words", "vectors")}
    lists = {by: [catalogue.title_and_year(hit.item_id) for hit in hits] for by, hits in found.items()}
    _side_by_side(out, f'Search for "{WANTED}"', {"by its words": lists["words"], "by its meaning": lists["vectors"]})

    model = EmbeddingKNN(encoder=encoder, whiten=False, age_decay="1/a", interests=1).fit(shop, run=run)
    engine = Engine(model, shop)
    assert shop.users is not None
    known = shop.users.frame.filter(pl.col("text").str.starts_with(STRANGER))
    reader, sentence = known.row(0, named=True)["user_id"], known.row(0, named=True)["text"]
    stranger = engine.recommend(Query(user_id=reader, k=_SHOWN))
    disliked = catalogue.find(DISLIKED)
    plain = engine.recommend(Query(text=ASKED, k=_SHOWN))
    respected = engine.recommend(Query(text=ASKED, disliked=(disliked,), k=_SHOWN))
    similar = engine.recommend(Query(items=(catalogue.find(SIMILAR),), k=_SHOWN))
    _side_by_side(out, f'For {reader}, of whom only a sentence is known: "{sentence}"', {"": _titles(stranger)})
    both = {"nothing else": _titles(plain), f"not {DISLIKED}": _titles(respected)}
    _side_by_side(out, f'For somebody who asks for "{ASKED}" and says', both)
    _side_by_side(out, f"Like {SIMILAR}", {"": _titles(similar)})


def compare_words(work: Workspace, models: Mapping[str, Recommender], split: Split) -> None:
    """Say what words add to the fusion, with intervals; sources that the ladder fitted are not fitted again."""
    from tastemaker.evaluation import compare
    from tastemaker.models import Fusion, FusionWithVectors, make_model
    from tastemaker.models.base import DenseRecommender

    fitted = {name: model for name, model in models.items() if isinstance(model, DenseRecommender)}
    wordless = [name for name in Fusion.usual if name != "content-knn"]
    given = {"embedding-knn": {"encoder": _encoder(work)}}
    rows: dict[str, Recommender] = {
        "without words": Fusion({name: fitted.get(name) or make_model(name) for name in wordless}),
        "with words": models["fusion"],
        "with words and vectors": make_model(FusionWithVectors.name, given, fitted),
    }
    found = compare(rows, split, run=work.run, baseline="without words", examples=0)
    work.out.print("", "What words add to the fusion, ndcg@10:")
    for row in found.rows:
        if row.status != "ok":
            work.out.print(f"  {row.model}: {row.status}, {row.reason}")
            continue
        gain = row.vs_baseline.get("ndcg@10")
        said = "" if gain is None else f", {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] against the first"
        work.out.print(f"  {row.model}: {row.metrics['ndcg@10'].value:.4f}{said}")


def _encoder(work: Workspace) -> str | dict[str, Any]:
    """Return the encoder of the settings, or one that needs no download where that cannot be had."""
    from tastemaker.core.errors import TastemakerError
    from tastemaker.language.encoders import make_encoder

    wanted = work.settings.text.encoder
    try:
        make_encoder(wanted).encode(["a try"])
    except TastemakerError as error:
        work.out.note(f"'{wanted}' cannot be had ({error.message}), so '{_FALLBACK}' stands in for it.")
        return _FALLBACK
    return wanted


def _titles(answer: Answer) -> list[str]:
    return [found.title for found in answer.items]


def _side_by_side(out: Output, title: str, columns: Mapping[str, list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(columns))
    table.add_column("", justify="right")
    for name in columns:
        table.add_column(name, overflow="fold")
    for number, cells in enumerate(zip(*columns.values(), strict=False), start=1):
        table.add_row(str(number), *map(Text, cells))
    out.print("", title, table)
