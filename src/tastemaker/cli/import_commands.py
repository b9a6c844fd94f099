"""`tastemaker import`: event logs, items, people and facts from files and databases into a data set's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.data.importing import Guess, ImportReport, Query

_MORE = "again for each"


def import_data(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DSN]...",
            help="Event logs: CSV, TSV, JSON Lines (also .gz, .zst), Parquet; or sqlite:///FILE, postgresql://... .",
            show_default=False,
        ),
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the data set goes.")] = Path("data"),
    items: Annotated[list[str] | None, typer.Option("--items", metavar="FILE", help=f"The catalogue; {_MORE}.")] = None,
    users: Annotated[list[str] | None, typer.Option("--users", metavar="FILE", help=f"The people; {_MORE}.")] = None,
    relations: Annotated[
        list[str] | None, typer.Option("--relations", metavar="FILE", help=f"Facts: head, relation, tail; {_MORE}.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="SQL", help="What to ask each database: a SELECT.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OURS=THEIRS", help=f"As in user_id=customer or items.title=label; {_MORE}."),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="KIND", help="What kind all these events are, as in buy; no column is asked."),
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option("--weight", metavar="EVENT=NUMBER", help=f"As in view=0.2; {_MORE}.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="COLUMN", help=f"A column to leave behind; {_MORE}.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", metavar="CHAR", help="Between fields of CSV.")] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether line 1 of CSV names the columns.", show_default=False),
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="utf-8 or latin-1.")] = None,
    time_unit: Annotated[
        str | None, typer.Option("--time-unit", metavar="UNIT", help="Of times: s, ms, us, ns or yyyymmdd.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the data set is called.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Drop what was imported into FOLDER before.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Import events, items, people and facts; bad rows are set aside with their lines, and a report says what came."""
    from tastemaker.cli.settings import load_settings
    from tastemaker.data.importing import Options, import_events
    from tastemaker.evaluation.data_report import PAGE, write_data_report

    out = Output(as_json=as_json, progress=not no_progress)
    settings = load_settings(config).settings.import_
    guesses: list[Guess] = []

    def show_guess(guess: Guess) -> None:
        guesses.append(guess)
        if not as_json:
            _show_guess(out, guess)

    wanted = Options(
        columns=settings.columns | _pairs(column, "--column"),
        event_weights=settings.events | _numbers(_pairs(weight, "--weight")),
        kind=event,
        ignore=tuple(ignore or settings.ignore),
        delimiter=delimiter,
        header=header,
        encoding=encoding,  # type: ignore[arg-type]  # checked by Options
        time_unit=time_unit,  # type: ignore[arg-type]
        strict=strict,
    )
    report = import_events(
        _sources(sources, query),
        to,
        items=_sources(items, query),
        users=_sources(users, query),
        relations=_sources(relations, query),
        options=wanted,
        name=name,
        replace=replace,
        also=lambda report, folder: write_data_report(report, folder / PAGE),
        run=out.run(),
        notify=out.note,
        on_guess=show_guess,
    )
    if as_json:
        guessed = [_guess_json(guess) for guess in guesses]
        facts = {"folder": str(to), "new": report.new, "skipped": report.skipped, "guesses": guessed}
        write_json(facts | report.to_dict())
    else:
        _show_report(out, report, to)


def _guess_json(guess: Guess) -> dict[str, Any]:
    return {
        "file": guess.label,
        "table": guess.table,
        "columns": guess.columns,
        "others": guess.others,
        "time_unit": guess.unit,
        "separator": guess.separator,
        "kind": guess.kind,
    }


def _pairs(given: Sequence[str] | None, flag: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    for ours, mark, theirs in pairs:
        if not (ours.strip() and mark and theirs):
            raise typer.BadParameter(f"'{ours}{mark}{theirs}' is not of the form NAME=VALUE", param_hint=flag)
    return {ours.strip(): theirs for ours, _, theirs in pairs}


def _numbers(pairs: Mapping[str, str]) -> dict[str, float]:
    try:
        return {kind: float(value) for kind, value in pairs.items()}
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--weight") from error


def _sources(given: Sequence[str] | None, query: str | None) -> list[Path | Query]:
    from tastemaker.data.importing import Query

    found: list[Path | Query] = []
    for source in given or ():
        if "://" not in source:
            found.append(Path(source))
        elif query is None:
            raise typer.BadParameter("a database needs a question: --query 'SELECT ...'", param_hint="--query")
        else:
            found.append(Query(source, query))
    return found


def _show_guess(out: Output, guess: Guess) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("column", "taken for", "by", "for example", box=None, pad_edge=False, header_style="bold")
    said = {"timestamp": guess.unit, "categories": guess.separator and f"split at {guess.separator}"}
    for match in guess.matches:
        more = f" ({said[match.ours]})" if said.get(match.ours) else ""
        cells = (match.theirs, match.ours + more, match.why, ", ".join(match.examples))
        table.add_row(*(Text(cell) for cell in cells))
    if guess.kind is not None:
        table.add_row("", "event", "given", Text(guess.kind))
    if guess.others:
        table.add_row(Text(", ".join(guess.others)), Text("(comes along)", style="dim"))
    out.stderr.print(Text(f"{guess.label}, read as {guess.table}", style="bold"), soft_wrap=True)
    out.stderr.print(table)


def _show_report(out: Output, report: ImportReport, to: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    if not report.new:
        out.print(f"Nothing new: all of it is in {to} already, and nothing was changed.")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, value in _lines(report):
        table.add_row(Text(label, style="bold"), Text(value))
    out.print(table)
    for sentence in report.suspicions():
        out.print(Text(f"! {sentence}", style="yellow"))
    out.print(f"Wrote {to}; its report is {to / 'import_report.html'}. Next: {_next(report, to)}")


def _next(report: ImportReport, to: Path) -> str:
    """Return a comparison that these data allow: a split by time needs times, one by order an order."""
    facts = report.profile
    source = str(to) if to.is_absolute() or "/" in str(to) else f"./{to}"
    protocol = (
        "" if facts.has_times else " --protocol random-ratio" if facts.order_lost else " --protocol leave-one-out"
    )
    return f"tastemaker compare --source {source}{protocol}"


def _lines(report: ImportReport) -> list[tuple[str, str]]:
    facts = report.profile
    lengths = facts.events_per_user
    lines = [
        ("rows", f"{report.rows:,}, of which {report.kept:,} were kept{_by_table(report)}"),
        ("events", f"{facts.events:,}: {', '.join(f'{kind} {count:,}' for kind, count in facts.kinds.items())}"),
        ("people", f"{facts.users:,}"),
        ("events a person", f"{lengths['fewest']:,.10g} to {lengths['most']:,.10g}, median {lengths['median']:,.10g}"),
        ("items", f"{facts.items:,}"),
        ("times", f"{facts.first} to {facts.last}" if facts.first else "none"),
        *((("described", _described(report)),) if report.described else ()),
        ("repeats", f"{facts.repeated_pairs:,} events of a pair that occurred before"),
    ]
    if report.skipped:
        lines.insert(0, ("there already", ", ".join(report.skipped)))
    if rejected := report.rejected():
        told = ", ".join(f"{reason} ({count:,})" for reason, count in rejected.items())
        lines.insert(1, ("set aside", f"{told}; see quarantine.jsonl"))
    if unknown := report.unknown_events():
        told = ", ".join(f"{kind} ({count:,})" for kind, count in unknown.items())
        lines.append(("unknown events", f"{told}: each counts 1; --weight says otherwise"))
    if report.replaced:
        told = ", ".join(f"{count:,} rows of {table}" for table, count in report.replaced.items())
        lines.append(("replaced", f"{told} by later ones of the same"))
    notes = _notes(report)
    return lines + ([("notes", notes)] if notes else [])


def _described(report: ImportReport) -> str:
    there = {"items": ("items", report.profile.items), "users": ("people", report.profile.users)}
    parts = [f"{known:,} of {there[table][1]:,} {there[table][0]}" for table, known in report.described.items()]
    return ", ".join(parts)


def _by_table(report: ImportReport) -> str:
    tables = list(dict.fromkeys(file.table for file in report.files))
    if len(tables) == 1:
        return ""
    parts = []
    for table in tables:
        files = [file for file in report.files if file.table == table]
        parts.append(f"{table} {sum(file.kept for file in files):,} of {sum(file.rows for file in files):,}")
    return f": {', '.join(parts)}"


def _notes(report: ImportReport) -> str:
    counts: dict[str, Any] = {}
    for file in report.files:
        for note, count in file.notes.items():
            counts[note] = counts.get(note, 0) + count
    return ", ".join(f"{count:,} {note}" for note, count in counts.items())
