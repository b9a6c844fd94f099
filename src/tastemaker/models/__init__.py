"""Models: everything that keeps the `Recommender` contract."""

from tastemaker.models.alpharec import AlphaRec
from tastemaker.models.asked_rating import AskedRating
from tastemaker.models.base import DenseRecommender
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
from tastemaker.models.registry import LADDER, MODELS, load_model, make_model, make_models, model_class
from tastemaker.models.reranked import Reranked
from tastemaker.models.rp3beta import RP3beta
from tastemaker.models.sasrec import SASRec
from tastemaker.models.sequential_rules import SequentialRules
from tastemaker.models.session_knn import V_SKNN, SessionKNN
from tastemaker.models.slim import SLIM
from tastemaker.models.tuning import Tuning, read_tuning, tune
from tastemaker.models.user_knn import UserKNN

__all__ = [
    "BPR",
    "EASE",
    "IALS",
    "LADDER",
    "MODELS",
    "SLIM",
    "V_SKNN",
    "AlphaRec",
    "AskedRating",
    "Bias",
    "BiasedMF",
    "ContentBM25",
    "ContentKNN",
    "CountsAndText",
    "CountsTextAndProfiles",
    "CountsTextAndVectors",
    "DenseRecommender",
    "EmbeddingKNN",
    "FeatureRidge",
    "Fusion",
    "FusionWithVectors",
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
    "ProfileKNN",
    "RP3beta",
    "RecentPopularity",
    "Reranked",
    "SASRec",
    "SequentialRules",
    "SessionKNN",
    "Tuning",
    "UserKNN",
    "load_model",
    "make_model",
    "make_models",
    "model_class",
    "read_tuning",
    "tune",
]
