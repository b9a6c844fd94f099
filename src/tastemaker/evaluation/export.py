"""A comparison as a file for other programs: CSV with every number, and a LaTeX table with the main ones."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, Final

from tastemaker.core.files import atomic_file
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row

COLUMNS: Final = (
    "model",
    "status",
    "part",
    "metric",
    "value",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
    "sd_over_seeds",
    "users",
    "small",
    "settings_tried",
    "seconds",
    "peak_mb",
)

_ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def csv_report(comparison: Comparison) -> str:
    """Return one line for each model, part and metric; the whole test has no part.

    Where answers were ranked among a sample, a column ``candidates`` says so.
    """
    out = StringIO()
    sampled = {} if comparison.negatives is None else {"candidates": f"1 + {comparison.negatives}"}
    writer = csv.DictWriter(out, (*COLUMNS, *sampled), lineterminator="\n")
    writer.writeheader()
    for row in comparison.rows:
        writer.writerows({**line, **sampled} for line in _lines(row, comparison))
    return out.getvalue()


def _lines(row: Row, comparison: Comparison) -> Iterator[dict[str, Any]]:
    shared = {"model": row.model, "status": row.status}
    if row.status != "ok":
        yield shared
        return
    cost = {"settings_tried": row.settings_tried, "seconds": _number(row.seconds), "peak_mb": _number(row.peak_mb)}
    for metric, known in row.metrics.items():
        p, corrected = row.p_values.get(metric, (None, None))
        yield {
            **shared,
            **_numbers(metric, known, row.vs_baseline),
            "p": _number(p),
            "p_holm": _number(corrected),
            "sd_over_seeds": "" if row.spread is None else _number(row.spread.deviation(metric)),
            "users": comparison.counts["users"],
            **cost,
        }
    for part in row.slices:
        for metric, known in part.metrics.items():
            where = {"part": f"{part.family}: {part.name}", "users": part.users, "small": "yes" if part.small else "no"}
            yield {**shared, **where, **_numbers(metric, known, part.vs_baseline)}


def _numbers(metric: str, known: Interval, differences: Mapping[str, Interval]) -> dict[str, Any]:
    difference = differences.get(metric, Interval(math.nan))
    return {
        "metric": metric,
        "value": _number(known.value),
        "low": _number(known.low),
        "high": _number(known.high),
        "difference": _number(difference.value),
        "difference_low": _number(difference.low),
        "difference_high": _number(difference.high),
    }


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.10g}"


def latex_report(comparison: Comparison) -> str:
    """Return a table for the package ``booktabs``: metrics at the first cut-off with their intervals.

    The highest value of a column is bold; a star marks what differs from the baseline after Holm's correction.
    """
    k = comparison.ks[0]
    names = [f"{name}@{k}" for name in ("ndcg", "recall", "hr", "mrr", "coverage")]
    done = comparison.done()
    best = {name: max((row.metrics[name].value for row in done), default=math.nan) for name in names}
    body = []
    for row in comparison.rows:
        if row.status != "ok":
            body.append(rf"{escaped(row.model)} & \multicolumn{{{len(names) + 2}}}{{l}}{{not run}} \\")
            continue
        cells = [_cell(row, name, bold=row.metrics[name].value == best[name]) for name in names]
        seconds = "--" if not math.isfinite(row.seconds) else f"{row.seconds:.1f}"
        tried = "--" if row.lists is not None else str(row.settings_tried)
        body.append(" & ".join([escaped(row.model), *cells, tried, seconds]) + r" \\")
    heads = " & ".join(["model", *(escaped(name) for name in names), "settings tried", "seconds"])
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{l{'r' * (len(names) + 2)}}}",
        r"\toprule",
        heads + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{escaped(_caption(comparison))}}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(row: Row, metric: str, *, bold: bool) -> str:
    known = row.metrics[metric]
    value = f"{known.value:.4f}"
    mark = "$^{*}$" if row.clear(metric) else ""
    spread = rf" {{\scriptsize $\pm${row.spread.deviation(metric):.4f}}}" if row.spread is not None else ""
    bounds = rf" {{\scriptsize [{known.low:.3f}, {known.high:.3f}]}}" if math.isfinite(known.low) else ""
    return (rf"\textbf{{{value}}}" if bold else value) + mark + spread + bounds


def _caption(comparison: Comparison) -> str:
    knobs = comparison.knobs
    seeds = next((row.spread.seeds for row in comparison.done() if row.spread is not None), ())
    sampled = "" if comparison.negatives is None else f" (1 + {comparison.negatives} candidates)"
    several = f" Means over seeds {', '.join(map(str, seeds))} with their standard deviation." if seeds else ""
    return (
        f"{comparison.dataset}, {comparison.protocol} (split {comparison.split_hash}), "
        f"{comparison.counts['users']:,} people, {knobs.get('candidates', '')}{sampled}, {knobs.get('mask', '')}; "
        f"intervals: {knobs.get('interval', '')}; * differs from {comparison.baseline} at the 5% level after Holm's "
        f"correction.{several}"
    )


def escaped(text: str) -> str:
    r"""Write text so that LaTeX shows it as it is.

    >>> print(escaped("item_knn & 50%"))
    item\_knn \& 50\%
    """
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def write_text(text: str, path: Path) -> None:
    """Write text to a file, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
