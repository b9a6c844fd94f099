"""Stages put the first items of a model in another order: by their formulas, only if that helps, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError, ModelError, UnknownItemError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Interactions, Split, leave_one_out
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.evaluation.evidence import recency_bias
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.ranking import rank_targets
from tastemaker.evaluation.targets import TargetRanks, per_user
from tastemaker.models import EASE, IALS, ItemKNN, Popularity, Reranked, SequentialRules, load_model, make_model
from tastemaker.models.base import DenseRecommender
from tastemaker.models.front import Front
from tastemaker.models.refit import refit, unfitted_copy
from tastemaker.models.registry import make_models
from tastemaker.models.rerankers import Injection, Recency
from tastemaker.testing import small_shop
from tastemaker.testing.conformance import RULES, Factory

START = datetime(2024, 1, 1, tzinfo=UTC)
RULES_FIXED: dict[str, Any] = {
    "name": "sequential-rules",
    "window": 10,
    "gap_decay": "1/d",
    "reverse": 0.25,
    "age_decay": "1/a",
}
LATE = {"name": "recency", "weight": 0.5, "decay": 0.8}


def log(histories: Sequence[Sequence[Any]]) -> Dataset:
    rows = [
        (f"u{person:03}", str(item), START + timedelta(days=day))
        for person, history in enumerate(histories)
        for day, item in enumerate(history)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.of(Interactions.from_frame(frame), name="log")


TINY = ["abc", "abd", "acd", "bce", "ade", "ef", "af", "ga", "gh"]
"""Histories of items of one letter: `a` is the best known, `h` the least."""

SHOP = small_shop(users=60, items=40, seed=2)
PEOPLE = SHOP.histories([str(person) for person in SHOP.sequences.user_ids[:20]])


def met_by(item: str) -> set[int]:
    return {person for person, history in enumerate(TINY) if item in history}


def cosine(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return len(met_by(one) & met_by(other)) / math.sqrt(len(met_by(one)) * len(met_by(other)))


def batch(*histories: Sequence[str | Event]) -> QueryBatch:
    return QueryBatch.of([Query(history=tuple(history)) for history in histories])  # type: ignore[arg-type]


def scores_of(model: DenseRecommender, *history: str | Event) -> dict[str, float]:
    return dict(zip(model.item_ids.tolist(), model.score(batch(history))[0].tolist(), strict=True))


def pool_of(scores: Mapping[str, float], history: Sequence[str], depth: int) -> list[str]:
    fresh = sorted((item for item in scores if item not in history), key=lambda item: -scores[item])
    return [item for item in fresh if scores[item] >= scores[fresh[:depth][-1]]]


def ranked(scores: Mapping[str, float], items: Sequence[str]) -> list[str]:
    return sorted(items, key=lambda item: -scores[item])


# -- formulas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "decay"), [(0.7, 0.5), (2.0, 1.0), (1.0, 0.0), (-1.0, 0.9)])
def test_recency_adds_what_is_like_the_latest_events(weight: float, decay: float) -> None:
    base = SequentialRules(window=5, gap_decay="1/d", reverse=1.0, age_decay="1/a")
    stage = Recency(weight=weight, decay=decay)
    model = Reranked(model=base, stages=[stage], depth=4).fit(log(TINY))
    history = ("c", "b")
    before, after = scores_of(base, *history), scores_of(model, *history)
    pool = pool_of(before, history, 4)
    scores = np.array([before[item] for item in pool])
    said = np.array([cosine(item, "b") + decay * cosine(item, "c") for item in pool])
    expected = (scores - scores.mean()) / scores.std() + weight * said
    found = np.array([after[item] for item in pool])
    np.testing.assert_allclose(np.diff(found), np.diff(expected) * scores.std(), rtol=1e-4, atol=1e-6)
    assert ranked(after, pool) == [pool[place] for place in np.argsort(-expected)]


def test_disliked_events_age_apart_and_speak_against() -> None:
    base = Popularity()
    model = Reranked(model=base, stages=[Recency(weight=1.0, decay=0.5)], depth=8).fit(log(TINY))
    history = (Event("b"), Event("f", "dislike"), Event("c"), Event("g", "dislike", weight=2.0))
    before, after = scores_of(base), scores_of(model, *history)
    pool = pool_of(before, "bfcg", 8)
    spread = np.std([before[item] for item in pool])
    said = {i: cosine(i, "c") + 0.5 * cosine(i, "b") - 2 * cosine(i, "g") - 0.5 * cosine(i, "f") for i in pool}
    expected = {item: before[item] + spread * said[item] for item in pool}
    assert {item: after[item] for item in pool} == pytest.approx(expected, rel=1e-5)


def test_recency_may_go_by_the_vectors_of_the_model() -> None:
    base = IALS(dimensions=4, regularisation=0.1, sweeps=3)
    model = Reranked(model=base, stages=[{**LATE, "likeness": "factors"}], depth=4).fit(log(TINY))
    history = ("c", "b")
    before, after = scores_of(base, *history), scores_of(model, *history)
    pool = pool_of(before, history, 4)
    number = {item: place for place, item in enumerate(model.item_ids)}
    vectors = {item: base.item_factors_[number[item]].astype(float) for item in "bc" + "".join(pool)}

    def alike(one: str, other: str) -> float:
        lengths = np.linalg.norm(vectors[one]) * np.linalg.norm(vectors[other])
        return float(vectors[one] @ vectors[other] / lengths)

    spread = np.std([before[item] for item in pool])
    moved = [spread * 0.5 * (alike(item, "b") + 0.8 * alike(item, "c")) for item in pool]
    found = [after[item] - before[item] for item in pool]
    np.testing.assert_allclose(np.subtract(found, found[0]), np.subtract(moved, moved[0]), atol=1e-5)
    explained = model.explain(Query(history=history), pool[0]).by_source()["recency"]  # type: ignore[arg-type]
    assert explained == pytest.approx(moved[0], abs=1e-5)


def test_vectors_that_are_not_there_are_asked_for_in_vain() -> None:
    model = Reranked(model="popularity", stages=[{**LATE, "likeness": "factors"}])
    with pytest.raises(ModelError, match="'popularity' has no vectors of items"):
        model.fit(log(TINY))
    assert not hasattr(model, "items_")


def test_injection_adds_the_other_score_in_standard_deviations_of_the_pool() -> None:
    base, other = SequentialRules(window=5, gap_decay="1/d", reverse=1.0, age_decay="1/a"), Popularity()
    model = Reranked(model=base, stages=[Injection(model=other, weight=0.8)], depth=5).fit(log(TINY))
    history = ("b", "e")
    before, after = scores_of(base, *history), scores_of(model, *history)
    pool = pool_of(before, history, 5)
    scores, known = (np.array([each[item] for item in pool]) for each in (before, scores_of(other)))
    expected = (scores - scores.mean()) / scores.std() + 0.8 * (known - known.mean()) / known.std()
    found = np.array([after[item] for item in pool])
    np.testing.assert_allclose(np.diff(found), np.diff(expected) * scores.std(), rtol=1e-4, atol=1e-6)


def test_the_divided_form_is_a_distance_over_a_power_of_the_other_score() -> None:
    base, other = SequentialRules(window=5, gap_decay="1/d", reverse=1.0, age_decay="1/a"), Popularity()
    model = Reranked(model=base, stages=[Injection(model=other, weight=1.5, form="divided")], depth=5).fit(log(TINY))
    history = ("b", "e")
    before, after = scores_of(base, *history), scores_of(model, *history)
    pool = pool_of(before, history, 5)
    scores, known = (np.array([each[item] for item in pool]) for each in (before, scores_of(other)))
    distance = (scores.max() - scores) / (scores.max() - scores.min())
    spoken = (known - known.min()) / (known.max() - known.min())
    divided = distance / (1 + spoken) ** 1.5
    found = np.array([after[item] for item in pool])
    np.testing.assert_allclose(found, scores.max() - divided * (scores.max() - scores.min()), rtol=1e-5)
    assert ranked(after, pool)[0] == pool[0]


def test_a_constant_pool_is_ordered_by_what_the_stage_says() -> None:
    class Same(Popularity):
        def score(self, queries):  # type: ignore[no-untyped-def]
            return np.full_like(super().score(queries), 0.1)

    for stage in (Recency(weight=1.0, decay=0.5), Injection(model="popularity", weight=1.0)):
        model = Reranked(model=Same(), stages=[stage]).fit(log(TINY))
        after = scores_of(model, "c", "b")
        said = {item: cosine(item, "b") + 0.5 * cosine(item, "c") for item in "adefgh"}
        if isinstance(stage, Injection):
            said = {item: float(len(met_by(item))) for item in "adefgh"}
        assert all(after[one] > after[other] for one in said for other in said if said[one] > said[other])
        assert np.isfinite(list(after.values())).all()


def test_stages_follow_each_other_as_models_do() -> None:
    first, second = {"name": "injection", "model": "popularity", "weight": 0.4}, LATE
    chain = Reranked(model=RULES_FIXED, stages=[first, second], depth=12).fit(SHOP)
    nested = Reranked(model=Reranked(model=RULES_FIXED, stages=[first], depth=12), stages=[second], depth=12).fit(SHOP)
    one, other = chain.recommend(PEOPLE, k=40), nested.recommend(PEOPLE, k=40)
    assert [one.items(row) for row in range(20)] == [other.items(row) for row in range(20)]
    lifts = [one.scores(row)[:12] - other.scores(row)[:12] for row in range(20)]  # the inner one lifts its pool as well
    assert max(np.ptp(lift) for lift in lifts) < 1e-5


numbers = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=12)


@given(pools=st.lists(numbers, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_each_pool_has_a_scale_of_its_own(pools: list[list[float]]) -> None:
    query = np.repeat(np.arange(len(pools)), [len(pool) for pool in pools])
    everything = np.ones(len(query), dtype=bool)
    empty = batch(*([[]] * len(pools)))
    front = Front(empty, Vocabulary(np.empty(0, object), ()), query, np.arange(len(query)), everything)
    found = front.standardised(np.concatenate(pools))
    for number, pool in enumerate(pools):
        values = np.asarray(pool)
        spread = values.std() if len(set(pool)) > 1 else 0.0
        expected = (values - values.mean()) / spread if spread else np.zeros(len(pool))
        np.testing.assert_allclose(found[query == number], expected, rtol=1e-6, atol=1e-6)


# -- the pool -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["recency", {"name": "injection", "model": "popularity"}])
def test_a_weight_of_zero_is_the_model_alone(stage: Any) -> None:
    base = SequentialRules(window=10, gap_decay="1/d", reverse=0.25, age_decay="1/a")
    spec = {"name": stage, "weight": 0.0} if isinstance(stage, str) else {**stage, "weight": 0.0}
    model = Reranked(model=base, stages=[spec]).fit(SHOP)
    np.testing.assert_array_equal(model.score(PEOPLE), base.score(PEOPLE))
    assert list(model.sources) == ["sequential-rules"]
    query = Query(history=("i001", "i004"))  # type: ignore[arg-type]
    assert model.explain(query, "i007").by_source() == pytest.approx(
        {"sequential-rules": base.explain(query, "i007").score}
    )


@pytest.mark.parametrize("stage", [LATE, {"name": "injection", "model": "popularity", "weight": -3.0}])
@pytest.mark.parametrize("depth", [1, 5, 1000])
def test_what_is_below_the_pool_stays_as_it_is_and_below(stage: Mapping[str, Any], depth: int) -> None:
    base = EASE(regularisation=10.0, age_decay="1/a")
    model = Reranked(model=base, stages=[stage], depth=depth).fit(SHOP)
    before, after = base.score(PEOPLE), model.score(PEOPLE)
    history = PEOPLE.dictionary[PEOPLE.codes]
    for row in range(len(PEOPLE)):
        met = np.isin(model.item_ids, history[PEOPLE.starts[row] : PEOPLE.ends[row]])
        floor = np.sort(before[row][~met])[::-1][: min(depth, (~met).sum())][-1]
        below = before[row] < floor
        np.testing.assert_array_equal(after[row][below], before[row][below])
        assert after[row][~below].min() > (before[row][below].max() if below.any() else -np.inf)
    if depth > 1:
        assert (np.argsort(-before) != np.argsort(-after)).any()
    assert after.dtype == np.float32
    assert np.isfinite(after).all()


def test_the_pool_is_taken_from_what_is_allowed() -> None:
    base = Popularity()
    model = Reranked(model=base, stages=[Recency(weight=50.0, decay=0.5)], depth=3).fit(log(TINY))
    last = ["e", "f", "h"]
    likest = max(last, key=lambda item: cosine(item, "g"))
    assert likest == "h"
    assert base.recommend(history=["g"], allowed=last).items()[-1] == "h"
    assert model.recommend(history=["g"]).items()[-1] == "h"  # not among the first three of all
    assert model.recommend(history=["g"], allowed=last).items()[0] == "h"
    query = Query(history=("g",), candidates=frozenset(last))  # type: ignore[arg-type]
    answer = model.recommend(query)
    assert answer.items()[0] == "h"
    assert model.explain(query, "h").score == pytest.approx(float(answer.scores()[0]), rel=1e-5)
    both = QueryBatch.of([query, Query(history=("g",))])  # type: ignore[arg-type]
    whole = dict(zip(model.item_ids, model.score(both).T, strict=True))
    assert ranked({item: scores[0] for item, scores in whole.items()}, last)[0] == "h"
    assert min(scores[1] for scores in whole.values()) == whole["h"][1]


def test_a_history_of_unknown_items_gets_the_order_of_the_model() -> None:
    base = Popularity()
    model = Reranked(model=base, stages=[LATE]).fit(SHOP)
    for history in ([], ["nowhere", "never"]):
        np.testing.assert_array_equal(model.score(batch(history)), base.score(batch(history)))
    assert model.recommend(history=["nowhere", "i001"]).items() == model.recommend(history=["i001"]).items()


def test_items_of_the_history_are_raised_with_the_others() -> None:
    base = Popularity()
    model = Reranked(model=base, stages=[Recency(weight=1.0, decay=0.5)], depth=8).fit(log(TINY))
    before, after = scores_of(base), scores_of(model, "c", "b")
    pool = pool_of(before, "cb", 8)
    spread = np.std([before[item] for item in pool])
    assert after["b"] - before["b"] == pytest.approx(spread * 0.5 * cosine("b", "c"), rel=1e-4)
    assert after["c"] - before["c"] == pytest.approx(spread * cosine("b", "c"), rel=1e-4)
    assert set(model.recommend(history=["c", "b"], exclude_seen=False).items()) == set("abcdefgh")


# -- explanations -------------------------------------------------------------------------------------------------


def test_an_explanation_says_what_the_model_and_what_each_stage_added() -> None:
    base = SequentialRules(window=5, gap_decay="1/d", reverse=1.0, age_decay="1/a")
    stages = [Recency(weight=1.0, decay=0.5), Injection(model="popularity", weight=-2.0)]
    model = Reranked(model=base, stages=stages, depth=4).fit(log(TINY))
    alone = Reranked(model=base, stages=stages[:1], depth=4).fit(log(TINY))
    history = ("c", "b")
    query = Query(history=history)  # type: ignore[arg-type]
    before, after = scores_of(base, *history), scores_of(model, *history)
    pool = pool_of(before, history, 4)
    spread = np.std([before[item] for item in pool])
    for item in pool:
        told = model.explain(query, item)
        assert told.additive
        assert told.score == pytest.approx(after[item], rel=1e-4, abs=1e-6)
        assert sum(part.amount for part in told.parts) == pytest.approx(told.score)
        assert told.by_source()["sequential-rules"] == pytest.approx(before[item], rel=1e-5)
        late = {part.name: part.amount for part in told.parts if part.source == "recency"}
        expected = {"b": cosine(item, "b"), "c": 0.5 * cosine(item, "c")}
        assert late == pytest.approx({j: spread * said for j, said in expected.items() if said}, rel=1e-4)
        assert alone.explain(query, item).by_source().get("recency", 0.0) == pytest.approx(sum(late.values()))
    sources = {part.source for item in pool for part in model.explain(query, item).parts}
    assert sources == {"sequential-rules", "recency", "injection", ""}  # the last one lifts the pool
    outside = next(item for item in before if item not in (*pool, *history))
    assert set(model.explain(query, outside).by_source()) == {"sequential-rules"}
    with pytest.raises(UnknownItemError):
        model.explain(query, "nowhere")


def test_recency_makes_the_evidence_younger() -> None:
    split = leave_one_out(SHOP)
    base = ItemKNN(similarity="cosine", weighting="none", alpha=0.5, neighbours=50, shrinkage=0.0, age_decay="uniform")
    model = Reranked(model=base, stages=[Recency(weight=10.0, decay=0.3)]).fit(split.train)
    assert recency_bias(model, split.test, queries=12).lift > recency_bias(base, split.test, queries=12).lift + 0.3


# -- choosing -----------------------------------------------------------------------------------------------------


def drifting(people: int = 150, shelves: int = 8, size: int = 8, seed: int = 0) -> Split:
    """People look at one shelf, then at another, and go on there."""
    rng = np.random.default_rng(seed)
    histories = []
    for _ in range(people):
        first, second = size * rng.choice(shelves, size=2, replace=False)
        histories.append([*(first + rng.permutation(size)[:4]), *(second + rng.permutation(size)[:5])])
    return leave_one_out(log(histories))


def random(people: int = 200, items: int = 60, events: int = 8, seed: int = 0) -> Split:
    """Some items are taken more often than others, and nothing else matters."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, items + 1)
    share /= share.sum()
    return leave_one_out(log([list(rng.choice(items, events, replace=False, p=share)) for _ in range(people)]))


UNIFORM: dict[str, Any] = {
    "name": "item-knn",
    "similarity": "cosine",
    "weighting": "none",
    "alpha": 0.5,
    "neighbours": 50,
    "shrinkage": 0.0,
    "age_decay": "uniform",
}


def people_of(model: DenseRecommender, split: Split) -> np.ndarray[Any, Any]:
    ranks = rank_targets(model.score, split.valid, model.item_ids).ranks
    return per_user(ndcg(TargetRanks(ranks, split.valid.query, len(split.valid)), 10), split.valid.users)


@pytest.mark.parametrize("base", ["popularity", UNIFORM], ids=["popularity", "item-knn"])
def test_recency_is_kept_where_the_latest_events_decide(base: Any) -> None:
    split = drifting()
    model = Reranked(model=base).fit(split.train, split.valid)
    chosen, gained = model.chosen_[0], model.gains_[0]
    assert chosen["weight"] > 0
    assert chosen["decay"] < 1
    assert gained is not None
    assert gained["kept"]
    assert gained["gain"] > 5 * gained["error"]
    told = people_of(model, split) - people_of(next(iter(model.sources.values())), split)
    assert told.mean() == pytest.approx(gained["gain"], abs=0.05)
    assert model.settings_["stages"] == [{"name": "recency", "likeness": "events", **chosen}]


def test_recency_is_seldom_kept_where_it_is_noise() -> None:
    kept = 0
    for seed in range(8):
        split = random(seed=seed)
        model = Reranked(model="popularity").fit(split.train, split.valid)
        gained = model.gains_[0]
        assert gained is not None
        kept += gained["kept"]
        assert gained["kept"] == bool(model.chosen_[0]["weight"]) == ("item-knn" in model.sources)
        assert not gained["kept"] or gained["gain"] > gained["error"]
    assert kept <= 3  # a gain is larger than its standard error in one case of six by chance


def test_without_anybody_to_choose_on_open_stages_are_left_out() -> None:
    split = drifting()
    for valid in (None, split.valid[np.arange(15)]):
        model = Reranked(model="popularity").fit(split.train, valid)
        assert model.chosen_[0]["weight"] == 0
        assert list(model.sources) == ["popularity"]
    assert Reranked(model="popularity").fit(split.train).gains_ == [None]


def test_what_is_given_is_not_chosen() -> None:
    split = drifting()
    few = Reranked(model="popularity", stages=[{"name": "recency", "decay": 0.5}]).fit(split.train, split.valid)
    assert few.chosen_[0]["decay"] == 0.5
    assert few.settings_tried_ == len(Recency.grid["weight"])
    weighed = Reranked(model="popularity", stages=[{"name": "recency", "weight": 0.5}]).fit(split.train, split.valid)
    assert weighed.chosen_[0]["weight"] == 0.5
    assert weighed.settings_tried_ == len(Recency.grid["decay"])
    fixed = Reranked(model="popularity", stages=[LATE]).fit(split.train, split.valid)
    assert (fixed.settings_tried_, fixed.gains_) == (0, [None])
    both = Reranked(model="popularity", stages=["recency", "injection"]).fit(split.train, split.valid)
    every = 1 + (len(Recency.grid["weight"]) - 1) * len(Recency.grid["decay"])
    own = make_model("item-knn").fit(split.train, split.valid).settings_tried_
    assert both.settings_tried_ == every + len(Injection.grid["weight"]) + own


def test_settings_tell_what_the_models_chose() -> None:
    split, ease = drifting(), EASE(age_decay="1/a")
    model = Reranked(model=ease, stages=[{"name": "injection", "model": "recent-popularity", "weight": 0.1}])
    model.fit(split.train, split.valid)
    assert model.settings_["model"] == {"name": "ease", **ease.settings_}
    assert model.settings_["model"]["regularisation"] is not None
    assert model.settings_["stages"][0]["model"]["half_life_days"] is not None
    assert model.settings()["model"]["regularisation"] is None


def test_a_model_says_whether_anything_is_left_to_choose() -> None:
    assert Reranked(model=RULES_FIXED, stages=[LATE]).is_settled()
    assert Reranked(model="popularity", stages=[{"name": "recency", "weight": 0.0}]).is_settled()
    assert not Reranked(model="sequential-rules", stages=[LATE]).is_settled()
    assert not Reranked(model="popularity").is_settled()
    assert not Reranked(model="popularity", stages=[{"name": "injection", "weight": 1.0}]).is_settled()


# -- the contract -------------------------------------------------------------------------------------------------

CASES: dict[str, Factory] = {
    "recency": lambda: Reranked(model=RULES_FIXED, stages=[LATE], depth=10),
    "injections": lambda: Reranked(
        model=UNIFORM,
        stages=[
            {"name": "injection", "model": "popularity", "weight": 0.1},
            {"name": "injection", "model": RULES_FIXED, "weight": 0.5, "form": "divided"},
        ],
    ),
    "chosen": lambda: Reranked(model=RULES_FIXED),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_keeps_the_contract(case: str, rule) -> None:  # type: ignore[no-untyped-def]
    rule(CASES[case])


def test_a_saved_model_is_the_model_that_was_saved(tmp_path: Path) -> None:
    split, shared = drifting(), Popularity()
    stages: list[Any] = [
        "recency",
        Injection(model=shared, weight=0.3),
        Injection(model=shared, weight=0.2, form="divided"),
    ]
    model = Reranked(model=UNIFORM, stages=stages, depth=30).fit(split.train, split.valid)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, Reranked)
    assert again.settings() == model.settings()
    assert again.settings_ == model.settings_
    assert (again.chosen_, again.gains_) == (model.chosen_, model.gains_)
    assert list(again.sources) == list(model.sources) == ["item-knn", "item-knn-2", "popularity"]
    np.testing.assert_allclose(again.score(split.test.queries), model.score(split.test.queries), atol=1e-6)
    fresh = again.fit(split.train, split.valid)
    assert fresh.chosen_ == model.chosen_


def test_choices_are_kept_by_a_refit(tmp_path: Path) -> None:
    split = drifting()
    model = Reranked(model="popularity", stages=["recency", {"name": "injection", "model": "popularity"}])
    model.fit(split.train, split.valid)
    again = refit(model, drifting(seed=5).train)
    assert isinstance(again, Reranked)
    assert again.chosen_ == model.chosen_
    assert again.chosen_[0]["weight"] > 0
    copy = unfitted_copy(model)
    assert copy.is_settled()
    assert not hasattr(copy, "items_")


def test_new_events_are_taken_in_where_every_model_in_use_can() -> None:
    injected = Reranked(model=RULES_FIXED, stages=[{"name": "injection", "model": "popularity", "weight": 1.0}])
    injected.fit(log(TINY))
    assert injected.capabilities.incremental
    before = scores_of(injected, "g")["h"]
    injected.extend(interactions=log(["gh", "gh", "ghi"]))
    after = scores_of(injected, "g")
    assert after["h"] > before
    assert "i" in after
    recent = Reranked(model=RULES_FIXED, stages=[LATE]).fit(log(TINY))
    assert not recent.capabilities.incremental
    with pytest.raises(ModelError, match="item-knn cannot take in new events"):
        recent.extend(interactions=log(["gh"]))


def test_capabilities_are_those_of_what_is_in_use() -> None:
    assert Reranked(model="popularity", stages=[LATE]).capabilities.reads == {"history", "candidates"}
    assert Reranked(model="popularity", stages=[]).capabilities.reads == set()
    words = Reranked(model="popularity", stages=[{"name": "injection", "model": "content-knn", "weight": 1.0}])
    assert "text" in words.capabilities.reads
    assert words.capabilities.cold_items
    assert words.fit(SHOP).recommend(text="a violin", k=1).degraded == ()


def test_models_are_named_made_and_shared_with_the_rows_of_a_comparison() -> None:
    given: dict[str, dict[str, Any]] = {
        "reranked": {"model": "ease", "stages": [{"name": "injection", "model": "item-knn"}]},
        "ease": {"regularisation": 7.0},
    }
    models = make_models(["reranked", "ease", "item-knn"], given)
    reranked = models["reranked"]
    assert isinstance(reranked, Reranked)
    assert reranked.sources["ease"] is models["ease"]
    assert reranked.sources["item-knn"] is models["item-knn"]
    assert reranked.settings()["model"]["regularisation"] == 7.0
    default = make_model("reranked")
    assert isinstance(default, Reranked)
    assert list(default.sources) == ["sequential-rules", "item-knn"]
    with pytest.raises(ModelError, match="'reranked' cannot rerank itself"):
        make_model("reranked", {"reranked": {"model": "reranked"}})


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("recensy", "there is no stage 'recensy'. Did you mean 'recency'"),
        ({"weight": 1.0}, "there is no stage 'None'"),
        ({"name": "recency", "gamma": 0.5}, "the stage 'recency' has no setting 'gamma'"),
        ({"name": "recency", "decay": 1.5}, "the decay of a stage is 1.5, but must be from 0 to 1"),
        ({"name": "recency", "weight": math.nan}, "the weight of a stage is nan, but must be a finite number"),
        ({"name": "recency", "likeness": "words"}, "there is no likeness 'words'"),
        ({"name": "injection", "form": "times"}, "there is no form 'times'"),
        ({"name": "injection", "model": "eese"}, "there is no model 'eese'"),
    ],
)
def test_stages_that_make_no_sense_are_refused(stage: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Reranked(model="popularity", stages=[stage])


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match="0 items are to be reranked"):
        Reranked(depth=0)


def test_a_stage_whose_model_lacks_its_data_is_told() -> None:
    rows = [(f"u{person}", item) for person, history in enumerate(TINY) for item in history]
    timeless = Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"), name="timeless")
    stage = {"name": "injection", "model": "recent-popularity", "weight": 1.0}
    model = Reranked(model="popularity", stages=[stage])
    with pytest.raises(DataError, match="'recent-popularity', which is reranked or which a stage looks at") as error:
        model.fit(timeless, run=Run())
    assert "needs times" in str(error.value)
    assert not hasattr(model, "items_")
