"""LightGCN: a vector for each person and item, averaged over the graph of who touched what, and learnt through it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.graph import handed_on, propagate
from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.contrastive import directions
from tastemaker.models.factors import FactorModel
from tastemaker.models.history import History
from tastemaker.models.item_to_item import DECAY_GRID, interaction_matrix
from tastemaker.models.lightgcn_training import Training
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Integer, Real, Space

LOSSES: Final = ("bpr", "softmax")
_MOST_QUERIES: Final = 5000
_MOST_EPOCHS: Final = 1000


class LightGCN(FactorModel):
    """Light graph convolution (He et al., 2020).

    ``E = mean_{k=0..L} A^k X`` for the normalised graph ``A`` of who touched what (equations 3, 4 and 8), and a score
    is ``e_u'e_i``. ``X`` is learnt, and nothing else, by Adam: by BPR, where ``u`` touched ``i`` and not ``j``, drawn
    uniformly (equation 15), or by the softmax with cosines over what was touched and items drawn for the whole batch
    (`tastemaker.models.contrastive.infonce`); then the scores are cosines, times a length that is the asker's. The
    ridge is on the rows of ``X`` that a batch looks at, over its size, as in the authors' program.

    People are not kept. Whoever asks joins the graph by edges to the items of their history, which carry to them and
    not from them: with ``s`` items theirs is ``1 / sqrt(s) * sum_i sum_{k<L} (A^k X)_i / sqrt(n_i) / (L + 1)``, where
    ``n_i`` people touched ``i``. For somebody who was there with the same history that is the trained vector less their
    own row of ``X`` over ``L + 1``. In a history that is let age an edge weighs its decay, ``s`` is the sum of those,
    and a repeated item has one edge, as in the graph. Without a known item popular items come first.

    Args:
        dimensions: Length of the vectors.
        layers: Steps along the graph, from 1.
        loss: A name of `LOSSES`.
        temperature: What cosines are divided by in the softmax.
        negatives: Items drawn for each batch of the softmax; BPR draws one for each pair.
        batch_size: Pairs for each step, which sends the whole table along the graph and so takes about as long for
            few as for many; the paper has 2,048.
        learning_rate: Adam's; the paper has .001.
        regularisation: Ridge, lambda.
        epochs: How often each pair is looked at; ``None`` stops when NDCG@10 on up to 5,000 validation queries has
            not risen for ``patience`` epochs, at 1,000 at the latest, and takes the best; without validation it is
            30.
        patience: See ``epochs``.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; the paper's histories have no order (``uniform``).

    Attributes:
        handed_on_: What items hand on to newcomers (`tastemaker.blocks.graph.handed_on`) over ``L + 1``, float32
            ``[n, d]``.
        people_: Raw ids of the people of training, object ``[u]``; not saved.
        user_factors_: Their trained vectors, float32 ``[u, d]``; not saved.
    """

    name: ClassVar[str] = "lightgcn"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "epochs": (30,),
        "age_decay": ("uniform", *[decay for decay in DECAY_GRID if decay != "uniform"]),
    }
    fixed: ClassVar[tuple[str, ...]] = (
        "dimensions",
        "layers",
        "loss",
        "temperature",
        "negatives",
        "batch_size",
        "learning_rate",
        "regularisation",
        "patience",
    )
    space: ClassVar[Space] = {
        "dimensions": Integer(32, 256, log=True),
        "layers": Integer(1, 4),
        "loss": Choice(LOSSES),
        "temperature": Real(0.05, 0.5, log=True),
        "learning_rate": Real(5e-4, 5e-2, log=True),
        "regularisation": Real(1e-6, 1e-2, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    handed_on_: NDArray[np.float32]
    people_: NDArray[np.object_]
    user_factors_: NDArray[np.float32]

    _stops_by: HeldOut | None = None

    def __init__(
        self,
        *,
        dimensions: int = 64,
        layers: int = 3,
        loss: str = "bpr",
        temperature: float = 0.15,
        negatives: int = 1024,
        batch_size: int = 8192,
        learning_rate: float = 1e-2,
        regularisation: float = 1e-4,
        epochs: int | None = None,
        patience: int = 10,
        age_decay: str | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.layers = layers
        self.loss = loss
        self.temperature = temperature
        self.negatives = negatives
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.regularisation = regularisation
        self.epochs = epochs
        self.patience = patience
        self.age_decay = age_decay

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        return {name: getattr(self, name) for name in (*self.fixed, *self.grid)}

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        settings = {name: self.grid[name][0] if value is None else value for name, value in self.settings().items()}
        _check(settings)
        self.settings_, self._run = settings, run
        sample = valid.sample(_MOST_QUERIES, run.rng("selection")) if valid is not None and len(valid) else None
        self._stops_by = None if self.epochs is not None else sample
        self._learn(train, settings)
        self._stops_by = None
        if sample is not None and self.age_decay is None:
            decays = [{**settings, "age_decay": decay} for decay in self.grid["age_decay"]]
            self.settings_ = self._select(train, sample, decays, run, settings, -1.0)[0]

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        for settings in combinations:
            yield settings, partial(self._scored, settings=settings)

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        """Learn for as long as it gets better on what it stops by, or else for the epochs that settings say."""
        began, touched, sample = time.perf_counter(), interaction_matrix(train), self._stops_by
        training = Training(touched, settings, run.rng("lightgcn"))
        most = settings["epochs"] if sample is None else _MOST_EPOCHS
        scorer = partial(self._scored, settings=settings)
        best, epoch = (training.people, training.items), 0
        values: list[float] = []
        with run.track(f"Training {self.name}", most) as advance:
            while epoch < most and not _is_stale(values, settings["patience"]):
                training.epoch()
                epoch += 1
                advance(1)
                if sample is not None:
                    self._place(training, touched)
                    values.append(validation_ndcg(scorer, sample, self.items_.ids, seed=run.seed, name=self.name))
                    if values[-1] > max(values[:-1], default=-1.0):
                        best = training.people.copy(), training.items.copy()
                    if run.watch is not None:
                        run.watch(values)
                if run.minutes is not None and time.perf_counter() - began > 60 * run.minutes:
                    break
        training.people, training.items = best
        settings["epochs"] = 1 + int(np.argmax(values)) if values else epoch
        self.settings_tried_ += len(values)
        self._place(training, touched)
        self.people_ = train.sequences.user_ids

    def _place(self, training: Training, touched: sparse.csr_array) -> None:
        """Work out where what was learnt puts people and items."""
        layers = int(self.settings_["layers"])
        before = training.people, training.items
        people, items = propagate(training.graph, *before, layers)
        if self.settings_["loss"] == "softmax":
            people, items = directions(people), directions(items)
        degrees = np.bincount(touched.indices, minlength=touched.shape[1]).astype(np.float32)
        given = handed_on(training.graph, degrees, *before, layers) / np.float32(layers + 1)
        known = (degrees > 0)[:, None]
        self.user_factors_ = np.asarray(people * (np.diff(touched.indptr) > 0)[:, None], dtype=np.float32)
        self.item_factors_ = np.asarray(items * known, dtype=np.float32)
        self.handed_on_ = np.asarray(given * known, dtype=np.float32)

    def vectors_of(self, people: Iterable[Any], items: Iterable[Any]) -> NDArray[np.float32]:
        """Return the trained vectors of people and items, to start another model with.

        Their products are the scores in training; with the softmax they have length 1.

        Args:
            people: Raw ids of ``u`` people.
            items: Raw ids of ``n`` items.

        Returns:
            People before items, float32 ``[u + n, d]``; zeros for who or what had no event in training.

        Raises:
            NotFittedError: The model was not fitted.
            ModelError: It was loaded, and people are not saved.
        """
        self._need_fitted()
        if not hasattr(self, "people_"):
            advice = "Ask the model that was fitted, or fit it again."
            raise ModelError("the vectors of people are not saved with the model", remedy=advice)
        of_people = _rows(self.user_factors_, self.people_, people)
        return np.concatenate([of_people, _rows(self.item_factors_, self.items_.ids, items)])

    def _edges(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        """Return what the items of each history count for its vector, float32 ``[q, n]``."""
        history = History.of(queries, self.items_)
        signs = replace(history, weights=np.sign(history.weights))
        edges = signs.matrix(len(self.items_), settings["age_decay"])
        np.clip(edges.data, -1, 1, out=edges.data)
        owner = np.repeat(np.arange(edges.shape[0]), np.diff(edges.indptr))
        degrees = np.bincount(owner, np.abs(edges.data), edges.shape[0])
        edges.data /= np.sqrt(np.maximum(degrees[owner], 1e-30)).astype(np.float32)
        return edges

    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float32]:
        return np.asarray(self._edges(queries, settings) @ self.handed_on_)

    def _parts(self, query: Query, item: int) -> Contributions:
        edges = self._edges(QueryBatch.of([query]), self.settings_)
        amounts = edges.data * (self.handed_on_[edges.indices] @ self.item_factors_[item])
        parts = [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(edges.indices, amounts, strict=True)
        ]
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return fitted, tensors | {"handed_on": self.handed_on_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.handed_on_ = tensors["handed_on"]

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        self.handed_on_ = np.pad(self.handed_on_, ((0, new), (0, 0)))


def _is_stale(values: Sequence[float], patience: int) -> bool:
    """Say whether the best of ``values`` lies ``patience`` epochs back, or 1 if that is more."""
    return bool(values) and len(values) - 1 - int(np.argmax(values)) >= max(patience, 1)


def _rows(table: NDArray[np.float32], ids: Iterable[Any], asked: Iterable[Any]) -> NDArray[np.float32]:
    """Return the rows of some ids of a table, zeros for those that it lacks."""
    places = {raw: place for place, raw in enumerate(ids)}
    found = np.array([places.get(str(raw), -1) for raw in asked], dtype=np.int64)
    return np.where((found >= 0)[:, None], table[found], np.float32(0))


def _check(settings: Settings) -> None:
    if settings["loss"] not in LOSSES:
        raise ModelError(f"LightGCN has no loss '{settings['loss']}'", remedy=nearest(settings["loss"], LOSSES))
    if settings["layers"] < 1:
        advice = "Without a layer nothing reaches who was not in training; bpr is that model, with a map for strangers."
        raise ModelError(f"there are to be {settings['layers']} layers, but 1 is the least", remedy=advice)
