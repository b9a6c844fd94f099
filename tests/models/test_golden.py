"""Models against values worked out by formula, outside the models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Query
from tastemaker.data import Dataset, leave_one_out
from tastemaker.data.interactions import Interactions
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models import EASE, ContentKNN, Fusion, ItemKNN, Popularity, RecentPopularity, SequentialRules
from tastemaker.models.item_to_item import PRIOR_SCALE
from tastemaker.models.selection import GridRecommender
from tastemaker.testing import small_shop

DAY = 86_400


def log_of(histories: dict[str, list[str]], times: dict[str, list[int]] | None = None) -> Dataset:
    rows = [
        (user, item, (times[user][place] if times else place) * DAY)
        for user, items in histories.items()
        for place, item in enumerate(items)
    ]
    return Dataset.of(
        Interactions.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))
    )


# The tiny data set of the EASE values: 10 {11 12 14}, 20 {11 12 13}, 30 {11 12 14 15}, 40 {11 15 17}.
TINY = {
    "10": ["11", "12", "14"],
    "20": ["11", "12", "13"],
    "30": ["11", "12", "14", "15"],
    "40": ["11", "15", "17"],
}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("10", {"15": 0.43396226, "13": 0.19696970, "17": -0.05797101}),
        ("20", {"14": 0.3, "15": 0.15094340, "17": 0.04347826}),
    ],
)
def test_ease_at_regularisation_one(user: str, expected: dict[str, float]) -> None:
    model = EASE(regularisation=1.0, age_decay="uniform").fit(log_of(TINY))
    answer = model.recommend(history=TINY[user], k=10)
    found = dict(zip(answer.items(), answer.scores(), strict=True))
    assert {item: found[item] for item in expected} == pytest.approx(expected, abs=1e-6)
    assert [item for item in answer.items() if item in expected] == sorted(expected, key=lambda i: -expected[i])


def test_ease_is_the_column_form_of_the_inverse() -> None:
    rng = np.random.default_rng(0)
    histories = {f"u{u}": [f"i{i}" for i in rng.permutation(12)[: rng.integers(2, 9)]] for u in range(40)}
    data = log_of(histories)
    model = EASE(regularisation=7.0, age_decay="uniform").fit(data)
    x = np.zeros((40, len(data.items)))
    for row, items in enumerate(histories.values()):
        x[row, data.items.index(items)] = 1
    p = np.linalg.inv(x.T @ x + 7.0 * np.eye(x.shape[1]))
    b = p / -np.diag(p)[None, :]
    np.fill_diagonal(b, 0)
    assert model.weights_ == pytest.approx(b, abs=1e-5)


def test_ease_gives_items_without_events_no_weight() -> None:
    data = Dataset.of(log_of(TINY).interactions, pl.DataFrame({"item_id": ["99"], "title": ["new"]}))
    model = EASE(regularisation=1.0).fit(data)
    cold = int(data.items.index(["99"])[0])
    assert not model.weights_[cold].any()
    assert not model.weights_[:, cold].any()


def test_sequential_rules_count_pairs_by_gap_and_sum_them_by_age() -> None:
    data = log_of({"u": ["a", "b", "c"], "v": ["a", "c"]})
    model = SequentialRules(window=2, gap_decay="1/d", reverse=0.5, age_decay="1/a").fit(data)
    # T[a,b] = 1, T[b,c] = 1, T[a,c] = 1/2 (gap 2) + 1 (v); the other order counts half of that.
    scores = {part.name: part.amount for part in model.explain(Query(history=["a", "b"]), "c").parts}  # type: ignore[arg-type]
    assert scores["b"] == pytest.approx(1.0)
    assert scores["a"] == pytest.approx(1.5 / 2)
    answer = model.explain(Query(history=["c"]), "a")  # type: ignore[arg-type]
    assert answer.score == pytest.approx(0.75 + PRIOR_SCALE, abs=1e-8)


def test_sequential_rules_look_at_the_twenty_latest_events_only() -> None:
    data = log_of({"u": ["a", "z"], **{f"v{i}": [f"f{i}", "y"] for i in range(20)}})
    model = SequentialRules(window=10, gap_decay="1/d", reverse=0.0, age_decay="uniform").fit(data)
    fillers = [f"f{i}" for i in range(20)]
    assert "a" not in model.explain(Query(history=["a", *fillers]), "z").by_item()  # type: ignore[arg-type]
    assert "a" in model.explain(Query(history=["a", *fillers[1:]]), "z").by_item()  # type: ignore[arg-type]


def test_sequential_rules_absorb_new_people_as_if_they_had_been_there() -> None:
    whole = {"u": ["a", "b", "c"], "v": ["b", "c", "a"], "w": ["c", "a"]}
    fixed = {"window": 3, "gap_decay": "1/d", "reverse": 0.25, "age_decay": "1/a"}
    grown = SequentialRules(**fixed).fit(log_of({"u": whole["u"], "v": whole["v"]}))  # type: ignore[arg-type]
    grown.extend(interactions=log_of({"w": whole["w"]}))
    fresh = SequentialRules(**fixed).fit(log_of(whole))  # type: ignore[arg-type]
    for history in (["a"], ["b"], ["c", "a"]):
        first, second = grown.recommend(history=history, k=3), fresh.recommend(history=history, k=3)
        assert first.items() == second.items()
        assert first.scores() == pytest.approx(second.scores(), abs=1e-6)


def test_item_knn_is_the_shrunk_cosine() -> None:
    data = log_of({"u": ["a", "b"], "v": ["a", "b", "c"], "w": ["a"]})
    model = ItemKNN(neighbours=10, shrinkage=2.0, age_decay="uniform").fit(data)
    a, b, c = data.items.index(["a", "b", "c"])
    assert model.weights_[[a]].toarray()[0, b] == pytest.approx(2 / (math.sqrt(3 * 2) + 2.0))
    assert model.weights_[[c]].toarray()[0, a] == pytest.approx(1 / (math.sqrt(3 * 1) + 2.0))
    assert model.weights_[[a]].toarray()[0, a] == 0


def test_item_knn_keeps_only_the_nearest() -> None:
    data = log_of({"u": ["a", "b"], "v": ["a", "b"], "w": ["a", "c"]})
    model = ItemKNN(neighbours=1, shrinkage=0.0).fit(data)
    a, b, c = data.items.index(["a", "b", "c"])
    row = model.weights_[[a]].toarray()[0]
    assert row[b] > 0
    assert row[c] == 0


def test_recent_popularity_halves_with_every_half_life() -> None:
    data = log_of({"u": ["old", "new"], "v": ["old"]}, {"u": [0, 10], "v": [0]})
    model = RecentPopularity(half_life_days=5.0).fit(data)
    answer = model.recommend(history=[], k=2)
    assert answer.items() == ["new", "old"]
    assert answer.scores() == pytest.approx([1.0, 2 * 0.25])


def test_recent_popularity_ages_when_new_events_come() -> None:
    first = log_of({"u": ["a", "b"]}, {"u": [0, 10]})
    later = log_of({"v": ["b"]}, {"v": [15]})
    grown = RecentPopularity(half_life_days=5.0).fit(first).extend(interactions=later)
    scores = dict(zip(*_answer(grown), strict=True))
    assert scores == pytest.approx({"a": 0.125, "b": 0.5 + 1.0})


def _answer(model: Popularity) -> tuple[list[str], list[float]]:
    answer = model.recommend(history=[], k=10)
    return answer.items(), list(map(float, answer.scores()))


def test_content_similarity_is_the_cosine_of_tfidf() -> None:
    titles = {"a": "red apple", "b": "red pear", "c": "green apple", "d": "blue pear"}
    catalogue = pl.DataFrame({"item_id": list(titles), "title": list(titles.values())})
    data = Dataset.of(log_of({"u": ["a", "b"]}).interactions, catalogue)
    model = ContentKNN(age_decay="uniform").fit(data)
    # "green" and "blue" occur once and have no column; every other word is in 2 of 4 titles and weighs the same.
    found = model.explain(Query(history=["a"]), "c").by_item()  # type: ignore[arg-type]
    assert found["a"] == pytest.approx(1 / math.sqrt(2), abs=1e-6)
    assert model.recommend(text="pear", k=1, history=[]).items()[0] in {"b", "d"}


def test_a_dislike_counts_against_what_is_like_it() -> None:
    data = log_of(TINY)
    model = EASE(regularisation=1.0, age_decay="uniform").fit(data)
    liked = model.explain(Query(history=["11", "12"]), "14").score  # type: ignore[arg-type]
    disliked = model.explain(Query(history=["11"], disliked=["12"]), "14").score  # type: ignore[arg-type]
    assert disliked < liked


def test_fusion_is_the_weighted_sum_of_scores_over_their_largest() -> None:
    data = log_of(TINY)
    rules = SequentialRules(window=2, gap_decay="1/d", reverse=0.0, age_decay="1/a")
    fused = Fusion({"counts": Popularity(), "rules": rules}, weights={"counts": 0.5, "rules": 2.0}).fit(data)
    query = Query(history=["11"])  # type: ignore[arg-type]
    counts = Popularity().fit(data).explain(query, "12").score / 4
    alone = SequentialRules(window=2, gap_decay="1/d", reverse=0.0, age_decay="1/a").fit(data)
    largest = max(alone.recommend(query).scores())
    expected = 0.5 * counts + 2.0 * alone.explain(query, "12").score / largest
    assert fused.explain(query, "12").score == pytest.approx(expected, rel=1e-5)
    assert fused.explain(query, "12").by_source()["counts"] == pytest.approx(0.5 * counts, rel=1e-5)


def test_fusion_leaves_out_what_cannot_be_fitted_and_says_why() -> None:
    log = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]})
    data = Dataset.of(Interactions.from_frame(log))
    fused = Fusion({"popular": Popularity(), "recent": RecentPopularity(), "content": ContentKNN()}).fit(data)
    assert set(fused.left_out_) == {"recent", "content"}
    assert "needs times" in fused.left_out_["recent"]
    assert "no words" in fused.left_out_["content"]


def test_fusion_gives_a_useless_source_no_weight() -> None:
    rng = np.random.default_rng(0)
    histories = {f"u{u}": [f"i{(u * 7 + step) % 40}" for step in range(6)] for u in range(120)}
    noise = {f"n{u}": [f"i{i}" for i in rng.permutation(40)[:4]] for u in range(5)}
    split = leave_one_out(log_of(histories | noise))
    fused = Fusion({"rules": SequentialRules(), "popular": Popularity()}).fit(split.train, split.valid)
    assert fused.weights_["rules"] > fused.weights_["popular"]


def test_selection_takes_the_setting_that_is_best_when_each_is_fitted_alone() -> None:
    data = small_shop(users=120, items=40, seed=3)
    split = leave_one_out(data)
    for cls in (SequentialRules, EASE, ContentKNN, RecentPopularity):
        model = cls().fit(split.train, split.valid)
        assert model.settings_tried_ == math.prod(len(values) for values in cls.grid.values())

        def value(settings: dict[str, Any], cls: type[GridRecommender] = cls) -> float:
            alone = cls(**settings).fit(split.train)
            return validation_ndcg(alone.score, split.valid, alone.item_ids)

        chosen = value(model.settings_)
        for name, values in cls.grid.items():
            for other in values:
                assert chosen >= value({**model.settings_, name: other}) - 5e-3


def test_a_hyper_parameter_that_is_given_is_not_chosen() -> None:
    split = leave_one_out(small_shop(users=60))
    model = SequentialRules(reverse=1.0).fit(split.train, split.valid)
    assert model.settings_["reverse"] == 1.0
    assert model.settings_tried_ == 3 * 3 * 4


def test_words_that_change_nothing_are_owned_up_to() -> None:
    shop = small_shop()
    model = ContentKNN().fit(shop)
    assert model.recommend(history=[], text="garden violin", k=1).degraded == ()
    assert "nothing with the words 'zebra'" in model.recommend(history=["i001"], text="zebra", k=1).degraded[0]
    unread = SequentialRules().fit(shop).recommend(history=["i001"], text="garden", k=1)
    assert "'sequential-rules' can do nothing with the words" in unread.degraded[0]
    fused = Fusion({"words": ContentKNN(), "counts": Popularity()}, weights={"counts": 1.0}).fit(shop)
    assert "text" not in fused.capabilities.reads
    assert "nothing with the words" in fused.recommend(history=["i001"], text="garden", k=1).degraded[0]
