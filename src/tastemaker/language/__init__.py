"""Language: turning text into vectors."""

from tastemaker.language.tfidf import Tfidf, words

__all__ = ["Tfidf", "words"]
