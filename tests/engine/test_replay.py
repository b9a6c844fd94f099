"""A replay asks what was known at the moment, of the arms alike, and finds what was planted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tastemaker.core.clock import MICROSECONDS_PER_DAY as DAY
from tastemaker.core.errors import ConfigError, DataError, LeakError
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.engine.interests import Interests
from tastemaker.engine.interests_state import InterestState
from tastemaker.engine.policy import Policy
from tastemaker.engine.replay import BINS, ByInterests, ByModel, ByPolicy, Replayed, replay_events
from tastemaker.engine.replay_arms import Log, mixed_places, scores_of, states_at, told_at
from tastemaker.engine.replay_moments import moments_of
from tastemaker.evaluation import per_user
from tastemaker.models import Popularity, SequentialRules

MINUTE = 60_000_000
START = 20_000 * DAY
ONE = Interests(centroids=1, session_share=0.0)

Row = tuple[str, str, int, str]


def _dataset(rows: list[Row], items: int = 0, ratings: list[float] | None = None) -> Dataset:
    """Return a log of person, item, microseconds after the beginning, kind."""
    frame = pl.DataFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "timestamp": [START + row[2] for row in rows],
            "event": [row[3] for row in rows],
        }
    )
    if ratings is not None:
        frame = frame.with_columns(pl.Series("rating", ratings))
    catalogue = pl.DataFrame({"item_id": sorted({f"i{n}" for n in range(items)} | {row[1] for row in rows})})
    return Dataset.of(Interactions.from_frame(frame), catalogue, name="made up")


def _axes(dataset: Dataset) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.eye(len(dataset.items), dtype=np.float32)


HAND: list[Row] = [
    ("ann", "a", 0, "view"),
    ("ann", "b", DAY - MINUTE, "view"),
    ("ann", "c", DAY + MINUTE, "view"),
    ("ann", "d", DAY + MINUTE, "view"),
    ("ann", "e", DAY + 2 * MINUTE, "dislike"),
    ("ann", "a", DAY + 3 * MINUTE, "view"),
    ("ann", "f", DAY + 8 * MINUTE, "view"),
    ("bob", "a", DAY, "view"),
    ("bob", "b", 3 * DAY, "view"),
]


def test_moments_know_what_came_before_and_what_was_known_at_midnight() -> None:
    dataset = _dataset(HAND)
    moments = moments_of(dataset, START + DAY)
    queries, ids = moments.held.queries, dataset.items.ids
    found = [
        (
            queries.user_ids[place],
            ids[moments.held.targets[place]],
            ids[queries.codes[queries.starts[place] : queries.ends[place]]].tolist(),
            int(moments.yesterday[place] - queries.starts[place]),
            float(moments.minutes[place]),
        )
        for place in range(len(moments))
    ]
    assert found == [
        ("ann", "c", ["a", "b"], 2, 2.0),
        ("ann", "d", ["a", "b"], 2, 2.0),
        ("ann", "f", ["a", "b", "c", "d", "e", "a"], 2, 5.0),
        ("bob", "b", ["a"], 1, 2 * 24 * 60.0),
    ]
    assert moments.dropped == {"disliked": 1, "first events": 1, "items met before": 1}
    assert moments.held.users.tolist() == [0, 0, 0, 1]


def test_a_window_has_an_end_and_people_a_most() -> None:
    dataset = _dataset(HAND)
    assert len(moments_of(dataset, START + DAY, START + 2 * DAY)) == 3
    drawn = moments_of(dataset, START + DAY, per_user=1, run=Run(seed=3))
    assert len(drawn) == 2
    assert drawn.dropped["not drawn"] == 2
    assert drawn.held.rows.tolist() == moments_of(dataset, START + DAY, per_user=1, run=Run(seed=3)).held.rows.tolist()


def test_without_times_or_anything_to_ask_a_replay_is_refused() -> None:
    with pytest.raises(DataError, match="nothing can be asked"):
        moments_of(_dataset(HAND), START + 9 * DAY)
    untimed = Dataset.of(
        Interactions.from_frame(pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"]})), name="n"
    )
    with pytest.raises(DataError, match="needs the time"):
        moments_of(untimed, 0)


def test_states_of_a_replay_are_those_of_the_live_ones() -> None:
    rng = np.random.default_rng(0)
    kinds = ["view", "buy", "dislike"]
    rows = [
        (f"u{rng.integers(4)}", f"i{rng.integers(12)}", int(rng.integers(5 * DAY)), kinds[rng.integers(3)])
        for _ in range(120)
    ]
    dataset = _dataset(rows, items=12, ratings=rng.integers(1, 6, len(rows)).astype(float).tolist())
    vectors = rng.standard_normal((12, 5)).astype(np.float32)
    moments, settings = moments_of(dataset, START + 2 * DAY), Interests()
    queries, log = moments.held.queries, Log(dataset, START + 2 * DAY, 10)
    told = told_at(log, vectors, settings, queries)
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    events = dataset.interactions.frame.rows(named=True)
    for place in range(len(moments)):
        state = InterestState(settings, 5)
        for event in events[queries.starts[place] : queries.ends[place]]:
            amount = settings.amount(event["event"], event["weight"], event["rating"])
            at = int(event["timestamp"].timestamp() * 1_000_000)
            state.add(directions[dataset.items.index([event["item_id"]])[0]], amount, at)
        expected = state.vectors(int(queries.now[place]))
        assert told[place, : len(expected)] == pytest.approx(expected, abs=1e-5)
        assert not told[place, len(expected) :].any()


def test_an_item_scores_the_largest_product_and_nobody_known_gets_what_is_popular() -> None:
    told = np.asarray([[[1, 0], [0, 1]], [[0, -1], [0, 0]], [[0, 0], [0, 0]]], dtype=np.float32)
    items = np.asarray([[1, 0], [0.5, 0.8], [-1, -1]], dtype=np.float32)
    scores = scores_of(told, items, np.asarray([3, 2, 1], dtype=np.float32))
    assert scores == pytest.approx(np.asarray([[1, 0.8, -1], [0, -0.8, 1], [3, 2, 1]]))


@pytest.mark.parametrize(
    ("personal", "places"),
    [
        (1.0, {"a": 1, "b": 2, "c": 3, "d": 4, "x": 0}),
        (0.0, {"x": 1, "a": 2, "y": 3, "z": 4, "b": 0}),
        (0.5, {"x": 1, "a": 2, "y": 3, "b": 4, "z": 0}),
        (0.25, {"x": 1, "a": 2, "y": 3, "b": 4, "z": 0}),
    ],
)
def test_places_are_dealt_evenly_and_no_item_twice(personal: float, places: dict[str, int]) -> None:
    names = {name: number for number, name in enumerate("abcdxyz")}
    near, popular = ([names[each] for each in source] for source in ("abcd", "xayz"))
    for name, place in places.items():
        found = mixed_places(
            np.asarray([near], np.int32),
            np.asarray([popular], np.int32),
            np.asarray([personal]),
            4,
            np.asarray([names[name]], np.int32),
        )
        assert found.tolist() == [place]


def _shop(people: int = 40, seed: int = 0) -> Dataset:
    """Return people who did anything on the first day, and on the third buy one thing after another of one shelf."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for person in range(people):
        for minute in range(5):
            rows.append((f"u{person}", f"i{rng.integers(60)}", minute * MINUTE, "view"))
        shelf = int(rng.integers(6))
        for place, item in enumerate(rng.permutation(10)[:6]):
            rows.append((f"u{person}", f"i{10 * shelf + item}", 2 * DAY + (3 * place + 1) * MINUTE, "view"))
    return _dataset(rows, items=60)


def _shelves(dataset: Dataset) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return vectors in which items of a shelf lie in one direction."""
    shelf = [int(item[1:]) // 10 for item in dataset.items.ids]
    return np.eye(6, dtype=np.float32)[shelf]


def _replayed(dataset: Dataset, *arms: ByInterests | ByModel | ByPolicy, **given: object) -> Replayed:
    return replay_events(dataset, arms, since=START + 2 * DAY, replicates=100, **given)  # type: ignore[arg-type]


def test_a_taste_of_today_is_known_to_the_live_arm_alone() -> None:
    dataset = _shop()
    vectors, fresh = _shelves(dataset), replace(ONE, half_life=0.01)
    found = _replayed(
        dataset,
        ByInterests("yesterday", vectors, fresh, live=False),
        ByInterests("live", vectors, fresh),
        against={"live": "yesterday"},
    )
    live = found.row("<5 min", "live")
    assert (live.moments, live.people) == (found.row("<5 min", "yesterday").moments, 40)
    assert live.hit.value == 1.0
    assert found.row("<5 min", "yesterday").hit.value < 0.5
    assert live.hit_difference is not None
    assert live.hit_difference.low > 0
    assert live.against == "yesterday"
    first = found.row(">24 h", "live")
    assert first.hit_difference is not None
    assert (first.hit_difference.low, first.hit_difference.high) == (0.0, 0.0)


def test_bins_divide_the_moments_and_so_do_those_known_yesterday_and_those_new() -> None:
    dataset = _shop()
    found = _replayed(dataset, ByInterests("live", _shelves(dataset), ONE))
    counts = {row.part: row.moments for row in found.rows}
    assert sum(counts.get(name, 0) for name in BINS) == counts["all"]
    assert counts["known yesterday"] + counts.get("new today", 0) == counts["all"]


def test_everybody_counts_the_same() -> None:
    rows: list[Row] = [("ann", "a", 0, "view"), ("bob", "a", 0, "view"), *(("cid", "b", n, "view") for n in range(3))]
    rows += [("ann", f"i{n}", (n + 2) * DAY, "view") for n in range(3)]
    rows += [("bob", "b", 2 * DAY, "view")]
    found = replay_events(
        _dataset(rows),
        [ByModel("popular", Popularity().fit(_dataset(rows[:5])))],
        since=START + DAY,
        k=1,
        replicates=50,
    )
    row = found.row("all", "popular")
    assert (row.moments, row.people) == (4, 2)
    # Bob's one answer is the most popular thing left; none of Ann's three is.
    assert row.hit.value == 0.5
    assert row.ndcg.value == 0.5


def test_a_model_is_asked_with_the_history_of_its_arm() -> None:
    dataset = _shop()
    train = dataset.where(dataset.sequences.timestamps < START + 2 * DAY)
    rules = SequentialRules(window=10, gap_decay="1/d", reverse=0.25, age_decay="1/a").fit(train)
    found = _replayed(dataset, ByModel("live", rules), ByModel("yesterday", rules, live=False))
    moments = moments_of(dataset, START + 2 * DAY)
    for name, queries in (
        ("live", moments.held.queries),
        ("yesterday", replace(moments.held.queries, ends=moments.yesterday)),
    ):
        scores = rules.score(queries)
        for place in range(len(moments)):
            seen = moments.held.queries.codes[moments.held.queries.starts[place] : moments.held.queries.ends[place]]
            scores[place, rules.items_.index(dataset.items.ids[seen])] = -np.inf
        targets = rules.items_.index(dataset.items.ids[moments.held.targets])
        own = scores[np.arange(len(scores)), targets][:, None]
        above, tied = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
        users = moments.held.users
        low, high = per_user((above + tied <= 10) * 1.0, users).mean(), per_user((above < 10) * 1.0, users).mean()
        assert low - 1e-9 <= found.row("all", name).hit.value <= high + 1e-9


def test_a_model_that_has_seen_the_window_is_refused() -> None:
    dataset = _shop()
    with pytest.raises(LeakError, match="fitted on events of the window"):
        _replayed(dataset, ByModel("all of it", Popularity().fit(dataset)))


def test_vectors_of_another_number_of_items_are_refused() -> None:
    dataset = _shop()
    with pytest.raises(DataError, match="for 60 items"):
        _replayed(dataset, ByInterests("live", np.ones((59, 3), np.float32), ONE))


@pytest.mark.parametrize(
    ("names", "against", "message"),
    [
        (("a", "a"), {}, "same name"),
        (("a", "b"), {"a": "bb"}, "no arm 'bb'.*'b'"),
        (("a", "b"), {"c": "a"}, "no arm 'c'"),
    ],
)
def test_arms_have_names_of_their_own(names: tuple[str, str], against: dict[str, str], message: str) -> None:
    dataset = _shop()
    with pytest.raises(ConfigError, match=message):
        _replayed(dataset, *(ByInterests(name, _shelves(dataset), ONE) for name in names), against=against)


def _policy(epsilon: float, personal: float) -> Policy:
    return Policy.load(
        f'[[states]]\nname = "only"\nenter = 0.0\nleave = 0.0\nepsilon = {epsilon}\npersonal = {personal}\n'
    )


def test_a_policy_that_leaves_nothing_to_chance_is_the_plain_arm() -> None:
    dataset = _shop()
    vectors = np.random.default_rng(1).standard_normal((60, 8)).astype(np.float32)
    found = _replayed(dataset, ByInterests("plain", vectors, ONE), ByPolicy("policy", vectors, ONE, _policy(0.0, 1.0)))
    for row in found.rows[::2]:
        other = found.row(row.part, "policy")
        assert (other.hit.value, other.ndcg.value) == pytest.approx((row.hit.value, row.ndcg.value))


def test_chance_costs_its_share_of_the_hits_and_brings_what_chance_brings() -> None:
    dataset = _shop()
    vectors, epsilon, k = _shelves(dataset), 0.2, 10
    moments = moments_of(dataset, START + 2 * DAY)
    log = Log(dataset, START + 2 * DAY, k)
    certain = ByPolicy("certain", vectors, ONE, _policy(0.0, 1.0)).judged(log, moments)
    mixed = ByPolicy("mixed", vectors, ONE, _policy(epsilon, 1.0)).judged(log, moments)
    others = 60 - moments.held.queries.lengths() - k
    assert mixed.hit == pytest.approx(np.where(certain.hit > 0, 1 - epsilon, epsilon * k / others))
    assert mixed.ndcg[certain.hit > 0] == pytest.approx((1 - epsilon) * certain.ndcg[certain.hit > 0])
    gains = sum(1 / math.log2(place + 1) for place in range(1, k + 1))
    assert mixed.ndcg[certain.hit == 0] == pytest.approx(epsilon * gains / others[certain.hit == 0])


def test_states_of_a_policy_follow_events_and_the_lists_shown_before_them() -> None:
    rows: list[Row] = [("ann", "a", 0, "view"), ("ann", "b", MINUTE, "buy"), ("ann", "c", 2 * MINUTE, "buy")]
    rows += [("ann", "d", DAY, "view"), ("bob", "a", DAY, "view"), ("bob", "b", DAY + 1, "view")]
    dataset = _dataset(rows)
    moments = moments_of(dataset, START)
    states = states_at(Policy.default(), Log(dataset, START, 10), moments)
    assert list(zip(dataset.items.ids[moments.held.targets], states, strict=True)) == [
        ("b", "sampled"),
        ("c", "biased"),  # .5 of a minute ago and 3 are less than 3.5
        ("d", "random"),
        ("b", "sampled"),
    ]


def test_the_table_says_what_is_compared_with_what() -> None:
    dataset = _shop()
    found = _replayed(
        dataset,
        ByInterests("yesterday", _shelves(dataset), ONE, live=False),
        ByInterests("live", _shelves(dataset), ONE),
        against={"live": "yesterday"},
    )
    text = found.text()
    assert "made up, events since 2024-10-06 00:00 UTC" in text
    assert "all: 2" in text
    assert text.count(" to yesterday") == len({row.part for row in found.rows})
    with pytest.raises(ConfigError, match="Did you mean 'live'"):
        found.row("all", "lives")
