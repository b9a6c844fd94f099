"""What a comparison found: the choices behind it, its rows, and their JSON form."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from tastemaker.core.errors import DataError
from tastemaker.data.sources.registry import caution_about
from tastemaker.evaluation.entries import Entry, read_entry
from tastemaker.evaluation.examples import Example
from tastemaker.evaluation.probes.finding import Finding
from tastemaker.evaluation.rows import Gap, Row, SliceRow, Spread, plain
from tastemaker.evaluation.significance import Detectable

FORMAT: Final = 2
BASELINE: Final = "sequential-rules"

__all__ = [
    "AMISS",
    "BASELINE",
    "FORMAT",
    "Comparison",
    "Gap",
    "Row",
    "SliceRow",
    "Spread",
    "environment",
    "plain",
    "read_comparison",
]


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
        probes: What probes of the data found; nothing where none was run.
        examples: A few people of the test, with what each row shows them.
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
    probes: Sequence[Finding] = ()
    examples: Sequence[Example] = ()

    def notes(self) -> list[str]:
        """Return what a reader must know before believing the numbers, as sentences."""
        notes = [caution] if (caution := caution_about(self.dataset)) else []
        if self.negatives is not None:
            notes.append(self._about_sample(self.negatives))
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
        if leaks := [f"{found.probe} ({found.subject})" for found in self.probes if found.verdict == "leak"]:
            notes.append(
                f"Probes found that held-out answers can be told from {', '.join(leaks)}: a model that reads this "
                "knows what nobody could know in time."
            )
        notes.extend(f"{row.model} was not run: {row.reason}." for row in self.rows if row.status != "ok")
        others = [about_lists(row) for row in self.done() if row.lists is not None]
        notes.extend([*others, _SAME_NAMES] if others else [])
        return notes

    @property
    def negatives(self) -> int | None:
        """Among how many sampled items each answer was ranked; ``None`` for a ranking of what the knobs say."""
        known = self.knobs.get("negatives")
        return known if isinstance(known, int) else None

    def _about_sample(self, negatives: int) -> str:
        seeds = self.knobs.get("negative_seeds")
        draws = f", means over {len(seeds)} draws" if isinstance(seeds, list) and len(seeds) > 1 else ""
        short = self.counts.get("short_of_negatives")
        fewer = f" ({short:,} of {self.counts['targets']:,} among fewer: no more were left)" if short else ""
        chance = ", ".join(f"hr@{k} is {min(1.0, k / (negatives + 1)):.4f}" for k in self.ks)
        return (
            f"Each answer was ranked among itself and {negatives:,} sampled items{fewer}{draws}: such numbers cannot "
            "be compared with those of a ranking of the whole catalogue, and may put models in another order "
            f"(Krichene and Rendle, 2020). By chance alone {chance}."
        )

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
            "baseline": self.baseline,
            "ks": list(self.ks),
            "knobs": plain(self.knobs),
            "rows": [row.to_json() for row in self.rows],
            "counts": plain(self.counts),
            "environment": dict(self.environment),
            "detectable": None if self.detectable is None else self.detectable.to_json(),
            "probes": [found.to_json() for found in self.probes],
            "examples": [example.to_json() for example in self.examples],
        }

    @classmethod
    def from_json(cls, document: Any, file: str = "the document") -> Self:
        """Read what `to_json` wrote; what it left out is NaN again.

        Args:
            document: A JSON value.
            file: Where it came from, for errors.

        Raises:
            DataError: It is no comparison, of another format version, or damaged; the error says where.
        """
        top = Entry(document, file)
        _need_format(top)
        ks = tuple(k.whole() for k in top["ks"].each())
        if not ks or min(ks) < 1:
            top["ks"].refuse("a list of cut-offs")
        detectable = top.known("detectable")
        return cls(
            dataset=top["dataset"].text(),
            fingerprint=top["fingerprint"].text(),
            protocol=top["protocol"].text(),
            split_hash=top["split_hash"].text(),
            knobs=top["knobs"].mapping(),
            rows=[_complete(Row.from_json(row), row, ks[0]) for row in top["rows"].each()],
            counts=_counts(top["counts"]),
            environment={name: value.text() for name, value in top["environment"].items()},
            baseline=top["baseline"].text(),
            ks=ks,
            detectable=None if detectable is None else Detectable.from_json(detectable),
            probes=[Finding.from_json(found) for found in top["probes"].each()],
            examples=[Example.from_json(example) for example in top["examples"].each()],
        )


def read_comparison(path: Path) -> Comparison:
    """Read a comparison that ``compare --json`` or ``evaluate --json`` wrote, or that was put into a report folder.

    Raises:
        DataError: The file is missing, no comparison, of another format version, or damaged; the error says where.
    """
    top = read_entry(path)
    return Comparison.from_json(top.value, top.file)


def _need_format(top: Entry) -> None:
    known = top.value if isinstance(top.value, dict) else {}
    if not {"format", "rows", "split_hash"} <= known.keys():
        raise DataError(
            "this JSON document is no comparison",
            where=top.file,
            remedy="Give a file that 'tastemaker compare --json' or 'evaluate --json' wrote.",
        )
    if known["format"] != FORMAT:
        maker = known.get("environment")
        version = maker.get("tastemaker") if isinstance(maker, dict) else None
        by = f" by version {version}" if isinstance(version, str) else ""
        raise DataError(
            f"this comparison was written in format {known['format']!r}{by}; this version reads format {FORMAT}",
            where=top.file,
            remedy="Compare again, or use the version that wrote it.",
        )


_EVERYWHERE: Final = ("ndcg", "hr", "mrr", "coverage", "popularity_lift")
_SIZES: Final = ("train_events", "train_users", "items", "valid_queries", "queries", "users", "targets", "cold_targets")


def _complete(row: Row, entry: Entry, k: int) -> Row:
    """Return a row that holds what reports show of every row that was run."""
    if row.status == "ok":
        for name in _EVERYWHERE:
            entry["metrics"][f"{name}@{k}"]
        if not row.metrics[f"ndcg@{k}"].value >= 0:
            entry["metrics"][f"ndcg@{k}"]["value"].refuse("a number of at least 0")
        for part in entry["slices"].each():
            part["metrics"][f"ndcg@{k}"]
        if row.vs_baseline:
            entry["vs_baseline"][f"ndcg@{k}"]
        if row.spread is not None:
            entry["seeds"]["metrics"][f"ndcg@{k}"]
    return row


def _counts(entry: Entry) -> dict[str, Any]:
    for name in _SIZES:
        entry[name].whole()
    unknown = {model: count.whole() for model, count in entry["unknown_targets"].items()}
    return {**entry.mapping(), "unknown_targets": unknown}


def environment() -> dict[str, str]:
    """Return the versions that the numbers were made with, and the platform."""
    try:
        version = metadata.version("tastemaker")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "tastemaker": version,
    }


_SAME_NAMES: Final = (
    "Numbers that another library printed for its lists may differ under the same name: RecTools' NDCG has an ideal of "
    "k hits whatever there is to find (here ndcg_over_k) and its MAP divides by all relevant items "
    "(map_over_relevant); implicit's precision is a ratio of sums over people; LensKit clips the discount "
    "(ndcg_clipped). Add them with --metric NAME."
)

AMISS: Final = {
    "missing_users": "people without a list (they count as missed)",
    "unknown_queries": "lists for nobody in the test (passed over)",
    "unknown_items": "entries that are no items of the data (they keep their places)",
    "duplicates": "repeated entries (the first counts)",
    "seen": "entries that the person had met before",
    "short_lists": "lists shorter than the longest cut-off",
}
"""What may be amiss with lists from elsewhere -> in words."""


def about_lists(row: Row) -> str:
    """Say where lists from elsewhere came from and what was amiss with them."""
    lists = row.lists or {}
    amiss = [f"{lists[name]:,} {words}" for name, words in AMISS.items() if lists.get(name)]
    if lists.get("seen"):
        amiss.append(f"such entries are {lists['seen_items']}")
    found = f" It has {'; '.join(amiss)}." if amiss else ""
    return f"{row.model} is lists from a file: nothing shows what made them had not seen the answers.{found}"
