"""`tastemaker ask`: an answer from the catalogue, with reasons, by what a language model proposes or by templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.cli.search import WAYS, By, EncoderName
from tastemaker.core.errors import DataError, UnknownUserError

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.generator import Generator
    from tastemaker.core.query import Event
    from tastemaker.data import Dataset
    from tastemaker.pipeline.rag import RagAnswer

NO_GENERATOR = "none"


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What is wanted, in words.")] = "",
    user: options.User = None,
    history: options.History = None,
    dislike: options.Dislike = None,
    generator: options.Generator = None,
    k: options.HowMany = 5,
    where: Annotated[
        str | None, typer.Option("--filter", metavar="CONDITION", help="What every item has to fulfil: see filters.")
    ] = None,
    by: By = "both",
    encoder: EncoderName = None,
    seconds: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="The answer is wanted within so many seconds.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show what was searched, the facts, and what was not shown.")
    ] = False,
    source: options.Source = None,
    data: options.Data = None,
    threads: options.Threads = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Ask for something in your own words; the answer comes from the catalogue alone. Needs no trained model."""
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query, as_events
    from tastemaker.pipeline.explaining import about
    from tastemaker.pipeline.rag import Rag, request_context
    from tastemaker.pipeline.shelf import Shelf

    if by not in WAYS:
        raise typer.BadParameter(f"'{by}' is none of {', '.join(WAYS)}", param_hint="--by")
    if not question.strip() and user is None and not history:
        raise typer.BadParameter("say what is wanted, or name a --user or a --history", param_hint="QUESTION")
    if seconds is not None and seconds <= 0:
        raise typer.BadParameter("it must be more than 0", param_hint="--timeout")
    Query(k=k)
    given = {
        "data.source": source,
        "data.path": None if data is None else str(data),
        "text.encoder": encoder,
        "run.threads": threads,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    model = chosen_generator(work, generator)
    dataset = work.dataset()
    titles = dataset.catalogue.titles
    query = Query(
        user_id=user,
        history=as_events(titles.resolve(entry) for entry in history) if history else _stored(dataset, user),
        disliked=tuple(titles.resolve(entry) for entry in dislike or ()),
        text=question.strip() or None,
        filters=where,
        k=k,
        seed=work.settings.run.seed,
        deadline=None if seconds is None else 1000 * seconds,
    )
    with work.run.limited():
        search = work.text_search(dataset.catalogue, None if by == "words" else work.settings.text.encoder)
        if not any(search.texts):
            raise DataError(
                "the catalogue has no words to search: no title, text, brand or categories",
                remedy="Add items.parquet with one of those columns, or name others in [text] item.",
            )
        rag = Rag(search, lambda item: about(dataset.catalogue, item), model, by=by, seed=query.seed)
        answer = rag(request_context(query, Shelf.of_catalogue(dataset.catalogue)))
    show_rag(work.out, answer, explain=explain)


def chosen_generator(work: Workspace, named: str | None) -> Generator | None:
    """Return the generator that a command line names, or else that of the settings; ``None`` where there is none.

    Raises:
        ConfigError: There is none such.
        MissingExtraError: It needs a library that is not installed.
    """
    if named == NO_GENERATOR or (named is None and work.settings.generator.name is None):
        return None
    if named is None or named == work.settings.generator.name:
        return work.generator()
    from tastemaker.language.generators import ReplyCache, guarded, make_generator

    return guarded(make_generator(named), cache=ReplyCache() if work.settings.generator.cache else None)


def _stored(dataset: Dataset, user: str | None) -> tuple[Event, ...]:
    """Return the events of a person, none where nobody is named."""
    if user is None:
        return ()
    events = dataset.rated_history(user)
    if not events:
        raise UnknownUserError(
            f"there are no events of '{user}' in '{dataset.name}'", remedy="Name somebody else, or give a --history."
        )
    return events


def show_rag(out: Output, answer: RagAnswer, *, explain: bool = False) -> None:
    """Write an answer as a table and what each step took, or as JSON."""
    for note in answer.degraded:
        out.note(f"Less than was asked for: {note}")
    if out.as_json:
        write_json(answer.to_dict())
        return
    if not answer.items:
        out.print(answer.text)
        return
    out.print(_table(("", "title", "why"), ((str(item.rank), item.title, item.reason) for item in answer.items)))
    if explain:
        said = answer.proposal
        out.print("", f"Searched for, by the {said.by}: {'; '.join(said.phrases) or 'the request alone'}")
        for item in answer.items:
            out.print("", f"{item.title}: found by '{item.found_by}', said by the {item.by}")
            out.print(*(f"  fact: {fact}" for fact in item.evidence))
            if item.rejected:
                out.print(f"  not shown: {item.rejected}", *(f"    because {fault}" for fault in item.faults))
    for step in answer.steps:
        tokens = f", {step.usage.prompt_tokens:,} tokens read, {step.usage.reply_tokens:,} written"
        out.note(f"{step.name}: {step.milliseconds:,.0f} ms{tokens if step.usage.prompt_tokens else ''}; {step.note}")


def _table(heads: Any, rows: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, overflow="fold", justify="right" if place == 0 else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
