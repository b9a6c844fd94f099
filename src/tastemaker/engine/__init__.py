"""The online path: one request at a time, with the final checks and the reasons; events in, better answers next."""

from tastemaker.engine.answers import Answer, Evidence, Recommended
from tastemaker.engine.engine import Engine

__all__ = ["Answer", "Engine", "Evidence", "Recommended"]
