"""all-MiniLM-L6-v2, embedded: word pieces, the network in NumPy, and faster ways to compute it; no torch needed."""

from tastemaker.language.minilm.encoder import MiniLM

__all__ = ["MiniLM"]
