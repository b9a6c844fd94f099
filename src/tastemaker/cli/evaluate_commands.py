"""`tastemaker compare` and `tastemaker evaluate`: models beside the counting baseline, on events they never saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from tastemaker.cli import asked as asked_for
from tastemaker.cli import cold_commands, options, prediction_commands, tuned
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.recommender import Recommender
    from tastemaker.data import Dataset, Split
    from tastemaker.evaluation import Comparison
    from tastemaker.models import Tuning

COUNTS: Final = "sequential-rules"
"""The counting baseline, without which nothing is reported."""


def compare(
    models: Annotated[
        str | None, typer.Option("--models", metavar="A,B,C", help="Names of models; `ladder` stands for all of ours.")
    ] = None,
    task: prediction_commands.Task = prediction_commands.RANKING,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    cold: cold_commands.Cold = None,
    shown: cold_commands.Shown = None,
    keywords: cold_commands.Keywords = 5,
    run: asked_for.Runs = None,
    seen: asked_for.SeenItems = "keep",
    k: asked_for.Cutoffs = None,
    seed: options.Seed = None,
    threads: options.Threads = None,
    seeds: asked_for.Seeds = None,
    metric: asked_for.Metrics = None,
    group: asked_for.Groups = None,
    provider: asked_for.Provider = None,
    tuned_in: tuned.Tuned = None,
    report: asked_for.Report = None,
    latex: asked_for.Latex = None,
    csv: asked_for.Csv = None,
    no_probes: asked_for.NoProbes = False,
    examples: asked_for.Examples = 3,
    candidates: asked_for.Candidates = asked_for.ALL,
    negatives: asked_for.Negatives = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Fit models on the training part, choose on the validation part, and report on the test part, with intervals."""
    from tastemaker.cli.workspace import Workspace

    prediction_commands.check_task(task)
    ranking = task == prediction_commands.RANKING
    asked = asked_for.Asked.of(
        run, seen, seeds, metric, group, provider, report, latex, csv, no_probes, examples, candidates, negatives
    )
    unfit = {"--task": not ranking, "--protocol": protocol, "--tuned": tuned_in}
    curve = cold_commands.ColdAsked.of(cold, shown, keywords, unfit, asked)
    tunings = tuned.read(tuned_in, rankings=ranking)
    given = {
        **tuned.overrides(tunings),
        "evaluate.models": [name.strip() for name in models.split(",") if name.strip()] if models else None,
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "evaluate.k": k or None,
        "run.seed": seed,
        "run.threads": threads,
        **(curve.overrides() if curve else {}),
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    if not ranking:
        prediction_commands.compare_task(work, task, asked, tunings)
        return
    chosen = ladder([*work.settings.evaluate.models, *tunings], work.settings.models.tables())
    if curve is not None:
        cold_commands.show_cold_start(work, chosen, curve, asked)
        return
    dataset = work.dataset()
    show_comparison(work, compared(work, chosen, work.split(dataset), asked, tunings, dataset), asked)


def ladder(names: list[str], given: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Recommender]:
    """Return unfitted models by name, the counting baseline among them; ``ladder`` stands for all of ours.

    Args:
        names: Names of models.
        given: Name of a model -> hyper-parameters that are not to be chosen.

    Raises:
        ModelError: There is no model of that name.
    """
    from tastemaker.models import LADDER, make_models

    wanted = [model for name in names for model in (LADDER if name == "ladder" else (name,))]
    if COUNTS not in wanted:
        wanted.insert(0, COUNTS)
    return {**make_models(wanted, given)}


def compared(
    work: Workspace,
    models: Mapping[str, Recommender],
    split: Split,
    asked: asked_for.Asked | None = None,
    tunings: Mapping[str, Tuning] | None = None,
    dataset: Dataset | None = None,
) -> Comparison:
    """Compare models as the settings say, and say first how small a difference the test can show.

    The data set that the split was made of, where it is given, is probed for leaks unless that was not wanted.

    Raises:
        DataError: A file of lists cannot be used.
        LeakError: Settings were tuned on another split.
        ModelError: Not one of the models could be run.
    """
    from tastemaker.core.errors import ModelError
    from tastemaker.evaluation import compare as compare_models
    from tastemaker.evaluation.runs import read_run

    asked = asked or asked_for.Asked()
    tuned.refuse_other_split(tunings or {}, split)
    found = compare_models(
        models,
        split,
        ks=tuple(work.settings.evaluate.k),
        run=work.run,
        baseline=COUNTS,
        lists=[read_run(file, name) for name, file in asked.lists],
        announce=lambda known: work.out.print(known.sentence()),
        probe=dataset if asked.probes else None,
        **asked.options,
    )
    if not any(row.status == "ok" for row in found.rows):
        raise ModelError(f"no model could be run: {found.rows[0].reason}", where=found.rows[0].model)
    return tuned.noted(found, tunings or {}, work.settings.models.tables())


def show_comparison(work: Workspace, comparison: Comparison, asked: asked_for.Asked | None = None) -> list[Path]:
    """Write a comparison to the terminal or as JSON, and to the files that were asked for; return those."""
    written = write_reports(work, comparison, asked or asked_for.Asked())
    if work.out.as_json:
        write_json(comparison.to_json())
    else:
        from tastemaker.evaluation.table import terminal_report

        work.out.print(terminal_report(comparison))
        work.out.print(*(f"Wrote {path}" for path in written))
    return written


def write_reports(work: Workspace, comparison: Comparison, asked: asked_for.Asked) -> list[Path]:
    """Write the files that were named, and page and JSON into the configured folder; return what was written."""
    from tastemaker.evaluation.export import csv_report, latex_report, write_text
    from tastemaker.evaluation.html import html_report

    written: dict[Path, str] = {}
    for path, written_as in ((asked.page, html_report), (asked.latex, latex_report), (asked.csv, csv_report)):
        if path is not None:
            written[path] = written_as(comparison)
    if (folder := work.settings.evaluate.reports) is not None:
        name = "-".join([comparison.dataset, comparison.protocol, *asked.another_ranking])
        written[Path(folder) / f"{name}.html"] = html_report(comparison)
        written[Path(folder) / f"{name}.json"] = json.dumps(comparison.to_json(), indent=2) + "\n"
    for path, text in written.items():
        write_text(text, path)
    return list(written)


def evaluate(
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="A model to fit and test.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="FOLDER", help="A model that `train --hold-out` kept.")
    ] = None,
    write_queries: Annotated[
        Path | None,
        typer.Option(
            "--write-queries",
            metavar="FOLDER",
            help="Test nothing; write the training part and the queries for others.",
        ),
    ] = None,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    cold: cold_commands.Cold = None,
    shown: cold_commands.Shown = None,
    keywords: cold_commands.Keywords = 5,
    run: asked_for.Runs = None,
    seen: asked_for.SeenItems = "keep",
    k: asked_for.Cutoffs = None,
    seed: options.Seed = None,
    threads: options.Threads = None,
    seeds: asked_for.Seeds = None,
    metric: asked_for.Metrics = None,
    group: asked_for.Groups = None,
    provider: asked_for.Provider = None,
    tuned_in: tuned.Tuned = None,
    report: asked_for.Report = None,
    latex: asked_for.Latex = None,
    csv: asked_for.Csv = None,
    no_probes: asked_for.NoProbes = False,
    examples: asked_for.Examples = 3,
    candidates: asked_for.Candidates = asked_for.ALL,
    negatives: asked_for.Negatives = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Test a model, or lists from elsewhere, beside counting.

    The model is given by its name or by the folder in which `train --hold-out` kept it. Lists come with --run; so that
    they are made for exactly our test, --write-queries gives the training part and the queries.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.models import load_model

    if model is not None and folder is not None:
        raise typer.BadParameter("give a name or a folder, not both", param_hint="--model / --folder")
    asked = asked_for.Asked.of(
        run, seen, seeds, metric, group, provider, report, latex, csv, no_probes, examples, candidates, negatives
    )
    unfit = {"--folder": folder, "--write-queries": write_queries, "--protocol": protocol, "--tuned": tuned_in}
    curve = cold_commands.ColdAsked.of(cold, shown, keywords, unfit, asked)
    tunings = tuned.read(tuned_in, rankings=True)
    given = {
        **tuned.overrides(tunings),
        "train.model": model,
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "evaluate.k": k or None,
        "run.seed": seed,
        "run.threads": threads,
        **(curve.overrides() if curve else {}),
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    if curve is not None:
        models = ladder([work.settings.train.model], work.settings.models.tables())
        cold_commands.show_cold_start(work, models, curve, asked)
        return
    if write_queries is not None:
        show_queries(work, write_queries)
        return
    if folder is None:
        named = [work.settings.train.model] if model is not None or not asked.lists else []
        models = ladder(named, work.settings.models.tables())
        dataset = work.dataset()
        split = work.split(dataset)
    else:
        kept = load_model(folder)
        dataset = work.dataset()
        split = work.split(dataset)
        models = ladder([], work.settings.models.tables()) | {
            f"{kept.name} ({folder.name})": as_saved(kept, split, folder)
        }
    show_comparison(work, compared(work, models, split, asked, tunings, dataset), asked)


def show_queries(work: Workspace, folder: Path) -> None:
    """Write the training part and the queries of the configured split for another system."""
    from tastemaker.cli.workspace import refuse_foreign_folder
    from tastemaker.evaluation.queries import MARK, write_queries

    refuse_foreign_folder(folder, MARK)
    split = work.split(work.dataset())
    written = write_queries(split, folder)
    if work.out.as_json:
        names = [str(path) for path in written]
        write_json({"folder": str(folder), "files": names, "split_hash": split.hash, "queries": len(split.test)})
    else:
        work.out.print(*(f"Wrote {path}" for path in written))
        work.out.print(f"{len(split.test):,} queries of {split.test.user_count:,} people, split {split.hash}.")


def as_saved(model: Recommender, split: Split, folder: Path) -> Recommender:
    """Return a saved model in a form that a comparison takes as it is, if it has not seen the answers.

    Raises:
        LeakError: It has.
    """
    from tastemaker.core.errors import LeakError
    from tastemaker.evaluation.evaluate import refuse_leaks

    try:
        refuse_leaks(model, split.test, split.train, model.name)
    except LeakError as error:
        raise LeakError(
            error.message,
            where=str(folder),
            remedy=f"{error.remedy} Here: tastemaker train --hold-out --out FOLDER, with the same split.",
        ) from error
    return cast("Recommender", _Saved(model))


class _Saved:
    """A fitted model whose `fit` changes nothing."""

    def __init__(self, model: Recommender) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def fit(self, train: Any, valid: Any = None, *, run: Any = None) -> _Saved:
        """Stay as it is."""
        return self
