"""Orders of short lists are judged by where they put the answer, by what they leave out, and by how steady they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Query, as_events
from tastemaker.core.run import Run
from tastemaker.data import Dataset, make_split
from tastemaker.models import make_model
from tastemaker.pipeline.retrievers import FromModel
from tastemaker.systems.paradigms import study
from tastemaker.systems.reproduction.bench import Bench
from tastemaker.systems.studies import shortlists
from tastemaker.systems.studies.shortlists import Orderer, Shortlists, Shuffled, modelled, ordered, piped


@pytest.fixture(scope="module")
def data() -> Shortlists:
    events = [
        {"user_id": f"u{n}", "item_id": f"i{(n + k) % 12}", "timestamp": n * 10 + k}
        for n in range(40)
        for k in range(5)
    ]
    split = make_split(Dataset.of(pl.DataFrame(events), name="ring"), "leave-one-out")
    model = make_model("popularity").fit(split.train)
    queries = [Query(user_id="u1", history=as_events(["i1", "i2"])), Query(user_id="u2", history=as_events(["i2"]))]
    return Shortlists(split.train, split.valid, queries, ["i3", "i9"], [("i4", "i3", "i5"), ("i9", "i3", "i5")], model)


def saying(*orders: Sequence[str]) -> shortlists.Contender:
    """Return a contender that says these orders, whatever it is asked, again and again."""
    left: list[Sequence[str]] = []

    def order(query: Query) -> Sequence[str]:
        if not left:
            left.extend(orders)
        return left.pop(0)

    def contender(data: Shortlists, run: Run) -> Orderer:
        return order

    return contender


def test_the_place_of_the_answer_is_the_gain(data: Shortlists) -> None:
    found = ordered(saying(["i4", "i3", "i5"], ["i9", "i3", "i5"]), data, Run()).values
    assert found[shortlists.NDCG].tolist() == pytest.approx([1 / np.log2(3), 1.0])
    assert found[shortlists.FIRST].tolist() == [0.0, 1.0]
    assert found[shortlists.VALID].tolist() == [1.0, 1.0]
    assert found[shortlists.FLIPS].tolist() == [0.0, 0.0]
    assert found[shortlists.MOVED].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("order", [["i3"], ["i3", "i3", "i5"], ["i3", "i4", "i5", "i6"], []])
def test_what_is_no_order_of_the_candidates_is_not_valid(data: Shortlists, order: list[str]) -> None:
    found = ordered(saying(order, ["i9", "i3", "i5"]), data, Run()).values
    assert found[shortlists.VALID].tolist() == [0.0, 1.0]
    assert np.isfinite(found[shortlists.MOVED]).all()


def test_another_first_item_the_second_time_is_a_flip(data: Shortlists) -> None:
    first, second = (["i4", "i3", "i5"], ["i9", "i3", "i5"]), (["i5", "i3", "i4"], ["i9", "i5", "i3"])
    found = ordered(saying(*first, *second), data, Run()).values
    assert found[shortlists.FLIPS].tolist() == [1.0, 0.0]
    assert found[shortlists.MOVED].tolist() == pytest.approx([1.0, 1 / 3])


def test_models_and_stages_name_the_candidates_alone(data: Shortlists) -> None:
    by_stages = partial(lambda given, run: piped(lambda model, shelf: (FromModel(model), Shuffled()), given))
    for contender in (partial(modelled, "item-knn", {}), by_stages):
        found = ordered(contender, data, Run()).values
        assert found[shortlists.VALID].tolist() == [1.0, 1.0]


def test_a_shuffle_is_that_of_the_seed(data: Shortlists) -> None:
    order = piped(lambda model, shelf: (FromModel(model), Shuffled()), data)
    query = replace(data.queries[0], candidates=frozenset(f"i{n}" for n in range(12)), k=12)
    assert order(replace(query, seed=1)) == order(replace(query, seed=1))
    assert order(replace(query, seed=1)) != order(replace(query, seed=2))


def test_questions_are_of_the_test_part_with_what_came_before_them(tmp_path: Path) -> None:
    ground = shortlists.shortlists("bookshop", "leave-one-out", 20, 5, "popularity", Bench(tmp_path), Run())
    held = ground.holds
    assert ground.units == len(held.queries) == len(held.answers) == 20
    assert all(len(among) == 5 for among in held.candidates)
    assert all(
        answer not in {event.item_id for event in query.events()}
        for query, answer in zip(held.queries, held.answers, strict=True)
    )
    assert 0 <= held.recall <= 1
    assert f"{held.recall:.1%}".replace("%", " %") in ground.notes[0]


def test_without_a_generator_its_rows_say_what_is_missing(tmp_path: Path) -> None:
    from tastemaker.core.errors import MissingExtraError

    plan = study("bookshop", "quick", None)
    ground = shortlists.shortlists("bookshop", "leave-one-out", 3, 5, "popularity", Bench(tmp_path), Run())
    with pytest.raises(MissingExtraError, match="local"):
        plan.rows["asked-pointwise"].take(ground.holds, Run())
