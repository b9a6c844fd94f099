"""Session neighbours against the formula of VSTAN, loop by loop."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.data import Dataset
from tastemaker.models import V_SKNN, SessionKNN
from tastemaker.models.item_to_item import PRIOR_SCALE
from tastemaker.models.session_knn import SESSION_DECAYS
from tastemaker.testing import small_shop

START = datetime(2024, 1, 1, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "similarity": "cosine",
    "age_decay": "uniform",
    "match_decay": "uniform",
    "neighbour_days": 0.0,
    "neighbour_gap": 0.0,
    "idf": 0.0,
    "neighbours": 100,
    "sample_size": 1000,
}


def log_of(sessions: dict[str, tuple[float, list[str]]]) -> Dataset:
    """Return sessions by the day of their last event; events are a second apart."""
    rows = [
        (name, item, START + timedelta(days=day, seconds=place - len(items) + 1))
        for name, (day, items) in sessions.items()
        for place, item in enumerate(items)
    ]
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


def asked(*items: str, day: float | None = None) -> Query:
    return Query(history=as_events(items), now=None if day is None else START + timedelta(days=day))


TWO = log_of({"s": (0, ["a", "b", "c"]), "t": (10, ["b", "d"])})


def score(data: Dataset, query: Query, item: str, **settings: Any) -> float:
    return SessionKNN(**{**PLAIN, **settings}).fit(data).explain(query, item).score


def test_similar_sessions_vote_with_the_cosine() -> None:
    assert score(TWO, asked("a", "b"), "c") == pytest.approx(2 / math.sqrt(2 * 3), abs=1e-6)
    assert score(TWO, asked("a", "b"), "d") == pytest.approx(1 / math.sqrt(2 * 2), abs=1e-6)


def test_items_near_the_last_shared_one_count_more() -> None:
    data = log_of({"s": (0, ["x", "a", "b", "c", "d"])})
    for item, apart in (("c", 1), ("d", 2), ("x", 2)):
        expected = 2 / math.sqrt(2 * 5) * math.exp(-apart / 3)
        assert score(data, asked("b", "a"), item, neighbour_gap=3.0) == pytest.approx(expected, abs=1e-6)


def test_sessions_that_match_older_events_count_less() -> None:
    query = asked("b", "unknown", "a")  # of the items that are known, b is the second latest
    assert score(TWO, query, "d", match_decay="1/a") == pytest.approx(score(TWO, query, "d") / 2, abs=1e-6)


def test_rare_items_count_more() -> None:
    plain = score(TWO, asked("a"), "c")
    assert score(TWO, asked("a"), "c", idf=2.0) == pytest.approx(plain * (1 + 2 * math.log(2 / 1)), abs=1e-6)
    assert score(TWO, asked("a"), "b", idf=2.0) == pytest.approx(score(TWO, asked("a"), "b"), abs=1e-6)


def test_old_sessions_fade_relative_to_the_latest() -> None:
    for day in (12, 500, None):
        ratio = score(TWO, asked("b", day=day), "c", neighbour_days=5.0) / score(TWO, asked("b", day=day), "c")
        assert ratio == pytest.approx(math.exp(-10 / 5), abs=1e-5)
    assert score(TWO, asked("b", day=500), "d", neighbour_days=5.0) == pytest.approx(score(TWO, asked("b"), "d"))


def test_sessions_after_the_query_are_not_preferred_to_those_at_its_time() -> None:
    later = score(TWO, asked("b", day=0), "d", neighbour_days=5.0)
    assert later == pytest.approx(score(TWO, asked("b", day=0), "d"), abs=1e-6)


def test_only_the_latest_sessions_are_compared() -> None:
    assert score(TWO, asked("a", "b"), "c", sample_size=1) < 2 * PRIOR_SCALE
    assert score(TWO, asked("a", "b"), "d", sample_size=1) == pytest.approx(0.5, abs=1e-6)


def test_only_the_nearest_sessions_vote() -> None:
    assert score(TWO, asked("a", "b"), "d", neighbours=1) < 2 * PRIOR_SCALE
    assert score(TWO, asked("a", "b"), "c", neighbours=1) == pytest.approx(2 / math.sqrt(6), abs=1e-6)


def test_the_linear_decay_ends_after_ten_events() -> None:
    assert SESSION_DECAYS["linear"](np.array([1.0, 2.0, 10.0, 11.0, 30.0])) == pytest.approx([1, 0.9, 0.1, 0, 0])


def sessions_at_random(rng: np.random.Generator) -> dict[str, tuple[float, list[str]]]:
    return {
        f"s{number}": (
            float(number * 3 % 40) + number / 100,
            [f"i{i}" for i in rng.integers(0, 15, rng.integers(1, 9))],
        )
        for number in range(40)
    }


def by_loops(sessions: dict[str, tuple[float, list[str]]], query: list[str], day: float, s: dict[str, Any]) -> Any:
    """Score every item by the published steps: sample, similarity, neighbours, votes."""
    latest = {item: age for age, item in reversed(list(enumerate(reversed(query), start=1)))}
    own = {item: float(SESSION_DECAYS[s["age_decay"]](np.array([float(age)]))[0]) for item, age in latest.items()}
    sharing = [entry for entry in sessions.values() if set(entry[1]) & own.keys()]
    sample = sorted(sharing, key=lambda entry: -entry[0])[: s["sample_size"]]
    near = []
    for end, items in sample:
        value = sum(own[item] for item in set(items) & own.keys())
        if s["similarity"] == "cosine":
            value /= math.sqrt(sum(w * w for w in own.values())) * math.sqrt(len(set(items)))
        if s["neighbour_days"]:
            value *= math.exp(-max(day - end, 0) / s["neighbour_days"])
        near.append((value, end, items))
    near = sorted(near, key=lambda entry: (-entry[0], -entry[1]))[: s["neighbours"]]
    scores: dict[str, float] = {}
    for value, _, items in near:
        if not value:
            continue
        place = {item: position for position, item in enumerate(items)}
        last_shared = max(position for item, position in place.items() if item in own)
        age = min(latest[item] for item in place if item in own)
        value *= float(SESSION_DECAYS[s["match_decay"]](np.array([float(age)]))[0])
        for item, position in place.items():
            vote = value
            if s["neighbour_gap"]:
                vote *= math.exp(-abs(position - last_shared) / s["neighbour_gap"])
            held = sum(item in other for _, other in sessions.values())
            scores[item] = scores.get(item, 0.0) + vote * (1 + s["idf"] * math.log(len(sessions) / held))
    return scores


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"age_decay": "0.6^(a-1)", "match_decay": "linear", "idf": 2.0},
        {"age_decay": "1/a", "neighbour_gap": 2.0, "neighbour_days": 7.0},
        {"age_decay": "linear", "similarity": "dot", "match_decay": "1/a", "neighbours": 6, "idf": 1.0},
        {"age_decay": "0.8^(a-1)", "neighbour_gap": 1.0, "neighbour_days": 15.0, "sample_size": 12, "neighbours": 5},
    ],
)
def test_scores_are_those_of_the_published_steps(changes: dict[str, Any]) -> None:
    settings = {**PLAIN, **changes}
    rng = np.random.default_rng(5)
    sessions = sessions_at_random(rng)
    model = SessionKNN(**settings).fit(log_of(sessions))
    for _ in range(10):
        query = [f"i{i}" for i in rng.integers(0, 15, rng.integers(1, 6))]
        expected = by_loops(sessions, query, 41.0, settings)
        parts = {item: model.explain(asked(*query, day=41.0), item) for item in expected}
        largest = max(expected.values())
        # Where time counts, scores are relative to the latest neighbour: compare what the largest makes of them.
        found = {item: part.score for item, part in parts.items()}
        if settings["neighbour_days"]:
            expected = {item: value / largest for item, value in expected.items()}
            found = {item: value / max(found.values()) for item, value in found.items()}
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
        for part in parts.values():
            assert sum(addend.amount for addend in part.parts) == pytest.approx(part.score)
        batch = model.score_candidates(QueryBatch.of([asked(*query, day=41.0)] * 3), list(parts))
        assert batch[2] == pytest.approx([part.score for part in parts.values()], rel=1e-4, abs=1e-6)


def test_v_sknn_knows_no_time_and_no_places() -> None:
    assert {"neighbour_days", "neighbour_gap"} <= PLAIN.keys()
    settings = SessionKNN(**V_SKNN).settings()
    assert settings["neighbour_days"] == settings["neighbour_gap"] == 0
    assert settings["neighbours"] is None


def test_sessions_without_times_are_served() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["s", "s", "t", "t"], "item_id": ["a", "b", "a", "c"]}))
    model = SessionKNN(neighbour_days=5.0).fit(data)
    assert set(model.recommend(history=["a"], k=2).items()) == {"b", "c"}


def test_new_sessions_vote_as_if_they_had_been_there() -> None:
    sessions = sessions_at_random(np.random.default_rng(1))
    names = list(sessions)
    settings = {**PLAIN, "neighbour_days": 9.0, "sample_size": 10, "idf": 1.0, "neighbour_gap": 2.0}
    first, later = ({name: sessions[name] for name in part} for part in (names[:25], names[25:]))
    grown = SessionKNN(**settings).fit(log_of(first)).extend(interactions=log_of(later))
    fresh = SessionKNN(**settings).fit(log_of(sessions))
    for history in (["i1", "i2"], ["i7"], ["i3", "i9", "i4"]):
        first_answer, second = (model.recommend(history=history, k=50) for model in (grown, fresh))
        found, expected = (dict(zip(a.items(), a.scores(), strict=True)) for a in (first_answer, second))
        assert found == pytest.approx(expected, abs=1e-6)


def test_votes_are_the_same_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = small_shop()
    model = SessionKNN().fit(shop)
    batch = shop.histories(list(shop.sequences.user_ids))
    whole = model.score(batch)
    monkeypatch.setattr("tastemaker.models.session_knn._VOTES_AT_ONCE", 50)
    assert model.score(batch) == pytest.approx(whole)
    assert model.score(batch[:0]).shape == (0, len(shop.items))


def test_a_wrong_decay_offers_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'linear'"):
        SessionKNN(age_decay="linaer").fit(small_shop()).recommend(history=["i001"])
