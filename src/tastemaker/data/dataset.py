"""A data set: events, items, people and facts with one vocabulary and one fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, Event, QueryBatch
from tastemaker.data.catalogue import Catalogue, Relations, Users
from tastemaker.data.interactions import Interactions
from tastemaker.data.provenance import Provenance
from tastemaker.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Sequences:
    """The events as arrays, user after user, oldest first.

    Attributes:
        user_ids: Raw ids, object ``[u]``, sorted.
        indptr: Events of user ``i`` are ``indptr[i]:indptr[i + 1]``, int64 ``[u + 1]``.
        codes: Items by their number in the vocabulary, int32 ``[e]``.
        weights: float32 ``[e]``.
        timestamps: Microseconds since the epoch, int64 ``[e]``; ``NO_TIME`` where unknown.
        rows: Original row numbers, int64 ``[e]``.
        ratings: float32 ``[e]``, NaN where none was given; ``None`` where the log has no ratings.
    """

    user_ids: NDArray[np.object_]
    indptr: NDArray[np.int64]
    codes: NDArray[np.int32]
    weights: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    rows: NDArray[np.int64]
    ratings: NDArray[np.float32] | None = None

    def user_of_event(self) -> NDArray[np.int64]:
        """Return the user's position in ``user_ids`` for each event, int64 ``[e]``."""
        return np.repeat(np.arange(len(self.user_ids)), np.diff(self.indptr))


@dataclass(frozen=True)
class Dataset:
    """Events, items, people and facts.

    A view (see `where`) shares the vocabulary, the catalogue and the fingerprint of the data set it is cut from.

    Attributes:
        name: What it is called in reports.
        interactions: The events.
        catalogue: The items; holds every item of the events.
        items: Numbers of the items, catalogue and events together.
        fingerprint: sha256 of the whole data set's events and of its items' ids and titles, hexadecimal.
        users: The people, if anything is known of them.
        relations: Facts, if any.
    """

    name: str
    interactions: Interactions
    catalogue: Catalogue
    items: Vocabulary
    fingerprint: str
    users: Users | None = None
    relations: Relations | None = None

    @classmethod
    def of(
        cls,
        interactions: Interactions | pl.DataFrame,
        catalogue: Catalogue | pl.DataFrame | None = None,
        *,
        users: Users | None = None,
        relations: Relations | None = None,
        name: str = "data",
        seed: int = 0,
    ) -> Dataset:
        """Put a data set together; items that the catalogue lacks are added to it with their id alone."""
        events = interactions if isinstance(interactions, Interactions) else Interactions.from_frame(interactions)
        seen = events.frame["item_id"].unique().sort().to_list()
        if catalogue is None:
            catalogue = Catalogue.of_ids(seen)
        elif isinstance(catalogue, pl.DataFrame):
            catalogue = Catalogue(catalogue)
        missing = [item for item in seen if item not in catalogue]
        if missing:
            extra = pl.DataFrame({"item_id": missing}, schema={"item_id": pl.String})
            catalogue = Catalogue(pl.concat([catalogue.frame, extra], how="diagonal"))
        vocabulary = Vocabulary.of(catalogue.frame["item_id"], seed)
        return cls(name, events, catalogue, vocabulary, _fingerprint(events, catalogue), users, relations)

    def where(self, keep: NDArray[np.bool_]) -> Dataset:
        """Return the view that holds the events ``keep``, bool ``[e]`` in the order of `sequences`."""
        if not keep.any():
            raise DataError("no events are left", where=self.name, remedy="Check the split's sizes.")
        frame = self.interactions.frame.filter(pl.Series(keep))
        return replace(self, interactions=Interactions(frame))

    @cached_property
    def sequences(self) -> Sequences:
        """The events as arrays, in the order of ``interactions.frame``."""
        frame = self.interactions.frame
        changes = np.flatnonzero(frame["user_id"].rle_id().diff().fill_null(1).to_numpy())
        return Sequences(
            user_ids=np.asarray([*frame["user_id"].gather(changes).to_list(), None], dtype=object)[:-1],
            indptr=np.append(changes, frame.height).astype(np.int64),
            codes=self.items.encode(frame["item_id"]),
            weights=frame["weight"].to_numpy(),
            timestamps=frame["timestamp"].dt.epoch("us").fill_null(NO_TIME).to_numpy(),
            rows=frame["order"].to_numpy(),
            ratings=_ratings(frame),
        )

    @cached_property
    def _user_places(self) -> dict[str, int]:
        return {user: place for place, user in enumerate(self.sequences.user_ids)}

    def histories(self, user_ids: list[str]) -> QueryBatch:
        """Return one query for each user with all their events; unknown users have none."""
        user_ids = [str(user) for user in user_ids]
        sequences = self.sequences
        places = np.asarray([self._user_places.get(user, -1) for user in user_ids], dtype=np.int64)
        known = places >= 0
        return QueryBatch(
            dictionary=self.items.ids,
            codes=sequences.codes,
            weights=sequences.weights,
            timestamps=sequences.timestamps,
            starts=np.where(known, sequences.indptr[places], 0),
            ends=np.where(known, sequences.indptr[places + 1], 0),
            user_ids=np.asarray([*user_ids, None], dtype=object)[:-1],
            now=np.full(len(user_ids), NO_TIME),
            ratings=sequences.ratings,
        )

    def history(self, user_id: str) -> list[str]:
        """Return the items of one user, oldest first; empty for an unknown user."""
        batch = self.histories([user_id])
        return list(self.items.ids[batch.codes[batch.starts[0] : batch.ends[0]]])

    def rated_history(self, user_id: str) -> tuple[Event, ...]:
        """Return the events of one user, oldest first, each with its time and rating, if any, and its weight."""
        batch = self.histories([user_id])
        own = slice(int(batch.starts[0]), int(batch.ends[0]))
        given = np.full(len(batch.codes[own]), np.nan) if batch.ratings is None else batch.ratings[own]
        return tuple(
            Event(
                item,
                timestamp=None if time == NO_TIME else from_microseconds(time),
                weight=weight,
                rating=None if np.isnan(rating) else rating,
            )
            for item, time, weight, rating in zip(
                self.items.ids[batch.codes[own]],
                batch.timestamps[own].tolist(),
                batch.weights[own].tolist(),
                given.tolist(),
                strict=True,
            )
        )

    def provenance(self) -> Provenance:
        """Return what something fitted on this data set, or on this view of one, has seen."""
        sequences = self.sequences
        known = sequences.timestamps[sequences.timestamps != NO_TIME]
        return Provenance(
            self.name,
            self.fingerprint,
            np.sort(sequences.rows),
            len(sequences.user_ids),
            int(known.max()) if len(known) else None,
        )


def _ratings(frame: pl.DataFrame) -> NDArray[np.float32] | None:
    if "rating" not in frame.columns:
        return None
    return frame["rating"].cast(pl.Float32, strict=False).fill_null(float("nan")).to_numpy()


def _fingerprint(events: Interactions, catalogue: Catalogue) -> str:
    digest = hashlib.sha256()
    frame = events.frame
    for name in ("user_id", "item_id", "event"):
        values = frame[name].unique().sort()
        digest.update("\0".join(values).encode())
        digest.update(frame[name].cast(pl.Enum(values)).to_physical().cast(pl.Int64).to_numpy().tobytes())
    digest.update(frame["timestamp"].dt.epoch("us").fill_null(NO_TIME).to_numpy().tobytes())
    digest.update(frame["order"].to_numpy().tobytes())
    digest.update(frame["weight"].to_numpy().tobytes())
    ids = sorted(catalogue.frame["item_id"])
    digest.update("\0".join(f"{item}\1{catalogue.title(item)}" for item in ids).encode())
    return digest.hexdigest()
