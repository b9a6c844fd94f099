"""Cold items ranked among themselves: warm ones are out of the way, for models and for chance alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, Split, cold_item
from tastemaker.evaluation import Comparison, compare
from tastemaker.models import ContentKNN, Popularity


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """People who stay with one of four kinds of things; the title says the kind."""
    rng = np.random.default_rng(0)
    kinds = ("tea", "shoe", "lamp", "book")
    events = [
        {"user_id": f"u{user}", "item_id": f"{kinds[user % 4]}{item}", "timestamp": 1000 + place}
        for user in range(160)
        for place, item in enumerate(rng.permutation(15)[:8].tolist())
    ]
    items = [{"item_id": f"{kind}{item}", "title": f"{kind} {kind}s"} for kind in kinds for item in range(15)]
    return Dataset.of(pl.DataFrame(events), pl.DataFrame(items), name="kinds")


@pytest.fixture(scope="module")
def cold(shop: Dataset) -> Split:
    return cold_item(shop, test=0.2)


def compared(split: Split, candidates: str) -> Comparison:
    return compare(
        {"sequential-rules": Popularity(), "content-knn": ContentKNN()}, split, replicates=20, candidates=candidates
    )


def test_among_themselves_cold_items_are_few_and_chance_is_high(cold: Split) -> None:
    alone, jointly = compared(cold, "cold"), compared(cold, "all")
    # 6 items of 60 for validation and 12 for the test are cold; counts draw lots among the 18.
    assert alone.rows[0].metrics["hr@10"].value == pytest.approx(10 / 18, abs=0.06)
    assert jointly.rows[0].metrics["hr@10"].value == 0
    assert alone.rows[1].metrics["ndcg@10"].value > jointly.rows[1].metrics["ndcg@10"].value
    assert alone.rows[1].metrics["hr@10"].value > 0.9
    assert alone.knobs["candidates"] == "items without an event in training, among themselves"
    assert jointly.knobs["candidates"] == "the whole catalogue"


def test_lists_hold_nothing_but_candidates(cold: Split) -> None:
    # 18 items of 60 can be shown at most.
    assert compared(cold, "cold").rows[0].metrics["coverage@10"].value <= 18 / 60


def test_where_no_answer_is_cold_the_question_makes_no_sense(split: Split) -> None:
    models = {"sequential-rules": Popularity()}
    with pytest.raises(DataError, match="and no answer is cold"):
        compare(models, split, candidates="cold")
    with pytest.raises(DataError, match=r"there are no candidates 'clod'. Did you mean 'cold'\?"):
        compare(models, split, candidates="clod")
