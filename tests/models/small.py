"""Every shipped model in a size that is fitted in a moment, and the extras without which some cannot be fitted."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest

from tastemaker.models import MODELS, make_model
from tastemaker.models.base import DenseRecommender

SMALL: Final[Mapping[str, Mapping[str, Any]]] = {
    "sasrec": {
        "items": "ids",
        "dimensions": 16,
        "dropout": 0.1,
        "max_length": 12,
        "loss": "softmax",
        "learning_rate": 0.02,
        "batch_events": 200,
        "epochs": 10,
    },
    "generative": {
        "dimensions": 32,
        "heads": 2,
        "hidden": 32,
        "blocks": 1,
        "learning_rate": 0.01,
        "warmup": 5,
        "batch_tokens": 400,
        "epochs": 30,
        "prompts": "bare",
        "indexer": "item-token",
    },
    "generative-rating": {
        "tasks": {"rating": 12.0},
        "dimensions": 32,
        "heads": 2,
        "hidden": 32,
        "blocks": 1,
        "learning_rate": 0.01,
        "warmup": 5,
        "batch_tokens": 800,
        "epochs": 6,
        "prompts": "bare",
        "indexer": "item-token",
    },
    "asked-rating": {"generator": {"name": "script", "replies": ["4"] * 3000}, "sample": 50},
}
"""Name of a model -> hyper-parameters, where the usual ones take too long."""

NEEDS: Final = {"sasrec": "torch", "generative": "torch", "generative-rating": "torch"}
"""Name of a model -> the extra, and the module, without which it cannot be fitted."""


def small(name: str) -> DenseRecommender:
    """Return an unfitted model that is fitted in a moment."""
    return make_model(name, SMALL)


def cases(names: Iterable[str] = tuple(MODELS)) -> list[Any]:
    """Return names of models as parameters of a test that fits them; what lacks its extra is skipped."""
    return [pytest.param(name, marks=[pytest.mark.needs_extra(NEEDS[name])] if name in NEEDS else []) for name in names]


def fittable() -> list[str]:
    """Return the names of the models that can be fitted here."""
    return [name for name in MODELS if name not in NEEDS or importlib.util.find_spec(NEEDS[name])]
