"""`tastemaker tune`: a search over the settings of one model, on the validation part alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.data import EventSplit, Split
    from tastemaker.models import Tuning


def tune(
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Which model.")] = None,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    trials: Annotated[int, typer.Option("--trials", help="How many settings are tried, the default ones first.")] = 30,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Begin no trial after so much time; there is always one.")
    ] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where trials and result are kept; tuning/NAME by default."),
    ] = None,
    seed: options.Seed = None,
    threads: options.Threads = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Search the settings of a model that do best on the validation part; the test part is not touched.

    Models that rank are compared by NDCG@10, models of ratings by RMSE, models of clicks by log loss.
    The same command goes on where it was interrupted, and with more --trials or --minutes where it ended. What was
    found is used by `compare`, `evaluate` and `train` with --tuned FOLDER.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.models import tune as search

    overrides = {
        "train.model": model,
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "run.seed": seed,
        "run.threads": threads,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, overrides)
    name = work.settings.train.model
    folder = out_folder or Path("tuning") / name
    split = _split(work, name)
    seconds = None if minutes is None else 60 * minutes
    given = work.settings.models.tables().get(name)
    try:
        found = search(
            name, split, trials=trials, seconds=seconds, given=given, folder=folder, run=work.run, notify=work.out.note
        )
    except KeyboardInterrupt:
        work.out.note(f"The finished trials are kept in {folder}; the same command goes on from there.")
        raise
    if as_json:
        write_json({"folder": str(folder), **found.to_json()})
    else:
        _show(work.out, found, folder)


def _split(work: Workspace, model: str) -> Split | EventSplit:
    """Split the configured data by the configured protocol into what a model is asked about."""
    from tastemaker.models import model_class
    from tastemaker.models.event_model import EventModel
    from tastemaker.models.tuning.objective import task_of

    kind, dataset = model_class(model), work.dataset()
    return work.event_split(dataset, task_of(kind)) if issubclass(kind, EventModel) else work.split(dataset)


def _show(out: Output, found: Tuning, folder: Path) -> None:
    from tastemaker.evaluation.written import seconds
    from tastemaker.models.tuning.page import PAGE, edge_hint, headline
    from tastemaker.models.tuning.record import RESULT

    out.print(
        f"{found.model} on {found.dataset}, {found.protocol}: {found.ended}, {seconds(found.seconds)} in all",
        headline(found),
        "",
        found.toml(),
        f"Wrote {folder / RESULT}",
        f"Wrote {folder / PAGE}",
    )
    for trial in found.trials:
        if trial.value is None:
            out.note(f"Trial {trial.number} {trial.fate}: {trial.reason}")
    if found.at_edge():
        out.note(edge_hint(found))
    command = "train" if found.lower else "compare"
    out.note(f"Use what was found: tastemaker {command} --tuned {folder}")
