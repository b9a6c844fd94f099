"""Tastemaker: recommendation with language models, measured honestly.

The names below load what they need on first use, so that ``import tastemaker`` itself stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tastemaker.core.errors import TastemakerError
    from tastemaker.core.query import Event, Query, QueryBatch
    from tastemaker.core.recommendations import Contributions, Recommendations
    from tastemaker.core.recommender import Capabilities, Recommender
    from tastemaker.core.run import Run
    from tastemaker.data import (
        Catalogue,
        Dataset,
        Interactions,
        Relations,
        Split,
        Users,
        Vocabulary,
        cold_item,
        cold_user,
        global_time,
        k_core,
        keyword_user,
        leave_last_n,
        leave_one_out,
        load_dataset,
        make_split,
        make_splits,
        random_ratio,
        read_folder,
        split_events,
        user_k_fold,
        user_ratio,
        write_folder,
    )
    from tastemaker.engine import Engine
    from tastemaker.evaluation import compare, evaluate
    from tastemaker.models import (
        BPR,
        EASE,
        IALS,
        SLIM,
        AlphaRec,
        Bias,
        BiasedMF,
        ContentBM25,
        ContentKNN,
        CountsAndText,
        EmbeddingKNN,
        FeatureRidge,
        Fusion,
        HashedLogistic,
        ItemKNN,
        KALM4Rec,
        LearnedFusion,
        Markov,
        Popularity,
        RecentPopularity,
        RP3beta,
        SequentialRules,
        SessionKNN,
        UserKNN,
        load_model,
        make_model,
        tune,
    )

__version__ = "0.1.0"

_HOMES = {
    "tastemaker.core.errors": ("TastemakerError",),
    "tastemaker.core.query": ("Event", "Query", "QueryBatch"),
    "tastemaker.core.recommendations": ("Contributions", "Recommendations"),
    "tastemaker.core.recommender": ("Capabilities", "Recommender"),
    "tastemaker.core.run": ("Run",),
    "tastemaker.data": (
        "Catalogue",
        "Dataset",
        "Interactions",
        "Relations",
        "Split",
        "Users",
        "Vocabulary",
        "cold_item",
        "cold_user",
        "global_time",
        "k_core",
        "keyword_user",
        "leave_last_n",
        "leave_one_out",
        "load_dataset",
        "make_split",
        "make_splits",
        "random_ratio",
        "read_folder",
        "split_events",
        "user_k_fold",
        "user_ratio",
        "write_folder",
    ),
    "tastemaker.engine": ("Engine",),
    "tastemaker.evaluation": ("compare", "evaluate"),
    "tastemaker.models": (
        "BPR",
        "EASE",
        "IALS",
        "SLIM",
        "AlphaRec",
        "Bias",
        "BiasedMF",
        "ContentBM25",
        "ContentKNN",
        "CountsAndText",
        "EmbeddingKNN",
        "FeatureRidge",
        "Fusion",
        "HashedLogistic",
        "ItemKNN",
        "KALM4Rec",
        "LearnedFusion",
        "Markov",
        "Popularity",
        "RP3beta",
        "RecentPopularity",
        "SequentialRules",
        "SessionKNN",
        "UserKNN",
        "load_model",
        "make_model",
        "tune",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tastemaker' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
