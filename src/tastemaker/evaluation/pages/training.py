"""How the models of a comparison learnt that learn in epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.pages.frame import card, words
from tastemaker.evaluation.plots_training import Epoch, best_epoch, training_plot
from tastemaker.evaluation.written import seconds

_METRIC: Final = "ndcg@10 on validation"


def trainings(comparison: Comparison) -> list[str]:
    """Return a card for each model that was trained in epochs as HTML; nothing where there is none."""
    cards = [
        card(row.model, _caption(row.training), training_plot(row.training, _METRIC))
        for row in comparison.done()
        if row.training
    ]
    if not cards:
        return []
    about = "The dashed line is the epoch whose weights were kept; values are of the queries that training stops by."
    last = " Of several seeds the last is shown." if any(row.spread for row in comparison.done()) else ""
    return [words(about + last), f'<div class="plots">{"".join(cards)}</div>']


def _caption(training: Sequence[Epoch]) -> str:
    kept, count = best_epoch(training), len(training)
    took = seconds(math.fsum(epoch["seconds"] for epoch in training) / count)
    each = f"{count} epochs of {took}" if count > 1 else f"One epoch of {took}"
    if "value" in kept:
        return f"{each}; kept is number {kept['epoch']:g}, with {kept['value']:.4f} on validation."
    return f"{each}; without validation the last one is kept."
