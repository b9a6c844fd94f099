"""Models: everything that keeps the `Recommender` contract."""

from tastemaker.models.base import DenseRecommender
from tastemaker.models.bpr import BPR
from tastemaker.models.content import ContentKNN
from tastemaker.models.ease import EASE
from tastemaker.models.fusion import Fusion
from tastemaker.models.ials import IALS
from tastemaker.models.item_knn import ItemKNN
from tastemaker.models.markov import Markov
from tastemaker.models.popularity import Popularity, RecentPopularity
from tastemaker.models.registry import LADDER, MODELS, load_model, make_model, model_class
from tastemaker.models.rp3beta import RP3beta
from tastemaker.models.sequential_rules import SequentialRules
from tastemaker.models.session_knn import V_SKNN, SessionKNN
from tastemaker.models.slim import SLIM
from tastemaker.models.user_knn import UserKNN

__all__ = [
    "BPR",
    "EASE",
    "IALS",
    "LADDER",
    "MODELS",
    "SLIM",
    "V_SKNN",
    "ContentKNN",
    "DenseRecommender",
    "Fusion",
    "ItemKNN",
    "Markov",
    "Popularity",
    "RP3beta",
    "RecentPopularity",
    "SequentialRules",
    "SessionKNN",
    "UserKNN",
    "load_model",
    "make_model",
    "model_class",
]
