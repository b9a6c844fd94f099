"""What a report says of a comparison in words: the headline and the caveats."""

from __future__ import annotations

from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.written import signed


def headline(comparison: Comparison) -> str:
    """Say in a sentence or two what came out, and no more than the intervals allow."""
    if comparison.negatives is None or comparison.best() is None:
        return _outcome(comparison)
    return f"Ranked among {comparison.negatives:,} sampled negatives, not the whole catalogue. {_outcome(comparison)}"


def _outcome(comparison: Comparison) -> str:
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
    return lead if known.low > 0 and best.clear(metric) else f"No model is clearly better than counting. {lead}"


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
