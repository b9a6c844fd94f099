"""Public conformance suites: what a recommender must do, whoever wrote it."""

from tastemaker.testing.conformance import check_recommender
from tastemaker.testing.worlds import checkerboard, small_shop

__all__ = ["check_recommender", "checkerboard", "small_shop"]
