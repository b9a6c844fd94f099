"""`tastemaker paradigms`: the four ways to use a language model beside counting, on the same short lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.systems.reproduction.experiment import Budget
    from tastemaker.systems.reproduction.study_record import StudyRecord

BUDGETS: Final[dict[str, Budget]] = {"demo": "quick", "full": "full"}
NO_MODEL: Final = "none"


def paradigms(
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="The data: bookshop, movielens-100k, or another source.")
    ] = "bookshop",
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm", metavar="URL", help="A server with OpenAI's interface, such as http://localhost:8080/v1."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--llm-model", metavar="NAME", help="The model of that server to ask.")
    ] = None,
    generator: Annotated[
        str,
        typer.Option("--generator", metavar="NAME", help="What is asked where no server is named; none for no model."),
    ] = "llama",
    budget: Annotated[
        str, typer.Option("--budget", metavar="demo|full", help="50 questions, which rank nothing, or 1,000.")
    ] = "demo",
    row: Annotated[
        list[str] | None, typer.Option("--row", metavar="ROW", help="Run only this row; again for a second one.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="A folder of data sets, each under the name of its source."),
    ] = None,
    work: Annotated[
        Path | None, typer.Option("--work", metavar="DIR", help="Where finished rows are kept. [default: the cache]")
    ] = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compare embeddings, profiles, a model that ranks, and proposals grounded in the catalogue with plain counting.

    All of them order the same candidates, those of one retriever. Rows are kept as they are finished, so that what is
    broken off goes on. Without a model everything else runs, and the rows that need one say what is missing.
    """
    from tastemaker.systems.paradigms import study
    from tastemaker.systems.reproduction.bench import Bench
    from tastemaker.systems.reproduction.study_run import measure_study

    if budget not in BUDGETS:
        raise typer.BadParameter(f"'{budget}' is neither demo nor full", param_hint="--budget")
    if model is not None and llm is None:
        raise typer.BadParameter("it is the model of a server: name that with --llm", param_hint="--llm-model")
    output = Output(as_json=as_json, progress=not no_progress)
    plan = study(source, BUDGETS[budget], _asked(llm, model, generator))
    bench = Bench(
        Path(),
        data,
        run=output.run(threads=threads),
        rows=frozenset(row) if row else None,
        say=output.note,
    )
    bench = bench if work is None else replace(bench, work=work)
    _show(output, measure_study("paradigms", plan, bench))


def _asked(llm: str | None, model: str | None, generator: str) -> Any:
    """Return what names the generator that is asked; ``None`` for none."""
    if llm is not None:
        return {"name": "endpoint", "base_url": llm, "model": model or "default"}
    return None if generator == NO_MODEL else generator


def _show(output: Output, record: StudyRecord) -> None:
    if output.as_json:
        write_json(record.to_json())
        return
    from tastemaker.systems.reproduction.study_table import study_table

    output.print(study_table(record))
    for each in record.rows:
        told = [*each.numbers.items(), *each.costs.items()]
        if told:
            output.print(f"{each.name}: " + ", ".join(f"{value:,.4g} {name}" for name, value in told))
        if each.example:
            output.print(f"    {each.example}")
