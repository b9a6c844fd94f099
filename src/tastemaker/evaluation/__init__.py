"""Evaluation: full ranking, metrics, intervals, comparisons and reports, over any `Recommender`; it knows no model."""

from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.compare import compare
from tastemaker.evaluation.comparison import Comparison, Row, read_comparison
from tastemaker.evaluation.evaluate import evaluate
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.listed import evaluate_lists
from tastemaker.evaluation.metrics import average_precision, hit_rate, mrr, ndcg, precision, recall
from tastemaker.evaluation.ranking import Ranking, rank_targets, validation_ndcg, validation_ranks
from tastemaker.evaluation.runs import RunFile, read_run
from tastemaker.evaluation.targets import TargetRanks, per_user, ranks_in_lists

__all__ = [
    "Comparison",
    "Evaluation",
    "Interval",
    "Judge",
    "Ranking",
    "Row",
    "RunFile",
    "TargetRanks",
    "average_precision",
    "compare",
    "evaluate",
    "evaluate_lists",
    "hit_rate",
    "interval",
    "mrr",
    "ndcg",
    "per_user",
    "precision",
    "rank_targets",
    "ranks_in_lists",
    "read_comparison",
    "read_run",
    "recall",
    "resampled_means",
    "validation_ndcg",
    "validation_ranks",
]
