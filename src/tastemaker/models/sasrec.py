"""SASRec: what comes next, by a causal transformer over the items of a history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import MissingExtraError, ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.factors import FactorModel
from tastemaker.models.history import History
from tastemaker.models.sequence_inference import by_length, last_states, projected
from tastemaker.models.text_vectors import TextVectors

LOSSES: Final = ("softmax", "sampled", "gbce", "bce", "bpr")
ITEMS: Final = ("ids", "text", "both")
_PROJECT: Final = "project."


class SASRec(FactorModel):
    """Self-attentive sequential recommendation (Kang and McAuley, 2018), by default with the loss that it lacked.

    The state after each event scores every item by a product with the item's vector, the same that stands for it in
    the history. Trained with the full softmax (Klenitskiy and Vasilev, 2023); the paper's own loss, one negative by
    BCE, is ``loss="bce", negatives=1``, and is why the model looks weak in most tables. Training stops by NDCG@10 on
    validation and keeps the best epoch. It needs the extra ``torch``; answering does not.

    Events of a negative weight are neither inputs nor targets. Other weights multiply the losses of their events.

    With ``items="text"`` the vector of an item is its text's, from a frozen encoder, through a learnt projector; with
    ``"both"`` the vector learnt for its id is added to that. Items that nobody has touched then have the vector of
    their text; without texts they have none, and come last.

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
        items: What the vector of an item is made of: ``ids``, ``text`` or ``both``.
        encoder: A text encoder by name, or by name and arguments.
        template: How the text of an item is made (`tastemaker.language.texts.item_texts`); empty for the usual one.
        projector: Width of the projector's hidden layer; 0 projects by a matrix.
        id_dropout: With ``both``, the probability that an id's vector is left out of a step, so that texts learn to
            stand alone.

    Attributes:
        network_: Weights of the transformer, by torch's names.
        training_: What is known of each epoch.
    """

    name: ClassVar[str] = "sasrec"
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
        items: str = "ids",
        encoder: EncoderSpec = DEFAULT_ENCODER,
        template: str = "",
        projector: int = 0,
        id_dropout: float = 0.2,
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
        self.items = items
        self.encoder = encoder
        self.template = template
        self.projector = projector
        self.id_dropout = id_dropout
        self.capabilities = Capabilities(cold_items=items != "ids")

    def settings(self) -> Settings:
        """Return the constructor's arguments."""
        given = {name: getattr(self, name) for name in signature(type(self)).parameters}
        if not isinstance(self.encoder, str | Mapping):
            given["encoder"] = self.encoder.spec()
        return given

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        settings = self.settings()
        _check(settings)
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("training 'sasrec'", "torch") from error
        self._run, self.settings_ = run, settings
        self._valid = None
        if valid is not None and len(valid):
            self._valid = valid.sample(min(max(len(valid) // 4, 2500), 5000), run.rng("selection"))
        self._learn(train, settings)
        self._valid = None

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        from tastemaker.models.sequence_training import SequenceTask, train_sequences

        texts = self._read_texts(train, run)
        task = SequenceTask(train, settings, run, self._valid, self, texts)
        trained = train_sequences(task, settings, run, self.name, _identity(train, settings, run))
        self._take(task.weights())
        self.training_ = trained.log
        self.settings_tried_ = sum("value" in entry for entry in trained.log)
        self.settings_ = {**settings, "best_epoch": trained.best_epoch, "threads": trained.threads}

    def _read_texts(self, train: Dataset, run: Run) -> NDArray[np.float32] | None:
        """Return the vectors of the items' texts where they are read."""
        self._texts_of, self._described = None, None
        if self.items == "ids":
            return None
        self._texts_of = TextVectors.of(train, self.encoder, self.template, run)
        self._described = self._texts_of.items(train.catalogue, train.items.ids, run)
        return self._described

    def _take(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights of a network; items without events get the vector of their text, or none."""
        self.network_ = {name: value for name, value in weights.items() if name != "items"}
        vectors = np.array(weights["items"], dtype=np.float32)
        cold = np.flatnonzero(self.popularity_ == 0)
        vectors[cold] = 0 if self._described is None else self._projected(self._described[cold])
        self.item_factors_ = vectors

    def _projected(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return projected(_under(_PROJECT, self.network_), texts)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        if self._texts_of is not None:
            texts = self._texts_of.items(catalogue, self.items_.ids[-new:], wordless=True)
            self.item_factors_[-new:] = self._projected(texts)

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
        words, own = ({}, {}) if self._texts_of is None else self._texts_of.state()
        return {**fitted, "training": self.training_, "words": words}, {**tensors, **network, **own}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.training_ = list(fitted["training"])
        self.network_ = _under("network.", tensors)
        self._texts_of = TextVectors.restored(fitted["words"], tensors) if fitted["words"] else None
        self._described = None


def _under(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check(settings: Settings) -> None:
    if settings["items"] not in ITEMS:
        raise ModelError(f"items cannot be made of '{settings['items']}'", remedy=nearest(settings["items"], ITEMS))
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
