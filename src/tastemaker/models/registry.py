"""Models by name: ours, and those that other packages bring as entry points in the group `tastemaker.models`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import ModelError, nearest
from tastemaker.models import storage
from tastemaker.models.alpharec import AlphaRec
from tastemaker.models.asked_rating import AskedRating
from tastemaker.models.base import DenseRecommender, Settings
from tastemaker.models.bias import Bias
from tastemaker.models.biased_mf import BiasedMF
from tastemaker.models.bpr import BPR
from tastemaker.models.content import ContentKNN
from tastemaker.models.content_bm25 import ContentBM25
from tastemaker.models.ease import EASE
from tastemaker.models.embedding_knn import EmbeddingKNN
from tastemaker.models.feature_ridge import FeatureRidge
from tastemaker.models.fusion import CountsAndText, CountsTextAndVectors, Fusion, FusionWithVectors
from tastemaker.models.generative import Generative
from tastemaker.models.generative_rating import GenerativeRating
from tastemaker.models.hashed_logistic import HashedLogistic
from tastemaker.models.hybrid import Hybrid
from tastemaker.models.ials import IALS
from tastemaker.models.item_knn import ItemKNN
from tastemaker.models.keyword_graph import KALM4Rec
from tastemaker.models.learned_fusion import LearnedFusion
from tastemaker.models.lightgcn import LightGCN
from tastemaker.models.markov import Markov
from tastemaker.models.popularity import Popularity, RecentPopularity
from tastemaker.models.profile_knn import CountsTextAndProfiles, ProfileKNN
from tastemaker.models.reranked import Reranked
from tastemaker.models.rp3beta import RP3beta
from tastemaker.models.sasrec import SASRec
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
        LightGCN,
        SASRec,
        ContentKNN,
        ContentBM25,
        EmbeddingKNN,
        ProfileKNN,
        AlphaRec,
        KALM4Rec,
        Generative,
        CountsAndText,
        CountsTextAndVectors,
        CountsTextAndProfiles,
        Fusion,
        FusionWithVectors,
        LearnedFusion,
        Hybrid,
        Reranked,
        Bias,
        BiasedMF,
        FeatureRidge,
        GenerativeRating,
        AskedRating,
        HashedLogistic,
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
    "counts-and-text",
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


def make_model(
    name: str,
    given: Mapping[str, Mapping[str, Any]] | None = None,
    sources: Mapping[str, DenseRecommender] | None = None,
) -> DenseRecommender:
    """Return an unfitted model; hyper-parameters that are not given are chosen on validation.

    Args:
        name: Its name; a fusion gets its usual sources, a reranked model those that its hyper-parameters name.
        given: Name of a model -> hyper-parameters of it, for this model and for the sources of a fusion.
        sources: Models that a fusion takes instead of making its own.

    Raises:
        ModelError: There is no model of that name.
    """
    tables, known = given or {}, sources or {}
    kind, own = model_class(name), tables.get(name, {})

    def source(each: str) -> DenseRecommender:
        return known[each] if each in known else make_model(each, tables)

    if issubclass(kind, Reranked):
        return kind(**kind.with_models(own, source))
    if issubclass(kind, Fusion):
        return kind({each: source(each) for each in kind.usual}, **own)
    return kind(**own)


def make_models(
    names: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, DenseRecommender]:
    """Return unfitted models for one comparison; what is a row and a source of another row is fitted once.

    Args:
        names: Their names.
        given: Name of a model -> hyper-parameters of it.

    Raises:
        ModelError: There is no model of one of the names.
    """
    wanted = list(dict.fromkeys(names))
    made: dict[str, DenseRecommender] = {}
    for name in sorted(wanted, key=lambda name: issubclass(model_class(name), Fusion)):
        made[name] = make_model(name, given, made)
    return {name: made[name] for name in wanted}


def default_settings(kind: type[DenseRecommender]) -> Settings:
    """Return the hyper-parameters of a model that nobody chose: the first of its grid, else its constructor's own."""
    grid = getattr(kind, "grid", {})
    arguments = inspect.signature(kind).parameters.values()
    known = {each.name: each.default for each in arguments if each.default is not each.empty}
    return {name: grid[name][0] if name in grid else value for name, value in known.items()}


def load_model(folder: str | Path) -> DenseRecommender:
    """Load a saved model of any kind.

    Raises:
        ModelFormatError: The folder is missing, incomplete, damaged or of another format.
        ModelError: It holds a model that is not installed.
    """
    config = storage.read_config(Path(folder))
    return model_class(config["model"]).load(folder)
