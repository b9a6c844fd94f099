"""The pictures of a cell or study, as SVG files beside its record: all rows, parts of the test, trainings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.pages.parts import family_panels
from tastemaker.evaluation.pages.pictures import kind_of
from tastemaker.evaluation.plots import Mark, interval_plot
from tastemaker.evaluation.plots_beside import Panel, lines_beside
from tastemaker.evaluation.plots_standalone import Drawing, standalone
from tastemaker.evaluation.plots_training import Epoch, best_epoch, training_plot
from tastemaker.evaluation.rows import Row, SliceRow
from tastemaker.evaluation.written import percent
from tastemaker.systems.reproduction.markdown import number
from tastemaker.systems.reproduction.records import Record
from tastemaker.systems.reproduction.study import Study
from tastemaker.systems.reproduction.study_record import StudyRecord, StudyRow
from tastemaker.systems.reproduction.study_report import best_row
from tastemaker.systems.reproduction.system import Cell

Shows = Literal["rows", "parts", "training"]

_KINDS: Final = {"baseline": "baseline", "above": "higher", "open": "undecided", "below": "lower"}
_BETTER: Final = {"baseline": "baseline", "above": "better", "open": "undecided", "below": "worse"}
_WIDE, _NARROW = 840.0, 104.0
"""A line of parts, as wide as a page can show it without making its letters small, and a panel."""
_SCALE: Final = 1.25

_ON_PARTS: Final = (
    "Only the answers of a part count there. Colours: whether the interval of the difference on its people excludes "
    "zero, as one in twenty does by chance."
)
_VALIDATED: Final = "ndcg@10 on validation"
_KEPT: Final = "The dashed line is the epoch whose weights were kept."
_LAST_SEED: Final = "Of several seeds the last is shown."


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        shows: What is on it: one of each at most for a cell.
        name: Name of its file. What follows the cell's name begins with a dot, which no cell's name has.
        alt: What is seen on it, in a sentence.
        svg: The file.
    """

    shows: Shows
    name: str
    alt: str
    svg: str


def figures(cell: Cell, record: Record) -> list[Figure]:
    """Return the pictures of what a cell gave: those that have something to show."""
    comparison = record.comparison
    if not comparison.done():
        return []
    found = (_rows(cell, comparison), _parts(cell, comparison), _trainings(cell, comparison))
    return [figure for figure in found if figure is not None]


def study_figure(study: Study[Any], record: StudyRecord) -> Figure | None:
    """Return the picture of a study, its first measure row by row; ``None`` where no row has it."""
    measure, best = record.measures[0], best_row(record)
    done = [row for row in record.done() if measure.name in row.values]
    if best is None:
        return None
    base = next((row for row in done if row.name == record.baseline), None)
    marks = [Mark(row.name, row.values[measure.name], kind=_kind(row, record)) for row in done]
    axis = f"{measure.name}{', lower is better' if measure.lower else ''}"
    plot = interval_plot(
        marks, axis=axis, form="{:g}".format, reference=None if base is None else base.values[measure.name].value
    )
    known = best.values[measure.name]
    beside = "" if base is None or base is best else f"; {base.name} has {number(base.values[measure.name].value)}"
    alt = (
        f"{axis}, of {_count(done)} with 95 % intervals: best is {best.name} with {number(known.value)}"
        f"{_between(known)}{beside}."
    )
    legend = {kind: _BETTER[kind] for kind in _legend([marks])} if record.baseline else {}
    notes = [f"Colours: whether the interval of the difference to {record.baseline} excludes zero."] if legend else []
    return Figure(
        "rows",
        f"{study.name}.svg",
        alt,
        standalone([Drawing(plot)], label=alt, legend=legend, notes=notes, scale=_SCALE),
    )


def _kind(row: StudyRow, record: StudyRecord) -> str:
    """Return how a row stands to the baseline's, as a mark's class."""
    if row.name == record.baseline:
        return "baseline"
    against = row.against.get(record.measures[0].name)
    if against is None or not against.excludes_zero():
        return "open"
    return "above" if against.value > 0 else "below"


def _rows(cell: Cell, comparison: Comparison) -> Figure:
    metric, done = comparison.headline_metric, comparison.done()
    marks = [Mark(row.model, row.metrics[metric], kind=kind_of(row, comparison)) for row in done]
    base = _base(comparison)
    plot = interval_plot(
        marks, axis=metric, form="{:g}".format, reference=None if base is None else base.metrics[metric].value
    )
    alt = f"{metric} of {_count(done)} with 95 % intervals: {_best(comparison)}."
    notes = [_corrected(comparison)] if _compared(comparison) else []
    svg = standalone([Drawing(plot)], label=alt, legend=_legend([marks]), notes=notes, scale=_SCALE)
    return Figure("rows", f"{cell.name}.svg", alt, svg)


def _parts(cell: Cell, comparison: Comparison) -> Figure | None:
    def share(part: SliceRow) -> str:
        return f"{percent(part.targets / comparison.counts['targets'])}{', small' if part.small else ' of answers'}"

    metric = comparison.headline_metric
    families = {family: family_panels(comparison, family, share) for family in cell.parts}
    families = {family: panels for family, panels in families.items() if panels}
    drawings = [
        Drawing(svg, f"{metric} by {family}" if first else "")
        for family, panels in families.items()
        for first, svg in _firsts(lines_beside(panels, label=family, form="{:g}".format, wide=_WIDE, narrow=_NARROW))
    ]
    if not drawings:
        return None
    marks = [panel.marks for panels in families.values() for panel in panels]
    family, panels = next(iter(families.items()))
    alt = (
        f"{metric} of {_count(comparison.done())} by {_listed(list(families))}; best by {family}: "
        f"{', '.join(_best_of(panel) for panel in panels if _known(panel))}."
    )
    notes = [_ON_PARTS] if _compared(comparison) else []
    svg = standalone(drawings, label=alt, legend=_legend(marks), notes=notes)
    return Figure("parts", f"{cell.name}.parts.svg", alt, svg)


def _firsts(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((place == 0, svg) for place, svg in enumerate(lines))


def _trainings(cell: Cell, comparison: Comparison) -> Figure | None:
    """Draw each training once, under the names of all rows that have it."""
    trained = [row for row in comparison.done() if row.training]
    if not trained:
        return None
    same: list[tuple[list[str], Sequence[Epoch]]] = []
    for row in trained:
        names = next((names for names, training in same if training == row.training), None)
        if names is None:
            same.append(([row.model], row.training))
        else:
            names.append(row.model)
    drawings = [Drawing(training_plot(training, _VALIDATED, tips=False), ", ".join(names)) for names, training in same]
    kept = ", ".join(_kept(" and ".join(names), best_epoch(training)) for names, training in same)
    alt = f"Loss and {_VALIDATED} by epoch of {_count(trained)}; kept: {kept}."
    notes = [_KEPT + (f" {_LAST_SEED}" if any(row.spread is not None for row in trained) else "")]
    svg = standalone(drawings, label=alt, legend={}, notes=notes, beside=min(2, len(drawings)))
    return Figure("training", f"{cell.name}.training.svg", alt, svg)


def _kept(name: str, epoch: Epoch) -> str:
    value = epoch.get("value", math.nan)
    return f"{name} epoch {epoch['epoch']:g}" + (f" with {number(value)}" if math.isfinite(value) else "")


def _legend(marks: Sequence[Sequence[Mark]]) -> dict[str, str]:
    """Return what the colours mean that are there."""
    there = {mark.kind for each in marks for mark in each if math.isfinite(mark.x.value)}
    return {kind: words for kind, words in _KINDS.items() if kind in there}


def _compared(comparison: Comparison) -> bool:
    return any(row.vs_baseline for row in comparison.done())


def _corrected(comparison: Comparison) -> str:
    return f"Colours: the difference to {comparison.baseline}, corrected for the number of rows (Holm)."


def _best(comparison: Comparison) -> str:
    metric, best, base = comparison.headline_metric, comparison.best(), _base(comparison)
    assert best is not None  # a figure is made of rows that were run
    known = best.metrics[metric]
    said = f"best is {best.model} with {number(known.value)}{_between(known)}"
    if base is None:
        return f"{said}; the baseline {comparison.baseline} was not run"
    if best is base:
        return f"{said}, the baseline"
    return f"{said}; the baseline {base.model} has {number(base.metrics[metric].value)}"


def _between(known: Interval) -> str:
    return f" ({number(known.low)} to {number(known.high)})" if known.low <= known.high else ""


def _known(panel: Panel) -> list[Mark]:
    return [mark for mark in panel.marks if math.isfinite(mark.x.value)]


def _best_of(panel: Panel) -> str:
    """Name the best row of a part, and what the baseline has there; of equals the baseline is named."""
    marks = _known(panel)
    best = max(marks, key=lambda mark: (mark.x.value, mark.kind == "baseline"))
    base = next((mark for mark in marks if mark.kind == "baseline"), None)
    beside = "" if base is None or base is best else f" against {number(base.x.value)}"
    return f"{panel.title} {best.label} {number(best.x.value)}{beside}"


def _base(comparison: Comparison) -> Row | None:
    return next((row for row in comparison.done() if row.model == comparison.baseline), None)


def _count(rows: Sequence[Row | StudyRow]) -> str:
    return f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
