"""The same data with something taken away: what there is to learn, the names of the items, or the future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.data.catalogue import Catalogue, Relations
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.interactions import Interactions
from tastemaker.data.split import Split
from tastemaker.data.vocabulary import Vocabulary


def with_nothing_to_learn(train: Dataset, rng: np.random.Generator) -> Dataset:
    """Return training data in which every event is with an item drawn uniformly, and items swap what is known of them.

    People, times, weights, the ids and their numbers stay; popularity, sequences, titles, categories and facts no
    longer go with the items they went with.
    """
    frame = train.interactions.frame
    drawn = rng.integers(0, len(train.items), size=frame.height)
    items = pl.Series("item_id", train.items.ids.tolist(), dtype=pl.String).gather(drawn)
    ids = train.catalogue.frame["item_id"]
    swapped = dict(zip(ids, ids.gather(rng.permutation(len(ids))), strict=True))
    return replace(
        train,
        interactions=Interactions(frame.with_columns(items)),
        catalogue=_renamed_catalogue(train.catalogue, swapped),
        relations=_renamed_relations(train.relations, swapped),
    )


def with_names_exchanged(split: Split, rng: np.random.Generator) -> Split:
    """Return the split with the raw ids of the items permuted, and all items numbered anew."""
    ids = split.train.items.ids.tolist()
    names = dict(zip(ids, (ids[place] for place in rng.permutation(len(ids))), strict=True))
    items = Vocabulary.of(names.values(), seed=int(rng.integers(2**31)))
    number = items.index(names[raw] for raw in ids)
    frame = split.train.interactions.frame
    train = replace(
        split.train,
        interactions=Interactions(frame.with_columns(_renamed(frame["item_id"], names))),
        catalogue=_renamed_catalogue(split.train.catalogue, names),
        relations=_renamed_relations(split.train.relations, names),
        items=items,
    )
    return replace(
        split,
        train=train,
        valid=_renumbered(split.valid, items, number),
        test=_renumbered(split.test, items, number),
    )


def without_the_future(held: HeldOut) -> HeldOut:
    """Return the same questions in a batch that holds the histories and nothing else."""
    queries = held.queries
    indptr, positions = queries.flatten()
    batch = QueryBatch(
        queries.dictionary,
        queries.codes[positions],
        queries.weights[positions],
        queries.timestamps[positions],
        indptr[:-1],
        indptr[1:],
        queries.user_ids,
        queries.now,
        queries.texts,
    )
    return replace(held, queries=batch)


def _renumbered(held: HeldOut, items: Vocabulary, number: NDArray[np.int32]) -> HeldOut:
    queries = replace(held.queries, dictionary=items.ids, codes=number[held.queries.codes])
    return replace(held, queries=queries, targets=number[held.targets])


def _renamed(column: pl.Series, names: Mapping[str, str]) -> pl.Series:
    return column.replace(list(names), list(names.values()))


def _renamed_catalogue(catalogue: Catalogue, names: Mapping[str, str]) -> Catalogue:
    frame = catalogue.frame
    return Catalogue(frame.with_columns(_renamed(frame["item_id"], names)))


def _renamed_relations(relations: Relations | None, names: Mapping[str, str]) -> Relations | None:
    if relations is None:
        return None
    frame = relations.frame
    return Relations(frame.with_columns(_renamed(frame["head"], names), _renamed(frame["tail"], names)))
