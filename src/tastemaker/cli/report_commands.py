"""`tastemaker report`: pages about comparisons that were made before, alone or beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RUN.json",
            help="What `compare --json` or `evaluate --json` wrote, or a JSON file of the report folder.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="Where the page goes.", show_default=False)],
    as_json: options.Json = False,
) -> None:
    """Write the page of one comparison again, or a page that sets several side by side and marks what differs."""
    from tastemaker.evaluation.beside import comparable, differences, metric, warnings
    from tastemaker.evaluation.comparison import read_comparison
    from tastemaker.evaluation.html import html_report
    from tastemaker.evaluation.pages.frame import write_page
    from tastemaker.evaluation.pages.runs import runs_report

    console, files = Output(as_json=as_json), named_files(runs)
    if out.resolve() in {file.resolve() for file in files.values()}:
        raise typer.BadParameter(f"{out} is one of the runs; the page needs a name of its own", param_hint="--out")
    read = {name: read_comparison(file) for name, file in files.items()}
    write_page(html_report(next(iter(read.values()))) if len(read) == 1 else runs_report(read), out)
    if as_json:
        listed = [{"name": name, "file": str(files[name]), "split_hash": read[name].split_hash} for name in read]
        write_json(
            {
                "page": str(out),
                "runs": listed,
                "comparable": comparable(read),
                "metric": metric(read),
                "warnings": warnings(read),
                "differences": differences(read),
            }
        )
        return
    for sentence in warnings(read):
        console.note(sentence)
    console.print(f"Wrote {out}")


def named_files(words: list[str]) -> dict[str, Path]:
    """Return the files of a command line by their names: the given one, else the file's, else its path.

    >>> list(named_files(["old=a/run.json", "b/run.json"]))
    ['old', 'run']
    >>> list(named_files(["a/run.json", "b/run.json"]))
    ['a/run.json', 'b/run.json']
    """
    pairs: list[tuple[str, Path]] = []
    for word in words:
        name, sign, file = word.partition("=")
        given = bool(sign and name) and not Path(word).exists()
        pairs.append((name, Path(file)) if given else ("", Path(word)))
    stems = [name or path.stem for name, path in pairs]
    found: dict[str, Path] = {}
    for stem, (name, path) in zip(stems, pairs, strict=True):
        called = name or (stem if stems.count(stem) == 1 else str(path))
        if called in found:
            raise typer.BadParameter(f"two runs are called '{called}'", param_hint="[NAME=]RUN.json")
        found[called] = path
    return found
