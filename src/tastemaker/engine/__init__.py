"""The online path: from a request to recommendations with reasons."""

from tastemaker.engine.engine import Answer, Engine, Evidence, Recommended

__all__ = ["Answer", "Engine", "Evidence", "Recommended"]
