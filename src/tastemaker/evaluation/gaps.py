"""Who is served worse: gaps in accuracy between groups of people, and in attention between providers of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, nearest
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.slices import UNKNOWN, folded


@dataclass(frozen=True)
class Provider:
    """What the items of one provider (brand, publisher, seller) get.

    Attributes:
        name: The value of the column.
        items: Share of the catalogue.
        events: Share of the training events.
        exposure: Share of attention, with places weighed by ``1 / log2(rank + 1)``.
        recall: Share of its targets that are among the first ``k``; NaN without targets.
        targets: How many targets it has.
    """

    name: str
    items: float
    events: float
    exposure: float
    recall: float
    targets: int


def provider_of_items(judge: Judge, column: str) -> NDArray[np.object_]:
    """Return the provider of each item of ``train.items``, object ``[n]``.

    Raises:
        DataError: The catalogue has no such column.
    """
    frame = judge.train.catalogue.frame
    if column not in frame.columns or column == "item_id":
        columns = [name for name in frame.columns if name != "item_id"]
        raise DataError(
            f"the catalogue has no column '{column}'", where=judge.train.name, remedy=nearest(column, columns)
        )
    shown = frame[column].list.join("|") if frame[column].dtype == pl.List(pl.String) else frame[column].cast(pl.String)
    labels = folded(shown.fill_null(UNKNOWN).to_list())
    found = np.empty(len(judge.train.items), dtype=object)
    found[judge.train.items.index(frame["item_id"])] = labels
    return found


def providers(judge: Judge, evaluation: Evaluation, column: str) -> list[Provider]:
    """Return what each provider gets in the first ``k`` places, ``k`` being the judge's first cut-off.

    Exposure as in Singh and Joachims (2018), "Fairness of exposure in rankings".
    """
    labels = provider_of_items(judge, column)
    events = np.bincount(judge.train.sequences.codes, minlength=len(labels))
    known = judge.targets >= 0
    of_target = np.where(known, labels[judge.targets], UNKNOWN)
    hit = (np.atleast_2d(evaluation.ranks) <= judge.ks[0]).mean(axis=0)
    found = []
    for name in sorted(set(labels.tolist())):
        own, asked = labels == name, of_target == name
        found.append(
            Provider(
                str(name),
                float(own.mean()),
                _share(events, own),
                _share(evaluation.shown, own),
                float(hit[asked].mean()) if asked.any() else float("nan"),
                int(asked.sum()),
            )
        )
    return found


def _share(values: NDArray[Any], own: NDArray[np.bool_]) -> float:
    total = values.sum()
    return float(values[own].sum() / total) if total else float("nan")


def exposure_gap(found: list[Provider]) -> float:
    """Return how much attention would have to move for exposure to follow the training events; 0 to 1.

    Half the sum of absolute differences of shares (total variation distance).

    >>> exposure_gap([Provider("a", 0.5, 0.5, 0.8, 0.1, 9), Provider("b", 0.5, 0.5, 0.2, 0.1, 9)])
    0.30000000000000004
    """
    return float(sum(abs(one.exposure - one.events) for one in found) / 2)


def accuracy_gap(values: dict[str, float]) -> tuple[float, str, str] | None:
    """Return the largest difference between two groups, and which is served best and worst.

    >>> accuracy_gap({"f": 0.25, "m": 0.75, "other": 0.5})
    (0.5, 'm', 'f')
    """
    if len(values) < 2:
        return None
    best, worst = max(values, key=lambda name: values[name]), min(values, key=lambda name: values[name])
    return values[best] - values[worst], best, worst
