"""Models by name: ours, and those that other packages bring as entry points in the group `tastemaker.models`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from tastemaker.core.errors import ModelError, nearest
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender
from tastemaker.models.bpr import BPR
from tastemaker.models.content import ContentKNN
from tastemaker.models.ease import EASE
from tastemaker.models.fusion import Fusion, default_sources
from tastemaker.models.ials import IALS
from tastemaker.models.item_knn import ItemKNN
from tastemaker.models.markov import Markov
from tastemaker.models.popularity import Popularity, RecentPopularity
from tastemaker.models.rp3beta import RP3beta
from tastemaker.models.sequential_rules import SequentialRules
from tastemaker.models.session_knn import SessionKNN
from tastemaker.models.slim import SLIM
from tastemaker.models.user_knn import UserKNN

MODELS: Final[Mapping[str, type[DenseRecommender]]] = {
    model.name: model
    for model in (
        Popularity,
        RecentPopularity,
        Markov,
        SequentialRules,
        SessionKNN,
        ItemKNN,
        UserKNN,
        RP3beta,
        EASE,
        SLIM,
        IALS,
        BPR,
        ContentKNN,
        Fusion,
    )
}
"""Every model that is shipped, by name."""

LADDER: Final = (
    "popularity",
    "recent-popularity",
    "sequential-rules",
    "item-knn",
    "ease",
    "content-knn",
    "fusion",
)
"""The models of every comparison, from the plainest up."""


def model_class(name: str) -> type[DenseRecommender]:
    """Return the class of a model.

    Raises:
        ModelError: There is no model of that name.
    """
    if name in MODELS:
        return MODELS[name]
    plugins = {point.name: point for point in entry_points(group="tastemaker.models")}
    if name in plugins:
        loaded: type[DenseRecommender] = plugins[name].load()
        return loaded
    raise ModelError(f"there is no model '{name}'", remedy=nearest(name, [*MODELS, *plugins]))


def make_model(name: str) -> DenseRecommender:
    """Return an unfitted model whose hyper-parameters are chosen on validation; a fusion gets its usual sources."""
    if name == Fusion.name:
        return Fusion({source: make_model(source) for source in default_sources()})
    return model_class(name)()


def load_model(folder: str | Path) -> DenseRecommender:
    """Load a saved model of any kind.

    Raises:
        ModelFormatError: The folder is missing, incomplete, damaged or of another format.
        ModelError: It holds a model that is not installed.
    """
    config = storage.read_config(Path(folder))
    return model_class(config["model"]).load(folder)
