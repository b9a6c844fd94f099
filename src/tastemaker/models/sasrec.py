"""SASRec: what comes next, by a causal transformer over the items of a history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import MissingExtraError, ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.factors import FactorModel
from tastemaker.models.history import History
from tastemaker.models.item_to_item import popularity
from tastemaker.models.sequence_inference import by_length, last_states

LOSSES: Final = ("softmax", "sampled", "gbce", "bce", "bpr")


class SASRec(FactorModel):
    """Self-attentive sequential recommendation (Kang and McAuley, 2018), by default with the loss that it lacked.

    The state after each event scores every item by a product with the item's vector, the same that stands for it in
    the history. Trained with the full softmax (Klenitskiy and Vasilev, 2023); the paper's own loss, one negative by
    BCE, is ``loss="bce", negatives=1``, and is why the model looks weak in most tables. Training stops by NDCG@10 on
    validation and keeps the best epoch. It needs the extra ``torch``; answering does not.

    Events of a negative weight are neither inputs nor targets. Other weights multiply the losses of their events.

    Args:
        dimensions: Length of the vectors.
        blocks: Blocks of the transformer.
        heads: Heads of attention.
        hidden: Width of the feed-forward part; ``None`` takes ``dimensions``.
        layout: ``sasrec``, or ``ligr`` (gates and SwiGLU; Borisyuk et al., 2025).
        dropout: Probability.
        max_length: How many of the latest events are read.
        loss: ``softmax`` (over all items), ``sampled``, ``gbce``, ``bce`` or ``bpr``.
        negatives: Drawn uniformly for each batch (``sampled``) or target; the full softmax needs none.
        calibration: ``t`` of gBCE.
        learning_rate: Adam's.
        weight_decay: Of all weights.
        batch_events: Padded events in a batch at most.
        epochs: At most.
        patience: Epochs without a gain on validation after which training stops.

    Attributes:
        network_: Weights of the transformer, by torch's names.
        training_: What is known of each epoch.
    """

    name: ClassVar[str] = "sasrec"
    capabilities = Capabilities()

    network_: dict[str, NDArray[np.float32]]
    training_: list[dict[str, Any]]

    def __init__(
        self,
        *,
        dimensions: int = 64,
        blocks: int = 1,
        heads: int = 1,
        hidden: int | None = None,
        layout: str = "sasrec",
        dropout: float = 0.4,
        max_length: int = 50,
        loss: str = "softmax",
        negatives: int = 256,
        calibration: float = 0.75,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        batch_events: int = 2048,
        epochs: int = 100,
        patience: int = 10,
    ) -> None:
        self.dimensions = dimensions
        self.blocks = blocks
        self.heads = heads
        self.hidden = hidden
        self.layout = layout
        self.dropout = dropout
        self.max_length = max_length
        self.loss = loss
        self.negatives = negatives
        self.calibration = calibration
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_events = batch_events
        self.epochs = epochs
        self.patience = patience

    def settings(self) -> Settings:
        """Return the constructor's arguments."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_") and name[-1] != "_"}

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        settings = self.settings()
        _check(settings)
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("training 'sasrec'", "torch") from error
        from tastemaker.models.sequence_training import SequenceTask, train_sequences

        self.popularity_ = popularity(train)
        self._forget_caches()
        self.settings_ = settings
        sample = None
        if valid is not None and len(valid):
            sample = valid.sample(min(max(len(valid) // 4, 2500), 5000), run.rng("selection"))
        task = SequenceTask(train, settings, run, sample, self)
        trained = train_sequences(task, settings, run, self.name, _identity(train, settings, run))
        self._take(task.weights())
        self.training_ = trained.log
        self.settings_tried_ = sum("value" in entry for entry in trained.log)
        self.settings_ = {**settings, "best_epoch": trained.best_epoch, "threads": trained.threads}

    def _take(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights of a network; items without events get no vector."""
        vectors = weights["items"]
        self.item_factors_ = np.ascontiguousarray(vectors * (self.popularity_ > 0)[:, None], dtype=np.float32)
        self.network_ = {name: value for name, value in weights.items() if name != "items"}

    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float32]:
        history = History.of(queries, self.items_)
        liked = history.weights > 0
        query, items = history.query[liked], history.items[liked]
        ends = np.searchsorted(query, np.arange(len(queries)), side="right")
        starts = np.maximum(np.searchsorted(query, np.arange(len(queries))), ends - settings["max_length"])
        states = np.zeros((len(queries), self.item_factors_.shape[1]), dtype=np.float32)
        some = np.flatnonzero(ends > starts)
        lengths = ends - starts
        for block in by_length(lengths[some]):
            rows = some[block]
            places = starts[rows, None] + np.arange(int(lengths[rows].max()))
            inputs = self.item_factors_[items[np.minimum(places, len(items) - 1)]]
            states[rows] = last_states(self.network_, inputs, lengths[rows], settings["heads"])
        return states

    def _parts(self, query: Query, item: int) -> Contributions:
        """Say what the score loses when an event is taken out of the history; these do not add up."""
        asked = tuple(event for event in query.asked_with() if event.weight > 0)[-self.settings_["max_length"] :]
        without = [Query(history=tuple(asked[:place] + asked[place + 1 :])) for place in range(len(asked))]
        states = self.user_vectors(QueryBatch.of([Query(history=asked), *without]))
        scores = states @ self.item_factors_[item] + self._prior[item]
        parts = [
            Contribution("item", event.item_id, float(scores[0] - score))
            for event, score in zip(asked, scores[1:], strict=True)
        ]
        return Contributions(self.items_.ids[item], float(scores[0]), tuple(parts), additive=False)

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        network = {f"network.{name}": value for name, value in self.network_.items()}
        return {**fitted, "training": self.training_}, tensors | network

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.training_ = list(fitted["training"])
        prefix = "network."
        self.network_ = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    def _learn(self, train: Dataset, settings: Settings) -> None:
        raise NotImplementedError

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        raise NotImplementedError


def _check(settings: Settings) -> None:
    if settings["loss"] not in LOSSES:
        raise ModelError(f"there is no loss '{settings['loss']}'", remedy=nearest(settings["loss"], LOSSES))
    if settings["layout"] not in ("sasrec", "ligr"):
        raise ModelError(f"there is no layout '{settings['layout']}'", remedy="Use sasrec or ligr.")
    if settings["dimensions"] % settings["heads"]:
        raise ModelError(f"{settings['heads']} heads do not divide {settings['dimensions']} dimensions", where="heads")
    if settings["max_length"] < 1 or settings["negatives"] < 1 or not 0 <= settings["dropout"] < 1:
        raise ModelError("max_length and negatives must be at least 1, and dropout from 0 to below 1")


def _identity(train: Dataset, settings: Settings, run: Run) -> str:
    seen = train.provenance()
    said = json.dumps([settings, seen.fingerprint, run.seed], sort_keys=True)
    return hashlib.sha256(said.encode() + seen.packed_rows().tobytes()).hexdigest()
