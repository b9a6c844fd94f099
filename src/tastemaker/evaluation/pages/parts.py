"""Where a model is good and for whom: parts of the test, groups of people, providers of items, seeds, foreign lists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import AMISS, Comparison, Gap, Row, SliceRow
from tastemaker.evaluation.pages.frame import cell, folded, head, heads, interval_cell, row, table, words
from tastemaker.evaluation.plots import Mark
from tastemaker.evaluation.plots_beside import Panel, plots_beside
from tastemaker.evaluation.written import NOTHING, percent, said

_FAMILIES: Final = {
    "popularity": (
        "How popular the answer is",
        "Cold answers have no event in training. The most popular items that make up a third of the training events "
        "are the head, those of the next third the torso, all others the tail.",
    ),
    "events": ("Whether the answer is as good as new", "How many events it has in training."),
    "history": ("How much is known of the person", "The number of events before the question."),
    "day": (
        "When the answer came",
        "On the same day (UTC) as the last event of the history, as what lies in one basket does, or later.",
    ),
    "category": (
        "Whether the answer is of a kind that the person knows",
        "Known answers share a category with something in the history.",
    ),
}
_COLOURS: Final = (
    "Colours say where a model differs from counting on the people of a part: its interval excludes zero. Among so "
    "many parts one in twenty does by chance."
)


def parts(comparison: Comparison) -> Iterator[str]:
    """Yield what each family of parts shows, as HTML: plots beside each other, and their numbers."""
    done = [one for one in comparison.done() if one.slices]
    if not done:
        return
    yield words(f"{comparison.headline_metric} where only the answers of a part count. {_COLOURS}")
    for family in dict.fromkeys(part.family for one in done for part in one.slices):
        title, about = _FAMILIES.get(family, (f"By {family.removeprefix('group:')} of the person", ""))
        yield f"<h3>{escape(title)}</h3>{words(about) if about else ''}"
        found = _columns(done, family)
        panels = family_panels(comparison, family)
        yield plots_beside(panels, label=f"{comparison.headline_metric} by part", form="{:g}".format)
        yield folded("The numbers", _numbers(found, done, comparison))


def _columns(done: Sequence[Row], family: str) -> list[list[SliceRow | None]]:
    """Return for each part of a family what every row did on it."""
    names = dict.fromkeys(part.name for one in done for part in one.slices if part.family == family)
    return [[_part(one, family, name) for one in done] for name in names]


def _part(one: Row, family: str, name: str) -> SliceRow | None:
    return next((part for part in one.slices if (part.family, part.name) == (family, name)), None)


def _kind(part: SliceRow, model: str, comparison: Comparison) -> str:
    known = part.vs_baseline.get(comparison.headline_metric)
    if model == comparison.baseline:
        return "baseline"
    if known is None or not known.excludes_zero():
        return "open"
    return "above" if known.low > 0 else "below"


def _people(part: SliceRow) -> str:
    return f"{part.users:,} {'person' if part.users == 1 else 'people'}"


def _size(part: SliceRow) -> str:
    return f"{_people(part)}{' (small)' if part.small else ''}"


def family_panels(comparison: Comparison, family: str, note: Callable[[SliceRow], str] = _size) -> list[Panel]:
    """Return a panel for each part of a family, coloured by the differences on the people of the part.

    Args:
        comparison: Its rows that have parts are shown.
        family: Name of a family, such as ``popularity``.
        note: Writes what stands below the name of a part.
    """
    metric = comparison.headline_metric
    done = [one for one in comparison.done() if one.slices]
    panels = []
    for columns in _columns(done, family):
        some = next(part for part in columns if part is not None)
        marks, counts = [], None
        for one, part in zip(done, columns, strict=True):
            if part is None:
                marks.append(Mark(one.model, Interval(math.nan)))
                continue
            known = part.metrics[metric]
            tip = f"{one.model}, {part.name}: {metric} {known.value:.4f}"
            marks.append(Mark(one.model, known, kind=_kind(part, one.model, comparison), tip=tip))
            counts = known.value if one.model == comparison.baseline else counts
        panels.append(Panel(some.name, note(some), marks, counts))
    return panels


def _numbers(found: Sequence[Sequence[SliceRow | None]], done: Sequence[Row], comparison: Comparison) -> str:
    columns = [head("Model")]
    for one in found:
        some = next(part for part in one if part is not None)
        columns.append(head(some.name, f"{_people(some)}, {some.targets:,} answers", "small" if some.small else ""))
    rows = [
        row(
            one.model,
            (
                cell(NOTHING)
                if part is None
                else interval_cell(part.metrics[comparison.headline_metric], kind=_kind(part, one.model, comparison))
                for part in (column[place] for column in found)
            ),
        )
        for place, one in enumerate(done)
    ]
    return table(columns, rows)


def gaps(comparison: Comparison) -> Iterator[str]:
    """Yield how far apart groups of people and providers of items are, as HTML."""
    families = dict.fromkeys(part.family for one in comparison.done() for part in one.slices)
    grouped = (name for name in families if name.startswith("group:"))
    for family in dict.fromkeys([*grouped, *(gap.family for one in comparison.done() for gap in one.gaps)]):
        of_rows = [(one, gap) for one in comparison.done() for gap in one.gaps if gap.family == family]
        column = family.partition(":")[2]
        if family.startswith("provider:"):
            yield f"<h3>Attention by {escape(column)} of the item</h3>"
            yield words(
                "The share of the catalogue and of the training events that each provider has, and the share of "
                "attention that each model gives it (places weigh 1 / log2(rank + 1)), with the recall of its items. "
                "The last line is the share of attention that would have to move to follow the training events."
            )
            yield _providers(of_rows)
        else:
            yield f"<h3>People by {escape(column)}</h3>"
            yield _groups(of_rows, column) if of_rows else words("No two groups are large enough to be compared.")


def _groups(of_rows: Sequence[tuple[Row, Gap]], column: str) -> str:
    rows = [row(one.model, [interval_cell(gap.value), cell(gap.best), cell(gap.worst)]) for one, gap in of_rows]
    about = words(f"The difference in {of_rows[0][1].metric} between the best and the worst served {column} that is "
                  "not small; the two were chosen by the result, so the interval is somewhat too hopeful.")  # fmt: skip
    return about + table(heads("Model", "Gap", "Served best", "Served worst"), rows)


def _providers(of_rows: Sequence[tuple[Row, Gap]]) -> str:
    first = of_rows[0][1].providers
    places = [{each.name: each for each in gap.providers} for _, gap in of_rows]
    rows = []
    for own in first:
        cells = [cell(percent(own.items)), cell(percent(own.events))]
        for known in places:
            each = known.get(own.name)
            below = "" if each is None or not math.isfinite(each.recall) else f"recall {each.recall:.3f}"
            cells.append(cell(NOTHING if each is None else percent(each.exposure), below))
        rows.append(row(own.name, cells))
    moved = [cell(""), cell(""), *(cell(percent(gap.value.value)) for _, gap in of_rows)]
    columns = [*heads("Provider", "items", "events"), *(head(one.model, "attention") for one, _ in of_rows)]
    return table(columns, [*rows, row("would have to move", moved)])


def seeds(comparison: Comparison) -> Iterator[str]:
    """Yield what each seed gave, as HTML; nothing where there was one."""
    metric = comparison.headline_metric
    several = [(one, one.spread) for one in comparison.done() if one.spread is not None]
    if not several:
        return
    numbers = several[0][1].seeds
    yield words(
        f"{metric} of each seed: it decides ties, and in models that draw at random what they learn. Everywhere else "
        "the mean is shown, and p-values and intervals are those of the mean."
    )
    rows = [
        row(
            one.model,
            [
                *(cell(f"{value:.4f}") for value in spread.values[metric]),
                cell(f"{one.metrics[metric].value:.4f}"),
                cell(f"{spread.deviation(metric):.4f}"),
            ],
        )
        for one, spread in several
    ]
    yield table(heads("Model", *(f"seed {seed}" for seed in numbers), "mean", "sd"), rows)


def foreign_lists(comparison: Comparison) -> Iterator[str]:
    """Yield where lists from elsewhere came from and what was amiss with them, as HTML."""
    given = [(one.model, one.lists) for one in comparison.done() if one.lists is not None]
    if not given:
        return
    names = {
        "file": "file",
        "order": "put in order by",
        "rows": "entries",
        "lists": "lists for people of the test",
        **AMISS,
        "seen_items": "entries met before are",
    }
    rows = [
        row(called, [cell(_count(known.get(name)), kind="wrapped") for _, known in given])
        for name, called in names.items()
    ]
    yield table(heads("Lists", *(name for name, _ in given)), rows)


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else said(value)
