"""Strangers who say a few keywords: people held out whole, who are asked for the items that they gave keywords to."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.splits.checks import count, need_users, shares, sizes
from tastemaker.data.splits.parts import Split, cut, saying
from tastemaker.data.splits.questions import NONE, TEST, TRAIN, VALID, Form
from tastemaker.data.splits.rules import Rules

RELATION: Final = "has_tag"


def keyword_user(
    dataset: Dataset,
    *,
    keywords: int = 3,
    valid: float = 0.1,
    test: float = 0.5,
    rules: Rules | None = None,
    run: Run | None = None,
) -> Split:
    """Test on people of whom nothing is known but a few keywords.

    Of a person who is held out, training has no event and no keyword. The one question is asked without a history, with
    the keywords that the person gave most often (as often: the one that stands first in the data), as text with commas.
    Its targets are the items that they gave any keyword to and liked.

    Args:
        dataset: The whole data set; its relations hold ``has_tag`` with a ``user_id``.
        keywords: How many a person says at most.
        valid: Share of the people with keywords that is selected on.
        test: Share of the people with keywords that is tested on.
        rules: What every protocol has: ties, k-core, filters.
        run: Gives the seed of the draw.

    Raises:
        DataError: Nobody gave keywords to what they liked, or a share holds nobody or everybody.
    """
    rules, run = rules or Rules(), run or Run()
    count("keywords", keywords, 1)
    shares(valid=valid, test=test)
    if rules.drop_cold_users or rules.min_history:
        raise DataError(
            "keyword-user asks strangers: neither drop_cold_users nor min_history has a place", where="knobs"
        )
    dataset, knobs = rules.prepared(dataset, run)
    need_users(dataset, 3, "keyword-user")
    given = _given(dataset)
    sequences = dataset.sequences
    pairs = set(given.select("user_id", "head").iter_rows())
    user = sequences.user_of_event()
    events = zip(sequences.user_ids[user], dataset.items.ids[sequences.codes], strict=True)
    named = np.asarray([event in pairs for event in events], dtype=bool) & (sequences.weights > 0)
    able = np.unique(user[named])
    selected, tested = sizes("people with keywords", len(able), valid, test, dataset.name)
    order = able[np.argsort(run.rng("split").random(len(sequences.user_ids))[able])]
    part_of = np.full(len(sequences.user_ids), TRAIN, dtype=np.int8)
    part_of[order[:tested]] = TEST
    part_of[order[tested : tested + selected]] = VALID
    if rules.train_on_valid:
        part_of[part_of == VALID] = TRAIN
    part = part_of[user]
    part[(part != TRAIN) & ~named] = NONE
    history = "none; the person says keywords"
    knobs = {
        **knobs,
        "keywords": keywords,
        "valid": valid,
        "test": test,
        "seed": run.seed,
        "history_at_valid": history,
        "history_at_test": history,
    }
    made = cut("keyword-user", dataset, part, Form(together=True, last=0), rules, knobs, run)
    said = _said(given, keywords)

    def texts(held: HeldOut) -> list[str | None]:
        return [said.get(str(person)) for person in held.queries.user_ids]

    return saying(made, texts(made.valid), texts(made.test))


def _given(dataset: Dataset) -> pl.DataFrame:
    """Return the keywords that people gave: ``user_id, head, tail``."""
    frame = None if dataset.relations is None else dataset.relations.frame
    if frame is None or "user_id" not in frame.columns or not (frame["relation"] == RELATION).any():
        raise DataError(
            "keyword-user needs keywords that people gave to items, and there are none",
            where=dataset.name,
            remedy=f"Add relations '{RELATION}' from an item to a text, with a column user_id.",
        )
    given = frame.filter((pl.col("relation") == RELATION) & pl.col("user_id").is_not_null())
    return given.select(pl.col("user_id").cast(pl.String), "head", "tail")


def _said(given: pl.DataFrame, most: int) -> dict[str, str]:
    """Return what each person says: the keywords given most often, with commas between them."""
    own: dict[str, Counter[str]] = {}
    for person, tag in given.select("user_id", "tail").iter_rows():
        plain = " ".join(tag.replace(",", " ").casefold().split())
        if plain:
            own.setdefault(person, Counter())[plain] += 1
    return {person: ", ".join(sorted(counts, key=lambda tag: -counts[tag])[:most]) for person, counts in own.items()}
