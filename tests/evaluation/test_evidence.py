"""The recency bias of models whose explanations are known."""

from collections.abc import Callable
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.data import HeldOut
from tastemaker.evaluation.evidence import recency_bias

Ask = Callable[..., HeldOut]


class Explained:
    """Recommends one item and explains it by weights that fall with the age of an event."""

    name = "explained"

    def __init__(self, weight: Callable[[int], float]) -> None:
        self.weight = weight

    def recommend(self, query: Query, *, k: int) -> Any:
        class Answer:
            def items(self) -> list[str]:
                return ["i9"]

        return Answer()

    def explain(self, query: Query, item_id: str) -> Contributions:
        assert query.history is not None
        last = len(query.history) - 1
        parts = tuple(
            Contribution("item", event.item_id, self.weight(last - place)) for place, event in enumerate(query.history)
        )
        return Contributions(item_id, 0.0, parts)


def bias(ask: Ask, weight: Callable[[int], float], histories: list[list[int]]) -> Any:
    held = ask([9] * len(histories), histories, items=10)
    return recency_bias(Explained(weight), held, latest=2)  # type: ignore[arg-type]


def test_a_model_that_sums_alike_has_no_bias(ask: Ask) -> None:
    found = bias(ask, lambda age: 1.0, [[0, 1, 2, 3], [4, 5, 6]])
    assert found.latest_share == pytest.approx(found.latest_if_uniform) == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert found.lift == pytest.approx(1.0)
    assert found.age == pytest.approx(0.5)
    assert found.queries == 2


def test_a_model_of_the_last_event_has_all_of_it(ask: Ask) -> None:
    found = bias(ask, lambda age: float(age == 0), [[0, 1, 2, 3, 4]])
    assert (found.latest_share, found.age) == (1.0, 0.0)
    assert found.lift == pytest.approx(5 / 2)


def test_what_speaks_against_an_item_is_no_evidence(ask: Ask) -> None:
    found = bias(ask, lambda age: -5.0 if age == 0 else 1.0, [[0, 1, 2, 3]])
    assert found.latest_share == pytest.approx(1 / 3)


def test_an_item_met_twice_counts_at_its_latest_event(ask: Ask) -> None:
    found = bias(ask, lambda age: float(age == 0), [[3, 0, 1, 2, 3]])
    assert found.latest_share == 1.0
    assert found.latest_if_uniform == 2 / 4


def test_without_evidence_there_is_an_error(ask: Ask) -> None:
    with pytest.raises(DataError, match="no list of explained rests on"):
        bias(ask, lambda age: 0.0, [[0, 1, 2, 3]])
    with pytest.raises(DataError, match="longer than 2"):
        bias(ask, lambda age: 1.0, [[0]])
