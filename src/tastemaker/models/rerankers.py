"""Stages that rerank: each raises the first items of a model by what it says of them; none knows what the model is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import signature
from itertools import product
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.recommendations import Contribution
from tastemaker.models.base import DenseRecommender, Settings
from tastemaker.models.front import Floats, Front
from tastemaker.models.history import MAX_HISTORY
from tastemaker.models.item_knn import ItemKNN

LIKENESSES: Final = ("events", "factors")
FORMS: Final = ("added", "divided")

_NEIGHBOURS: Final = 1000


class Stage(ABC):
    """Raises the scores of a pool by what it says of the items, each in its own way.

    Models score on scales of their own. A score ``s`` is therefore first brought to ``z = (s - mean) / deviation``
    within the pool of the query (0 where all of them are the same), and the new score is ``z + weight * said``. It is
    told in the model's own unit again, ``s + weight * deviation * said``, which is the same order: with a weight of 0
    nothing changes at all, and what a stage adds stands beside what the model said. Where the pool is constant the unit
    is 1.

    Attributes:
        source: The model that it looks at; ``None`` is the one that is reranked.
        weight: How much it counts; ``None`` is chosen on validation, and 0 leaves the stage out.
    """

    name: ClassVar[str]
    grid: ClassVar[Mapping[str, tuple[Any, ...]]]
    """What is tried for a setting that is left open; the first value holds where there is nothing to choose on."""

    reads: ClassVar[frozenset[str]] = frozenset()
    """What it looks at of a query; see `tastemaker.core.recommender.Capabilities`."""

    source: DenseRecommender | None = None
    weight: float | None

    @abstractmethod
    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open, and the stage's ``name``."""

    def check(self, source: DenseRecommender) -> None:
        """Raise `ModelError` if a fitted model lacks what the stage looks at."""
        return

    @abstractmethod
    def _says(self, front: Front, source: DenseRecommender, settings: Settings) -> Floats:
        """Say something of the items of some pools, float64 ``[m]``."""

    def says(self, front: Front, source: DenseRecommender, settings: Settings) -> Floats:
        """Say something of the items of all pools, float64 ``[m]``.

        Args:
            front: The pools.
            source: The fitted model to look at.
            settings: One of `options`.
        """
        return np.concatenate([np.empty(0), *(self._says(block, source, settings) for block in front.blocks())])

    def raised(self, scores: Floats, said: Floats, front: Front, weight: float) -> Floats:
        """Return the new scores of the pools, in the unit of the old ones, float64 ``[m]``."""
        deviation = front.scale(scores)[1]
        return np.asarray(scores + weight * np.where(deviation > 0, deviation, 1.0)[front.query] * said)

    def options(self) -> list[Settings]:
        """Return what may be chosen, values of the names in `grid`; what weighs nothing comes first, if it may."""
        given = {name: getattr(self, name) for name in self.grid}
        values = product(*(self.grid[name] if value is None else (value,) for name, value in given.items()))
        every = [dict(zip(given, each, strict=True)) for each in values]
        return [*[each for each in every if not each["weight"]][:1], *(each for each in every if each["weight"])]

    def parts(
        self, front: Front, item: int, amount: float, source: DenseRecommender, settings: Settings
    ) -> list[Contribution]:
        """Explain the ``amount`` by which the stage raised one item of the pool of one query."""
        return [Contribution("feature", f"what {source.name} says", amount, self.name)]


class Recency(Stage):
    """Raises what is like the latest events: ``said_i = sum_j weight_j * decay^age_j * sim(i, h_j)``.

    The sum is over the 20 latest events ``h_j`` that the model knows; the latest has the age 0, likes and dislikes age
    apart, and ``weight_j`` is that of the event (1 for a plain one). An event says nothing of its own item. With a
    ``decay`` of 1 there is no recency in it, only likeness: what is gained beyond that is what recency is worth.

    Args:
        weight: As in `Stage`.
        decay: What an event still says when another has followed it, from 0 to 1; ``None`` is chosen on validation.
        likeness: ``events``: ``sim`` is the cosine of who touched the items, ``n_ij / sqrt(n_i * n_j)`` for the
            training part, of the 1,000 items most like ``h_j`` (`tastemaker.models.item_knn.ItemKNN`). ``factors``: the
            cosine of the reranked model's own ``item_factors_``.

    Raises:
        ModelError: A setting is out of range.
    """

    name: ClassVar[str] = "recency"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "decay": (0.6, 0.3, 0.9, 1.0),
        "weight": (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    }
    reads: ClassVar[frozenset[str]] = frozenset({"history"})

    def __init__(
        self, *, weight: float | None = None, decay: float | None = None, likeness: str = LIKENESSES[0]
    ) -> None:
        self.weight = _number("weight", weight)
        self.decay = _number("decay", decay, 0.0, 1.0)
        self.likeness = _one_of("likeness", likeness, LIKENESSES)
        if likeness == "events":
            self.source = ItemKNN(
                similarity="cosine",
                weighting="none",
                alpha=0.5,
                neighbours=_NEIGHBOURS,
                shrinkage=0.0,
                age_decay="uniform",
            )

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open, and the stage's ``name``."""
        return {"name": self.name, "weight": self.weight, "decay": self.decay, "likeness": self.likeness}

    def check(self, source: DenseRecommender) -> None:
        """Raise `ModelError` if a fitted model lacks what the stage looks at."""
        if self.likeness == "factors":
            _factors(source)

    def _says(self, front: Front, source: DenseRecommender, settings: Settings) -> Floats:
        query, items, amounts = self._events(front, settings)
        shape = (len(front.queries), len(front.vocabulary))
        told = sparse.csr_array((amounts.astype(np.float32), (query, items)), shape=shape)
        if isinstance(source, ItemKNN) and self.likeness == "events":
            return np.asarray((told @ source.weights_).toarray()[front.query, front.items], dtype=np.float64)
        profile = np.zeros((len(front.queries), _factors(source).shape[1]))
        np.add.at(profile, query, amounts[:, None] * _directions(source, items))
        own = _directions(source, front.items)
        alike = np.einsum("md,md->m", profile[front.query], own)
        return np.asarray(alike - told.toarray()[front.query, front.items] * own.any(axis=1))

    @staticmethod
    def _events(front: Front, settings: Settings) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
        """Return query, item and ``weight_j * decay^age_j`` of each event that counts."""
        history = front.history
        late = history.ages <= MAX_HISTORY
        amounts = history.weights[late] * settings["decay"] ** (history.ages[late] - 1)
        return history.query[late], history.items[late], amounts

    def parts(
        self, front: Front, item: int, amount: float, source: DenseRecommender, settings: Settings
    ) -> list[Contribution]:
        """Share the ``amount`` out over the events."""
        _, items, amounts = self._events(front, settings)
        if isinstance(source, ItemKNN) and self.likeness == "events":
            alike = np.asarray(source.weights_[items][:, [item]].toarray()).ravel()
        else:
            alike = (_directions(source, items) @ _directions(source, np.asarray([item]))[0]) * (items != item)
        told = amounts * alike
        ids, total = front.vocabulary.ids, float(told.sum())
        return [
            Contribution("item", ids[items[place]], amount * float(told[place]) / total, self.name)
            for place in np.flatnonzero(told)
            if total
        ]


class Injection(Stage):
    """Raises what another model scores highly: collaborative injection by ``item-knn``, or that of popularity.

    With ``form="added"``, ``said`` is the other model's score in standard deviations of the pool.

    ``divided`` is the form of BIGRec (Bao et al., 2023): distances ``D / (1 + C)^weight``, where ``D`` runs from 0 for
    the best item of the pool to 1 for its last, and ``C`` from 0 to 1 for what the other model scores least and most
    (there both are scaled over the whole catalogue, here over the pool). In terms of scores each item comes nearer to
    the best, by ``(best - s) * (1 - (1 + C)^-weight)``; the best of the pool stays where it is.

    Args:
        model: The other model: its name, a mapping with its ``name`` and hyper-parameters, or an unfitted model.
        weight: As in `Stage`.
        form: ``added`` or ``divided``.

    Raises:
        ModelError: A setting is out of range, or there is no such model.
    """

    name: ClassVar[str] = "injection"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"weight": (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)}

    source: DenseRecommender

    def __init__(
        self,
        *,
        model: str | Mapping[str, Any] | DenseRecommender = "item-knn",
        weight: float | None = None,
        form: str = FORMS[0],
    ) -> None:
        self.weight = _number("weight", weight)
        self.form = _one_of("form", form, FORMS)
        self.source = model_of(model)

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open, and the stage's ``name``."""
        return {"name": self.name, "model": spec_of(self.source), "weight": self.weight, "form": self.form}

    def _says(self, front: Front, source: DenseRecommender, settings: Settings) -> Floats:
        found = source.score(front.queries)[front.query, front.items].astype(np.float64)
        if self.form == "added":
            return front.standardised(found)
        low, high = (each[front.query] for each in front.span(found))
        wide = high > low
        return np.where(wide, np.clip((found - low) / np.where(wide, high - low, 1), 0, 1), 0.0)

    def raised(self, scores: Floats, said: Floats, front: Front, weight: float) -> Floats:
        """Return the new scores of the pools, in the unit of the old ones, float64 ``[m]``."""
        if self.form == "added":
            return super().raised(scores, said, front, weight)
        nearer = front.span(scores)[1][front.query] - scores
        return np.asarray(scores + nearer * (1 - (1 + said) ** -weight))


STAGES: Final[Mapping[str, type[Stage]]] = {stage.name: stage for stage in (Recency, Injection)}
"""Every stage, by name."""


def stage_of(given: str | Mapping[str, Any] | Stage) -> Stage:
    """Return a stage from its name, or from a mapping with its ``name`` and settings.

    Raises:
        ModelError: There is no such stage, or it has no such setting.
    """
    if isinstance(given, Stage):
        return given
    settings = {"name": given} if isinstance(given, str) else dict(given)
    name = str(settings.pop("name", None))
    if name not in STAGES:
        raise ModelError(f"there is no stage '{name}'", remedy=nearest(name, STAGES))
    known = signature(STAGES[name]).parameters
    if unknown := sorted(settings.keys() - known.keys()):
        raise ModelError(f"the stage '{name}' has no setting '{unknown[0]}'", remedy=nearest(unknown[0], known))
    return STAGES[name](**settings)


def model_of(given: str | Mapping[str, Any] | DenseRecommender) -> DenseRecommender:
    """Return an unfitted model from its name, or from a mapping with its ``name`` and hyper-parameters.

    Raises:
        ModelError: There is no such model.
    """
    if isinstance(given, DenseRecommender):
        return given
    from tastemaker.models.registry import make_model

    settings = {"name": given} if isinstance(given, str) else dict(given)
    name = str(settings.pop("name", None))
    return make_model(name, {name: settings})


def spec_of(model: DenseRecommender) -> Settings:
    """Return the mapping of which `model_of` makes such a model."""
    return {"name": model.name, **model.settings()}


def _factors(model: DenseRecommender) -> NDArray[np.floating[Any]]:
    found = getattr(model, "item_factors_", None)
    if found is None:
        raise ModelError(
            f"'{model.name}' has no vectors of items (item_factors_) to go by", remedy='Use likeness="events".'
        )
    return np.asarray(found)


def _directions(model: DenseRecommender, items: NDArray[np.integer[Any]]) -> Floats:
    """Return the vectors of some items at unit length, float64 ``[m, d]``; those without one have zeros."""
    vectors = _factors(model)[items].astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def _number(what: str, given: float | None, low: float = -math.inf, high: float = math.inf) -> float | None:
    if given is None:
        return None
    if not (math.isfinite(given) and low <= given <= high):
        between = "a finite number" if math.isinf(low) else f"from {low:g} to {high:g}"
        raise ModelError(f"the {what} of a stage is {given}, but must be {between}", where=what)
    return float(given)


def _one_of(what: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise ModelError(f"there is no {what} '{given}'", remedy=nearest(given, known))
    return given
