"""Retrieval: searching vectors exactly or by a graph, searching texts by their words, and fusing ranked lists."""

from tastemaker.retrieval.approximate import UsearchIndex
from tastemaker.retrieval.choice import load_index, make_index
from tastemaker.retrieval.exact import ExactIndex
from tastemaker.retrieval.fusion import reciprocal_rank_fusion, score_fusion
from tastemaker.retrieval.lexical import LexicalIndex
from tastemaker.retrieval.live_lexical import LiveLexicalIndex
from tastemaker.retrieval.port import VectorIndex
from tastemaker.retrieval.text_search import Hit, SearchAnswer, TextSearch

__all__ = [
    "ExactIndex",
    "Hit",
    "LexicalIndex",
    "LiveLexicalIndex",
    "SearchAnswer",
    "TextSearch",
    "UsearchIndex",
    "VectorIndex",
    "load_index",
    "make_index",
    "reciprocal_rank_fusion",
    "score_fusion",
]
