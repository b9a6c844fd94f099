"""What a command line can ask of a comparison beside the models, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

ALL: Final = "all"
"""The whole catalogue is ranked."""

Cutoffs = Annotated[
    list[int] | None,
    typer.Option("--k", "-k", metavar="K", help="Length of the lists that are measured; again for a second one."),
]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help="Also write a page with plots.")]
Latex = Annotated[Path | None, typer.Option("--latex", metavar="FILE.tex", help="Also write a table for a paper.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE.csv", help="Also write every number as CSV.")]
Runs = Annotated[
    list[str] | None,
    typer.Option(
        "--run",
        metavar="[NAME=]FILE",
        help="Lists that another library or system made: a TREC run, Parquet or CSV (user_id or query_id, item_id, "
        "rank or score); again for each file.",
    ),
]
SeenItems = Annotated[
    str, typer.Option("--seen", metavar="keep|drop", help="What becomes of items in such lists that were seen before.")
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="0,1,2", help="Fit and test once for each; rows are means over them.")
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME", help="A metric beside the usual ones; again for others.")
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="COLUMN", help="A column of people whose values are compared.")
]
Provider = Annotated[
    str | None, typer.Option("--provider", metavar="COLUMN", help="A column of items that says whose they are.")
]
Candidates = Annotated[
    str,
    typer.Option(
        "--candidates",
        metavar="all|cold|uniform|popular",
        help="What is ranked: the whole catalogue; cold items alone; or, as in some papers, each answer among items "
        "that are drawn alike, or by their popularity.",
    ),
]
Negatives = Annotated[
    int | None,
    typer.Option(
        "--negatives",
        metavar="N",
        min=1,
        help="With --candidates uniform or popular: how many are drawn for each answer. [default: 99]",
    ),
]
NoProbes = Annotated[
    bool, typer.Option("--no-probes", help="Do not look for leaks in the data first; it takes seconds, or minutes.")
]
Examples = Annotated[
    int,
    typer.Option(
        "--examples",
        metavar="N",
        min=0,
        help="How many people of the test the report shows with their lists; 0 keeps people out of it.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """What a command line asks of a comparison beside the models.

    Attributes:
        lists: Names and files of lists from elsewhere; no name stands for that of the file.
        options: What `tastemaker.evaluation.compare` is told.
        probes: Whether the data are probed for leaks.
        page: Where to write the page.
        latex: Where to write a LaTeX table.
        csv: Where to write CSV.
    """

    lists: Sequence[tuple[str | None, Path]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    probes: bool = True
    page: Path | None = None
    latex: Path | None = None
    csv: Path | None = None

    @property
    def another_ranking(self) -> tuple[str, ...]:
        """What is ranked, if it is not the whole catalogue."""
        candidates = self.options.get("candidates", ALL)
        return () if candidates == ALL else (str(candidates),)

    @classmethod
    def of(
        cls,
        runs: list[str] | None,
        seen: str,
        seeds: str | None,
        metrics: list[str] | None,
        groups: list[str] | None,
        provider: str | None,
        page: Path | None,
        latex: Path | None,
        csv: Path | None,
        no_probes: bool,
        examples: int,
        candidates: str,
        negatives: int | None,
    ) -> Asked:
        """Read the options of a command line."""
        if seen not in ("keep", "drop"):
            raise typer.BadParameter(f"'{seen}' is neither keep nor drop", param_hint="--seen")
        try:
            numbers = [int(part) for part in seeds.split(",")] if seeds else None
        except ValueError as error:
            raise typer.BadParameter(f"'{seeds}' are not numbers with commas", param_hint="--seeds") from error
        named = []
        for text in runs or []:
            name, sign, file = text.partition("=")
            named.append((name, Path(file)) if sign and not Path(text).exists() else (None, Path(text)))
        chosen = {
            "seen": seen,
            "seeds": numbers,
            "metrics": metrics or (),
            "groups": groups or (),
            "provider": provider,
            "examples": examples,
            **_ranked(candidates, negatives),
        }
        return cls(named, chosen, not no_probes, page, latex, csv)


def _ranked(candidates: str, negatives: int | None) -> dict[str, Any]:
    """Return what is ranked as options of a comparison.

    Raises:
        typer.BadParameter: There are no such candidates, or negatives where none are drawn.
    """
    if candidates == ALL and negatives is None:
        return {"candidates": ALL}
    from tastemaker.evaluation.candidates import CANDIDATES, SAMPLED

    if candidates not in CANDIDATES:
        raise typer.BadParameter(f"'{candidates}' is none of {', '.join(CANDIDATES)}", param_hint="--candidates")
    if negatives is None:
        return {"candidates": candidates}
    if candidates not in SAMPLED:
        raise typer.BadParameter(f"it needs --candidates {' or '.join(SAMPLED)}", param_hint="--negatives")
    return {"candidates": candidates, "negatives": negatives}
