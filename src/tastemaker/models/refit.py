"""From a model whose choices were made on validation to the same model fitted on more data."""

from __future__ import annotations

from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.models.base import DenseRecommender
from tastemaker.models.fusion import Fusion


def unfitted_copy(model: DenseRecommender) -> DenseRecommender:
    """Return an unfitted model with the choices of a fitted one fixed."""
    if isinstance(model, Fusion):
        return model.with_choices_fixed({name: unfitted_copy(source) for name, source in model.sources.items()})
    return type(model)(**model.settled_settings())


def refit(model: DenseRecommender, dataset: Dataset, *, run: Run | None = None) -> DenseRecommender:
    """Return a new model with the same choices, fitted on ``dataset``.

    A model fitted on all events is for serving: evaluation refuses it, because it has seen the test events.
    """
    again = unfitted_copy(model).fit(dataset, run=run)
    if isinstance(model, Fusion) and isinstance(again, Fusion):
        again.left_out_ = {**model.left_out_, **again.left_out_}
    return again
