"""The rows of a comparison: what one model or one file of lists did, as a whole and in parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.entries import Entry
from tastemaker.evaluation.gaps import Provider
from tastemaker.evaluation.significance import LEVEL


@dataclass(frozen=True)
class SliceRow:
    """A row's metrics on a part of the test.

    Attributes:
        family: What divides the test, such as ``history``.
        name: Which part of it, such as ``5-9``.
        queries: How many queries have a target in it.
        users: How many people have one.
        targets: How many targets it has.
        small: Whether there are too few people for the numbers to say much.
        metrics: Metric -> value with its interval.
        vs_baseline: Metric -> this row minus the baseline's row, on the same people.
    """

    family: str
    name: str
    queries: int
    users: int
    targets: int
    small: bool
    metrics: Mapping[str, Interval]
    vs_baseline: Mapping[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "family": self.family,
            "name": self.name,
            "queries": self.queries,
            "users": self.users,
            "targets": self.targets,
            "small": self.small,
            "metrics": all_bounds_json(self.metrics),
            "vs_baseline": all_bounds_json(self.vs_baseline),
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            entry["family"].text(),
            entry["name"].text(),
            entry["queries"].whole(),
            entry["users"].whole(),
            entry["targets"].whole(),
            entry["small"].flag(),
            all_bounds(entry["metrics"]),
            all_bounds(entry["vs_baseline"]),
        )


@dataclass(frozen=True)
class Gap:
    """How far apart groups are.

    Attributes:
        family: ``group:COLUMN`` of people, or ``provider:COLUMN`` of items.
        metric: What is compared.
        value: The difference; for providers the share of attention that would have to move for exposure to follow the
            training events.
        best: The group that is served best.
        worst: The group that is served worst.
        providers: What each provider gets.
    """

    family: str
    metric: str
    value: Interval
    best: str
    worst: str
    providers: Sequence[Provider] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "family": self.family,
            "metric": self.metric,
            "value": bounds_json(self.value),
            "best": self.best,
            "worst": self.worst,
            "providers": plain([asdict(each) for each in self.providers]),
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            entry["family"].text(),
            entry["metric"].text(),
            bounds(entry["value"]),
            entry["best"].text(),
            entry["worst"].text(),
            [
                Provider(
                    each["name"].text(),
                    each["items"].number(),
                    each["events"].number(),
                    each["exposure"].number(),
                    each["recall"].number(),
                    each["targets"].whole(),
                )
                for each in entry["providers"].each()
            ],
        )


@dataclass(frozen=True)
class Spread:
    """What each seed gave.

    Attributes:
        seeds: The seeds.
        values: Metric -> its value for each seed.
    """

    seeds: tuple[int, ...]
    values: Mapping[str, Sequence[float]]

    def deviation(self, metric: str) -> float:
        """Return the standard deviation over seeds.

        >>> Spread((0, 1), {"ndcg@10": [0.1, 0.3]}).deviation("ndcg@10").__round__(6)
        0.141421
        """
        return float(np.std(self.values[metric], ddof=1))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        metrics = {name: {"values": plain(v), "sd": plain(self.deviation(name))} for name, v in self.values.items()}
        return {"seeds": list(self.seeds), "metrics": metrics}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        seeds = tuple(seed.whole() for seed in entry["seeds"].each())
        values = {}
        for name, known in entry["metrics"].items():
            values[name] = [value.number() for value in known["values"].each()]
            if len(values[name]) != len(seeds):
                known["values"].refuse(f"a list of {len(seeds)} numbers, one a seed,")
        return cls(seeds, values)


@dataclass(frozen=True)
class Row:
    """One model of a comparison.

    Attributes:
        model: Its name in the comparison.
        status: ``ok``, or ``not run``.
        reason: Why it was not run.
        metrics: Metric -> value with its interval; no interval where it is not a mean over users.
        vs_baseline: Metric -> this row minus the baseline's row, on the same users.
        valid: Metric on the validation queries that settings were chosen on.
        settings: Hyper-parameters in use.
        settings_tried: How many settings were compared on validation.
        fit_seconds: Wall time of ``fit``, selection included.
        evaluate_seconds: Wall time of scoring and ranking the test queries.
        ms_per_query: The same for each query, in milliseconds.
        peak_mb: Peak memory in 10^6 bytes, as the knob ``peak_memory`` says.
        rank_hash: sha256 of the ranks of all test targets.
        unknown_targets: Test targets that the model does not know.
        p_values: Metric -> p-value of the difference to the baseline, and the same corrected over the rows (Holm).
        slices: The same metrics for parts of the test.
        gaps: How far apart groups of people and providers of items are.
        spread: What each seed gave, where there are several; ``metrics`` are then means over them.
        lists: For lists from elsewhere, the file and what was amiss with it.
        training: What is known of each epoch of the last training (``epoch``, ``loss``, ``seconds``, and ``value``
            where it was validated), for models that have epochs.
    """

    model: str
    status: str = "ok"
    reason: str | None = None
    metrics: Mapping[str, Interval] = field(default_factory=dict)
    vs_baseline: Mapping[str, Interval] = field(default_factory=dict)
    valid: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    settings_tried: int = 0
    fit_seconds: float = math.nan
    evaluate_seconds: float = math.nan
    ms_per_query: float = math.nan
    peak_mb: float | None = None
    rank_hash: str | None = None
    unknown_targets: int = 0
    p_values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    slices: Sequence[SliceRow] = ()
    gaps: Sequence[Gap] = ()
    spread: Spread | None = None
    lists: Mapping[str, Any] | None = None
    training: Sequence[Mapping[str, float]] = ()

    @property
    def seconds(self) -> float:
        """Wall time of fitting and evaluating together."""
        return self.fit_seconds + self.evaluate_seconds

    def clear(self, metric: str) -> bool:
        """Whether the difference to the baseline stands when the number of rows is taken into account."""
        known = self.vs_baseline.get(metric)
        if known is None or not known.excludes_zero():
            return False
        return metric not in self.p_values or self.p_values[metric][1] < LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "model": self.model,
            "status": self.status,
            **({"reason": self.reason} if self.reason else {}),
            "metrics": all_bounds_json(self.metrics),
            "vs_baseline": all_bounds_json(self.vs_baseline),
            "valid": plain(self.valid),
            "settings": plain(self.settings),
            "settings_tried": self.settings_tried,
            "seconds": plain(self.seconds),
            "fit_seconds": plain(self.fit_seconds),
            "evaluate_seconds": plain(self.evaluate_seconds),
            "ms_per_query": plain(self.ms_per_query),
            "peak_mb": plain(self.peak_mb),
            "rank_hash": self.rank_hash,
            "unknown_targets": self.unknown_targets,
            "p_values": {name: {"p": plain(p), "holm": plain(q)} for name, (p, q) in self.p_values.items()},
            "slices": [part.to_json() for part in self.slices],
            "gaps": [gap.to_json() for gap in self.gaps],
            "seeds": None if self.spread is None else self.spread.to_json(),
            "lists": plain(self.lists),
            **({"training": plain(self.training)} if self.training else {}),
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        spread, lists = entry.known("seeds"), entry.known("lists")
        peak, ranks = entry.known("peak_mb"), entry.known("rank_hash")
        return cls(
            entry["model"].text(),
            entry["status"].text(),
            entry["reason"].text() if "reason" in entry.mapping() else None,
            all_bounds(entry["metrics"]),
            all_bounds(entry["vs_baseline"]),
            {name: value.number() for name, value in entry["valid"].items()},
            entry["settings"].mapping(),
            entry["settings_tried"].whole(),
            entry["fit_seconds"].number(),
            entry["evaluate_seconds"].number(),
            entry["ms_per_query"].number(),
            None if peak is None else peak.number(),
            None if ranks is None else ranks.text(),
            entry["unknown_targets"].whole(),
            {name: (known["p"].number(), known["holm"].number()) for name, known in entry["p_values"].items()},
            [SliceRow.from_json(part) for part in entry["slices"].each()],
            [Gap.from_json(gap) for gap in entry["gaps"].each()],
            None if spread is None else Spread.from_json(spread),
            None if lists is None else _lists(lists),
            _training(entry["training"]) if "training" in entry.mapping() else (),
        )


def _lists(entry: Entry) -> dict[str, Any]:
    """Read what is known of lists from elsewhere: three texts and counts."""
    texts = ("file", "order", "seen_items")
    counts = {name: value.whole() for name, value in entry.items() if name not in texts}
    return {**{name: entry[name].text() for name in texts}, **counts}


def _training(entry: Entry) -> list[dict[str, float]]:
    """Read what is known of each epoch: its number, loss and seconds, and whatever else there is."""
    always = ("epoch", "loss", "seconds")
    return [
        {**{name: epoch[name].number() for name in always}, **{name: each.number() for name, each in epoch.items()}}
        for epoch in entry.each()
    ]


def plain(value: Any) -> Any:
    """Return ``value`` as JSON values: mappings, lists, text, numbers; ``None`` for what is not finite.

    >>> plain({"a": np.float32(0.5), "b": (1, float("nan"))})
    {'a': 0.5, 'b': [1, None]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def bounds_json(known: Interval) -> dict[str, float | None]:
    """Return a value and its interval as JSON values."""
    return {"value": plain(known.value), "low": plain(known.low), "high": plain(known.high)}


def bounds(entry: Entry) -> Interval:
    """Read what `bounds_json` wrote."""
    return Interval(entry["value"].number(), entry["low"].number(), entry["high"].number())


def all_bounds_json(known: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return values with their intervals, metric by metric, as JSON values."""
    return {name: bounds_json(value) for name, value in known.items()}


def all_bounds(entry: Entry) -> dict[str, Interval]:
    """Read what `all_bounds_json` wrote."""
    return {name: bounds(value) for name, value in entry.items()}
