"""Choosing a model's settings by a search that can be interrupted: `tune`, what it finds, and its page."""

from tastemaker.models.tuning.record import Trial, Tuning, read_tuning
from tastemaker.models.tuning.search import tune

__all__ = ["Trial", "Tuning", "read_tuning", "tune"]
