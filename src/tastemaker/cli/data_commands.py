"""`tastemaker data list | show | get`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.data import Dataset
    from tastemaker.data.sources import Source

app = typer.Typer(no_args_is_help=True, help="Data sets: which there are, what is in them, where they come from.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of `data list`, or a folder.")]


def whereabouts(source: Source, data: Path | None = None) -> Path | None:
    """Return where the files of a source lie on this machine, as far as can be told without reading them."""
    from tastemaker.data.assets import cache_folder
    from tastemaker.data.sources import local_folder

    if source.packaged is not None:
        return source.packaged
    folder = local_folder(source, data)
    if folder is not None:
        return folder if folder.is_dir() else None
    kept = cache_folder() / "assets" / source.name
    layouts = [path for path in kept.glob("[!.]*") if path.is_dir() and path.name != "downloads"]
    return layouts[0] if layouts else None


@app.command("list")
def list_sources(as_json: options.Json = False) -> None:
    """List the data sets that have a name."""
    from tastemaker.data.sources import SOURCES

    out = Output(as_json=as_json)
    rows: list[dict[str, Any]] = [
        {
            "name": source.name,
            "title": source.title,
            "licence": source.licence,
            "homepage": source.homepage,
            "bytes": source.size,
            "access": source.access,
            "confirmed": source.confirmed or None,
            "local": None if (place := whereabouts(source)) is None else str(place),
        }
        for source in SOURCES.values()
    ]
    if as_json:
        write_json({"sources": rows})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    for head in ("what", "licence", "download", "here"):
        table.add_column(head)
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f} MB" if row["access"] == "download" else row["access"]
        cells = (row["name"], row["title"], row["licence"], size, "yes" if row["local"] else "no")
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(
        table,
        "opt-in: no checksum is known, so it is fetched only by `data get NAME --accept-unknown`.",
        "A folder with interactions.csv or .parquet is a data set as well: --source ./folder",
    )


@app.command("show")
def show(
    name: Name, data: options.Data = None, as_json: options.Json = False, no_progress: options.NoProgress = False
) -> None:
    """Show counts, ranges, the catalogue's columns and the terms of a data set; fetches it where it is not here."""
    out = Output(as_json=as_json, progress=not no_progress)
    _present(out, _load(out, name, data), name)


@app.command("get")
def get(
    name: Name,
    data: options.Data = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Also write it in Tastemaker's own layout.")
    ] = None,
    accept_unknown: Annotated[
        bool,
        typer.Option(
            "--accept-unknown",
            help="Take what no known checksum verifies as it comes; a later download must be the same.",
        ),
    ] = False,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Fetch a data set, show what came, and write it as a folder if asked to."""
    from tastemaker.cli.workspace import refuse_foreign_folder

    out = Output(as_json=as_json, progress=not no_progress)
    if to is not None:
        refuse_foreign_folder(to, "interactions.parquet")
    dataset = _load(out, name, data, accept_unknown=accept_unknown)
    if to is not None:
        from tastemaker.data import write_folder

        write_folder(dataset, to)
        out.note(f"Wrote {to}")
    _present(out, dataset, name, to)


def _load(out: Output, name: str, data: Path | None, *, accept_unknown: bool = False) -> Dataset:
    from tastemaker.data import load_dataset

    run = out.run()
    with run.track(f"Loading {name}"):
        return load_dataset(name, data, accept_unknown=accept_unknown, run=run, notify=out.note)


def _present(out: Output, dataset: Dataset, name: str, to: Path | None = None) -> None:
    facts = describe(dataset)
    source = _source(name)
    facts["licence"] = None if source is None else source.licence
    facts["caution"] = None if source is None else source.synthetic or None
    facts["homepage"] = None if source is None else source.homepage
    facts["access"] = None if source is None else source.access
    facts["addresses"] = [] if source is None else source.addresses
    facts["checksums"] = {} if source is None else source.digests
    facts["confirmed"] = None if source is None else source.confirmed or None
    if out.as_json:
        write_json(facts | ({} if to is None else {"folder": str(to)}))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _lines(facts):
        table.add_row(Text(label, style="bold"), Text(value))
    out.print(table)


def _source(name: str) -> Source | None:
    from tastemaker.data import SOURCES

    return SOURCES.get(name)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return the sizes and ranges of a data set as JSON values."""
    import numpy as np

    events, catalogue = dataset.interactions.frame, dataset.catalogue.frame
    lengths = np.diff(dataset.sequences.indptr)
    first, last = events["timestamp"].min(), events["timestamp"].max()
    people = len(dataset.sequences.user_ids)
    touched = events["item_id"].n_unique()
    return {
        "name": dataset.name,
        "events": len(dataset.interactions),
        "people": people,
        "items": len(dataset.catalogue),
        "items_with_events": touched,
        "density": len(dataset.interactions) / (people * touched),
        "events_per_person": {
            "fewest": int(lengths.min()),
            "median": float(np.median(lengths)),
            "most": int(lengths.max()),
        },
        "first_event": None if first is None else str(first),
        "last_event": None if last is None else str(last),
        "kinds_of_event": {str(kind): int(count) for kind, count in events["event"].value_counts(sort=True).rows()},
        "weights": [_number(events["weight"].min()), _number(events["weight"].max())],
        "rejected_rows": dataset.interactions.rejected.height,
        "catalogue": {
            column: round(1 - catalogue[column].null_count() / max(catalogue.height, 1), 4)
            for column in catalogue.columns
        },
        "fingerprint": dataset.fingerprint,
    }


def _number(value: Any) -> float:
    return float(value)


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    lengths = facts["events_per_person"]
    low, high = facts["weights"]
    lines = [
        ("name", facts["name"]),
        ("events", f"{facts['events']:,}"),
        ("people", f"{facts['people']:,}"),
        ("items", f"{facts['items']:,}, of which {facts['items_with_events']:,} have events"),
        ("events a person", f"{lengths['fewest']:,} to {lengths['most']:,}, median {lengths['median']:g}"),
        ("density", f"{facts['density']:.3%} of the pairs"),
        ("times", f"{facts['first_event']} to {facts['last_event']}" if facts["first_event"] else "none"),
        ("kinds of event", ", ".join(f"{kind} ({count:,})" for kind, count in facts["kinds_of_event"].items())),
        ("weights", f"{low:g} to {high:g}"),
        ("catalogue", ", ".join(f"{column} ({share:.0%})" for column, share in facts["catalogue"].items())),
        ("fingerprint", facts["fingerprint"][:12]),
    ]
    if facts["rejected_rows"]:
        lines.insert(2, ("set aside", f"{facts['rejected_rows']:,} rows without a user, an item or a weight"))
    if facts["licence"]:
        lines += [("terms", facts["licence"]), ("more", facts["homepage"])]
        lines += [("mind", facts["caution"])] if facts["caution"] else []
    if facts["access"] not in (None, "packaged"):
        lines += [("download" if number == 0 else "", place) for number, place in enumerate(facts["addresses"])]
        known = ", ".join(f"{name} {' '.join(kinds)}" for name, kinds in facts["checksums"].items())
        lines += [("checksums", known or "none known"), ("confirmed", facts["confirmed"] or "not yet")]
    return lines
