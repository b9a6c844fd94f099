"""What a report says in words: the headline, the caveats, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tastemaker.core.clock import from_microseconds
from tastemaker.evaluation.comparison import Comparison

MINUS: Final = "\N{MINUS SIGN}"
TO: Final = "\N{EN DASH}"
NOTHING: Final = "\N{EM DASH}"


def headline(comparison: Comparison) -> str:
    """Say in a sentence or two what came out, and no more than the intervals allow."""
    best, metric, baseline = comparison.best(), comparison.headline_metric, comparison.baseline
    if best is None:
        return "No model could be run."
    value = f"{best.metrics[metric].value:.4f}"
    known = best.vs_baseline.get(metric)
    if best.model == baseline:
        return f"Nothing beats counting here: {best.model} has the highest {metric}, {value}."
    if known is None:
        return f"Highest {metric}: {best.model} with {value}. There are no counts beside it."
    bounds = f"interval {signed(known.low)} to {signed(known.high)}"
    lead = f"Highest {metric}: {best.model} with {value}, {signed(known.value)} against {baseline} ({bounds})."
    return lead if known.low > 0 else f"No model is clearly better than counting. {lead}"


def caveats(comparison: Comparison) -> list[str]:
    """Return what a careful reader adds to the numbers, as sentences."""
    counts, metric = comparison.counts, comparison.headline_metric
    resolution, ran = comparison.resolution(), len(comparison.done())
    sentences = [] if resolution is None else [resolution]
    sentences.append(
        "Intervals say how much depends on which people were tested; they leave out the seed of training, this "
        "split and this data set."
    )
    if ran > 2:
        sentences.append(
            f"The highest of {ran} models is partly the luckiest: intervals are not widened for their number, but "
            "p-values are (Holm)."
        )
    if counts["cold_targets"]:
        sentences.append(
            f"{counts['cold_targets']:,} of {counts['queries']:,} answers are items that nobody had touched in "
            "training; only a model that reads text or attributes can find them."
        )
    sentences += budgets(comparison)
    for model, unknown in counts["unknown_targets"].items():
        sentences.append(f"{model} does not know {unknown:,} of the answers; they count as missed.")
    sentences.append(
        f"{metric} rewards foreseeing what people did anyway. What they would have liked, had it been shown to "
        "them, only an experiment tells."
    )
    sentences.append("Times and memory are those of one machine on one day.")
    return sentences


def budgets(comparison: Comparison) -> list[str]:
    """Say whether all models had the same number of settings to choose from."""
    tried = {row.model: row.settings_tried for row in comparison.done() if row.lists is None}
    if len(set(tried.values())) < 2:
        return []
    most, least = max(tried, key=lambda name: tried[name]), min(tried, key=lambda name: tried[name])
    return [
        f"Budgets differ: {most} chose from {tried[most]:,} settings, {least} from {tried[least]:,}; more choice alone "
        "can raise a number."
    ]


def signed(value: float, pattern: str = "+.4f") -> str:
    """Write a difference with its sign; zero has none in a short pattern."""
    return f"{value:{pattern}}".replace("-", MINUS)


def percent(value: float, *, sign: bool = False) -> str:
    """Write a share in percent, whole from 1 % up.

    >>> percent(0.314), percent(0.0012), percent(1.29, sign=True)
    ('31 %', '0.1 %', '+129 %')
    """
    if not math.isfinite(value):
        return NOTHING
    digits = 1 if 0 < abs(value) < 0.01 else 0
    return f"{value:{'+' if sign and value else ''}.{digits}%}".replace("%", " %").replace("-", MINUS)


def seconds(value: float) -> str:
    """Write a duration.

    >>> seconds(0.054), seconds(29.47), seconds(1234.5)
    ('54 ms', '29.5 s', '1,234 s')
    """
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def said(value: Any, name: str = "") -> str:
    """Write a knob or a setting; a number of microseconds under a name that ends in ``_from`` is a time.

    >>> said(True), said([10, 100]), said({"a": 0.5}), said(889237269000000, "valid_from")
    ('yes', '10, 100', 'a 0.5', '1998-03-07 02:21:09 UTC')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{part} {said(inner)}" for part, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(said(inner) for inner in value)
    if isinstance(value, int) and name.endswith("_from"):
        return f"{from_microseconds(value):%Y-%m-%d %H:%M:%S} UTC"
    return NOTHING if value is None else f"{value:g}" if isinstance(value, float) else str(value)
