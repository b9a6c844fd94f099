"""`tastemaker demo`: from nothing to recommendations with reasons and a server, each step with its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlencode

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.data import Dataset
    from tastemaker.engine import Engine
    from tastemaker.models import DenseRecommender

SOURCE: Final = "movielens-100k"
MODEL: Final = "fusion"
USER: Final = "42"
HISTORY: Final = ("Toy Story", "Star Wars", "Fargo")
_SHOWN: Final = 5


class Steps:
    """Announces the steps of the demonstration and remembers how long each took."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and time what the block does."""
        from rich.text import Text

        self._out.print("", Text(f"{len(self._seconds) + 1}. {title}", style="bold cyan"))
        began = time.perf_counter()
        yield
        self._seconds[title] = time.perf_counter() - began

    def show(self) -> None:
        """Write the time of each step and their sum."""
        parts = ", ".join(f"{title.lower()} {seconds:.1f} s" for title, seconds in self._seconds.items())
        self._out.print("", f"Took {sum(self._seconds.values()):.1f} s: {parts}")


def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End instead of starting a server.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="Port of the server.")] = None,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Where settings, reports and the model go.")
    ] = Path("demo"),
    data: options.Data = None,
    no_progress: options.NoProgress = False,
) -> None:
    """Fetch MovieLens-100K, compare models, recommend with reasons, show what words do on the bookshop, and serve."""
    from tastemaker.cli.demo_words import show_words
    from tastemaker.cli.serve import need_server, run
    from tastemaker.cli.workspace import refuse_foreign_folder

    out = Output(progress=not no_progress)
    steps = Steps(out)
    work = _workspace(out, folder, data, port)
    kept = Path(work.settings.train.folder)
    refuse_foreign_folder(kept, "config.json")
    if not no_serve:
        need_server(work.settings.serve.host, work.settings.serve.port)
    with steps.step("Data"):
        dataset = work.dataset()
        out.print(
            f"{dataset.name}: {len(dataset.interactions):,} events of {len(dataset.sequences.user_ids):,} people "
            f"on {len(dataset.catalogue):,} items"
        )
    with steps.step("Comparison"):
        fitted = _compare(work, dataset)
    with steps.step("Training"):
        _train(work, fitted, dataset, kept)
    with steps.step("Recommendations"):
        engine = work.engine(kept)
        queries = _recommend(out, engine)
    with steps.step("Words"):
        show_words(work)
    steps.show()
    _what_next(out, work, folder, queries)
    if not no_serve:
        out.print("")
        run(work)


def _workspace(out: Output, folder: Path, data: Path | None, port: int | None) -> Workspace:
    """Write the settings unless they are there, and read them; a second run finds what the first one wrote."""
    from tastemaker.cli.settings import FILE_NAME, template
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.files import atomic_file

    file = folder / FILE_NAME
    if not file.exists():
        with atomic_file(file) as temporary:
            temporary.write_text(
                template(
                    data__source=SOURCE,
                    data__path=None if data is None else str(data.resolve()),
                    train__model=MODEL,
                    train__folder="model",
                    evaluate__reports="reports",
                ),
                encoding="utf-8",
            )
    given = {
        "data.source": SOURCE,
        "data.path": None if data is None else str(data),
        "split.protocol": "global-time",
        "train.model": MODEL,
        "serve.port": port,
    }
    return Workspace.open(out, file, given)


def _compare(work: Workspace, dataset: Dataset) -> DenseRecommender:
    """Compare the ladder and return its last rung, which is the model that is served afterwards."""
    from tastemaker.cli.demo_words import compare_words
    from tastemaker.cli.evaluate_commands import compared, ladder, show_comparison
    from tastemaker.core.errors import ModelError
    from tastemaker.models import DenseRecommender

    models = ladder(["ladder", MODEL])
    split = work.split(dataset)
    comparison = compared(work, models, split, dataset=dataset)
    show_comparison(work, comparison)
    compare_words(work, models, split)
    row = next(row for row in comparison.rows if row.model == MODEL)
    model = models[MODEL]
    if row.status != "ok" or not isinstance(model, DenseRecommender):
        raise ModelError(f"'{MODEL}' could not be trained: {row.reason}")
    return model


def _train(work: Workspace, fitted: DenseRecommender, dataset: Dataset, folder: Path) -> None:
    """Fit anew on all events what the comparison chose; the choices are not made twice."""
    from tastemaker.cli.model_commands import keep

    model = keep(fitted, dataset, folder, work)
    weights = ", ".join(f"{name} {weight:g}" for name, weight in model.settings_["weights"].items())
    work.out.print(
        f"{MODEL} with the weights chosen on validation ({weights}), now fitted on all "
        f"{len(model.provenance_.rows):,} events: {folder}"
    )


def _recommend(out: Output, engine: Engine) -> list[str]:
    """Recommend to one known person and to one made-up history; return both as parameters of the server."""
    from tastemaker.cli.model_commands import show_answer
    from tastemaker.core.query import Query, as_events

    answer = engine.recommend(Query(user_id=USER, k=_SHOWN))
    latest = ", ".join(title for _, title in answer.history[-3:])
    out.print(f"For user {USER}, who saw {len(answer.history)} items, the latest of them {latest}:")
    show_answer(out, answer, _SHOWN)
    ids = [engine.dataset.catalogue.titles.resolve(title) for title in HISTORY]
    out.print("", f"For somebody who liked {', '.join(HISTORY)}:")
    show_answer(out, engine.recommend(Query(history=as_events(ids), k=_SHOWN)), _SHOWN)
    return [
        urlencode({"user": USER, "k": _SHOWN}),
        urlencode([*(("history", item) for item in ids), ("k", _SHOWN)]),
    ]


def _what_next(out: Output, work: Workspace, folder: Path, queries: list[str]) -> None:
    chosen = work.settings.serve
    shown = "PORT" if chosen.port == 0 else str(chosen.port)
    titles = " ".join(f'"{title}"' for title in HISTORY)
    out.print(
        "",
        "The same over HTTP, while the server runs:",
        *(f"  curl 'http://{chosen.host}:{shown}/v1/recommend?{query}'" for query in queries),
        f"Go on in {folder}:",
        f"  cd {folder} && tastemaker recommend --history {titles}",
        f"  cd {folder} && tastemaker serve",
    )
