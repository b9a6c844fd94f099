"""What a comparison found: the choices behind it, its rows, and their JSON form."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

import numpy as np

from tastemaker.evaluation.rows import Gap, Row, SliceRow, Spread, plain
from tastemaker.evaluation.significance import Detectable

FORMAT: Final = 1
BASELINE: Final = "sequential-rules"

__all__ = ["BASELINE", "FORMAT", "Comparison", "Gap", "Row", "SliceRow", "Spread", "environment", "plain"]


@dataclass(frozen=True)
class Comparison:
    """Models side by side.

    Attributes:
        dataset: Name of the data set.
        fingerprint: sha256 of its content.
        protocol: Name of the split's rule.
        split_hash: What was learnt from, selected on and tested on, in 12 digits.
        knobs: Every choice that decides the numbers.
        rows: One for each model, in the order they were given.
        counts: Sizes of the test.
        environment: Versions and platform.
        baseline: Name of the row that others are compared with.
        ks: Cut-offs of the metrics; the first is the headline's.
        detectable: What the test could show, worked out before it was looked at.
    """

    dataset: str
    fingerprint: str
    protocol: str
    split_hash: str
    knobs: Mapping[str, Any]
    rows: Sequence[Row]
    counts: Mapping[str, Any]
    environment: Mapping[str, str]
    baseline: str = BASELINE
    ks: Sequence[int] = (10,)
    detectable: Detectable | None = None

    def notes(self) -> list[str]:
        """Return what a reader must know before believing the numbers, as sentences."""
        notes = []
        baseline = next((row for row in self.rows if row.model == self.baseline), None)
        if baseline is None:
            notes.append(
                f"The counting baseline '{self.baseline}' is not among the models: nothing here shows that a "
                "model is better than counting."
            )
        elif baseline.status != "ok":
            notes.append(
                f"The counting baseline '{self.baseline}' was not run: nothing here shows that a model is "
                "better than counting."
            )
        notes.extend(f"{row.model} was not run: {row.reason}." for row in self.rows if row.status != "ok")
        others = [about_lists(row) for row in self.done() if row.lists is not None]
        notes.extend([*others, _SAME_NAMES] if others else [])
        return notes

    @property
    def headline_metric(self) -> str:
        """The metric that reports lead with: NDCG at the first cut-off."""
        return f"ndcg@{self.ks[0]}"

    def done(self) -> list[Row]:
        """Return the rows that were run."""
        return [row for row in self.rows if row.status == "ok"]

    def best(self) -> Row | None:
        """Return the row with the highest headline metric, if any was run."""
        return max(self.done(), key=lambda row: row.metrics[self.headline_metric].value, default=None)

    def resolution(self) -> str | None:
        """Say how small a difference to the baseline this test could have found, where there is one."""
        metric = self.headline_metric
        sizes = [row.vs_baseline[metric].detectable() for row in self.done() if row.vs_baseline]
        if not sizes:
            return None
        least, most = f"{min(sizes):.4f}", f"{max(sizes):.4f}"
        span = least if least == most else f"{least} to {most} (it depends on the model)"
        return (
            f"With {self.counts['users']:,} users this test finds a difference in {metric} of {span} four times "
            "in five; smaller ones mostly stay undecided."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is not a number is ``null``."""
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "protocol": self.protocol,
            "split_hash": self.split_hash,
            "knobs": plain(self.knobs),
            "rows": [row.to_json() for row in self.rows],
            "counts": plain(self.counts),
            "environment": dict(self.environment),
            "detectable": None if self.detectable is None else self.detectable.to_json(),
        }


def environment() -> dict[str, str]:
    """Return the versions that the numbers were made with, and the platform."""
    try:
        version = metadata.version("tastemaker")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "tastemaker": version,
    }


_SAME_NAMES: Final = (
    "Numbers that another library printed for its lists may differ under the same name: RecTools' NDCG has an ideal of "
    "k hits whatever there is to find (here ndcg_over_k) and its MAP divides by all relevant items "
    "(map_over_relevant); implicit's precision is a ratio of sums over people; LensKit clips the discount "
    "(ndcg_clipped). Add them with --metric NAME."
)

_AMISS: Final = {
    "missing_users": "people without a list (they count as missed)",
    "unknown_queries": "lists for nobody in the test (passed over)",
    "unknown_items": "entries that are no items of the data (they keep their places)",
    "duplicates": "repeated entries (the first counts)",
    "seen": "entries that the person had met before",
    "short_lists": "lists shorter than the longest cut-off",
}


def about_lists(row: Row) -> str:
    """Say where lists from elsewhere came from and what was amiss with them."""
    lists = row.lists or {}
    amiss = [f"{lists[name]:,} {words}" for name, words in _AMISS.items() if lists.get(name)]
    if lists.get("seen"):
        amiss.append(f"such entries are {lists['seen_items']}")
    found = f" It has {'; '.join(amiss)}." if amiss else ""
    return f"{row.model} is lists from a file: nothing shows what made them had not seen the answers.{found}"
