"""`tastemaker doctor`: what is installed, what is configured, and whether it would work."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.core.errors import DataError, ModelFormatError, StorageError, TastemakerError

if TYPE_CHECKING:
    from tastemaker.cli.settings import Resolved

EXTRAS: Final = {
    "serve": (("fastapi", "jinja2", "uvicorn"), "the server and its page"),
    "torch": (("torch",), "sequence, graph and text models"),
    "local": (("xllamacpp",), "language models in this process"),
    "transformers": (("transformers",), "causal language models of a folder, with torch"),
    "postgres": (("psycopg", "pgvector"), "events and vectors in PostgreSQL"),
    "ray": (("ray",), "training on several machines"),
    "tune": (("optuna",), "searching the hyper-parameters of a model"),
    "boost": (("lightgbm",), "boosted trees that rank what a fusion found"),
    "ann": (("usearch",), "search among millions of vectors"),
}
"""Extra -> the modules it brings, and what for."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: ``ok``; ``note`` where something optional is not there; ``wrong`` where a command would fail.
        found: What was found.
        remedy: What to do about it.
        exit_code: What `doctor` leaves with if this is the first thing that is wrong.
    """

    name: str
    state: Literal["ok", "note", "wrong"]
    found: str
    remedy: str | None = None
    exit_code: int = 0

    @classmethod
    def of_error(cls, name: str, error: TastemakerError) -> Check:
        """Return a check that failed."""
        place = f" ({error.where})" if error.where else ""
        return cls(name, "wrong", f"{error.message}{place}", error.remedy, error.exit_code)


def doctor(
    config: options.Config = None,
    source: options.Source = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Check installation, settings, data, models and port; the exit code is that of the first thing that is wrong."""
    from tastemaker.cli.settings import load_settings

    checks = list(installation())
    checks.append(guarded("cache", cache))
    try:
        resolved = load_settings(config, {"data.source": source, "data.path": None if data is None else str(data)})
    except TastemakerError as error:
        checks.append(Check.of_error("settings", error))
    else:
        checks.append(Check("settings", "ok", str(resolved.file or "defaults, there is no tastemaker.toml")))
        checks += [guarded(name, check, resolved) for name, check in CONFIGURED.items()]
    code = next((check.exit_code for check in checks if check.state == "wrong"), 0)
    _show(Output(as_json=as_json), checks, code)
    raise typer.Exit(code)


def guarded(name: str, check: Callable[..., Check], *given: Resolved) -> Check:
    """Run a check; an error of ours becomes its result."""
    try:
        return check(*given)
    except TastemakerError as error:
        return Check.of_error(name, error)


def installation() -> Iterator[Check]:
    """Check Python, what is needed, and the extras."""
    from importlib.metadata import version

    from tastemaker import __version__

    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}")
    versions = [f"{name} {version(name)}" for name in ("numpy", "scipy", "polars", "pydantic")]
    yield Check("tastemaker", "ok", f"{__version__} with {', '.join(versions)}")
    for extra, (modules, purpose) in EXTRAS.items():
        if all(find_spec(module) is not None for module in modules):
            yield Check(f"extra {extra}", "ok", "installed")
        else:
            yield Check(f"extra {extra}", "note", f"not installed: {purpose}", f"pip install 'tastemaker[{extra}]'")


def cache() -> Check:
    """Check that downloads can be kept."""
    from tastemaker.data.assets import cache_folder

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            f"downloads cannot be kept: {error.strerror}",
            where=str(folder),
            remedy="Set TASTEMAKER_CACHE to a folder that can be written.",
        ) from error
    return Check("cache", "ok", str(folder))


def data_at_hand(resolved: Resolved) -> Check:
    """Check that the data set exists and is here, without reading it."""
    from tastemaker.cli.data_commands import whereabouts
    from tastemaker.cli.settings import ENVIRONMENT
    from tastemaker.core.errors import nearest
    from tastemaker.data import SOURCES

    chosen = resolved.settings.data
    source = SOURCES.get(chosen.source)
    if source is None:
        folder = Path(chosen.source)
        if not folder.is_dir():
            raise DataError(
                f"there is no data source '{chosen.source}', and no folder of that name",
                remedy=nearest(chosen.source, SOURCES),
            )
        return _events_in(folder)
    named = None if resolved.origins["data.path"] == ENVIRONMENT or not chosen.path else Path(chosen.path)
    place = whereabouts(source, named)
    if place is not None:
        return Check("data", "ok", f"{source.name} in {place}")
    if named is not None:
        raise DataError("there is no such folder", where=str(named), remedy="Check the path given as --data.")
    if not source.size:
        raise DataError(
            f"'{source.name}' has to be put in place by hand", remedy="Say where with --data DIR or TASTEMAKER_DATA."
        )
    return Check("data", "note", f"{source.name} is not here yet", f"tastemaker data get {source.name}")


def _events_in(folder: Path) -> Check:
    names = [f"interactions{suffix}" for suffix in (".parquet", ".csv", ".csv.gz")]
    if not any((folder / name).is_file() for name in names):
        raise DataError(
            "the folder has no interactions.parquet (nor .csv, .csv.gz)",
            where=str(folder),
            remedy="Put the event log there under that name.",
        )
    return Check("data", "ok", str(folder))


def model_whole(resolved: Resolved) -> Check:
    """Check the trained model: complete, of this format, each file as it was written."""
    from tastemaker.models.storage import damaged_files, read_config

    folder = Path(resolved.settings.train.folder)
    if not folder.exists():
        return Check("model", "note", f"none trained yet ({folder})", "tastemaker train")
    config = read_config(folder)
    if damaged := damaged_files(folder):
        raise ModelFormatError(
            f"files are not as they were written: {', '.join(damaged)}",
            where=str(folder),
            remedy="Train the model again, or copy the whole folder.",
        )
    seen = config["provenance"]
    return Check(
        "model", "ok", f"{config['model']} in {folder}, fitted on {seen['events']:,} events of {seen['dataset']}"
    )


def port_free(resolved: Resolved) -> Check:
    """Check that the server's port can be had."""
    from tastemaker.cli.serve import need_port

    chosen = resolved.settings.serve
    need_port(chosen.host, chosen.port)
    return Check("port", "ok", f"{chosen.host}:{chosen.port} is free")


CONFIGURED: Final[dict[str, Callable[[Resolved], Check]]] = {
    "data": data_at_hand,
    "model": model_whole,
    "port": port_free,
}


def _show(out: Output, checks: list[Check], code: int) -> None:
    if out.as_json:
        rows = [
            {"name": check.name, "state": check.state, "found": check.found, "remedy": check.remedy} for check in checks
        ]
        write_json({"ok": code == 0, "exit_code": code, "checks": rows})
        return
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "note": "yellow", "wrong": "bold red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        found = Text.assemble(check.found, *([("\n" + check.remedy, "bold")] if check.remedy else []))
        table.add_row(Text(check.state, style=styles[check.state]), Text(check.name), found)
    out.print(table)
