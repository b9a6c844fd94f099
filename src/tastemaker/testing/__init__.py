"""Public conformance suites: what a recommender, an encoder or a generator must do, whoever wrote it."""

from tastemaker.testing.conformance import check_recommender
from tastemaker.testing.encoders import check_encoder
from tastemaker.testing.generators import check_generator
from tastemaker.testing.worlds import checkerboard, small_shop

__all__ = ["check_encoder", "check_generator", "check_recommender", "checkerboard", "small_shop"]
