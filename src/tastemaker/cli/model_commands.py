"""`tastemaker train`, `recommend`, `similar` and `explain`."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tastemaker.cli import checkpoints, options, tuned
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query
    from tastemaker.data import Dataset, Split
    from tastemaker.engine import Answer, Engine
    from tastemaker.models import DenseRecommender
    from tastemaker.models.hybrid import Part

Item = Annotated[str, typer.Argument(metavar="ITEM", help="A title or an id.")]


def train(
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Which model.")] = None,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    hold_out: Annotated[
        bool,
        typer.Option("--hold-out", help="Keep the model of the training part alone, so that `evaluate` may test it."),
    ] = False,
    out_folder: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where to keep the model.")] = None,
    tuned_in: tuned.Tuned = None,
    seed: options.Seed = None,
    threads: options.Threads = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="N", help="What choosing may take; then networks stop, parts are left out."),
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Choose a model's settings on the validation part, fit it on all events, and keep it for serving.

    A network keeps how far it is in FOLDER.training: the same command goes on from there after any interruption.
    """
    from tastemaker.cli.workspace import Workspace, refuse_foreign_folder
    from tastemaker.models import make_model

    tunings = tuned.read(tuned_in)
    given = {
        **tuned.overrides(tunings),
        "train.model": model or (next(iter(tunings)) if len(tunings) == 1 else None),
        "train.folder": _text(out_folder),
        "train.minutes": minutes,
        "data.source": source,
        "data.path": _text(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "run.seed": seed,
        "run.threads": threads,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    folder = Path(work.settings.train.folder)
    refuse_foreign_folder(folder, "config.json")
    unfitted = make_model(work.settings.train.model, work.settings.models.tables())
    dataset = work.dataset()
    split = work.split(dataset)
    if hold_out:
        tuned.refuse_other_split(tunings, split)
    began = time.perf_counter()
    with checkpoints.kept_beside(folder, work) as work:
        limited = replace(work.run, minutes=work.settings.train.minutes)
        fitted = unfitted.fit(split.train, split.valid, run=limited)
        fitted.settings_tried_ += tuned.trials(tunings, work.settings.train.model)
        kept = keep(fitted, dataset, folder, work, hold_out=hold_out)
    left_out = dict(getattr(fitted, "left_out_", {}))
    _show_trained(work, kept, split, folder, left_out, hold_out=hold_out, seconds=time.perf_counter() - began)


def keep(
    fitted: DenseRecommender, dataset: Dataset, folder: Path, work: Workspace, *, hold_out: bool = False
) -> DenseRecommender:
    """Write a model whose settings are chosen: fitted anew on all events, or as it is."""
    from tastemaker.models.refit import refit

    if not hold_out:
        with work.run.track(f"Fitting {fitted.name} on all events"):
            fitted = refit(fitted, dataset, run=work.run)
    fitted.save(folder)
    return fitted


def _show_trained(
    work: Workspace,
    model: DenseRecommender,
    split: Split,
    folder: Path,
    left_out: dict[str, str],
    *,
    hold_out: bool,
    seconds: float,
) -> None:
    events = len(model.provenance_.rows)
    parts: list[Part] = list(getattr(model, "parts_", {}).values())
    if work.out.as_json:
        write_json(
            {
                "model": model.name,
                "folder": str(folder),
                "settings": model.settings_,
                "fitted_on": "training part" if hold_out else "all events",
                "events": events,
                "items": len(model.items_),
                "protocol": split.protocol,
                "split_hash": split.hash,
                "left_out": left_out,
                "parts": [asdict(part) for part in parts],
                "seconds": round(seconds, 3),
            }
        )
        return
    what = "the training part" if hold_out else "all"
    chosen = model.settings_.get("weights", model.settings_)
    settings = ", ".join(f"{name} {value}" for name, value in chosen.items())
    if ranker := model.settings_.get("ranker"):
        settings += f"; ranker {ranker}"
    work.out.print(
        f"Trained {model.name} on {what} {events:,} events in {seconds:.1f} s and wrote {folder}",
        f"Chosen on validation: {settings or 'nothing to choose'}",
    )
    if parts:
        work.out.print("", _parts_table(parts))
    for name, reason in left_out.items():
        if name in {part.name for part in parts}:
            continue
        work.out.note(f"Left out: {name}, because {reason}")
    if not hold_out:
        work.out.note("It has seen every event, so it is for serving; to test one: tastemaker train --hold-out")


def _parts_table(parts: list[Part]) -> Table:
    """Return what became of each part of a model, and why."""
    from rich.table import Table

    table = Table("part", "", "alone", "fit, s", "why", box=None, pad_edge=False, header_style="bold")
    for column in (2, 3):
        table.columns[column].justify = "right"
    for part in parts:
        alone = "" if part.alone is None else f"{part.alone:.4f}"
        table.add_row(part.name, "kept" if part.kept else "left out", alone, f"{part.seconds:,.1f}", part.why)
    return table


def recommend(
    user: options.User = None,
    history: options.History = None,
    like: options.Like = None,
    dislike: options.Dislike = None,
    text: options.Text = None,
    profile: options.Profile = None,
    k: options.HowMany = 10,
    model: options.ModelFolder = None,
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Recommend items to somebody in the data, or to anybody by what they liked, and say what spoke for each."""
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query

    Query(k=k)
    work = Workspace.open(Output(as_json=as_json), config, {"data.source": source, "data.path": _text(data)})
    engine = work.engine(model)
    answer = engine.recommend(_query(work, engine, user, history, like, dislike, text, profile, k))
    show_answer(work.out, answer, k)


def _query(
    work: Workspace,
    engine: Engine,
    user: str | None,
    history: list[str] | None,
    like: list[str] | None,
    dislike: list[str] | None,
    text: str | None,
    profile: list[str] | None,
    k: int = 10,
) -> Query:
    from tastemaker.core.query import Query, as_events

    if user is not None and not (history or profile):
        engine.need_user(user)
    return Query(
        user_id=user,
        history=as_events(work.item(engine, entry) for entry in history) if history else None,
        liked=tuple(work.item(engine, entry) for entry in like or ()),
        disliked=tuple(work.item(engine, entry) for entry in dislike or ()),
        text=text,
        profile=options.profile_of(profile),
        k=k,
    )


def similar(
    item: Item,
    k: options.HowMany = 10,
    model: options.ModelFolder = None,
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List the items that are most similar to one item."""
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query

    Query(k=k)
    work = Workspace.open(Output(as_json=as_json), config, {"data.source": source, "data.path": _text(data)})
    engine = work.engine(model)
    chosen = work.item(engine, item)
    work.out.print(f"Similar to {engine.title(chosen)} [{chosen}]")
    show_answer(work.out, engine.similar(chosen, k), k, reasons=False)


def show_answer(out: Output, answer: Answer, k: int, *, reasons: bool = True) -> None:
    """Write an answer as a table, or as JSON."""
    for note in answer.degraded:
        out.note(f"Less personal than asked for: {note}")
    if len(answer.items) < k:
        out.note(f"{k:,} were asked for; there are {len(answer.items):,} to recommend.")
    if out.as_json:
        write_json(answer.to_dict())
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("title", overflow="fold")
    table.add_column("score", justify="right")
    if reasons:
        table.add_column("what spoke for it", overflow="fold", style="dim")
    for found in answer.items:
        spoke = ", ".join(f"{one.title} {one.share:.0%}" for one in found.evidence) or found.reason
        cells = [Text(str(found.rank)), Text(found.title), Text(f"{found.score:.3f}")]
        table.add_row(*cells, *([Text(spoke)] if reasons else []))
    out.print(table)


def explain(
    item: Item,
    user: options.User = None,
    history: options.History = None,
    like: options.Like = None,
    dislike: options.Dislike = None,
    text: options.Text = None,
    profile: options.Profile = None,
    model: options.ModelFolder = None,
    generator: options.Generator = None,
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show where the score of one item comes from: by item of the history, and by part of the model."""
    from tastemaker.cli.explanation import in_a_sentence, show_explanation
    from tastemaker.cli.workspace import Workspace

    work = Workspace.open(Output(as_json=as_json), config, {"data.source": source, "data.path": _text(data)})
    engine = work.engine(model)
    chosen = work.item(engine, item)
    query = _query(work, engine, user, history, like, dislike, text, profile)
    contributions = engine.explain(query, chosen)
    said = None if generator is None else in_a_sentence(work, engine, query, contributions, generator)
    show_explanation(work.out, engine, contributions, said)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
