"""Logistic regression on hashed tokens of person, item and moment: how likely what is shown is liked or clicked."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LIKED_FROM, LabelledEvents, context_of, labels_of
from tastemaker.data.vocabulary import UNKNOWN, Vocabulary
from tastemaker.evaluation.labels import log_loss
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.event_model import EventModel
from tastemaker.models.features import (
    EVERY_COLUMN,
    ITEM_COLUMNS,
    MOMENT,
    NO_COLUMN,
    Columns,
    Features,
    Reader,
    as_setting,
    chosen_columns,
    moments_of,
    title_tokens,
    with_moment,
)
from tastemaker.models.hashing import Hashes, hashes, joined, places_and_signs
from tastemaker.models.logistic_loss import Array, calibrated, fit_logistic, sigmoid
from tastemaker.models.ragged import Ragged, merged, row_pairs
from tastemaker.models.space import Choice, Real, Space

_EVENTS_AT_ONCE: Final = 100_000


class HashedLogistic(EventModel):
    """Predicts ``sigmoid(c + sum of the weights of all tokens and pairs of tokens)``: a baseline for clicks.

    Tokens are who asks (unless unknown), what is known of them, what is known of the moment, the item (unless it was
    never shown), the words of its title, and its attributes; pairs are of everything about the asking with every
    attribute of the item. Each falls on one of ``2^bits`` weights with a sign of its own (Weinberger et al., 2009).
    The weights minimise the log loss of the labels with ``l2 / 2 |w|^2``, by L-BFGS; labels are those of
    `tastemaker.data.labelled.labels_of`, and it needs events that were shown and not liked. With validation events
    the log-odds are calibrated on them (Platt, 1999).

    What `Users` say of people is kept in the model, and their ids.

    Args:
        l2: Strength of the penalty.
        bits: Logarithm of the number of weights.
        time: Whether hour and weekday (UTC) are part of the moment.
        context: Columns of the events that are part of the moment; ``none``, or ``all``. Where one is unknown, it is
            left out.
        people_columns: Columns of people that are read; ``all`` for every one.
        item_columns: Columns of items that are read; ``all`` for those of `ITEM_COLUMNS`.
        liked_from: The lowest rating that is a like, where there is no column ``label``.

    Attributes:
        weights_: float32 ``[2^bits]``.
        intercept_: ``c``.
        calibration_: Slope and shift of the log-odds; 1 and 0 without validation events.
    """

    name: ClassVar[str] = "logistic"
    capabilities = Capabilities(
        cold_items=True, reads=frozenset({"user", "context"}), comparable_scores=True, score_kind="probability"
    )
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "l2": (3.0, 1.0, 10.0, 30.0),
        "bits": (18,),
        "time": (False, True),
        "context": (NO_COLUMN,),
        "people_columns": (EVERY_COLUMN,),
        "item_columns": (EVERY_COLUMN,),
        "liked_from": (LIKED_FROM,),
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("l2",),
        ("time", "bits", "context", "people_columns", "item_columns", "liked_from"),
    )
    space: ClassVar[Space] = {"l2": Real(0.1, 1000, log=True), "time": Choice((False, True))}

    weights_: NDArray[np.float32]
    intercept_: float
    calibration_: tuple[float, float]

    def __init__(
        self,
        *,
        l2: float | None = None,
        bits: int | None = None,
        time: bool | None = None,
        context: Columns | None = None,
        people_columns: Columns | None = None,
        item_columns: Columns | None = None,
        liked_from: float | None = None,
    ) -> None:
        self.l2 = l2
        self.bits = bits
        self.time = time
        self.context = as_setting(context)
        self.people_columns = as_setting(people_columns)
        self.item_columns = as_setting(item_columns)
        self.liked_from = liked_from

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        super()._fit(train, valid, run)
        if isinstance(valid, LabelledEvents) and len(valid):
            logits = self._logits(valid, valid.context)
            self.calibration_ = calibrated(logits, valid.answers)

    def _learn(self, train: Dataset, settings: Settings) -> None:
        labels = labels_of(train, settings["liked_from"])
        labelled = ~np.isnan(labels)
        sequences = train.sequences
        self._describe(train, settings)
        self._met = np.bincount(sequences.codes, minlength=len(self.items_)) > 0
        moments = self._moments(context_of(train.interactions.frame).filter(pl.Series(labelled)))
        user = sequences.user_of_event()[labelled]
        people = self._known.index(sequences.user_ids)[user]
        blocks = [block for block, _ in self._designs(people, sequences.codes[labelled], moments, settings["bits"])]
        found = fit_logistic(sparse.csr_array(sparse.vstack(blocks)), labels[labelled], settings["l2"])
        self.weights_, self.intercept_ = found[:-1].astype(np.float32), float(found[-1])
        self.calibration_ = (1.0, 0.0)
        self._forget_caches()

    def _describe(self, train: Dataset, settings: Settings) -> None:
        """Read what is known of people, items and moments."""
        users, catalogue = None if train.users is None else train.users.frame, train.catalogue.frame
        self._known = Vocabulary.of(train.sequences.user_ids)
        people_columns = chosen_columns(users, settings["people_columns"], None)
        item_columns = chosen_columns(catalogue, settings["item_columns"], ITEM_COLUMNS)
        if users is not None:
            self._known = self._known.extend(users["user_id"])
        self._people = Features.learnt(users, "user_id", list(self._known.ids), people_columns)
        self._items = Features.learnt(catalogue, "item_id", list(self.items_.ids), item_columns)
        self._words = Features.of(Reader([], {}), title_tokens(catalogue, self.items_.ids))
        frame = context_of(train.interactions.frame)
        columns = chosen_columns(frame.drop("timestamp"), settings["context"], None)
        columns, frame = [*columns, *(MOMENT if settings["time"] else ())], with_moment(frame)
        self._asked = Features.of(reader := Reader.of(frame, columns), reader.tokens(frame))
        self._asked.rows = sparse.csr_array((0, len(self._asked.names)))

    def _forget_caches(self) -> None:
        self.__dict__.pop("_about_items", None)

    # -- tokens as hashes --------------------------------------------------------------------------------------

    def _moments(self, frame: pl.DataFrame) -> Ragged:
        """Return what is known of some moments; what was not met in training means nothing."""
        kept = self._known_of(frame)
        indptr = np.append(0, np.cumsum([len(tokens) for tokens in kept])).astype(np.int64)
        return Ragged(indptr, hashes(token for tokens in kept for token in tokens))

    def _known_of(self, frame: pl.DataFrame) -> list[list[str]]:
        known = set(self._asked.names)
        if not known:
            return [[] for _ in range(frame.height)]
        return [[token for token in told if token in known] for told in self._asked.reader.tokens(with_moment(frame))]

    def _asking(self, people: NDArray[np.int32], moments: Ragged) -> Ragged:
        """Return who asks, what is known of them and of the moment, row by row; person -1 is nobody known."""
        known = np.flatnonzero(people != UNKNOWN)
        ids, place = np.unique(people[known], return_inverse=True)
        names = hashes(f"person={self._known.ids[person]}" for person in ids)[place]
        own = self._people.of_rows(people)
        attributes = Ragged(own.indptr, hashes(self._people.names)[own.indices])
        return merged([Ragged.at(known, names, len(people)), attributes, moments])

    def _of_items(self, items: NDArray[np.int32]) -> tuple[Ragged, Ragged]:
        """Return name and words of some items, and their attributes; item -1 has none."""
        shown = np.flatnonzero(np.append(self._met, False)[items])
        numbers, place = np.unique(items[shown], return_inverse=True)
        names = hashes(f"item={self.items_.ids[number]}" for number in numbers)[place]
        said, attributes = self._words.of_rows(items), self._items.of_rows(items)
        title = Ragged(said.indptr, hashes(self._words.names)[said.indices])
        alone = merged([Ragged.at(shown, names, len(items)), title])
        return alone, Ragged(attributes.indptr, hashes(self._items.names)[attributes.indices])

    def _designs(
        self, people: NDArray[np.int32], items: NDArray[np.int32], moments: Ragged, bits: int
    ) -> Iterator[tuple[sparse.csr_array, slice]]:
        """Yield the signed tokens of some events, float64 ``[b, 2^bits]``, and which events they are."""
        for start in range(0, len(items), _EVENTS_AT_ONCE):
            block = slice(start, min(start + _EVENTS_AT_ONCE, len(items)))
            asking = self._asking(people[block], moments[block])
            alone, attributes = self._of_items(items[block])
            row, one, other = row_pairs(asking.indptr, attributes.indptr)
            pairs = joined(asking.values[one], attributes.values[other])
            single = (asking, alone, attributes)
            places, signs = places_and_signs(np.concatenate([*(each.values for each in single), pairs]), bits)
            rows = np.concatenate([*(each.rows() for each in single), row])
            yield sparse.csr_array((signs, (rows, places)), shape=(block.stop - block.start, 1 << bits)), block

    # -- answering ---------------------------------------------------------------------------------------------

    def _weighed(self, values: Hashes) -> Array:
        """Return what each hash adds to the log-odds."""
        places, signs = places_and_signs(values, int(self.settings_["bits"]))
        return signs * self.weights_[places]

    @property
    def _said_of_items(self) -> tuple[Array, Hashes]:
        """What the tokens of each item add whoever asks, float64 ``[n]``, and the hashes of attributes."""
        if "_about_items" not in self.__dict__:
            alone, attributes = self._of_items(np.arange(len(self.items_), dtype=np.int32))
            every = merged([alone, attributes])
            sums = np.bincount(every.rows(), self._weighed(every.values), len(self.items_)).astype(np.float64)
            self._about_items = sums, hashes(self._items.names)
        return self._about_items

    def score(self, queries: QueryBatch) -> Scores:
        """Return how likely each item is liked if it is shown, float32 ``[q, n]``."""
        self._need_fitted()
        everybody, attributes = self._said_of_items
        asking = self._asking(self._known.index(queries.user_ids), self._moments(moments_of(queries.now)))
        found = np.empty((len(queries), len(self.items_)), dtype=np.float32)
        for row in range(len(queries)):
            own = asking[slice(row, row + 1)].values
            pairs = self._weighed(joined(own[:, None], attributes[None, :]))
            found[row] = self._probability(self._weighed(own).sum() + everybody + self._items.rows @ pairs.sum(axis=0))
        return found

    def _probability(self, said: Any) -> Array:
        slope, shift = self.calibration_
        return sigmoid(slope * (self.intercept_ + said) + shift)

    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> Array:
        """Return how likely each target is liked, float64 ``[t]``; without ``context``, at its query's moment."""
        self._need_fitted()
        slope, shift = self.calibration_
        return sigmoid(slope * self._logits(held, context) + shift)

    def _logits(self, held: HeldOut, context: pl.DataFrame | None) -> Array:
        """Return the log-odds before calibration."""
        people = self._known.index(held.queries.user_ids)[held.query]
        items = self.items_.index(held.queries.dictionary)[held.targets]
        moments = self._moments(moments_of(held.queries.now[held.query]) if context is None else context)
        found = np.empty(len(items))
        for design, block in self._designs(people, items, moments, int(self.settings_["bits"])):
            found[block] = design @ self.weights_ + self.intercept_
        return found

    def _loss(self, held: LabelledEvents) -> float:
        return log_loss(self.predict(held.unanswered(), held.context), held.answers)

    def _parts(self, query: Query, item: int) -> Contributions:
        """Share the probability out over the tokens in proportion to what they add to the log-odds.

        That is the attribution by integrated gradients from the average (Sundararajan, Taly & Yan, 2017), which is
        exact here.
        """
        names, values = self._named(query, item)
        said = self._weighed(values)
        base, whole = (float(self._probability(total)) for total in (np.float64(0), said.sum()))
        share = (whole - base) / said.sum() if abs(said.sum()) > 1e-9 else self.calibration_[0] * base * (1 - base)
        parts = [Contribution("feature", "the average", base)]
        parts += [
            Contribution("feature", name, float(amount * share))
            for name, amount in zip(names, said, strict=True)
            if amount
        ]
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _named(self, query: Query, item: int) -> tuple[list[str], Hashes]:
        """Return the tokens and pairs of one query and one item in words, and their hashes."""
        batch = QueryBatch.of([query])
        person = self._known.index(batch.user_ids)
        asking = [f"person={query.user_id}"] * int(person[0] != UNKNOWN)
        asking += [self._people.names[token] for token in self._people.of_rows(person).indices]
        asking += self._known_of(moments_of(batch.now))[0]
        alone = [f"item={self.items_.ids[item]}"] * int(self._met[item])
        alone += [self._words.names[token] for token in self._words.rows[[item]].indices]
        attributes = [self._items.names[token] for token in self._items.rows[[item]].indices]
        pairs = [f"{first} and {second}" for first in asking for second in attributes]
        crossed = joined(hashes(asking)[:, None], hashes(attributes)[None, :]).ravel()
        return [*asking, *alone, *attributes, *pairs], np.concatenate([hashes([*asking, *alone, *attributes]), crossed])

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted: dict[str, Any] = {
            "intercept": self.intercept_,
            "calibration": list(self.calibration_),
            "known": self._known.ids.tolist(),
        }
        tensors: storage.Tensors = {"weights": self.weights_, "met": self._met.astype(np.uint8)}
        for name in ("people", "items", "words", "asked"):
            values, packed = getattr(self, f"_{name}").pack(name)
            fitted, tensors = fitted | values, tensors | packed
        return fitted, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.intercept_, (slope, shift) = float(fitted["intercept"]), fitted["calibration"]
        self.calibration_ = float(slope), float(shift)
        self._known = Vocabulary(np.asarray([*fitted["known"], None], dtype=object)[:-1], ())
        self.weights_, self._met = tensors["weights"], tensors["met"].astype(bool)
        for name in ("people", "items", "words", "asked"):
            setattr(self, f"_{name}", Features.unpack(name, fitted, tensors))
        self._forget_caches()

    def twin(self) -> Self:
        """See `DenseRecommender.twin`."""
        other = super().twin()
        other._items = copy.deepcopy(self._items)
        other._words = copy.deepcopy(self._words)
        return other

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        ids = list(self.items_.ids[-new:])
        self._items.add(catalogue.frame, "item_id", ids)
        self._words.add_tokens(title_tokens(catalogue.frame, ids))
        self._met = np.pad(self._met, (0, new))
        self._forget_caches()
