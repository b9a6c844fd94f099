"""Groups of near likes within a history."""

from __future__ import annotations

import numpy as np
import pytest

from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models.history import History
from tastemaker.models.interests import Interests

# Two axes with two near items each, and one item without a direction.
VECTORS = np.asarray([[1, 0], [0.99, 0.141], [0, 1], [0.141, 0.99], [0, 0]], dtype=np.float32)
ITEMS = Vocabulary(np.asarray(["a", "a2", "b", "b2", "none"], dtype=object), (5,))


def interests(*histories: list[str], most: int = 2, disliked: tuple[str, ...] = (), last: int = 20) -> Interests:
    queries = [Query(history=as_events(history), disliked=disliked) for history in histories]
    return Interests.of(History.of(QueryBatch.of(queries), ITEMS), VECTORS, "uniform", last, most)


def members(found: Interests, query: int = 0) -> list[list[str]]:
    return [sorted(ITEMS.ids[matrix[[query]].indices]) for matrix in found.groups]


def test_near_likes_share_a_group_and_the_latest_opens_the_first() -> None:
    assert members(interests(["a", "b", "a2", "b2"])) == [["b", "b2"], ["a", "a2"]]


def test_one_group_holds_everything() -> None:
    assert members(interests(["a", "b", "a2"], most=1)) == [["a", "a2", "b"]]


def test_what_finds_no_group_open_joins_the_nearest() -> None:
    found = interests(["none", "a", "b"], most=2)
    assert sorted(item for group in members(found) for item in group) == ["a", "b", "none"]


def test_groups_of_one_history_do_not_depend_on_the_others() -> None:
    together, alone = interests(["b", "a"], ["a", "b", "a2"], []), interests(["a", "b", "a2"])
    assert members(together, 1) == members(alone)
    assert members(together, 2) == [[], []]


def test_dislikes_are_in_no_group_and_old_events_nowhere() -> None:
    found = interests(["a", "b"], disliked=("a2",), last=1)
    assert members(found) == [["b"], []]
    assert found.against.toarray().tolist() == [[0, -1, 0, 0, 0]]


def test_an_item_scores_what_the_strongest_group_says() -> None:
    scores = interests(["a", "a2", "b"]).strongest(VECTORS)[0]
    of_a, of_b = VECTORS[0] + VECTORS[1], VECTORS[2]
    assert scores == pytest.approx(np.maximum(VECTORS @ of_a, VECTORS @ of_b))


def test_who_likes_nothing_scores_nothing() -> None:
    assert (interests([], disliked=("a",)).strongest(VECTORS) == 0).all()


def test_the_group_that_speaks_is_the_one_that_scored() -> None:
    found = interests(["a", "a2", "b"])
    for item, vector in enumerate(VECTORS[:4]):
        said = found.speaking(VECTORS, vector)
        assert float(((said @ VECTORS) @ vector)[0]) == pytest.approx(found.strongest(VECTORS)[0, item])
