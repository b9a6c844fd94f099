"""Some of the people of a data set and what they touched, for experiments that would take too long on all of it."""

from __future__ import annotations

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions


def some_people(dataset: Dataset, share: float, run: Run) -> Dataset:
    """Return a data set of some people, drawn by the run's seed, with the items that they touched and no others.

    Args:
        dataset: The whole data set; profiles and facts are kept as they are.
        share: Of its people, above 0, at most 1; one of them at least.
        run: Gives the seed.

    Raises:
        DataError: ``share`` is out of range.
    """
    if not 0 < share <= 1:
        raise DataError(f"{share} is no share of people", remedy="Give a number above 0, at most 1.")
    if share == 1:
        return dataset
    people = dataset.sequences.user_ids
    drawn = run.rng("people").choice(people, max(1, round(share * len(people))), replace=False)
    events = dataset.interactions.frame.filter(pl.col("user_id").is_in(drawn.tolist()))
    touched = np.unique(events["item_id"].to_numpy()).tolist()
    items = dataset.catalogue.frame.filter(pl.col("item_id").is_in(touched))
    return Dataset.of(
        Interactions(events),
        Catalogue(items),
        users=dataset.users,
        relations=dataset.relations,
        name=f"{dataset.name}, {share:.0%} of the people",
    )
