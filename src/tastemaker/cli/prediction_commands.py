"""`tastemaker compare --task ratings` and `--task clicks`: predictions of known events beside the plainest ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tastemaker.cli import tuned
from tastemaker.cli.asked import Asked
from tastemaker.cli.output import write_json
from tastemaker.cli.settings import COMMAND_LINE

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.evaluation.predictions import Predictions
    from tastemaker.models import Tuning

RANKING: Final = "ranking"
LADDERS: Final = {"ratings": ("bias", "biased-mf", "ridge"), "clicks": ("logistic",)}
"""Task -> what `ladder` stands for in it."""

Task = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="ranking|ratings|clicks",
        help="What is compared: rankings of what comes next, or how well known ratings or clicks are predicted.",
    ),
]


def check_task(task: str) -> None:
    """Refuse a task that there is not."""
    if task not in (RANKING, *LADDERS):
        raise typer.BadParameter(f"'{task}' is none of {RANKING}, {', '.join(LADDERS)}", param_hint="--task")


def compare_task(work: Workspace, task: str, asked: Asked, tunings: Mapping[str, Tuning]) -> None:
    """Fit models on the training part, choose on the validation part, and predict the test part, with intervals.

    Raises:
        ModelError: Not one of the models could be run.
    """
    from tastemaker.core.errors import ModelError
    from tastemaker.evaluation.predictions import BASELINES, compare_predictions
    from tastemaker.models import make_models

    _refuse_options(work, task, asked)
    ladder = LADDERS[task]
    wanted = [each for name in work.settings.evaluate.models for each in (ladder if name == "ladder" else (name,))]
    if task == "ratings":
        wanted.insert(0, BASELINES[task])
    models = make_models([*wanted, *tunings], work.settings.models.tables())
    split = work.event_split(work.dataset(), task)
    tuned.refuse_other_split(tunings, split)
    found = compare_predictions({**models}, split, run=work.run)
    rows = [replace(row, settings_tried=row.settings_tried + tuned.trials(tunings, row.model)) for row in found.rows]
    found = replace(found, rows=rows)
    failed = [row for row in found.rows if row.status != "ok"]
    if len(failed) >= len(models):
        raise ModelError(f"no model could be run: {failed[0].reason}", where=failed[0].model)
    _show(work, found)


def _refuse_options(work: Workspace, task: str, asked: Asked) -> None:
    """Refuse what belongs to rankings alone, instead of passing over it."""
    options = asked.options
    given = {
        "--run": asked.lists,
        "--k": work.resolved.origins["evaluate.k"] == COMMAND_LINE,
        "--seeds": options["seeds"],
        "--metric": options["metrics"],
        "--group": options["groups"],
        "--provider": options["provider"],
        "--report": asked.page,
        "--candidates": asked.another_ranking,
        "--latex": asked.latex,
        "--csv": asked.csv,
    }
    if unusable := [flag for flag, value in given.items() if value]:
        raise typer.BadParameter(f"it belongs to rankings, and --task {task} has none", param_hint=unusable[0])


def _show(work: Workspace, found: Predictions) -> None:
    """Write a comparison to the terminal or as JSON, and as JSON into the configured folder."""
    from tastemaker.evaluation.export import write_text
    from tastemaker.evaluation.prediction_table import prediction_report

    if work.out.as_json:
        write_json(found.to_json())
    else:
        work.out.print(prediction_report(found))
    if (folder := work.settings.evaluate.reports) is not None:
        path = Path(folder) / f"{found.dataset}-{found.task}-{found.protocol}.json"
        write_text(json.dumps(found.to_json(), indent=2) + "\n", path)
        if not work.out.as_json:
            work.out.print(f"Wrote {path}")
