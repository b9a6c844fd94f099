"""`--cold` of `tastemaker evaluate` and `compare`: models where little is known, point by point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import asked as asked_for
from tastemaker.cli.output import write_json

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.recommender import Recommender
    from tastemaker.evaluation.cold_start import ColdStart

Cold = Annotated[
    str | None,
    typer.Option(
        "--cold", metavar="items|users", help="A cold start: items or people that training has never met, or hardly."
    ),
]
Shown = Annotated[
    str | None,
    typer.Option(
        "--shown",
        metavar="0,1,3,5",
        help="With --cold: how many events are shown at each point of the curve; for users also the words sentence, "
        "keywords, profile, with which no event is shown. [default: 0,1,3,5 for users, 0 for items]",
    ),
]
Keywords = Annotated[int, typer.Option("--keywords", min=1, help="With --shown keywords: how many are said at most.")]

_USUAL: Final = {"users": "0,1,3,5", "items": "0"}


@dataclass(frozen=True)
class ColdAsked:
    """What a command line asks of a cold start.

    Attributes:
        cold: ``items`` or ``users``.
        shown: The points.
        keywords: How many keywords are said at most.
    """

    cold: str
    shown: list[str]
    keywords: int

    @classmethod
    def of(
        cls, cold: str | None, shown: str | None, keywords: int, unfit: Mapping[str, object], asked: asked_for.Asked
    ) -> ColdAsked | None:
        """Read the options; ``unfit`` are others by name, none of which goes with ``--cold``.

        Raises:
            typer.BadParameter: They do not go together.
        """
        if cold is None:
            if shown is not None:
                raise typer.BadParameter("it needs --cold items or --cold users", param_hint="--shown")
            return None
        if cold not in _USUAL:
            raise typer.BadParameter(f"'{cold}' is neither items nor users", param_hint="--cold")
        others = {**unfit, "--run": asked.lists, "--latex": asked.latex, "--csv": asked.csv}
        others["--candidates"] = asked.another_ranking
        if given := [name for name, value in others.items() if value]:
            raise typer.BadParameter(f"it does not go with {given[0]}", param_hint="--cold")
        points = [point.strip() for point in (shown or _USUAL[cold]).split(",") if point.strip()]
        return cls(cold, points, keywords)

    def overrides(self) -> dict[str, Any]:
        """Return the settings that it decides."""
        from tastemaker.evaluation.cold_start import COLD

        return {"split.protocol": COLD[self.cold]}


def show_cold_start(
    work: Workspace, models: Mapping[str, Recommender], cold: ColdAsked, asked: asked_for.Asked
) -> None:
    """Measure a cold start, and write it to the terminal or as JSON, and to the files that were asked for.

    Raises:
        DataError: The data lack what a point needs.
        ModelError: Not one of the models could be run.
    """
    from tastemaker.core.errors import ModelError
    from tastemaker.evaluation.cold_start import cold_start

    dataset = work.dataset()
    options = {name: value for name, value in asked.options.items() if name not in ("examples", "seen")}
    found = cold_start(
        models,
        dataset,
        cold.cold,
        cold.shown,
        knobs=work.settings.split.knobs(),
        keywords=cold.keywords,
        **work.people_in_words(),
        ks=tuple(work.settings.evaluate.k),
        run=work.run,
        announce=lambda known: work.out.print(known.sentence()),
        **options,
    )
    rows = [row for comparison in found.comparisons for row in comparison.rows]
    if not any(row.status == "ok" for row in rows):
        raise ModelError(f"no model could be run: {rows[0].reason}", where=rows[0].model)
    written = _write(work, found, asked)
    if work.out.as_json:
        write_json(found.to_json())
        return
    from tastemaker.evaluation.cold_report import terminal_report

    work.out.print(terminal_report(found))
    work.out.print(*(f"Wrote {path}" for path in written))


def _write(work: Workspace, found: ColdStart, asked: asked_for.Asked) -> list[Path]:
    """Write the page that was named, and page and JSON into the configured folder; return what was written."""
    from tastemaker.evaluation.cold_report import html_report
    from tastemaker.evaluation.export import write_text

    written: dict[Path, str] = {} if asked.page is None else {asked.page: html_report(found)}
    if (folder := work.settings.evaluate.reports) is not None:
        name = f"{found.comparisons[0].dataset}-cold-{found.cold}"
        written[Path(folder) / f"{name}.html"] = html_report(found)
        written[Path(folder) / f"{name}.json"] = json.dumps(found.to_json(), indent=2) + "\n"
    for path, text in written.items():
        write_text(text, path)
    return list(written)
