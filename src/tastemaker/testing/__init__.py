"""Public conformance suites: what a recommender or an encoder must do, whoever wrote it."""

from tastemaker.testing.conformance import check_recommender
from tastemaker.testing.encoders import check_encoder
from tastemaker.testing.worlds import checkerboard, small_shop

__all__ = ["check_encoder", "check_recommender", "checkerboard", "small_shop"]
