"""What stands beside accuracy, parts of the test and gaps between groups: on data that can be worked out by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.data import Dataset, HeldOut, Interactions, Users
from tastemaker.evaluation.gaps import exposure_gap, provider_of_items, providers
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.ranking import rank_targets
from tastemaker.evaluation.slices import folded, parts, values_of

Ask = Callable[..., HeldOut]


def shop(**columns: Sequence[Any]) -> Dataset:
    """Five items bought by 4, 3, 2, 1 and 0 of four people ``u0 .. u3``."""
    bought = {"i0": 4, "i1": 3, "i2": 2, "i3": 1}
    rows = [{"user_id": f"u{buyer}", "item_id": item} for item, times in bought.items() for buyer in range(times)]
    catalogue = pl.DataFrame({"item_id": [f"i{number}" for number in range(5)], **columns})
    people = Users(pl.DataFrame({"user_id": ["0", "1"], "gender": ["f", "m"]}))
    return Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), catalogue, users=people, name="small")


def numbers(train: Dataset, lists: Sequence[Sequence[int]]) -> Any:
    place = train.items.index([f"i{number}" for number in range(5)])
    return np.array([[place[item] if item >= 0 else -1 for item in row] for row in lists], dtype=np.int32)


def test_lists_are_measured_beyond_accuracy(ask: Ask) -> None:
    train = shop(categories=[["a"], ["a"], ["b"], ["a", "b"], []], title=["red", "red hat", "hat", "blue", None])
    held = ask([1, 4], [[0], [0]], items=5)
    names = ("entropy", "serendipity", "diversity_categories", "diversity_text")
    judge = Judge(held, train, (2,), names)
    found = judge.measure("m", np.array([1, 2]), numbers(train, [[1, 2], [3, 4]]), 0.0).metrics
    assert found["novelty@2"] == pytest.approx((-np.log2(3 / 4) - np.log2(2 / 4) - 2 * np.log2(1 / 4)) / 4)
    assert found["personalisation@2"] == 1.0
    assert found["gini@2"] == pytest.approx(1 / 5)
    assert found["entropy@2"] == pytest.approx(np.log(4))
    # The second answer is not among the two most popular unseen items, i1 and i2; the first is.
    assert found["serendipity@2"] == pytest.approx((0 + 1 / 2) / 2)
    assert found["diversity_categories@2"] == 1.0
    assert 0 < found["diversity_text@2"] <= 1.0


def test_popular_ranks_are_those_of_ranking_by_counts(dataset: Dataset, ask: Ask) -> None:
    rng = np.random.default_rng(4)
    items = len(dataset.items)
    histories = [rng.integers(0, items, size).tolist() for size in rng.integers(0, 20, 30)]
    held = ask([rng.choice(items, 3, replace=False).tolist() for _ in histories], histories, items=items)
    own = replace(held.queries, dictionary=dataset.items.ids)
    judge = Judge(replace(held, queries=own), dataset)
    counts = np.bincount(dataset.sequences.codes, minlength=items).astype(np.float64)
    # Ties apart: each rank lies between the best and the worst that equal counts allow.
    best = rank_targets(lambda batch: np.tile(counts, (len(batch), 1)), judge.held, dataset.items.ids)
    slack = np.array([np.sum(counts == counts[target]) for target in held.targets])
    assert (np.abs(judge.popular_ranks - best.ranks) < slack).all()
    by_query = judge.popular_ranks.reshape(-1, 3)
    assert all(len(set(row.tolist())) == 3 for row in by_query)


def test_what_the_catalogue_lacks_is_told_before_anything_is_measured(ask: Ask) -> None:
    held = ask([1], items=5)
    with pytest.raises(DataError, match="diversity of categories needs categories"):
        Judge(held, shop(), extra=["diversity_categories"])
    with pytest.raises(DataError, match="needs titles or texts"):
        Judge(held, shop(), extra=["diversity_text"])
    with pytest.raises(DataError, match=r"there is no metric 'ndgc' .* Did you mean 'ndcg'"):
        Judge(held, shop(), extra=["ndgc"])


def test_sets_of_answers_add_precision_and_map(ask: Ask) -> None:
    one, several = Judge(ask([1], items=5), shop()), Judge(ask([[1, 2]], items=5), shop())
    assert "precision" not in one.rank_names
    assert {"precision", "map"} <= set(several.rank_names)
    found = several.measure("m", np.array([1, 3]), numbers(several.train, [[1, 0]]), 0.0).metrics
    assert found["map@10"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["precision@10"] == pytest.approx(0.2)


def test_parts_follow_popularity_history_category_and_group(ask: Ask) -> None:
    train = shop(categories=[["a"], ["a"], ["b"], ["b"], ["c"]])
    # Ten events: i0 four of them, i1 the next three, i2 and i3 the last.
    held = ask([[0, 4], [2], [1]], [[1], [0] * 12, []], items=5, users=[0, 0, 1])
    people = replace(held.queries, user_ids=np.array(["0", "0", "nobody"], dtype=object))
    judge = Judge(replace(held, queries=people), train, (2,))
    found = {part.key: part for part in parts(judge, ["gender"])}
    marked = {key: part.targets.astype(int).tolist() for key, part in found.items()}
    assert marked == {
        "popularity: cold": [0, 1, 0, 0],
        "popularity: head": [1, 0, 0, 0],
        "popularity: torso": [0, 0, 0, 1],
        "popularity: tail": [0, 0, 1, 0],
        "events: 0-4": [1, 1, 1, 1],
        "history: 0": [0, 0, 0, 1],
        "history: 1-4": [1, 1, 0, 0],
        "history: 10-19": [0, 0, 1, 0],
        "category: known": [1, 0, 0, 0],
        "category: new to the person": [0, 1, 1, 1],
        "group:gender: f": [1, 1, 1, 0],
        "group:gender: unknown": [0, 0, 0, 1],
    }
    new = found["category: new to the person"]
    assert (new.queries, new.users, new.small) == (3, 2, True)
    values = values_of(judge, new, np.array([1, 2, 5, 1]), ["hr", "recall"])
    assert values["users"].tolist() == [1, 1]
    assert values["hr@2"].tolist() == [0.5, 1.0]
    assert values_of(judge, found["popularity: cold"], np.array([1, 2, 5, 1]), ["hr"])["hr@2"].tolist() == [1.0, 0.0]


def test_a_column_that_people_do_not_have_is_told(ask: Ask) -> None:
    judge = Judge(ask([1], items=5), shop())
    with pytest.raises(DataError, match=r"no column 'gendr' of people .* Did you mean 'gender'"):
        parts(judge, ["gendr"])


def test_rare_groups_are_put_together() -> None:
    labels = [str(number) for number in range(20) for _ in range(number + 1)]
    assert set(folded(labels).tolist()) == {*map(str, range(8, 20)), "other"}


def test_providers_get_attention_by_place(ask: Ask) -> None:
    train = shop(brand=["x", "x", "y", "y", None])
    judge = Judge(ask([1, 3], items=5), train, (2,))
    evaluation = judge.measure("m", np.array([1, 9]), numbers(train, [[1, 2], [0, 1]]), 0.0)
    found = {each.name: each for each in providers(judge, evaluation, "brand")}
    second = 1 / np.log2(3)
    assert found["x"].exposure == pytest.approx((2 + second) / (2 + 2 * second))
    assert (found["x"].events, found["x"].items, found["x"].recall, found["x"].targets) == (0.7, 0.4, 1.0, 1)
    assert (found["y"].recall, found["unknown"].targets) == (0.0, 0)
    gap = abs(found["x"].exposure - 0.7) / 2 + abs(found["y"].exposure - 0.3) / 2
    assert exposure_gap(list(found.values())) == pytest.approx(gap)
    with pytest.raises(DataError, match=r"no column 'brnd'.*Did you mean 'brand'"):
        provider_of_items(judge, "brnd")


def test_parts_by_day_tell_one_basket_from_a_later_visit(ask: Ask) -> None:
    day = 86_400_000_000
    held = ask([1, 2, 3, 4], [[0], [0], [], [0]], items=5)
    times = np.array([3 * day + 5, 3 * day + 5, NO_TIME])
    queries = replace(held.queries, timestamps=times, now=np.array([3 * day + 9, 4 * day, 4 * day, 4 * day]))
    found = {part.key: part.targets.tolist() for part in parts(Judge(replace(held, queries=queries), shop(), (2,)))}
    # The third has no history, and of the fourth's last event nobody knows when it was.
    assert found["day: same day"] == [True, False, False, False]
    assert found["day: later day"] == [False, True, False, False]
