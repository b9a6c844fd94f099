"""SASRec: what comes next, by a causal transformer over the items of a history."""

from __future__ import annotations

import hashlib
import json
import time as clock
from collections.abc import Mapping
from functools import cached_property
from inspect import signature
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import AssetError, MissingExtraError, ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec
from tastemaker.language.texts import item_texts
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.factors import FactorModel
from tastemaker.models.latest import Latest
from tastemaker.models.sequence_inference import TIMES, Transformer, asking_code, by_length, projected, time_codes
from tastemaker.models.space import Choice, Integer, Real, Space
from tastemaker.models.text_vectors import TextVectors

LOSSES: Final = ("softmax", "sampled", "gbce", "bce", "bpr")
ITEMS: Final = ("ids", "text", "both")
_PROJECT: Final = "project."
_FEW_ITEMS: Final = 20_000
"""Up to so many the softmax is over all items: it learns better than from a sample, at twice the time."""

_LONG: Final = 50
"""Events of a person on average from which on histories are long."""
_REMEMBERED: Final = 5_000
"""States of so many histories are kept; each takes about a kilobyte."""
_ROWS: Final = 20
"""Histories of full length in a batch."""


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

    With ``time="none"`` only the order of events is read, as in the paper. With ``"gaps"`` learnt vectors are added to
    the input at each place for how long ago its event is when it is asked what comes next, and for how long it came
    after the event before it, both in logarithmic buckets; with ``"calendar"`` for the hour, weekday and month of the
    asking, in UTC; with ``"both"`` for all of these. In training it is asked at the time of the next event, whose item
    is never read; afterwards at ``Query.now``. A query without it, and events without times, have vectors of the
    unknown. Closest are HSTU (Zhai et al., 2024), whose attention reads log buckets from each event to the next asking,
    and TimelyRec (Cho et al., 2021), which reads the calendar of the asking; TiSASRec (Li et al., 2020) reads the
    intervals between events of the history alone. On data without times nothing is read, and ``settings_`` says so.

    Args:
        dimensions: Length of the vectors.
        blocks: Blocks of the transformer; ``None`` takes 2 where people have 50 events on average, else 1.
        heads: Heads of attention.
        hidden: Width of the feed-forward part; ``None`` takes ``dimensions``.
        layout: ``sasrec``, or ``ligr`` (gates and SwiGLU; Borisyuk et al., 2025).
        dropout: Probability; ``None`` takes .2 where people have 50 events on average, else .4.
        max_length: How many of the latest events are read; ``None`` takes 200 where people have 50 on
            average, else 50.
        loss: ``softmax`` (over all items), ``sampled``, ``gbce``, ``bce`` or ``bpr``; ``None`` takes the first for
            up to 20,000 items, else the second.
        negatives: Drawn uniformly for each batch (``sampled``) or target; the full softmax needs none.
        calibration: ``t`` of gBCE.
        learning_rate: Adam's.
        schedule: What becomes of the learning rate over all ``epochs``: ``constant``, or it falls to 0 in a line
            (``linear``) or a half ``cosine``.
        weight_decay: Of all weights.
        batch_events: Padded events in a batch at most; ``None`` takes 20 times ``max_length``.
        epochs: At most.
        patience: Epochs without a gain on validation after which training stops; 0 goes through all ``epochs``, looks
            at no validation, and keeps the last one.
        items: What the vector of an item is made of: ``ids``, ``text`` or ``both``; ``None`` takes both where the
            catalogue has words, else ids.
        encoder: A text encoder by name, or by name and arguments.
        template: How the text of an item is made (`tastemaker.language.texts.item_texts`); empty for the usual one.
        projector: Width of the projector's hidden layer; 0 projects by a matrix.
        id_dropout: With ``both``, the probability that an id's vector is left out of a step, so that texts learn to
            stand alone.
        time: What is read of time: ``none``, ``gaps``, ``calendar`` or ``both``; ``None`` takes gaps.
        time_dropout: Share of training in which the moment of the asking, the times of the history, or both are made
            unknown, each on its own.

    Attributes:
        network_: Weights of the transformer, by torch's names.
        training_: What is known of each epoch.
        spared_seconds_: What epochs took that an interrupted training had done before.
    """

    name: ClassVar[str] = "sasrec"
    space: ClassVar[Space] = {
        "dimensions": Choice((32, 64, 128, 256)),
        "blocks": Integer(1, 3),
        "heads": Choice((1, 2, 4)),
        "layout": Choice(("sasrec", "ligr")),
        "dropout": Real(0.0, 0.7),
        "max_length": Integer(10, 200, log=True),
        "loss": Choice(("softmax", "sampled")),
        "negatives": Integer(64, 4096, log=True),
        "learning_rate": Real(1e-4, 1e-2, log=True),
        "batch_events": Integer(256, 8192, log=True),
        "time": Choice(("none", "gaps", "calendar", "both")),
    }

    network_: dict[str, NDArray[np.float32]]
    training_: list[dict[str, Any]]
    spared_seconds_: float = 0.0

    def __init__(
        self,
        *,
        dimensions: int = 64,
        blocks: int | None = None,
        heads: int = 1,
        hidden: int | None = None,
        layout: str = "sasrec",
        dropout: float | None = None,
        max_length: int | None = None,
        loss: str | None = None,
        negatives: int = 2048,
        calibration: float = 0.75,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        weight_decay: float = 0.0,
        batch_events: int | None = None,
        epochs: int = 100,
        patience: int = 6,
        items: str | None = None,
        encoder: EncoderSpec = DEFAULT_ENCODER,
        template: str = "",
        projector: int = 0,
        id_dropout: float = 0.2,
        time: str | None = None,
        time_dropout: float = 0.1,
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
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.batch_events = batch_events
        self.epochs = epochs
        self.patience = patience
        self.items = items
        self.encoder = encoder
        self.template = template
        self.projector = projector
        self.id_dropout = id_dropout
        self.time = time
        self.time_dropout = time_dropout
        self.capabilities = Capabilities(cold_items=items != "ids")

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where the data are to decide."""
        given = {name: getattr(self, name) for name in signature(type(self)).parameters}
        if not isinstance(self.encoder, str | Mapping):
            given["encoder"] = self.encoder.spec()
        return given

    def is_settled(self) -> bool:
        """Say whether the number of epochs is not to be chosen on validation queries."""
        return self.patience == 0

    def settled_settings(self) -> Settings:
        """Return the constructor's arguments for as many epochs as the best one took here, whatever comes of them."""
        known = {name: self.settings_[name] for name in signature(type(self)).parameters}
        return {**known, "epochs": self.settings_["best_epoch"], "patience": 0}

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        settings = decided(self.settings(), train)
        _check(settings)
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("training 'sasrec'", "torch") from error
        settings = self._read_texts(train, settings, run)
        self._run, self.settings_ = run, settings
        self.capabilities = Capabilities(cold_items=settings["items"] != "ids")
        self._valid = None
        if valid is not None and len(valid) and self.patience:
            self._valid = valid.sample(min(max(len(valid) // 4, 2500), 5000), run.rng("selection"))
        self._learn(train, settings)
        self._valid = None

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        from tastemaker.models.sequence_training import SequenceTask, train_sequences

        task = SequenceTask(train, settings, run, self._valid, self, self._described)
        began = clock.perf_counter()
        trained = train_sequences(task, settings, run, self.name, _identity(train, settings, run))
        self.spared_seconds_ = max(0.0, trained.seconds - (clock.perf_counter() - began))
        self._take(task.weights())
        self.training_ = trained.log
        self.settings_tried_ = sum("value" in entry for entry in trained.log)
        self.settings_ = {**settings, "best_epoch": trained.best_epoch, "threads": trained.threads}

    def _read_texts(self, train: Dataset, settings: Settings, run: Run) -> Settings:
        """Encode the items' texts where they are read; where that was left open and cannot be done, ids have to do."""
        self._texts_of, self._described = None, None
        if settings["items"] == "ids":
            return settings
        try:
            self._texts_of = TextVectors.of(train, self.encoder, self.template, run)
            self._described = self._texts_of.items(train.catalogue, train.items.ids, run)
        except (AssetError, MissingExtraError) as error:
            if self.items is not None:
                raise
            run.notify(f"'{self.name}' reads no texts: {error.message}")
            return {**settings, "items": "ids"}
        return settings

    def _take(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights of a network; items without events get the vector of their text, or none."""
        self.network_ = {name: value for name, value in weights.items() if name != "items"}
        vectors = np.array(weights["items"], dtype=np.float32)
        cold = np.flatnonzero(self.popularity_ == 0)
        vectors[cold] = 0 if self._described is None else self._projected(self._described[cold])
        self.item_factors_ = vectors
        self._forget_caches()

    @cached_property
    def _transformer(self) -> Transformer:
        return Transformer(self.network_, self.settings_["heads"])

    @cached_property
    def _remembered(self) -> Latest[NDArray[np.float32]]:
        return Latest(_REMEMBERED)

    def _forget_caches(self) -> None:
        super()._forget_caches()
        for name in ("_transformer", "_remembered"):
            self.__dict__.pop(name, None)

    def _projected(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return projected(_under(_PROJECT, self.network_), texts)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        if self._texts_of is not None:
            texts = self._texts_of.items(catalogue, self.items_.ids[-new:], wordless=True)
            self.item_factors_[-new:] = self._projected(texts)

    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float32]:
        if len(queries) == 1:
            return self._vector_of_one(queries, settings)
        indptr, positions = queries.flatten()
        items, times, read = self._inputs(queries, positions)
        if not read.all():
            items, times, indptr = items[read], times[read], np.append(0, np.cumsum(read))[indptr]
        ends = indptr[1:]
        starts = np.maximum(indptr[:-1], ends - settings["max_length"])
        when = time_codes(times, starts, ends, queries.now, settings["time"])
        lengths = ends - starts
        states = np.zeros((len(queries), self.item_factors_.shape[1]), dtype=np.float32)
        some = np.flatnonzero(lengths)
        for block in by_length(lengths[some]):
            rows = some[block]
            places = np.minimum(starts[rows, None] + np.arange(int(lengths[rows].max())), len(items) - 1)
            states[rows] = self._states(items[places], when[places], lengths[rows])
        return states

    def _inputs(
        self, queries: QueryBatch, places: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
        """Return items and times of some events, and which of them are inputs."""
        items = self.items_.index(queries.dictionary)[queries.codes[places]]
        return items, queries.timestamps[places], (items != UNKNOWN) & (queries.weights[places] > 0)

    def _vector_of_one(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float32]:
        """Return the vector of a single history; whoever asks again before they do anything else has the same.

        That is so until the last event is so long ago, or the calendar so far on, that it is read otherwise.
        """
        items, times, read = self._inputs(queries, slice(int(queries.starts[0]), int(queries.ends[0])))
        if not read.all():
            items, times = items[read], times[read]
        items, times = items[-settings["max_length"] :], times[-settings["max_length"] :]
        if not len(items):
            return np.zeros((1, self.item_factors_.shape[1]), dtype=np.float32)
        asking = asking_code(int(times[-1]), int(queries.now[0]), settings["time"])
        key = (items.tobytes(), times.tobytes(), asking)
        state = self._remembered.get(key)
        if state is None:
            whole = np.asarray([len(items)])
            when = time_codes(times, np.zeros(1, np.int64), whole, queries.now, settings["time"])
            state = self._states(items[None], when[None], whole)
            state.setflags(write=False)
            self._remembered.put(key, state)
        return state

    def _states(
        self, items: NDArray[np.int32], when: NDArray[np.int16], lengths: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the states after histories of items ``[b, l]`` and time codes ``[b, l, f]``, float32 ``[b, d]``."""
        inputs = self.item_factors_[items]
        if when.shape[-1]:
            added, *others = (self.network_["times"][rows] for rows in np.moveaxis(when, -1, 0))
            inputs += sum(others, start=added)
        return self._transformer.last_states(inputs, lengths)

    def _parts(self, query: Query, item: int) -> Contributions:
        """Say what the score loses when an event is taken out of the history; these do not add up."""
        asked = tuple(event for event in query.asked_with() if event.weight > 0)[-self.settings_["max_length"] :]
        histories = [asked, *(asked[:place] + asked[place + 1 :] for place in range(len(asked)))]
        states = self.user_vectors(QueryBatch.of([Query(history=history, now=query.now) for history in histories]))
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
        self.capabilities = Capabilities(cold_items=self.settings_["items"] != "ids")
        self.training_ = list(fitted["training"])
        self.network_ = _under("network.", tensors)
        self._texts_of = TextVectors.restored(fitted["words"], tensors) if fitted["words"] else None
        self._described = None


def decided(settings: Settings, train: Dataset) -> Settings:
    """Return settings with what was left open decided by the data, without any trial.

    Long histories take more blocks, less dropout and larger batches than short ones; the softmax is over all items
    until that takes too long; texts and times are read where there are any.
    """
    people = np.diff(train.sequences.indptr)
    long = len(train.sequences.codes) >= _LONG * max(int((people > 0).sum()), 1)
    longest = settings["max_length"] or (200 if long else 50)
    words = settings["items"] is None and any(
        item_texts(train.catalogue, train.items.ids.tolist(), settings["template"] or None)
    )
    by_data: Settings = {
        "blocks": 2 if long else 1,
        "dropout": 0.2 if long else 0.4,
        "max_length": longest,
        "loss": "softmax" if len(train.items) <= _FEW_ITEMS else "sampled",
        "batch_events": _ROWS * longest,
        "items": "both" if words else "ids",
        "time": "gaps",
    }
    found = {name: by_data[name] if value is None and name in by_data else value for name, value in settings.items()}
    return found if train.interactions.has_times else {**found, "time": "none"}


def _under(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check(settings: Settings) -> None:
    if settings["items"] not in ITEMS:
        raise ModelError(f"items cannot be made of '{settings['items']}'", remedy=nearest(settings["items"], ITEMS))
    if settings["loss"] not in LOSSES:
        raise ModelError(f"there is no loss '{settings['loss']}'", remedy=nearest(settings["loss"], LOSSES))
    if settings["time"] not in TIMES:
        raise ModelError(f"there is no '{settings['time']}' to read of time", remedy=nearest(settings["time"], TIMES))
    if settings["layout"] not in ("sasrec", "ligr"):
        raise ModelError(f"there is no layout '{settings['layout']}'", remedy="Use sasrec or ligr.")
    if settings["dimensions"] % settings["heads"]:
        raise ModelError(f"{settings['heads']} heads do not divide {settings['dimensions']} dimensions", where="heads")
    if settings["max_length"] < 1 or settings["negatives"] < 1 or not 0 <= settings["dropout"] < 1:
        raise ModelError("max_length and negatives must be at least 1, and dropout from 0 to below 1")
    if not 0 <= settings["time_dropout"] < 1:
        raise ModelError("time_dropout must be from 0 to below 1", where="time_dropout")


def _identity(train: Dataset, settings: Settings, run: Run) -> str:
    seen = train.provenance()
    said = json.dumps([settings, seen.fingerprint, run.seed], sort_keys=True)
    return hashlib.sha256(said.encode() + seen.packed_rows().tobytes()).hexdigest()
