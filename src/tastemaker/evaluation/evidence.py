"""Where in a history the evidence for a list lies: do recommendations rest on the last few events alone?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import Event, Query
from tastemaker.core.recommender import Recommender
from tastemaker.data.heldout import HeldOut


@dataclass(frozen=True)
class RecencyBias:
    """How old the evidence behind recommendations is.

    Attributes:
        latest_share: Share of the evidence that falls on the latest ``latest`` events.
        latest_if_uniform: The same share if all events counted alike.
        age: Mean age of the evidence: 0 is the latest event, 1 the oldest; 0.5 if all events counted alike.
        latest: How many events are the latest.
        queries: How many queries had a history long enough and a list with evidence.
    """

    latest_share: float
    latest_if_uniform: float
    age: float
    latest: int
    queries: int

    @property
    def lift(self) -> float:
        """How many times more the latest events count than they would if all counted alike."""
        return self.latest_share / self.latest_if_uniform


def recency_bias(
    model: Recommender,
    held: HeldOut,
    *,
    latest: int = 3,
    k: int = 10,
    queries: int = 100,
    seed: int = 0,
    lists: NDArray[np.int32] | None = None,
) -> RecencyBias:
    """Ask a model to explain its lists, and say where in the histories the explanations lie.

    Evidence is what an event adds to the score of a recommended item according to `Recommender.explain`; what speaks
    against an item is left out. An item that a history holds several times counts at its latest event. Each query
    counts the same; histories of ``latest`` events or fewer are left out.

    Args:
        model: A fitted model.
        held: Queries; their targets are not looked at.
        latest: How many events are called the latest.
        k: Length of the lists.
        queries: How many queries are drawn.
        seed: Decides which.
        lists: The list of each query as numbers of the model's items, int32 ``[q, k or more]``, -1 for none; ``None``
            asks the model.

    Raises:
        DataError: No query has a history that is long enough and a list that rests on it.
    """
    long = np.flatnonzero(held.queries.lengths() > latest)
    drawn = np.sort(np.random.default_rng(seed).permutation(long)[:queries])
    found = np.asarray(list(_shares(model, held, drawn, latest, k, lists))).reshape(-1, 3)
    if not len(found):
        raise DataError(
            f"no list of {model.name} rests on events of a history longer than {latest}",
            remedy="Give a smaller number of latest events, or a model that explains its scores by items.",
        )
    share, uniform, age = found.mean(axis=0).tolist()
    return RecencyBias(share, uniform, age, latest, len(found))


def _shares(
    model: Recommender,
    held: HeldOut,
    drawn: NDArray[np.int64],
    latest: int,
    k: int,
    lists: NDArray[np.int32] | None,
) -> Iterator[tuple[float, float, float]]:
    """Yield for each query the share of the latest events, that share if uniform, and the mean age."""
    batch = held.queries
    for number in drawn.tolist():
        part = slice(int(batch.starts[number]), int(batch.ends[number]))
        items = batch.dictionary[batch.codes[part]].tolist()
        events = tuple(Event(item, weight=float(w)) for item, w in zip(items, batch.weights[part], strict=True))
        query = Query(user_id=batch.user_ids[number], history=events, k=k)
        age = {item: len(items) - 1 - place for place, item in enumerate(items)}
        evidence = np.zeros(len(items))
        listed = model.recommend(query, k=k).items() if lists is None else _named(model, lists[number, :k])
        for item in listed:
            for name, amount in model.explain(query, item).by_item().items():
                if amount > 0 and name in age:
                    evidence[age[name]] += amount
        ages = np.fromiter(age.values(), dtype=np.int64)
        if evidence.sum() > 0 and len(ages) > latest:
            # Ages are counted among the distinct items of the history, so that "uniform" is one share each.
            weight = evidence[np.sort(ages)] / evidence.sum()
            places = np.arange(len(weight)) / (len(weight) - 1)
            yield float(weight[:latest].sum()), latest / len(weight), float(weight @ places)


def _named(model: Recommender, numbers: NDArray[np.int32]) -> list[str]:
    return [str(item) for item in model.item_ids[numbers[numbers >= 0]]]
