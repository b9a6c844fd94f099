"""What every recommender that scores its whole vocabulary shares: asking, masking, top-k, saving."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ModelError, ModelFormatError, NotFittedError, QueryError, UnknownItemError
from tastemaker.core.files import atomic_folder
from tastemaker.core.query import Query, QueryBatch, as_events, as_ids
from tastemaker.core.recommendations import Contributions, Recommendations
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.provenance import Provenance
from tastemaker.data.vocabulary import UNKNOWN, Vocabulary
from tastemaker.models import storage
from tastemaker.models.space import Space

Scores = NDArray[np.float32]
Settings = dict[str, Any]

_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class Best:
    """What a model recommends to one query, best first.

    Attributes:
        items: Numbers in the model's vocabulary, int64 ``[m]``, distinct.
        scores: float32 ``[m]``.
        degraded: Why the answer is less than what was asked for.
    """

    items: NDArray[np.int64]
    scores: Scores
    degraded: tuple[str, ...]


class _Limits(NamedTuple):
    """How many items a query gets, whether those of its history are left out, and its candidates, bool ``[n]``."""

    k: int
    exclude_seen: bool
    candidates: NDArray[np.bool_] | None


class DenseRecommender(ABC):
    """Base of the recommenders that score every item they know.

    A subclass says how it learns (`fit`), how it scores (`score`), and what of it is kept (`_state`, `_restore`).

    Attributes:
        items_: Vocabulary, frozen at `fit`.
        provenance_: What was learnt from.
        settings_: The hyper-parameters in use.
        settings_tried_: How many settings were compared on validation.
    """

    name: ClassVar[str]

    space: ClassVar[Space] = {}
    """What a search over the constructor's arguments may try (`tastemaker.models.tuning.tune`); empty: nothing."""

    items_: Vocabulary
    provenance_: Provenance
    settings_: Settings
    settings_tried_: int

    _known_mask: tuple[frozenset[Any], Vocabulary, NDArray[np.bool_]] | None = None

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this recommender can do."""

    # -- what a subclass provides ------------------------------------------------------------------------------

    @abstractmethod
    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``; nothing is masked."""

    @abstractmethod
    def _parts(self, query: Query, item: int) -> Contributions:
        """Explain the score of the item with number ``item``."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        """Return the fitted state as JSON values and as tensors."""

    @abstractmethod
    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        """Take back what `_state` gave."""

    def _texts(self) -> dict[str, str]:
        """Return what of the fitted state is text in a file of its own, by the file's name."""
        return {}

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        """Make room for ``new`` items that were appended to ``self.items_``."""
        raise ModelError(f"'{self.name}' cannot take in new items", remedy="Fit it again.")

    def _absorb(self, dataset: Dataset) -> None:
        """Learn from more events; items are known by now."""
        raise ModelError(
            f"'{self.name}' cannot take in new events without a new fit",
            remedy="Fit it again, or use a model whose capabilities say 'incremental'.",
        )

    # -- the contract ------------------------------------------------------------------------------------------

    @abstractmethod
    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""

    def is_settled(self) -> bool:
        """Say whether nothing is left to be chosen on validation queries."""
        return None not in self.settings().values()

    def settled_settings(self) -> Settings:
        """Return the constructor's arguments with every choice of this fit fixed: those of a model that is settled."""
        return dict(self.settings_)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Raw ids of the vocabulary, object ``[n]``."""
        self._need_fitted()
        return self.items_.ids

    @abstractmethod
    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Learn from ``train``; what is left open is chosen on ``valid``. Sets ``items_`` and ``provenance_``."""

    def fitted_before(self, train: Dataset, valid: HeldOut | None, run: Run) -> float | None:
        """Return the seconds that a fit on these very rows with this seed took, or ``None`` if there was none.

        For a model that is a row of a comparison and a source of another row: it has to be fitted once only.
        """
        return None

    def recommend(
        self,
        queries: Query | Sequence[Query] | QueryBatch | None = None,
        *,
        user: Any = None,
        history: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        text: str | None = None,
        k: int = 10,
        allowed: Iterable[Any] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """Recommend at most ``k`` items to each query.

        Args:
            queries: One query, several, or a batch; or leave it out and describe one query by the keywords.
            user: Raw id of the person, for models that know people.
            history: Raw ids or events, oldest first. Ids that the model does not know are passed over.
            items: Recommend what is similar to these.
            text: What is asked for in words, for models that read text.
            k: How many, for the keyword form and for a batch.
            allowed: Raw ids to recommend from; anything else is out of the question. Or the same as a mask, bool
                ``[n]`` in the order of `item_ids`, which costs no look-up.
            exclude_seen: Leave out the items of the history.

        Raises:
            NotFittedError: The model was not fitted.
            QueryError: The request makes no sense, for example ``k=0`` or a person without a history.
        """
        self._need_fitted()
        if queries is None:
            if user is not None and history is None and "user" not in self.capabilities.reads:
                raise QueryError(
                    f"'{self.name}' keeps no people, so it does not know the history of user '{user}'",
                    remedy="Give history=[...], for example dataset.history(user), or ask an Engine.",
                )
            queries = Query(
                user_id=user,
                history=None if history is None else as_events(history),
                items=() if items is None else as_ids("items", items),
                text=text,
                k=k,
                exclude_seen=exclude_seen,
            )
        if isinstance(queries, Query):
            queries = [queries]
        if isinstance(queries, QueryBatch):
            Query(k=k)
            batch, limits = queries, [_Limits(k, exclude_seen, None)] * len(queries)
        else:
            batch, limits = QueryBatch.of(queries), [self._limits(query) for query in queries]
        common = None if allowed is None else self._mask(allowed)
        numbers = self.items_.index(batch.dictionary)
        lists = [
            (self.items_.ids[best], scores)
            for start in range(0, len(batch), _BLOCK)
            for best, scores in self._ranked(
                batch[start : start + _BLOCK], numbers, limits[start : start + _BLOCK], common
            )
        ]
        return Recommendations.of(lists, self._degraded(batch, numbers))

    def best(self, query: Query, k: int | None = None, allowed: NDArray[np.bool_] | None = None) -> Best:
        """Return what `recommend` recommends to one query, by the items' numbers.

        Args:
            query: The query.
            k: How many items at most; by default as many as the query asks for.
            allowed: Which items may be recommended, bool ``[n]`` in the order of `item_ids`.

        Raises:
            NotFittedError: The model was not fitted.
            QueryError: The mask is of another length.
        """
        self._need_fitted()
        batch, limits = QueryBatch.of([query]), self._limits(query)
        numbers = self.items_.index(batch.dictionary)
        if k is not None:
            limits = limits._replace(k=k)
        common = None if allowed is None else self._mask(allowed)
        ((items, scores),) = self._ranked(batch, numbers, [limits], common)
        return Best(items, scores, self._degraded(batch, numbers))

    def _limits(self, query: Query) -> _Limits:
        mask = None if query.candidates is None else self._mask(query.candidates)
        return _Limits(query.k, query.exclude_seen, mask)

    def _ranked(
        self,
        queries: QueryBatch,
        numbers: NDArray[np.int32],
        limits: Sequence[_Limits],
        allowed: NDArray[np.bool_] | None,
    ) -> list[tuple[NDArray[np.int64], Scores]]:
        """Return numbers and scores of what may be recommended to each query, best first.

        Args:
            queries: Some queries.
            numbers: What the entries of their dictionary are in the vocabulary, int32 ``[d]``.
            limits: What holds for each query.
            allowed: What may be recommended to any of them, bool ``[n]``; ``None`` for everything.
        """
        out = np.empty((len(queries), len(self.items_)), dtype=bool)
        for row, (barred, (_, exclude_seen, mask)) in enumerate(zip(out, limits, strict=True)):
            if allowed is None:
                barred[:] = False
            else:
                np.logical_not(allowed, out=barred)
            if mask is not None:
                barred |= ~mask
            events = slice(queries.starts[row], queries.ends[row])
            met = numbers[queries.codes[events]]
            known = met != UNKNOWN
            barred[met[known if exclude_seen else known & (queries.weights[events] < 0)]] = True
        if len(queries) == 1:
            items = np.flatnonzero(~out[0])
            few = self._scores_of_few(queries, items)
            if few is not None:
                places, best = self._top(few, limits[0].k)
                return [(items[places], best)]
        scores = self._open_scores(queries, out)
        return [self._top(row, each.k) for row, each in zip(scores, limits, strict=True)]

    def _top(self, scores: Scores, k: int) -> tuple[NDArray[np.int64], Scores]:
        """Return places and values of the ``k`` largest scores, best first; those that are not finite never come."""
        k = min(k, len(scores))
        best = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
        best = best[np.lexsort((best, -scores[best]))]
        best = best[np.isfinite(scores[best])]
        return best, scores[best]

    def _scores_of_few(self, queries: QueryBatch, items: NDArray[np.int64]) -> Scores | None:
        """Return the scores of the items with these numbers for one query, float32 ``[c]``.

        ``None`` where all items can be scored as quickly.
        """
        return None

    def _open_scores(self, queries: QueryBatch, out: NDArray[np.bool_]) -> Scores:
        """Return the scores of the items that may be recommended, and ``-inf`` for what is ``out``, ``[q, n]``."""
        scores = np.array(self.score(queries), dtype=np.float32)
        scores[out] = -np.inf
        return scores

    def _degraded(self, batch: QueryBatch, numbers: NDArray[np.int32]) -> tuple[str, ...]:
        if len(batch) != 1:
            return ()
        met = numbers[batch.codes[batch.starts[0] : batch.ends[0]]]
        notes = []
        unknown = int(np.count_nonzero(met == UNKNOWN))
        if unknown:
            notes.append(f"{unknown} of {len(met)} items of the history are unknown to the model")
        text = batch.texts and batch.texts[0]
        reads_text = text and self._understands(text)
        if text and not reads_text:
            notes.append(f"'{self.name}' can do nothing with the words '{text}'")
        if unknown == len(met) and not reads_text and self.capabilities.reads & {"history", "last"}:
            notes.append("no history to go by: popular items")
        return tuple(notes)

    def _understands(self, text: str) -> bool:
        """Say whether the words of a query change what is recommended."""
        return "text" in self.capabilities.reads

    def _mask(self, ids: Iterable[Any]) -> NDArray[np.bool_]:
        """Return which items ``ids`` are, bool ``[n]``; the same frozen set as last time costs no look-up."""
        if isinstance(ids, np.ndarray) and ids.dtype == np.bool_:
            if ids.shape != (len(self.items_),):
                raise QueryError(
                    f"'allowed' is a mask of {list(ids.shape)}, and the model knows {len(self.items_)} items",
                    remedy="Say true or false for each of model.item_ids, in their order.",
                )
            return ids
        known = self._known_mask
        if known is not None and known[0] is ids and known[1] is self.items_:
            return known[2]
        numbers = self.items_.index(as_ids("allowed", ids))
        mask = np.zeros(len(self.items_), dtype=bool)
        mask[numbers[numbers != UNKNOWN]] = True
        if isinstance(ids, frozenset):
            self._known_mask = (ids, self.items_, mask)
        return mask

    def score_candidates(self, queries: QueryBatch, candidates: Sequence[Any]) -> Scores:
        """Score the same candidates for every query, float32 ``[q, c]``; unknown ids score ``-inf``."""
        self._need_fitted()
        numbers = self.items_.index([str(raw) for raw in candidates])
        blocks = [self.score(queries[start : start + _BLOCK])[:, numbers] for start in range(0, len(queries), _BLOCK)]
        scores = np.concatenate(blocks) if blocks else np.empty((0, len(numbers)), np.float32)
        scores[:, numbers == UNKNOWN] = -np.inf
        return scores

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the score of one item comes from.

        Raises:
            UnknownItemError: The model does not know the item.
        """
        self._need_fitted()
        number = int(self.items_.index([str(item_id)])[0])
        if number == UNKNOWN:
            raise UnknownItemError(f"'{self.name}' does not know the item '{item_id}'", remedy="Extend or refit it.")
        return self._parts(query, number)

    def extend(self, items: Catalogue | None = None, interactions: Dataset | None = None) -> Self:
        """Take in new items, new events, or both, without a new fit; known items keep their numbers.

        Args:
            items: The new items, with whatever is known of them.
            interactions: The new events, each person's in one piece; may hold items that are new.

        Raises:
            ModelError: The model cannot do that (see `capabilities`).
        """
        self._need_fitted()
        if interactions is not None and not self.capabilities.incremental:
            self._absorb(interactions)
        for catalogue in (items, None if interactions is None else interactions.catalogue):
            if catalogue is None:
                continue
            before = self.items_
            self.items_ = before.extend(catalogue.frame["item_id"])
            if len(self.items_) > len(before):
                try:
                    self._grow(catalogue, len(self.items_) - len(before))
                except BaseException:
                    self.items_ = before
                    raise
        if interactions is not None:
            self._absorb(interactions)
            self.provenance_ = joined_provenance(self.provenance_, interactions.provenance())
        return self

    def twin(self) -> Self:
        """Return a model that answers as this one does, and may `extend` by items while this one goes on answering.

        What both only read, such as weights, is shared. A model whose `_grow` changes something in place, where
        others put something new in its stead, has to copy that here.
        """
        return copy.copy(self)

    def save(self, folder: str | Path) -> None:
        """Write the model as a folder, whole or not at all; an older model there is replaced.

        Raises:
            NotFittedError: There is nothing to save.
            StorageError: The folder cannot be written, or holds something that is no model; what stood there stays.
        """
        self._need_fitted()
        with atomic_folder(Path(folder), replaces="config.json") as temporary:
            self._write(temporary)

    def _write(self, folder: Path) -> None:
        fitted, tensors = self._state()
        fitted = {**fitted, "settings": self.settings_, "settings_tried": self.settings_tried_}
        stored = storage.Stored(
            self.name, self.settings(), fitted, tensors, self.items_, self.provenance_, self._texts()
        )
        storage.write(folder, stored)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; needs no training data.

        Raises:
            ModelFormatError: The folder is missing, incomplete, damaged, or holds another model.
        """
        stored = storage.read(Path(folder))
        if stored.model != cls.name:
            raise ModelFormatError(
                f"the folder holds '{stored.model}', not '{cls.name}'",
                where=str(folder),
                remedy="Use tastemaker.load_model(folder), which finds the class.",
            )
        try:
            model = cls._of_settings(stored.settings)
            model.items_, model.provenance_ = stored.items, stored.provenance
            model.settings_ = dict(stored.fitted["settings"])
            model.settings_tried_ = int(stored.fitted["settings_tried"])
            model._read(Path(folder), stored)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"the model folder is damaged: {error!r}", where=str(folder), remedy="Train the model again."
            ) from error
        return model

    @classmethod
    def _of_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**settings)

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        self._restore(stored.fitted, stored.tensors)

    def _need_fitted(self) -> None:
        if not hasattr(self, "items_"):
            raise NotFittedError(f"'{self.name}' is not fitted", remedy="Call fit(train) or load(folder) first.")


def joined_provenance(old: Provenance, new: Provenance) -> Provenance:
    """Return what was seen by both; other data sets are kept by name."""
    if new.fingerprint != old.fingerprint:
        others = tuple(dict.fromkeys((*old.others, new.dataset)))
        return Provenance(old.dataset, old.fingerprint, old.rows, old.users + new.users, old.last_event, others)
    last = [moment for moment in (old.last_event, new.last_event) if moment is not None]
    rows = np.union1d(old.rows, new.rows)
    return Provenance(old.dataset, old.fingerprint, rows, old.users + new.users, max(last, default=None), old.others)
