"""Language: turning text into vectors."""

from tastemaker.language.bm25 import Bm25
from tastemaker.language.tfidf import Tfidf, words

__all__ = ["Bm25", "Tfidf", "words"]
