"""What goes over the wire: the requests with their limits, and the answers, a module for each noun."""

from tastemaker.server.schemas.common import FieldError, Problem
from tastemaker.server.schemas.recommend import PageParameters

__all__ = ["FieldError", "PageParameters", "Problem"]
