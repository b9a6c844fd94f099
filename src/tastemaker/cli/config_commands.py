"""`tastemaker init` and `tastemaker config show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

app = typer.Typer(no_args_is_help=True, help="What the settings are.")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.", show_default=False)] = Path("."),
    source: options.Source = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a tastemaker.toml in which every setting is explained."""
    from tastemaker.cli.settings import FILE_NAME, template
    from tastemaker.core.errors import ConfigError
    from tastemaker.core.files import atomic_file

    out = Output(as_json=as_json)
    target = folder / FILE_NAME
    if target.exists() and not force:
        raise ConfigError("the file is there already", where=str(target), remedy="Use --force to replace it.")
    chosen = _seen_from(folder, source) if source else "movielens-100k"
    with atomic_file(target) as temporary:
        temporary.write_text(template(data__source=chosen), encoding="utf-8")
    out.print(f"Wrote {target}. Next: tastemaker train, tastemaker compare, tastemaker recommend")
    if as_json:
        write_json({"file": str(target), "source": chosen})


def _seen_from(folder: Path, source: str) -> str:
    """Check a source, and write a folder as it is seen from where the file will be."""
    from tastemaker.core.errors import DataError, nearest
    from tastemaker.data import SOURCES

    if source in SOURCES:
        return source
    if not Path(source).is_dir():
        raise DataError(f"there is no data source '{source}', and no such folder", remedy=nearest(source, SOURCES))
    seen = source if Path(source).is_absolute() else os.path.relpath(source, folder)
    return seen if "/" in seen or os.sep in seen else f"./{seen}"


@app.command("show")
def show(
    config: options.Config = None,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> None:
    """Show each setting in use and where it came from: a default, a line of the file, or the command line."""
    from tastemaker.cli.settings import load_settings

    out = Output(as_json=as_json)
    given = {
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        "run.seed": seed,
    }
    resolved = load_settings(config, given)
    if as_json:
        values = {name: {"value": value, "origin": resolved.origins[name]} for name, value in resolved.values().items()}
        write_json({"file": None if resolved.file is None else str(resolved.file), "values": values})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "from", box=None, pad_edge=False, header_style="bold")
    for name, value in resolved.values().items():
        shown = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        origin = resolved.origins[name]
        table.add_row(Text(name), Text(shown), Text(origin, style="dim" if origin == "default" else "green"))
    out.print(table)
