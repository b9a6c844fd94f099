"""Tastemaker: recommendation with language models, measured honestly.

The names below load what they need on first use, so that ``import tastemaker`` itself stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tastemaker.client import AsyncClient as AsyncClient, Client as Client
    from tastemaker.core.errors import TastemakerError as TastemakerError
    from tastemaker.core.query import Event as Event, Query as Query, QueryBatch as QueryBatch
    from tastemaker.core.recommendations import Contributions as Contributions, Recommendations as Recommendations
    from tastemaker.core.recommender import Capabilities as Capabilities, Recommender as Recommender
    from tastemaker.core.run import Run as Run
    from tastemaker.data import (
        Catalogue as Catalogue,
        Dataset as Dataset,
        Interactions as Interactions,
        Relations as Relations,
        Split as Split,
        Users as Users,
        Vocabulary as Vocabulary,
        cold_item as cold_item,
        cold_user as cold_user,
        global_time as global_time,
        k_core as k_core,
        keyword_user as keyword_user,
        leave_last_n as leave_last_n,
        leave_one_out as leave_one_out,
        load_dataset as load_dataset,
        make_split as make_split,
        make_splits as make_splits,
        random_ratio as random_ratio,
        read_folder as read_folder,
        split_events as split_events,
        user_k_fold as user_k_fold,
        user_ratio as user_ratio,
        write_folder as write_folder,
    )
    from tastemaker.engine import Engine as Engine
    from tastemaker.evaluation import compare as compare, evaluate as evaluate
    from tastemaker.models import (
        BPR as BPR,
        EASE as EASE,
        IALS as IALS,
        SLIM as SLIM,
        AlphaRec as AlphaRec,
        Bias as Bias,
        BiasedMF as BiasedMF,
        ContentBM25 as ContentBM25,
        ContentKNN as ContentKNN,
        CountsAndText as CountsAndText,
        EmbeddingKNN as EmbeddingKNN,
        FeatureRidge as FeatureRidge,
        Fusion as Fusion,
        Generative as Generative,
        GenerativeRating as GenerativeRating,
        HashedLogistic as HashedLogistic,
        Hybrid as Hybrid,
        ItemKNN as ItemKNN,
        KALM4Rec as KALM4Rec,
        LearnedFusion as LearnedFusion,
        LightGCN as LightGCN,
        Markov as Markov,
        Popularity as Popularity,
        RecentPopularity as RecentPopularity,
        RP3beta as RP3beta,
        SASRec as SASRec,
        SequentialRules as SequentialRules,
        SessionKNN as SessionKNN,
        UserKNN as UserKNN,
        load_model as load_model,
        make_model as make_model,
        tune as tune,
    )

__version__ = "0.1.0"

_HOMES = {
    "tastemaker.client": ("AsyncClient", "Client"),
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
        "Generative",
        "GenerativeRating",
        "HashedLogistic",
        "Hybrid",
        "ItemKNN",
        "KALM4Rec",
        "LearnedFusion",
        "LightGCN",
        "Markov",
        "Popularity",
        "RP3beta",
        "RecentPopularity",
        "SASRec",
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
