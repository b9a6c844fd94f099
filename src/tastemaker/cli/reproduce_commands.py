"""`tastemaker reproduce`: a published system's claim tested, its records checked, its report written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.systems.reproduction import Bench, Outcome, System
    from tastemaker.systems.reproduction.experiment import Budget
    from tastemaker.systems.reproduction.experiments import AnyRecord

_IN_A_CLONE: Final = Path("docs/reproductions")
_ELSEWHERE: Final = Path("reproductions")


def reproduce(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A system; without one they are listed.")] = None,
    list_cells: Annotated[bool, typer.Option("--list", help="List its cells, and run nothing.")] = False,
    cell: Annotated[
        list[str] | None, typer.Option("--cell", metavar="CELL", help="Run this cell; again for a second one.")
    ] = None,
    row: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="ROW", help="Run only this row of a cell now; again for a second one."),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", metavar="quick|full", help="Which cells: the quick ones, or all.")
    ] = "quick",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="A folder of data sets, each under the name of its source."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where records and reports lie. [default: docs/reproductions in a clone, else reproductions]",
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", metavar="DIR", help="Where finished rows are kept. [default: the cache]"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run the quick cells anew and compare the numbers with the records.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what is there already.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the report, from the records.")] = False,
    show_leak: Annotated[
        bool,
        typer.Option("--show-leak", help="Show what a leak of the published numbers is worth, if one is known."),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME|DIR", help="With --show-leak: the data to show it on."),
    ] = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Test what a published system claims, beside counting: cell by cell, resumable, with a report.

    Every row is kept as soon as it is finished, so that a run that is broken off goes on where it was. A cell whose
    record was made by the same code from the same data is passed over.
    """
    from tastemaker.systems.reproduction import Bench, find_system
    from tastemaker.systems.reproduction.experiment import BUDGETS

    output = Output(as_json=as_json, progress=not no_progress)
    if budget not in BUDGETS:
        raise typer.BadParameter(f"'{budget}' is neither quick nor full", param_hint="--budget")
    if source is not None and not show_leak:
        raise typer.BadParameter("only a leak is shown on other data: add --show-leak", param_hint="--source")
    if name is None:
        _list_systems(output)
        return
    system = find_system(name)
    folder = out or (_IN_A_CLONE if _IN_A_CLONE.is_dir() else _ELSEWHERE)
    bench = Bench(
        folder,
        data,
        run=output.run(threads=threads),
        again=again,
        rows=frozenset(row) if row else None,
        say=output.note,
        **({} if work is None else {"work": work}),
    )
    wanted: Budget = "full" if budget == "full" else "quick"
    chosen = [each.name for each in system.chosen(cell or (), wanted)]
    if list_cells:
        _list_cells(output, system, bench)
    elif report:
        _write_report(output, system, bench)
    elif check:
        _check(output, system, chosen, bench)
    elif show_leak:
        _show_leak(output, system, bench, wanted, source)
    else:
        _run(output, system, chosen, bench)


def _list_systems(output: Output) -> None:
    from tastemaker.systems.reproduction import find_system, system_names

    systems = [find_system(name) for name in system_names()]
    if output.as_json:
        write_json([{"name": each.name, "title": each.title, "cells": len(each.cells)} for each in systems])
        return
    output.print(*(f"{each.name:20} {each.title} ({len(each.cells)} cells)" for each in systems))


def _list_cells(output: Output, system: System, bench: Bench) -> None:
    from tastemaker.systems.reproduction import read_records

    records = read_records(bench.out, system)
    listed = [
        {
            "cell": cell.name,
            "budget": cell.budget,
            "source": cell.source,
            "about": cell.about,
            "rows": cell.names,
            "recorded": cell.name in records,
            "shows": cell.shows,
        }
        for cell in system.cells
    ]
    if output.as_json:
        write_json(listed)
        return
    for each in listed:
        state = "recorded" if each["recorded"] else "not run yet"
        output.print(f"{each['cell']:22} {each['budget']:6} {each['source']}, {each['about']}: {state}")
        output.print(f"{'':22} {each['shows']}")


def _run(output: Output, system: System, names: list[str], bench: Bench) -> None:
    """Run cells and studies one after the other; the report is written after each."""
    from tastemaker.core.errors import DataError
    from tastemaker.systems.reproduction import run_experiment

    outcomes = []
    for cell in system.chosen(names):
        output.note(f"{system.name}, {cell.name}")
        outcomes.append(run_experiment(system, cell, bench))
        _show(output, system, outcomes[-1])
        if outcomes[-1].status == "measured":
            _write_report(output, system, bench, quiet=True)
    if output.as_json:
        write_json([_as_json(system, outcome) for outcome in outcomes])
    if outcomes and all(outcome.status == "not run" for outcome in outcomes):
        raise DataError(f"no cell could be run: {outcomes[0].reason}", where=outcomes[0].cell)


def _show(output: Output, system: System, outcome: Outcome[AnyRecord]) -> None:
    from tastemaker.evaluation.table import terminal_report
    from tastemaker.systems.reproduction import StudyRecord
    from tastemaker.systems.reproduction.report import verdict_lines
    from tastemaker.systems.reproduction.study_table import study_table

    if outcome.record is None:
        output.print(f"{outcome.cell}: not run: {outcome.reason}")
        return
    if outcome.status == "measured":
        record = outcome.record
        output.print(study_table(record) if isinstance(record, StudyRecord) else terminal_report(record.comparison))
    else:
        output.print(f"{outcome.cell}: up to date")
    (cell,) = system.chosen([outcome.cell])
    output.print(*verdict_lines(cell, outcome.record))
    if outcome.path is not None:
        output.print(f"Wrote {outcome.path}")


def _as_json(system: System, outcome: Outcome[AnyRecord]) -> dict[str, Any]:
    from tastemaker.evaluation.rows import bounds_json

    (cell,) = system.chosen([outcome.cell])
    verdicts = []
    for each in cell.expectations if outcome.record is not None else ():
        assert outcome.record is not None
        verdict = each.verdict(outcome.record)
        ours = None if verdict.ours is None else bounds_json(verdict.ours)
        verdicts.append({"model": each.model, "metric": each.metric, "verdict": verdict.word, "ours": ours})
    return {
        "cell": outcome.cell,
        "status": outcome.status,
        "reason": outcome.reason or None,
        "record": None if outcome.path is None else str(outcome.path),
        "verdicts": verdicts,
    }


def _check(output: Output, system: System, names: list[str], bench: Bench) -> None:
    from tastemaker.core.errors import CheckError
    from tastemaker.systems.reproduction import check_experiment
    from tastemaker.systems.reproduction.publish import outdated

    found = {cell.name: check_experiment(system, cell, bench) for cell in system.chosen(names)}
    if output.as_json:
        write_json([{"cell": name, "differs": wrong, "notes": notes} for name, (wrong, notes) in found.items()])
    for name, (wrong, notes) in found.items():
        output.print(*(f"{name}: {text}" for text in [*wrong, *notes]))
        output.print(f"{name}: {'the numbers differ' if wrong else 'the same numbers'}")
    if failed := [name for name, (wrong, _) in found.items() if wrong]:
        first = found[failed[0]][0]
        raise CheckError(
            f"{len(first)} of the numbers of cell '{failed[0]}' differ from the record: {first[0]}",
            where=str(bench.out / system.name),
            remedy="Other code, other libraries and another processor can each be why; the record names all three.",
        )
    if old := outdated(system, bench.out):
        raise CheckError(
            f"the report is not what the records give: {', '.join(path.name for path in old)}",
            where=str(bench.out),
            remedy=f"Write it anew: tastemaker reproduce {system.name} --report",
        )


def _show_leak(output: Output, system: System, bench: Bench, budget: Budget, source: str | None) -> None:
    from tastemaker.systems.reproduction.leak import write_shown
    from tastemaker.systems.reproduction.leak_run import show_leak
    from tastemaker.systems.reproduction.leak_table import leak_table

    shown = show_leak(system, bench, budget, source)
    assert system.leak is not None
    path = write_shown(shown, bench.out, system.name)
    _write_report(output, system, bench, quiet=True)
    if output.as_json:
        write_json({**shown.to_json(), "says": system.leak.says(shown.by_name()), "record": str(path)})
    output.print(leak_table(system.leak, shown), f"Wrote {path}")


def _write_report(output: Output, system: System, bench: Bench, *, quiet: bool = False) -> None:
    from tastemaker.systems.reproduction import read_records
    from tastemaker.systems.reproduction.publish import write_report

    path = write_report(system, bench.out)
    if not quiet:
        if output.as_json:
            records = read_records(bench.out, system)
            write_json({"report": str(path), "cells": list(records)})
        output.print(f"Wrote {path}")
