"""`tastemaker search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.core.errors import DataError

if TYPE_CHECKING:
    from tastemaker.data import Catalogue
    from tastemaker.retrieval import SearchAnswer

WAYS = ("words", "vectors", "both")
_SAID = {"words": "words", "vectors": "meaning"}

By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="WAY",
        help="words: what the texts hold; vectors: what they mean to an encoder; both, joined by their ranks.",
    ),
]
EncoderName = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME", help="What turns texts into vectors: a name of `encoders list`."),
]


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is wanted, in words.")],
    k: options.HowMany = 10,
    by: By = "both",
    encoder: EncoderName = None,
    source: options.Source = None,
    data: options.Data = None,
    threads: options.Threads = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Search the catalogue in your own words; no model is needed. Encodes its texts the first time, and keeps that."""
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query

    if by not in WAYS:
        raise typer.BadParameter(f"'{by}' is none of {', '.join(WAYS)}", param_hint="--by")
    if not text.strip():
        raise typer.BadParameter("there is nothing to search for", param_hint="TEXT")
    if by == "words" and encoder is not None:
        raise typer.BadParameter("words are searched without an encoder", param_hint="--encoder")
    Query(k=k)
    given = {
        "data.source": source,
        "data.path": None if data is None else str(data),
        "text.encoder": encoder,
        "run.threads": threads,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    catalogue = work.dataset().catalogue
    with work.run.limited():
        found = work.text_search(catalogue, None if by == "words" else work.settings.text.encoder)
        if not any(found.texts):
            raise DataError(
                "the catalogue has no words to search: no title, text, brand or categories",
                remedy="Add items.parquet with one of those columns, or name others in [text] item.",
            )
        answer = found.search(text, k, by=by)
    show_found(work.out, answer, catalogue)


def show_found(out: Output, answer: SearchAnswer, catalogue: Catalogue) -> None:
    """Write what was found as a table, or as JSON."""
    for note in answer.degraded:
        out.note(f"Less than was asked for: {note}")
    if out.as_json:
        write_json(answer.to_dict(catalogue.title_and_year))
        return
    if not answer.hits:
        out.print(f'Nothing fits "{answer.text}".')
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("title", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("found by", overflow="fold", style="dim")
    table.add_column("words", overflow="fold", style="dim")
    for hit in answer.hits:
        sources = ", ".join(f"{_SAID[source]} #{rank}" for source, rank in hit.sources.items())
        cells = (str(hit.rank), catalogue.title_and_year(hit.item_id), f"{hit.score:.4f}", sources)
        table.add_row(*map(Text, (*cells, ", ".join(hit.words))))
    out.print(table)
