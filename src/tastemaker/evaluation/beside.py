"""What several comparisons have in common and where they differ: whether their numbers may be set beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.probes.report import summary
from tastemaker.evaluation.rows import plain

Runs = Mapping[str, Comparison]
"""What a run is called -> what was found in it."""

_MEASURING: Final = ("mask", "candidates", "negatives", "negative_seeds", "averaging", "ndcg")


def facts(comparison: Comparison) -> dict[str, Any]:
    """Return everything that decides or describes a comparison beside its rows, by name, as JSON values."""
    return {
        "data": comparison.dataset,
        "data fingerprint": comparison.fingerprint[:16],
        "protocol": comparison.protocol,
        "split": comparison.split_hash,
        **{name: value for name, value in plain(comparison.knobs).items() if name != "seed"},
        **{name: value for name, value in comparison.counts.items() if name != "unknown_targets"},
        **comparison.environment,
        "probes": summary(comparison.probes),
    }


def differences(runs: Runs) -> dict[str, list[Any]]:
    """Return those facts that are not the same in all runs: name -> its value in each, ``None`` where it has none."""
    of_runs = [facts(comparison) for comparison in runs.values()]
    names = dict.fromkeys(name for known in of_runs for name in known)
    values = {name: [known.get(name) for known in of_runs] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}


def comparable(runs: Runs) -> bool:
    """Whether all runs asked the same questions of models that had learnt from the same rows."""
    return len({(comparison.fingerprint, comparison.split_hash) for comparison in runs.values()}) < 2


def measured_otherwise(runs: Runs) -> list[str]:
    """Return the choices of measuring, the same split given, that differ between runs."""
    differ = differences(runs)
    return [name for name in _MEASURING if name in differ]


def warnings(runs: Runs) -> list[str]:
    """Return what must be known before numbers of several runs are read beside each other, as sentences."""
    found = []
    if not comparable(runs):
        splits: dict[str, list[str]] = {}
        for name, comparison in runs.items():
            splits.setdefault(f"{comparison.dataset} {comparison.split_hash}", []).append(name)
        listed = "; ".join(f"{split}: {', '.join(names)}" for split, names in splits.items())
        found.append(
            f"Numbers of different splits do not compare: other people were asked other questions. The splits are "
            f"{listed}."
        )
    else:
        measured = [name.replace("_", " ") for name in measured_otherwise(runs)]
        if measured:
            found.append(f"The split is the same, but not how it was measured: {', '.join(measured)} differ.")
    if metric(runs) is None:
        found.append("The runs have no NDCG in common; each shows that of its own first cut-off.")
    return found


def metric(runs: Runs) -> str | None:
    """Return the first headline metric that every run has, or nothing."""
    for name in dict.fromkeys(comparison.headline_metric for comparison in runs.values()):
        if all(name in row.metrics for comparison in runs.values() for row in comparison.done()):
            return name
    return None


def models(runs: Runs) -> list[str]:
    """Return the names of all rows, in the order of the runs."""
    return list(dict.fromkeys(row.model for comparison in runs.values() for row in comparison.rows))


def row_of(comparison: Comparison, model: str) -> Row | None:
    """Return the row of a model, if it was run."""
    return next((row for row in comparison.done() if row.model == model), None)


def changed_settings(runs: Runs) -> dict[tuple[str, str], list[Any]]:
    """Return the settings that differ between runs: model and setting -> its value in each.

    ``None`` stands for a run that lacks the model or the setting; such a run alone makes no difference.
    """
    found = {}
    for model in models(runs):
        rows = [row_of(comparison, model) for comparison in runs.values()]
        known = [plain(row.settings) for row in rows if row is not None]
        for setting in dict.fromkeys(name for settings in known for name in settings):
            values = [settings.get(setting) for settings in known]
            if any(value != values[0] for value in values):
                found[model, setting] = [None if row is None else plain(row.settings).get(setting) for row in rows]
    return found
