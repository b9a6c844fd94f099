"""What a trial comes to: how well a model ranks, or how near it comes to ratings or clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.labelled import LabelledEvents
from tastemaker.data.split import Split
from tastemaker.data.splits.events import EventSplit
from tastemaker.evaluation.labels import log_loss, rmse
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models.base import DenseRecommender
from tastemaker.models.event_model import EventModel
from tastemaker.models.tuning.record import NDCG

_TASKS: Final[Mapping[str, str]] = {"rating": "ratings", "probability": "clicks"}
"""What the scores of a model are -> the task of the split that asks about it."""

_LOSSES: Final[Mapping[str, tuple[str, Callable[..., float]]]] = {
    "ratings": ("rmse", rmse),
    "clicks": ("log_loss", log_loss),
}
"""Task -> the name of the loss, and what it is of predictions and answers."""


@dataclass(frozen=True)
class Objective:
    """What a search goes by.

    Attributes:
        metric: Its name; of those in `record.LOWER_IS_BETTER` the lowest value is the best.
        value: Returns what a fitted model comes to on the validation part.
    """

    metric: str
    value: Callable[[DenseRecommender, Run], float]


def task_of(kind: type[EventModel]) -> str:
    """Return what a split of events must ask about for models of a kind; see `tastemaker.data.split_events`."""
    capabilities: Any = kind.capabilities
    return _TASKS[capabilities.score_kind]


def objective(kind: type[DenseRecommender], split: Split | EventSplit) -> Objective:
    """Return what models of a kind are compared by: NDCG@10 for rankings, RMSE for ratings, log loss for clicks.

    Raises:
        DataError: The split asks about something else.
    """
    if not issubclass(kind, EventModel):
        if isinstance(split, EventSplit):
            raise DataError(f"'{kind.name}' ranks items, and this split asks about {split.task}", where="split")
        return Objective(NDCG, lambda model, run: _ranking(model, split, run))
    task = task_of(kind)
    metric, loss = _LOSSES[task]
    if not isinstance(split, EventSplit) or split.task != task:
        raise DataError(
            f"'{kind.name}' predicts {task}, and this split does not ask about them",
            where="split",
            remedy=f'Use split_events(dataset, "{task}").',
        )
    return Objective(metric, lambda model, run: _error(model, split.valid, loss))


def _ranking(model: DenseRecommender, split: Split, run: Run) -> float:
    return validation_ndcg(model.score, split.valid, model.item_ids, seed=run.seed, name=model.name)


def _error(model: DenseRecommender, held: LabelledEvents, loss: Callable[..., float]) -> float:
    assert isinstance(model, EventModel)
    return loss(model.predict(held.unanswered(), held.context), held.answers)
